/**
 * The accounts of docs/operations.md, with exactly the rights that it lists: the mirror works with all of
 * them, and with each one taken away something does not. And: what those rights do not allow, no client reaches.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { untilMirrorIsIdle } from './stage.ts';

const STARTS = { MariaDB: startMariadb, 'MySQL 9': startMysql };
const NEW_RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'DROP'] as const;
type Right = (typeof NEW_RIGHTS)[number];
type Kind = keyof typeof STARTS;
const TABLE = `(folderid BIGINT, itemid BIGINT, title VARCHAR(100), PRIMARY KEY (folderid, itemid)) ENGINE=InnoDB`;
const PASSWORD = 'ours alone';
const OURS = { user: 'understudy', password: PASSWORD };
/** Shards, each with databases of its own name on both sides: `all`, and one for each right that is missing. */
const SHARDS = [
  'all',
  ...NEW_RIGHTS.map((right) => `no_${right.toLowerCase()}`),
  'no_trigger',
  'no_old_select',
] as const;

/** Statements, each with the rights that its replay needs. */
const workOf = (kind: Kind): readonly (readonly [string, readonly Right[]])[] => [
  ["INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, 'b')", ['INSERT']],
  ["REPLACE INTO messages VALUES (1, 2, 'c')", ['INSERT', 'DELETE']],
  [
    "INSERT INTO messages VALUES (1, 3, 'd') ON DUPLICATE KEY UPDATE title = 'e'",
    kind === 'MariaDB' ? ['INSERT', 'UPDATE', 'SELECT'] : ['INSERT', 'UPDATE'],
  ],
  ['SELECT * FROM messages WHERE folderid = 1 ORDER BY itemid', ['SELECT']],
  ["UPDATE messages SET title = 'f'", ['UPDATE']],
  ["UPDATE messages SET title = 'g' WHERE folderid = 1", ['UPDATE', 'SELECT']],
  ['DELETE FROM messages WHERE folderid = 1 AND itemid = 1', ['DELETE', 'SELECT']],
  ['TRUNCATE TABLE messages', ['DROP']],
];

describe.each(['MariaDB', 'MySQL 9'] as const)('on %s', (kind) => {
  const work = workOf(kind);
  let old: SqlServer;
  let fresh: SqlServer;
  let proxy: RunningProxy;

  beforeAll(async () => {
    [old, fresh] = await Promise.all([STARTS[kind]({ name: 'old' }), STARTS[kind]({ name: 'new' })]);
    for (const server of [old, fresh]) {
      await server.query(`CREATE USER understudy@'%' IDENTIFIED BY '${PASSWORD}'`);
      await server.query(`CREATE DATABASE vault; CREATE TABLE vault.messages ${TABLE};
        CREATE TABLE vault.secrets ${TABLE}; INSERT INTO vault.secrets VALUES (1, 1, 'untouched')`);
    }
    for (const shard of SHARDS) {
      await old.query(`CREATE DATABASE old_${shard}; CREATE TABLE old_${shard}.messages ${TABLE}`);
      await fresh.query(`CREATE DATABASE new_${shard}; CREATE TABLE new_${shard}.messages ${TABLE}`);
      const rights = [...NEW_RIGHTS, 'TRIGGER'].filter((right) => shard !== `no_${right.toLowerCase()}`);
      await fresh.query(`GRANT ${rights.join(', ')} ON \`new\\_${shard}\`.* TO understudy@'%'`);
      if (shard !== 'no_old_select') {
        await old.query(`GRANT SELECT, SHOW VIEW, TRIGGER ON \`old\\_${shard}\`.* TO understudy@'%'`);
      }
    }
    const ports = await freePorts(SHARDS.length);
    proxy = await startProxy({
      config: {
        shards: SHARDS.map((name, index) => ({
          name,
          port: ports[index] ?? 0,
          old: { host: old.host, port: old.port, database: `old_${name}` },
          new: { host: fresh.host, port: fresh.port, database: `new_${name}` },
        })),
        tables: { messages: { key: 'folderid' } },
        ...{ oldUser: OURS, newUser: OURS, compare: 100, lanes: { timeoutMs: 3000 } },
        mirror: { reads: 100, writes: 100, deletes: 100 },
      },
    });
  });
  afterAll(async () => {
    await proxy?.kill9();
    await Promise.all([old?.destroy(), fresh?.destroy()]);
  });

  const connect = (shard: string, database: string | null = `old_${shard}`): Promise<Connection> =>
    old.connect({
      port: proxy.port(shard),
      multipleStatements: true,
      ...(database === null ? {} : { database }),
    });
  const outcome = (shard: string, name: string): Promise<number> =>
    proxy.metric('understudy_mirror_statements_total', { shard, outcome: name });

  it('with all rights everything is replayed, text, prepared and in a transaction', async () => {
    const client = await connect('all');
    for (const [sql] of work) await client.query(sql);
    await client.query(
      "SET time_zone = '+01:00', foreign_key_checks = 0, NAMES latin1, sql_mode = 'ANSI_QUOTES'",
    );
    await client.beginTransaction();
    for (const [sql] of work.slice(0, -1)) await client.execute(sql);
    await client.commit();
    await client.end();
    await untilMirrorIsIdle(proxy);
    expect(await outcome('all', 'mirrored')).toBe(2 * work.length - 1);
    expect(await proxy.metric('understudy_mirror_statements_total', { shard: 'all' })).toBe(
      2 * work.length - 1,
    );
    expect(await proxy.metric('understudy_mirror_mismatch_total', { shard: 'all' })).toBe(0);
    expect(await rowsOf(fresh, 'new_all')).toEqual(await rowsOf(old, 'old_all'));
  });

  it('a replay that takes too long is ended on the new server by its own account', async () => {
    const lock = await fresh.connect({ database: 'new_all' });
    await lock.query('LOCK TABLES messages WRITE');
    const client = await connect('all');
    await client.query("INSERT INTO messages VALUES (7, 1, 'held')");
    await waitFor(async () => (await outcome('all', 'timed_out')) === 1, { what: 'the replay to time out' });
    await waitFor(async () => (await waiting(fresh)) === 0, { what: 'the replay to end on the server' });
    await lock.query('UNLOCK TABLES');
    await lock.end();
    await client.end();
  });

  it.each(NEW_RIGHTS)('without %s what needs it fails, and only that', async (right) => {
    const shard = `no_${right.toLowerCase()}`;
    const needing = work.filter(([, rights]) => rights.includes(right)).length;
    const client = await connect(shard);
    for (const [sql] of work) await client.query(sql);
    await client.end();
    await untilMirrorIsIdle(proxy);
    expect(needing).toBeGreaterThan(0);
    expect(await outcome(shard, 'failed')).toBe(needing);
    expect(await outcome(shard, 'mirrored')).toBe(work.length - needing);
    const { shards } = await proxy.status();
    const details = shards.find(({ name }) => name === shard)?.latestMismatches.map(({ detail }) => detail);
    expect(details).toContain('error 1142');
  });

  it('without TRIGGER on the new database all writes are in doubt, and are replayed', async () => {
    const client = await connect('no_trigger');
    await client.query("INSERT INTO messages VALUES (1, 1, 'a')");
    await client.end();
    await untilMirrorIsIdle(proxy);
    expect(await outcome('no_trigger', 'mirrored')).toBe(1);
    const doubts = (shard: string): Promise<number> =>
      proxy.metric('understudy_journal_keys', { shard, table: 'messages', reason: 'hazard' });
    expect([await doubts('no_trigger'), await doubts('all')]).toEqual([1, 0]);
    const { shards } = await proxy.status();
    const told = shards.map(({ name, schema }) => [name, ...schema.differences.map((one) => one.new)]);
    expect(told.filter(([, ...differences]) => differences.length > 0)).toEqual([
      ['no_trigger', 'triggers that newUser may not see, for want of the right TRIGGER'],
    ]);
  });

  it('without SELECT on the old database the tables are not seen, and the log says so', async () => {
    await proxy.untilLogged(/names tables that oldUser does not see.*\n/);
    const told = proxy
      .logs()
      .split('\n')
      .filter((line) => line.includes('names tables that oldUser does not see'));
    expect(told).toHaveLength(1);
    expect(JSON.parse(told[0] ?? '')).toMatchObject({ shard: 'no_old_select', tables: 'messages' });
  });

  it('nothing that a client with every right sends reaches the new server beyond those of newUser', async () => {
    await fresh.query(
      "SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = ON",
    );
    const users = await fresh.query('SELECT COUNT(*) AS n FROM mysql.user');
    const before = await proxy.metric('understudy_mirror_statements_total', { shard: 'all' });
    const client = await connect('all');
    for (const sql of HOSTILE) await client.query(sql).catch(() => undefined);
    await client.end();
    // A session that begins before the global sql_mode was read again is not replayed.
    let item = 0;
    await waitFor(
      async () => {
        const mirrored = await outcome('all', 'mirrored');
        const early = await connect('all', 'vault');
        item += 1;
        await early.query(`INSERT INTO old_all.messages VALUES (90, ${item}, 'from elsewhere')`);
        await early.end();
        await untilMirrorIsIdle(proxy);
        return (await outcome('all', 'mirrored')) > mirrored;
      },
      { what: 'the settings of the old server to be read again' },
    );
    const elsewhere = await connect('all', 'vault');
    await elsewhere.query("INSERT INTO messages VALUES (1, 1, 'another table of that name')");
    await elsewhere.end();
    await untilMirrorIsIdle(proxy);
    await fresh.query('SET GLOBAL general_log = OFF');

    const log = await fresh.query<RowDataPacket[]>(
      `SELECT command_type AS type, CONVERT(argument USING utf8mb4) AS sent FROM mysql.general_log
        WHERE user_host LIKE 'understudy%' OR user_host LIKE '[understudy]%'`,
    );
    const sent = log.map((row) => `${String(row.type)}: ${String(row.sent)}`);
    expect(sent.filter((line) => FORBIDDEN.test(line) && !OWN_QUESTIONS.test(line))).toEqual([]);
    // The log must have seen the mirror at work, else it shows nothing.
    expect(sent.filter((line) => line.includes('from elsewhere'))).toHaveLength(1);
    expect(await proxy.metric('understudy_mirror_statements_total', { shard: 'all' })).toBeGreaterThan(
      before,
    );
    expect(await rowsOf(fresh, 'new_all', 'folderid = 90')).toHaveLength(1);

    expect(await fresh.query('SELECT COUNT(*) AS n FROM mysql.user')).toEqual(users);
    expect(await rowsOf(fresh, 'vault')).toEqual([]);
    expect(await rowsOf(fresh, 'vault', '1 = 1', 'secrets')).toMatchObject([{ title: 'untouched' }]);
    const [settings] = await fresh.query<RowDataPacket[]>('SELECT @@GLOBAL.max_connections AS connections');
    expect(settings?.connections).toBe(1200);
    expect(await fresh.query("SHOW GRANTS FOR understudy@'%'")).not.toContain('ALL PRIVILEGES');
  });
});

/** What no lane may send, whatever its rights are. */
const FORBIDDEN =
  /vault|GRANT|GLOBAL|PERSIST|\bCREATE\b|\bALTER\b|DROP (?:TABLE|DATABASE)|OUTFILE|DUMPFILE|LOAD|CALL|KILL|SHUTDOWN|FLUSH|HANDLER|PREPARE p|EXECUTE p|INSTALL|mysql\.|RENAME|sleepy/i;

/** What the proxy asks about the new server's tables. */
const OWN_QUESTIONS = /^Query: SHOW (?:GRANTS$|GLOBAL VARIABLES WHERE Variable_name IN \('version', )/;

const HOSTILE: readonly string[] = [
  "GRANT ALL ON *.* TO understudy@'%'",
  "CREATE USER intruder@'%' IDENTIFIED BY 'x'",
  "ALTER USER understudy@'%' IDENTIFIED BY 'x'; ALTER USER understudy@'%' IDENTIFIED BY 'ours alone'",
  'SET GLOBAL max_connections = 77; SET GLOBAL max_connections = 1200',
  "SET @@GLOBAL.sql_mode = ''",
  "INSERT INTO vault.secrets VALUES (2, 2, 'x')",
  'DELETE FROM vault.messages',
  'TRUNCATE vault.messages',
  "UPDATE messages m, vault.secrets s SET s.title = 'x' WHERE m.folderid = s.folderid",
  'DELETE m FROM messages m JOIN vault.secrets s ON s.folderid = m.folderid',
  'DELETE FROM vault.messages, old_all.messages USING vault.messages, old_all.messages',
  'INSERT INTO messages SELECT * FROM vault.secrets',
  'SELECT * FROM messages, vault.secrets',
  'SELECT (SELECT title FROM vault.secrets LIMIT 1) FROM messages WHERE folderid = 1',
  'SELECT * FROM messages WHERE folderid = 1 UNION SELECT * FROM vault.secrets',
  'WITH s AS (SELECT * FROM vault.secrets) SELECT * FROM messages, s',
  "SELECT * FROM messages INTO OUTFILE '/tmp/understudy-never'",
  "INSERT INTO messages VALUES (80, 1, LOAD_FILE('/etc/passwd'))",
  "LOAD DATA INFILE '/etc/passwd' INTO TABLE messages",
  "INSERT INTO messages VALUES (81, 1, 'a'); GRANT ALL ON *.* TO understudy@'%'; DROP TABLE vault.messages_gone",
  "INSERT INTO messages VALUES (82, 1, 'a') /*!50000 ; DROP DATABASE vault */",
  "INSERT INTO /*!50000 vault.*/messages VALUES (83, 1, 'a')",
  "INSERT INTO /*!99999 nowhere.*/ messages VALUES (84, 1, 'a')",
  "INSERT INTO /*M!100100 vault.*/messages VALUES (85, 1, 'a')",
  "INSERT INTO `vault`.`messages` VALUES (86, 1, 'a')",
  "INSERT INTO vault . messages VALUES (87, 1, 'a')",
  'CREATE FUNCTION sleepy() RETURNS INT DETERMINISTIC RETURN 1; SELECT sleepy() FROM messages WHERE folderid = 1',
  'SELECT vault.sleepy() FROM messages WHERE folderid = 1',
  'CREATE PROCEDURE writes() INSERT INTO vault.secrets VALUES (3, 3, 3); CALL writes()',
  "PREPARE p FROM 'INSERT INTO vault.secrets VALUES (4, 4, 4)'; EXECUTE p",
  "EXECUTE IMMEDIATE 'INSERT INTO vault.secrets VALUES (5, 5, 5)'",
  'HANDLER messages OPEN; HANDLER messages READ FIRST; HANDLER messages CLOSE',
  'KILL 1',
  'FLUSH PRIVILEGES',
  'RENAME TABLE vault.messages TO vault.moved, vault.moved TO vault.messages',
  'USE vault; INSERT INTO messages VALUES (88, 1, 1); USE old_all',
  'CREATE TEMPORARY TABLE vault.messages_now (a INT); INSERT INTO vault.messages_now VALUES (1)',
  "SET NAMES utf8mb4; SET SESSION sql_mode = 'ANSI_QUOTES'",
  'INSERT INTO "vault"."messages" VALUES (89, 1, 1)',
];

async function rowsOf(
  server: SqlServer,
  database: string,
  where = '1 = 1',
  table = 'messages',
): Promise<RowDataPacket[]> {
  return server.query(`SELECT * FROM ${database}.${table} WHERE ${where} ORDER BY folderid, itemid`);
}

/** Statements of ours that wait for the locked table. */
async function waiting(server: SqlServer): Promise<number> {
  const rows = await server.query<RowDataPacket[]>('SHOW FULL PROCESSLIST');
  return rows.filter((row) => row.User === 'understudy' && String(row.Info).includes('held')).length;
}
