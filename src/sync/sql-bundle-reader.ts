/** Reads many small groups of one side by SQL, each as one row that has all of its rows in a text. */
import { ClientSum, clientRowSum, foldChecksum } from './checksum-fold.ts';
import { sharedOrders } from './key-order.ts';
import { oneOf } from './key-sql.ts';
import type { RowSum } from './row-difference.ts';
import type { BundledGroup, BundleReader } from './row-reader.ts';
import type { KeyColumn } from './table-pair.ts';
import type { TableSide } from './table-side.ts';
import { type Row, spellingOf, type Value } from './value.ts';

/** Neither is in a number, a time, hexadecimal digits or a hash. */
const BETWEEN_COLUMNS = '|';
const BETWEEN_ROWS = ',';

/** Null: a side may take other spellings for a key, or for what tells its rows apart. */
export function openBundleReader(table: TableSide): BundleReader | null {
  const { group, identity } = table.pair;
  if (group === null || group.order === 'own' || sharedOrders(identity.map(({ order }) => order)) === null)
    return null;
  return new SqlBundleReader(table, group);
}

class SqlBundleReader implements BundleReader {
  readonly #table: TableSide;
  readonly #group: KeyColumn;
  readonly #hashDigits: number;

  constructor(table: TableSide, group: KeyColumn) {
    this.#table = table;
    this.#group = group;
    // Where we have a part in a row's hash it is ours, of SHA-256.
    this.#hashDigits = table.checksum.form === 'client' ? 64 : table.checksum.digits;
  }

  groups(keys: readonly Value[]): Promise<readonly BundledGroup[]> {
    return this.#table.checksum.form === 'client' ? this.#summedUp(keys) : this.#summed(keys);
  }

  readonly row = (text: string): RowSum => {
    const parts = text.split(BETWEEN_COLUMNS);
    const { identity } = this.#table.pair;
    return {
      identity: identity.map((column, at) => this.#value(column, parts[at]!)),
      sum: parts[identity.length]!,
      copies: 1,
    };
  };

  async #summed(keys: readonly Value[]): Promise<readonly BundledGroup[]> {
    const { checksum, side, from } = this.#table;
    const columns = [...this.#texts(), checksum.sameHash].join(`, '${BETWEEN_COLUMNS}', `);
    const column = this.#group.column[side];
    const rows = await this.#table.rows({
      shape: 'groups with their rows',
      sql: `SELECT ${this.#group.select[side]}, COUNT(*), ${checksum.aggregates.join(', ')},
              GROUP_CONCAT(${columns} SEPARATOR '${BETWEEN_ROWS}')
            ${from} WHERE ${oneOf(this.#group, side, keys)} GROUP BY ${column} ORDER BY ${column}`,
      // Of a bundle alone, which is small.
      maySort: true,
    });
    return rows.map((row) => this.#bundled(row));
  }

  #bundled([key = null, count = null, ...values]: Row): BundledGroup {
    const rows = Number(count);
    const texts = String(values.at(-1)).split(BETWEEN_ROWS);
    const sum = foldChecksum(this.#table.checksum, rows, values.slice(0, -1));
    // What is longer than group_concat_max_len is cut, without an error.
    const isWhole = texts.length === rows && this.row(texts.at(-1)!).sum?.length === this.#hashDigits;
    return { sum: { key, rows, sum }, rows: isWhole ? texts : null };
  }

  async #summedUp(keys: readonly Value[]): Promise<readonly BundledGroup[]> {
    const { checksum, side, from } = this.#table;
    const identity = `CONCAT_WS('${BETWEEN_COLUMNS}', ${this.#texts().join(', ')})`;
    const rows = this.#table.stream({
      shape: 'rows of groups',
      sql: `SELECT ${[this.#group.select[side], identity, checksum.rowHash, ...checksum.clientValues].join(', ')}
            ${from} WHERE ${oneOf(this.#group, side, keys)}`,
      maySort: false,
    });
    const groups = new Map<
      string,
      { readonly key: Value; readonly sum: ClientSum; readonly rows: string[] }
    >();
    for await (const [key = null, text = null, hash = null, ...values] of rows) {
      const name = spellingOf(key);
      const group = groups.get(name) ?? { key, sum: new ClientSum(), rows: [] };
      groups.set(name, group);
      const rowSum = clientRowSum(hash, values);
      group.sum.add(rowSum);
      group.rows.push(`${text}${BETWEEN_COLUMNS}${rowSum}`);
    }
    return [...groups.values()].map(({ key, sum, rows: texts }) => ({
      sum: { key, rows: sum.rows, sum: sum.sum },
      rows: texts,
    }));
  }

  #texts(): readonly string[] {
    const { side, pair } = this.#table;
    return pair.identity.map((column) =>
      column.order === 'bytes' ? `HEX(${column.column[side]})` : column.select[side],
    );
  }

  #value(column: KeyColumn, text: string): Value {
    if (column.order !== 'bytes') return text;
    const bytes = Buffer.from(text, 'hex');
    const shape = this.#table.pair.columns.find(({ name }) => name === column.name)?.columns[
      this.#table.side
    ];
    // Texts are ordered by bytes only where these are those of utf8mb4.
    return shape?.charset === null ? bytes : bytes.toString('utf8');
  }
}
