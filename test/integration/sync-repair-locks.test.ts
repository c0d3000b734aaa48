/**
 * A repair on the new cluster beside replays that hold rows of the same table: it finds its own rows by an index, so
 * that it neither reads nor locks another one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { runSyncCommand, writeSyncConfig } from './sync-command-stage.ts';

const ROWS = 20_000;
const ROWS_A_FOLDER = 20;

/** By what a row is told from others; the first column is the group's. */
const IDENTITIES = {
  numbers:
    'folderid BIGINT, type TINYINT, itemid BIGINT, ts INT NOT NULL, PRIMARY KEY (folderid, type, itemid)',
  texts:
    'folderid BIGINT, type VARCHAR(10), itemid VARCHAR(20), ts INT NOT NULL, PRIMARY KEY (folderid, type, itemid)',
  others:
    'folderid BIGINT, type TINYINT, itemid BIGINT, ts INT NOT NULL, PRIMARY KEY (itemid, type), KEY (folderid)',
} as const;
type Table = keyof typeof IDENTITIES;
const TABLES = Object.keys(IDENTITIES) as Table[];

describe.each([
  ['MariaDB', () => startMariadb({ name: 'locks' })],
  ['MySQL', () => startMysql({ name: 'locks' })],
] as const)('on %s', (_, start) => {
  let server: SqlServer;
  let config: string;

  beforeAll(async () => {
    server = await start();
    const rows = Array.from(
      { length: ROWS },
      (_each, at) => `(${Math.floor(at / ROWS_A_FOLDER)}, ${at % 3}, ${at}, 1)`,
    ).join(', ');
    for (const database of ['old', 'new']) {
      await server.query(`CREATE DATABASE ${database}`);
      for (const table of TABLES) {
        await server.query(`CREATE TABLE ${database}.${table} (${IDENTITIES[table]})`);
        await server.query(`INSERT INTO ${database}.${table} VALUES ${rows}`);
      }
    }
    const place = (database: string) => ({ host: server.host, port: server.port, database });
    config = await writeSyncConfig({
      tables: Object.fromEntries(TABLES.map((table) => [table, { key: 'folderid' }])),
      shards: { s00: { old: place('old'), new: place('new') } },
    });
  });
  afterAll(() => server?.destroy());

  it.each(TABLES.flatMap((table) => [1, 2, 101, 150].map((count) => [table, count] as const)))(
    'of the table whose rows are told apart by %s: %i',
    async (table, count) => {
      // Every 37th item; the one that is held is none of them.
      const some = Array.from({ length: count }, (_each, at) => at * 37 + 1);
      for (const [at, item] of some.entries()) {
        const what = ['UPDATE new.% SET ts = 2', 'DELETE FROM new.%', 'DELETE FROM old.%'][at % 3]!;
        await server.query(
          `${what.replace('%', table)} WHERE folderid = ${Math.floor(item / ROWS_A_FOLDER)} AND itemid = ${item}`,
        );
      }
      const holder = await server.connect({ database: 'new' });
      try {
        await holder.query('BEGIN');
        await holder.query(
          `UPDATE ${table} SET ts = ts + 1 WHERE folderid = 900 AND type = '0' AND itemid = '18000'`,
        );
        const { code, report, stdout } = await runSyncCommand(config, '--full', '--table', table);
        expect([code, report?.verdict], stdout).toEqual([0, 'clean']);
        expect(report?.passes[0]?.counts.settled).toMatchObject({ failed: 0, moving: 0 });
      } finally {
        await holder.query('ROLLBACK');
        holder.destroy();
      }
    },
  );
});
