/** The SQL of a repair: rows read from the source, and taken away from and put into the target. */
import { type Carrier, carrierOf, isRefused, writeSql } from './carried-value.ts';
import { type Checksum, checksumSql, type HashingServer } from './checksum-sql.ts';
import { shownKey } from './group-join.ts';
import { DEFAULT_HASH } from './hash-method.ts';
import { allOf, exactly, oneOfRows } from './key-sql.ts';
import type { RowDifference } from './row-difference.ts';
import type { Direction, ServerKind, Side, Sides } from './side.ts';
import { literal, quoteName, tableName } from './sql-text.ts';
import type { ComparedColumn, TablePair } from './table-pair.ts';
import type { Row, Value } from './value.ts';

/** As a session that writes has it, but that what does not fit is no error. */
const LENIENT = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';

/** What is wrong with a row of this group. */
export interface PlacedDifference {
  readonly key: Value;
  readonly difference: RowDifference;
}

export class RepairSql {
  readonly #pair: TablePair;
  readonly #direction: Direction;
  /** What the target does not make up by itself, in the table's order. */
  readonly #written: readonly ComparedColumn[];
  readonly #carriers: readonly Carrier[];
  readonly #checksums: Sides<Checksum>;
  readonly #targetKind: ServerKind;

  constructor(pair: TablePair, direction: Direction, servers: Sides<HashingServer>) {
    const { source, target } = direction;
    this.#pair = pair;
    this.#direction = direction;
    this.#targetKind = servers[target].kind;
    this.#written = pair.columns.filter(({ columns }) => !columns[target].generated);
    this.#carriers = this.#written.map(({ columns }) => carrierOf(columns[source], columns[target]));
    this.#checksums = {
      old: checksumSql(pair, 'old', servers.old, DEFAULT_HASH),
      new: checksumSql(pair, 'new', servers.new, DEFAULT_HASH),
    };
  }

  /** Columns that `select` gives in front of the row's values: its identity, or its hash. */
  get identityWidth(): number {
    return Math.max(1, this.#pair.identity.length);
  }

  /** A row as messages show it. */
  shown(identity: Row): string {
    const columns = this.#pair.identity;
    if (columns.length === 0) return 'a row';
    return `the row (${columns.map(({ name }, at) => `${quoteName(name)} ${shownKey(identity[at] ?? null)}`).join(', ')})`;
  }

  /** The source's rows of these identities, of whichever group they are; of a table without identity one of each. */
  select(key: Value, identities: readonly Row[]): string {
    const { source } = this.#direction;
    const values = this.#carriers.map(({ read }) => read).join(', ');
    const { identity } = this.#pair;
    if (identity.length > 0) {
      const names = identity.map(({ select }) => select[source]).join(', ');
      return `SELECT ${names}, ${values} FROM ${this.#table(source)} WHERE ${this.#ofIdentity(source, identities)}`;
    }
    // What it is grouped by is all that the other columns' values can hang on.
    const { rowHash } = this.#checksums[source];
    return identities
      .map(
        ([hash = null]) =>
          `(SELECT ${rowHash}, ${values} FROM ${this.#table(source)} WHERE ${this.#inGroup(source, key)} AND ${rowHash} = ${literal(hash)} LIMIT 1)`,
      )
      .join(' UNION ALL ');
  }

  /** Of a table without identity: so many of the rows of one hash. */
  remove(key: Value, identity: Row, copies: number): string {
    const { target } = this.#direction;
    const hash = `${this.#checksums[target].rowHash} = ${literal(identity[0] ?? null)}`;
    return `DELETE FROM ${this.#table(target)} WHERE ${this.#inGroup(target, key)} AND ${hash} LIMIT ${copies}`;
  }

  /** What takes rows out of the way that differ, of a table with an identity. */
  removals(placed: readonly PlacedDifference[]): string[] {
    const { group, identity } = this.#pair;
    // Rows of other groups have other identities then.
    if (identity.some(({ name }) => name === group?.name)) return this.#removeAll(placed);
    const extra = placed.filter(({ difference }) => difference.kind === 'extra');
    return [
      // A row that is extra here may have come to its right group since it was found.
      ...this.#removeFromGroups(extra),
      // A row that is missing here may be there in another group, in which it is extra.
      ...this.#removeAll(placed.filter(({ difference }) => difference.kind !== 'extra')),
    ];
  }

  /** Of whichever group they are. */
  #removeAll(placed: readonly PlacedDifference[]): string[] {
    if (placed.length === 0) return [];
    const { target } = this.#direction;
    const identities = placed.map(({ difference }) => difference.identity);
    return [`DELETE FROM ${this.#table(target)} WHERE ${this.#ofIdentity(target, identities)}`];
  }

  /** Those that are still in their groups. */
  #removeFromGroups(placed: readonly PlacedDifference[]): string[] {
    if (placed.length === 0) return [];
    const { target } = this.#direction;
    const ways = placed.map(
      ({ key, difference }) =>
        `(${this.#inGroup(target, key)} AND ${this.#ofIdentity(target, [difference.identity])})`,
    );
    return [`DELETE FROM ${this.#table(target)} WHERE ${ways.join(' OR ')}`];
  }

  /** `rows`: as `select` gave them, without their identities. */
  inserts(rows: readonly Row[]): string[] {
    const odd = rows.filter((row) => this.#isRefused(row));
    const others = rows.filter((row) => !this.#isRefused(row));
    return [
      ...(others.length === 0 ? [] : [`INSERT ${this.#intoTarget(others)}`]),
      ...(odd.length === 0 ? [] : [this.#leniently(this.#intoTarget(odd))]),
    ];
  }

  #intoTarget(rows: readonly Row[]): string {
    const { target } = this.#direction;
    const names = this.#written.map(({ columns }) => quoteName(columns[target].name)).join(', ');
    const values = rows.map(
      (row) => `(${this.#carriers.map((carrier, at) => writeSql(carrier, row[at] ?? null)).join(', ')})`,
    );
    return `INTO ${this.#table(target)} (${names}) VALUES ${values.join(', ')}`;
  }

  #isRefused(row: Row): boolean {
    return this.#carriers.some((carrier, at) => isRefused(carrier, row[at] ?? null));
  }

  /** For this statement alone; that another value was cut short would be seen when the group is looked at again. */
  #leniently(into: string): string {
    return this.#targetKind === 'mariadb'
      ? `SET STATEMENT sql_mode = '${LENIENT}' FOR INSERT ${into}`
      : `INSERT /*+ SET_VAR(sql_mode = '${LENIENT}') */ ${into}`;
  }

  #table(side: Side): string {
    return tableName(this.#pair.shapes[side]);
  }

  #ofIdentity(side: Side, identities: readonly Row[]): string {
    const { identity: columns } = this.#pair;
    // Of numbers servers make ranges of an index by themselves, and sooner than of conditions.
    if (columns.every(({ literal: kind }) => kind === 'number')) return oneOfRows(columns, side, identities);
    const ways = identities.map(
      (identity) =>
        `(${allOf(this.#pair.identity.map((column, at) => exactly(column, side, identity[at] ?? null)))})`,
    );
    return ways.join(' OR ');
  }

  #inGroup(side: Side, key: Value): string {
    const { group } = this.#pair;
    return group === null ? '1 = 1' : exactly(group, side, key);
  }
}
