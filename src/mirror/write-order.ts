/**
 * The order among units that are not finished: which must wait for which, told from their write sets alone. It
 * costs a unit the same whatever the queue holds.
 */
import type { Chained } from '../base/chain.ts';
import { KeyTable } from '../base/key-table.ts';
import { ANY_TABLE } from './schema-relations.ts';
import type { Unit, WriteSet } from './unit.ts';

/** A unit in its place. */
export interface Scheduled extends Chained<Scheduled> {
  readonly unit: Unit;
  /** How often it has been run. */
  attempts: number;
  /** Monotonic milliseconds: when an attempt first failed; null: none did. */
  failedFirstAtMs: number | null;
  /** Earlier claims that still stand in its way; it may run at 0. */
  waitsFor: number;
  /** Each counts this unit in its `waitsFor`. */
  readonly successors: Scheduled[];
  readonly spells: Spell[];
  /** `waiting`: for earlier units, for a lane, or for its next attempt. */
  state: 'waiting' | 'running' | 'finished';
}

/** The time between two barriers on a table, during which units with keys of it run beside each other. */
interface Spell {
  readonly table: string;
  /** The barrier that began it; null: there was none that matters any more. */
  readonly behind: Scheduled | null;
  /** Units of this spell that are not finished. */
  unfinished: number;
  /** The barrier that ends it, and waits until the others are finished. */
  before: Scheduled | null;
}

const NONE: readonly Scheduled[] = [];

export class WriteOrder {
  /** The last unit of each key that is not finished. */
  readonly #tails = new KeyTable<Scheduled>();
  /** The present spell of each table with units that are not finished. */
  readonly #spells = new KeyTable<Spell>();

  /** Gives a new unit its place behind all those before it. */
  enter(unit: Unit): Scheduled {
    const scheduled: Scheduled = {
      unit,
      attempts: 0,
      failedFirstAtMs: null,
      waitsFor: 0,
      successors: [],
      spells: [],
      state: 'waiting',
      before: null,
      after: null,
    };
    this.#claim(scheduled);
    return scheduled;
  }

  /** Lets go of a unit's claims; answers the units that may run now. */
  leave(scheduled: Scheduled): readonly Scheduled[] {
    const { keys, barriers } = scheduled.unit.writes;
    if (claimsNothing(scheduled.unit.writes)) return NONE;
    const freed: Scheduled[] = [];
    for (const key of keys) {
      if (this.#tails.get(key) === scheduled) this.#tails.delete(key);
    }
    for (const spell of scheduled.spells) {
      spell.unfinished--;
      if (spell.unfinished > 0) continue;
      if (spell.before !== null) free(spell.before, freed);
      else this.#forgetIfIdle(spell);
    }
    for (const successor of scheduled.successors) free(successor, freed);
    for (const table of barriers) {
      const spell = this.#spells.get(table);
      if (spell !== undefined) this.#forgetIfIdle(spell);
    }
    // A spell may name a barrier long after it is finished: it must not hold on to all that was around that one.
    scheduled.successors.length = 0;
    scheduled.spells.length = 0;
    return freed;
  }

  /** Forgets all but these, which run: nothing stands in their way, and what comes later waits for them. */
  restart(running: Iterable<Scheduled>): void {
    this.#tails.clear();
    this.#spells.clear();
    for (const scheduled of running) {
      scheduled.spells.length = 0;
      this.#claim(scheduled);
      // They share nothing with each other, or they would not run at the same time.
      scheduled.waitsFor = 0;
    }
  }

  #claim(scheduled: Scheduled): void {
    const { keys, tables, barriers } = scheduled.unit.writes;
    if (claimsNothing(scheduled.unit.writes)) return;
    if (!barriers.includes(ANY_TABLE)) this.#share(ANY_TABLE, scheduled);
    for (const table of barriers) this.#close(table, scheduled);
    for (const table of tables) this.#share(table, scheduled);
    for (const key of keys) {
      const before = this.#tails.get(key);
      if (before !== undefined) waitFor(before, scheduled);
      this.#tails.set(key, scheduled);
    }
  }

  #share(table: string, scheduled: Scheduled): void {
    let spell = this.#spells.get(table);
    if (spell === undefined) {
      spell = { table, behind: null, unfinished: 0, before: null };
      this.#spells.set(table, spell);
    }
    spell.unfinished++;
    scheduled.spells.push(spell);
    if (spell.behind !== null && spell.behind.state !== 'finished') waitFor(spell.behind, scheduled);
  }

  #close(table: string, barrier: Scheduled): void {
    const spell = this.#spells.get(table);
    if (spell !== undefined) {
      if (spell.unfinished > 0) {
        spell.before = barrier;
        barrier.waitsFor++;
      } else if (spell.behind !== null && spell.behind.state !== 'finished') {
        waitFor(spell.behind, barrier);
      }
    }
    this.#spells.set(table, { table, behind: barrier, unfinished: 0, before: null });
  }

  #forgetIfIdle(spell: Spell): void {
    if (spell.unfinished > 0 || (spell.behind !== null && spell.behind.state !== 'finished')) return;
    if (this.#spells.get(spell.table) === spell) this.#spells.delete(spell.table);
  }
}

function claimsNothing({ keys, barriers }: WriteSet): boolean {
  return keys.length === 0 && barriers.length === 0;
}

function waitFor(before: Scheduled, scheduled: Scheduled): void {
  before.successors.push(scheduled);
  scheduled.waitsFor++;
}

function free(waiting: Scheduled, freed: Scheduled[]): void {
  waiting.waitsFor--;
  if (waiting.waitsFor === 0 && waiting.state !== 'finished') freed.push(waiting);
}
