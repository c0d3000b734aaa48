/**
 * Real clients through the proxy, mirrored whole: each session runs directly and through the proxy, sees the
 * same, sees what it should, and leaves the same rows on the new server.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import {
  hashOf,
  mirrored,
  NEW_DATABASE,
  OLD_DATABASE,
  type Stage,
  startStage,
  untilMirrorIsIdle,
} from './stage.ts';

const MEBIBYTE = 1024 * 1024;
const SCHEMA = `
  CREATE TABLE messages (folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, title VARCHAR(200), PRIMARY KEY (folderid, itemid));
  CREATE TABLE bodies (folderid BIGINT PRIMARY KEY, body LONGBLOB);
  CREATE TABLE loaded (id INT PRIMARY KEY, a INT);
  CREATE PROCEDURE two(IN n INT) BEGIN SELECT n; SELECT n + 1, 'two'; END;
  CREATE PROCEDURE outs(IN n INT, OUT twice INT) SET twice = n * 2`;
const KEY = { key: 'folderid' };
const CLIENTS = fileURLToPath(new URL('clients/', import.meta.url));
/** The distribution's own Python has the distribution's PyMySQL. */
const PYTHON = '/usr/bin/python3';

let stage: Stage;
let csv: string;
beforeAll(async () => {
  stage = await startStage({
    schema: SCHEMA,
    config: {
      tables: { messages: KEY, bodies: KEY },
      queue: { bytes: 256 * MEBIBYTE, statementBytes: 32 * MEBIBYTE, unitBytes: 64 * MEBIBYTE },
    },
  });
  await stage.old.query(
    `CREATE USER native@'%' IDENTIFIED BY 'secret'; CREATE USER empty@'%';
     GRANT ALL ON app.* TO native@'%', empty@'%'`,
  );
  csv = join(temporaryDirectory('clients'), 'numbers.csv');
  writeFileSync(csv, '1,10\n2,20\n3,30\n');
});
beforeEach(() => stage.reset());
afterAll(() => stage?.close());

/** Runs a session directly, then anew through the proxy; both must see the same. Returns what they saw. */
async function seenOnBothWays<T>(session: (port: number) => Promise<T>): Promise<T> {
  const direct = await session(stage.old.port);
  await stage.reset();
  const before = await mirrored(stage.proxy, { outcome: 'mirrored' });
  const relayed = await session(stage.port);
  expect(relayed).toEqual(direct);
  await expectNewHasTheRows();
  expect(await mirrored(stage.proxy, { outcome: 'mirrored' })).toBeGreaterThan(before);
  return relayed;
}

async function expectNewHasTheRows(): Promise<void> {
  await untilMirrorIsIdle(stage.proxy);
  for (const rows of ['* FROM messages ORDER BY 1, 2', 'folderid, MD5(body) FROM bodies ORDER BY 1']) {
    const [, old] = await stage.old.query<RowDataPacket[][]>(`USE ${OLD_DATABASE}; SELECT ${rows}`);
    const [, fresh] = await stage.fresh.query<RowDataPacket[][]>(`USE ${NEW_DATABASE}; SELECT ${rows}`);
    expect(fresh).toEqual(old);
  }
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const done = await runCommand(command, args);
  expect(done.stderr).toBe('');
  expect(done.code).toBe(0);
  return done.stdout;
}

const script = (name: string): string => join(CLIENTS, name);

describe('PHP', () => {
  it('mysqli: prepared CALL, CONNECTION_ID() and SET, transactions, errors, big values, LOCAL INFILE, KILL', async () => {
    const seen = await seenOnBothWays(async (port) =>
      JSON.parse(
        await output('php', [
          '-d',
          'mysqli.allow_local_infile=1',
          script('mysqli.php'),
          String(port),
          OLD_DATABASE,
          csv,
        ]),
      ),
    );
    expect(seen).toEqual({
      affected: 2,
      text: [
        ['1', 'text'],
        ['2', 'ünïcode 海'],
      ],
      prepared: [['prepared'], ['prepared'], ['prepared']],
      call: [1, 2].map(() => [[[7]], [[8, 'two']]]),
      out: ['40'],
      same_id: true,
      mode: ['ANSI_QUOTES,NO_BACKSLASH_ESCAPES'],
      error: [1062, '23000'],
      multi: [['1'], 1, ['2']],
      big: true,
      unbuffered: 20_000,
      loaded: 3,
      changed: true,
      user: ['empty@%'],
      killed: true,
      again: ['1'],
      refused: 1045,
    });
  });

  it.each([
    ['emulated', [[['8']], [['9', 'two']]]],
    // Prepared on the server, PDO shows the call's own OK as an empty result.
    ['native', [[['8']], [['9', 'two']], []]],
  ])('PDO with %s prepares', async (prepares, call) => {
    const seen = await seenOnBothWays(async (port) =>
      JSON.parse(await output('php', [script('pdo.php'), String(port), OLD_DATABASE, prepares])),
    );
    expect(seen).toEqual({
      rows: [
        ['1', 'one'],
        ['2', "it's \\ ünïcode 海"],
        ['3', null],
      ],
      call,
      same_id: true,
      mode: ['NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'],
      deleted: 1,
      error: ['23000', 1062],
      big: true,
      unbuffered: 20_000,
      again: ['2'],
    });
  });

  it('mysqli that insists on compression is served, unfollowed, and the shard owes a pass', async () => {
    const blind = (): Promise<number> =>
      stage.proxy.metric('understudy_relay_blind_total', { reason: 'compression' });
    const before = { blind: await blind(), doubts: await opaqueDoubts() };
    const code = `$db = mysqli_init();
      $db->real_connect('127.0.0.1', 'native', 'secret', 'app', ${stage.port}, null, MYSQLI_CLIENT_COMPRESS);
      $db->query("INSERT INTO messages VALUES (1, 1, 'compressed')");
      echo $db->query("SELECT REPEAT('compressed ', 3)")->fetch_row()[0];`;
    expect(await output('php', ['-r', code])).toBe('compressed '.repeat(3));
    expect(await blind()).toBe(before.blind + 1);
    expect(await opaqueDoubts()).toBeGreaterThan(before.doubts);
  });
});

const opaqueDoubts = (): Promise<number> =>
  stage.proxy.metric('understudy_mirror_doubts_total', { reason: 'opaque' });

describe('Python and Perl', () => {
  it('PyMySQL', async () => {
    const seen = await seenOnBothWays(async (port) =>
      JSON.parse(await output(PYTHON, [script('pymysql_session.py'), String(port), OLD_DATABASE, csv])),
    );
    expect(seen).toMatchObject({
      affected: 3,
      error: 1062,
      call: [[[9]], [[10, 'two']], []],
      multi: [[[1]], 1, [[2]]],
      big: true,
      loaded: 3,
      unbuffered: 20_000,
      killed: true,
      again: [1],
    });
  });

  it.each([
    ['emulated', '0', 'call=1,1'],
    // Prepared on the server, DBD::mysql 4 shows a call's first result only, whoever answers.
    ['server-side', '1', 'call=1'],
  ])('DBD::mysql with %s prepares', async (_name, serverSide, call) => {
    const seen = await seenOnBothWays((port) =>
      output('perl', [script('dbd_mysql.pl'), String(port), OLD_DATABASE, serverSide]),
    );
    expect(seen.trim().split('\n')).toEqual([
      "rows=1:one|2:it's \\ 海|3:NULL",
      'deleted=1',
      'error=1062 23000',
      'big=same',
      call,
      'same_id=yes',
      'again=1',
      'refused=1045',
    ]);
  });
});

describe('the mariadb command line', () => {
  const mariadb = (port: number, ...args: readonly string[]): Promise<string> => {
    const login = [
      '--no-defaults',
      '--host=127.0.0.1',
      `--port=${port}`,
      '--user=native',
      '--password=secret',
    ];
    return output('mariadb', [...login, ...args, OLD_DATABASE]);
  };

  it.each([
    ['as it comes', []],
    ['with --compress asked for', ['--compress']],
  ])('batches, LOCAL INFILE and errors, %s', async (_name, options) => {
    const sql = `
      INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, 'b');
      BEGIN; DELETE FROM messages WHERE itemid = 2; ROLLBACK;
      LOAD DATA LOCAL INFILE '${csv}' INTO TABLE loaded FIELDS TERMINATED BY ',';
      SHOW WARNINGS; SELECT * FROM loaded; CALL two(3);
      INSERT INTO bodies VALUES (1, REPEAT('x', 1000));
      SELECT title FROM messages WHERE folderid = 1 ORDER BY itemid;`;
    const seen = await seenOnBothWays(async (port) => {
      const batch = await mariadb(port, ...options, '--local-infile', `--execute=${sql}`);
      const login = [
        '--no-defaults',
        '--host=127.0.0.1',
        `--port=${port}`,
        '--user=native',
        '--password=secret',
      ];
      const double = "--execute=INSERT INTO messages VALUES (1, 1, 'double')";
      return { batch, refused: await runCommand('mariadb', [...login, ...options, double, OLD_DATABASE]) };
    });
    expect(seen.refused).toMatchObject({ code: 1, stdout: '' });
    expect(seen.refused.stderr).toContain("ERROR 1062 (23000) at line 1: Duplicate entry '1-1'");
    expect(seen.batch).toContain('3\t30\n');
    expect(seen.batch).toContain('title\na\nb\n');
  });

  it('\\s shows the server’s own facts, and no compression', async () => {
    // These lines tell of one connection, one port and one moment, and of what the proxy does not offer.
    const own = /^(Connection id|TCP port|Uptime|Threads|Protocol):.*\n/gm;
    const facts = (text: string): string => text.replace(own, '');
    const status = async (port: number): Promise<string> => mariadb(port, '--compress', '--execute=\\s');
    const relayed = await status(stage.port);
    expect(relayed).toMatch(/Server version:\s+10\.\d+/);
    expect(relayed).not.toContain('Compressed');
    expect(facts(relayed)).toBe(facts(await status(stage.old.port)));
  });

  it('a dump through the proxy equals one of the server itself', async () => {
    await stage.old.query(
      "USE app; INSERT INTO messages SELECT seq, 1, CONCAT('it''s \\\\ ', seq) FROM seq_1_to_3000; INSERT INTO bodies VALUES (1, UNHEX('005C27FF'))",
    );
    const dump = (port: number): Promise<string> =>
      output('mariadb-dump', [
        ...['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=root', '--skip-dump-date'],
        ...['--single-transaction', '--routines', '--hex-blob', OLD_DATABASE],
      ]);
    const relayed = await dump(stage.port);
    expect(relayed).toContain("(3000,1,'it\\'s \\\\ 3000')");
    expect(relayed).toBe(await dump(stage.old.port));
  });
});

describe('mysql2', () => {
  const connect = (port: number, options: Parameters<Stage['old']['connect']>[0] = {}): Promise<Connection> =>
    stage.old.connect({ port, user: 'native', password: 'secret', database: OLD_DATABASE, ...options });

  it('query, execute, transactions, errors, several statements and big values', async () => {
    const seen = await seenOnBothWays(async (port) => {
      const options = { user: 'root', password: '', multipleStatements: true, supportBigNumbers: true };
      const connection = await connect(port, options);
      const [inserted] = await connection.query<ResultSetHeader>('INSERT INTO messages VALUES ?', [
        [
          [1, 1, 'a'],
          ['4611686018427387905', 2, "it's \\ 海"],
        ],
      ]);
      const [rows] = await connection.execute('SELECT * FROM messages WHERE folderid = ?', [
        '4611686018427387905',
      ]);
      await connection.beginTransaction();
      await connection.execute('DELETE FROM messages WHERE folderid = ?', [1]);
      await connection.rollback();
      const error = await connection
        .query("INSERT INTO messages VALUES (1, 1, 'double')")
        .catch((e) => e.errno);
      const [several] = await connection.query<RowDataPacket[][]>(
        'SELECT 1 AS one; CALL two(4); SELECT 2 AS two',
      );
      const big = Buffer.alloc(18 * MEBIBYTE, 'big ');
      await connection.execute('INSERT INTO bodies VALUES (?, ?)', [1, big]);
      const [read] = await connection.query<RowDataPacket[]>('SELECT body FROM bodies WHERE folderid = 1');
      await connection.changeUser({ user: 'native', password: 'secret', database: OLD_DATABASE });
      const [user] = await connection.query('SELECT CURRENT_USER() AS user');
      await connection.ping();
      await connection.end();
      const whole = Buffer.isBuffer(read[0]?.body) && big.equals(read[0].body);
      return { inserted: inserted.affectedRows, rows, error, several: several.slice(0, 3), whole, user };
    });
    expect(seen).toMatchObject({
      inserted: 2,
      rows: [{ folderid: '4611686018427387905', itemid: 2, title: "it's \\ 海" }],
      error: 1062,
      several: [[{ one: 1 }], [{ n: 4 }], [{ 'n + 1': 5, two: 'two' }]],
      whole: true,
      user: [{ user: 'native@%' }],
    });
  });

  it('hundreds of statements in flight on one connection, and many connections at once', async () => {
    const answers = await seenOnBothWays(async (port) => {
      const connections = await Promise.all(Array.from({ length: 10 }, () => connect(port)));
      const sent = connections.flatMap((connection, index) =>
        Array.from({ length: 60 }, async (_, item) => {
          const folder = 100 + index;
          await connection.execute('INSERT INTO messages VALUES (?, ?, ?)', [folder, item, `title ${item}`]);
          const [rows] = await connection.query(
            `SELECT title FROM messages WHERE folderid = ${folder} AND itemid = ${item}`,
          );
          return rows;
        }),
      );
      const rows = await Promise.all(sent);
      await connections[0]?.query('INSERT INTO bodies VALUES (1, 1)');
      await Promise.all(connections.map((connection) => connection.end()));
      return { hash: hashOf(rows), count: rows.length };
    });
    expect(answers.count).toBe(600);
  });

  it('a pool reconnects after its connections were killed', async () => {
    const connection = await connect(stage.port);
    const lost = new Promise<Error>((resolve) => connection.on('error', resolve));
    await stage.old.query(`KILL ${connection.threadId}`);
    expect((await lost).message).toMatch(/closed|killed/i);
    const [rows] = await (await connect(stage.port)).query('SELECT 1 AS one');
    expect(rows).toEqual([{ one: 1 }]);
  });
});

it('the readers kept step with every client', async () => {
  const blind = await stage.proxy.metric('understudy_relay_blind_total');
  expect(blind - (await stage.proxy.metric('understudy_relay_blind_total', { reason: 'compression' }))).toBe(
    0,
  );
  expect(await mirrored(stage.proxy, { outcome: 'failed' })).toBe(0);
  expect(stage.proxy.logs()).not.toContain('please report this');
});
