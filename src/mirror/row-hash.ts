/**
 * A hash over the bytes of a result's rows, fed piece by piece as they pass. Two figures: one that minds the
 * order of rows and one that does not. Made to find differences, not to withstand a forger.
 */
import type { RowSink } from '../wire/exchange.ts';

const SEED_LOW = 0x811c9dc5;
const SEED_HIGH = 0x9e3779b9;
const PRIME_LOW = 0x01000193;
const PRIME_HIGH = 0x85ebca6b;

/** MySQL manual: "Protocol::ColumnDefinition41". MariaDB, whose JSON is text as it was written, never sends it. */
const TYPE_JSON = 0xf5;

export class RowHash implements RowSink {
  rows = 0;
  /** A column is of MySQL's type JSON: its text is the server's, not the writer's. */
  json = false;
  /** Sums over the rows' hashes: the same whatever their order. */
  sumLow = 0;
  sumHigh = 0;
  /** A chain over the rows' hashes. */
  chainLow = SEED_LOW;
  chainHigh = SEED_HIGH;
  #low = SEED_LOW;
  #high = SEED_HIGH;

  column(type: number): void {
    if (type === TYPE_JSON) this.json = true;
  }

  bytes(chunk: Buffer, from: number, to: number): void {
    let low = this.#low;
    let high = this.#high;
    for (let at = from; at < to; at++) {
      const byte = chunk[at]!;
      low = Math.imul(low ^ byte, PRIME_LOW);
      high = Math.imul(high ^ byte, PRIME_HIGH);
      high ^= high >>> 15;
    }
    this.#low = low;
    this.#high = high;
  }

  endRow(): void {
    this.rows++;
    this.sumLow = (this.sumLow + this.#low) | 0;
    this.sumHigh = (this.sumHigh + this.#high) | 0;
    this.chainLow = Math.imul(this.chainLow ^ this.#low, PRIME_LOW);
    this.chainHigh = Math.imul(this.chainHigh ^ this.#high, PRIME_HIGH);
    this.#low = SEED_LOW;
    this.#high = SEED_HIGH;
  }
}

export type RowDifference = 'row_count' | 'row_order' | 'row_hash';

/** How two results differ; null: they hold the same rows (and, where it matters, in the same order). */
export function rowDifference(primary: RowHash, shadow: RowHash, ordered: boolean): RowDifference | null {
  if (primary.rows !== shadow.rows) return 'row_count';
  if (primary.sumLow !== shadow.sumLow || primary.sumHigh !== shadow.sumHigh) return 'row_hash';
  if (!ordered) return null;
  const same = primary.chainLow === shadow.chainLow && primary.chainHigh === shadow.chainHigh;
  return same ? null : 'row_order';
}
