/** Rows, as the sync compares them. */
import type { Row } from './value.ts';

/** A row by what tells it from others, and the checksum of all its columns. */
export interface RowSum {
  /** The identity columns' values; of a table without identity the row's own checksum alone. */
  readonly identity: Row;
  readonly sum: string;
  /** Rows that are the same in everything: 1 where the table has an identity. */
  readonly copies: number;
}

/**
 * What is wrong with a row of the target: it lacks it, has one too many, or has another. Where a collation takes two
 * spellings of an identity for one, the row of one spelling may be missing and that of the other extra.
 */
export interface RowDifference {
  readonly kind: 'missing' | 'extra' | 'different';
  readonly identity: Row;
  /** How many such rows the target lacks or has too many: 1 where the table has an identity. */
  readonly copies: number;
}
