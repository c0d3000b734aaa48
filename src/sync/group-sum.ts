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
