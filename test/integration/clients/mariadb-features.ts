/** What the mariadb connector does in its own way: pipelining, batches, bulk execution, its pools and streams. */
import assert from 'node:assert/strict';
import { pipeline } from 'node:stream/promises';
import type { Connection, ConnectionConfig } from 'mariadb';
import { createConnection, createPool, createPoolCluster, version } from 'mariadb';
import { errorOf, STREAM, say, slowReader, step, TARGET } from './step.ts';

type Row = Record<string, unknown>;

const options: ConnectionConfig = {
  ...TARGET,
  allowPublicKeyRetrieval: true,
  // The driver's own second is short for a busy machine.
  connectTimeout: 60_000,
};
const INSERT = 'INSERT INTO messages VALUES (?, ?, ?)';

async function using<T>(more: ConnectionConfig, run: (db: Connection) => Promise<T>): Promise<T> {
  const db = await createConnection({ ...options, ...more });
  try {
    return await run(db);
  } finally {
    db.destroy();
  }
}

const countOf = async (db: Connection, folder: number): Promise<number> =>
  Number((await db.query<Row[]>('SELECT COUNT(*) AS n FROM messages WHERE folderid = ?', [folder]))[0]?.n);
const items = (folder: number, count: number): unknown[][] =>
  Array.from({ length: count }, (_, item) => [folder, item, item % 5 === 0 ? null : `é ${item} 海`]);

say({ version: `mariadb (npm) ${version}, Node ${process.versions.node}` });

await step('pipelining', () =>
  using({ pipelining: true }, async (db) => {
    const sent = items(20, 400).map(async (values) => {
      await db.query(INSERT, values);
      return db.execute('SELECT title FROM messages WHERE folderid = 20 AND itemid = ?', [values[1]]);
    });
    const answers = await Promise.all(sent);
    assert.equal(await countOf(db, 20), 400);
    return answers;
  }),
);

await step('an error amid pipelined statements', () =>
  using({ pipelining: true }, async (db) => {
    const sent = [1, 2, 1, 3].map((item) => errorOf(() => db.query(INSERT, [21, item, 'x'])));
    const errors = (await Promise.all(sent)).map(([errno, state]) => [errno, state]);
    assert.deepEqual(
      errors.map(([errno]) => errno ?? 0),
      [0, 0, 1062, 0],
    );
    return errors;
  }),
);

await step('batch in bulk', () =>
  using({ bulk: true }, async (db) => {
    await db.batch(INSERT, items(22, 2000));
    assert.equal(await countOf(db, 22), 2000);
    return countOf(db, 22);
  }),
);

await step('batch without bulk', () =>
  using({ bulk: false }, async (db) => {
    await db.batch(INSERT, items(23, 500));
    assert.equal(await countOf(db, 23), 500);
    return countOf(db, 23);
  }),
);

await step('batch with an error in it', () =>
  using({ bulk: true }, async (db) => {
    const [errno, state] = await errorOf(() => db.batch(INSERT, [...items(24, 10), [24, 3, 'double']]));
    assert.equal(errno, 1062);
    return [errno, state, await countOf(db, 24)];
  }),
);

await step('batch in a transaction that is rolled back', () =>
  using({ bulk: true }, async (db) => {
    await db.beginTransaction();
    await db.batch(INSERT, items(25, 100));
    await db.rollback();
    assert.equal(await countOf(db, 25), 0);
    return countOf(db, 25);
  }),
);

await step('batch of values over 16 MiB in all', () =>
  using({ bulk: true, maxAllowedPacket: 64 * 1024 * 1024 }, async (db) => {
    const body = Buffer.alloc(5 * 1024 * 1024, 'big \0\\');
    await db.batch(
      'INSERT INTO bodies VALUES (?, ?, ?)',
      [20, 21, 22, 23].map((folder) => [folder, null, body]),
    );
    const [row] = await db.query<Row[]>('SELECT SUM(LENGTH(body)) AS bytes FROM bodies WHERE folderid >= 20');
    assert.equal(Number(row?.bytes), 4 * body.length);
    return row;
  }),
);

await step('named placeholders', () =>
  using({ namedPlaceholders: true }, (db) => db.query('SELECT :a AS a, :b AS b', { a: 'x', b: 2 })),
);

await step('prepared statement kept, executed and closed', () =>
  using({ prepareCacheLength: 2 }, async (db) => {
    const statement = await db.prepare('SELECT ? + ? AS sum');
    const sums = [await statement.execute([1, 2]), await statement.execute([3, 4])];
    statement.close();
    for (const offset of [1, 2, 3, 4]) sums.push(await db.execute(`SELECT ? + ${offset} AS sum`, [offset]));
    return sums;
  }),
);

await step('streams of rows, with backpressure', () =>
  using({}, async (db) => {
    const reader = slowReader();
    await pipeline(db.queryStream(STREAM), reader.sink);
    assert.equal(reader.count(), 10_000);
    return { count: reader.count(), after: await db.query('SELECT 1 AS one') };
  }),
);

await step('pool and pool cluster', async () => {
  const pool = createPool({ ...options, connectionLimit: 3 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      await pool.query(INSERT, [26, index, 'pooled']);
      return pool.execute('SELECT ? * 2 AS twice', [index]);
    }),
  );
  await pool.end();
  const cluster = createPoolCluster();
  cluster.add('one', options);
  const db = await cluster.getConnection('one');
  const clustered = await db.query('SELECT 1 AS one');
  await db.release();
  await cluster.end();
  return { answers, clustered };
});

await step('session variables and time zone', () =>
  using({ sessionVariables: { wait_timeout: 1000 }, timezone: '+05:30' }, (db) =>
    db.query('SELECT @@wait_timeout AS wait, @@time_zone AS zone, CAST(? AS DATETIME) AS at', [
      new Date(Date.UTC(2024, 1, 29)),
    ]),
  ),
);

// A step that failed may have left a connection open, which would keep the process.
process.exit();
