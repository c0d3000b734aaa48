/** What the figures of one server say: which number is next, and which may have been given out. Pure. */
import { highestOf, lastNumber, nextNumber, type Step } from './auto-increment.ts';
import type { Place, Reading } from './sequence.ts';

export interface AutoIncrementFigures {
  /** `AUTO_INCREMENT` of information_schema; null: the server has none to say. */
  readonly counter: bigint | null;
  /** MAX of the column; null: there are no rows. */
  readonly highest: bigint | null;
  readonly columnType: string;
  readonly step: Step;
}

export function autoIncrementReading({ counter, highest, columnType, step }: AutoIncrementFigures): Reading {
  const limit = highestOf(columnType);
  const held = highest !== null && highest > 0n ? highest : null;
  // An empty table of MySQL's says NULL; what it would begin with is what its rows leave.
  const from = counter ?? (held ?? 0n) + 1n;
  const next = nextNumber(from, step);
  const last = lowest(lastNumber(from, step), limit);
  return {
    type: 'numbers',
    next,
    given: held !== null && held > last ? held : last,
    held,
    limit,
    cached: 0n,
  };
}

/** A row bumped by `value = LAST_INSERT_ID(value + 1)` holds the last number that it gave out. */
export function rowReading(value: bigint | null, columnType: string): Reading {
  const given = value ?? 0n;
  return { type: 'numbers', next: given + 1n, given, held: value, limit: highestOf(columnType), cached: 0n };
}

export interface ObjectFigures {
  readonly nextNotCached: bigint;
  readonly minimum: bigint;
  readonly maximum: bigint;
  /** 0: auto_increment_increment and auto_increment_offset of the server count. */
  readonly increment: bigint;
  readonly cache: bigint;
  readonly cycles: boolean;
  /** The server's own. */
  readonly step: Step;
}

/**
 * A SEQUENCE's row says which number is the first that the server has not yet put aside in memory. On a primary
 * those before it may be still to come; a replica has none of its own.
 * https://mariadb.com/docs/server/reference/sql-structure/sequences/create-sequence
 */
export function objectReading(figures: ObjectFigures, place: Place): Reading {
  const { nextNotCached, minimum, maximum, cache, cycles, step } = figures;
  if (cycles) return { type: 'incomparable', why: 'begins again at its end (CYCLE)' };
  if (figures.increment < 0n) return { type: 'incomparable', why: 'counts downwards' };
  const by = figures.increment === 0n ? step.increment : figures.increment;
  // Only where it is bumped does it matter what the server may still have.
  const cached = place === 'new' ? cache * by : 0n;
  const next = nextNotCached - cached;
  return {
    ...{ type: 'numbers', held: null, limit: maximum, cached },
    next: next < minimum ? minimum : next,
    given: nextNotCached - by,
  };
}

function lowest(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
