/** What one step of comparing groups found. */
import type { Mismatch } from './group-sum.ts';
import type { KeyRange } from './key-range.ts';
import type { Sides } from './side.ts';
import type { Value } from './value.ts';

export interface UnreadGroup {
  readonly key: Value;
  readonly reason: string;
}

export interface ComparedGroups {
  /** Groups of either side. */
  readonly groups: number;
  /** Their rows, each group's on the side that has more of them. */
  readonly rows: number;
  readonly mismatches: readonly Mismatch[];
  /** Those of the groups that could not be compared, as a side did not tell their checksums in time. */
  readonly unread: readonly UnreadGroup[];
  /** How long each side's queries took; 0: it was not asked. */
  readonly seconds: Sides<number>;
}

export interface ComparedBatch extends ComparedGroups {
  /** What has now been looked at; a crawl that was broken off goes on after `range.through`. */
  readonly range: KeyRange;
}

/** What is told of groups that can't be compared. */
export function unreadGroups(keys: readonly Value[], { message }: Error): ComparedGroups {
  const unread = keys.map((key) => ({ key, reason: message }));
  return { groups: keys.length, rows: 0, mismatches: [], unread, seconds: { old: 0, new: 0 } };
}
