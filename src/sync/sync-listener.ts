/** Who hears of what a sync does while it runs: the command, its display and its metrics. */
import type { GroupOutcome } from './group-outcome.ts';
import type { Side } from './side.ts';
import type { PassKind, PassReport } from './sync-report.ts';

/** Of one shard, since the pass began. */
export interface SharedProgress {
  readonly groups: number;
  readonly mismatched: number;
  readonly ranges: number;
  readonly rangesDone: number;
}

export interface SyncListener {
  /** A pass begins; what is told of ranges from now on is of this pass. */
  begins(kind: PassKind, pass: number): void;
  /** So many ranges of a shard belong to the pass too, some of which were done before it began. */
  ranges(shard: string, ranges: number, done: number): void;
  /** How far the pass is on all machines that share it. */
  everywhere(shards: ReadonlyMap<string, SharedProgress>): void;
  /** One of them is over. */
  rangeDone(shard: string): void;
  /** So many rows of it, about, are to be looked at in the pass. */
  expects(shard: string, rows: number): void;
  /** So many groups, of so many rows, were compared, the same or not. */
  looked(shard: string, groups: number, rows: number): void;
  /** What became of one of them that was not the same at the first look. */
  settled(shard: string, outcome: GroupOutcome): void;
  /** A table, a range of it or a journal could not be gone through. */
  failed(shard: string): void;
  /** A checksum query took so many seconds. */
  took(side: Side, seconds: number): void;
  /** A pass is over. */
  pass(report: PassReport): void;
  /** A shard waits, for this reason; null: it goes on. */
  waits(shard: string, reason: string | null): void;
  warns(text: string): void;
}
