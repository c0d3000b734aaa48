/** A table on two real servers, compared as the sync does and by a look at all rows at once. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { BatchSize } from '../../src/sync/batch-size.ts';
import { bundleReaders, type CloseLook, lookAtRows } from '../../src/sync/drill-bundle.ts';
import { type DrillOptions, drillDown } from '../../src/sync/drill-down.ts';
import { crawlGroups, crawlWays } from '../../src/sync/group-crawl.ts';
import type { GroupReader } from '../../src/sync/group-reader.ts';
import { DEFAULT_HASH } from '../../src/sync/hash-method.ts';
import { canonicalIdentity, canonicalKey } from '../../src/sync/key-order.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { RepairSql } from '../../src/sync/repair-sql.ts';
import type { RowReader } from '../../src/sync/row-reader.ts';
import { RowRepair } from '../../src/sync/row-repair.ts';
import { OLD_TO_NEW, onBoth, type Sides } from '../../src/sync/side.ts';
import { openGroupReader } from '../../src/sync/sql-group-reader.ts';
import { openRowReader } from '../../src/sync/sql-row-reader.ts';
import type { SyncServer } from '../../src/sync/sync-server.ts';
import { pairTables, type TablePair } from '../../src/sync/table-pair.ts';
import { readTableShape } from '../../src/sync/table-shape.ts';
import type { Row, Value } from '../../src/sync/value.ts';

export interface ComparedTable {
  readonly pair: TablePair;
  readonly groups: Sides<GroupReader>;
  readonly rows: Sides<RowReader>;
}

/** What was found, or is so: keys and rows in a canonical spelling, sorted. */
export interface Findings {
  readonly groups: number;
  readonly mismatches: readonly string[];
  /** `missing 1 IDENTITY`; of a table without identity by the key alone. */
  readonly differences: readonly string[];
}

/** `key`: the group column; null: the first of the identity, or none. */
export async function openTable(
  servers: Sides<SyncServer>,
  database: string,
  name: string,
  key: string | null,
): Promise<ComparedTable> {
  const shapes = await onBoth((side) => readTableShape(servers[side], database, name));
  const pairing = pairTables(name, shapes, servers, key);
  if ('faults' in pairing) throw new Error(`${name}: ${pairing.faults.join('; ')}`);
  const { pair } = pairing;
  const options = { pair, method: DEFAULT_HASH, force: false };
  return {
    pair,
    groups: {
      old: openGroupReader({ ...options, server: servers.old }),
      new: openGroupReader({ ...options, server: servers.new }),
    },
    rows: {
      old: openRowReader({ ...options, server: servers.old }),
      new: openRowReader({ ...options, server: servers.new }),
    },
  };
}

/** Crawls and drills down. */
export async function findDifferences(
  { pair, groups: readers, rows }: ComparedTable,
  size: () => BatchSize = () => new BatchSize(),
  options: DrillOptions = {},
): Promise<Findings> {
  const order = orderOf(pair);
  const mismatches: string[] = [];
  const differences: string[] = [];
  let groups = 0;
  const identity = pair.identity.map((column) => column.order);
  for (const way of crawlWays(order, OLD_TO_NEW)) {
    for await (const batch of crawlGroups({ readers, direction: OLD_TO_NEW, order }, way, ALL_KEYS, size())) {
      groups += batch.groups;
      for (const mismatch of batch.mismatches) {
        mismatches.push(canonicalKey(order, mismatch.key));
        const table = { readers: rows, direction: OLD_TO_NEW, identity };
        for await (const difference of drillDown(table, mismatch, options)) {
          const what =
            identity.length > 0
              ? canonicalIdentity(identity, difference.identity)
              : canonicalKey(order, mismatch.key);
          differences.push(`${difference.kind} ${difference.copies} ${what}`);
        }
      }
    }
  }
  return { groups, mismatches: mismatches.sort(), differences: differences.sort() };
}

/** Of all groups that differ, looked at at once; null: the groups of this table can't be. */
export async function lookTogether({
  pair,
  groups: readers,
  rows,
}: ComparedTable): Promise<readonly CloseLook[] | null> {
  const order = orderOf(pair);
  const identity = pair.identity.map((column) => column.order);
  const drilled = { readers: rows, direction: OLD_TO_NEW, identity };
  const bundled = bundleReaders(drilled);
  if (bundled === null) return null;
  const looks: CloseLook[] = [];
  for await (const { mismatches } of crawlGroups(
    { readers, direction: OLD_TO_NEW, order },
    'both',
    ALL_KEYS,
  )) {
    const keys = mismatches.map(({ key }) => key);
    if (keys.length > 0) looks.push(...(await lookAtRows(drilled, bundled, order, keys)));
  }
  return looks;
}

/** As `findDifferences` tells them, of a table whose rows have an identity. */
export function differencesOf({ pair }: ComparedTable, looks: readonly CloseLook[]): string[] {
  const identity = pair.identity.map((column) => column.order);
  const all = looks.flatMap(({ differences }) => differences ?? []);
  return all
    .map((each) => `${each.kind} ${each.copies} ${canonicalIdentity(identity, each.identity)}`)
    .sort();
}

/** Crawls, and makes the new side's rows those of the old. Rejects where the new side would not take some. */
export async function repairDifferences(table: ComparedTable, servers: Sides<SyncServer>): Promise<void> {
  const { pair, groups: readers, rows } = table;
  const order = orderOf(pair);
  const repair = openRepair(pair, servers);
  const identity = pair.identity.map((column) => column.order);
  const drilled = { readers: rows, direction: OLD_TO_NEW, identity };
  for (const way of crawlWays(order, OLD_TO_NEW)) {
    const crawl = crawlGroups({ readers, direction: OLD_TO_NEW, order }, way, ALL_KEYS);
    for await (const { mismatches } of crawl)
      for (const mismatch of mismatches) await repair.repair(mismatch.key, drillDown(drilled, mismatch));
  }
}

export function openRepair(pair: TablePair, servers: Sides<SyncServer>): RowRepair {
  return new RowRepair({
    sql: new RepairSql(pair, OLD_TO_NEW, servers),
    orders: pair.identity.map((column) => column.order),
    source: servers.old,
    target: servers.new,
    rowsPerTransaction: 3,
  });
}

/**
 * What `findDifferences` must find, from all rows of both servers. Tables whose columns print the same way on both
 * sides where they are the same, but for group and identity.
 */
export async function readDifferences(pair: TablePair, connections: Sides<Connection>): Promise<Findings> {
  const { old, new: fresh } = await onBoth((side) => dump(pair, connections[side], side));
  const keys = [...new Set([...old.groups.keys(), ...fresh.groups.keys()])];
  const differing = keys.filter(
    (key) => old.groups.get(key)?.sort().join() !== fresh.groups.get(key)?.sort().join(),
  );
  const differences: string[] = [];
  for (const row of new Set([...old.rows.keys(), ...fresh.rows.keys()])) {
    const [ours, theirs] = [old.rows.get(row), fresh.rows.get(row)];
    const { key, identity } = (ours ?? theirs)!;
    const name = pair.identity.length > 0 ? identity : key;
    const copies = (ours?.copies ?? 0) - (theirs?.copies ?? 0);
    if (copies !== 0) differences.push(`${copies > 0 ? 'missing' : 'extra'} ${Math.abs(copies)} ${name}`);
    else if (ours!.content !== theirs!.content) differences.push(`different 1 ${name}`);
  }
  return { groups: keys.length, mismatches: differing.sort(), differences: differences.sort() };
}

interface DumpedRow {
  readonly key: string;
  readonly identity: string;
  readonly content: string;
  copies: number;
}

async function dump(
  pair: TablePair,
  connection: Connection,
  side: 'old' | 'new',
): Promise<{ groups: Map<string, string[]>; rows: Map<string, DumpedRow> }> {
  const order = orderOf(pair);
  const exact = [...pair.identity, ...(pair.group === null ? [] : [pair.group])];
  const rest = pair.columns.filter(({ name }) => !exact.some((column) => column.name === name));
  const columns = [...exact.map((column) => column.select[side]), ...rest.map(({ name }) => `\`${name}\``)];
  const [found] = await connection.query<RowDataPacket[][]>({
    sql: `SELECT ${columns.join(', ')} FROM \`${pair.name}\``,
    rowsAsArray: true,
  });
  const groups = new Map<string, string[]>();
  const rows = new Map<string, DumpedRow>();
  for (const values of found as unknown as Row[]) {
    const key = pair.group === null ? 'null' : canonicalKey(order, textOf(values[exact.length - 1]!));
    const parts = exact.map((column, index) => canonicalKey(column.order, textOf(values[index]!)));
    const content = JSON.stringify([...parts, ...values.slice(exact.length)]);
    groups.set(key, [...(groups.get(key) ?? []), content]);
    const orders = pair.identity.map((column) => column.order);
    const identity = canonicalIdentity(orders, values.slice(0, orders.length).map(textOf));
    // A row that is in another group on the other side is missing in the one and extra in the other.
    const name = `${key} ${orders.length > 0 ? identity : content}`;
    const known = rows.get(name);
    if (known === undefined) rows.set(name, { key, identity, content, copies: 1 });
    else known.copies += 1;
  }
  return { groups, rows };
}

/** mysql2 gives small numbers as numbers. */
function textOf(value: unknown): Value {
  return value === null || Buffer.isBuffer(value) ? value : String(value);
}

function orderOf(pair: TablePair) {
  return pair.group?.order ?? 'numeric';
}
