/** Variables that a session sets, and that change what it writes: replayed the same, or in doubt, between all kinds. */
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import {
  addedBy,
  clientsWork,
  mirrored,
  NEW_DATABASE,
  OLD_DATABASE,
  SHARD,
  startStageProxy,
} from './stage.ts';

const SCHEMA = `
  CREATE TABLE messages (folderid BIGINT, itemid BIGINT, title BLOB, PRIMARY KEY (folderid, itemid));
  CREATE TABLE counted (id BIGINT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(40));
  CREATE TABLE checked (folderid BIGINT PRIMARY KEY, amount INT, CHECK (amount > 0))`;
const TABLES = { messages: 'folderid, itemid', counted: 'id', checked: 'folderid' };
const KEYS = { messages: { key: 'folderid' }, counted: { key: 'id' }, checked: { key: 'folderid' } };
/** What the new servers begin their own sessions with: no session of the old ones has it. */
const OTHER_GLOBALS = {
  MariaDB: 'SET GLOBAL default_week_format = 5, GLOBAL sql_auto_is_null = ON, GLOBAL max_sort_length = 64',
  'MySQL 9':
    "SET GLOBAL default_week_format = 5, GLOBAL block_encryption_mode = 'aes-192-cbc', GLOBAL sql_auto_is_null = ON, GLOBAL max_sort_length = 64",
};
const STARTS = { MariaDB: startMariadb, 'MySQL 9': startMysql };
type Kind = keyof typeof STARTS;

/** Prints how many rows PDO says that a statement has affected, of those that it found. */
const PDO_FOUND = `$found = [PDO::MYSQL_ATTR_FOUND_ROWS => true];
  echo (new PDO("mysql:host=127.0.0.1;port=$argv[1];dbname=$argv[2]", 'root', '', $found))->exec($argv[3]);`;

const servers = new Map<string, SqlServer>();
beforeAll(async () => {
  for (const kind of Object.keys(STARTS) as Kind[]) {
    const [old, fresh] = await Promise.all([STARTS[kind]({ name: 'old' }), STARTS[kind]({ name: 'new' })]);
    servers.set(`old ${kind}`, old).set(`new ${kind}`, fresh);
    await fresh.query(OTHER_GLOBALS[kind]);
  }
});
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.destroy()));
});

describe.each<readonly [Kind, Kind]>([
  ['MariaDB', 'MariaDB'],
  ['MariaDB', 'MySQL 9'],
  ['MySQL 9', 'MySQL 9'],
  ['MySQL 9', 'MariaDB'],
])('from %s to %s', (oldKind, newKind) => {
  let old: SqlServer;
  let fresh: SqlServer;
  let proxy: RunningProxy;

  beforeAll(async () => {
    old = servers.get(`old ${oldKind}`)!;
    fresh = servers.get(`new ${newKind}`)!;
    for (const [server, name] of [
      [old, OLD_DATABASE],
      [fresh, NEW_DATABASE],
    ] as const)
      await server.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name}; USE ${name}; ${SCHEMA}`);
    proxy = await startStageProxy({ old, fresh }, { tables: KEYS });
  });
  beforeEach(async () => {
    for (const table of Object.keys(TABLES)) {
      await old.query(`DELETE FROM ${OLD_DATABASE}.${table}`);
      await fresh.query(`DELETE FROM ${NEW_DATABASE}.${table}`);
    }
  });
  afterAll(() => proxy?.kill9());

  const counts = async () => ({
    mirrored: await mirrored(proxy, { outcome: 'mirrored' }),
    skipped: await mirrored(proxy, { outcome: 'skipped_unsupported' }),
    failed: await mirrored(proxy, { outcome: 'failed' }),
    doubts: await proxy.metric('understudy_mirror_doubts_total'),
  });
  const through = (work: (client: Connection) => Promise<unknown>) =>
    addedBy(proxy, counts, () => clientsWork({ old, proxy, shard: SHARD }, work));
  const run = (...statements: readonly string[]) =>
    through(async (client) => {
      for (const sql of statements) await client.query(sql);
    });
  async function rows(server: SqlServer, database: string) {
    const found: string[] = [];
    for (const [table, order] of Object.entries(TABLES)) {
      const columns = table === 'messages' ? 'folderid, itemid, HEX(title) AS title' : '*';
      const all = await server.query<RowDataPacket[]>(
        `SELECT ${columns} FROM ${database}.${table} ORDER BY ${order}`,
      );
      found.push(...all.map((row) => `${table} ${JSON.stringify(row)}`));
    }
    return found;
  }
  async function expectSame(count: number) {
    const theirs = await rows(old, OLD_DATABASE);
    expect(theirs).toHaveLength(count);
    expect(await rows(fresh, NEW_DATABASE)).toEqual(theirs);
  }
  const message = (item: number, value: string) => `INSERT INTO messages VALUES (1, ${item}, ${value})`;
  const week = (item: number) => message(item, "WEEK('2008-02-20')");
  const title = (item: number, server = old, database = OLD_DATABASE) =>
    server
      .query<RowDataPacket[]>(
        `SELECT CAST(title AS CHAR) AS t FROM ${database}.messages WHERE itemid = ${item}`,
      )
      .then(([row]) => row?.t);
  /** Settings that were changed count once they have been read again. */
  const untilReplayed = (work: () => Promise<unknown>) =>
    waitFor(async () => (await through(work)).mirrored === 1, { what: 'the settings to be read again' });
  /** All of it replayed, and the same. */
  const faithful = (statements: number) => ({ mirrored: statements, skipped: 0, failed: 0, doubts: 0 });

  it('the week of a date, by default_week_format, is the same', async () => {
    const added = await run(
      week(1),
      'SET default_week_format = 6',
      week(2),
      'SET default_week_format = DEFAULT',
      week(3),
    );
    expect(added).toEqual(faithful(3));
    expect(await title(1)).not.toBe(await title(2));
    await expectSame(3);
  });

  it('WHERE id IS NULL, under sql_auto_is_null, is a doubt', async () => {
    const added = await run(
      'SET sql_auto_is_null = 0',
      "INSERT INTO counted VALUES (1, 'kept')",
      "UPDATE counted SET title = 'none' WHERE id IS NULL",
      'SET sql_auto_is_null = 1',
      "INSERT INTO counted (title) VALUES ('kept')",
      "UPDATE counted SET title = 'found' WHERE id IS NULL",
    );
    expect(added).toMatchObject({ mirrored: 2, skipped: 2, failed: 0 });
    expect(added.doubts).toBe(2);
    const found = await old.query<RowDataPacket[]>(`SELECT title FROM ${OLD_DATABASE}.counted ORDER BY id`);
    expect(found.map((row) => row.title)).toEqual(['kept', 'found']);
    expect(await rows(fresh, NEW_DATABASE)).toEqual(['counted {"id":1,"title":"kept"}']);
  });

  it('a session that sets nothing has the old server’s settings, whatever the new server’s are', async () => {
    const long = 'a'.repeat(100);
    const added = await run(
      message(1, `'${long}b'`),
      message(2, `'${long}a'`),
      'UPDATE messages SET title = WEEK(20080220) WHERE folderid = 1 ORDER BY title, itemid LIMIT 1',
      message(3, "AES_ENCRYPT('text', 'key')"),
      message(4, "AES_ENCRYPT('a longer text than a block', 'key')"),
      "INSERT INTO counted (title) VALUES ('kept')",
      "UPDATE counted SET title = 'found' WHERE id IS NULL",
    );
    // The rows are the same, but which of them a LIMIT takes in a BLOB's order is not relied on.
    expect(added).toEqual({ ...faithful(7), doubts: 1 });
    expect(await title(2)).toBe('7');
    await expectSame(5);
  });

  it('how much of a value counts for its order, by max_sort_length, is the same or in doubt', async () => {
    const long = 'a'.repeat(100);
    const added = await run(
      message(1, `'${long}b'`),
      message(2, `'${long}a'`),
      'SET max_sort_length = 64',
      "UPDATE messages SET title = 'first' WHERE folderid = 1 ORDER BY title, itemid LIMIT 1",
    );
    // A LIMIT in a BLOB's order is a doubt; between the kinds even the same setting comes to other rows: another one.
    expect(added).toEqual({ ...faithful(3), doubts: oldKind === newKind ? 1 : 2 });
    expect(await title(oldKind === 'MariaDB' ? 1 : 2)).toBe('first');
    if (oldKind === newKind) await expectSame(2);
  });

  it('rows that a CHECK forbids, under check_constraint_checks, are the same or in doubt', async () => {
    if (oldKind !== 'MariaDB') return;
    const added = await run('SET check_constraint_checks = 0', 'INSERT INTO checked VALUES (1, -1)');
    if (newKind === 'MariaDB') {
      expect(added).toEqual(faithful(1));
      await expectSame(1);
    } else expect(added).toEqual({ mirrored: 0, skipped: 0, failed: 1, doubts: 1 });
  });

  it('what is encrypted, under block_encryption_mode, is the same or in doubt', async () => {
    if (oldKind !== 'MySQL 9') return;
    const added = await run(
      "SET block_encryption_mode = 'aes-256-ecb'",
      message(1, "AES_ENCRYPT('text', 'key')"),
    );
    if (newKind === 'MySQL 9') {
      expect(added).toEqual(faithful(1));
      await expectSame(1);
    } else expect(added).toEqual({ mirrored: 1, skipped: 0, failed: 0, doubts: 1 });
  });

  it.each([
    ['old_mode = "ZERO_DATE_TIME_CAST,UTF8_IS_UTF8MB3"', "CONCAT(CAST(TIME'10:20:30' AS DATETIME))"],
    ["default_regex_flags = 'DOTALL'", "IF('a\\nb' REGEXP 'a.b', 'one', 'two')"],
    ['old_passwords = 1', "PASSWORD('secret')"],
  ])(
    'a setting that MariaDB alone has is the same there, and a doubt elsewhere: %s',
    async (setting, value) => {
      if (oldKind !== 'MariaDB') return;
      const added = await run(`SET ${setting}`, message(1, value));
      if (newKind === 'MariaDB') {
        expect(added).toEqual(faithful(1));
        await expectSame(1);
      } else expect(added.doubts).toBe(1);
    },
  );

  it('limits on reads are those of the session: no result differs', async () => {
    const before = await proxy.metric('understudy_mirror_mismatch_total');
    const added = await run(
      'INSERT INTO messages VALUES (1, 1, 1), (1, 2, 2)',
      'SET sql_select_limit = 1, sql_safe_updates = 1, max_join_size = 1000',
      'SELECT * FROM messages WHERE folderid = 1 ORDER BY itemid',
      "UPDATE messages SET title = 'safe' WHERE folderid = 1",
    );
    expect(added).toEqual(faithful(3));
    expect(await proxy.metric('understudy_mirror_mismatch_total')).toBe(before);
    await expectSame(2);
  });

  it('a variable that nothing is known of, or that a replay can’t have, keeps writes from being replayed', async () => {
    const setting =
      oldKind === 'MariaDB' ? "system_versioning_asof = '2020-01-01'" : "gtid_next = 'AUTOMATIC'";
    const added = await run(
      'SET character_set_database = latin1',
      week(1),
      'SET character_set_database = DEFAULT',
      week(2),
    );
    expect(added).toEqual({ mirrored: 1, skipped: 1, failed: 0, doubts: 1 });
    const other = await run(`SET SESSION ${setting}`, week(3));
    expect(other).toMatchObject(oldKind === 'MariaDB' ? { skipped: 1, doubts: 1 } : faithful(1));
  });

  it('SET with bound values is followed: strings, integers, NULL', async () => {
    const added = await through(async (client) => {
      await client.execute('SET time_zone = ?, @text = ?, @none = ?', ['-05:00', "it's a 'text' of ü", null]);
      await client.execute(message(1, 'FROM_UNIXTIME(86400)'));
      await client.execute('SET default_week_format = ?, @flag = ?, @big = ?', [true, false, 5.5]);
      await client.execute(week(2));
      await client.query(message(3, 'CONCAT(@text, @flag, @big, IFNULL(@none, 0))'));
      await client.query("PREPARE week FROM 'SET default_week_format = ?, @copy = ?'");
      await client.query('SET @two = 2');
      await client.query('EXECUTE week USING @two, @text');
      await client.query(week(4));
      await client.query(message(5, '@copy'));
    });
    expect(added).toEqual(faithful(5));
    expect(await title(2)).not.toBe(await title(4));
    await expectSame(5);
  });

  it('SET with a bound value that can’t be told is a doubt', async () => {
    const added = await through(async (client) => {
      await client.execute('SET @text = ?', ['a \\ slash']);
      await client.query(message(1, '@text'));
    });
    expect(added).toEqual({ mirrored: 0, skipped: 1, failed: 0, doubts: 1 });
  });

  it('a SET GLOBAL through the proxy holds for the sessions that begin behind it, once it is read', async () => {
    const set = (format: number) => run(`SET GLOBAL default_week_format = ${format}`);
    await set(6);
    let item = 0;
    await waitFor(async () => (await run(week(++item))).mirrored === 1, {
      what: 'the settings to be read again',
    });
    await set(0);
    expect(await title(item)).toBe('8');
    const replayed = `SELECT CAST(title AS CHAR) AS t FROM ${NEW_DATABASE}.messages WHERE itemid = ${item}`;
    expect(await fresh.query(replayed)).toEqual([{ t: '8' }]);
    await waitFor(async () => (await run(week(++item))).mirrored === 1, {
      what: 'the settings to be read again',
    });
  });

  it('DEFAULT is the global value of today, in a session that began under another one too', async () => {
    const session = await old.connect({ port: proxy.port(SHARD), database: OLD_DATABASE });
    let item = 100;
    const again = async (sql: string, expected: string): Promise<void> => {
      await untilReplayed(async () => {
        await session.query(sql);
        await session.query(week(++item));
      });
      expect(await title(item)).toBe(expected);
      expect(await title(item, fresh, NEW_DATABASE)).toBe(expected);
    };
    await run('SET GLOBAL default_week_format = 6');
    await again('SET default_week_format = DEFAULT', '8');
    await again('SET SESSION default_week_format = @@GLOBAL.default_week_format', '8');
    await run('SET GLOBAL default_week_format = 0');
    await again('SET default_week_format = DEFAULT', '7');
    await session.end();
  });

  it('a session has the server’s character sets where it does not know those of the client, or was reset', async () => {
    const setGlobal = (set: string) =>
      run(`SET GLOBAL character_set_client = ${set}, GLOBAL character_set_connection = ${set}`);
    let item = 200;
    const again = async (expected: string, work: (client: Connection) => Promise<unknown>) => {
      await untilReplayed(async () => {
        // MariaDB does not have this collation.
        const charset = 'UTF8MB4_0900_AI_CI';
        const client = await old.connect({ port: proxy.port(SHARD), database: OLD_DATABASE, charset });
        await work(client);
        await client.query(message(++item, "CHAR_LENGTH('ž')"));
        await client.end();
      });
      expect(await title(item)).toBe(expected);
      expect(await title(item, fresh, NEW_DATABASE)).toBe(expected);
    };
    await setGlobal('latin2');
    await again(oldKind === 'MariaDB' ? '2' : '1', () => Promise.resolve());
    if (oldKind !== 'MariaDB') await again('2', (client) => client.reset());
    await again('1', (client) => client.query('SET NAMES utf8mb4'));
    await setGlobal('utf8mb4');
    await again('1', () => Promise.resolve());
  });

  it('a client that counts the rows that it found: those that were changed are compared', async () => {
    const onDuplicate = 'ON DUPLICATE KEY UPDATE title = VALUES(title)';
    const upsert = (value: string) => `${message(1, value)}, (1, 2, ${value}) ${onDuplicate}`;
    const count = (title: string) => `UPDATE messages SET title = '${title}' WHERE folderid = 1`;
    const same = await through(async (client) => {
      await client.query(message(1, "'a'"));
      const [found] = await client.query<ResultSetHeader>(count('a'));
      expect(found).toMatchObject({ affectedRows: 1, changedRows: 0 });
      await client.execute('UPDATE messages SET title = ? WHERE folderid = 1', ['b']);
      for (const value of ["'b'", "'b'", "'c'"]) await client.query(upsert(value));
    });
    expect(same).toEqual(faithful(6));
    await expectSame(2);
    const apart = (title: string) =>
      fresh.query(`UPDATE ${NEW_DATABASE}.messages SET title = '${title}' WHERE itemid = 1`);
    for (const [title, sql] of [
      ['d', count('d')],
      ['e', `${message(1, "'e'")} ${onDuplicate}`],
    ] as const) {
      await apart(title);
      expect(await run(sql)).toEqual({ ...faithful(1), doubts: 1 });
    }
  });

  it('PDO that counts the rows that it found: those that were changed are compared', async () => {
    const update = (title: string) =>
      addedBy(proxy, counts, async () => {
        const sql = `UPDATE messages SET title = '${title}' WHERE folderid = 1`;
        const done = await runCommand('php', ['-r', PDO_FOUND, String(proxy.port(SHARD)), OLD_DATABASE, sql]);
        expect(done).toMatchObject({ code: 0, stdout: '1' });
      });
    await run(message(1, "'a'"));
    expect(await update('a')).toEqual(faithful(1));
    expect(await update('b')).toEqual(faithful(1));
    await fresh.query(`UPDATE ${NEW_DATABASE}.messages SET title = 'c'`);
    expect(await update('c')).toEqual({ ...faithful(1), doubts: 1 });
  });

  it('SET CHARACTER SET takes the connection’s character set from the old database', async () => {
    await fresh.query(`ALTER DATABASE ${NEW_DATABASE} CHARACTER SET latin1`);
    const added = await run('SET CHARACTER SET utf8mb4', message(1, "HEX('ž')"));
    await fresh.query(`ALTER DATABASE ${NEW_DATABASE} CHARACTER SET utf8mb4`);
    expect(added).toEqual(faithful(1));
    await expectSame(1);
    expect(await title(1)).toBe('C5BE');
  });

  it('what a statement sets for itself is a doubt where the new server may not', async () => {
    const hinted =
      oldKind === 'MariaDB'
        ? `SET STATEMENT sql_auto_is_null = 1 FOR ${week(1)}`
        : week(1).replace('INSERT', 'INSERT /*+ SET_VAR(default_week_format = 6) */');
    const added = await run(hinted);
    expect(added.skipped).toBe(0);
    expect(added.doubts).toBeGreaterThan(0);
  });
});
