/** What a group of rows (those of one value of the group column) comes to on one side. */
import type { Value } from './value.ts';

export interface GroupSum {
  readonly key: Value;
  readonly rows: number;
  /** All parts of the checksum, joined. */
  readonly sum: string;
}

/** A group that is not the same on both sides; null: that side has no row of it. */
export interface Mismatch {
  readonly key: Value;
  readonly old: GroupSum | null;
  readonly new: GroupSum | null;
}

/** Whether both sides came to the same rows; null: that side has none. */
export function isSameSum(
  one: Pick<GroupSum, 'rows' | 'sum'> | null,
  other: Pick<GroupSum, 'rows' | 'sum'> | null,
): boolean {
  if (one === null || other === null) return one === other;
  return one.rows === other.rows && one.sum === other.sum;
}
