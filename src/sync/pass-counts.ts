/** What a pass has looked at and found, as figures that add up over ranges, workers and machines. */
import { z } from 'zod';
import type { GroupOutcome } from './group-outcome.ts';
import { addRows, NO_ROWS, type RowCounts } from './row-counts.ts';

export interface PassCounts {
  /** Groups that were compared. */
  readonly groups: number;
  /** Those that were not the same at the first look. */
  readonly mismatched: number;
  /** What became of the mismatched ones; together they are `mismatched`. */
  readonly settled: Readonly<Record<GroupOutcome['result'], number>>;
  readonly rows: RowCounts;
}

const RESULTS = ['equal', 'repaired', 'differs', 'moving', 'failed'] as const;

const count = z.number().int().min(0);

/** The form of such counts, for those who read them out of a file. */
export const passCountsSchema: z.ZodType<PassCounts> = z.strictObject({
  groups: count,
  mismatched: count,
  settled: z.strictObject({ equal: count, repaired: count, differs: count, moving: count, failed: count }),
  rows: z.strictObject({ missing: count, extra: count, different: count }),
});

export const NO_COUNTS: PassCounts = Object.freeze({
  groups: 0,
  mismatched: 0,
  settled: Object.freeze({ equal: 0, repaired: 0, differs: 0, moving: 0, failed: 0 }),
  rows: NO_ROWS,
});

export function addCounts(left: PassCounts, right: PassCounts): PassCounts {
  const settled = { ...left.settled };
  for (const result of RESULTS) settled[result] += right.settled[result];
  return {
    groups: left.groups + right.groups,
    mismatched: left.mismatched + right.mismatched,
    settled,
    rows: addRows(left.rows, right.rows),
  };
}

/** `groups`: all that were compared, those of the outcomes among them. */
export function countsOf(groups: number, outcomes: readonly GroupOutcome[]): PassCounts {
  const settled = { ...NO_COUNTS.settled };
  let rows = NO_ROWS;
  for (const outcome of outcomes) {
    settled[outcome.result] += 1;
    rows = addRows(rows, outcome.rows);
  }
  return { groups, mismatched: outcomes.length, settled, rows };
}

/** Groups that were not the same, and no error of a replica that lagged behind. */
export function wrongGroups({ mismatched, settled }: PassCounts): number {
  return mismatched - settled.equal;
}

/** Groups of which it is not known to be the same now. */
export function openGroups({ settled }: PassCounts): number {
  return settled.differs + settled.moving + settled.failed;
}

/** The share of groups that were the same when they were looked at, with six decimals; `1.000000` of none. */
export function consistency(counts: PassCounts): string {
  const wrong = wrongGroups(counts);
  if (counts.groups === 0) return '1.000000';
  // Rounding must not hide the last wrong group of a billion.
  const share = Math.floor(((counts.groups - wrong) / counts.groups) * 1e6) / 1e6;
  return share.toFixed(6);
}
