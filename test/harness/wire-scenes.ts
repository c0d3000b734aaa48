/** What is said in the sessions of test/fixtures/wire: every command, and every form of reply we know of. */
import type { Mariadb } from './mariadb.ts';
import { CLIENT, COM, type RawConnection, type RawOptions } from './recorder.ts';
import { waitFor } from './wait.ts';

export interface Scene {
  readonly name: string;
  readonly options?: Partial<RawOptions>;
  /** Only with these capabilities agreed on. */
  readonly needs?: bigint;
  play(raw: RawConnection, server: Mariadb): Promise<void>;
}

/** The ways in which what both sides agree on changes the form of a reply. */
export const VARIANTS: Readonly<Record<string, Partial<RawOptions>>> = {
  'old-eof': {},
  'deprecate-eof': { capabilities: CLIENT.DEPRECATE_EOF },
  'cached-metadata': { capabilities: CLIENT.MARIADB_CACHE_METADATA, without: CLIENT.LONG_PASSWORD },
  everything: {
    capabilities:
      CLIENT.DEPRECATE_EOF |
      CLIENT.SESSION_TRACK |
      CLIENT.MARIADB_PROGRESS |
      CLIENT.MARIADB_STMT_BULK |
      CLIENT.MARIADB_EXTENDED_METADATA |
      CLIENT.MARIADB_CACHE_METADATA,
    without: CLIENT.LONG_PASSWORD,
  },
};

export const SCHEMA = `
  CREATE DATABASE d; USE d;
  CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60), note TEXT, at DATETIME(6));
  INSERT INTO t VALUES (1, 'one', NULL, '2024-05-06 07:08:09.123456'), (2, NULL, 'two', NULL), (3, REPEAT('x', 60), '', NULL);
  CREATE TABLE many (id INT PRIMARY KEY, word VARCHAR(20));
  INSERT INTO many SELECT seq, IF(seq % 7 = 0, NULL, REPEAT(CHAR(97 + seq % 26), seq % 19)) FROM seq_1_to_200;
  CREATE TABLE slow (id INT PRIMARY KEY) ENGINE = Aria;
  INSERT INTO slow SELECT seq FROM seq_1_to_40;
  CREATE TABLE loaded (id INT, word VARCHAR(20));
  CREATE PROCEDURE several() BEGIN SELECT 1; SELECT id, word FROM many WHERE id < 4; UPDATE t SET note = 'n' WHERE id = 3; END;
  CREATE PROCEDURE outs(IN a INT, OUT b INT, INOUT c VARCHAR(20)) BEGIN SELECT a; SET b = a + 1, c = CONCAT(c, '!'); END;
  CREATE PROCEDURE handled() BEGIN
    DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SELECT 'handled';
    SELECT id, (SELECT b.id FROM t b WHERE b.id <= 4 - a.id) FROM t a ORDER BY id DESC;
    SELECT 2;
  END;
  CREATE USER pw@'%' IDENTIFIED BY 'secret'; GRANT ALL ON d.* TO pw@'%';
  CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret'); GRANT ALL ON d.* TO ed@'%';
  SET GLOBAL progress_report_time = 1`;

const REFRESH = 0x07;
const LONG = 3;
const STRING = 0xfe;
const BLOB = 0xfc;

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);

/** The body of COM_STMT_EXECUTE; `bound` is the null bitmap, and what follows it. */
function execution(id: number, flags = 0, ...bound: Buffer[]): Buffer {
  return Buffer.concat([int32(id), Buffer.of(flags), int32(1), ...bound]);
}

async function prepare(raw: RawConnection, sql: string): Promise<number> {
  const reply = await raw.command(COM.STMT_PREPARE, sql, 'prepare');
  if (reply.statement === null) throw new Error(`${sql} is not prepared: ${reply.error?.message}`);
  return reply.statement.id;
}

const queries: Scene = {
  name: 'queries',
  async play(raw) {
    const statements = [
      "INSERT INTO t (name) VALUES ('four'), ('five')",
      "UPDATE t SET note = 'x' WHERE id > 3",
      'DELETE FROM t WHERE id > 3',
      'DO 1',
      'SELECT * FROM t WHERE id < 0',
      'SELECT * FROM t',
      'SELECT NULL, NULL',
      "SELECT ''",
      'SELECT id, word FROM many',
      `SELECT ${Array.from({ length: 300 }, (_, index) => index).join(', ')}`,
      "SELECT REPEAT('r', 300), REPEAT('s', 3000)",
      'SELECT 1/0, 2/0',
      'SHOW WARNINGS',
      'BEGIN',
      'SELECT 1',
      'COMMIT',
      'SET autocommit = 0',
      'SET autocommit = 1',
      'SELECT nothing',
      'not SQL',
      '',
      ';',
      'SELECT id, (SELECT b.id FROM t b WHERE b.id <= 4 - a.id) FROM t a ORDER BY id DESC',
      "SELECT 1; UPDATE t SET note = 'm' WHERE id = 1; SELECT id, word FROM many LIMIT 3; DO 0",
      'SELECT 1; SELECT nothing; SELECT 2',
      'CALL several()',
      'CALL handled()',
      "INSERT INTO t (id, name) VALUES (2147483000, 'far')",
      'DELETE FROM t WHERE id > 3',
      'CHECK TABLE t',
      'EXPLAIN SELECT * FROM t',
      "PREPARE s FROM 'SELECT ?'",
      'EXECUTE s USING 7',
      'KILL QUERY 999999',
    ];
    for (const sql of statements) await raw.query(sql);
  },
};

const prepared: Scene = {
  name: 'prepared statements',
  async play(raw) {
    const run = (body: Buffer) => raw.command(COM.STMT_EXECUTE, body, 'query');
    const both = await prepare(raw, 'SELECT id, name, note, at FROM t WHERE id >= ?');
    await run(execution(both, 0, Buffer.of(0, 1, LONG, 0), int32(1)));
    await run(execution(both, 0, Buffer.of(0, 0), int32(2)));
    await run(execution(both, 0, Buffer.of(1, 1, LONG, 0)));
    const insert = await prepare(raw, 'INSERT INTO t (name, note) VALUES (?, ?)');
    await run(execution(insert, 0, Buffer.of(2, 1, STRING, 0, STRING, 0), text('six')));
    raw.send(
      Buffer.concat([
        Buffer.of(COM.STMT_SEND_LONG_DATA),
        int32(insert),
        Buffer.of(1, 0),
        Buffer.from('long '),
      ]),
    );
    raw.send(
      Buffer.concat([
        Buffer.of(COM.STMT_SEND_LONG_DATA),
        int32(insert),
        Buffer.of(1, 0),
        Buffer.from('data'),
      ]),
    );
    await run(execution(insert, 0, Buffer.of(0, 1, STRING, 0, BLOB, 0), text('seven')));
    await raw.command(COM.STMT_RESET, int32(insert), 'ok');
    await raw.command(COM.STMT_RESET, int32(4711), 'ok');
    const none = await prepare(raw, 'DELETE FROM t WHERE id > 3');
    await run(execution(none));
    const columns = await prepare(raw, 'SELECT id, word FROM many');
    await run(execution(columns));
    await run(execution(columns));
    const call = await prepare(raw, 'CALL outs(?, ?, ?)');
    await run(
      execution(call, 0, Buffer.of(0, 1, LONG, 0, LONG, 0, STRING, 0), int32(5), int32(0), text('hey')),
    );
    await run(execution(await prepare(raw, 'CALL several()')));
    await run(execution(await prepare(raw, 'SELECT 1/0')));
    const fails = await prepare(
      raw,
      'SELECT id, (SELECT b.id FROM t b WHERE b.id <= 4 - a.id) FROM t a ORDER BY id DESC',
    );
    await run(execution(fails));
    await raw.command(COM.STMT_PREPARE, 'SELECT nothing FROM nowhere', 'prepare');
    await raw.command(COM.STMT_PREPARE, '', 'prepare');
    raw.send(Buffer.concat([Buffer.of(COM.STMT_CLOSE), int32(columns)]));
    await run(execution(columns));
  },
};

const cursors: Scene = {
  name: 'cursors',
  async play(raw) {
    const fetch = (id: number, rows: number) =>
      raw.command(COM.STMT_FETCH, Buffer.concat([int32(id), int32(rows)]), 'fetch');
    const many = await prepare(raw, 'SELECT id, word FROM many');
    await raw.command(COM.STMT_EXECUTE, execution(many, 1), 'query');
    for (const rows of [1, 50, 100, 100]) await fetch(many, rows);
    await fetch(many, 1);
    const empty = await prepare(raw, 'SELECT id FROM many WHERE id < 0');
    await raw.command(COM.STMT_EXECUTE, execution(empty, 1), 'query');
    await fetch(empty, 5);
    await raw.command(COM.STMT_EXECUTE, execution(many, 1), 'query');
    await raw.command(COM.STMT_EXECUTE, execution(empty, 0), 'query');
    await fetch(many, 3);
    await raw.command(COM.STMT_RESET, int32(many), 'ok');
    await fetch(many, 3);
    await raw.command(COM.STMT_EXECUTE, execution(await prepare(raw, 'CALL several()'), 1), 'query');
    await raw.command(COM.STMT_EXECUTE, execution(await prepare(raw, 'DO 1'), 1), 'query');
  },
};

const commands: Scene = {
  name: 'other commands',
  async play(raw) {
    await raw.command(COM.PING, '', 'ok');
    await raw.command(COM.STATISTICS, '', 'text');
    await raw.command(COM.INIT_DB, 'mysql', 'ok');
    await raw.command(COM.INIT_DB, 'nowhere', 'ok');
    await raw.command(COM.INIT_DB, 'd', 'ok');
    await raw.command(COM.FIELD_LIST, 't\0', 'fields');
    await raw.command(COM.FIELD_LIST, 't\0n%', 'fields');
    await raw.command(COM.FIELD_LIST, 'nothing\0', 'fields');
    await raw.command(COM.SET_OPTION, Buffer.of(1, 0), 'ok');
    await raw.command(COM.SET_OPTION, Buffer.of(0, 0), 'ok');
    await raw.command(COM.SET_OPTION, Buffer.of(9, 0), 'ok');
    await raw.command(COM.DEBUG, '', 'ok');
    await raw.command(COM.PROCESS_INFO, '', 'query');
    await raw.command(COM.PROCESS_KILL, int32(999_999), 'ok');
    await raw.command(REFRESH, Buffer.of(0x10), 'ok');
    for (const unknown of [0x00, 0x05, 0x0b, 0x0f, 0x1d, 0x7f, 0xf0]) await raw.command(unknown, '', 'ok');
    await raw.command(COM.RESET_CONNECTION, '', 'ok');
    await raw.changeUser('pw', 'secret', 'd');
    await raw.query('SELECT CURRENT_USER()');
    await raw.changeUser('root', '', 'd');
    await raw.query('SELECT 1');
    await raw.changeUser('pw', 'wrong', 'd');
  },
};

const localInfile: Scene = {
  name: 'LOCAL INFILE',
  async play(raw) {
    const load = async (file: string, more = ''): Promise<void> => {
      raw.send(Buffer.from(`\x03LOAD DATA LOCAL INFILE '${file}' INTO TABLE loaded${more}`));
      await raw.readReply('query', {
        rows: Buffer.from('1\tone\n2\ttwo\n'),
        odd: Buffer.from('x\n3\n4\t5\t6\n'),
      });
    };
    await load('rows');
    await load('odd');
    await raw.query('SHOW WARNINGS');
    await load('absent');
    await load('rows', ' (nothing)');
    await load('rows', '; SELECT COUNT(*) FROM loaded');
    await raw.query('DELETE FROM loaded');
  },
};

const sessionTrack: Scene = {
  name: 'session state',
  needs: CLIENT.SESSION_TRACK,
  async play(raw) {
    await raw.query("SET SESSION session_track_system_variables = '*'");
    await raw.query('SET SESSION session_track_schema = 1, session_track_state_change = 1');
    await raw.query("SET SESSION session_track_transaction_info = 'CHARACTERISTICS'");
    await raw.query('USE mysql');
    await raw.query('SET NAMES latin1');
    await raw.query(`SET SESSION session_track_system_variables =
      (SELECT GROUP_CONCAT(LOWER(VARIABLE_NAME)) FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME LIKE '%s%')`);
    await raw.query("SET SESSION session_track_system_variables = '*'");
    await raw.query('BEGIN');
    await raw.query('SELECT COUNT(*) FROM d.t');
    await raw.query('SELECT 1; SET time_zone = "+01:00"; SELECT 2');
    await raw.query('ROLLBACK');
    await raw.command(COM.INIT_DB, 'd', 'ok');
    await raw.command(COM.SET_OPTION, Buffer.of(0, 0), 'ok');
    await raw.command(COM.RESET_CONNECTION, '', 'ok');
  },
};

const bulk: Scene = {
  name: 'bulk execution',
  needs: CLIENT.MARIADB_STMT_BULK,
  async play(raw) {
    const row = (id: number, word: string): Buffer =>
      Buffer.concat([Buffer.of(0), int32(id), Buffer.of(0), text(word)]);
    const rows = [row(1, 'a'), row(2, 'bc'), Buffer.concat([Buffer.of(0), int32(3), Buffer.of(1)])];
    const types = Buffer.of(0x80, 0, LONG, 0, STRING, 0);
    const insert = await prepare(raw, 'INSERT INTO loaded VALUES (?, ?)');
    await raw.command(COM.STMT_BULK_EXECUTE, Buffer.concat([int32(insert), types, ...rows]), 'query');
    const returning = await prepare(raw, 'INSERT INTO loaded VALUES (?, ?) RETURNING id');
    await raw.command(COM.STMT_BULK_EXECUTE, Buffer.concat([int32(returning), types, ...rows]), 'query');
    await raw.command(COM.STMT_BULK_EXECUTE, Buffer.concat([int32(4711), types, ...rows]), 'query');
    // The id -1 stands for the statement that was prepared last.
    await raw.command(COM.STMT_PREPARE, 'SELECT COUNT(*) FROM loaded', 'prepare');
    await raw.command(COM.STMT_EXECUTE, execution(-1), 'query');
    await raw.query('DELETE FROM loaded');
  },
};

const progress: Scene = {
  name: 'progress reports',
  needs: CLIENT.MARIADB_PROGRESS,
  async play(raw) {
    await raw.query(
      "ALTER TABLE slow ADD COLUMN hashed CHAR(128) DEFAULT (SHA2(REPEAT('x', 20000000), 512)), ALGORITHM = COPY",
    );
    await raw.query('ALTER TABLE slow DROP COLUMN hashed');
  },
};

const killed: Scene = {
  name: 'kills',
  async play(raw, server) {
    raw.send(Buffer.from('\x03SELECT id, SLEEP(20) FROM many'));
    await waitFor(() => isSleeping(raw.connectionId, server), { what: 'the statement to run' });
    await server.query(`KILL QUERY ${raw.connectionId}`);
    await raw.readReply('query');
    await server.query(`KILL ${raw.connectionId}`);
    await raw.readUntilClosed();
  },
};

async function isSleeping(id: number, server: Mariadb): Promise<boolean> {
  const rows = await server.query<never[]>(
    `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ${id} AND INFO LIKE '%SLEEP%'`,
  );
  return rows.length > 0;
}

export const SCENES: readonly Scene[] = [
  queries,
  prepared,
  cursors,
  commands,
  localInfile,
  sessionTrack,
  bulk,
  progress,
  killed,
];

export const LOGINS: readonly { readonly name: string; readonly options: Partial<RawOptions> }[] = [
  { name: 'a password', options: { user: 'pw', password: 'secret' } },
  { name: 'no password', options: {} },
  { name: 'a wrong password', options: { user: 'pw', password: 'wrong' } },
  { name: 'no such user', options: { user: 'nobody', password: 'x' } },
  { name: 'no such database', options: { database: 'nowhere' } },
  { name: 'connection attributes', options: { attributes: { program_name: 'p'.repeat(300), os: 'none' } } },
  { name: 'no plugin named', options: { user: 'pw', password: 'secret', without: CLIENT.PLUGIN_AUTH } },
];
