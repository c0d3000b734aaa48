/** A session of the mariadb npm connector. */
import type { Connection, ConnectionConfig, UpsertResult } from 'mariadb';
import { createConnection, createPool, version } from 'mariadb';
import { charset, compression, errors, session, tls, tlsThrough, transactions } from './node-steps.ts';
import {
  bigBlob,
  bigText,
  errorOf,
  LOST,
  SEVERAL,
  STREAM,
  say,
  setting,
  step,
  TARGET,
  TITLES,
  TYPES,
} from './step.ts';

type Rows = unknown[][];

const options: ConnectionConfig = {
  ...TARGET,
  rowsAsArray: true,
  metaAsArray: false,
  multipleStatements: true,
  permitLocalInfile: true,
  allowPublicKeyRetrieval: true,
  // The driver's own second is short for a busy machine.
  connectTimeout: 60_000,
  dateStrings: true,
  maxAllowedPacket: 64 * 1024 * 1024,
};
const open = (more: ConnectionConfig = {}): Promise<Connection> => createConnection({ ...options, ...more });
/** The driver's arrays carry their metadata as a property, which JSON leaves out. */
const rowsOf = (db: Connection, sql: string): Promise<Rows> => db.query<Rows>(sql);
const affectedBy = async (db: Connection, sql: string): Promise<number> =>
  (await db.query<UpsertResult>(sql)).affectedRows;

say({ version: `mariadb (npm) ${version}, Node ${process.versions.node}` });
const db = await open();
const openIn = (collation: string): Promise<Connection> => open({ collation });
const client = { db, open, openIn, rowsOf };

await step('connect', async () => {
  await (await open()).end();
  const [row] = await rowsOf(db, 'SELECT CONNECTION_ID(), CURRENT_USER(), DATABASE()');
  return {
    same_id: Number(row?.[0]) === db.threadId,
    user: row?.[1],
    database: row?.[2],
    info: db.serverVersion(),
  };
});

await step('refused', async () => ({
  errors: [
    ownWords(await errorOf(() => open({ password: 'wrong' }))),
    ownWords(await errorOf(() => open({ database: 'no_such_database' }))),
  ],
}));

/** The driver writes the connection's id into the text. */
function ownWords([errno, sqlState, text]: unknown[]): unknown[] {
  return [errno, sqlState, String(text).replace(/conn:-?\d+/, 'conn')];
}

await step('types', async () => {
  const affected = await affectedBy(db, TYPES);
  const rows = await db.query({ sql: 'SELECT * FROM facts ORDER BY folderid', metaAsArray: true });
  const [values, columns] = rows as [
    Rows,
    { name(): string; type: string; flags: number; columnLength: number }[],
  ];
  const fields = columns.map((column) => [column.name(), column.type, column.flags, column.columnLength]);
  return { affected, title: values[0]?.[9], rows: values, fields };
});

await step('prepared', async () => {
  const insert = await db.prepare('INSERT INTO messages VALUES (2, ?, ?)');
  for (const [item, title] of TITLES) await insert.execute([item, title]);
  insert.close();
  const rows = await db.execute('SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid', [2]);
  const facts = await db.execute('SELECT * FROM facts WHERE folderid > ? ORDER BY folderid', [0]);
  const [id] = await db.execute<Rows>('SELECT CONNECTION_ID()');
  await db.execute('SET SESSION sql_mode = ?', ['ANSI_QUOTES,NO_BACKSLASH_ESCAPES']);
  const [mode] = await rowsOf(db, 'SELECT @@SESSION.sql_mode');
  await db.query(`INSERT INTO "messages" VALUES (2, 4, 'a\\')`);
  await db.query('SET SESSION sql_mode = DEFAULT');
  return { rows, facts, same_id: Number(id?.[0]) === db.threadId, mode: mode?.[0] };
});

await step('transactions', () => transactions(client));

await step('errors', () => errors(client));

await step('big values', async () => {
  const [text, blob, huge] = [bigText(), bigBlob(1), bigBlob(17)];
  await db.execute('INSERT INTO bodies VALUES (6, ?, ?)', [text, blob]);
  await db.query('INSERT INTO bodies VALUES (7, NULL, ?)', [huge]);
  const [small, large] = await db.query<[string, Buffer][]>(
    'SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid',
  );
  const same = (one: Buffer, other: Buffer | undefined): boolean => other !== undefined && one.equals(other);
  return { text: small?.[0] === text, blob: same(blob, small?.[1]), huge: same(huge, large?.[1]) };
});

await step('several', async () => ({
  results: await db.query(SEVERAL),
  error: await errorOf(() => db.query('SELECT 3; SELECT missing')),
}));

await step('procedures', async () => {
  const all = await rowsOf(db, 'CALL two(7)');
  const prepared = await db.execute('CALL two(?)', [7]);
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
  for await (const row of db.queryStream(STREAM)) {
    count += 1;
    last = Number(row[0]);
  }
  return { count, last };
});

/** MariaDB's bulk execution where the server has it, else the driver's own way; and pipelined statements. */
await step('bulk', async () => {
  const rows = Array.from({ length: 3000 }, (_, item) => [
    11,
    item,
    item % 10 === 0 ? null : `title ${item}`,
  ]);
  const inserted: UpsertResult = await db.batch('INSERT INTO messages VALUES (?, ?, ?)', rows);
  const [count] = await rowsOf(db, 'SELECT COUNT(*) FROM messages WHERE folderid = 11');
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, item) =>
      rowsOf(db, `SELECT title FROM messages WHERE folderid = 11 AND itemid = ${item}`),
    ),
  );
  return { affected: inserted.affectedRows, count: Number(count?.[0]), answers };
});

await step('session', () => {
  const { user, password, database } = TARGET;
  // The driver changes no user on MySQL, by its own decision.
  return session(client, (other) =>
    other.serverVersion().includes('MariaDB')
      ? other.changeUser({ user, password, database })
      : other.reset(),
  );
});

await step('reconnect', async () => {
  const pool = createPool({ ...options, connectionLimit: 1, minDelayValidation: 0 });
  const first = await pool.getConnection();
  const id = first.threadId;
  await db.query(`KILL ${id}`);
  const [errno] = await errorOf(() => first.query('SELECT SLEEP(10)'));
  await first.release();
  const again: UpsertResult = await pool.query("INSERT INTO messages VALUES (14, 1, 'again')");
  await pool.end();
  return { lost: LOST.includes(errno), again: again.affectedRows };
});

await step('compression', () => compression(client));

await step('TLS', () => tls(client));

await step('TLS through', () => tlsThrough(client));

await db.end();
// A step that failed may have left a connection open, which would keep the process.
process.exit();
