/** Reads the rows of one group of one side by SQL, in the order of their identities. */
import { ClientSum, clientRowSum } from './checksum-fold.ts';
import { allOf, type IdentityColumn, inIdentityRange, oneIdentityOf } from './key-sql.ts';
import type { RowSum } from './row-difference.ts';
import type { BundleReader, IdentityRange, RangeSum, RowReader } from './row-reader.ts';
import { openBundleReader } from './sql-bundle-reader.ts';
import { literal } from './sql-text.ts';
import type { KeyColumn } from './table-pair.ts';
import { TableSide, type TableSideOptions } from './table-side.ts';
import type { Row, Value } from './value.ts';

export function openRowReader(options: TableSideOptions): RowReader {
  const table = new TableSide(options);
  return options.pair.identity.length === 0 ? new CountedRows(table) : new IdentifiedRows(table);
}

/** Of a table whose rows have an identity. */
class IdentifiedRows implements RowReader {
  readonly bundle: BundleReader | null;
  readonly #table: TableSide;
  readonly #identity: readonly KeyColumn[];
  /** Of the identity what differs within a group: the order of its rows. */
  readonly #ordered: readonly IdentityColumn[];

  constructor(table: TableSide) {
    this.#table = table;
    this.#identity = table.pair.identity;
    this.#ordered = this.#identity
      .map((key, place) => ({ key, place }))
      .filter(({ key }) => key.name !== table.pair.group?.name);
    // Another spelling of an identity must be gone before a row is put in: group by group that is seen to.
    this.bundle = openBundleReader(table);
  }

  async *rows(key: Value, range: IdentityRange): AsyncGenerator<RowSum> {
    for await (const row of this.#table.stream(this.#hashed('rows', key, range, null)))
      yield this.#rowSum(row);
  }

  async firstRows(key: Value, range: IdentityRange, limit: number): Promise<RowSum[]> {
    const rows = await this.#table.rows(this.#hashed('first rows', key, range, limit));
    return rows.map((row) => this.#rowSum(row));
  }

  async rowsOf(key: Value, identities: readonly Row[]): Promise<RowSum[]> {
    if (identities.length === 0) return [];
    const found = oneIdentityOf(this.#identity, this.#table.side, identities);
    const rows = await this.#table.rows({
      shape: 'rows by identity',
      sql: `${this.#select()} ${this.#table.from} WHERE ${this.#table.inGroup(key)} AND ${found}`,
      maySort: true,
    });
    return rows.map((row) => this.#rowSum(row));
  }

  async sum(key: Value, range: IdentityRange): Promise<RangeSum> {
    if (this.#table.checksum.form === 'client') return await this.#clientSum(key, range);
    return await this.#table.sum('checksum of rows', this.#where(key, range));
  }

  async identityAt(key: Value, range: IdentityRange, row: number): Promise<Row | undefined> {
    const [found] = await this.#table.rows({
      shape: 'a row’s identity',
      sql: `SELECT ${this.#identitySelect()} ${this.#table.from} WHERE ${this.#where(key, range)}${this.#order()} LIMIT 1 OFFSET ${row - 1}`,
      maySort: true,
    });
    return found;
  }

  async #clientSum(key: Value, range: IdentityRange): Promise<RangeSum> {
    const sum = new ClientSum();
    for await (const row of this.rows(key, range)) sum.add(row.sum);
    return { rows: sum.rows, sum: sum.sum };
  }

  #hashed(shape: string, key: Value, range: IdentityRange, limit: number | null) {
    const end = limit === null ? '' : ` LIMIT ${limit}`;
    // An index may have the group's rows in another order: they are the group's, and no more.
    return {
      shape,
      sql: `${this.#select()} ${this.#table.from} WHERE ${this.#where(key, range)}${this.#order()}${end}`,
      maySort: true,
    };
  }

  #select(): string {
    const { checksum } = this.#table;
    return `SELECT ${[this.#identitySelect(), checksum.rowHash, ...checksum.clientValues].join(', ')}`;
  }

  #identitySelect(): string {
    return this.#identity.map((key) => key.select[this.#table.side]).join(', ');
  }

  #where(key: Value, range: IdentityRange): string {
    return allOf([this.#table.inGroup(key), ...inIdentityRange(this.#ordered, this.#table.side, range)]);
  }

  #order(): string {
    const columns = this.#ordered.map(({ key }) => key.column[this.#table.side]);
    return columns.length === 0 ? '' : ` ORDER BY ${columns.join(', ')}`;
  }

  #rowSum(row: Row): RowSum {
    const identity = row.slice(0, this.#identity.length);
    const [hash = null, ...values] = row.slice(this.#identity.length);
    const sum = this.#table.checksum.form === 'client' ? clientRowSum(hash, values) : String(hash);
    return { identity, sum, copies: 1 };
  }
}

/** Of a table whose rows have no identity: each row's hash stands for it, and it may be there several times. */
class CountedRows implements RowReader {
  readonly bundle = null;
  readonly #table: TableSide;

  constructor(table: TableSide) {
    this.#table = table;
  }

  async *rows(key: Value, range: IdentityRange): AsyncGenerator<RowSum> {
    for await (const row of this.#table.stream(this.#counted('rows', key, range, null))) yield rowSum(row);
  }

  async firstRows(key: Value, range: IdentityRange, limit: number): Promise<RowSum[]> {
    return (await this.#table.rows(this.#counted('first rows', key, range, limit))).map(rowSum);
  }

  async rowsOf(key: Value, identities: readonly Row[]): Promise<RowSum[]> {
    if (identities.length === 0) return [];
    const { rowHash } = this.#table.checksum;
    const hashes = identities.map(([hash = null]) => literal(hash)).join(', ');
    const rows = await this.#table.rows({
      shape: 'rows by hash',
      sql: `SELECT ${rowHash} AS understudy_hash, COUNT(*) ${this.#table.from}
            WHERE ${this.#table.inGroup(key)} AND ${rowHash} IN (${hashes}) GROUP BY understudy_hash`,
      maySort: true,
    });
    return rows.map(rowSum);
  }

  sum(key: Value, range: IdentityRange): Promise<RangeSum> {
    return this.#table.sum('checksum of rows', this.#where(key, range));
  }

  async identityAt(key: Value, range: IdentityRange, row: number): Promise<Row | undefined> {
    const [found] = await this.#table.rows({
      shape: 'a row’s hash',
      sql: `SELECT ${this.#table.checksum.rowHash} AS understudy_hash ${this.#table.from} WHERE ${this.#where(key, range)}
            ORDER BY understudy_hash LIMIT 1 OFFSET ${row - 1}`,
      maySort: true,
    });
    return found;
  }

  #counted(shape: string, key: Value, range: IdentityRange, limit: number | null) {
    return {
      shape,
      sql: `SELECT ${this.#table.checksum.rowHash} AS understudy_hash, COUNT(*) ${this.#table.from}
            WHERE ${this.#where(key, range)} GROUP BY understudy_hash ORDER BY understudy_hash${limit === null ? '' : ` LIMIT ${limit}`}`,
      maySort: true,
    };
  }

  #where(key: Value, { after, through }: IdentityRange): string {
    const { rowHash } = this.#table.checksum;
    return allOf([
      this.#table.inGroup(key),
      ...(after === undefined ? [] : [`${rowHash} > ${literal(after[0] ?? null)}`]),
      ...(through === undefined ? [] : [`${rowHash} <= ${literal(through[0] ?? null)}`]),
    ]);
  }
}

function rowSum([hash = null, copies = null]: Row): RowSum {
  return { identity: [hash], sum: String(hash), copies: Number(copies) };
}
