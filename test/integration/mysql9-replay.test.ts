/** Replays between MariaDB and MySQL 9: collations, modes and types that one of the two has and the other has not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readJournal } from '../harness/journal-entries.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { int } from '../harness/packet-writer.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { COM, connectRaw } from '../harness/recorder.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { KIND_ROWS, KIND_TABLES, type KindCase, MODE_OF, SAME, SILENT, WARNED } from './kind-cases.ts';
import {
  addedBy,
  clientsWork,
  mirrored,
  NEW_DATABASE,
  OLD_DATABASE,
  SHARD,
  startStageProxy,
} from './stage.ts';

const SCHEMA = `CREATE TABLE messages (folderid BIGINT, itemid BIGINT, title VARCHAR(60), at DATETIME, doc JSON,
  PRIMARY KEY (folderid, itemid)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`;
const RAW = { host: '127.0.0.1', user: 'root', database: OLD_DATABASE };
const STARTS = { MariaDB: startMariadb, 'MySQL 9': startMysql };

describe.each([
  ['MariaDB', 'MySQL 9'],
  ['MySQL 9', 'MariaDB'],
] as const)('old on %s, new on %s', (oldKind, newKind) => {
  let old: SqlServer;
  let fresh: SqlServer;
  let proxy: RunningProxy;
  let account: ConnectionOptions;
  let nextKey = 1;

  beforeAll(async () => {
    // What a function makes may be longer on the new server.
    const extra = ['--max-allowed-packet=16M'];
    [old, fresh] = await Promise.all([
      STARTS[oldKind]({ name: 'old', extra }),
      STARTS[newKind]({ name: 'new' }),
    ]);
    await old.query(`CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${SCHEMA}; ${KIND_TABLES}`);
    await fresh.query(`CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${SCHEMA}; ${KIND_TABLES}`);
    proxy = await startStageProxy({ old, fresh }, { tables: '*' });
    account = { host: '127.0.0.1', port: proxy.port(SHARD), user: 'root', database: OLD_DATABASE };
  });
  beforeEach(async () => {
    await old.query(`DELETE FROM ${OLD_DATABASE}.messages`);
    await fresh.query(`DELETE FROM ${NEW_DATABASE}.messages`);
  });
  afterAll(async () => {
    await proxy?.kill9();
    await Promise.all([old?.destroy(), fresh?.destroy()]);
  });

  const counts = async () => ({
    mirrored: await mirrored(proxy, { outcome: 'mirrored' }),
    all: await mirrored(proxy),
    differing: await proxy.metric('understudy_mirror_mismatch_total'),
    hazards: await proxy.metric('understudy_mirror_doubts_total', { reason: 'hazard' }),
    incomparable: await proxy.metric('understudy_mirror_incomparable_total'),
    compared: await proxy.metric('understudy_mirror_compared_total'),
  });

  /** Runs `work` on a connection of its own; what it added to the counts. */
  const through = (work: (client: Connection) => Promise<unknown>, options: ConnectionOptions = {}) =>
    addedBy(proxy, counts, async () => {
      const client = await createConnection({ ...account, ...options });
      await work(client);
      await client.end();
    });

  const run = (...statements: readonly string[]) =>
    through(async (client) => {
      for (const sql of statements) await client.query(sql);
    });

  const content = (server: SqlServer, database: string): Promise<RowDataPacket[]> =>
    server.query(`SELECT folderid, itemid, HEX(title) AS title, CAST(at AS CHAR) AS at FROM ${database}.messages
      ORDER BY folderid, itemid`);
  async function expectSame(rows: number): Promise<void> {
    const expected = await content(old, OLD_DATABASE);
    expect(expected).toHaveLength(rows);
    expect(await content(fresh, NEW_DATABASE)).toEqual(expected);
  }

  it('what was prepared before SET NAMES gives the texts that the primary makes of its values now', async () => {
    const insert = 'INSERT INTO messages (folderid, itemid, title) VALUES (?, ?, ?)';
    const update = 'UPDATE messages SET title = ? WHERE folderid = ? AND title = ?';
    const remove = 'DELETE FROM messages WHERE folderid = ? AND title IN (?, ?)';
    const work = async (client: Connection): Promise<void> => {
      await client.execute(insert, [1, 1, 'ü']);
      await client.execute(update, ['a', 1, 'b']);
      await client.execute(remove, [1, 'a', 'b']);
      for (const [index, names] of ['latin1', "'utf8mb4' COLLATE utf8mb4_bin", 'cp850'].entries()) {
        const folder = index + 2;
        await client.query(`SET NAMES ${names}`);
        for (const [item, title] of ['ü', 'A', 'a', 'ÄÖ'].entries())
          await client.execute(insert, [folder, item, title]);
        await client.execute(update, ['ß', folder, 'a']);
        await client.execute(remove, [folder, 'ü', 'ö']);
      }
    };
    const added = await through(work);
    expect(added).toMatchObject({ mirrored: 21, all: 21, differing: 0, hazards: 0 });
    await expectSame(10);
  });

  it('a moment that is bound as a TIMESTAMP and can be none is a doubt', async () => {
    const raw = await connectRaw({ ...RAW, port: proxy.port(SHARD) });
    await raw.command(COM.QUERY, "SET sql_mode = ''", 'query');
    const insert = 'INSERT INTO messages (folderid, itemid, title, at) VALUES (?, 1, ?, ?)';
    const { statement } = await raw.command(COM.STMT_PREPARE, insert, 'prepare');
    const put = (folder: number, ...[year, month, day]: readonly [number, number, number]) => {
      const moment = Buffer.concat([Buffer.of(4), int(2, year), Buffer.of(month, day)]);
      const head = [int(4, statement?.id ?? 0), Buffer.of(0), int(4, 1), Buffer.of(0, 1, 3, 0, 7, 0, 7, 0)];
      return raw.command(COM.STMT_EXECUTE, Buffer.concat([...head, int(4, folder), moment, moment]), 'query');
    };
    const added = await addedBy(proxy, counts, async () => {
      await put(1, 1969, 7, 20);
      await put(2, 2039, 1, 1);
      await put(3, 2024, 2, 30);
    });
    expect(added).toMatchObject({ mirrored: 3, all: 3, hazards: 3 });
    const plain = await addedBy(proxy, counts, async () => {
      await put(4, 2024, 2, 29);
      await put(5, 0, 0, 0);
      await put(6, 1971, 1, 1);
    });
    raw.close();
    expect(plain).toMatchObject({ mirrored: 3, all: 3, hazards: 0 });
    const [expected, found] = [await content(old, OLD_DATABASE), await content(fresh, NEW_DATABASE)];
    const differing = expected.filter((row, at) => JSON.stringify(row) !== JSON.stringify(found[at]));
    expect(differing.map(({ folderid }) => folderid)).toEqual([1, 2, 3]);
  });

  it('LOAD DATA is not replayed, and leaves a doubt on the table', async () => {
    const file = join(temporaryDirectory('load'), 'rows');
    writeFileSync(file, '2\t1\tb\n');
    const into = 'INTO TABLE messages (folderid, itemid, title)';
    const added = await through(async (client) => {
      const streamed = () => Readable.from([Buffer.from('1\t1\ta\n')]);
      await client.query({ sql: `LOAD DATA LOCAL INFILE 'x' ${into}`, infileStreamFactory: streamed });
      await client.query(`LOAD DATA INFILE '${file}' ${into}`);
    });
    expect(added).toMatchObject({ all: 2, mirrored: 0, hazards: 2 });
    expect(await content(old, OLD_DATABASE)).toHaveLength(2);
    expect(await content(fresh, NEW_DATABASE)).toEqual([]);
    const { entries } = await readJournal(proxy, SHARD);
    expect(entries).toContainEqual({ table: 'messages', key: null, reason: 'hazard', count: 2 });
  });

  it('texts that are torn in the middle of a character are the same, or a doubt', async () => {
    const insert = (folder: number, bytes: string): Buffer =>
      Buffer.from(
        `INSERT INTO messages (folderid, itemid, title) VALUES (${folder}, 1, '${bytes}')`,
        'latin1',
      );
    const added = await addedBy(proxy, counts, async () => {
      const raw = await connectRaw({ ...RAW, port: proxy.port(SHARD) });
      await raw.query("SET sql_mode = ''");
      for (const [index, set] of ['SET NAMES utf8', 'SET NAMES gbk', 'SET CHARACTER SET gbk'].entries()) {
        for (const sql of [set, insert(10 + index, 'a\xe6'), insert(20 + index, 'whole')])
          expect(await raw.query(sql)).toMatchObject({ error: null });
      }
      raw.close();
    });
    expect(added).toMatchObject({ all: 6, mirrored: 6, hazards: 3 });
    const { entries } = await readJournal(proxy, SHARD);
    for (const key of ['10', '11', '12'])
      expect(entries).toContainEqual({ table: 'messages', key, reason: 'hazard', count: 1 });
  });

  const OWN_COLLATIONS =
    oldKind === 'MySQL 9'
      ? ['utf8mb4_0900_ai_ci', 'utf8mb4_0900_as_cs', 'utf8mb4_0900_bin', 'utf8mb4_de_pb_0900_ai_ci']
      : ['utf8mb4_uca1400_ai_ci', 'uca1400_nopad_as_cs', 'utf8mb4_general_nopad_ci', 'utf8mb4_thai_520_w2'];
  it.each(OWN_COLLATIONS)('a session in %s is replayed', async (collation) => {
    const sets = [`SET NAMES utf8mb4 COLLATE ${collation}`, `SET NAMES 'utf8mb4' COLLATE '${collation}'`];
    if (!collation.startsWith('uca')) sets.push(`SET collation_connection = '${collation}'`);
    for (const [index, set] of sets.entries()) {
      const added = await run(
        set,
        `INSERT INTO messages (folderid, itemid, title) VALUES (1, ${index}, 'é 🙂')`,
      );
      expect(added).toMatchObject({ mirrored: 1, all: 1, hazards: 0 });
    }
    await expectSame(sets.length);
  });

  it('a login or a change of user in MySQL’s default collation is replayed', async () => {
    const insert = "INSERT INTO messages (folderid, itemid, title) VALUES (1, ?, 'ü')";
    const added = await through(
      async (client) => {
        await client.query(insert, [1]);
        await client.changeUser({ user: 'root', database: OLD_DATABASE, charset: 'utf8mb4_0900_ai_ci' });
        await client.query(insert, [2]);
      },
      { charset: 'utf8mb4_0900_ai_ci' },
    );
    expect(added).toMatchObject({ mirrored: 2, all: 2 });
    await expectSame(2);
  });

  it('sessions that set no mode are replayed in the old server’s, and dates are cut as it cuts them', async () => {
    const lax = oldKind === 'MariaDB';
    const added = await run(
      "INSERT INTO messages (folderid, itemid, title, at) VALUES (1, 1, 'a', '2024-02-29 23:59:59.6')",
      "INSERT INTO messages (folderid, itemid, title, at) VALUES (1, 2, 'a', '2024-01-01 00:00:00.4')",
      // Neither is in the mode with which MySQL begins.
      lax ? "INSERT INTO messages (folderid, itemid, at) VALUES (1, 3, '0000-00-00')" : 'SELECT 1',
      lax
        ? 'SELECT itemid, COUNT(*) FROM messages WHERE folderid = 1 GROUP BY title'
        : 'SELECT title, COUNT(*) FROM messages WHERE folderid = 1 GROUP BY title',
    );
    expect(added).toMatchObject({ mirrored: lax ? 4 : 3, all: lax ? 4 : 3, hazards: 0 });
    await expectSame(lax ? 3 : 2);
  });

  it.each([
    "SET @@SESSION.sql_mode = CONCAT(CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), ',NO_AUTO_VALUE_ON_ZERO')",
    "SET SESSION sql_mode = (SELECT REPLACE(@@sql_mode, 'ERROR_FOR_DIVISION_BY_ZERO', ''))",
    "SET sql_mode = 'ANSI,TRADITIONAL'",
    "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci', SESSION sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES'",
    'SET sql_mode = DEFAULT',
    oldKind === 'MariaDB'
      ? "SET sql_mode = 'NO_AUTO_CREATE_USER,NO_KEY_OPTIONS,MYSQL40'"
      : "SET sql_mode = 'ANSI'",
  ])('a session is followed through %s', async (set) => {
    const added = await run(
      set,
      "INSERT INTO messages (folderid, itemid, at) VALUES (1, 1, '2024-01-01 00:00:00.6')",
      "UPDATE messages SET title = 'b' WHERE folderid = 1",
    );
    expect(added).toMatchObject({ mirrored: 2, all: 2, hazards: 0, differing: 0 });
    await expectSame(1);
  });

  it('reads of JSON columns are compared by their number of rows alone, and counted apart', async () => {
    const insert = `INSERT INTO messages (folderid, itemid, doc) VALUES (1, 1, '{"b":1,  "a":[1,2]}')`;
    const added = await run(insert, 'SELECT * FROM messages WHERE folderid = 1');
    expect(added).toMatchObject({ mirrored: 2, compared: 0, incomparable: 1, differing: 0 });
    const prepared = await through((client) =>
      client.execute('SELECT doc FROM messages WHERE folderid = ?', [1]),
    );
    expect(prepared).toMatchObject({ compared: 0, incomparable: 1, differing: 0 });
    expect(await run('SELECT itemid FROM messages WHERE folderid = 1')).toMatchObject({
      compared: 1,
      incomparable: 0,
    });
    await fresh.query(`INSERT INTO ${NEW_DATABASE}.messages (folderid, itemid) VALUES (1, 2)`);
    const longer = await run('SELECT * FROM messages WHERE folderid = 1');
    expect(longer).toMatchObject({ compared: 1, incomparable: 0, differing: 1 });
  });

  it('quotients that are written are doubts between servers of two kinds, and compare as they are read', async () => {
    const added = await run(
      'INSERT INTO messages (folderid, itemid, title) VALUES (1, 3, 10 / 3), (2, 3, 10 DIV 3)',
      'UPDATE messages SET title = itemid / 7 WHERE folderid = 2',
      "UPDATE messages SET title = '1/2' WHERE folderid = 3",
      'SELECT folderid / itemid FROM messages WHERE folderid = 1',
    );
    expect(added).toMatchObject({ mirrored: 4, hazards: 3, compared: 1, differing: 0 });
    const [rows, freshRows] = await Promise.all([content(old, OLD_DATABASE), content(fresh, NEW_DATABASE)]);
    expect(rows.map(({ title }, index) => title === freshRows[index]?.title)).toEqual([false, false]);
  });

  it.each([
    ["GREATEST('10', 9)", false],
    ["LEAST(9, '10')", false],
    ["REGEXP_REPLACE('abc', '(b)', '<$1>')", false],
    ["REGEXP_REPLACE('abc', 'b', 'x')", true],
    ['JSON_OBJECT("b", 1, "a", 2)', false],
    ["LPAD('a', 3, '')", false],
    ["RPAD('a', 3, '')", false],
    ["TIME_TO_SEC('10:00:00.5')", false],
    ['JSON_SET(\'{"b": 1, "a": 2}\', \'$.c\', 3)', false],
  ])(
    'what each kind of server makes its own value of is a doubt on the other kind: %s',
    async (value, same) => {
      const added = await run(`INSERT INTO messages (folderid, itemid, title) VALUES (1, 1, ${value})`);
      expect(added).toMatchObject({ mirrored: 1, hazards: 1 });
      const title = async (server: SqlServer, database: string) =>
        (await content(server, database))[0]?.title;
      expect((await title(old, OLD_DATABASE)) === (await title(fresh, NEW_DATABASE))).toBe(same);
    },
  );

  const lacking =
    oldKind === 'MariaDB' ? ["SET sql_mode = 'EMPTY_STRING_IS_NULL'", "SET sql_mode = 'ORACLE'"] : [];
  it.each(lacking)('%s, which the new server can’t do, makes doubts of writes', async (set) => {
    const added = await run(
      set,
      "INSERT INTO messages (folderid, itemid, title) VALUES (1, 1, '')",
      'SELECT title FROM messages WHERE folderid = 1',
    );
    expect(added).toMatchObject({ mirrored: 2, hazards: 1, compared: 0, incomparable: 1, differing: 0 });
  });

  /** Runs each case on a key of its own; the statements by their keys. */
  async function runCases(cases: readonly KindCase[]): Promise<ReadonlyMap<string, string>> {
    const statements = new Map<string, string>();
    await clientsWork({ old, proxy, shard: SHARD }, async (client) => {
      await client.query("SET time_zone = '+00:00'");
      for (const { sql, before, bound, mode = 'strict' } of cases) {
        const key = nextKey++;
        statements.set(String(key), sql);
        await client.query(`SET sql_mode = '${MODE_OF[mode]}'`);
        const keyed = (text: string): string => text.replaceAll('?', String(key));
        if (before !== undefined) await client.query(keyed(before));
        if (bound === undefined) await client.query(keyed(sql));
        else await client.execute(sql, [key, ...(bound as string[])]);
      }
    });
    return statements;
  }

  /** The statements on whose keys there is a doubt. */
  async function doubted(statements: ReadonlyMap<string, string>): Promise<string[]> {
    const { entries } = await readJournal(proxy, SHARD);
    const doubts = entries.filter(({ table, reason }) => table === 'kinds' && reason !== 'written');
    const keys = new Set(doubts.map(({ key }) => key ?? ''));
    return [...keys].flatMap((key) => statements.get(key) ?? []).sort();
  }

  async function differing(statements: ReadonlyMap<string, string>): Promise<string[]> {
    const rowsOf = async (server: SqlServer, database: string) => {
      const rows = await server.query<RowDataPacket[]>(
        `SET time_zone = '+00:00'; ${KIND_ROWS} ${database}.kinds`,
      );
      return new Map((rows[1] as RowDataPacket[]).map((row) => [String(row.k), JSON.stringify(row)]));
    };
    const [theirs, ours] = await Promise.all([rowsOf(old, OLD_DATABASE), rowsOf(fresh, NEW_DATABASE)]);
    return [...statements].flatMap(([key, sql]) => (theirs.get(key) === ours.get(key) ? [] : [sql])).sort();
  }

  it('what columns make another value of on the other kind is a doubt', async () => {
    const statements = await runCases(SILENT);
    expect(await differing(statements)).toEqual([...statements.values()].sort());
    expect(await doubted(statements)).toEqual([...statements.values()].sort());
  });

  it('what one server warns of, or both keep in ways of their own, is a doubt', async () => {
    const statements = await runCases(WARNED);
    expect(await differing(statements)).toEqual([...statements.values()].sort());
    expect(await doubted(statements)).toEqual([...statements.values()].sort());
  });

  it('what columns make the same of on both kinds is no doubt', async () => {
    const statements = await runCases(SAME);
    expect(await differing(statements)).toEqual([]);
    expect(await doubted(statements)).toEqual([]);
  });

  it('columns that are made by what the kinds reckon otherwise are doubts', async () => {
    await clientsWork({ old, proxy, shard: SHARD }, async (client) => {
      await client.query('INSERT INTO made (k, n) VALUES (1, 10)');
      await client.query('INSERT INTO plainly_made (k, n) VALUES (1, 10)');
    });
    const { entries } = await readJournal(proxy, SHARD);
    expect(entries.filter(({ reason }) => reason !== 'written').map(({ table }) => table)).toContain('made');
    expect(entries.filter(({ table }) => table === 'plainly_made')).toMatchObject([{ reason: 'written' }]);
  });
});
