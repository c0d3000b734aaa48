/**
 * Groups that take longer than a query may, on real servers: they are summed up by parts of their rows, or named, and
 * the sync goes on behind them and says so while it runs. MariaDB on both sides, as MySQL has no column that is slow to read.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { type Place, runSyncCommand, startSyncCommand, writeSyncConfig } from './sync-command-stage.ts';

/** The shortest that the configuration takes, in ms. */
const LIMIT = { queryTimeoutMs: 1000 };
const FOLDERS = 12;
/** In each table; its rows take longer than that together, a few of them don't on any machine, however busy. */
const SLOW = 5;
const SLOW_ROWS = 2500;
const OTHERWISE = 9;
/** MD5 is read in order, byte by byte: no processor does all rows of it in a second. */
const SLOW_SQL = "MD5(REPEAT('x', 500000))";

const TABLES: Readonly<Record<string, string>> = {
  /** Nothing tells its rows apart, so that no group of it has parts. */
  bag: 'KEY (folderid)',
  sorted: 'PRIMARY KEY (folderid, itemid)',
};

let server: SqlServer;

beforeAll(async () => {
  server = await startMariadb();
  const rows = Array.from({ length: FOLDERS }, (_, index) => index + 1).flatMap((folder) =>
    Array.from({ length: folder === SLOW ? SLOW_ROWS : 1 }, (_row, item) => [folder, item, 1]),
  );
  const connection = await server.connect({ multipleStatements: true });
  // What old makes up as it is read, new has stored.
  for (const [database, value] of [
    ['a', `CHAR(32) AS (IF(folderid = ${SLOW}, ${SLOW_SQL}, '')) VIRTUAL`],
    ['b', 'CHAR(32)'],
  ]) {
    await connection.query(`CREATE DATABASE ${database}; USE ${database};
      CREATE TABLE quick (folderid INT PRIMARY KEY); INSERT INTO quick VALUES (1)`);
    for (const [table, key] of Object.entries(TABLES)) {
      await connection.query(
        `CREATE TABLE ${table} (folderid INT, itemid INT, size INT, v ${value}, ${key})`,
      );
      await connection.query(`INSERT INTO ${table} (folderid, itemid, size) VALUES ?`, [rows]);
    }
  }
  for (const table of Object.keys(TABLES))
    await connection.query(`SET @slow = ${SLOW_SQL}; UPDATE b.${table} SET v = IF(folderid = ${SLOW}, @slow, '');
      UPDATE b.${table} SET size = 2 WHERE folderid = ${OTHERWISE}`);
  await connection.end();
});
afterAll(() => server?.destroy());

function configOf(): Promise<string> {
  const place = (database: string): Place => ({ host: server.host, port: server.port, database });
  return writeSyncConfig({
    tables: Object.fromEntries(
      [...Object.keys(TABLES), 'quick'].map((table) => [table, { key: 'folderid' }]),
    ),
    shards: { s00: { old: place('a'), new: place('b') } },
    sync: { ...LIMIT, workers: 1 },
  });
}

describe('a sync whose queries may take a second', () => {
  it('sums a group up by parts, names one that has none, and compares those behind it', async () => {
    const { live, ended } = startSyncCommand(
      await configOf(),
      ...['--full', '--check', '--table', 'bag,sorted', '--admin-port', '0'],
    );
    const metrics = await waitFor(() => /metrics are at (\S+)/.exec(live.stderr)?.[1], {
      what: 'its metrics',
    });
    // Before its end: the table behind the one of the failure takes its time.
    await waitFor(
      async () =>
        (await (await fetch(metrics)).text()).includes(
          'understudy_sync_failures_total{shard="s00",kind="group"} 1\n',
        ),
      { what: 'the failure among its metrics' },
    );
    const { code, report } = await ended;
    const reason = expect.stringMatching(new RegExp(`^the group "${SLOW}": old s00 .*max_statement_time`));
    expect(report?.passes.map(({ failures }) => failures)).toEqual([
      [{ shard: 's00', table: 'bag', reason }],
    ]);
    expect(report?.passes[0]?.counts).toMatchObject({
      ...{ groups: 2 * FOLDERS, mismatched: 3 },
      settled: { differs: 2, failed: 1 },
    });
    expect(code).toBe(1);
  });

  it('names a table that another session has locked, and compares the others', async () => {
    const lock = await server.connect({ database: 'a' });
    try {
      await lock.query('LOCK TABLES bag WRITE');
      const { code, report } = await runSyncCommand(
        await configOf(),
        '--full',
        '--check',
        '--table',
        'bag,quick',
      );
      expect(report?.passes[0]?.failures).toEqual([
        { shard: 's00', table: 'bag', reason: expect.stringMatching(/^old s00 .*max_statement_time/) },
      ]);
      expect(report?.passes[0]?.counts).toMatchObject({ groups: 1, mismatched: 0 });
      expect(code).toBe(1);
    } finally {
      await lock.end();
    }
  });
});
