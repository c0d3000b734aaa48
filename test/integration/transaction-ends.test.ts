/**
 * What begins, ends or splits a transaction, on real servers: whatever the primary kept of it is what the shadow has,
 * or its key is in doubt.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJournal } from '../harness/journal-entries.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { NEW_DATABASE, OLD_DATABASE, SHARD, startStageProxy, untilMirrorIsIdle } from './stage.ts';

type Kind = 'MariaDB' | 'MySQL 9';

/**
 * A number inserts that item. `!…` must fail. `other: …` is said by another session past the proxy, `other& …` without
 * waiting for its end, which `locked` waits to see blocked. `again` is a new session; the one before has ended.
 */
type Script = readonly (string | number)[];

/**
 * `same`: the rows are, and nobody says that it is not known what was kept (until the schema is read again behind a
 * definition, a replay may be in doubt for other reasons); a reason: the key is in doubt for it.
 */
type Expected = 'same' | 'hazard' | 'uncertain';

interface Case {
  readonly name: string;
  readonly script: Script;
  readonly expected: Expected;
  /** Left out: on both. */
  readonly on?: Kind;
}

const MOVED = `CREATE TABLE messages (folderid BIGINT, itemid BIGINT, PRIMARY KEY (folderid, itemid)) ENGINE=InnoDB`;
const STAYING = `CREATE TABLE other (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE isam (id INT PRIMARY KEY) ENGINE=MyISAM;
  CREATE TABLE locks (id INT PRIMARY KEY, v INT) ENGINE=InnoDB; INSERT INTO locks VALUES (1, 0), (2, 0);
  CREATE TABLE heavy (id INT PRIMARY KEY) ENGINE=InnoDB`;

/**
 * Those that both manuals list under "Statements That Cause an Implicit Commit", and those that do not commit although
 * they look alike. A stored program takes the text behind it with it, so that what it commits can't be told.
 */
const STATEMENTS: readonly (readonly [string, (Kind | 'both')?, Expected?])[] = [
  ['CREATE TABLE made (a INT)'],
  ['CREATE TABLE IF NOT EXISTS made (a INT)'],
  ['CREATE TABLE filled AS SELECT * FROM locks'],
  ['CREATE TABLE liked LIKE locks'],
  ['RENAME TABLE made TO made_anew'],
  ['ALTER TABLE made_anew ADD b INT'],
  ['CREATE INDEX of_b ON made_anew (b)'],
  ['DROP INDEX of_b ON made_anew'],
  ['TRUNCATE made_anew'],
  ['DROP TABLE made_anew, filled, liked'],
  ['DROP TABLE IF EXISTS nothing'],
  ['CREATE TEMPORARY TABLE passing (a INT)'],
  ['DROP TEMPORARY TABLE IF EXISTS passing'],
  ['CREATE VIEW seen AS SELECT 1 AS a'],
  ['ALTER VIEW seen AS SELECT 2 AS a'],
  ['DROP VIEW seen'],
  ['CREATE DATABASE another'],
  ['ALTER DATABASE another CHARACTER SET latin1'],
  ['DROP DATABASE another'],
  ['CREATE PROCEDURE done() SELECT 1', 'both', 'uncertain'],
  ["ALTER PROCEDURE done COMMENT 'x'", 'both', 'uncertain'],
  ['DROP PROCEDURE done'],
  ['CREATE TRIGGER fired AFTER INSERT ON other FOR EACH ROW SET @a = 1', 'both', 'uncertain'],
  ['DROP TRIGGER fired'],
  ['CREATE EVENT due ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1', 'both', 'uncertain'],
  ['DROP EVENT due'],
  ["CREATE SERVER away FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h')"],
  ['DROP SERVER away'],
  ['CREATE USER someone'],
  ['ALTER USER someone ACCOUNT UNLOCK'],
  ['GRANT SELECT ON app.* TO someone'],
  ['REVOKE SELECT ON app.* FROM someone'],
  ["SET PASSWORD FOR someone = 'abc'", 'MySQL 9'],
  ["SET PASSWORD FOR someone = PASSWORD('abc')", 'MariaDB'],
  ['RENAME USER someone TO nobody'],
  ['DROP USER nobody'],
  ['CREATE ROLE part'],
  ['SET ROLE NONE'],
  ['SET DEFAULT ROLE NONE', 'MariaDB'],
  ['SET DEFAULT ROLE NONE TO root@localhost', 'MySQL 9'],
  ['DROP ROLE part'],
  ['CREATE SEQUENCE counting', 'MariaDB'],
  ['ALTER SEQUENCE counting RESTART 5', 'MariaDB'],
  ['DROP SEQUENCE counting', 'MariaDB'],
  ['ANALYZE TABLE other'],
  ['CHECK TABLE other'],
  ['OPTIMIZE TABLE other'],
  ['REPAIR TABLE isam'],
  ['CHECKSUM TABLE other'],
  ['CACHE INDEX isam IN default'],
  ['LOAD INDEX INTO CACHE isam'],
  ['FLUSH TABLES'],
  ['FLUSH STATUS'],
  ['FLUSH PRIVILEGES'],
  ['RESET QUERY CACHE', 'MariaDB'],
  ['RESET PERSIST', 'MySQL 9'],
  ["CHANGE MASTER TO MASTER_HOST = '127.0.0.1'", 'MariaDB'],
  ['STOP REPLICA', 'MySQL 9'],
  ['LOCK TABLES messages WRITE'],
  ['UNLOCK TABLES'],
  ['LOCK INSTANCE FOR BACKUP', 'MySQL 9'],
  ['UNLOCK INSTANCE', 'MySQL 9'],
  ['HANDLER locks OPEN'],
  ['SHOW CREATE TABLE other'],
  ['SELECT * FROM locks FOR UPDATE'],
  ['PREPARE later FROM "CREATE TABLE never (a INT)"'],
  ['XA RECOVER'],
  ['BEGIN'],
  ['START TRANSACTION READ WRITE'],
  ['SET autocommit = 1'],
  ['SET SESSION TRANSACTION READ WRITE'],
];

/** The other session has changed more, so that a deadlock ends ours. */
const DEADLOCK = [
  'other: BEGIN',
  `other: INSERT INTO heavy VALUES ${Array.from({ length: 300 }, (_, index) => `(${index})`)}`,
  'other: UPDATE locks SET v = 1 WHERE id = 2',
  'UPDATE locks SET v = 2 WHERE id = 1',
  'other& UPDATE locks SET v = 1 WHERE id = 1',
  'locked',
  '!UPDATE locks SET v = 2 WHERE id = 2',
  'other: ROLLBACK',
];
const TIMEOUT = [
  'SET innodb_lock_wait_timeout = 1',
  'other: BEGIN',
  'other: UPDATE locks SET v = 1 WHERE id = 1',
];
const TIMED_OUT = '!UPDATE locks SET v = 2 WHERE id = 1';

const CASES: readonly Case[] = [
  ...STATEMENTS.map(([sql, on, expected = 'same' as const]) => ({
    name: `in a transaction: ${sql}`,
    script: ['BEGIN', 1, sql, 2, 'ROLLBACK', 'UNLOCK TABLES'],
    expected,
    ...(on === undefined || on === 'both' ? {} : { on }),
  })),
  ...['CREATE TABLE gone (a INT)', 'DROP TABLE gone', 'FLUSH TABLES', 'ANALYZE TABLE other', 'BEGIN'].map(
    (sql) => ({
      name: `with autocommit off: ${sql}`,
      script: ['SET autocommit = 0', 1, sql, 2, 'ROLLBACK', 3, 'COMMIT'],
      expected: 'same' as const,
    }),
  ),
  {
    name: 'with autocommit off: LOCK TABLES',
    script: [
      'SET autocommit = 0',
      1,
      'LOCK TABLES messages WRITE',
      2,
      'ROLLBACK',
      3,
      'UNLOCK TABLES',
      4,
      'ROLLBACK',
    ],
    expected: 'same',
  },
  {
    name: 'with autocommit off: UNLOCK TABLES without locks',
    script: ['SET autocommit = 0', 1, 'UNLOCK TABLES', 2, 'ROLLBACK'],
    expected: 'uncertain',
  },

  {
    name: 'a chain',
    script: ['BEGIN', 1, 'COMMIT AND CHAIN', 2, 'ROLLBACK WORK AND CHAIN', 3, 'COMMIT'],
    expected: 'same',
  },
  { name: 'a commit that ends the session', script: ['BEGIN', 1, 'COMMIT RELEASE'], expected: 'same' },
  { name: 'a rollback that ends the session', script: ['BEGIN', 1, 'ROLLBACK RELEASE'], expected: 'same' },
  {
    name: 'chains by default',
    script: ['SET completion_type = 1', 'BEGIN', 1, 'COMMIT', 2, 'ROLLBACK', 3, 'COMMIT AND NO CHAIN', 4],
    expected: 'same',
  },
  {
    name: 'sessions that end by default',
    script: ['SET completion_type = 2', 'BEGIN', 1, 'COMMIT'],
    expected: 'same',
  },
  {
    name: 'a read-only transaction',
    script: ['START TRANSACTION READ ONLY', '!1', 'COMMIT', 2],
    expected: 'same',
  },
  {
    name: 'the next transaction read-only',
    script: ['SET TRANSACTION READ ONLY', 'BEGIN', '!1', 'COMMIT', 2],
    expected: 'same',
  },
  {
    name: 'autocommit on where it was',
    script: ['BEGIN', 1, 'SET autocommit = 1', 2, 'ROLLBACK'],
    expected: 'same',
  },
  {
    name: 'autocommit off and on',
    script: ['SET autocommit = 0', 1, 'SET @@SESSION.autocommit = ON', 2],
    expected: 'same',
  },
  {
    name: 'a failed definition',
    script: ['BEGIN', 1, '!CREATE TABLE other (a INT)', 2, 'ROLLBACK'],
    expected: 'same',
  },
  {
    name: 'a definition that is no SQL',
    script: ['BEGIN', 1, '!CREATE TABLE (', 2, 'ROLLBACK'],
    expected: 'same',
  },

  {
    name: 'savepoints in any case, quoted or not',
    script: [
      'BEGIN',
      1,
      'SAVEPOINT `One`',
      2,
      'SAVEPOINT two',
      3,
      'ROLLBACK TO ONE',
      4,
      '!ROLLBACK TO two',
      'COMMIT',
    ],
    expected: 'same',
  },
  {
    name: 'a savepoint set twice',
    script: [
      'BEGIN',
      'SAVEPOINT a',
      1,
      'SAVEPOINT b',
      2,
      'SAVEPOINT A',
      3,
      'ROLLBACK TO a',
      'ROLLBACK TO b',
      'COMMIT',
    ],
    expected: 'same',
  },
  {
    name: 'a released savepoint',
    script: [
      'BEGIN',
      'SAVEPOINT a',
      1,
      'SAVEPOINT b',
      2,
      'RELEASE SAVEPOINT a',
      '!ROLLBACK TO b',
      '!ROLLBACK TO a',
      'COMMIT',
    ],
    expected: 'same',
  },
  {
    name: 'an unknown savepoint',
    script: ['BEGIN', 1, '!ROLLBACK TO nowhere', 2, 'COMMIT'],
    expected: 'same',
  },
  {
    name: 'savepoints with autocommit off',
    script: ['SET autocommit = 0', 'SAVEPOINT a', 1, 'ROLLBACK TO a', 2, 'COMMIT', '!ROLLBACK TO a'],
    expected: 'same',
  },
  {
    name: 'a savepoint before its transaction',
    script: ['SAVEPOINT a', 'BEGIN', 1, '!ROLLBACK TO a', 'COMMIT'],
    expected: 'same',
  },
  {
    name: 'savepoints whose names differ by accents',
    script: ['BEGIN', 'SAVEPOINT é', 1, 'SAVEPOINT e', 2, 'ROLLBACK TO é', 'COMMIT'],
    expected: 'uncertain',
  },

  { name: 'a deadlock', script: ['BEGIN', 1, ...DEADLOCK, 2], expected: 'same' },
  {
    name: 'a deadlock with autocommit off',
    script: ['SET autocommit = 0', 1, ...DEADLOCK, 2, 'COMMIT'],
    expected: 'same',
  },
  {
    name: 'a lock wait that times out',
    script: [...TIMEOUT, 'BEGIN', 1, TIMED_OUT, 2, 'other: ROLLBACK', 'COMMIT'],
    expected: 'same',
  },

  {
    name: 'a branch committed in one phase',
    script: ["XA START 'one'", 1, "XA END 'one'", '!BEGIN', "XA COMMIT 'one' ONE PHASE", 2],
    expected: 'same',
  },
  {
    name: 'a branch rolled back',
    script: ["XA START 'two'", 1, "XA END 'two'", "XA ROLLBACK 'two'", 2],
    expected: 'same',
  },
  { name: 'a branch left behind', script: ["XA START 'three'", 1], expected: 'same' },
  {
    name: 'a commit in a branch',
    script: ["XA START 'four'", 1, '!COMMIT', "XA END 'four'", "XA ROLLBACK 'four'"],
    expected: 'uncertain',
  },
  {
    name: 'a branch prepared and committed',
    script: ["XA START 'five'", 1, "XA END 'five'", "XA PREPARE 'five'", "XA COMMIT 'five'"],
    expected: 'hazard',
  },
  {
    name: 'a branch prepared and rolled back',
    script: ["XA START 'six'", 1, "XA END 'six'", "XA PREPARE 'six'", "XA ROLLBACK 'six'"],
    expected: 'uncertain',
  },
  {
    name: 'a branch that another session commits',
    script: [
      "XA START 'seven', 'a', 2",
      1,
      "XA END 'seven', 'a', 2",
      "XA PREPARE 'seven', 'a', 2",
      'again',
      "XA COMMIT 'seven', 'a', 2",
    ],
    expected: 'hazard',
  },
];

const STARTS = { MariaDB: startMariadb, 'MySQL 9': startMysql };

let fresh: SqlServer;
beforeAll(async () => {
  fresh = await startMariadb({ name: 'new' });
});
afterAll(() => fresh?.destroy());

describe.each(['MariaDB', 'MySQL 9'] as const)('on %s', (kind) => {
  let old: SqlServer;
  let proxy: RunningProxy;
  beforeAll(async () => {
    // A lock wait's time-out takes the statement here, and the transaction there.
    const extra = kind === 'MySQL 9' ? ['--innodb-rollback-on-timeout'] : [];
    old = await STARTS[kind]({ name: 'old', extra });
    await old.query(`CREATE DATABASE ${OLD_DATABASE}; USE ${OLD_DATABASE}; ${MOVED}; ${STAYING}`);
    await fresh.query(
      `DROP DATABASE IF EXISTS ${NEW_DATABASE}; CREATE DATABASE ${NEW_DATABASE}; USE ${NEW_DATABASE}; ${MOVED}`,
    );
    proxy = await startStageProxy({ old, fresh }, { tables: { messages: { key: 'folderid' } } });
  });
  afterAll(async () => {
    await proxy?.kill9();
    await old?.destroy();
  });

  const cases = CASES.filter(({ on }) => on === undefined || on === kind);

  it.each(cases.map((each, index) => [each.name, each, index] as const))(
    'what the primary kept of it arrives, or is a doubt: %s',
    async (_name, { script, expected }, folder) => {
      // What the script before this one defined may have had the schema read again.
      await waitFor(async () => (await proxy.status()).shards.every(({ schema }) => schema.known), {
        what: 'the schema to be read',
      });
      await play({ old, proxy, folder }, script);
      await untilMirrorIsIdle(proxy);
      const { entries } = await readJournal(proxy, SHARD);
      const reasons = entries.filter(({ key }) => key === String(folder)).map(({ reason }) => reason);
      const [theirs, ours] = [
        await items(old, OLD_DATABASE, folder),
        await items(fresh, NEW_DATABASE, folder),
      ];
      if (expected !== 'same') expect(reasons).toContain(expected);
      else expect([ours, reasons.includes('uncertain')]).toEqual([theirs, false]);
    },
  );

  it('a branch that was prepared elsewhere may have written anything', async () => {
    const opaque = (): Promise<number> =>
      proxy.metric('understudy_mirror_doubts_total', { reason: 'opaque' });
    const client = await old.connect({ database: OLD_DATABASE });
    for (const sql of [
      "XA START 'far'",
      'INSERT INTO messages VALUES (9000, 1)',
      "XA END 'far'",
      "XA PREPARE 'far'",
    ])
      await client.query(sql);
    client.destroy();
    const before = await opaque();
    await play({ old, proxy, folder: 9001 }, ["XA COMMIT 'far'"]);
    expect(await opaque()).toBeGreaterThan(before);
    expect(await items(old, OLD_DATABASE, 9000)).toEqual([1]);
  });
});

interface Place {
  readonly old: SqlServer;
  readonly proxy: RunningProxy;
  readonly folder: number;
}

async function play({ old, proxy, folder }: Place, script: Script): Promise<void> {
  const connect = (): Promise<Connection> => old.connect({ port: proxy.port(SHARD), database: OLD_DATABASE });
  const other = await old.connect({ database: OLD_DATABASE });
  let client = await connect();
  let pending: Promise<unknown> = Promise.resolve();
  try {
    for (const line of script) {
      const text = String(line);
      if (text === 'again') {
        await ended(old, client);
        client = await connect();
      } else if (text === 'locked') await lockWait(old);
      else if (text.startsWith('other& ')) pending = other.query(text.slice('other& '.length));
      else if (text.startsWith('other: ')) {
        await pending;
        await other.query(text.slice('other: '.length));
      } else await say(client, folder, text);
    }
  } finally {
    await pending.catch(() => undefined);
    await ended(old, client);
    other.destroy();
  }
}

async function say(client: Connection, folder: number, line: string): Promise<void> {
  const mustFail = line.startsWith('!');
  const text = mustFail ? line.slice(1) : line;
  const sql = /^\d+$/.test(text)
    ? `INSERT INTO messages (folderid, itemid) VALUES (${folder}, ${text})`
    : text;
  const failed = await client.query(sql).then(
    () => null,
    (error: unknown) => error,
  );
  if (mustFail) expect(failed, sql).not.toBeNull();
  else expect(failed, sql).toBeNull();
}

/** The server has rolled back what it left open. */
async function ended(server: SqlServer, client: Connection): Promise<void> {
  const { threadId } = client;
  client.destroy();
  const sql = `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ${threadId}`;
  await waitFor(async () => (await server.query<RowDataPacket[]>(sql)).length === 0, {
    what: 'the session to end',
  });
}

async function lockWait(server: SqlServer): Promise<void> {
  const sql = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
  await waitFor(async () => (await server.query<RowDataPacket[]>(sql)).length > 0, { what: 'a lock wait' });
}

async function items(server: SqlServer, database: string, folder: number): Promise<number[]> {
  const rows = await server.query<RowDataPacket[]>(
    `SELECT itemid FROM ${database}.messages WHERE folderid = ${folder} ORDER BY 1`,
  );
  return rows.map(({ itemid }) => Number(itemid));
}
