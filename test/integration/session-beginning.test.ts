/** Servers that begin sessions differently: zones of their machines, global settings, init_connect. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { mirrored, NEW_DATABASE, OLD_DATABASE, SHARD, startStageProxy, untilMirrorIsIdle } from './stage.ts';

const SCHEMA = `CREATE TABLE messages (folderid BIGINT PRIMARY KEY, at TIMESTAMP NULL, title VARCHAR(40))`;
const ACCOUNT = "CREATE USER app@'%' IDENTIFIED BY 'x'; GRANT ALL ON app.* TO app@'%'";
/** As POSIX writes zones: no server needs a table of them. */
const TOKYO = 'JST-9';
const BERLIN = 'CET-1CEST,M3.5.0,M10.5.0/3';

let old: SqlServer;
let fresh: SqlServer;
let proxy: RunningProxy;

async function start(from: Promise<SqlServer>, to: Promise<SqlServer>): Promise<void> {
  [old, fresh] = await Promise.all([from, to]);
  await old.query(`CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${SCHEMA}; ${ACCOUNT}`);
  await fresh.query(`CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${SCHEMA}`);
  proxy = await startStageProxy({ old, fresh }, { tables: { messages: { key: 'folderid' } } });
}

async function stop(): Promise<void> {
  await proxy?.kill9();
  await Promise.all([old?.destroy(), fresh?.destroy()]);
}

/** As an account that has no right to skip init_connect. */
async function run(...statements: readonly string[]): Promise<void> {
  const client = await old.connect({
    port: proxy.port(SHARD),
    user: 'app',
    password: 'x',
    database: OLD_DATABASE,
  });
  for (const sql of statements) await client.query(sql);
  await client.end();
  await untilMirrorIsIdle(proxy);
}

const rowsOf = (server: SqlServer, database: string): Promise<RowDataPacket[]> =>
  server.query(
    `SELECT folderid, UNIX_TIMESTAMP(at) AS at, title FROM ${database}.messages ORDER BY folderid`,
  );

async function expectSame(rows: number): Promise<void> {
  const before = await rowsOf(old, OLD_DATABASE);
  const after = await rowsOf(fresh, NEW_DATABASE);
  expect(before).toHaveLength(rows);
  expect(after).toEqual(before);
}

describe('MariaDB in Tokyo, with settings of its own and an init_connect; MySQL 9 in UTC', () => {
  beforeAll(() =>
    start(
      startMariadb({
        name: 'old',
        env: { TZ: TOKYO },
        extra: [
          '--auto-increment-increment=3',
          '--skip-character-set-client-handshake',
          '--character-set-server=latin2',
          '--lc-time-names=de_DE',
          "--init-connect=SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')",
        ],
      }),
      startMysql({ name: 'new', env: { TZ: 'UTC' } }),
    ),
  );
  afterAll(stop);

  it('what a session has by default holds for its replays', async () => {
    await run(
      "INSERT INTO messages VALUES (1, '2026-07-01 12:00:00', DATE_FORMAT('2026-07-01', '%W'))",
      "INSERT INTO messages VALUES (2, '2026-01-01 00:00:00', 'a' || 'b')",
      "SET time_zone = '-05:00', lc_time_names = 'fr_FR'",
      "INSERT INTO messages VALUES (4, '2026-07-01 12:00:00', DATE_FORMAT('2026-07-01', '%W'))",
      'SET time_zone = DEFAULT, lc_time_names = DEFAULT',
      "INSERT INTO messages VALUES (5, '2026-07-01 12:00:00', DATE_FORMAT('2026-07-01', '%W'))",
    );
    expect(await mirrored(proxy, { outcome: 'mirrored' })).toBe(4);
    await expectSame(4);
    expect(await old.query(`SELECT title FROM ${OLD_DATABASE}.messages ORDER BY folderid`)).toEqual([
      { title: 'Mittwoch' },
      { title: 'ab' },
      { title: 'mercredi' },
      { title: 'Mittwoch' },
    ]);
    await proxy.untilLogged('has an init_connect');
  });

  it('a server that ignores the character set of logins has its own for all sessions', async () => {
    await run(
      'DELETE FROM messages',
      "INSERT INTO messages VALUES (10, NULL, CHAR_LENGTH('ž'))",
      'SET NAMES utf8mb4',
      "INSERT INTO messages VALUES (11, NULL, CHAR_LENGTH('ž'))",
    );
    expect(await old.query(`SELECT title FROM ${OLD_DATABASE}.messages ORDER BY folderid`)).toEqual([
      { title: '2' },
      { title: '1' },
    ]);
    await expectSame(2);
  });
});

describe('MySQL 9 where clocks go forward in summer; MariaDB in UTC', () => {
  beforeAll(() =>
    start(
      startMysql({ name: 'old', env: { TZ: BERLIN } }),
      startMariadb({ name: 'new', env: { TZ: 'UTC' } }),
    ),
  );
  afterAll(stop);

  it('a zone that can’t be told to the new server keeps sessions from being replayed until they set one', async () => {
    await run("INSERT INTO messages VALUES (1, '2026-07-01 12:00:00', 'lost an hour')");
    expect(await mirrored(proxy, { outcome: 'skipped_unsupported' })).toBe(1);
    expect(await proxy.metric('understudy_mirror_doubts_total', { reason: 'hazard' })).toBe(1);
    await proxy.untilLogged('settings that can’t be told');
    await run("SET time_zone = '+00:00'", "INSERT INTO messages VALUES (2, '2026-07-01 12:00:00', 'told')");
    expect(await mirrored(proxy, { outcome: 'mirrored' })).toBe(1);
    await old.query(`DELETE FROM ${OLD_DATABASE}.messages WHERE folderid = 1`);
    await expectSame(1);
  });
});
