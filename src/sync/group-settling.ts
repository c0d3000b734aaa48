/**
 * Sees to groups that were found different, and never makes one worse: a group is repaired only where it differs on
 * the primaries, its source has stood still, and the mirror has replayed whatever was written to it before. What is
 * repaired is looked at again; where its source moved meanwhile, all of it begins anew.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { CloseLook } from './drill-bundle.ts';
import type { GroupOutcome, GroupSettler } from './group-outcome.ts';
import { isSameSum, type Mismatch } from './group-sum.ts';
import { NO_ROWS, type RowCounts } from './row-counts.ts';
import type { Direction } from './side.ts';
import { QueryTimedOut } from './sync-connection.ts';
import type { Value } from './value.ts';

/** A group as it is on both sides. */
export type GroupPair = Mismatch;

/** Of one group: the rows that were found wrong, or why they could not all be read or written. */
export type RowsFound = { readonly rows: RowCounts } | { readonly failed: string };

/** What a settler asks of one table, and has done to it. */
export interface SettledTable {
  /** Whose groups are handed over as mismatches: those of the primaries are a first look by themselves. */
  readonly found: 'primaries' | 'replicas';
  /**
   * Those of these groups that differ on the replicas, once these have come to where their primaries were when it was
   * asked; all of them where there are no replicas, or that can't be told.
   */
  caughtUp(mismatches: readonly Mismatch[]): Promise<readonly Mismatch[]>;
  /** These groups on the primaries now, the same or not; those that neither side has are left out. */
  look(keys: readonly Value[]): Promise<readonly GroupPair[]>;
  /** Cuts groups into bundles that are each looked at closely, and repaired, at once. */
  bundles(mismatches: readonly Mismatch[]): readonly (readonly Mismatch[])[];
  /** As `look`, of a bundle, with the rows that differ where these can be told together. */
  lookClosely(bundle: readonly Mismatch[]): Promise<readonly CloseLook[]>;
  /** Counts the rows that differ; one answer for each group, in their order. */
  count(groups: readonly CloseLook[]): Promise<readonly RowsFound[]>;
  /** Makes the target's rows of the groups the same as the source's. Rejects where no group can be repaired any more. */
  repair(groups: readonly CloseLook[]): Promise<readonly RowsFound[]>;
  /** By what keys are told apart. */
  nameOf(key: Value): string;
  /** Why rows may not be as they were written, as the end of a sentence; empty: nothing is known. */
  readonly meddlers: string;
}

/** The mirrors that may still bring writes of the source to the target. */
export interface MirrorGate {
  /** Monotonic milliseconds. */
  now(): number;
  /** True once everything that the source had answered by `sinceMs` is replayed or noted as a doubt; false: not in time. */
  replayed(sinceMs: number): Promise<boolean>;
}

export interface SettlingOptions {
  readonly table: SettledTable;
  readonly gate: MirrorGate;
  readonly direction: Direction;
  /** False: what differs is told of and left as it is. */
  readonly repairs: boolean;
  /** Between two attempts at groups whose source moved; twice as long after each. */
  readonly pauseMs: number;
  readonly stop: AbortSignal;
}

const ATTEMPTS = 4;

interface Open {
  readonly first: Mismatch;
  /** Found wrong so far. */
  rows: RowCounts;
  written: boolean;
}

export class StillSettler implements GroupSettler {
  readonly #options: SettlingOptions;

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  async settle(mismatches: readonly Mismatch[]): Promise<readonly GroupOutcome[]> {
    const work = new Work(this.#options, mismatches);
    try {
      await work.run();
    } catch (error) {
      if (error instanceof QueryTimedOut && mismatches.length > 1) return await this.#oneByOne(work);
      work.failAll(messageOf(error));
    }
    return work.outcomes();
  }

  /** Which of the groups takes longer than a query may is found out by each alone, so that it keeps no other. */
  async #oneByOne(before: Work): Promise<readonly GroupOutcome[]> {
    const outcomes = [...before.outcomes()];
    for (const mismatch of before.left()) outcomes.push(...(await this.settle([mismatch])));
    return outcomes;
  }
}

/** The groups of one call. */
class Work {
  readonly #options: SettlingOptions;
  readonly #all: readonly Mismatch[];
  readonly #open = new Map<string, Open>();
  readonly #ended = new Map<string, GroupOutcome>();

  constructor(options: SettlingOptions, mismatches: readonly Mismatch[]) {
    this.#options = options;
    this.#all = mismatches;
    for (const first of mismatches)
      this.#open.set(options.table.nameOf(first.key), { first, rows: NO_ROWS, written: false });
  }

  async run(): Promise<void> {
    const { table, pauseMs, stop } = this.#options;
    const behind = new Set((await table.caughtUp(this.#all)).map(({ key }) => table.nameOf(key)));
    for (const name of [...this.#open.keys()]) if (!behind.has(name)) this.#end(name, 'equal', null);
    for (let attempt = 0; attempt < ATTEMPTS && this.#open.size > 0 && !stop.aborted; attempt++) {
      if (attempt > 0) await pause(pauseMs * 2 ** (attempt - 1));
      await this.#attempt(attempt);
    }
    for (const name of [...this.#open.keys()]) this.#end(name, 'moving', null);
  }

  /** Those that have come to no end. */
  left(): readonly Mismatch[] {
    return this.#all.filter(({ key }) => this.#open.has(this.#options.table.nameOf(key)));
  }

  /** In the order in which they were given. */
  outcomes(): readonly GroupOutcome[] {
    return this.#all.flatMap(({ key }) => this.#ended.get(this.#options.table.nameOf(key)) ?? []);
  }

  failAll(reason: string): void {
    for (const name of this.#open.keys()) this.#end(name, 'failed', reason);
  }

  async #attempt(attempt: number): Promise<void> {
    const { gate, table } = this.#options;
    const isFound = attempt === 0 && table.found === 'primaries';
    const first = isFound ? this.#firstFound() : await this.#look();
    // All that this look saw of the source had been answered by now.
    const lookedAtMs = gate.now();
    // Of a group that this has written, a write that is still on its way could be done twice.
    for (const [name, { written }] of [...this.#open])
      if (!written && isSame(first.get(name))) this.#end(name, 'equal', null);
    if (this.#open.size === 0 || !(await gate.replayed(lookedAtMs))) return;
    const repaired = new Map<string, GroupPair>();
    for (const bundle of table.bundles([...this.#open.values()].map((open) => open.first))) {
      const standing = await this.#standing(bundle, first);
      if (standing.size === 0) continue;
      if (!this.#options.repairs) {
        await this.#tell(standing);
        continue;
      }
      await this.#repair(standing);
      // Of the differences nothing is kept.
      for (const [name, { key, old, new: fresh }] of standing) repaired.set(name, { key, old, new: fresh });
    }
    if (repaired.size > 0) await this.#verify(repaired);
  }

  /** Those of a bundle that differ still, and whose source has stood still since the first look. */
  async #standing(
    bundle: readonly Mismatch[],
    first: ReadonlyMap<string, GroupPair>,
  ): Promise<ReadonlyMap<string, CloseLook>> {
    const { table } = this.#options;
    const second = new Map((await table.lookClosely(bundle)).map((look) => [table.nameOf(look.key), look]));
    const standing = new Map<string, CloseLook>();
    for (const name of bundle.map(({ key }) => table.nameOf(key))) {
      const look = second.get(name);
      const written = this.#open.get(name)?.written === true;
      if (isSame(look)) this.#end(name, written ? 'repaired' : 'equal', null);
      else if (this.#sourceStood(first.get(name), look)) standing.set(name, look!);
    }
    return standing;
  }

  async #look(): Promise<ReadonlyMap<string, GroupPair>> {
    const { table } = this.#options;
    const found = await table.look([...this.#open.values()].map(({ first }) => first.key));
    // A group of another spelling than was asked for is no one's here; its own mismatch will be told.
    return new Map(found.map((pair) => [table.nameOf(pair.key), pair]));
  }

  #firstFound(): ReadonlyMap<string, GroupPair> {
    return new Map([...this.#open].map(([name, { first }]) => [name, first]));
  }

  #sourceStood(before: GroupPair | undefined, now: GroupPair | undefined): boolean {
    const { source } = this.#options.direction;
    return isSameSum(before?.[source] ?? null, now?.[source] ?? null);
  }

  async #tell(groups: ReadonlyMap<string, CloseLook>): Promise<void> {
    const found = await this.#options.table.count([...groups.values()]);
    for (const [index, name] of [...groups.keys()].entries()) {
      const rows = this.#rowsOf(name, found[index]!);
      if (rows === null) continue;
      this.#open.get(name)!.rows = rows;
      this.#end(name, 'differs', null);
    }
  }

  async #repair(groups: ReadonlyMap<string, CloseLook>): Promise<void> {
    const found = await this.#options.table.repair([...groups.values()]);
    for (const [index, name] of [...groups.keys()].entries()) {
      const rows = this.#rowsOf(name, found[index]!);
      if (rows === null) continue;
      const open = this.#open.get(name)!;
      // What a second attempt finds are mostly rows that moved meanwhile.
      if (!open.written) open.rows = rows;
      open.written = true;
    }
  }

  /** Null: it could not be done, and the group has come to its end. */
  #rowsOf(name: string, found: RowsFound): RowCounts | null {
    if ('rows' in found) return found.rows;
    this.#end(name, 'failed', found.failed);
    return null;
  }

  /** A source that stood still from before its rows were read has nothing on its way that would change the target. */
  async #verify(before: ReadonlyMap<string, GroupPair>): Promise<void> {
    const now = await this.#look();
    const { meddlers } = this.#options.table;
    for (const [name, pair] of before) {
      if (!this.#sourceStood(pair, now.get(name))) continue;
      if (isSame(now.get(name))) this.#end(name, 'repaired', null);
      else this.#end(name, 'failed', `it differs as before although its rows were written${meddlers}`);
    }
  }

  #end(name: string, result: GroupOutcome['result'], reason: string | null): void {
    const open = this.#open.get(name);
    if (open === undefined) return;
    this.#open.delete(name);
    const rows = result === 'equal' ? NO_ROWS : open.rows;
    this.#ended.set(name, { key: open.first.key, result, rows, reason });
  }
}

/** Undefined: neither side has it. */
function isSame(pair: GroupPair | undefined): boolean {
  return pair === undefined || isSameSum(pair.old, pair.new);
}
