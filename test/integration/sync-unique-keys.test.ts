/** Values of a second unique key that stand in each other's rows: of one group, and of two. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { runSyncCommand, writeSyncConfig } from './sync-command-stage.ts';

const DATABASE = 'unique_keys';
const TABLE = `CREATE TABLE ${DATABASE}.names (folderid INT, id INT, name VARCHAR(20) UNIQUE, PRIMARY KEY (folderid, id))`;

let old: SqlServer;
let fresh: SqlServer;

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMysql({ name: 'new' })]);
});
afterAll(async () => {
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

it.each([
  ['of one group', "(1, 1, 'b'), (1, 2, 'a'), (2, 1, 'c'), (3, 1, 'd')"],
  ['of two groups', "(1, 1, 'c'), (1, 2, 'b'), (2, 1, 'a'), (3, 1, 'd')"],
  ['in a circle', "(1, 1, 'c'), (1, 2, 'b'), (2, 1, 'd'), (3, 1, 'a')"],
])('values that were swapped between rows %s come to their own', async (_, wrong) => {
  const rows = "(1, 1, 'a'), (1, 2, 'b'), (2, 1, 'c'), (3, 1, 'd')";
  for (const [server, values] of [
    [old, rows],
    [fresh, wrong],
  ] as const) {
    await server.query(`DROP DATABASE IF EXISTS ${DATABASE}`);
    await server.query(`CREATE DATABASE ${DATABASE}`);
    await server.query(TABLE);
    await server.query(`INSERT INTO ${DATABASE}.names VALUES ${values}`);
  }
  const place = ({ host, port }: SqlServer) => ({ host, port, database: DATABASE });
  const config = await writeSyncConfig({
    tables: { names: { key: 'folderid' } },
    shards: { s00: { old: place(old), new: place(fresh) } },
  });
  const { code, report } = await runSyncCommand(config, '--full');
  const rowsOf = (server: SqlServer) =>
    server.query<RowDataPacket[]>(`SELECT folderid, id, name FROM ${DATABASE}.names ORDER BY folderid, id`);
  expect(await rowsOf(fresh)).toEqual(await rowsOf(old));
  expect([code, report?.verdict]).toEqual([0, 'clean']);
});
