/** Reads the groups of one side of a table by SQL. */
import { ClientSum, clientRowSum, foldChecksum } from './checksum-fold.ts';
import type { GroupAnswer, GroupReader, KeyAnswer, RangeReader } from './group-reader.ts';
import type { GroupSum } from './group-sum.ts';
import type { KeyRange } from './key-range.ts';
import { allOf, inRange, oneOf, spelling } from './key-sql.ts';
import { openRangeReader } from './sql-range-reader.ts';
import type { KeyColumn } from './table-pair.ts';
import { TableSide, type TableSideOptions } from './table-side.ts';
import { timed } from './timing.ts';
import { type Row, spellingOf, type Value } from './value.ts';

/** `options.pair` may have nothing to group by: then it is one group, whose key is NULL. */
export function openGroupReader(options: TableSideOptions): GroupReader {
  const table = new TableSide(options);
  const { group } = options.pair;
  return group === null ? new WholeTable(table) : new SqlGroupReader(table, group);
}

interface Bounded {
  readonly conditions: readonly string[];
  /** In SQL, behind GROUP BY; empty: none. */
  readonly limit: number | null;
  /** Undefined: the last of the groups that are found says it. */
  readonly last: { readonly key: Value | undefined } | undefined;
}

class SqlGroupReader implements GroupReader {
  readonly name: string;
  readonly ranges: RangeReader | null;
  readonly #table: TableSide;
  readonly #group: KeyColumn;

  constructor(table: TableSide, group: KeyColumn) {
    this.name = table.name;
    this.ranges = openRangeReader(table, group);
    this.#table = table;
    this.#group = group;
  }

  sums(range: KeyRange, limit: number): Promise<GroupAnswer> {
    return timed(async () => {
      const bounded = await this.#bounded(range, limit);
      const groups = await this.#sums('checksums', bounded);
      return {
        groups,
        last: lastOf(
          bounded,
          groups.map(({ key }) => key),
          limit,
        ),
      };
    });
  }

  sumsOf(keys: readonly Value[]): Promise<GroupAnswer> {
    return timed(async () => ({
      groups: keys.length === 0 ? [] : await this.#sums('checksums by key', this.#among(keys)),
      last: undefined,
    }));
  }

  keys(range: KeyRange, limit: number): Promise<KeyAnswer> {
    return timed(async () => {
      const bounded = await this.#bounded(range, limit);
      const keys = await this.#keys('keys', bounded);
      return { keys, last: lastOf(bounded, keys, limit) };
    });
  }

  keysOf(keys: readonly Value[]): Promise<KeyAnswer> {
    return timed(async () => ({
      keys: keys.length === 0 ? [] : await this.#keys('keys by key', this.#among(keys)),
      last: undefined,
    }));
  }

  #among(keys: readonly Value[]): Bounded {
    return {
      conditions: [oneOf(this.#group, this.#table.side, keys)],
      limit: null,
      last: { key: undefined },
    };
  }

  /**
   * Where a group is one spelling, and an index takes several for one, LIMIT would cut between these: the end is looked
   * for first. The same where rows are summed up here.
   */
  async #bounded(range: KeyRange, limit: number): Promise<Bounded> {
    const { side, checksum } = this.#table;
    if (!this.#group.spelled && checksum.form !== 'client')
      return { conditions: inRange(this.#group, side, range), limit, last: undefined };
    const column = this.#group.column[side];
    const where = allOf(inRange(this.#group, side, range));
    const [found] = await this.#table.rows({
      shape: 'batch ends',
      sql: `SELECT ${this.#group.select[side]} ${this.#table.from} WHERE ${where}
            GROUP BY ${column} ORDER BY ${column} LIMIT 1 OFFSET ${limit - 1}`,
      maySort: false,
    });
    const key = found === undefined ? undefined : (found[0] ?? null);
    const end = key === undefined ? range.through : key;
    return {
      conditions: inRange(this.#group, side, { after: range.after, through: end }),
      limit: null,
      last: { key },
    };
  }

  async #keys(shape: string, { conditions, limit }: Bounded): Promise<Value[]> {
    const rows = await this.#table.rows({
      shape,
      sql: `SELECT ${this.#group.select[this.#table.side]} ${this.#grouped(conditions, limit)}`,
      maySort: this.#group.spelled,
    });
    return rows.map(([key]) => key ?? null);
  }

  async #sums(shape: string, bounded: Bounded): Promise<GroupSum[]> {
    const { checksum, side } = this.#table;
    if (checksum.form === 'client') return await this.#clientSums(bounded.conditions);
    const rows = await this.#table.rows({
      shape,
      sql: `SELECT ${this.#group.select[side]}, COUNT(*), ${checksum.aggregates.join(', ')}
            ${this.#grouped(bounded.conditions, bounded.limit)}`,
      maySort: this.#group.spelled,
    });
    return rows.map(([key = null, count = null, ...values]) =>
      groupSum(key, Number(count), values, this.#table),
    );
  }

  #grouped(conditions: readonly string[], limit: number | null): string {
    const by = spelling(this.#group, this.#table.side);
    // Spellings are in no order of the index; nor need they be.
    const order = this.#group.spelled ? 'NULL' : by;
    return `${this.#table.from} WHERE ${allOf(conditions)} GROUP BY ${by} ORDER BY ${order}${limit === null ? '' : ` LIMIT ${limit}`}`;
  }

  async #clientSums(conditions: readonly string[]): Promise<GroupSum[]> {
    const { checksum, side } = this.#table;
    const rows = this.#table.stream({
      shape: 'rows to sum up',
      sql: `SELECT ${[this.#group.select[side], checksum.rowHash, ...checksum.clientValues].join(', ')}
            ${this.#table.from} WHERE ${allOf(conditions)} ORDER BY ${this.#group.column[side]}`,
      maySort: false,
    });
    const sums = new Map<string, { readonly key: Value; readonly sum: ClientSum }>();
    for await (const [key = null, hash = null, ...values] of rows) {
      const name = spellingOf(key);
      const group = sums.get(name) ?? { key, sum: new ClientSum() };
      sums.set(name, group);
      group.sum.add(clientRowSum(hash, values));
    }
    return [...sums.values()].map(({ key, sum }) => ({ key, rows: sum.rows, sum: sum.sum }));
  }
}

/** A table without anything to group by. */
class WholeTable implements GroupReader {
  readonly name: string;
  readonly ranges = null;
  readonly #table: TableSide;

  constructor(table: TableSide) {
    this.name = table.name;
    this.#table = table;
  }

  sums(range: KeyRange): Promise<GroupAnswer> {
    // NULL is the only key, and behind it is nothing.
    return range.after === undefined
      ? this.sumsOf([null])
      : timed(() => Promise.resolve({ groups: [], last: undefined }));
  }

  sumsOf(keys: readonly Value[]): Promise<GroupAnswer> {
    return timed(async () => {
      if (!keys.includes(null)) return { groups: [], last: undefined };
      const rows = await this.#table.rows({
        shape: 'checksum',
        sql: `SELECT COUNT(*), ${this.#table.checksum.aggregates.join(', ')} ${this.#table.from}`,
        maySort: false,
      });
      const groups = rows.map(([count = null, ...values]) =>
        groupSum(null, Number(count), values, this.#table),
      );
      return { groups: groups.filter((group) => group.rows > 0), last: undefined };
    });
  }

  async keys(range: KeyRange): Promise<KeyAnswer> {
    const { groups, last, seconds } = await this.sums(range);
    return { keys: groups.map(({ key }) => key), last, seconds };
  }

  async keysOf(keys: readonly Value[]): Promise<KeyAnswer> {
    const { groups, last, seconds } = await this.sumsOf(keys);
    return { keys: groups.map(({ key }) => key), last, seconds };
  }
}

function groupSum(key: Value, rows: number, values: Row, table: TableSide): GroupSum {
  return { key, rows, sum: foldChecksum(table.checksum, rows, values) };
}

function lastOf({ last }: Bounded, keys: readonly Value[], limit: number): Value | undefined {
  if (last !== undefined) return last.key;
  return keys.length < limit ? undefined : keys.at(-1);
}
