/** The work of a pass, as ranges of keys that workers take, on this machine and on others. */
import type { CrawlWay } from './group-crawl.ts';
import type { KeyRange } from './key-range.ts';
import type { RangeOutcome } from './range-outcome.ts';
import type { Value } from './value.ts';
import type { WriteFence } from './write-fence.ts';

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
  /** A worker was lost that had it: what that one has written last may be on its way yet. */
  readonly orphaned: boolean;
  /** Behind which its rows are written; null: nobody else can ever come to have it meanwhile. */
  readonly fence: WriteFence | null;
  /**
   * Everything through this key was looked at; `outcome`: of what was looked at since the last call. False: the range
   * is another's by now, and the worker is to leave it alone.
   */
  progressed(through: Value | undefined, outcome: RangeOutcome): Promise<boolean>;
  /** Nothing is left of it. `outcome`: what was not told of it so far. */
  done(outcome: RangeOutcome): Promise<void>;
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
  readonly outcome: RangeOutcome;
  readonly ranges: number;
  readonly rangesDone: number;
}
