/** The mirror's job on real servers: what is replayed and what is not, sessions followed, differences found. */
import type { ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { COM, connectRaw } from '../harness/recorder.ts';
import { execute, integer, longData, sentAhead } from './command-bytes.ts';
import { failing, MESSAGES_COLUMNS, type MirrorStage, startMirrorStage } from './mirror-stage.ts';
import { mirrored, OLD_DATABASE, untilMirrorIsIdle } from './stage.ts';

let mirror: MirrorStage;
beforeAll(async () => {
  mirror = await startMirrorStage();
});
beforeEach(() => mirror.begin());
afterAll(() => mirror?.close());

describe('text and prepared statements', () => {
  it('writes, deletes and reads arrive, each counted once', async () => {
    const seen = await mirror.counts(() =>
      mirror.run(
        "INSERT INTO messages VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, 'it''s \\\\ \"quoted\"')",
        "REPLACE INTO messages VALUES (2, 1, 'B')",
        "UPDATE messages SET title = 'A' WHERE folderid = 1",
        'DELETE FROM messages WHERE folderid = 3 AND itemid = 1',
        'SELECT * FROM messages WHERE folderid IN (1, 2) ORDER BY folderid',
        'SELECT COUNT(*) FROM messages',
      ),
    );
    expect(seen).toEqual({ mirrored: 6 });
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(2);
    await mirror.expectEqualTables('messages');
  });

  it('prepared statements are replayed as prepared ones, with every kind of parameter', async () => {
    const seen = await mirror.counts(() =>
      mirror.through(async (connection) => {
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
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(4);
    await mirror.expectEqualTables('messages');
    const [prepares] = await mirror.stage.fresh.query<RowDataPacket[]>(
      "SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'",
    );
    expect(Number(prepares?.Value)).toBeGreaterThan(0);
  });

  it('long data arrives as it was sent', async () => {
    const raw = await connectRaw({
      host: '127.0.0.1',
      port: mirror.stage.port,
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
    await untilMirrorIsIdle(mirror.stage.proxy);
    expect(await mirror.rows('fresh', 'messages', 'title')).toEqual([{ title: 'in two' }]);
  });

  it('several statements of one text, up to the one that fails', async () => {
    const connection = await mirror.connect({ multipleStatements: true });
    await failing(
      connection,
      "INSERT INTO messages VALUES (1, 1, 'a'); DELETE FROM messages WHERE folderid = 9; INSERT INTO nowhere VALUES (1); INSERT INTO messages VALUES (2, 2, 'never')",
    );
    await connection.end();
    await untilMirrorIsIdle(mirror.stage.proxy);
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(1);
    await mirror.expectEqualTables('messages');
  });
});

describe('names and sessions', () => {
  it('database names are mapped: qualified, in joins, in backticks', async () => {
    const seen = await mirror.counts(() =>
      mirror.through(async (connection) => {
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
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(3);
    await mirror.expectEqualTables('messages');
  });

  it('tables that stay are never touched, and statements that mix are counted and listed', async () => {
    await mirror.stage.fresh.query("INSERT INTO app_new.users VALUES (99, 'untouched')");
    const seen = await mirror.counts(() =>
      mirror.run(
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
    expect(await mirror.rows('fresh', 'users')).toEqual([{ id: 99, name: 'untouched' }]);
    const { straddles } = (await mirror.stage.proxy.status()).shards[0] ?? { straddles: [] };
    const join = straddles.find(({ digest }) => /join/i.test(digest));
    expect(join).toMatchObject({ count: 2 });
    expect(join?.digest).not.toContain('5');
  });

  it('what left doubts is told, by reason and digest', async () => {
    await mirror.run(
      'INSERT INTO messages VALUES (71, 1, UUID())',
      'INSERT INTO messages VALUES (72, 1, UUID())',
      "UPDATE messages SET title = 'told apart' WHERE folderid = 71",
    );
    const { doubtCauses } = (await mirror.stage.proxy.status()).shards[0] ?? { doubtCauses: [] };
    const told = doubtCauses.filter(({ digest }) => /uuid/i.test(digest));
    expect(told).toEqual([{ reason: 'hazard', digest: expect.not.stringContaining('7'), count: 2 }]);
    expect(
      doubtCauses.filter(({ digest }) => /^UPDATE messages SET title = \? WHERE folderid = \?$/.test(digest)),
    ).toEqual([]);
    await mirror.run('DELETE FROM messages WHERE folderid IN (71, 72)');
  });

  it('a temporary table hides the one that moves', async () => {
    const seen = await mirror.counts(() =>
      mirror.run(
        `CREATE TEMPORARY TABLE messages ${MESSAGES_COLUMNS}`,
        "INSERT INTO messages VALUES (1, 1, 'for this session')",
        'DELETE FROM messages WHERE folderid = 1',
        'DROP TEMPORARY TABLE messages',
        "INSERT INTO messages VALUES (2, 1, 'for all')",
      ),
    );
    expect(seen).toEqual({ mirrored: 1 });
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(1);
    await mirror.expectEqualTables('messages');
  });

  it('SET NAMES and sql_mode are followed, and one session does not colour another', async () => {
    const raw = await connectRaw({
      host: '127.0.0.1',
      port: mirror.stage.port,
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
    await mirror.run(`INSERT INTO messages VALUES (2, 1, "a\\'b")`);
    await say("SET SESSION sql_mode = ''");
    await say(`INSERT INTO messages VALUES (3, 1, '${'cut '.repeat(60)}')`);
    raw.close();
    await untilMirrorIsIdle(mirror.stage.proxy);
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(3);
    await mirror.expectEqualTables('messages');
    expect(await mirror.rows('fresh', 'words', 'folderid, HEX(gbk)')).toEqual(
      await mirror.rows('old', 'words', 'folderid, HEX(gbk)'),
    );
    expect(await mirror.rows('fresh', 'words', 'folderid, HEX(gbk)')).toContainEqual({
      'HEX(gbk)': 'D55CB0A1',
      folderid: 1,
    });
  });

  it('COM_CHANGE_USER and COM_RESET_CONNECTION begin anew', async () => {
    const raw = await connectRaw({
      host: '127.0.0.1',
      port: mirror.stage.port,
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
    await untilMirrorIsIdle(mirror.stage.proxy);
    expect(await mirror.rows('fresh', 'messages', 'title')).toEqual([{ title: "a'b" }]);
    await mirror.expectEqualTables('messages');
  });

  it('one session’s order is kept, whatever the keys', async () => {
    await mirror.through(async (connection) => {
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
    expect(await mirror.rows('fresh', 'messages', 'title')).toEqual([{ title: 'last' }]);
    expect((await mirror.stage.proxy.status()).shards[0]?.outcomes.failed).toBe(0);
  });

  it('sessions that write one key by turns end equal', async () => {
    const connections = await Promise.all([mirror.connect(), mirror.connect(), mirror.connect()]);
    for (let round = 0; round < 60; round += 1) {
      const connection = connections[round % 3] ?? (await mirror.connect());
      const verb =
        round % 2 === 0
          ? 'INSERT INTO messages VALUES (1, 1, ?)'
          : 'DELETE FROM messages WHERE folderid = 1 AND title <> ?';
      const [result] = await connection.query<ResultSetHeader>(verb, [`round ${round}`]);
      expect(result.affectedRows).toBe(1);
    }
    await Promise.all(connections.map((connection) => connection.end()));
    await untilMirrorIsIdle(mirror.stage.proxy);
    await mirror.expectEqualTables('messages');
    expect((await mirror.stage.proxy.status()).shards[0]?.outcomes.failed).toBe(0);
  });
});

describe('what is not faithful is counted', () => {
  it('statements too large, and reads that do more than read', async () => {
    const large = 'x'.repeat(150);
    const many = Array.from({ length: 800 }, (_, index) => `(1, ${index}, '${large}')`).join(',');
    const seen = await mirror.counts(() =>
      mirror.run(
        `INSERT INTO messages VALUES ${many}`,
        'SELECT * FROM messages WHERE folderid = 2 FOR UPDATE',
        'SELECT GET_LOCK("a", 0), folderid FROM messages WHERE folderid = 2',
        'SELECT @a := itemid FROM messages WHERE folderid = 2',
        'SELECT SLEEP(0) FROM messages WHERE folderid = 2',
        'SELECT title INTO @b FROM messages WHERE folderid = 2',
      ),
    );
    expect(seen).toEqual({ dropped_too_large: 1, skipped_unsupported: 5 });
    expect(await mirror.rows('fresh', 'messages')).toEqual([]);
  });

  it('a transaction too large is dropped whole', async () => {
    const large = 'x'.repeat(180);
    const many = (folder: number): string =>
      `INSERT INTO messages VALUES ${Array.from({ length: 400 }, (_, index) => `(${folder}, ${index}, '${large}')`).join(',')}`;
    const seen = await mirror.counts(() => mirror.run('BEGIN', many(1), many(2), many(3), 'COMMIT'));
    expect(seen).toEqual({ dropped_too_large: 3 });
    expect(await mirror.rows('fresh', 'messages')).toEqual([]);
  });
});

describe('compare', () => {
  const mismatches = (reason: string): Promise<number> =>
    mirror.stage.proxy.metric('understudy_mirror_mismatch_total', { reason });

  it('is silent where both are equal', async () => {
    const before = await mirror.stage.proxy.metric('understudy_mirror_mismatch_total');
    const compared = await mirror.stage.proxy.metric('understudy_mirror_compared_total');
    await mirror.run(
      "INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, NULL), (1, 3, 'c')",
      'SELECT * FROM messages WHERE folderid = 1',
      'SELECT title FROM messages WHERE folderid = 1 ORDER BY itemid DESC',
      'SELECT COUNT(*) FROM messages WHERE folderid = 2',
    );
    expect((await mirror.stage.proxy.metric('understudy_mirror_compared_total')) - compared).toBe(3);
    expect(await mirror.stage.proxy.metric('understudy_mirror_mismatch_total')).toBe(before);
  });

  it('finds a row that is corrupted, missing, or in another order on the shadow', async () => {
    await mirror.run("INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, 'b'), (2, 1, 'c')");
    const before = {
      hash: await mismatches('row_hash'),
      count: await mismatches('row_count'),
      order: await mismatches('row_order'),
      affected: await mismatches('affected_rows'),
    };
    await mirror.stage.fresh.query("UPDATE app_new.messages SET title = 'corrupted' WHERE folderid = 2");
    await mirror.run('SELECT title FROM messages WHERE folderid = 2 /* the corrupted one */');
    expect(await mismatches('row_hash')).toBe(before.hash + 1);
    const [latest] = (await mirror.stage.proxy.status()).shards[0]?.latestMismatches ?? [];
    expect(latest).toMatchObject({ kind: 'read', reason: 'row_hash' });
    expect(latest?.digest).toMatch(/^SELECT `?title`? FROM `?messages`? WHERE `?folderid`? = \?/i);

    await mirror.stage.fresh.query(
      "UPDATE app_new.messages SET title = IF(itemid = 1, 'b', 'a') WHERE folderid = 1",
    );
    await mirror.run('SELECT title FROM messages WHERE folderid = 1 ORDER BY itemid');
    expect(await mismatches('row_order')).toBe(before.order + 1);
    await mirror.run('SELECT title FROM messages WHERE folderid = 1');
    expect(await mismatches('row_order')).toBe(before.order + 1);

    await mirror.stage.fresh.query('DELETE FROM app_new.messages WHERE folderid = 2');
    await mirror.run('SELECT title FROM messages WHERE folderid = 2');
    expect(await mismatches('row_count')).toBe(before.count + 1);
    await mirror.run('DELETE FROM messages WHERE folderid = 2');
    expect(await mismatches('affected_rows')).toBe(before.affected + 1);
  });
});

it('nothing went wrong inside the mirror', async () => {
  expect(mirror.stage.proxy.logs()).not.toContain('please report this');
  expect(await mirror.stage.proxy.metric('understudy_relay_blind_total')).toBe(0);
  expect(await mirrored(mirror.stage.proxy, { outcome: 'failed' })).toBe(0);
});
