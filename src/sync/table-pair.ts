/** A table of both sides: what is compared of it, what tells its rows apart, and what a repair writes. */

import { type ColumnFamily, familyOf } from '../mirror/column-family.ts';
import { membersOf } from '../mirror/column-members.ts';
import { type ColumnEncoding, encodeColumn } from './column-encoding.ts';
import { DEFAULT_HASH, type HashMethod } from './hash-method.ts';
import type { KeyOrder } from './key-order.ts';
import type { ServerKind, Sides } from './side.ts';
import { quoteName } from './sql-text.ts';
import type { ColumnShape, KeyShape, TableShape } from './table-shape.ts';

export interface ComparedColumn {
  /** As the old side spells it. */
  readonly name: string;
  readonly columns: Sides<ColumnShape>;
  readonly encoding: Exclude<ColumnEncoding, { by: 'none' }>;
}

/** A column by which groups or rows are told apart. */
export interface KeyColumn {
  readonly name: string;
  readonly order: KeyOrder;
  /** Its quoted name. */
  readonly column: Sides<string>;
  /** The expression that its value is read by. */
  readonly select: Sides<string>;
  /** How its values are written in SQL. */
  readonly literal: 'number' | 'text';
  /** Its collation may take two spellings for one: they are told apart by their bytes. */
  readonly spelled: boolean;
}

export interface TablePair {
  readonly name: string;
  readonly shapes: Sides<TableShape>;
  readonly columns: readonly ComparedColumn[];
  /** What is unique, and never NULL, on both sides; empty: rows are told apart by all their columns alone. */
  readonly identity: readonly KeyColumn[];
  /** Null: the table has nothing to group by, and is one group, whose key is NULL. */
  readonly group: KeyColumn | null;
  /** The digest that both servers have. */
  readonly digest: Digest;
}

export type Digest = 'md5' | 'sha2';

export interface PairedServer {
  readonly kind: ServerKind;
  readonly hasMd5: boolean;
}

export type Pairing = { readonly pair: TablePair } | { readonly faults: readonly string[] };

/** `key`: the group column; null: the first column of the identity. Faults are sentences. */
export function pairTables(
  name: string,
  shapes: Sides<TableShape | null>,
  servers: Sides<PairedServer>,
  key: string | null,
  { hash }: Pick<HashMethod, 'hash'> = DEFAULT_HASH,
): Pairing {
  const { old, new: fresh } = shapes;
  if (old === null || fresh === null) {
    const [there, missing] = old === null ? ['new', 'old'] : ['old', 'new'];
    const where = old === null && fresh === null ? 'on neither side' : `on ${there} alone, not on ${missing}`;
    return { faults: [`the table is ${where}, or the account may not see it`] };
  }
  const views = [old, fresh].flatMap(({ engine }, index) => (engine === null ? [['old', 'new'][index]] : []));
  if (views.length > 0)
    return { faults: [`it is a view on ${views.join(' and ')}: only tables are compared`] };
  const digest: Digest = hash !== 'sha256' && servers.old.hasMd5 && servers.new.hasMd5 ? 'md5' : 'sha2';
  const { columns, faults } = pairColumns({ old, new: fresh }, servers, digest);
  const identity = findIdentity({ old, new: fresh }, columns);
  const group = findGroup(key, columns, identity, faults);
  const client = columns.find(({ encoding }) => encoding.by === 'client');
  if (client !== undefined && identity.length === 0)
    faults.push(
      `the column ${quoteName(client.name)} is compared row by row, for which the table needs a primary key on both sides`,
    );
  if (faults.length > 0) return { faults };
  return {
    pair: {
      name,
      shapes: { old, new: fresh },
      columns,
      identity,
      group,
      digest,
    },
  };
}

export function digestOf(digest: Digest): (sql: string) => string {
  return digest === 'md5' ? (sql) => `MD5(${sql})` : (sql) => `SHA2(${sql}, 256)`;
}

function pairColumns(
  shapes: Sides<TableShape>,
  servers: Sides<PairedServer>,
  digest: Digest,
): { columns: ComparedColumn[]; faults: string[] } {
  const faults: string[] = [];
  const columns: ComparedColumn[] = [];
  const fresh = new Map(shapes.new.columns.map((column) => [column.name.toLowerCase(), column]));
  const kinds = { old: servers.old.kind, new: servers.new.kind };
  for (const old of shapes.old.columns) {
    const other = fresh.get(old.name.toLowerCase());
    fresh.delete(old.name.toLowerCase());
    if (other === undefined) {
      faults.push(`the column ${quoteName(old.name)} is on old alone`);
      continue;
    }
    const sides = { old, new: other };
    const encoding = encodeColumn({ columns: sides, kinds, digest: digestOf(digest) });
    if (encoding.by === 'none')
      faults.push(`the column ${quoteName(old.name)} can't be compared: ${encoding.fault}`);
    else columns.push({ name: old.name, columns: sides, encoding });
  }
  for (const { name } of fresh.values()) faults.push(`the column ${quoteName(name)} is on new alone`);
  return { columns, faults };
}

/** The first key of the old side that tells all rows apart on both. */
function findIdentity(shapes: Sides<TableShape>, columns: readonly ComparedColumn[]): readonly KeyColumn[] {
  const names = (key: KeyShape): string[] => key.columns.map((column) => column?.toLowerCase() ?? '');
  const known = new Set(
    shapes.new.keys.filter((key) => tellsRows(key, shapes.new)).map((key) => names(key).sort().join('\0')),
  );
  for (const key of shapes.old.keys) {
    if (!tellsRows(key, shapes.old) || !known.has(names(key).sort().join('\0'))) continue;
    const found = names(key).map((name) => columns.find((column) => column.name.toLowerCase() === name));
    const keys = found.map((column) => (column === undefined ? null : keyColumn(column)));
    const all = keys.filter((column) => column !== null);
    if (all.length === keys.length) return all;
  }
  return [];
}

function tellsRows(key: KeyShape, shape: TableShape): boolean {
  if (!key.unique) return false;
  return key.columns.every((name) => {
    const column = shape.columns.find((each) => each.name.toLowerCase() === name?.toLowerCase());
    return column !== undefined && !column.nullable;
  });
}

function findGroup(
  key: string | null,
  columns: readonly ComparedColumn[],
  identity: readonly KeyColumn[],
  faults: string[],
): KeyColumn | null {
  if (key === null) return identity[0] ?? null;
  const column = columns.find(({ name }) => name.toLowerCase() === key.toLowerCase());
  if (column === undefined) {
    // Of a column that is on one side alone more was said already.
    if (!faults.some((fault) => fault.toLowerCase().includes(quoteName(key).toLowerCase())))
      faults.push(`the group column ${quoteName(key)} is on neither side`);
    return null;
  }
  const group = keyColumn(column);
  if (group === null) faults.push(`the rows can't be grouped by ${quoteName(key)}: ${ungroupable(column)}`);
  return group;
}

function ungroupable({ columns: { old, new: fresh } }: ComparedColumn): string {
  if (hasEmptyMember(old) || hasEmptyMember(fresh))
    return 'no condition tells its empty member from the error value of an ENUM, which is shown as empty too';
  return `it is ${old.definition} on old and ${fresh.definition} on new`;
}

const NUMERIC: ReadonlySet<ColumnFamily> = new Set(['integer', 'decimal']);
const TEMPORAL: ReadonlySet<ColumnFamily> = new Set(['date', 'datetime', 'timestamp']);
/** Each server orders them in its own way; each value has one spelling. */
const PLAIN: ReadonlySet<ColumnFamily> = new Set(['time', 'uuid', 'inet4', 'inet6']);
const SPELLED: ReadonlySet<ColumnFamily> = new Set(['text', 'enum', 'set']);

/** Null: its values can't be told by a text that finds them again, as those of a FLOAT, or differ in kind. */
function keyColumn({ name, columns }: ComparedColumn): KeyColumn | null {
  const { old, new: fresh } = columns;
  const [one, other] = [familyOf(old), familyOf(fresh)];
  if (one === undefined || other === undefined) return null;
  const both = (families: ReadonlySet<ColumnFamily>): boolean => families.has(one) && families.has(other);
  const column = { old: quoteName(old.name), new: quoteName(fresh.name) };
  const text = { name, column, select: column, literal: 'text', spelled: false } as const;
  if (both(NUMERIC)) {
    if (old.type === 'year' || fresh.type === 'year')
      // A number below 100 would be taken for a year of two digits.
      return old.type === fresh.type ? { ...text, order: 'numeric' } : null;
    const select = { old: asNumber(old), new: asNumber(fresh) };
    return { ...text, order: 'numeric', select, literal: 'number' };
  }
  if (both(TEMPORAL) && one === other) return { ...text, order: 'temporal' };
  if (one === 'bytes' && other === 'bytes') {
    // The zeros that a BINARY is filled up with are part of what is compared.
    const same = old.type === fresh.type && (old.type !== 'binary' || old.bytes === fresh.bytes);
    return same ? { ...text, order: 'bytes' } : null;
  }
  if (both(PLAIN) && one === other) return { ...text, order: 'own' };
  if (!both(SPELLED) || old.json || fresh.json || hasEmptyMember(old) || hasEmptyMember(fresh)) return null;
  const shared = isOrderedByBytes(old) && isOrderedByBytes(fresh);
  return shared ? { ...text, order: 'bytes' } : { ...text, order: 'own', spelled: true };
}

function hasEmptyMember({ type, definition }: ColumnShape): boolean {
  return type === 'enum' && membersOf(definition).includes('');
}

function asNumber({ name, type }: ColumnShape): string {
  return type === 'bit' ? `${quoteName(name)} + 0` : quoteName(name);
}

/** Collations that compare code points, and no blanks: as the bytes of utf8mb4 do. */
function isOrderedByBytes({ type, collation }: ColumnShape): boolean {
  return (
    familyOf({ type }) === 'text' &&
    /^(?:utf8mb4_0900_bin|(?:utf8mb4|utf8mb3|utf8|ascii)_nopad_bin)$/.test(collation ?? '')
  );
}
