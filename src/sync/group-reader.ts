/** What a crawl asks of one side of a table. */
import type { GroupSum } from './group-sum.ts';
import type { KeyRange } from './key-range.ts';
import type { RangeSum } from './row-reader.ts';
import type { Value } from './value.ts';

/**
 * Groups are of one exact spelling each, also where the side's collation takes several for one: those that it does
 * are always answered together.
 */
export interface GroupAnswer {
  readonly groups: readonly GroupSum[];
  /** The last key, where the limit was reached and more may follow; undefined: this was all that was asked for. */
  readonly last: Value | undefined;
  readonly seconds: number;
}

export interface KeyAnswer {
  readonly keys: readonly Value[];
  readonly last: Value | undefined;
  readonly seconds: number;
}

/** Of a table whose group column is unique on both sides: sums up ranges of its keys, each of which has one row. */
export interface RangeReader {
  /** The key of this number in the range, counted from 1; undefined: there are fewer. */
  keyAt(
    range: KeyRange,
    number: number,
  ): Promise<{ readonly key: Value | undefined; readonly seconds: number }>;
  /** Of all rows of the range. */
  sum(range: KeyRange): Promise<RangeSum & { readonly seconds: number }>;
}

export interface GroupReader {
  /** The server and the table, for messages. */
  readonly name: string;
  /** Null: a group may have any number of rows, or the sides share no order of keys. */
  readonly ranges: RangeReader | null;
  /** The groups of the range in the side's own order, `limit` at most (spellings that are one there count once). */
  sums(range: KeyRange, limit: number): Promise<GroupAnswer>;
  /** The groups of these keys; those of other spellings too that the side takes for one of them. None of no keys. */
  sumsOf(keys: readonly Value[]): Promise<GroupAnswer>;
  /** As `sums`, without looking at the rows. */
  keys(range: KeyRange, limit: number): Promise<KeyAnswer>;
  /** As `sumsOf`, without looking at the rows. */
  keysOf(keys: readonly Value[]): Promise<KeyAnswer>;
}
