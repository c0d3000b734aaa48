/** The sum of one group, out of the sums of its parts: for a group that takes longer than one query may. */
import { type Aggregates, addAggregates, foldAggregates } from './checksum-fold.ts';
import { allOf, inIdentityRange } from './key-sql.ts';
import { ALL_ROWS, type IdentityRange, type RangeSum, type RowReader } from './row-reader.ts';
import { openRowReader } from './sql-row-reader.ts';
import { QueryTimedOut } from './sync-connection.ts';
import { TableSide, type TableSideOptions } from './table-side.ts';
import type { Value } from './value.ts';

export interface GroupParts {
  /** As one query would give it. Rejects with QueryTimedOut where not even a single row is told in time. */
  sum(key: Value): Promise<RangeSum>;
}

const PART_ROWS = 10_000;
/** A part that takes too long is tried with so much less. */
const SMALLER = 10;

/** Null: nothing tells the rows of a group apart, so that it has no parts. */
export function openGroupParts(options: TableSideOptions, partRows = PART_ROWS): GroupParts | null {
  const { pair } = options;
  if (pair.identity.every(({ name }) => name === pair.group?.name)) return null;
  const parts = new SqlGroupParts(options, partRows);
  return { sum: (key) => parts.sum(key) };
}

class SqlGroupParts {
  readonly #table: TableSide;
  readonly #reader: RowReader;
  readonly #partRows: number;

  constructor(options: TableSideOptions, partRows: number) {
    this.#table = new TableSide(options);
    this.#reader = openRowReader(options);
    this.#partRows = partRows;
  }

  async sum(key: Value): Promise<RangeSum> {
    const { checksum } = this.#table;
    let total: Aggregates = { rows: 0, values: [] };
    let partRows = this.#partRows;
    let range: IdentityRange | null = ALL_ROWS;
    while (range !== null) {
      try {
        const through = await this.#reader.identityAt(key, range, partRows);
        const part = await this.#part(key, { after: range.after, through });
        // Of no rows the aggregates are NULL.
        if (part.rows > 0) total = total.rows === 0 ? part : addAggregates(checksum, total, part);
        range = through === undefined ? null : { after: through, through: undefined };
      } catch (error) {
        if (!(error instanceof QueryTimedOut) || partRows === 1) throw error;
        partRows = Math.ceil(partRows / SMALLER);
      }
    }
    return { rows: total.rows, sum: foldAggregates(checksum, total) };
  }

  async #part(key: Value, range: IdentityRange): Promise<Aggregates> {
    const { pair, side, checksum } = this.#table;
    if (checksum.form === 'client') {
      const { rows, sum } = await this.#reader.sum(key, range);
      return { rows, values: [sum] };
    }
    const ordered = pair.identity
      .map((column, place) => ({ key: column, place }))
      .filter((column) => column.key.name !== pair.group?.name);
    return await this.#table.aggregates(
      'checksums of parts',
      allOf([this.#table.inGroup(key), ...inIdentityRange(ordered, side, range)]),
    );
  }
}
