/** What one step of a crawl found. */
import type { Mismatch } from './group-sum.ts';
import type { KeyRange } from './key-range.ts';
import type { Sides } from './side.ts';

export interface ComparedBatch {
  /** What has now been looked at; a crawl that was broken off goes on after `range.through`. */
  readonly range: KeyRange;
  /** Groups of either side. */
  readonly groups: number;
  /** Their rows on the side that has more. */
  readonly rows: number;
  readonly mismatches: readonly Mismatch[];
  /** How long each side's query took; 0: it was not asked. */
  readonly seconds: Sides<number>;
}
