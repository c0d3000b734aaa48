/** What is odd about tables, and not about one column's values: `understudy sync` repairs it all in one go. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Side } from '../../src/sync/side.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { EDGE_TABLES, type EdgeTable } from './edge-tables.ts';
import { runSyncCommand, type SyncRun, writeSyncConfig } from './sync-command-stage.ts';

const MODE = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';
const PAIRS = ['MySQL 9', 'MariaDB'] as const;

let mariadb: SqlServer;
let mysql: SqlServer;

beforeAll(async () => {
  // Between the rows of a batch and one that is too large for a packet.
  const extra = (size: string) => [`--max-allowed-packet=${size}`];
  [mariadb, mysql] = await Promise.all([
    startMariadb({ extra: extra('4M') }),
    startMysql({ extra: extra('1M') }),
  ]);
});
afterAll(async () => {
  await Promise.all([mariadb?.destroy(), mysql?.destroy()]);
});

describe.each(PAIRS)('from MariaDB to %s', (kind) => {
  const fresh = (): SqlServer => (kind === 'MariaDB' ? mariadb : mysql);
  const databases = { old: `edges old ${kind}`, new: `edges-new-${kind}` };
  const tables = EDGE_TABLES.filter(({ only }) => only === undefined || only === kind);
  const readers = {} as Record<Side, Connection>;
  let run: SyncRun;

  beforeAll(async () => {
    for (const [side, server] of [
      ['old', mariadb],
      ['new', fresh()],
    ] as const)
      readers[side] = await fill(server, databases[side], side, tables);
    const place = (server: SqlServer, database: string) => ({
      host: server.host,
      port: server.port,
      database,
    });
    const config = await writeSyncConfig({
      tables: Object.fromEntries(tables.map(({ name, key }) => [name, { key }])),
      shards: { s00: { old: place(mariadb, databases.old), new: place(fresh(), databases.new) } },
    });
    run = await runSyncCommand(config, '--full', '--passes', '2');
  });

  afterAll(() => {
    for (const reader of Object.values(readers)) reader.destroy();
  });

  it('finds nothing left, but for what can not be', () => {
    const refused = tables.filter(({ refused: any }) => any !== undefined).map(({ name }) => name);
    const failed = new Set(run.report?.passes[0]?.failures.map(({ table }) => table));
    expect([...failed].sort()).toEqual(refused.sort());
    expect(run.code).toBe(refused.length === 0 ? 0 : 1);
  });

  it.each(tables.map((one) => [one.title, one] as const))('%s', async (_, table) => {
    const { name, refused, reads, after } = table;
    const failures = run.report?.passes[0]?.failures.filter((each) => each.table === name) ?? [];
    expect(failures.map(({ reason }) => reason)).toEqual(
      (refused ?? []).map((text) => expect.stringMatching(text)),
    );
    const sql = (side: Side) => `SELECT ${reads?.[side] ?? '*'} FROM ${quoted(name)}`;
    const texts = async (side: Side) => rowsOf(readers[side], sql(side));
    if (refused === undefined) expect(await texts('new')).toEqual(await texts('old'));
    for (const [query, wanted] of after ?? []) expect(await rowsOf(readers.new, query)).toEqual(wanted);
  });
});

async function fill(
  server: SqlServer,
  database: string,
  side: Side,
  tables: readonly EdgeTable[],
): Promise<Connection> {
  const connection = await server.connect({ charset: 'utf8mb4', multipleStatements: true });
  await connection.query(`CREATE DATABASE ${quoted(database)} CHARACTER SET utf8mb4`);
  await connection.query(`USE ${quoted(database)}; SET SESSION sql_mode = '${MODE}', time_zone = '+00:00'`);
  for (const one of tables) await fillTable(connection, side, one);
  return connection;
}

async function fillTable(
  connection: Connection,
  side: Side,
  { title, name, sql, rows }: EdgeTable,
): Promise<void> {
  const text = typeof sql === 'string' ? sql : sql[side];
  try {
    await connection.query(text.replaceAll('{t}', quoted(name)));
    for (const each of rows[side]) await connection.query(each.replaceAll('{t}', quoted(name)));
  } catch (error) {
    throw new Error(`${title}: ${(error as Error).message}`, { cause: error });
  }
}

/** What the server says of each value, in an order that is the same on both. */
async function rowsOf(connection: Connection, sql: string): Promise<unknown> {
  const [rows] = await connection.query<RowDataPacket[][]>({
    sql,
    rowsAsArray: true,
    typeCast: (field) => field.buffer()?.toString('latin1') ?? null,
  });
  return rows.map((row) => JSON.stringify(row)).sort();
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
