/** What one step of comparing groups found. */
import type { Mismatch } from './group-sum.ts';
import type { KeyRange } from './key-range.ts';
import type { Sides } from './side.ts';

export interface ComparedGroups {
  /** Groups of either side. */
  readonly groups: number;
  /** Their rows, each group's on the side that has more of them. */
  readonly rows: number;
  readonly mismatches: readonly Mismatch[];
  /** How long each side's queries took; 0: it was not asked. */
  readonly seconds: Sides<number>;
}

export interface ComparedBatch extends ComparedGroups {
  /** What has now been looked at; a crawl that was broken off goes on after `range.through`. */
  readonly range: KeyRange;
}
