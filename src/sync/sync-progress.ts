/** How far a sync is, by shard: what its display and its metrics are made of. Pure but for the clock. */
import type { GroupOutcome } from './group-outcome.ts';
import { addRows, NO_ROWS, type RowCounts } from './row-counts.ts';
import type { SharedProgress } from './sync-listener.ts';
import type { PassKind } from './sync-report.ts';

/** `groups`: those that could not be read or repaired; `ranges`: tables, parts of them and journals. */
export interface FailureCounts {
  readonly groups: number;
  readonly ranges: number;
}

export interface ShardProgress {
  /** Since the sync began. */
  readonly groups: number;
  readonly mismatched: number;
  readonly repaired: RowCounts;
  readonly failed: FailureCounts;
  /** Of the pass. */
  readonly ranges: number;
  readonly rangesDone: number;
  /** Of these, what was done before this process took the pass up. */
  readonly rangesBefore: number;
  /** Null: it is not held up. */
  readonly waits: string | null;
  /** Of the pass, on all machines that share it; null: it is this process's alone. */
  readonly everywhere: { readonly groups: number; readonly mismatched: number } | null;
}

export interface PassProgress {
  readonly kind: PassKind;
  /** From 1. */
  readonly pass: number;
}

const NOTHING: ShardProgress = Object.freeze({
  groups: 0,
  mismatched: 0,
  repaired: NO_ROWS,
  failed: Object.freeze({ groups: 0, ranges: 0 }),
  ranges: 0,
  rangesDone: 0,
  rangesBefore: 0,
  waits: null,
  everywhere: null,
});

export class SyncProgress {
  readonly #shards: Map<string, ShardProgress>;
  readonly #now: () => number;
  /** Groups of each shard when the pass began. */
  #before = new Map<string, number>();
  #beganAtMs: number;
  #pass: PassProgress | null = null;
  /** By shard: rows that the pass is to look at, by the servers' estimates, and those that it has looked at. */
  #rows = new Map<string, { readonly expected: number; readonly looked: number }>();

  /** `now`: monotonic milliseconds. */
  constructor(shards: readonly string[], now: () => number) {
    this.#shards = new Map(shards.map((shard) => [shard, NOTHING]));
    this.#now = now;
    this.#beganAtMs = now();
  }

  get shards(): ReadonlyMap<string, ShardProgress> {
    return this.#shards;
  }

  /** The one that is under way, or was last; null: none has begun. */
  get pass(): PassProgress | null {
    return this.#pass;
  }

  begins(kind: PassKind, pass: number): void {
    this.#pass = { kind, pass };
    this.#beganAtMs = this.#now();
    this.#rows = new Map();
    for (const [shard, { groups }] of this.#shards) {
      this.#before.set(shard, groups);
      this.#change(shard, { ranges: 0, rangesDone: 0, rangesBefore: 0, everywhere: null });
    }
  }

  /** Of a pass that is shared `everywhere` alone tells. */
  ranges(shard: string, more: number, done: number): void {
    const { ranges, rangesDone, rangesBefore, everywhere } = this.#of(shard);
    if (everywhere !== null) return;
    this.#change(shard, {
      ranges: ranges + more,
      rangesDone: rangesDone + done,
      rangesBefore: rangesBefore + done,
    });
  }

  everywhere(shards: ReadonlyMap<string, SharedProgress>): void {
    for (const [shard, { groups, mismatched, ranges, rangesDone }] of shards) {
      const known = this.#of(shard);
      // What others have done before this process took part says nothing of how fast it goes now.
      if (known.everywhere === null) this.#before.set(shard, groups);
      const rangesBefore = known.everywhere === null ? rangesDone : known.rangesBefore;
      this.#change(shard, { ranges, rangesDone, rangesBefore, everywhere: { groups, mismatched } });
    }
  }

  rangeDone(shard: string): void {
    const { rangesDone, everywhere } = this.#of(shard);
    if (everywhere === null) this.#change(shard, { rangesDone: rangesDone + 1 });
  }

  /** So many rows more are to be looked at, about. */
  expects(shard: string, rows: number): void {
    const { expected, looked } = this.#rowsOf(shard);
    this.#rows.set(shard, { expected: expected + rows, looked });
  }

  looked(shard: string, groups: number, rows: number): void {
    this.#change(shard, { groups: this.#of(shard).groups + groups });
    const { expected, looked } = this.#rowsOf(shard);
    this.#rows.set(shard, { expected, looked: looked + rows });
  }

  settled(shard: string, { result, rows }: GroupOutcome): void {
    const { mismatched, repaired, failed } = this.#of(shard);
    // A replica that was behind is no mismatch.
    if (result === 'equal') return;
    this.#change(shard, {
      mismatched: mismatched + 1,
      repaired: result === 'repaired' ? addRows(repaired, rows) : repaired,
      failed: result === 'failed' ? { ...failed, groups: failed.groups + 1 } : failed,
    });
  }

  failed(shard: string): void {
    const { failed } = this.#of(shard);
    this.#change(shard, { failed: { ...failed, ranges: failed.ranges + 1 } });
  }

  waits(shard: string, reason: string | null): void {
    this.#change(shard, { waits: reason });
  }

  /** Groups a second since the pass began; 0 where no time has gone by. */
  rate(shard: string): number {
    const seconds = this.#seconds();
    const { groups, everywhere } = this.#of(shard);
    return seconds <= 0 ? 0 : ((everywhere?.groups ?? groups) - (this.#before.get(shard) ?? 0)) / seconds;
  }

  /**
   * Seconds that the pass will still take: by the rows that it has looked at, while there are fewer of them than the
   * servers had said, else by its ranges that are over. Null: not known.
   */
  secondsLeft(shard: string): number | null {
    const { ranges, rangesDone, rangesBefore, everywhere } = this.#of(shard);
    if (ranges > 0 && rangesDone >= ranges) return 0;
    const { expected, looked } = this.#rowsOf(shard);
    // Of a shared pass the rows that others have looked at are not known here.
    if (everywhere === null && looked > 0 && looked < expected)
      return (this.#seconds() / looked) * (expected - looked);
    // Of the ranges that are not over nothing is known where the rows say nothing, unless some are.
    const done = rangesDone - rangesBefore;
    return done <= 0 ? null : (this.#seconds() / done) * (ranges - rangesDone);
  }

  #rowsOf(shard: string): { readonly expected: number; readonly looked: number } {
    return this.#rows.get(shard) ?? { expected: 0, looked: 0 };
  }

  #seconds(): number {
    return (this.#now() - this.#beganAtMs) / 1000;
  }

  #of(shard: string): ShardProgress {
    return this.#shards.get(shard) ?? NOTHING;
  }

  #change(shard: string, change: Partial<ShardProgress>): void {
    this.#shards.set(shard, { ...this.#of(shard), ...change });
  }
}
