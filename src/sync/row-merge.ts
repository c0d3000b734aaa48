/** Merges two ordered streams of rows, with one row of each in memory. */
import { shownKey } from './group-join.ts';
import type { RowDifference, RowSum } from './row-difference.ts';
import type { Row } from './value.ts';

export type CompareIdentities = (a: Row, b: Row) => number;

/**
 * What the target lacks, has too many of, or has otherwise. Both streams must ascend strictly; it throws where one
 * does not, as a repair by such findings would do harm. Both are ended when this is, however it ends.
 */
export async function* mergeRows(
  source: AsyncIterable<RowSum>,
  target: AsyncIterable<RowSum>,
  compare: CompareIdentities,
): AsyncGenerator<RowDifference> {
  const ours = new RowCursor(source, compare);
  const theirs = new RowCursor(target, compare);
  try {
    await advance(ours, theirs);
    while (ours.row !== null || theirs.row !== null) {
      const order = compareCursors(ours.row, theirs.row, compare);
      const difference = differenceAt(order, ours.row, theirs.row);
      if (difference !== null) yield difference;
      if (order < 0) await ours.next();
      else if (order > 0) await theirs.next();
      else await advance(ours, theirs);
    }
  } finally {
    await Promise.all([ours.end(), theirs.end()]);
  }
}

class RowCursor {
  /** Null: there are no more. */
  row: RowSum | null = null;
  readonly #rows: AsyncIterator<RowSum>;
  readonly #compare: CompareIdentities;

  constructor(rows: AsyncIterable<RowSum>, compare: CompareIdentities) {
    this.#rows = rows[Symbol.asyncIterator]();
    this.#compare = compare;
  }

  async next(): Promise<void> {
    const before = this.row;
    const { value, done } = await this.#rows.next();
    this.row = done === true ? null : value;
    if (before === null || this.row === null || this.#compare(before.identity, this.row.identity) < 0) return;
    throw new Error(
      `the row ${shownIdentity(this.row.identity)} came behind ${shownIdentity(before.identity)}`,
    );
  }

  async end(): Promise<void> {
    // What a stream that is of no more use says at its end tells nobody anything.
    await this.#rows.return?.()?.catch(() => {});
  }
}

/** Rejects only once neither stream is being read, so that both can be ended. */
async function advance(ours: RowCursor, theirs: RowCursor): Promise<void> {
  const [first, second] = await Promise.allSettled([ours.next(), theirs.next()]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
}

function compareCursors(ours: RowSum | null, theirs: RowSum | null, compare: CompareIdentities): number {
  if (ours === null || theirs === null) return ours === null ? 1 : -1;
  return compare(ours.identity, theirs.identity);
}

/** `order`: below 0 where the source's row comes first, 0 where both are of one identity. */
function differenceAt(order: number, ours: RowSum | null, theirs: RowSum | null): RowDifference | null {
  if (ours !== null && order < 0) return { kind: 'missing', identity: ours.identity, copies: ours.copies };
  if (theirs !== null && order > 0)
    return { kind: 'extra', identity: theirs.identity, copies: theirs.copies };
  return ours === null || theirs === null ? null : rowDifference(ours, theirs);
}

/** Of two rows of one identity; null: they are the same. */
export function rowDifference(ours: RowSum, theirs: RowSum): RowDifference | null {
  const { identity } = ours;
  if (ours.sum !== theirs.sum) return { kind: 'different', identity, copies: 1 };
  const copies = ours.copies - theirs.copies;
  if (copies === 0) return null;
  return { kind: copies > 0 ? 'missing' : 'extra', identity, copies: Math.abs(copies) };
}

function shownIdentity(identity: Row): string {
  return `(${identity.map(shownKey).join(', ')})`;
}
