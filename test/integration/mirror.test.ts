/** The mirror's job on real servers: what is replayed and what is not, sessions followed, differences found. */
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COM, connectRaw } from '../harness/recorder.ts';
import { waitFor } from '../harness/wait.ts';
import { execute, integer, longData, sentAhead } from './command-bytes.ts';
import { mirrored, NEW_DATABASE, OLD_DATABASE, type Stage, startStage, untilMirrorIsIdle } from './stage.ts';

const MESSAGES = `(folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, title VARCHAR(200),
  PRIMARY KEY (folderid, itemid))`;
const MOVED = `
  CREATE TABLE messages ${MESSAGES} ENGINE=InnoDB;
  CREATE TABLE notes ${MESSAGES} ENGINE=ENGINE_OF_NOTES;
  CREATE TABLE words (folderid BIGINT PRIMARY KEY, gbk VARCHAR(40) CHARACTER SET gbk)`;
/** Tables that stay: on the new server they are there only to show that nothing touches them. */
const UNMOVED = `;
  CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(60)) ENGINE=InnoDB;
  CREATE TABLE copies ${MESSAGES} ENGINE=InnoDB`;
const KEY = { key: 'folderid' };

let stage: Stage;
/** A test that fails in a transaction would leave its locks to the next ones. */
const opened: Connection[] = [];
beforeAll(async () => {
  stage = await startStage({
    schema: MOVED.replace('ENGINE_OF_NOTES', 'MyISAM') + UNMOVED,
    freshSchema: MOVED.replace('ENGINE_OF_NOTES', 'InnoDB') + UNMOVED,
    config: {
      tables: { messages: KEY, notes: KEY, words: KEY },
      queue: { statementBytes: 100_000, unitBytes: 200_000 },
    },
  });
});
beforeEach(async () => {
  for (const connection of opened.splice(0)) connection.destroy();
  await untilMirrorIsIdle(stage.proxy);
  await stage.reset();
});
afterAll(() => stage?.close());

async function connect(options: Parameters<Stage['old']['connect']>[0] = {}): Promise<Connection> {
  const connection = await stage.old.connect({ port: stage.port, database: OLD_DATABASE, ...options });
  opened.push(connection);
  return connection;
}

/** Runs `work` on a connection through the proxy and lets the mirror finish. */
async function through(work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = await connect();
  try {
    await work(connection);
  } finally {
    await connection.end();
  }
  await untilMirrorIsIdle(stage.proxy);
}

const run = (...statements: readonly string[]): Promise<void> =>
  through(async (connection) => {
    for (const sql of statements) await connection.query(sql);
  });

/** Outcomes and other figures that `work` adds. */
async function counts(work: () => Promise<void>): Promise<Record<string, number>> {
  const read = async (): Promise<Record<string, number>> =>
    (await stage.proxy.status()).shards[0]?.outcomes ?? {};
  const before = await read();
  await work();
  await untilMirrorIsIdle(stage.proxy);
  const after = await read();
  const entries = Object.entries(after).map(([outcome, count]) => [outcome, count - (before[outcome] ?? 0)]);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}

/** The rows of a table in an order of their own, whatever the server's. */
async function rows(server: 'old' | 'fresh', table: string, columns = '*'): Promise<unknown[]> {
  const database = server === 'old' ? OLD_DATABASE : NEW_DATABASE;
  const found = await stage[server].query<RowDataPacket[]>(`SELECT ${columns} FROM ${database}.${table}`);
  return found.map((row) => ({ ...row })).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function expectEqualTables(...tables: readonly string[]): Promise<void> {
  for (const table of tables) expect(await rows('fresh', table), table).toEqual(await rows('old', table));
}

const failing = (connection: Connection, sql: string): Promise<unknown> =>
  connection.query(sql).then(
    () => expect.fail(`${sql} succeeded`),
    (error) => error,
  );

describe('text and prepared statements', () => {
  it('writes, deletes and reads arrive, each counted once', async () => {
    const seen = await counts(() =>
      run(
        "INSERT INTO messages VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, 'it''s \\\\ \"quoted\"')",
        "REPLACE INTO messages VALUES (2, 1, 'B')",
        "UPDATE messages SET title = 'A' WHERE folderid = 1",
        'DELETE FROM messages WHERE folderid = 3 AND itemid = 1',
        'SELECT * FROM messages WHERE folderid IN (1, 2) ORDER BY folderid',
        'SELECT COUNT(*) FROM messages',
      ),
    );
    expect(seen).toEqual({ mirrored: 6 });
    expect(await rows('fresh', 'messages')).toHaveLength(2);
    await expectEqualTables('messages');
  });

  it('prepared statements are replayed as prepared ones, with every kind of parameter', async () => {
    const seen = await counts(() =>
      through(async (connection) => {
        const insert = 'INSERT INTO messages VALUES (?, ?, ?)';
        for (const [item, title] of ['plain', null, '', 'ünïcode 海', "it's ? \\ \0"].entries()) {
          await connection.execute(insert, [7, item, title]);
        }
        await connection.execute(insert, [String(2n ** 62n), 1, 'wide']);
        await connection.execute('UPDATE messages SET title = ? WHERE folderid = ? AND itemid = ?', [
          'new',
          7,
          0,
        ]);
        await connection.execute('DELETE FROM messages WHERE folderid = ? AND itemid IN (?, ?)', [7, 1, 2]);
        await connection.execute('SELECT * FROM messages WHERE folderid = ? ORDER BY itemid', [7]);
      }),
    );
    expect(seen).toEqual({ mirrored: 9 });
    expect(await rows('fresh', 'messages')).toHaveLength(4);
    await expectEqualTables('messages');
    const [prepares] = await stage.fresh.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'");
    expect(Number(prepares?.Value)).toBeGreaterThan(0);
  });

  it('long data arrives as it was sent', async () => {
    const raw = await connectRaw({
      host: '127.0.0.1',
      port: stage.port,
      user: 'root',
      database: OLD_DATABASE,
    });
    const { statement } = await raw.command(
      COM.STMT_PREPARE,
      'INSERT INTO messages VALUES (?, ?, ?)',
      'prepare',
    );
    const id = statement?.id ?? 0;
    for (const piece of ['in ', 'two']) raw.send(longData(id, 2, Buffer.from(piece)));
    const sent = await raw.command(
      COM.STMT_EXECUTE,
      execute(id, [integer(1), integer(1), sentAhead]),
      'query',
    );
    expect(sent.error).toBeNull();
    raw.close();
    await untilMirrorIsIdle(stage.proxy);
    expect(await rows('fresh', 'messages', 'title')).toEqual([{ title: 'in two' }]);
  });

  it('several statements of one text, up to the one that fails', async () => {
    const connection = await connect({ multipleStatements: true });
    await failing(
      connection,
      "INSERT INTO messages VALUES (1, 1, 'a'); DELETE FROM messages WHERE folderid = 9; INSERT INTO nowhere VALUES (1); INSERT INTO messages VALUES (2, 2, 'never')",
    );
    await connection.end();
    await untilMirrorIsIdle(stage.proxy);
    expect(await rows('fresh', 'messages')).toHaveLength(1);
    await expectEqualTables('messages');
  });
});

describe('invariant 5: transactions', () => {
  it('nothing arrives before the commit, and everything with it', async () => {
    const connection = await connect();
    const watcher = await connect();
    await connection.query('BEGIN');
    await connection.query("INSERT INTO messages VALUES (1, 1, 'held')");
    await connection.execute('INSERT INTO messages VALUES (?, ?, ?)', [1, 2, 'held too']);
    // What another session does meanwhile overtakes it.
    await watcher.query("INSERT INTO messages VALUES (2, 1, 'at once')");
    await waitFor(async () => (await rows('fresh', 'messages')).length > 0, {
      what: 'the other session’s row',
    });
    expect(await rows('fresh', 'messages', 'title')).toEqual([{ title: 'at once' }]);
    await connection.query('COMMIT');
    await untilMirrorIsIdle(stage.proxy);
    expect(await rows('fresh', 'messages')).toHaveLength(3);
    await expectEqualTables('messages');
    await Promise.all([connection.end(), watcher.end()]);
  });

  it('rollbacks, savepoint rollbacks, failed statements and lost sessions never arrive', async () => {
    const seen = await counts(async () => {
      await through(async (connection) => {
        await connection.query('BEGIN');
        await connection.query("INSERT INTO messages VALUES (1, 1, 'rolled back')");
        await connection.query('ROLLBACK');
        await connection.query('START TRANSACTION');
        await connection.query("INSERT INTO messages VALUES (2, 1, 'kept')");
        await connection.query('SAVEPOINT one');
        await connection.query("INSERT INTO messages VALUES (3, 1, 'undone')");
        await connection.query('ROLLBACK TO one');
        await failing(connection, "INSERT INTO messages VALUES (4, 1, 'new'), (2, 1, 'double')");
        await connection.query('COMMIT');
        await connection.query('BEGIN');
        await connection.query("INSERT INTO messages VALUES (5, 1, 'left behind')");
      });
    });
    expect(seen).toEqual({ mirrored: 1, skipped_rolled_back: 3, skipped_failed: 1 });
    expect(await rows('fresh', 'messages', 'title')).toEqual([{ title: 'kept' }]);
    await expectEqualTables('messages');
  });

  it('autocommit off: a commit ends one transaction and begins the next', async () => {
    await run(
      'SET autocommit = 0',
      "INSERT INTO messages VALUES (1, 1, 'committed')",
      'COMMIT',
      "INSERT INTO messages VALUES (2, 1, 'rolled back')",
      'ROLLBACK',
      "INSERT INTO messages VALUES (3, 1, 'committed by SET')",
      'SET autocommit = 1',
      "INSERT INTO messages VALUES (4, 1, 'alone')",
    );
    expect(await rows('fresh', 'messages')).toHaveLength(3);
    await expectEqualTables('messages');
  });

  it('statements that commit by themselves: the transaction before them arrives', async () => {
    await run(
      'BEGIN',
      "INSERT INTO messages VALUES (1, 1, 'before')",
      'CREATE TABLE made (id INT PRIMARY KEY)',
      "INSERT INTO messages VALUES (2, 1, 'alone')",
      'ROLLBACK',
      'DROP TABLE made',
    );
    expect(await rows('fresh', 'messages')).toHaveLength(2);
    await expectEqualTables('messages');
  });

  it('a deadlock’s victim is rolled back whole, and does not arrive', async () => {
    await run("INSERT INTO messages VALUES (1, 1, 'a'), (2, 1, 'b')");
    const [one, two] = [await connect(), await connect()];
    for (const connection of [one, two]) await connection.query('BEGIN');
    await one.query("UPDATE messages SET title = 'one' WHERE folderid = 1");
    await two.query("UPDATE messages SET title = 'two' WHERE folderid = 2");
    const crossing = [
      one.query("UPDATE messages SET title = 'one' WHERE folderid = 2"),
      two.query("UPDATE messages SET title = 'two' WHERE folderid = 1"),
    ];
    const ends = await Promise.allSettled(crossing);
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    for (const connection of [one, two]) {
      await connection.query('COMMIT');
      await connection.end();
    }
    await untilMirrorIsIdle(stage.proxy);
    await expectEqualTables('messages');
  });

  it('MyISAM: each statement at once, also out of a transaction that is rolled back', async () => {
    const connection = await connect();
    await connection.query('BEGIN');
    await connection.query("INSERT INTO notes VALUES (1, 1, 'kept by MyISAM')");
    await connection.query("INSERT INTO messages VALUES (1, 1, 'rolled back')");
    await waitFor(async () => (await rows('fresh', 'notes')).length === 1, {
      what: 'the note, before the rollback',
    });
    await connection.query('ROLLBACK');
    await connection.end();
    await untilMirrorIsIdle(stage.proxy);
    expect(await rows('fresh', 'messages')).toEqual([]);
    await expectEqualTables('notes', 'messages');
  });

  it('MyISAM: a failed statement may have changed rows, so its key is in doubt', async () => {
    const doubts = async (): Promise<number> =>
      (await stage.proxy.status()).shards[0]?.journal.byReason.partial ?? 0;
    const before = await doubts();
    await through(async (connection) => {
      await failing(connection, "INSERT INTO notes VALUES (1, 1, 'stays'), (1, 1, 'double')");
    });
    expect(await rows('old', 'notes')).toHaveLength(1);
    expect(await rows('fresh', 'notes')).toEqual([]);
    expect(await doubts()).toBeGreaterThan(before);
  });
});

describe('names and sessions', () => {
  it('database names are mapped: qualified, in joins, in backticks', async () => {
    const seen = await counts(() =>
      through(async (connection) => {
        await connection.query("INSERT INTO app.messages VALUES (1, 1, 'app.messages')");
        await connection.query(
          "INSERT INTO `app`.`messages` (`folderid`, `itemid`, `title`) VALUES (2, 1, 'b')",
        );
        await connection.execute('INSERT INTO app . messages VALUES (?, ?, ?)', [3, 1, 'c']);
        await connection.query(
          "UPDATE app.messages SET app.messages.title = 'x' WHERE app.messages.folderid = 2",
        );
        await connection.query('DELETE FROM `app`.messages WHERE folderid = 3');
        await connection.query(
          'SELECT m.title, app.notes.title FROM app.messages m LEFT JOIN app.notes ON m.folderid = app.notes.folderid WHERE m.folderid = 1',
        );
        await connection.query('USE mysql');
        await connection.query("INSERT INTO app.messages VALUES (4, 1, 'from elsewhere')");
      }),
    );
    expect(seen).toEqual({ mirrored: 7 });
    expect(await rows('fresh', 'messages')).toHaveLength(3);
    await expectEqualTables('messages');
  });

  it('tables that stay are never touched, and statements that mix are counted and listed', async () => {
    await stage.fresh.query("INSERT INTO app_new.users VALUES (99, 'untouched')");
    const seen = await counts(() =>
      run(
        "INSERT INTO users VALUES (1, 'a')",
        "UPDATE users SET name = 'b' WHERE id = 1",
        'SELECT * FROM users',
        'DELETE FROM users WHERE id = 99',
        'INSERT INTO copies SELECT * FROM messages',
        'SELECT u.name, m.title FROM users u JOIN messages m ON m.folderid = u.id WHERE u.id = 5',
        'SELECT u.name, m.title FROM users u JOIN messages m ON m.folderid = u.id WHERE u.id = 6',
      ),
    );
    expect(seen).toEqual({ skipped_straddle: 3 });
    expect(await rows('fresh', 'users')).toEqual([{ id: 99, name: 'untouched' }]);
    const { straddles } = (await stage.proxy.status()).shards[0] ?? { straddles: [] };
    const join = straddles.find(({ digest }) => /join/i.test(digest));
    expect(join).toMatchObject({ count: 2 });
    expect(join?.digest).not.toContain('5');
  });

  it('a temporary table hides the one that moves', async () => {
    const seen = await counts(() =>
      run(
        `CREATE TEMPORARY TABLE messages ${MESSAGES}`,
        "INSERT INTO messages VALUES (1, 1, 'for this session')",
        'DELETE FROM messages WHERE folderid = 1',
        'DROP TEMPORARY TABLE messages',
        "INSERT INTO messages VALUES (2, 1, 'for all')",
      ),
    );
    expect(seen).toEqual({ mirrored: 1 });
    expect(await rows('fresh', 'messages')).toHaveLength(1);
    await expectEqualTables('messages');
  });

  it('SET NAMES and sql_mode are followed, and one session does not colour another', async () => {
    const raw = await connectRaw({
      host: '127.0.0.1',
      port: stage.port,
      user: 'root',
      database: OLD_DATABASE,
    });
    const say = async (sql: string | Buffer): Promise<void> =>
      expect((await raw.query(sql)).error).toBeNull();
    const gbk = Buffer.concat([
      Buffer.from("INSERT INTO words VALUES (1, '"),
      Buffer.from([0xd5, 0x5c, 0xb0, 0xa1]),
      Buffer.from("'), (2, 'two')"),
    ]);
    await say('SET NAMES gbk');
    await say(gbk);
    await say('SET NAMES utf8mb4');
    await say("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'");
    await say(`INSERT INTO "messages" ("folderid", "itemid", "title") VALUES (1, 1, 'a\\' || '''b')`);
    await run(`INSERT INTO messages VALUES (2, 1, "a\\'b")`);
    await say("SET SESSION sql_mode = ''");
    await say(`INSERT INTO messages VALUES (3, 1, '${'cut '.repeat(60)}')`);
    raw.close();
    await untilMirrorIsIdle(stage.proxy);
    expect(await rows('fresh', 'messages')).toHaveLength(3);
    await expectEqualTables('messages');
    expect(await rows('fresh', 'words', 'folderid, HEX(gbk)')).toEqual(
      await rows('old', 'words', 'folderid, HEX(gbk)'),
    );
    expect(await rows('fresh', 'words', 'folderid, HEX(gbk)')).toContainEqual({
      'HEX(gbk)': 'D55CB0A1',
      folderid: 1,
    });
  });

  it('COM_CHANGE_USER and COM_RESET_CONNECTION begin anew', async () => {
    const raw = await connectRaw({
      host: '127.0.0.1',
      port: stage.port,
      user: 'root',
      database: OLD_DATABASE,
    });
    for (const begin of [
      () => raw.changeUser('root', '', OLD_DATABASE),
      () => raw.command(COM.RESET_CONNECTION, '', 'ok'),
    ]) {
      await raw.query("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'");
      await raw.query('BEGIN');
      await raw.query("INSERT INTO messages VALUES (1, 1, 'forgotten')");
      expect((await begin()).error).toBeNull();
      expect((await raw.query("REPLACE INTO messages VALUES (2, 1, 'a\\'b')")).error).toBeNull();
    }
    raw.close();
    await untilMirrorIsIdle(stage.proxy);
    expect(await rows('fresh', 'messages', 'title')).toEqual([{ title: "a'b" }]);
    await expectEqualTables('messages');
  });

  it('one session’s order is kept, whatever the keys', async () => {
    await through(async (connection) => {
      const sent: Promise<unknown>[] = [];
      for (let round = 0; round < 60; round += 1) {
        for (const sql of [
          `INSERT INTO messages VALUES (1, 1, 'round ${round}')`,
          'DELETE FROM messages WHERE folderid = 1 AND itemid = 1',
          `INSERT INTO messages VALUES (1, 1, 'again ${round}')`,
          `UPDATE messages SET title = CONCAT(title, '!') WHERE folderid = 1`,
          'DELETE FROM messages WHERE itemid = 1',
        ]) {
          sent.push(connection.query(sql));
        }
      }
      sent.push(connection.query("INSERT INTO messages VALUES (1, 1, 'last')"));
      await Promise.all(sent);
    });
    expect(await rows('fresh', 'messages', 'title')).toEqual([{ title: 'last' }]);
    expect((await stage.proxy.status()).shards[0]?.outcomes.failed).toBe(0);
  });

  it('sessions that write one key by turns end equal', async () => {
    const connections = await Promise.all([connect(), connect(), connect()]);
    for (let round = 0; round < 60; round += 1) {
      const connection = connections[round % 3] ?? (await connect());
      const verb =
        round % 2 === 0
          ? 'INSERT INTO messages VALUES (1, 1, ?)'
          : 'DELETE FROM messages WHERE folderid = 1 AND title <> ?';
      const [result] = await connection.query<ResultSetHeader>(verb, [`round ${round}`]);
      expect(result.affectedRows).toBe(1);
    }
    await Promise.all(connections.map((connection) => connection.end()));
    await untilMirrorIsIdle(stage.proxy);
    await expectEqualTables('messages');
    expect((await stage.proxy.status()).shards[0]?.outcomes.failed).toBe(0);
  });
});

describe('what is not faithful is counted', () => {
  it('statements too large, and reads that do more than read', async () => {
    const large = 'x'.repeat(150);
    const many = Array.from({ length: 800 }, (_, index) => `(1, ${index}, '${large}')`).join(',');
    const seen = await counts(() =>
      run(
        `INSERT INTO messages VALUES ${many}`,
        'SELECT * FROM messages WHERE folderid = 2 FOR UPDATE',
        'SELECT GET_LOCK("a", 0), folderid FROM messages WHERE folderid = 2',
        'SELECT @a := itemid FROM messages WHERE folderid = 2',
        'SELECT SLEEP(0) FROM messages WHERE folderid = 2',
        'SELECT title INTO @b FROM messages WHERE folderid = 2',
      ),
    );
    expect(seen).toEqual({ dropped_too_large: 1, skipped_unsupported: 5 });
    expect(await rows('fresh', 'messages')).toEqual([]);
  });

  it('a transaction too large is dropped whole', async () => {
    const large = 'x'.repeat(180);
    const many = (folder: number): string =>
      `INSERT INTO messages VALUES ${Array.from({ length: 400 }, (_, index) => `(${folder}, ${index}, '${large}')`).join(',')}`;
    const seen = await counts(() => run('BEGIN', many(1), many(2), many(3), 'COMMIT'));
    expect(seen).toEqual({ dropped_too_large: 3 });
    expect(await rows('fresh', 'messages')).toEqual([]);
  });
});

describe('compare', () => {
  const mismatches = (reason: string): Promise<number> =>
    stage.proxy.metric('understudy_mirror_mismatch_total', { reason });

  it('is silent where both are equal', async () => {
    const before = await stage.proxy.metric('understudy_mirror_mismatch_total');
    const compared = await stage.proxy.metric('understudy_mirror_compared_total');
    await run(
      "INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, NULL), (1, 3, 'c')",
      'SELECT * FROM messages WHERE folderid = 1',
      'SELECT title FROM messages WHERE folderid = 1 ORDER BY itemid DESC',
      'SELECT COUNT(*) FROM messages WHERE folderid = 2',
    );
    expect((await stage.proxy.metric('understudy_mirror_compared_total')) - compared).toBe(3);
    expect(await stage.proxy.metric('understudy_mirror_mismatch_total')).toBe(before);
  });

  it('finds a row that is corrupted, missing, or in another order on the shadow', async () => {
    await run("INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, 'b'), (2, 1, 'c')");
    const before = {
      hash: await mismatches('row_hash'),
      count: await mismatches('row_count'),
      order: await mismatches('row_order'),
      affected: await mismatches('affected_rows'),
    };
    await stage.fresh.query("UPDATE app_new.messages SET title = 'corrupted' WHERE folderid = 2");
    await run('SELECT title FROM messages WHERE folderid = 2 /* the corrupted one */');
    expect(await mismatches('row_hash')).toBe(before.hash + 1);
    const [latest] = (await stage.proxy.status()).shards[0]?.latestMismatches ?? [];
    expect(latest).toMatchObject({ kind: 'read', reason: 'row_hash' });
    expect(latest?.digest).toMatch(/^SELECT `?title`? FROM `?messages`? WHERE `?folderid`? = \?/i);

    await stage.fresh.query(
      "UPDATE app_new.messages SET title = IF(itemid = 1, 'b', 'a') WHERE folderid = 1",
    );
    await run('SELECT title FROM messages WHERE folderid = 1 ORDER BY itemid');
    expect(await mismatches('row_order')).toBe(before.order + 1);
    await run('SELECT title FROM messages WHERE folderid = 1');
    expect(await mismatches('row_order')).toBe(before.order + 1);

    await stage.fresh.query('DELETE FROM app_new.messages WHERE folderid = 2');
    await run('SELECT title FROM messages WHERE folderid = 2');
    expect(await mismatches('row_count')).toBe(before.count + 1);
    await run('DELETE FROM messages WHERE folderid = 2');
    expect(await mismatches('affected_rows')).toBe(before.affected + 1);
  });
});

it('nothing went wrong inside the mirror', async () => {
  expect(stage.proxy.logs()).not.toContain('please report this');
  expect(await stage.proxy.metric('understudy_relay_blind_total')).toBe(0);
  expect(await mirrored(stage.proxy, { outcome: 'failed' })).toBe(0);
});
