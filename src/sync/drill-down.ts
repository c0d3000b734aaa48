/** Finds the rows that differ in a group that differs, in memory that does not grow with the group. */
import { isSameSum, type Mismatch } from './group-sum.ts';
import {
  canonicalIdentity,
  compareIdentities,
  type KeyOrder,
  type SharedOrder,
  sharedOrders,
} from './key-order.ts';
import type { RowDifference, RowSum } from './row-difference.ts';
import { mergeRows, rowDifference } from './row-merge.ts';
import { ALL_ROWS, type RowReader } from './row-reader.ts';
import { type Direction, onBoth, type Side, type Sides } from './side.ts';
import type { Row, Value } from './value.ts';

export interface DrilledTable {
  readonly readers: Sides<RowReader>;
  readonly direction: Direction;
  /** Of each identity column; none: the table has no identity. */
  readonly identity: readonly KeyOrder[];
}

export interface DrillOptions {
  /** A larger group is compared by ranges of so many rows first. */
  readonly rangeRows?: number;
  /** Rows that are looked up at once where the sides share no order of identities. */
  readonly lookedUpRows?: number;
}

const RANGE_ROWS = 10_000;
const LOOKED_UP_ROWS = 500;
/** Of a table without identity the checksum of a row stands for it; both servers order its digits alike. */
const BY_CHECKSUM: readonly SharedOrder[] = ['bytes'];

/** Rows that stand still meanwhile are judged once, and rightly. */
export function drillDown(
  table: DrilledTable,
  mismatch: Mismatch,
  options: DrillOptions = {},
): AsyncGenerator<RowDifference> {
  const { key } = mismatch;
  const rows = Math.max(mismatch.old?.rows ?? 0, mismatch.new?.rows ?? 0);
  if (table.identity.length === 0) return mergeGroup(table, key, BY_CHECKSUM);
  const orders = sharedOrders(table.identity);
  if (orders === null) return lookUp(table, key, options.lookedUpRows ?? LOOKED_UP_ROWS);
  const rangeRows = options.rangeRows ?? RANGE_ROWS;
  return rows <= rangeRows ? mergeGroup(table, key, orders) : mergeRanges(table, key, orders, rangeRows);
}

function mergeGroup(
  { readers, direction }: DrilledTable,
  key: Value,
  orders: readonly SharedOrder[],
  range = ALL_ROWS,
): AsyncGenerator<RowDifference> {
  const source = readers[direction.source].rows(key, range);
  const target = readers[direction.target].rows(key, range);
  return mergeRows(source, target, (a, b) => compareIdentities(orders, a, b));
}

/** Each query is short, each row is hashed once, and those of the ranges that differ twice. */
async function* mergeRanges(
  table: DrilledTable,
  key: Value,
  orders: readonly SharedOrder[],
  rangeRows: number,
): AsyncGenerator<RowDifference> {
  const { readers } = table;
  let after: Row | undefined;
  for (;;) {
    const rest = { after, through: undefined };
    const ends = await onBoth((side) => readers[side].identityAt(key, rest, rangeRows));
    const through = earlier(orders, ends.old, ends.new);
    const range = { after, through };
    const sums = await onBoth((side) => readers[side].sum(key, range));
    if (!isSameSum(sums.old, sums.new)) yield* mergeGroup(table, key, orders, range);
    if (through === undefined) return;
    if (after !== undefined && compareIdentities(orders, after, through) >= 0)
      throw new Error('a range of rows ends before it begins');
    after = through;
  }
}

/**
 * Where each side has an order of its own, its rows are taken in that order and looked up on the other side. What is
 * extra comes first: where a collation takes its identity for that of a missing row, it must be gone before.
 */
async function* lookUp(table: DrilledTable, key: Value, lookedUpRows: number): AsyncGenerator<RowDifference> {
  const { source, target } = table.direction;
  for await (const { theirs, row } of lookUpFrom(table, target, key, lookedUpRows))
    if (theirs === undefined) yield { kind: 'extra', identity: row.identity, copies: 1 };
  for await (const { theirs, row } of lookUpFrom(table, source, key, lookedUpRows)) {
    const difference =
      theirs === undefined
        ? ({ kind: 'missing', identity: row.identity, copies: 1 } as const)
        : rowDifference(row, theirs);
    if (difference !== null) yield difference;
  }
}

/** Each row of `side`, with that of the same spelling on the other; undefined: it has none. */
async function* lookUpFrom(
  { readers, identity }: DrilledTable,
  side: Side,
  key: Value,
  lookedUpRows: number,
): AsyncGenerator<{ readonly row: RowSum; readonly theirs: RowSum | undefined }> {
  const other = side === 'old' ? 'new' : 'old';
  let after: Row | undefined;
  for (;;) {
    const rows = await readers[side].firstRows(key, { after, through: undefined }, lookedUpRows);
    if (rows.length === 0) return;
    const found = await readers[other].rowsOf(
      key,
      rows.map((row) => row.identity),
    );
    const byIdentity = new Map(found.map((row) => [canonicalIdentity(identity, row.identity), row]));
    for (const row of rows) yield { row, theirs: byIdentity.get(canonicalIdentity(identity, row.identity)) };
    if (rows.length < lookedUpRows) return;
    const last = rows.at(-1)!.identity;
    if (after !== undefined && canonicalIdentity(identity, last) === canonicalIdentity(identity, after))
      throw new Error('a server gave a row behind itself');
    after = last;
  }
}

/** Undefined: neither side has so many rows left. */
function earlier(orders: readonly SharedOrder[], a: Row | undefined, b: Row | undefined): Row | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareIdentities(orders, a, b) <= 0 ? a : b;
}
