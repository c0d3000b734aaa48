/**
 * The way through a table whose groups are of one row each: rows are summed up by ranges of keys, so that a range that
 * is the same on both sides costs one row of an answer, and not one for each of its own.
 */
import type { BatchSize } from './batch-size.ts';
import type { ComparedBatch } from './compared-batch.ts';
import { shownKey } from './group-join.ts';
import type { RangeReader } from './group-reader.ts';
import { isSameSum } from './group-sum.ts';
import { compareValues, type SharedOrder } from './key-order.ts';
import type { KeyRange } from './key-range.ts';
import { onBoth, type Sides } from './side.ts';
import { inTime } from './time-out-retry.ts';
import type { Value } from './value.ts';

/** A row that is summed up with others costs about so much less than a group that is told by itself. */
const ROWS_FOR_A_GROUP = 20;

/** `inDetail` goes through a range that is not the same on both sides, group by group. */
export async function* crawlRanges(
  readers: Sides<RangeReader>,
  order: SharedOrder,
  range: KeyRange,
  size: BatchSize,
  inDetail: (range: KeyRange) => AsyncGenerator<ComparedBatch>,
): AsyncGenerator<ComparedBatch> {
  let { after } = range;
  for (;;) {
    const rest = { after, through: range.through };
    const { ends, end, stretch, sums } = await inTime(size, async (groups) => {
      const found = await onBoth((side) => readers[side].keyAt(rest, groups * ROWS_FOR_A_GROUP));
      const through = earlier(order, found.old.key, found.new.key);
      const part = { after: rest.after, through: through === undefined ? range.through : through };
      return {
        ends: found,
        end: through,
        stretch: part,
        sums: await onBoth((side) => readers[side].sum(part)),
      };
    });
    const { rows } = sums.old;
    const all = [ends.old, ends.new, sums.old, sums.new].map(({ seconds }) => seconds);
    size.observe({
      seconds: Math.max(...all),
      full: end !== undefined,
      rows,
      largestRows: Math.min(rows, 1),
    });
    if (!isSameSum(sums.old, sums.new)) {
      yield* inDetail(stretch);
    } else {
      const seconds = { old: sums.old.seconds, new: sums.new.seconds };
      yield { range: stretch, groups: rows, rows, mismatches: [], unread: [], seconds };
    }
    if (end === undefined) return;
    if (after !== undefined && compareValues(order, after, end) >= 0)
      throw new Error(`a range of keys behind ${shownKey(after)} ends at ${shownKey(end)}`);
    after = end;
  }
}

/** The smaller of two keys; undefined: there is neither. */
export function earlier(order: SharedOrder, a: Value | undefined, b: Value | undefined): Value | undefined {
  if (a === undefined || b === undefined) return a === undefined ? b : a;
  return compareValues(order, a, b) <= 0 ? a : b;
}
