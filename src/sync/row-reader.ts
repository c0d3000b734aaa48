/** What a drill-down asks of one side of a table, about the rows of one group. */
import type { GroupSum } from './group-sum.ts';
import type { RowSum } from './row-difference.ts';
import type { Row, Value } from './value.ts';

/** (after, through] in the side's order of identities; undefined: open at that end. */
export interface IdentityRange {
  readonly after: Row | undefined;
  readonly through: Row | undefined;
}

export const ALL_ROWS: IdentityRange = Object.freeze({ after: undefined, through: undefined });

export interface RangeSum {
  readonly rows: number;
  readonly sum: string;
}

export interface BundledGroup {
  readonly sum: GroupSum;
  /** A text for each row: two rows of one text are the same. Null: they were too long to be told. */
  readonly rows: readonly string[] | null;
}

/** Reads whole groups with their rows, many at once. */
export interface BundleReader {
  /** Those of these keys that the side has. */
  groups(keys: readonly Value[]): Promise<readonly BundledGroup[]>;
  /** What a row's text says. */
  readonly row: (text: string) => RowSum;
}

export interface RowReader {
  /** Null: several groups can't be read by one query. */
  readonly bundle: BundleReader | null;
  /** By identity, in the side's order. Reads no more than its consumer takes, but for a bounded rest. */
  rows(key: Value, range: IdentityRange): AsyncIterable<RowSum>;
  /** As `rows`, `limit` at most. */
  firstRows(key: Value, range: IdentityRange, limit: number): Promise<readonly RowSum[]>;
  /** The rows of these identities; those of other spellings too that the side takes for one of them. */
  rowsOf(key: Value, identities: readonly Row[]): Promise<readonly RowSum[]>;
  /** The checksum of all rows of the range. */
  sum(key: Value, range: IdentityRange): Promise<RangeSum>;
  /** The identity of the range's row of this number, counted from 1; undefined: there are fewer. */
  identityAt(key: Value, range: IdentityRange, row: number): Promise<Row | undefined>;
}
