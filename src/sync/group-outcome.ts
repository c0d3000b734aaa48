/** What became of a group that was not the same on both sides. */
import type { UnreadGroup } from './compared-batch.ts';
import type { Mismatch } from './group-sum.ts';
import { NO_ROWS, type RowCounts } from './row-counts.ts';
import type { Value } from './value.ts';

export interface GroupOutcome {
  readonly key: Value;
  /**
   * `equal`: it is the same after all, now that replicas and mirror have caught up. `repaired`: written, and the same
   * since. `differs`: not the same, and nothing was to be written. `moving`: the source did not stand still for long
   * enough. `failed`: `reason` says why.
   */
  readonly result: 'equal' | 'repaired' | 'differs' | 'moving' | 'failed';
  /** Rows that were found wrong. */
  readonly rows: RowCounts;
  readonly reason: string | null;
}

/** Groups that could not be compared. */
export function unreadOutcomes(unread: readonly UnreadGroup[]): readonly GroupOutcome[] {
  return unread.map(({ key, reason }) => ({ key, result: 'failed', rows: NO_ROWS, reason }));
}

/** Sees to one table's groups. */
export interface GroupSettler {
  /** One outcome for each. Never rejects: what goes wrong is an outcome. */
  settle(mismatches: readonly Mismatch[]): Promise<readonly GroupOutcome[]>;
}
