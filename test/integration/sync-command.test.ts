/** `understudy sync` on real servers: what differs is found, counted and repaired, and nothing else is touched. */
import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePort } from '../harness/ports.ts';
import { startChild } from '../harness/process.ts';
import { MAIN, type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { untilMirrorIsIdle } from './stage.ts';
import { type Place, runSyncCommand, startSyncCommand, writeSyncConfig } from './sync-command-stage.ts';

const TABLES = { messages: { key: 'folderid' }, notes: { key: 'owner' }, plain: { key: 'k' } };
const FOLDERS = 300;
const ROWS = 4;

const TABLE_SQL = [
  `CREATE TABLE messages (folderid BIGINT, type TINYINT, itemid BIGINT, title VARCHAR(40), at DATETIME(3),
     size FLOAT, PRIMARY KEY (folderid, type, itemid))`,
  'CREATE TABLE notes (owner VARCHAR(20), id INT AUTO_INCREMENT PRIMARY KEY, body TEXT, raw VARBINARY(20), KEY (owner))',
  'CREATE TABLE plain (k INT, v VARCHAR(20), KEY (k))',
] as const;

let old: SqlServer;
let fresh: SqlServer;

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMysql({ name: 'new' })]);
});

afterAll(async () => {
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

async function fill(server: SqlServer, database: string, charset: string, engine: string): Promise<void> {
  const connection = await server.connect({ charset: 'utf8mb4' });
  await connection.query(`DROP DATABASE IF EXISTS ${database}`);
  await connection.query(`CREATE DATABASE ${database} CHARACTER SET ${charset}`);
  await connection.query(`USE ${database}`);
  for (const sql of TABLE_SQL) await connection.query(`${sql} ENGINE ${engine}`);
  const messages: unknown[] = [];
  const notes: unknown[] = [];
  const plain: unknown[] = [];
  for (let folder = 1; folder <= FOLDERS; folder++) {
    for (let row = 0; row < ROWS; row++) {
      const at = `2024-02-29 12:00:${String(folder % 60).padStart(2, '0')}.25${row}`;
      messages.push([folder, 1, row, `café ${folder}`, at, folder / 3 + row]);
      notes.push([
        `owner ${folder}`,
        folder * ROWS + row,
        `näïve ${row}`,
        Buffer.from([0, folder % 256, 0x27]),
      ]);
      plain.push([folder, `v${row % 2}`]);
    }
  }
  await connection.query('INSERT INTO messages VALUES ?', [messages]);
  await connection.query('INSERT INTO notes VALUES ?', [notes]);
  await connection.query('INSERT INTO plain VALUES ?', [plain]);
  await connection.end();
}

const place = (server: SqlServer, database: string): Place => ({
  host: server.host,
  port: server.port,
  database,
});

function configOf(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return writeSyncConfig({
    tables: TABLES,
    shards: { s00: { old: place(old, 'mc_old'), new: place(fresh, 'mc_new') } },
    more,
  });
}

/** By other means than the sync's own. */
async function rowsOf(server: SqlServer, database: string): Promise<ReadonlyMap<string, string>> {
  const messages = await server.query<RowDataPacket[]>(
    `SELECT CONCAT('messages/', folderid, ' ', type, ' ', itemid) AS row_name, title, CAST(at AS CHAR) AS at, size * 1e0 AS size
     FROM ${database}.messages`,
  );
  const notes = await server.query<RowDataPacket[]>(
    `SELECT CONCAT('notes/', owner, ' ', id) AS row_name, body, HEX(raw) AS raw_hex FROM ${database}.notes`,
  );
  return new Map([...messages, ...notes].map((row) => [String(row.row_name), JSON.stringify(row)]));
}

async function differing(): Promise<string[]> {
  const [left, right] = [await rowsOf(old, 'mc_old'), await rowsOf(fresh, 'mc_new')];
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].filter((name) => left.get(name) !== right.get(name)).sort();
}

/** Of the table without a primary key. */
async function plainRows(server: SqlServer, database: string): Promise<unknown> {
  return server.query(`SELECT k, v, COUNT(*) AS rows_of FROM ${database}.plain GROUP BY k, v ORDER BY k, v`);
}

async function corrupt(): Promise<void> {
  const connection = await fresh.connect({ database: 'mc_new', charset: 'utf8mb4' });
  for (const sql of [
    'DELETE FROM messages WHERE folderid = 7',
    'DELETE FROM messages WHERE folderid = 8 AND itemid = 2',
    "INSERT INTO messages VALUES (9, 2, 77, 'extra', NOW(), 0), (100000, 1, 1, 'a folder of its own', NOW(), 1)",
    "UPDATE messages SET title = 'cafe 10' WHERE folderid = 10 AND itemid = 1",
    'UPDATE messages SET size = size * 1.0000002 WHERE folderid = 11 AND itemid = 3',
    "UPDATE notes SET body = NULL WHERE owner = 'owner 12' LIMIT 1",
    "UPDATE notes SET raw = X'000D27' WHERE owner = 'owner 14' LIMIT 1",
    'DELETE FROM plain WHERE k = 15 LIMIT 1',
    "INSERT INTO plain VALUES (16, 'v0'), (16, 'v0'), (NULL, 'nobody')",
  ])
    await connection.query(sql);
  await connection.end();
}

/** Groups that `corrupt` touches, two of them of notes. */
const CORRUPTED = 11;

describe('a sync of a MyISAM cluster in latin1 and a new one of InnoDB in utf8mb4, on MySQL', () => {
  beforeEach(async () => {
    await Promise.all([fill(old, 'mc_old', 'latin1', 'MyISAM'), fill(fresh, 'mc_new', 'utf8mb4', 'InnoDB')]);
  });

  it('finds nothing where nothing differs', async () => {
    const { code, report, stdout } = await runSyncCommand(await configOf(), '--full');
    expect(report?.passes[0]).toMatchObject({ failed: 0, failures: [], counts: { groups: 3 * FOLDERS } });
    expect([code, report?.verdict, report?.passes.length]).toEqual([0, 'clean', 1]);
    expect(stdout).toContain('consistency 1.000000');
  });

  it('counts what differs and leaves it as it is, where it may only look', async () => {
    await corrupt();
    const before = await differing();
    expect(before.length).toBeGreaterThan(8);
    const { code, report } = await runSyncCommand(await configOf(), '--full', '--check');
    expect(report?.passes[0]?.counts).toMatchObject({
      mismatched: CORRUPTED,
      settled: { differs: CORRUPTED, repaired: 0 },
    });
    expect(code).toBe(1);
    expect(await differing()).toEqual(before);
  });

  it('repairs every row, and no other', async () => {
    await corrupt();
    const { code, report, stderr } = await runSyncCommand(await configOf(), '--full');
    expect(stderr).toContain('proxy http://127.0.0.1');
    expect(report?.passes.map(({ counts, failures }) => [counts.settled.repaired, failures])).toEqual([
      [CORRUPTED, []],
      [0, []],
    ]);
    expect(report?.passes[0]?.counts.rows).toEqual({ missing: 6, extra: 5, different: 4 });
    expect([code, await differing()]).toEqual([0, []]);
    expect(await plainRows(fresh, 'mc_new')).toEqual(await plainRows(old, 'mc_old'));
  });

  it.each(['sha256', 'crc32'])('repairs by %s too', async (hash) => {
    await corrupt();
    const { code, report } = await runSyncCommand(await configOf(), '--full', '--hash', hash);
    expect(report?.passes[0]?.counts.settled.repaired).toBe(CORRUPTED);
    expect([code, await differing()]).toEqual([0, []]);
  });

  it('of single keys, shards and tables leaves the others alone', async () => {
    await corrupt();
    const config = await configOf();
    const { code, report } = await runSyncCommand(config, '--keys', '7,10', '--table', 'messages');
    expect([code, report?.passes[0]?.counts.settled.repaired]).toEqual([0, 2]);
    const left = await differing();
    expect(left.filter((row) => /^messages\/(?:7|10) /.test(row))).toEqual([]);
    expect(left).toContain('messages/8 1 2');
  });

  it('waits while a pause is wanted', async () => {
    const file = join(temporaryDirectory('pause'), 'pause');
    writeFileSync(file, '');
    const { live, ended } = startSyncCommand(
      await configOf(),
      '--full',
      '--pause-file',
      file,
      '--admin-port',
      '0',
    );
    await waitFor(() => live.stderr.includes(`s00: waits: the file ${file} is there`), {
      what: 'the sync to wait',
    });
    const url = /metrics are at (\S+)/.exec(live.stderr)?.[1] ?? '';
    expect(await (await fetch(url)).text()).toContain('understudy_sync_throttled{shard="s00"} 1');
    expect(await (await fetch(url.replace('metrics', 'healthz'))).json()).toEqual({
      ...{ status: 'ok', kind: 'full', pass: 1 },
    });
    expect(live.stdout).toBe('');
    unlinkSync(file);
    expect((await ended).code).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
    expect(live.stderr).toContain('s00: goes on');
  });

  it('goes on after a kill where it was', async () => {
    await corrupt();
    const folder = temporaryDirectory('sync-checkpoint');
    const config = await configOf({ sync: { checkpoint: folder, workers: 1 } });
    // It comes through the first table, and no further.
    const lock = await old.connect({ database: 'mc_old' });
    await lock.query('LOCK TABLES notes WRITE');
    const killed = await startChild({
      name: 'sync',
      command: process.execPath,
      args: [MAIN, 'sync', '--config', config, '--full'],
    });
    const written = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.json'));
    await waitFor(() => written().length === 1, { what: 'a checkpoint', timeoutMs: 60_000 });
    const checkpoint = join(folder, written()[0]!);
    killed.signal('SIGKILL');
    await killed.exited;
    await lock.end();
    const { groups } = JSON.parse(readFileSync(checkpoint, 'utf8')).record.outcome.counts;
    expect(groups).toBeGreaterThan(0);
    const { code, report, stderr } = await runSyncCommand(config, '--full');
    expect(stderr).toContain('goes on where the sync before this one ended');
    // The folder that only the new side has, and the rows of nobody, are groups too.
    // What the killed one took away, and had not noted yet, is none any more.
    expect(report?.passes[0]?.counts.groups).toBeGreaterThanOrEqual(3 * FOLDERS + 1);
    expect([code, await differing(), existsSync(checkpoint)]).toEqual([0, [], false]);
  });

  it('tells of a table that can’t be compared, and goes on with the others', async () => {
    await corrupt();
    await fresh.query('ALTER TABLE mc_new.notes DROP COLUMN raw');
    const { code, report } = await runSyncCommand(await configOf(), '--full');
    expect(code).toBe(1);
    expect(report?.passes[0]?.failures).toEqual([
      { shard: 's00', table: 'notes', reason: 'the column `raw` is on old alone' },
    ]);
    expect(report?.passes[0]?.counts.settled.repaired).toBe(CORRUPTED - 2);
  });

  describe('beside a proxy', () => {
    let proxy: RunningProxy;

    afterAll(() => proxy?.kill9());

    it('settles what its journal has in doubt, and is done when that is empty', async () => {
      proxy = await startProxy({
        config: {
          tables: TABLES,
          shards: [
            { name: 's00', port: await freePort(), old: place(old, 'mc_old'), new: place(fresh, 'mc_new') },
          ],
          // Every write is a doubt.
          mirror: { reads: 0, writes: 0, deletes: 0 },
          journal: { directory: join(temporaryDirectory('sync-journal'), 'journal') },
        },
      });
      const client = await old.connect({ port: proxy.port('s00'), database: 'mc_old' });
      await client.query("UPDATE messages SET title = 'changed' WHERE folderid IN (20, 21)");
      await client.query("INSERT INTO notes (owner, body) VALUES ('owner 22', 'one more')");
      await client.query('DELETE FROM plain WHERE k = 23');
      await client.end();
      await untilMirrorIsIdle(proxy);
      const config = await configOf();
      const { code, report, stdout } = await runSyncCommand(config, '--journal', '--proxy', proxy.adminUrl);
      expect(report?.passes[0]).toMatchObject({ journal: { entries: 4, settled: 4, kept: 0 }, failed: 0 });
      expect([code, report?.journal]).toEqual([0, { keys: 0, reset: [] }]);
      expect(stdout).toContain('the journal is empty');
      expect(await differing()).toEqual([]);
      expect(await plainRows(fresh, 'mc_new')).toEqual(await plainRows(old, 'mc_old'));
    });

    it('goes by the journal and through everything until nothing is left', async () => {
      await corrupt();
      const { code, report } = await runSyncCommand(await configOf(), '--proxy', proxy.adminUrl);
      expect(report?.passes.map(({ kind }) => kind)).toEqual([
        'journal',
        'full',
        'journal',
        'full',
        'journal',
      ]);
      expect([code, await differing()]).toEqual([0, []]);
    });

    it('settles no doubt of any table before all of them could be looked at', async () => {
      const client = await old.connect({ port: proxy.port('s00'), database: 'mc_old' });
      // What it may have done can't be seen.
      await client.query("EXECUTE IMMEDIATE CONCAT('DO ', 0)");
      await client.end();
      await untilMirrorIsIdle(proxy);
      await fresh.query('ALTER TABLE mc_new.notes DROP COLUMN raw');
      const config = await configOf();
      const args = ['--journal', '--passes', '1', '--proxy', proxy.adminUrl];
      for (const more of [[], ['--table', 'messages']]) {
        const { code, report } = await runSyncCommand(config, ...args, ...more);
        expect([code, report?.passes[0]?.journal, report?.journal?.keys]).toEqual([
          ...[1, { entries: 1, settled: 0, kept: 1 }, 1],
        ]);
      }
      await fresh.query('ALTER TABLE mc_new.notes ADD COLUMN raw VARBINARY(20)');
      const { code, report } = await runSyncCommand(config, ...args);
      expect([code, report?.journal, await differing()]).toEqual([0, { keys: 0, reset: [] }, []]);
    });

    it('is not done while a proxy that should be there can’t be asked', async () => {
      const { code, stderr, report } = await runSyncCommand(
        await configOf(),
        ...['--passes', '1', '--proxy', proxy.adminUrl, '--proxy', 'http://127.0.0.1:1'],
      );
      expect([code, report?.journal]).toEqual([1, null]);
      expect(stderr).toContain('proxy http://127.0.0.1:1');
    });
  });
});

it.each([
  [['--full', '--journal'], '--full and --journal: give one of them'],
  [['--keys', ' , '], '--keys: names no key'],
  [['--shard', 's77'], '--shard: s77 is no shard of'],
  [['--table', 'users'], '--table: users is none of "tables"'],
  [['--hash', 'sha1'], '--hash: sha1 is none of md5, sha256, crc32'],
  [['--workers', '0'], '--workers: 0 is no whole number from 1 to 256'],
  [['--admin-port', '70000'], '--admin-port: 70000 is no port from 0 to 65535'],
  [['--proxy', 'here'], '--proxy: here is no URL'],
  [['--journal'], '--journal: no proxy can be asked for its journal'],
])('refuses %j', async (args, message) => {
  const run = await runSyncCommand(await configOf(), ...args);
  expect(run.code).toBe(2);
  expect(run.stderr).toContain(message);
});
