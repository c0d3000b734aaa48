/** The work of a pass, as ranges of keys that workers take, on this machine and on others. */
import type { CrawlWay } from './group-crawl.ts';
import type { KeyRange } from './key-range.ts';
import type { PassCounts } from './pass-counts.ts';
import type { Value } from './value.ts';

/** A stretch of one table's keys. */
export interface SyncRange {
  readonly shard: string;
  readonly table: string;
  /** In whose order of keys. */
  readonly way: CrawlWay;
  readonly range: KeyRange;
}

/** A range that is one worker's alone until it is done or given back. */
export interface LeasedRange {
  /** What is left of it to do. */
  readonly work: SyncRange;
  /**
   * Everything through this key was looked at; `counts`: of what was looked at since the last call. False: the range
   * is another's by now, and the worker is to leave it alone.
   */
  progressed(through: Value | undefined, counts: PassCounts): Promise<boolean>;
  /** Nothing is left of it. */
  done(): Promise<void>;
  /** Gives it back as it is, for whoever takes it next. */
  giveBack(): Promise<void>;
}

export interface RangeQueue {
  /** Waits while all that is left is with others, as they may give it back. Null: the pass is over everywhere. */
  take(): Promise<LeasedRange | null>;
  /** Of all machines together. */
  totals(): Promise<PassTotals>;
}

export interface PassTotals {
  readonly counts: PassCounts;
  readonly ranges: number;
  readonly rangesDone: number;
}
