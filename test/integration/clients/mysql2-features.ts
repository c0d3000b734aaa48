/** What mysql2's documentation promises, feature by feature, each with what must come out of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  createConnection as createCallbackConnection,
  createPool as createCallbackPool,
  createPoolCluster,
} from 'mysql2';
import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { createConnection, createPool } from 'mysql2/promise';
import { STREAM, say, setting, slowReader, step, TARGET } from './step.ts';

const options: ConnectionOptions = TARGET;
const KINDS = `CREATE TEMPORARY TABLE kinds (flag BIT(9), year YEAR, choice ENUM('a', 'é'), choices SET('x', 'y', 'z'),
  doc JSON, place POINT, real4 FLOAT, medium MEDIUMINT UNSIGNED, huge BIGINT, at DATETIME(3), day DATE, text TEXT, raw BLOB)`;
const AT = new Date(Date.UTC(2024, 1, 29, 23, 59, 59, 123));

/** Opens a connection for one step, and closes it whatever comes of the step. */
async function using<T>(more: ConnectionOptions, run: (db: Connection) => Promise<T>): Promise<T> {
  const db = await createConnection({ ...options, ...more });
  try {
    return await run(db);
  } finally {
    db.destroy();
  }
}

const rowsOf = async (db: Connection, sql: string, values?: unknown): Promise<RowDataPacket[]> =>
  (await db.query<RowDataPacket[]>(sql, values as never))[0];

const { version } = createRequire(import.meta.url)('mysql2/package.json');
say({ version: `mysql2 ${version}, Node ${process.versions.node}` });

await step('placeholders', () =>
  using({}, async (db) => {
    const insert = 'INSERT INTO messages (folderid, itemid, title) VALUES ?';
    const [inserted] = await db.query<ResultSetHeader>(insert, [
      [
        [20, 1, "it's \\ \n"],
        [20, 2, null],
      ],
    ]);
    assert.equal(inserted.affectedRows, 2);
    await db.query('UPDATE ?? SET ? WHERE folderid = 20 AND itemid = ?', ['messages', { title: 'set' }, 2]);
    const rows = await rowsOf(db, 'SELECT title FROM messages WHERE folderid = ? ORDER BY itemid', [20]);
    assert.deepEqual(
      rows.map(({ title }) => title),
      ["it's \\ \n", 'set'],
    );
    return rows;
  }),
);

await step('named placeholders', () =>
  using({ namedPlaceholders: true }, async (db) => {
    await db.execute('INSERT INTO messages VALUES (:folder, :item, :title)', {
      folder: 21,
      item: 1,
      title: 'é',
    });
    const [executed] = await db.execute<RowDataPacket[]>('SELECT :a AS a, :b AS b, :a AS c', {
      a: 'x',
      b: null,
    });
    const queried = await rowsOf(db, 'SELECT :a + 1 AS sum', { a: 41 });
    assert.equal(queried[0]?.sum, 42);
    return { executed, queried };
  }),
);

await step('values both ways, text and prepared', () =>
  using({ timezone: 'Z', supportBigNumbers: true }, async (db) => {
    await db.query(KINDS);
    const values = [
      ...[Buffer.of(1, 2), 2024, 'é', 'x,z', '{"a": [1, null]}', 0.5, 16_777_215, '9007199254740993', AT],
      ...['2024-02-29', '海 🙂', Buffer.of(0, 92, 39, 255)],
    ];
    await db.execute(
      'INSERT INTO kinds VALUES (?, ?, ?, ?, ?, POINT(1, 2), ?, ?, ?, ?, ?, ?, ?)',
      values as never,
    );
    const text = await rowsOf(db, 'SELECT * FROM kinds');
    const [prepared] = await db.execute<RowDataPacket[]>('SELECT * FROM kinds');
    assert.deepEqual(prepared[0], text[0]);
    assert.equal(text[0]?.huge, '9007199254740993');
    assert.equal(text[0]?.at.getTime(), AT.getTime());
    return text;
  }),
);

await step('dateStrings, decimalNumbers, bigNumberStrings', () =>
  using(
    { dateStrings: true, decimalNumbers: true, supportBigNumbers: true, bigNumberStrings: true },
    async (db) => {
      const sql =
        "SELECT CAST('2024-02-29 01:02:03.5' AS DATETIME(1)) AS at, 1.5 AS price, 9007199254740993 AS big";
      const text = await rowsOf(db, sql);
      const [prepared] = await db.execute<RowDataPacket[]>(sql);
      assert.deepEqual(text[0], { at: '2024-02-29 01:02:03.5', price: 1.5, big: '9007199254740993' });
      return { text, prepared };
    },
  ),
);

await step('time zones', () =>
  using({ timezone: '+05:30' }, async (db) => {
    const [row] = await rowsOf(db, "SELECT ? AS sent, CAST('2024-03-01 05:29:59' AS DATETIME) AS got", [AT]);
    assert.equal(row?.got.toISOString(), '2024-02-29T23:59:59.000Z');
    return row;
  }),
);

await step('typeCast', () =>
  using({}, async (db) => {
    const sql = "SELECT 1 AS one, 'two' AS two, NULL AS three";
    const cast = {
      sql,
      typeCast: (field: { name: string; string(): string | null }) => `${field.name}=${field.string()}`,
    };
    const [text] = await db.query<RowDataPacket[]>(cast as never);
    assert.deepEqual(text[0], { one: 'one=1', two: 'two=two', three: 'three=null' });
    const [raw] = await db.query<RowDataPacket[]>({ sql, typeCast: false });
    return { text, raw };
  }),
);

await step('nestTables, rowsAsArray', () =>
  using({}, async (db) => {
    const sql = 'SELECT a.d, b.d FROM digits a JOIN digits b ON a.d = b.d + 1 ORDER BY 1 LIMIT 2';
    const [nested] = await db.query<RowDataPacket[]>({ sql, nestTables: true });
    const [joined] = await db.execute<RowDataPacket[]>({ sql, nestTables: '_' });
    const [arrays] = await db.execute({ sql, rowsAsArray: true });
    assert.deepEqual(nested[0], { a: { d: 1 }, b: { d: 0 } });
    assert.deepEqual(arrays, [
      [1, 0],
      [2, 1],
    ]);
    return { nested, joined, arrays };
  }),
);

await step('several statements, with fields and casts', () =>
  using({ multipleStatements: true }, async (db) => {
    const sql = "SELECT 1 AS a; INSERT INTO messages VALUES (22, 1, 'x'); CALL two(3); SELECT 2 AS b";
    const [results, fields] = await db.query<RowDataPacket[][]>(sql);
    assert.equal(results.length, 6);
    return {
      results,
      names: fields.map((each) =>
        (each as unknown as { name: string }[] | undefined)?.map(({ name }) => name),
      ),
    };
  }),
);

await step('affected, changed and found rows; info; warnings', async () => {
  const update = async (db: Connection): Promise<unknown> => {
    await db.query("REPLACE INTO messages VALUES (23, 1, 'same'), (23, 2, 'other')");
    const [done] = await db.query<ResultSetHeader>("UPDATE messages SET title = 'same' WHERE folderid = 23");
    const [warned] = await db.query<ResultSetHeader>("INSERT IGNORE INTO messages VALUES (23, 1, 'double')");
    return [done.affectedRows, done.changedRows, done.info, warned.warningStatus, warned.affectedRows];
  };
  const found = await using({}, update);
  const changed = await using({ flags: ['-FOUND_ROWS'] }, update);
  assert.deepEqual([(found as number[])[0], (changed as number[])[0]], [2, 1]);
  return { found, changed };
});

await step('streams of rows, with backpressure', async () => {
  const db = createCallbackConnection(options);
  const reader = slowReader();
  await pipeline(db.query(STREAM).stream({ highWaterMark: 2 }), reader.sink);
  const [after] = await db.promise().query('SELECT 1 AS one');
  db.destroy();
  assert.equal(reader.count(), 10_000);
  return { count: reader.count(), after };
});

await step('LOAD DATA from a stream', () =>
  using({}, async (db) => {
    const [loaded] = await db.query<ResultSetHeader>({
      sql: "LOAD DATA LOCAL INFILE 'stream' INTO TABLE loaded FIELDS TERMINATED BY ','",
      infileStreamFactory: () =>
        Readable.from(['11,1', '10\n12,', '120\n'].map((piece) => Buffer.from(piece))),
    } as never);
    assert.equal(loaded.affectedRows, 2);
    return rowsOf(db, 'SELECT * FROM loaded WHERE folderid > 10 ORDER BY 1');
  }),
);

await step('prepared statements closed at the bound of their cache', () =>
  using({ maxPreparedStatements: 3 }, async (db) => {
    const seen: unknown[] = [];
    for (let round = 0; round < 20; round += 1) {
      const [rows] = await db.execute(`SELECT ? + ${round % 7} AS sum`, [round]);
      seen.push(rows);
    }
    db.unprepare('SELECT ? + 1 AS sum');
    await db.execute('SELECT ? + 1 AS sum', [1]);
    return seen;
  }),
);

await step('hundreds of statements in flight', async () => {
  const connections = await Promise.all(Array.from({ length: 5 }, () => createConnection(options)));
  const answers = await Promise.all(
    connections.flatMap((db, index) =>
      Array.from({ length: 60 }, async (_, item) => {
        const folder = 100 + index;
        await db.execute('INSERT INTO messages VALUES (?, ?, ?)', [folder, item, `title ${item}`]);
        return rowsOf(db, `SELECT title FROM messages WHERE folderid = ${folder} AND itemid = ${item}`);
      }),
    ),
  );
  for (const db of connections) await db.end();
  assert.ok(answers.every((rows, index) => rows[0]?.title === `title ${index % 60}`));
  return answers.length;
});

await step('pool: queue, limits, transactions, end', async () => {
  const pool = createPool({ ...options, connectionLimit: 3, maxIdle: 1, idleTimeout: 60_000 });
  const sums = await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      const db = await pool.getConnection();
      try {
        await db.beginTransaction();
        await db.execute('INSERT INTO messages VALUES (24, ?, ?)', [index, `of ${index}`]);
        await (index % 3 === 0 ? db.rollback() : db.commit());
      } finally {
        db.release();
      }
      const [rows] = await pool.query<RowDataPacket[]>('SELECT ? * 2 AS twice', [index]);
      return rows[0]?.twice;
    }),
  );
  const [count] = await pool.execute('SELECT COUNT(*) AS items FROM messages WHERE folderid = 24');
  await pool.end();
  assert.deepEqual(count, [{ items: 20 }]);
  return sums;
});

await step('pool of callbacks, and its events', async () => {
  const pool = createCallbackPool({ ...options, connectionLimit: 1 });
  const acquired = once(pool, 'acquire');
  const rows = await new Promise((resolve, reject) => {
    pool.query('SELECT ? AS a', ['x'], (error, found) => (error === null ? resolve(found) : reject(error)));
  });
  await acquired;
  await new Promise<void>((resolve) => pool.end(() => resolve()));
  assert.deepEqual(rows, [{ a: 'x' }]);
  return rows;
});

await step('pool cluster', async () => {
  const cluster = createPoolCluster({ defaultSelector: 'RR' });
  cluster.add('one', options as never);
  cluster.add('two', options as never);
  const ids = new Set<unknown>();
  for (let round = 0; round < 4; round += 1) {
    const found = await new Promise<RowDataPacket[]>((resolve, reject) => {
      cluster
        .of('*')
        .query<RowDataPacket[]>('SELECT CONNECTION_ID() AS id', (error, rows) =>
          error === null ? resolve(rows) : reject(error),
        );
    });
    ids.add(found[0]?.id);
  }
  await new Promise<void>((resolve) => cluster.end(() => resolve()));
  assert.equal(ids.size, 2);
  return ids.size;
});

await step('time-out of a query, and after it', () =>
  using({}, async (db) => {
    const late = await db.query({ sql: 'SELECT SLEEP(20)', timeout: 50 }).catch((error) => error.code);
    const again = await using({}, (other) => rowsOf(other, 'SELECT 1 AS one'));
    assert.equal(late, 'PROTOCOL_SEQUENCE_TIMEOUT');
    return { late, again };
  }),
);

await step('connection attributes', () =>
  using({ connectAttributes: { purpose: 'matrix é', empty: '' } }, (db) => rowsOf(db, 'SELECT 1 AS one')),
);

await step('changeUser and reset', () =>
  using({}, async (db) => {
    await db.query('SET @a = 1');
    const account = { user: setting('USER'), password: setting('PASSWORD'), database: setting('DATABASE') };
    await db.changeUser(account);
    const changed = await rowsOf(db, 'SELECT DATABASE() AS name, @a AS a');
    await db.execute('INSERT INTO messages VALUES (25, 1, ?)', ['é']);
    await db.reset();
    await db.execute('INSERT INTO messages VALUES (25, 2, ?)', ['é']);
    const stored = await rowsOf(db, 'SELECT HEX(title) AS hex FROM messages WHERE folderid = 25');
    assert.deepEqual(changed, [{ name: setting('DATABASE'), a: null }]);
    return { changed, stored };
  }),
);

await step('errors with code, number, SQLSTATE and statement', () =>
  using({}, async (db) => {
    const errors: unknown[] = [];
    for (const sql of [
      'SELEC',
      'SELECT * FROM missing',
      "SELECT CAST('x' AS JSON) + ",
      'KILL 0',
      'USE no_such',
    ]) {
      const error = await db.query(sql).catch((each) => each);
      errors.push([error.code, error.errno, error.sqlState, error.sqlMessage, error.sql]);
      const refused = await db.execute(sql).catch((each) => each);
      errors.push([refused.code, refused.errno, refused.sqlState]);
    }
    return { errors, after: await rowsOf(db, 'SELECT 1 AS one') };
  }),
);

// A step that failed may have left a connection open, which would keep the process.
process.exit();
