/** Procedures and stored functions whose texts oldUser may see, on real servers: what they do is known, or a doubt. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readJournal } from '../harness/journal-entries.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePorts } from '../harness/ports.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { clientsWork, mirrored, NEW_DATABASE, OLD_DATABASE, startStageProxy } from './stage.ts';

const KEY = { key: 'folderid' };
const TABLES = { messages: KEY, notes: KEY };
const ROW =
  '(folderid BIGINT, itemid BIGINT, title VARCHAR(60), at DATETIME, PRIMARY KEY (folderid, itemid))';
const MOVED = `CREATE TABLE messages ${ROW}; CREATE TABLE notes ${ROW}`;
const STAYING = `CREATE TABLE users (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60));
  CREATE TABLE numbers (id BIGINT PRIMARY KEY); INSERT INTO numbers VALUES (0);
  CREATE TABLE works (id BIGINT PRIMARY KEY);
  CREATE TRIGGER noted AFTER INSERT ON works FOR EACH ROW INSERT INTO notes VALUES (NEW.id, 1, 'by a trigger', NULL)`;
const ROUTINES = [
  'CREATE PROCEDURE look(IN f BIGINT) SELECT * FROM messages WHERE folderid = f',
  `CREATE PROCEDURE look_twice(f BIGINT, OUT n BIGINT)
     BEGIN CALL look(f); SET n = CASE WHEN f > 0 THEN (SELECT COUNT(*) FROM messages) ELSE 0 END; END`,
  "CREATE PROCEDURE put(f BIGINT, i BIGINT) INSERT INTO messages VALUES (f, i, 'put', NULL)",
  'CREATE PROCEDURE put_all(f BIGINT) BEGIN CALL put(f, 1); INSERT INTO works VALUES (f); END',
  `CREATE PROCEDURE put_half(f BIGINT)
     BEGIN CALL put(f, 1); SIGNAL SQLSTATE '45000'; END`,
  "CREATE PROCEDURE greet() INSERT INTO users (name) SELECT COALESCE(MAX(title), 'a') FROM messages",
  "CREATE PROCEDURE zone() SET SESSION time_zone = '+05:00'",
  'CREATE PROCEDURE keep() SET @kept = @kept + 1',
  'CREATE PROCEDURE done() COMMIT',
  'CREATE PROCEDURE spoken(t TEXT) BEGIN SET @t = t; PREPARE s FROM @t; EXECUTE s; END',
  `CREATE PROCEDURE hide() BEGIN DROP TABLE IF EXISTS passing; CREATE TEMPORARY TABLE passing (a INT);
     CREATE TEMPORARY TABLE messages ${ROW}; END`,
  `CREATE FUNCTION next_number() RETURNS BIGINT BEGIN UPDATE numbers SET id = id + 1; RETURN (SELECT MAX(id) FROM numbers); END`,
  `CREATE FUNCTION note(f BIGINT) RETURNS BIGINT BEGIN
     INSERT INTO notes VALUES (f, next_number(), 'by a function', NULL); RETURN f; END`,
];

let fresh: SqlServer;
beforeAll(async () => {
  fresh = await startMariadb({ name: 'new' });
});
afterAll(() => fresh?.destroy());

describe.each([
  ['MariaDB', startMariadb, 'SELECT ON mysql.proc'],
  ['MySQL 9', startMysql, 'SHOW_ROUTINE ON *.*'],
] as const)('on %s', (_kind, startOld, right) => {
  let old: SqlServer;
  let proxy: RunningProxy;
  /** One for each test: a journal of its own, and the same databases. */
  const shards = Array.from({ length: 10 }, (_, index) => `s${index}`);
  let shard: string;

  beforeAll(async () => {
    old = await startOld({ name: 'old', extra: ['--log-bin-trust-function-creators=1'] });
    await old.query(`CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${MOVED}; ${STAYING}`);
    for (const sql of ROUTINES) await old.query(`USE ${OLD_DATABASE}; ${sql}`);
    await fresh.query(
      `DROP DATABASE IF EXISTS ${NEW_DATABASE}; CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${MOVED}`,
    );
    await old.query(`CREATE USER reader@'%' IDENTIFIED BY 'x'; CREATE USER seer@'%' IDENTIFIED BY 'x';
      GRANT SELECT, SHOW VIEW, TRIGGER ON ${OLD_DATABASE}.* TO reader@'%', seer@'%'; GRANT ${right} TO seer@'%'`);
    proxy = await startProxy('seer', shards);
  });
  beforeEach(async () => {
    for (const table of ['messages', 'notes', 'works', 'users'])
      await old.query(`DELETE FROM ${OLD_DATABASE}.${table}`);
    for (const table of Object.keys(TABLES)) await fresh.query(`DELETE FROM ${NEW_DATABASE}.${table}`);
    shard = shards.shift() ?? '';
  });
  afterAll(async () => {
    await proxy?.kill9();
    await old?.destroy();
  });

  async function startProxy(user: string, names: readonly string[]): Promise<RunningProxy> {
    const ports = await freePorts(names.length);
    return startStageProxy(
      { old, fresh },
      {
        tables: TABLES,
        lanes: { perShard: 1 },
        oldUser: { user, password: 'x' },
        shards: names.map((name, index) => ({
          name,
          port: ports[index],
          old: { host: old.host, port: old.port, database: OLD_DATABASE },
          new: { host: fresh.host, port: fresh.port, database: NEW_DATABASE },
        })),
      },
    );
  }
  const through = (work: (client: Connection) => Promise<unknown>): Promise<void> =>
    clientsWork({ old, proxy, shard }, work);
  const run = (...statements: readonly string[]): Promise<void> =>
    through(async (client) => {
      for (const sql of statements) await client.query(sql);
    });
  /** Of each table's doubts, those that are not just written. */
  async function doubts(): Promise<Record<string, number>> {
    const { entries } = await readJournal(proxy, shard);
    const found: Record<string, number> = {};
    for (const { table, reason } of entries) {
      if (reason === 'written') continue;
      const name = `${table} ${reason}`;
      found[name] = (found[name] ?? 0) + 1;
    }
    return found;
  }
  const counts = async () => ({
    mirrored: await mirrored(proxy, { shard, outcome: 'mirrored', kind: 'write' }),
    skipped: await mirrored(proxy, { shard, outcome: 'skipped_unsupported', kind: 'write' }),
    doubts: await doubts(),
  });
  const message = (folder: number, item: string | number = 1) =>
    `INSERT INTO messages VALUES (${folder}, ${item}, 'a', FROM_UNIXTIME(86400))`;
  /** The folders of a table whose rows differ. */
  async function differing(table = 'messages'): Promise<number[]> {
    const rows = (server: SqlServer, database: string) =>
      server.query<RowDataPacket[]>(
        `SELECT folderid, CONCAT_WS('/', itemid, title, at) AS rest FROM ${database}.${table} ORDER BY 1, 2`,
      );
    const text = ({ folderid, rest }: RowDataPacket) => `${folderid} ${rest}`;
    const ours = new Set((await rows(fresh, NEW_DATABASE)).map(text));
    const theirs = await rows(old, OLD_DATABASE);
    return theirs.filter((row) => !ours.has(text(row))).map(({ folderid }) => Number(folderid));
  }

  it('a procedure that only reads leaves nothing, and its session is replayed on', async () => {
    await through(async (client) => {
      await client.query('SET @n = 7, @other = 8');
      await client.query('CALL look(1)');
      await client.execute('CALL look_twice(?, @n)', [1]);
      await client.query(`CALL ${OLD_DATABASE}.look(1)`);
      await client.query('BEGIN');
      await client.query(message(1));
      await client.query('CALL LOOK(1)');
      await client.query('COMMIT');
      await client.query(message(2, '@other'));
      await client.query(message(3, '@n + 10'));
    });
    // What came of its OUT parameter is not known.
    expect(await counts()).toEqual({ mirrored: 2, skipped: 1, doubts: { 'messages hazard': 1 } });
    expect(await differing()).toEqual([3]);
  });

  it('what a procedure writes is a doubt on those tables alone, triggers included', async () => {
    await run(message(1), 'CALL put(2, 1)', message(3), 'CALL greet()');
    expect(await counts()).toEqual({ mirrored: 2, skipped: 0, doubts: { 'messages hazard': 1 } });
    await run('CALL put_all(4)');
    expect(await doubts()).toEqual({ 'messages hazard': 1, 'notes hazard': 1 });
    expect(await differing()).toEqual([2, 4]);
    expect(await differing('notes')).toEqual([4]);
  });

  it('what a procedure wrote is rolled back with its transaction, and kept where it fails half-way', async () => {
    await run('BEGIN', 'CALL put(1, 1)', 'ROLLBACK', message(2));
    expect(await counts()).toEqual({ mirrored: 1, skipped: 0, doubts: {} });
    await through(async (client) => {
      await expect(client.query('CALL put_half(3)')).rejects.toThrow();
      await client.query(message(4));
    });
    expect(await counts()).toEqual({ mirrored: 2, skipped: 0, doubts: { 'messages uncertain': 1 } });
    expect(await differing()).toEqual([3]);
  });

  it('a procedure that ends transactions: what stood before it is a doubt', async () => {
    await run('BEGIN', message(1), 'CALL done()', message(2), 'ROLLBACK', message(3));
    expect(await counts()).toEqual({ mirrored: 2, skipped: 0, doubts: { 'messages uncertain': 1 } });
    expect(await differing()).toEqual([1]);
  });

  it('what a routine sets for good is not known from then on, until it is set anew', async () => {
    await run('SET @kept = 1, @own = 2', 'CALL keep()', message(1, '@own'), message(2, '@kept'));
    expect(await counts()).toEqual({ mirrored: 1, skipped: 1, doubts: { 'messages hazard': 1 } });
    await run('CALL zone()', message(3), "SET time_zone = '+00:00'", message(4));
    expect(await counts()).toMatchObject({ mirrored: 2, skipped: 2 });
    await run("INSERT INTO users (name) VALUES ('a')", 'CALL look(1)', message(5, 'LAST_INSERT_ID()'));
    expect(await counts()).toMatchObject({ mirrored: 3, skipped: 2 });
    await run("INSERT INTO users (name) VALUES ('a')", 'CALL greet()', message(6, 'LAST_INSERT_ID()'));
    expect(await counts()).toMatchObject({ mirrored: 3, skipped: 3 });
    expect(await differing()).toEqual([2, 3, 6]);
  });

  it('a temporary table that a procedure makes hides the table of its name', async () => {
    await run('CALL hide()', message(1));
    expect(await differing()).toEqual([]);
    expect(await counts()).toMatchObject({ mirrored: 0, doubts: { 'messages hazard': 1 } });
  });

  it('stored functions: a doubt on what they write, in whatever statement they stand', async () => {
    await run('SELECT next_number()', 'DO next_number()', message(1), 'SET @n = next_number()');
    expect(await counts()).toEqual({ mirrored: 1, skipped: 0, doubts: {} });
    await run(message(2, 'next_number() + 100'));
    expect(await counts()).toEqual({ mirrored: 1, skipped: 1, doubts: { 'messages hazard': 1 } });
    expect(await differing('notes')).toEqual([]);
    await run('SELECT note(3) FROM messages WHERE folderid = 1', message(4));
    expect(await counts()).toMatchObject({
      mirrored: 2,
      doubts: { 'messages hazard': 1, 'notes hazard': 1 },
    });
    expect([await differing(), await differing('notes')]).toEqual([[2], [3]]);
  });

  it('a routine that has dynamic SQL, or is not there, may do anything', async () => {
    await through(async (client) => {
      await client.query("CALL spoken('SELECT 1')");
      await client.query(message(1));
    });
    expect(await counts()).toMatchObject({ mirrored: 0, skipped: 1, doubts: { '* opaque': 1 } });
    await through((client) => expect(client.query('CALL nowhere()')).rejects.toThrow());
    expect(await doubts()).toMatchObject({ '* opaque': 1 });
  });

  it('a routine that is made anew is read anew', async () => {
    await run('CALL put(1, 1)');
    expect(await doubts()).toEqual({ 'messages hazard': 1 });
    await run(
      'DROP PROCEDURE put',
      "CREATE PROCEDURE put(f BIGINT, i BIGINT) INSERT INTO notes VALUES (f, i, 'put', NULL)",
    );
    let folder = 2;
    const isRead = async (): Promise<boolean> => {
      await run(`CALL put(${folder++}, 1)`);
      return (await doubts())['notes hazard'] === 1;
    };
    await waitFor(isRead, { what: 'the new text to be read' });
    await old.query(`USE ${OLD_DATABASE}; DROP PROCEDURE put; ${ROUTINES[2]}`);
  });

  it('without the right to see it, a routine may do anything', async () => {
    await proxy.kill9();
    proxy = await startProxy('reader', [shard]);
    await run('CALL look(1)', message(1));
    expect(await counts()).toMatchObject({ mirrored: 0, skipped: 1, doubts: { '* opaque': 1 } });
    await run('SELECT next_number()');
    expect(await doubts()).toMatchObject({ '* opaque': 1 });
  });
});
