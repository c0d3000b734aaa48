/** The recording client reads what a library reads, and finds the end of every kind of reply. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { CLIENT, COM, connectRaw, type RawConnection, type RawOptions } from '../harness/recorder.ts';

let server: Mariadb;
beforeAll(async () => {
  server = await startMariadb();
  await server.query(`CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, name VARCHAR(50));
    INSERT INTO d.t VALUES (1, 'one'), (2, NULL), (3, REPEAT('x', 50));
    CREATE PROCEDURE d.two() BEGIN SELECT 1; SELECT id FROM d.t; END;
    CREATE USER 'pw'@'%' IDENTIFIED BY 'secret'; GRANT ALL ON d.* TO 'pw'@'%'`);
});
afterAll(() => server.destroy());

const login = (more: Partial<RawOptions> = {}): Promise<RawConnection> =>
  connectRaw({ host: server.host, port: server.port, user: 'root', database: 'd', ...more });
const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const execute = (id: number, cursor = 0): Buffer =>
  Buffer.concat([number32(id), Buffer.of(cursor), number32(1)]);

const VARIANTS: readonly [string, Partial<RawOptions>][] = [
  ['old EOFs', {}],
  ['DEPRECATE_EOF', { capabilities: CLIENT.DEPRECATE_EOF }],
  ['cached metadata', { capabilities: CLIENT.MARIADB_CACHE_METADATA, without: CLIENT.LONG_PASSWORD }],
  [
    'all of it',
    { capabilities: CLIENT.DEPRECATE_EOF | CLIENT.MARIADB_CACHE_METADATA | CLIENT.SESSION_TRACK },
  ],
];

it.each(VARIANTS)('reads every kind of reply to its end (%s)', async (_name, variant) => {
  const raw = await login(variant);
  const rows = await raw.query('SELECT id, name FROM t ORDER BY id');
  expect(rows.results[0]?.columns).toBe(2);
  const theirs = await server.query<RowDataPacket[]>('SELECT id, name FROM d.t ORDER BY id');
  expect(rows.results[0]?.rows.map((row) => decodeTextRow(row))).toEqual(
    theirs.map((row) => [String(row.id), row.name]),
  );
  expect((await raw.query('SELECT id FROM t WHERE id < 0')).results[0]?.rows).toEqual([]);
  expect((await raw.query('CALL two()')).results.map((result) => result.rows.length)).toEqual([1, 3, 0]);
  expect(
    (await raw.query("SELECT 1; UPDATE t SET name = 'two' WHERE id = 2; SELECT 2")).results,
  ).toHaveLength(3);
  const broken = await raw.query('SELECT 1; SELECT nothing; SELECT 2');
  expect(broken.results).toHaveLength(1);
  expect(broken.error).toMatchObject({ errno: 1054, sqlState: '42S22' });
  const middle = await raw.query(
    'SELECT id, (SELECT b.id FROM t b WHERE b.id <= 4 - a.id) FROM t a ORDER BY id DESC',
  );
  expect(middle.error?.errno).toBe(1242);
  expect((await raw.command(COM.PING, '', 'ok')).error).toBeNull();
  expect((await raw.command(COM.INIT_DB, 'mysql', 'ok')).error).toBeNull();
  expect((await raw.command(COM.INIT_DB, 'd', 'ok')).error).toBeNull();
  expect((await raw.command(COM.STATISTICS, '', 'text')).text).toMatch(/^Uptime: \d+/);
  expect((await raw.command(COM.FIELD_LIST, 't\0', 'fields')).results[0]?.rows).toHaveLength(2);
  expect((await raw.command(COM.SET_OPTION, Buffer.of(0, 0), 'ok')).error).toBeNull();
  expect((await raw.command(COM.RESET_CONNECTION, '', 'ok')).error).toBeNull();
  expect((await raw.command(COM.PROCESS_INFO, '', 'query')).results[0]?.rows.length).toBeGreaterThan(0);
  raw.send(Buffer.of(COM.QUIT));
  expect(await raw.readUntilClosed()).toEqual(Buffer.alloc(0));
});

it.each(VARIANTS)('prepares, executes and fetches by a cursor (%s)', async (_name, variant) => {
  const raw = await login(variant);
  const prepared = await raw.command(COM.STMT_PREPARE, 'SELECT id, name FROM t ORDER BY id', 'prepare');
  expect(prepared.statement).toMatchObject({ columns: 2, parameters: 0 });
  const id = prepared.statement?.id ?? 0;
  for (let time = 0; time < 2; time += 1) {
    const done = await raw.command(COM.STMT_EXECUTE, execute(id), 'query');
    expect(done.results[0]?.rows).toHaveLength(3);
  }
  const opened = await raw.command(COM.STMT_EXECUTE, execute(id, 1), 'query');
  expect(opened.results[0]?.rows).toHaveLength(0);
  const two = await raw.command(COM.STMT_FETCH, Buffer.concat([number32(id), number32(2)]), 'fetch');
  expect(two.results[0]?.rows).toHaveLength(2);
  const rest = await raw.command(COM.STMT_FETCH, Buffer.concat([number32(id), number32(9)]), 'fetch');
  expect(rest.results[0]?.rows).toHaveLength(1);
  const insert = await raw.command(COM.STMT_PREPARE, 'UPDATE t SET name = ? WHERE id = ?', 'prepare');
  expect(insert.statement).toMatchObject({ columns: 0, parameters: 2 });
  raw.send(Buffer.concat([Buffer.of(COM.STMT_CLOSE), number32(id)]));
  expect((await raw.command(COM.STMT_EXECUTE, execute(id), 'query')).error?.errno).toBe(1243);
  raw.close();
});

it('sends and receives payloads of more than 16 MiB', async () => {
  const raw = await login();
  const text = Buffer.alloc(17 * 1024 * 1024, 0x61);
  const reply = await raw.query(Buffer.concat([Buffer.from("SELECT '"), text, Buffer.from("'")]));
  expect(reply.error).toBeNull();
  expect(reply.results[0]?.rows[0]?.subarray(9).equals(text)).toBe(true);
  const edge = await raw.query(`SELECT REPEAT('b', ${0xff_ff_ff - 4})`);
  expect(edge.results[0]?.rows[0]).toHaveLength(0xff_ff_ff);
  raw.close();
});

it('answers LOCAL INFILE', async () => {
  const raw = await login();
  await raw.query('CREATE TEMPORARY TABLE loaded (id INT)');
  raw.send(Buffer.from("\x03LOAD DATA LOCAL INFILE 'numbers' INTO TABLE loaded"));
  const reply = await raw.readReply('query', { numbers: Buffer.from('1\n2\n3\n') });
  expect(reply.results[0]?.affectedRows).toBe(3n);
  raw.close();
});

it('logs in with a password, changes the user, and shows a refusal', async () => {
  const raw = await login({ user: 'pw', password: 'secret', attributes: { program_name: 'recorder' } });
  expect(raw.authReply.length).toBeGreaterThan(0);
  expect((await raw.changeUser('root', '', 'd')).error).toBeNull();
  expect((await raw.changeUser('pw', 'secret', 'd')).error).toBeNull();
  expect((await raw.changeUser('pw', 'wrong', 'd')).error?.errno).toBe(1045);
  await expect(login({ user: 'pw', password: 'wrong' })).rejects.toThrow('refused: 1045');
  await expect(login({ port: 1 })).rejects.toThrow('ECONNREFUSED');
});

/** Text rows hold length-prefixed strings; these are short. */
function decodeTextRow(row: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  for (let at = 0; at < row.length; ) {
    const length = row.readUInt8(at);
    values.push(length === 0xfb ? null : row.toString('utf8', at + 1, at + 1 + length));
    at += 1 + (length === 0xfb ? 0 : length);
  }
  return values;
}
