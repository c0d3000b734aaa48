/** One side of a table, as the readers of its groups and rows ask for it. */
import { type Aggregates, foldAggregates } from './checksum-fold.ts';
import { type Checksum, checksumSql } from './checksum-sql.ts';
import { checkPlan } from './explain.ts';
import type { HashMethod } from './hash-method.ts';
import { exactly } from './key-sql.ts';
import { OnceByName } from './once-by-name.ts';
import type { RangeSum } from './row-reader.ts';
import type { Side } from './side.ts';
import { quoteName, tableName } from './sql-text.ts';
import type { SyncServer } from './sync-server.ts';
import type { TablePair } from './table-pair.ts';
import type { Row, Value } from './value.ts';

export interface TableSideOptions {
  readonly pair: TablePair;
  /** Of the side that is read; its database is the shard's. */
  readonly server: SyncServer;
  readonly method: HashMethod;
  /** Queries are asked whatever their plans. */
  readonly force: boolean;
}

/** A query with a name: its plan is looked at the first time that one of this name is asked. */
export interface ShapedQuery {
  readonly shape: string;
  readonly sql: string;
  /** Rows that belong to it have to be sorted. */
  readonly maySort: boolean;
}

export class TableSide {
  readonly pair: TablePair;
  readonly side: Side;
  readonly checksum: Checksum;
  readonly name: string;
  readonly #server: SyncServer;
  readonly #force: boolean;
  readonly #checked = new OnceByName<void>();

  constructor({ pair, server, method, force }: TableSideOptions) {
    this.pair = pair;
    this.side = server.side;
    this.name = `${server.name} ${pair.name}`;
    // The tables were paired by the primaries; a replica of another version may know less.
    if (pair.digest === 'md5' && !server.hasMd5)
      throw new Error(`${server.name} has no MD5(), which the others have: hash by sha256`);
    this.checksum = checksumSql(pair, server.side, server, method);
    this.#server = server;
    this.#force = force;
  }

  /** `FROM` and the table, read by the index that has the groups in their order. */
  get from(): string {
    const index = this.#groupIndex();
    const table = tableName(this.pair.shapes[this.side]);
    // A server that thinks it knows better would read all of the table, and sort it.
    return `FROM ${table}${index === null ? '' : ` FORCE INDEX (${quoteName(index)})`}`;
  }

  async rows(query: ShapedQuery): Promise<Row[]> {
    await this.#check(query);
    return await this.#server.rows(query.sql);
  }

  async *stream(query: ShapedQuery): AsyncGenerator<Row> {
    await this.#check(query);
    yield* this.#server.stream(query.sql);
  }

  /** The checksum of the rows that the condition `where` holds for, summed up by the server. */
  async sum(shape: string, where: string): Promise<RangeSum> {
    const found = await this.aggregates(shape, where);
    return { rows: found.rows, sum: foldAggregates(this.checksum, found) };
  }

  /** Of the same rows, what sums of other rows can be added to. */
  async aggregates(shape: string, where: string): Promise<Aggregates> {
    const [row] = await this.rows({
      shape,
      sql: `SELECT COUNT(*), ${this.checksum.aggregates.join(', ')} ${this.from} WHERE ${where}`,
      maySort: false,
    });
    const [count = null, ...values] = row ?? [];
    return { rows: Number(count), values };
  }

  /** The condition that a row is of exactly this group. */
  inGroup(key: Value): string {
    const { pair, side } = this;
    return pair.group === null ? '1 = 1' : exactly(pair.group, side, key);
  }

  #groupIndex(): string | null {
    const { pair, side } = this;
    if (pair.group === null) return null;
    const name = pair.group.column[side].toLowerCase();
    const led = pair.shapes[side].keys.filter(({ ordered, columns }) => {
      const [first] = columns;
      return ordered && typeof first === 'string' && quoteName(first).toLowerCase() === name;
    });
    // The primary key stands first; behind it the index that has more of a row's identity in its order.
    return led[0]?.name === 'PRIMARY'
      ? 'PRIMARY'
      : (led.sort((a, b) => b.columns.length - a.columns.length)[0]?.name ?? null);
  }

  #check({ shape, sql, maySort }: ShapedQuery): Promise<void> {
    // One group of all rows is read as a whole whatever the plan.
    if (this.#force || this.pair.group === null) return Promise.resolve();
    const column = this.pair.group.column[this.side];
    return this.#checked.get(shape, () =>
      checkPlan(this.#server, sql, {
        what: `${shape} of ${this.pair.name}`,
        maySort,
        remedy: `Give the table an index that begins with ${column}`,
      }),
    );
  }
}
