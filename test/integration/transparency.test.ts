/**
 * Invariant 1: what a client receives is byte for byte what the primary sent. Each session runs directly and
 * through the proxy, mirrored and compared whole, and for each set of capabilities that changes the replies.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COM, type RawOptions } from '../harness/recorder.ts';
import { CLIENT } from '../harness/reply-reader.ts';
import {
  bigInteger,
  bulkExecute,
  command,
  double,
  execute,
  integer,
  longData,
  nothing,
  sentAhead,
  text,
  uint32,
} from './command-bytes.ts';
import { expectSameBytes, type Session, type SessionScript } from './same-bytes.ts';
import { mirrored, type Stage, startStage } from './stage.ts';

const SCHEMA = `
  CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(50), n INT NOT NULL DEFAULT 0) ENGINE=InnoDB;
  INSERT INTO t VALUES (1, 'one', 10), (2, NULL, 20), (3, REPEAT('x', 50), 30);
  CREATE TABLE kept (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(5)) ENGINE=MyISAM;
  CREATE TABLE loaded (id INT PRIMARY KEY, a INT NOT NULL) ENGINE=InnoDB;
  CREATE TABLE typed (id INT PRIMARY KEY, big BIGINT, f DOUBLE, d DECIMAL(20, 5), at DATETIME(6), b LONGBLOB);
  CREATE PROCEDURE two() BEGIN SELECT 1; SELECT id FROM t ORDER BY id; END;
  CREATE PROCEDURE outs(IN a INT, OUT b INT, INOUT c VARCHAR(20))
    BEGIN SET b = a * 2; SET c = CONCAT(c, '!'); SELECT a AS given; END;
  CREATE PROCEDURE breaks() BEGIN SELECT 1; SELECT nothing FROM nowhere; SELECT 2; END`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ schema: SCHEMA });
});
afterAll(() => stage?.close());

const OLD_EOFS: Partial<RawOptions> = {};
const MARIADB_ALL =
  CLIENT.MARIADB_CACHE_METADATA |
  CLIENT.MARIADB_EXTENDED_METADATA |
  CLIENT.MARIADB_PROGRESS |
  CLIENT.MARIADB_STMT_BULK;
const EVERYTHING: Partial<RawOptions> = {
  capabilities:
    CLIENT.DEPRECATE_EOF |
    CLIENT.SESSION_TRACK |
    CLIENT.PLUGIN_AUTH_LENENC |
    CLIENT.OPTIONAL_RESULTSET_METADATA |
    CLIENT.QUERY_ATTRIBUTES |
    MARIADB_ALL,
  without: CLIENT.LONG_PASSWORD,
  attributes: { program_name: 'transparency', _pid: '1' },
};
const VARIANTS: readonly (readonly [string, Partial<RawOptions>])[] = [
  ['old EOFs', OLD_EOFS],
  ['DEPRECATE_EOF and session tracking', { capabilities: CLIENT.DEPRECATE_EOF | CLIENT.SESSION_TRACK }],
  [
    'FOUND_ROWS and cached metadata',
    { capabilities: CLIENT.FOUND_ROWS | CLIENT.MARIADB_CACHE_METADATA, without: CLIENT.LONG_PASSWORD },
  ],
  ['everything that MariaDB offers', EVERYTHING],
];

const errnoOf = async (session: Session, sql: string | Buffer): Promise<number> =>
  (await session.query(sql)).error?.errno ?? 0;

/** Runs statements that must succeed. */
async function run(session: Session, ...statements: readonly string[]): Promise<void> {
  for (const sql of statements) expect(await errnoOf(session, sql), sql).toBe(0);
}

const queries: SessionScript = async (session) => {
  await run(
    session,
    'SELECT id, name FROM t ORDER BY id',
    'SELECT id FROM t WHERE id < 0',
    "SELECT NULL, '', 1.5, 1e10, -1, 0x41, DATE '2024-02-29', TIME '-10:00:00.5', TRUE, REPEAT('z', 300)",
    'SELECT * FROM t a JOIN t b ON a.id = b.id WHERE a.id IN (1, 3) ORDER BY a.id',
    "INSERT INTO t (id, name) VALUES (4, 'four'), (5, 'five')",
    "UPDATE t SET name = 'vier' WHERE id = 4",
    "UPDATE t SET name = 'vier' WHERE id = 4",
    'DELETE FROM t WHERE id IN (4, 5)',
    "REPLACE INTO t VALUES (3, 'three', 33)",
    "INSERT INTO t VALUES (3, 'three', 33) ON DUPLICATE KEY UPDATE n = n + 1",
    "INSERT INTO kept (name) VALUES ('a'), ('b')",
    'SELECT LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS()',
    'SELECT SQL_CALC_FOUND_ROWS id FROM t ORDER BY id LIMIT 1',
    'SELECT FOUND_ROWS()',
    '/* only a comment */ SELECT 1 /*! + 1 */ -- tail',
    "SELECT 'a''b\\'c', \"d\", `id` FROM t WHERE name = 'one;two' # end",
    'SET @a := 1, @b = 2',
    'SELECT @a + @b, @c := 3',
    'SHOW VARIABLES LIKE "character_set_c%"',
    'SHOW COLUMNS FROM t',
    'SHOW CREATE TABLE t',
    'EXPLAIN SELECT * FROM t WHERE id = 1',
    'USE mysql',
    'USE app',
    'SELECT DATABASE()',
    'SELECT * FROM app.t WHERE id = 1',
    'HANDLER t OPEN',
    'HANDLER t READ FIRST',
    'HANDLER t CLOSE',
    'LOCK TABLES t READ',
    'UNLOCK TABLES',
    'CHECK TABLE kept',
    'ANALYZE TABLE kept',
    "PREPARE p FROM 'SELECT ? + 1'",
    'EXECUTE p USING @a',
    'DEALLOCATE PREPARE p',
    'CREATE TEMPORARY TABLE temp (id INT)',
    'INSERT INTO temp VALUES (1), (2)',
    'DROP TEMPORARY TABLE temp',
    'CREATE TABLE made (id INT PRIMARY KEY)',
    'ALTER TABLE made ADD COLUMN n INT',
    'TRUNCATE TABLE made',
    'DROP TABLE made',
    'DO SLEEP(0)',
    "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'a warning'",
  );
};

const refusals: SessionScript = async (session) => {
  expect(await errnoOf(session, 'SELEC 1')).toBe(1064);
  expect(await errnoOf(session, '')).toBe(1065);
  expect(await errnoOf(session, ' ; ')).toBeGreaterThan(0);
  expect(await errnoOf(session, 'SELECT nothing FROM t')).toBe(1054);
  expect(await errnoOf(session, 'SELECT * FROM nowhere')).toBe(1146);
  expect(await errnoOf(session, "INSERT INTO t VALUES (9, 'nine', 1), (1, 'double', 1)")).toBe(1062);
  expect(await errnoOf(session, "INSERT INTO kept VALUES (7, 'a'), (7, 'b')")).toBe(1062);
  expect(await errnoOf(session, 'USE nowhere')).toBe(1049);
  expect(await errnoOf(session, "SELECT 'open")).toBe(1064);
  expect(
    await errnoOf(session, "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ours', MYSQL_ERRNO = 31001"),
  ).toBe(31001);
  // The first rows are on their way when the error comes.
  const middle = await session.query(
    'SELECT id, (SELECT b.id FROM t b WHERE b.id <= 4 - a.id) FROM t a ORDER BY id DESC',
  );
  expect(middle.error?.errno).toBe(1242);
  await run(
    session,
    "SET sql_mode = ''",
    "INSERT INTO kept (name) VALUES ('much too long')",
    'SHOW WARNINGS',
  );
  await run(session, "SELECT 1/0, CAST('x' AS UNSIGNED)", 'SHOW COUNT(*) WARNINGS', 'SHOW WARNINGS LIMIT 1');
  expect(await errnoOf(session, 'SELECT SLEEP(')).toBe(1064);
  await run(session, 'SHOW ERRORS', 'GET DIAGNOSTICS @n = NUMBER', 'SELECT @n');
};

const transactions: SessionScript = async (session) => {
  await run(
    session,
    'BEGIN',
    "INSERT INTO t VALUES (10, 'ten', 1)",
    'SAVEPOINT s',
    'DELETE FROM t WHERE id = 1',
  );
  await run(session, 'ROLLBACK TO s', 'RELEASE SAVEPOINT s', 'COMMIT', 'START TRANSACTION READ ONLY');
  expect(await errnoOf(session, 'DELETE FROM t')).toBe(1792);
  await run(
    session,
    'ROLLBACK',
    'SET autocommit = 0',
    'UPDATE t SET n = n + 1 WHERE id = 2',
    'SET autocommit = 1',
  );
  await run(
    session,
    'BEGIN',
    "INSERT INTO kept (name) VALUES ('c')",
    'UPDATE t SET n = 0 WHERE id = 3',
    'ROLLBACK',
  );
  await run(session, 'SHOW WARNINGS', 'COMMIT AND CHAIN', 'DELETE FROM t WHERE id = 10', 'COMMIT RELEASE');
  await session.readUntilClosed();
};

const severalResults: SessionScript = async (session) => {
  const three = await session.query("SELECT 1; UPDATE t SET name = 'two' WHERE id = 2; SELECT 2");
  expect(three.results).toHaveLength(3);
  expect((await session.query('SELECT 1; SELECT nothing; SELECT 2')).error?.errno).toBe(1054);
  expect((await session.query('CALL two()')).results).toHaveLength(3);
  expect((await session.query('CALL two(); CALL two(); SELECT 3')).results).toHaveLength(7);
  expect((await session.query('CALL breaks()')).error?.errno).toBe(1146);
  await run(session, "SET @b = 0, @c = 'x'", 'CALL outs(21, @b, @c)', 'SELECT @b, @c');
  await run(session, ';'.padStart(200, 'DO 0;'), 'BEGIN NOT ATOMIC SELECT 1; SELECT 2; END');
  expect((await session.command(COM.SET_OPTION, Buffer.of(1, 0), 'ok')).error).toBeNull();
  expect(await errnoOf(session, 'SELECT 1; SELECT 2')).toBe(1064);
  expect((await session.command(COM.SET_OPTION, Buffer.of(0, 0), 'ok')).error).toBeNull();
  expect((await session.command(COM.SET_OPTION, Buffer.of(9, 0), 'ok')).error?.errno).toBe(1047);
  expect((await session.query('SELECT 1; SELECT 2')).results).toHaveLength(2);
};

const prepared: SessionScript = async (session) => {
  const insert = await session.prepare('INSERT INTO typed VALUES (?, ?, ?, ?, ?, ?)');
  const row = (id: number) => [
    integer(id),
    bigInteger(-(2n ** 62n)),
    double(0.1),
    text('12345.67890'),
    text('2024-02-29 23:59:59.123456'),
    text(Buffer.from([0, 0x5c, 0x27, 0xff])),
  ];
  const run1 = await session.command(COM.STMT_EXECUTE, execute(insert, row(1)), 'query');
  expect(run1.results[0]?.affectedRows).toBe(1n);
  await session.command(COM.STMT_EXECUTE, execute(insert, row(2), { types: false }), 'query');
  const nulls = [integer(3), nothing, nothing, nothing, nothing, nothing];
  await session.command(COM.STMT_EXECUTE, execute(insert, nulls), 'query');
  session.send(longData(insert, 5, Buffer.from('sent ')));
  session.send(longData(insert, 5, Buffer.from('ahead')));
  await session.command(COM.STMT_EXECUTE, execute(insert, [...row(4).slice(0, 5), sentAhead]), 'query');
  const double1 = await session.command(COM.STMT_EXECUTE, execute(insert, row(4)), 'query');
  expect(double1.error?.errno).toBe(1062);
  session.send(longData(insert, 5, Buffer.from('taken back')));
  expect((await session.command(COM.STMT_RESET, uint32(insert), 'ok')).error).toBeNull();
  const select = await session.prepare('SELECT * FROM typed WHERE id >= ? ORDER BY id');
  const rows = await session.command(COM.STMT_EXECUTE, execute(select, [integer(0)]), 'query');
  expect(rows.results[0]?.rows).toHaveLength(4);
  await session.command(COM.STMT_EXECUTE, execute(select, [integer(99)]), 'query');
  session.send(Buffer.concat([Buffer.of(COM.STMT_CLOSE), uint32(select)]));
  // The message names the id.
  const gone = await session.unstable(() =>
    session.command(COM.STMT_EXECUTE, execute(select, [integer(0)]), 'query'),
  );
  expect(gone.error?.errno).toBe(1243);
  expect((await session.command(COM.STMT_RESET, uint32(9999), 'ok')).error?.errno).toBe(1243);
  expect((await session.command(COM.STMT_PREPARE, 'SELEC', 'prepare')).error?.errno).toBe(1064);
  expect(await session.prepare('SET NAMES utf8mb4')).toBeGreaterThan(0);
  const last = await session.prepare("UPDATE t SET name = 'last' WHERE id = ?");
  expect(last).toBeGreaterThan(0);
  const lastPrepared = await session.command(COM.STMT_EXECUTE, execute(0xffff_ffff, [integer(1)]), 'query');
  expect(lastPrepared.results[0]?.affectedRows).toBe(1n);
};

const preparedCalls: SessionScript = async (session) => {
  const id = await session.prepare('CALL outs(?, ?, ?)');
  const parameters = [integer(4), integer(0), text('out')];
  const called = await session.command(COM.STMT_EXECUTE, execute(id, parameters), 'query');
  // The rows of the SELECT, the OUT parameters, and the OK of the call.
  expect(called.results.map((result) => result.rows.length)).toEqual([1, 1, 0]);
  const two = await session.prepare('CALL two()');
  for (let time = 0; time < 2; time += 1) {
    expect((await session.command(COM.STMT_EXECUTE, execute(two), 'query')).results).toHaveLength(3);
  }
  const broken = await session.prepare('CALL breaks()');
  expect((await session.command(COM.STMT_EXECUTE, execute(broken), 'query')).error?.errno).toBe(1146);
};

const cursors: SessionScript = async (session) => {
  const id = await session.prepare('SELECT id, name FROM t WHERE id > ? ORDER BY id');
  const fetch = (rows: number) =>
    session.command(COM.STMT_FETCH, Buffer.concat([uint32(id), uint32(rows)]), 'fetch');
  const opened = await session.command(COM.STMT_EXECUTE, execute(id, [integer(0)], { cursor: 1 }), 'query');
  expect(opened.results[0]?.rows).toHaveLength(0);
  expect((await fetch(1)).results[0]?.rows).toHaveLength(1);
  expect((await fetch(1)).results[0]?.rows).toHaveLength(1);
  expect((await fetch(10)).results[0]?.rows).toHaveLength(1);
  expect((await session.unstable(() => fetch(10))).error?.errno).toBeGreaterThan(0);
  await session.command(COM.STMT_EXECUTE, execute(id, [integer(9)], { cursor: 1 }), 'query');
  await session.command(COM.STMT_EXECUTE, execute(id, [integer(1)], { cursor: 1 }), 'query');
  expect((await session.command(COM.STMT_RESET, uint32(id), 'ok')).error).toBeNull();
  expect((await session.unstable(() => fetch(1))).error?.errno).toBeGreaterThan(0);
  await run(session, 'SELECT 1');
};

const files: SessionScript = async (session) => {
  const load = (name: string, table = 'loaded') =>
    session.send(command(COM.QUERY, `LOAD DATA LOCAL INFILE '${name}' INTO TABLE ${table}`).subarray(4));
  const numbers = Array.from({ length: 5000 }, (_, index) => `${index}\t${index * 2}\n`).join('');
  load('numbers');
  const loaded = await session.readReply('query', { numbers: Buffer.from(numbers) });
  expect(loaded.results[0]?.affectedRows).toBe(5000n);
  load('empty');
  expect((await session.readReply('query')).results[0]?.affectedRows).toBe(0n);
  load('again');
  const again = await session.readReply('query', { again: Buffer.from('1\t1\n99999\t1\n') });
  expect(again.results[0]?.affectedRows).toBe(1n);
  load('nowhere', 'nowhere');
  expect((await session.readReply('query')).error?.errno).toBe(1146);
  await run(session, 'SHOW WARNINGS', 'SELECT COUNT(*), SUM(a) FROM loaded');
  session.send(
    Buffer.concat([
      Buffer.of(COM.QUERY),
      Buffer.from(
        "SELECT 1; LOAD DATA LOCAL INFILE 'x' INTO TABLE loaded; LOAD DATA LOCAL INFILE 'y' INTO TABLE loaded; SELECT 2",
      ),
    ]),
  );
  const mixed = await session.readReply('query', {
    x: Buffer.from('7000\t1\n'),
    y: Buffer.from('7001\t1\n'),
  });
  expect(mixed.results).toHaveLength(4);
  await run(session, 'SELECT COUNT(*) FROM loaded');
};

const utilities: SessionScript = async (session) => {
  const ok = (code: number, body: Buffer | string = '') => session.command(code, body, 'ok');
  expect((await ok(COM.PING)).error).toBeNull();
  expect((await ok(COM.INIT_DB, 'mysql')).error).toBeNull();
  expect((await ok(COM.INIT_DB, 'nowhere')).error?.errno).toBe(1049);
  expect((await ok(COM.INIT_DB, 'app')).error).toBeNull();
  expect((await session.command(COM.FIELD_LIST, 't\0', 'fields')).results[0]?.rows).toHaveLength(3);
  expect((await session.command(COM.FIELD_LIST, 't\0n%', 'fields')).results[0]?.rows.length).toBeGreaterThan(
    0,
  );
  expect((await session.command(COM.FIELD_LIST, 'nowhere\0', 'fields')).error?.errno).toBe(1146);
  expect((await ok(COM.DEBUG)).error).toBeNull();
  const statistics = await session.unstable(() => session.command(COM.STATISTICS, '', 'text'));
  expect(statistics.text).toMatch(/^Uptime: \d+ .*Queries per second avg: [\d.]+$/);
  const processes = await session.unstable(() => session.command(COM.PROCESS_INFO, '', 'query'));
  expect(processes.results[0]?.rows.length).toBeGreaterThan(0);
  expect((await ok(COM.PROCESS_KILL, uint32(4_000_000_000))).error?.errno).toBe(1094);
  await run(session, 'SET @kept = 1', 'CREATE TEMPORARY TABLE mine (id INT)', 'SET NAMES latin1');
  expect((await ok(COM.RESET_CONNECTION)).error).toBeNull();
  await run(session, 'SELECT @kept, @@character_set_client');
  expect(await errnoOf(session, 'SELECT * FROM mine')).toBe(1146);
  for (const code of [0x00, 0x05, 0x06, 0x0b, 0x0f, 0x10, 0x14, 0x1d, 0x21, 0x42, 0x7f, 0xc8, 0xf9, 0xff]) {
    const reply = await ok(code, code === 0x21 ? '' : 'any body');
    expect(reply.error, `command 0x${code.toString(16)}`).not.toBeNull();
  }
  session.sendBytes(Buffer.of(0, 0, 0, 0));
  expect((await session.readReply('ok')).error).not.toBeNull();
  expect((await ok(COM.PING)).error).toBeNull();
  session.send(Buffer.of(COM.QUIT));
  expect(await session.readUntilClosed()).toHaveLength(0);
};

const tracking: SessionScript = async (session) => {
  await run(
    session,
    "SET SESSION session_track_system_variables = '*', session_track_schema = ON, session_track_state_change = ON",
    "SET SESSION session_track_transaction_info = 'CHARACTERISTICS'",
    'SET SESSION sql_mode = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"',
    `SELECT "id", '\\' FROM "t"`,
    'USE mysql',
    'USE app',
    'START TRANSACTION WITH CONSISTENT SNAPSHOT',
    'SELECT COUNT(*) FROM t',
    "UPDATE t SET n = 1 WHERE id = 1 AND name <> 'a\\'",
    'COMMIT',
    "SET SESSION sql_mode = DEFAULT, time_zone = '+01:00'",
  );
};

const changes: SessionScript = async (session) => {
  await run(session, 'BEGIN', 'DELETE FROM t', 'SET @mine = 1');
  expect((await session.changeUser('root', '', 'app')).error).toBeNull();
  await run(session, 'SELECT COUNT(*), @mine FROM t', 'SELECT CURRENT_USER(), DATABASE()');
  expect((await session.changeUser('root', '', '')).error).toBeNull();
  expect(await errnoOf(session, 'SELECT * FROM t')).toBe(1046);
  expect((await session.changeUser('root', '', 'nowhere')).error?.errno).toBe(1049);
};

const SCRIPTS: readonly (readonly [string, SessionScript])[] = [
  ['queries of all sorts', queries],
  ['errors, also in the middle of a result, and warnings', refusals],
  ['transactions', transactions],
  ['multi-statements, multi-results and OUT parameters', severalResults],
  ['prepared statements', prepared],
  ['prepared CALL with OUT parameters', preparedCalls],
  ['cursors and FETCH', cursors],
  ['LOCAL INFILE', files],
  ['COM_PING, INIT_DB, FIELD_LIST, DEBUG, RESET_CONNECTION … and unknown commands', utilities],
  ['session tracking and sql_mode', tracking],
  ['COM_CHANGE_USER', changes],
];

describe.each(VARIANTS)('invariant 1: the same bytes with %s', (_variant, options) => {
  it.each(SCRIPTS)('%s', async (_name, script) => {
    await expectSameBytes(stage, script, options);
  });
});

it('invariant 1: the same bytes for MariaDB’s bulk execute', async () => {
  const bulk: SessionScript = async (session) => {
    const id = await session.prepare('INSERT INTO t (id, name) VALUES (?, ?)');
    const rows = [20, 21, 22].map((n) => [integer(n), n === 21 ? nothing : text(`row ${n}`)]);
    const done = await session.command(COM.STMT_BULK_EXECUTE, bulkExecute(id, rows), 'query');
    expect(done.results[0]?.affectedRows).toBe(3n);
    expect((await session.command(COM.STMT_BULK_EXECUTE, bulkExecute(id, rows), 'query')).error?.errno).toBe(
      1062,
    );
    await run(session, 'SELECT * FROM t ORDER BY id');
  };
  await expectSameBytes(stage, bulk, EVERYTHING);
});

it('invariant 1: the readers kept step, and the mirror was at work all the while', async () => {
  expect(await stage.proxy.metric('understudy_relay_blind_total')).toBe(0);
  expect(await mirrored(stage.proxy, { outcome: 'mirrored' })).toBeGreaterThan(100);
  expect(await stage.proxy.metric('understudy_mirror_compared_total')).toBeGreaterThan(0);
  expect(stage.proxy.logs()).not.toContain('please report this');
});
