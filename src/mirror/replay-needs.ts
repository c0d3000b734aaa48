/** What a statement takes from its moment on the primary, so that its replay needs it set on the lane. */
import type { Plan } from '../sql/plan.ts';
import { isUpsert, planChanges } from './plan-changes.ts';
import type { CatalogTable, ClockDefault } from './table-facts.ts';

export interface ReplayNeeds {
  /**
   * `second`: NOW() and its like in whole seconds, which TIMESTAMP repeats; `unsure`: finer than that, or SYSDATE(),
   * or a table that may have such defaults, or that the server keeps a history of.
   */
  readonly clock: 'none' | 'second' | 'unsure';
  /**
   * Numbers that AUTO_INCREMENT gives its rows: with INSERT_ID set the same, or only a single row's, or not for certain;
   * `untold`: an answer in rows does not name the first of them.
   */
  readonly numbers: 'none' | 'same' | 'single' | 'unsure' | 'untold';
}

const NOTHING_NEEDED: ReplayNeeds = { clock: 'none', numbers: 'none' };

/** The digest has `?` where the text has a number of digits; UNIX_TIMESTAMP(x) is no clock. */
const FRACTION =
  /\b(?:NOW|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP|CURTIME|CURRENT_TIME|UTC_TIME|UTC_TIMESTAMP)\s?\(\s?\?/i;
const PAST_TIMESTAMP = /\bSYSDATE\b/i;

/** `tables`: the moved tables that it changes. */
export function replayNeeds(plan: Plan, tables: readonly CatalogTable[]): ReplayNeeds {
  if (plan.kind !== 'write' && plan.kind !== 'delete') return NOTHING_NEEDED;
  return { clock: clockNeed(plan, tables), numbers: numbersNeed(plan, tables) };
}

/** With the first of them set, AUTO_INCREMENT gives the replay the numbers that it gave on the primary. */
export function sameNumbers({ numbers }: ReplayNeeds, rows: number): boolean {
  return numbers === 'same' || (numbers === 'single' && rows <= 1);
}

function clockNeed(plan: Plan, tables: readonly CatalogTable[]): ReplayNeeds['clock'] {
  const changes = planChanges(plan).map(({ event }) => event);
  const fills = ({ on }: ClockDefault): boolean =>
    ((on === 'insert' || on === 'both') && changes.includes('insert')) ||
    ((on === 'update' || on === 'both') && changes.includes('update'));
  const defaults = tables.flatMap((table) => table.clockDefaults.filter(fills));
  const writes = changes.includes('insert') || changes.includes('update');
  if (writes && tables.some((table) => !table.known)) return 'unsure';
  if (tables.some(({ versioned }) => versioned)) return 'unsure';
  if (defaults.some(({ fraction }) => fraction > 0)) return 'unsure';
  if (!plan.hazards.has('clock')) return defaults.length > 0 ? 'second' : 'none';
  return FRACTION.test(plan.digest) || PAST_TIMESTAMP.test(plan.digest) ? 'unsure' : 'second';
}

function numbersNeed(plan: Plan, tables: readonly CatalogTable[]): ReplayNeeds['numbers'] {
  const { rows, hazards, digest } = plan;
  if (!/^(?:INSERT|REPLACE|LOAD)\b/i.test(digest)) return 'none';
  if (tables.some((table) => !table.known)) return 'unsure';
  const numbered = tables.filter((table) => table.autoIncrement !== null);
  if (numbered.length === 0) return 'none';
  if (/\bRETURNING\b/i.test(digest)) return 'untold';
  if (rows === null || hazards.has('delayed')) return 'unsure';
  if (isUpsert(plan)) return 'unsure';
  // Rows that are passed over use up numbers all the same; MyISAM may number by a prefix of a key.
  if (/^INSERT (?:LOW_PRIORITY |HIGH_PRIORITY )?IGNORE\b/i.test(digest)) return 'single';
  return numbered.every((table) => table.transactional === true) ? 'same' : 'single';
}
