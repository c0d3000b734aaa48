/** What the answers about a batch tell of how large the next one may be. */
import type { BatchSize } from './batch-size.ts';
import type { GroupAnswer } from './group-reader.ts';
import type { GroupSum } from './group-sum.ts';
import type { Sides } from './side.ts';

/** The slower side's query tells how many groups one may ask for. */
export function observeSums(size: BatchSize, answers: Sides<GroupAnswer>, full: boolean): void {
  const slower = answers.old.seconds > answers.new.seconds ? answers.old : answers.new;
  size.observe({ seconds: slower.seconds, full, ...sizesOf(slower.groups) });
}

export function sizesOf(groups: readonly GroupSum[]): {
  readonly rows: number;
  readonly largestRows: number;
} {
  let rows = 0;
  let largestRows = 0;
  for (const group of groups) {
    rows += group.rows;
    largestRows = Math.max(largestRows, group.rows);
  }
  return { rows, largestRows };
}
