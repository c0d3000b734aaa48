/** A session of mysql2. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { createConnection as createCallbackConnection } from 'mysql2';
import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { createConnection, createPool } from 'mysql2/promise';
import { charset, compression, errors, session, tls, tlsThrough, transactions } from './node-steps.ts';
import {
  bigBlob,
  bigText,
  errorOf,
  SEVERAL,
  STREAM,
  say,
  setting,
  step,
  TARGET,
  TITLES,
  TYPES,
} from './step.ts';

const options: ConnectionOptions = {
  ...TARGET,
  rowsAsArray: true,
  multipleStatements: true,
  supportBigNumbers: true,
  bigNumberStrings: true,
  infileStreamFactory: (path: string) => createReadStream(path),
};
const open = (more: ConnectionOptions = {}): Promise<Connection> => createConnection({ ...options, ...more });
const rowsOf = async (db: Connection, sql: string): Promise<RowDataPacket[]> =>
  (await db.query<RowDataPacket[]>(sql))[0];
const affectedBy = async (db: Connection, sql: string): Promise<number> =>
  (await db.query<ResultSetHeader>(sql))[0].affectedRows;

const { version } = createRequire(import.meta.url)('mysql2/package.json');
say({ version: `mysql2 ${version}, Node ${process.versions.node}` });
const db = await open();
const openIn = (charset: string): Promise<Connection> => open({ charset });
const client = { db, open, openIn, rowsOf };

await step('connect', async () => {
  await (await open()).end();
  const [row] = await rowsOf(db, 'SELECT CONNECTION_ID(), CURRENT_USER(), DATABASE(), VERSION()');
  return { same_id: Number(row?.[0]) === db.threadId, user: row?.[1], database: row?.[2], info: row?.[3] };
});

await step('refused', async () => ({
  errors: [
    await errorOf(() => open({ password: 'wrong' })),
    await errorOf(() => open({ database: 'no_such_database' })),
  ],
}));

await step('types', async () => {
  const affected = await affectedBy(db, TYPES);
  const [rows, fields] = await db.query<RowDataPacket[]>('SELECT * FROM facts ORDER BY folderid');
  const shown = fields.map(({ name, columnType, flags, columnLength }) => [
    name,
    columnType,
    flags,
    columnLength,
  ]);
  return { affected, title: rows[0]?.[9], rows, fields: shown };
});

await step('prepared', async () => {
  const insert = await db.prepare('INSERT INTO messages VALUES (2, ?, ?)');
  for (const [item, title] of TITLES) await insert.execute([item, title]);
  await insert.close();
  const [rows] = await db.execute(
    'SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid',
    [2],
  );
  const [facts] = await db.execute('SELECT * FROM facts WHERE folderid > ? ORDER BY folderid', [0]);
  const [ids] = await db.execute<RowDataPacket[]>('SELECT CONNECTION_ID()');
  await db.execute("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
  const mode = await rowsOf(db, 'SELECT @@SESSION.sql_mode');
  await db.query(`INSERT INTO "messages" VALUES (2, 4, 'a\\')`);
  await db.query('SET SESSION sql_mode = DEFAULT');
  return { rows, facts, same_id: Number(ids[0]?.[0]) === db.threadId, mode: mode[0]?.[0] };
});

await step('transactions', () => transactions(client));

await step('errors', () => errors(client));

await step('big values', async () => {
  const [text, blob, huge] = [bigText(), bigBlob(1), bigBlob(17)];
  await db.execute('INSERT INTO bodies VALUES (6, ?, ?)', [text, blob]);
  await db.execute('INSERT INTO bodies VALUES (7, NULL, ?)', [huge]);
  const [small, large] = await rowsOf(
    db,
    'SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid',
  );
  return { text: small?.[0] === text, blob: blob.equals(small?.[1]), huge: huge.equals(large?.[1]) };
});

await step('several', async () => ({
  results: await rowsOf(db, SEVERAL),
  error: await errorOf(() => db.query('SELECT 3; SELECT missing')),
}));

await step('procedures', async () => {
  const all = await rowsOf(db, 'CALL two(7)');
  const [prepared] = await db.execute('CALL two(?)', [7]);
  await db.query('CALL outs(20, @out)');
  const [out] = await rowsOf(db, 'SELECT @out');
  return { results: all.slice(0, 2), all, prepared, out: Number(out?.[0]) };
});

await step('charset', () => charset(client));

await step('local infile', async () => {
  const sql = `LOAD DATA LOCAL INFILE '${setting('CSV')}' INTO TABLE loaded FIELDS TERMINATED BY ','`;
  return {
    affected: await affectedBy(db, sql),
    rows: await rowsOf(db, 'SELECT * FROM loaded ORDER BY 1'),
  };
});

await step('streaming', async () => {
  let [count, last] = [0, -1];
  // Streams belong to the interface of callbacks.
  const streaming = createCallbackConnection(options);
  for await (const row of streaming.query(STREAM).stream({ highWaterMark: 5 })) {
    count += 1;
    last = Number(row[0]);
  }
  streaming.end();
  return { count, last };
});

await step('bulk', async () => {
  const rows = Array.from({ length: 3000 }, (_, item) => [11, item, `title ${item}`]);
  const [inserted] = await db.query<ResultSetHeader>('INSERT INTO messages VALUES ?', [rows]);
  const [count] = await rowsOf(db, 'SELECT COUNT(*) FROM messages WHERE folderid = 11');
  // All of them are under way before the first is answered.
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, item) =>
      rowsOf(db, `SELECT title FROM messages WHERE folderid = 11 AND itemid = ${item}`),
    ),
  );
  return { affected: inserted.affectedRows, count: Number(count?.[0]), answers };
});

await step('session', () => {
  const { user, password, database } = TARGET;
  return session(client, (other) => other.changeUser({ user, password, database }));
});

await step('reconnect', async () => {
  const pool = createPool({ ...options, connectionLimit: 1 });
  const first = await pool.getConnection();
  const id = first.threadId;
  const gone = once(first, 'end');
  first.release();
  await db.query(`KILL ${id}`);
  await gone;
  const [again] = await pool.query<ResultSetHeader>("INSERT INTO messages VALUES (14, 1, 'again')");
  const second = await pool.getConnection();
  const lost = second.threadId !== id;
  second.release();
  await pool.end();
  return { lost, again: again.affectedRows };
});

await step('compression', () => compression(client));

await step('TLS', () => tls(client));

await step('TLS through', () => tlsThrough(client));

await db.end();
// A step that failed may have left a connection open, which would keep the process.
process.exit();
