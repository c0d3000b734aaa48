/**
 * Invariant 5: a statement that failed on the primary, or was rolled back, is never replayed; on tables without
 * transactions each statement is a unit of its own at once.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readJournal } from '../harness/journal-entries.ts';
import { waitFor } from '../harness/wait.ts';
import { failing, type MirrorStage, startMirrorStage } from './mirror-stage.ts';
import { SHARD, untilMirrorIsIdle } from './stage.ts';

let mirror: MirrorStage;
beforeAll(async () => {
  mirror = await startMirrorStage();
});
beforeEach(() => mirror.begin());
afterAll(() => mirror?.close());

describe('invariant 5: transactions', () => {
  it('nothing arrives before the commit, and everything with it', async () => {
    const connection = await mirror.connect();
    const watcher = await mirror.connect();
    await connection.query('BEGIN');
    await connection.query("INSERT INTO messages VALUES (1, 1, 'held')");
    await connection.execute('INSERT INTO messages VALUES (?, ?, ?)', [1, 2, 'held too']);
    // What another session does meanwhile overtakes it.
    await watcher.query("INSERT INTO messages VALUES (2, 1, 'at once')");
    await waitFor(async () => (await mirror.rows('fresh', 'messages')).length > 0, {
      what: 'the other session’s row',
    });
    expect(await mirror.rows('fresh', 'messages', 'title')).toEqual([{ title: 'at once' }]);
    await connection.query('COMMIT');
    await untilMirrorIsIdle(mirror.stage.proxy);
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(3);
    await mirror.expectEqualTables('messages');
    await Promise.all([connection.end(), watcher.end()]);
  });

  it('rollbacks, savepoint rollbacks, failed statements and lost sessions never arrive', async () => {
    const seen = await mirror.counts(async () => {
      await mirror.through(async (connection) => {
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
    expect(await mirror.rows('fresh', 'messages', 'title')).toEqual([{ title: 'kept' }]);
    await mirror.expectEqualTables('messages');
  });

  it('a doubt of a transaction that is open is not settled before its end', async () => {
    const { proxy } = mirror.stage;
    /** How many entries of the journal it keeps: a look at the rows would find them the same just now. */
    const kept = async (): Promise<number> => {
      const { entries, cursor } = await readJournal(proxy, SHARD);
      const noted = entries.filter(({ reason }) => reason !== 'written');
      expect(noted.length).toBeGreaterThan(0);
      const response = await fetch(`${proxy.adminUrl}/api/journal/settle`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ shard: SHARD, cursor, entries: noted }),
      });
      return ((await response.json()) as { kept: number }).kept;
    };
    for (const [count, split] of ['ROLLBACK TO é', 'CALL absent()'].entries()) {
      const connection = await mirror.connect();
      await connection.query('BEGIN');
      await connection.query('SAVEPOINT é');
      await connection.query(`INSERT INTO messages VALUES (${50 + count}, 1, 'before')`);
      await connection.query(split).catch(() => null);
      await connection.query(`INSERT INTO messages VALUES (${60 + count}, 1, 'behind')`);
      expect(await kept()).toBeGreaterThan(0);
      await connection.query('COMMIT');
      await untilMirrorIsIdle(proxy);
      expect(await kept()).toBe(0);
      await connection.end();
    }
  });

  it('autocommit off: a commit ends one transaction and begins the next', async () => {
    await mirror.run(
      'SET autocommit = 0',
      "INSERT INTO messages VALUES (1, 1, 'committed')",
      'COMMIT',
      "INSERT INTO messages VALUES (2, 1, 'rolled back')",
      'ROLLBACK',
      "INSERT INTO messages VALUES (3, 1, 'committed by SET')",
      'SET autocommit = 1',
      "INSERT INTO messages VALUES (4, 1, 'alone')",
    );
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(3);
    await mirror.expectEqualTables('messages');
  });

  it('statements that commit by themselves: the transaction before them arrives', async () => {
    await mirror.run(
      'BEGIN',
      "INSERT INTO messages VALUES (1, 1, 'before')",
      'CREATE TABLE made (id INT PRIMARY KEY)',
      "INSERT INTO messages VALUES (2, 1, 'alone')",
      'ROLLBACK',
      'DROP TABLE made',
    );
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(2);
    await mirror.expectEqualTables('messages');
  });

  it('a deadlock’s victim is rolled back whole, and does not arrive', async () => {
    await mirror.run("INSERT INTO messages VALUES (1, 1, 'a'), (2, 1, 'b')");
    const [one, two] = [await mirror.connect(), await mirror.connect()];
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
    await untilMirrorIsIdle(mirror.stage.proxy);
    await mirror.expectEqualTables('messages');
  });

  it('MyISAM: each statement at once, also out of a transaction that is rolled back', async () => {
    const connection = await mirror.connect();
    // That another table comes and goes says nothing new of this one's engine.
    await connection.query('CREATE TABLE made (id INT PRIMARY KEY)');
    await connection.query('DROP TABLE made');
    await connection.query('BEGIN');
    await connection.query("INSERT INTO notes VALUES (1, 1, 'kept by MyISAM')");
    await connection.query("INSERT INTO messages VALUES (1, 1, 'rolled back')");
    await waitFor(async () => (await mirror.rows('fresh', 'notes')).length === 1, {
      what: 'the note, before the rollback',
    });
    await connection.query('ROLLBACK');
    await connection.end();
    await untilMirrorIsIdle(mirror.stage.proxy);
    expect(await mirror.rows('fresh', 'messages')).toEqual([]);
    await mirror.expectEqualTables('notes', 'messages');
  });

  it('MyISAM: a failed statement may have changed rows, so its key is in doubt', async () => {
    const doubts = async (): Promise<number> =>
      (await mirror.stage.proxy.status()).shards[0]?.journal.byReason.partial ?? 0;
    const before = await doubts();
    await mirror.through(async (connection) => {
      await failing(connection, "INSERT INTO notes VALUES (1, 1, 'stays'), (1, 1, 'double')");
    });
    expect(await mirror.rows('old', 'notes')).toHaveLength(1);
    expect(await mirror.rows('fresh', 'notes')).toEqual([]);
    expect(await doubts()).toBeGreaterThan(before);
  });

  const doubtsOf = async (reason: string): Promise<number> =>
    mirror.stage.proxy.metric('understudy_mirror_doubts_total', { reason });

  it('MyISAM and InnoDB in one statement: a rollback undoes half of it, so it is a doubt', async () => {
    await mirror.run("INSERT INTO messages VALUES (1, 1, 'a')", "INSERT INTO notes VALUES (1, 1, 'a')");
    const before = await doubtsOf('uncertain');
    const seen = await mirror.counts(() =>
      mirror.run(
        'BEGIN',
        "UPDATE messages m JOIN notes n ON n.folderid = m.folderid SET m.title = 'b', n.title = 'b' WHERE m.folderid = 1",
        'ROLLBACK',
      ),
    );
    expect(seen).toEqual({ skipped_rolled_back: 1 });
    expect(await mirror.rows('old', 'notes', 'title')).toEqual([{ title: 'b' }]);
    expect(await mirror.rows('old', 'messages', 'title')).toEqual([{ title: 'a' }]);
    expect(await doubtsOf('uncertain')).toBeGreaterThan(before);
  });

  it('MyISAM and InnoDB in one statement: one that fails half-way is a doubt on both', async () => {
    await mirror.run(
      "INSERT INTO messages VALUES (1, 1, 'a'), (1, 2, 'a')",
      "INSERT INTO notes VALUES (1, 1, 'a')",
    );
    const before = await doubtsOf('partial');
    const seen = await mirror.counts(() =>
      mirror.through(async (connection) => {
        const update =
          "UPDATE notes n JOIN messages m ON m.folderid = n.folderid SET n.title = 'b', m.itemid = 3";
        expect(await failing(connection, update)).toMatchObject({ errno: 1062 });
      }),
    );
    expect(seen).toEqual({ skipped_failed: 1 });
    expect(await mirror.rows('old', 'notes', 'title')).toEqual([{ title: 'b' }]);
    expect(await mirror.rows('fresh', 'notes', 'title')).toEqual([{ title: 'a' }]);
    await mirror.expectEqualTables('messages');
    expect(await doubtsOf('partial')).toBe(before + 2);
  });

  it('LOCK TABLES commits what stood before it, and what is written under it arrives', async () => {
    await mirror.run(
      'BEGIN',
      "INSERT INTO messages VALUES (1, 1, 'before the lock')",
      'LOCK TABLES messages WRITE, notes WRITE',
      "INSERT INTO notes VALUES (1, 1, 'locked')",
      "INSERT INTO messages VALUES (2, 1, 'locked')",
      'UNLOCK TABLES',
      'ROLLBACK',
    );
    expect(await mirror.rows('fresh', 'messages')).toHaveLength(2);
    await mirror.expectEqualTables('messages', 'notes');
  });

  it('INSERT DELAYED: its rows come when the server likes, so its key is a doubt', async () => {
    const before = (await doubtsOf('hazard')) + (await doubtsOf('failed'));
    const seen = await mirror.counts(() =>
      mirror.run("INSERT DELAYED INTO notes VALUES (1, 1, 'some time')"),
    );
    expect(Object.values(seen)).toEqual([1]);
    expect((await doubtsOf('hazard')) + (await doubtsOf('failed'))).toBeGreaterThan(before);
    await waitFor(async () => (await mirror.rows('old', 'notes')).length === 1, { what: 'the delayed row' });
  });
});
