/**
 * A write is under way until it is known what became of it: from before it is sent until the primary has answered,
 * until its transaction is committed, and until its replay is over. Gates on real servers hold it at each of these.
 */
import { readdirSync } from 'node:fs';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writtenOnDisk } from '../harness/journal-on-disk.ts';
import { countSockets } from '../harness/open-sockets.ts';
import { query } from '../harness/packet-writer.ts';
import type { HeldAnswers } from '../harness/primary-gate.ts';
import { connectRaw } from '../harness/recorder.ts';
import { waitFor } from '../harness/wait.ts';
import { type GatedStage, SHARD, startGatedStage } from './gated-stage.ts';

const KEY_LENGTH = 1000;
/** Keys of that length that fill a segment of the written log. */
const KEYS_A_SEGMENT = 300;

let stage: GatedStage;
const held: HeldAnswers[] = [];

beforeAll(async () => {
  stage = await startGatedStage(
    `CREATE TABLE messages (id BIGINT PRIMARY KEY, v BIGINT);
     CREATE TABLE shapes (id BIGINT PRIMARY KEY);
     CREATE TABLE words (word VARCHAR(1000) CHARACTER SET latin1 PRIMARY KEY)`,
    {
      tables: { messages: { key: 'id' }, shapes: { key: 'id' }, words: { key: 'word' } },
      ddl: 'mirror',
      // A delete is a doubt, and no write is one by itself.
      mirror: { reads: 0, writes: 100, deletes: 0 },
    },
  );
});
afterAll(() => stage?.close());

afterEach(async () => {
  for (const answers of held.splice(0)) answers.release();
  await stage.untilIdle();
  await stage.settle();
});

function hold(gate: 'primary' | 'shadow', bytes: string): HeldAnswers {
  const answers = stage[gate].hold(bytes);
  held.push(answers);
  return answers;
}

/** On both sides, and in doubt. */
async function doubtfulRow(id: number): Promise<void> {
  const client = await stage.connect();
  await client.query(`INSERT INTO messages VALUES (${id}, 0)`);
  await client.query(`DELETE FROM messages WHERE id = ${id} AND v = 1`);
  await client.end();
  await stage.untilIdle();
  expect(await stage.doubts()).toEqual([`messages/${id} not_sampled`]);
}

describe('invariant 8: what is in doubt of a key that is being written is not settled', () => {
  it('before the primary has answered', async () => {
    await doubtfulRow(1);
    const answers = hold('primary', 'SET v = 101');
    const client = await stage.connect();
    const write = client.query('UPDATE messages SET v = 101 WHERE id = 1');
    await answers.answered;
    expect(await stage.settle()).toEqual({ settled: 0, kept: 1 });
    answers.release();
    await write;
    await client.end();
    await stage.untilIdle();
    expect(await stage.settle()).toEqual({ settled: 1, kept: 0 });
  });

  it('before its transaction is committed, and before the commit is answered', async () => {
    await doubtfulRow(2);
    const answers = hold('primary', 'COMMIT /* of 2 */');
    const client = await stage.connect();
    await client.query('BEGIN');
    await client.query('UPDATE messages SET v = 102 WHERE id = 2');
    expect(await stage.settle()).toEqual({ settled: 0, kept: 1 });
    const commit = client.query('COMMIT /* of 2 */');
    await answers.answered;
    expect(await stage.settle()).toEqual({ settled: 0, kept: 1 });
    answers.release();
    await commit;
    await client.end();
    await stage.untilIdle();
    expect(await stage.settle()).toEqual({ settled: 1, kept: 0 });
  });

  it('while the primary is at what a client left that has reset its connection', async () => {
    const id = 11;
    await doubtfulRow(id);
    const holder = await stage.mariadb.connect({ database: 'old' });
    await holder.query('BEGIN');
    await holder.query(`SELECT * FROM messages WHERE id = ${id} FOR UPDATE`);
    const port = stage.proxy.port(SHARD);
    const client = await connectRaw({ host: '127.0.0.1', port, user: 'root', database: 'old' });
    client.send(query(`UPDATE messages SET v = ${id} WHERE id = ${id}`));
    await untilItWaits(id);
    client.reset();
    await waitFor(() => countSockets(stage.proxy.pid, port) === 0, { what: 'the client to be gone' });
    const meanwhile = await stage.settle();
    await holder.query('COMMIT');
    await holder.end();
    expect(meanwhile).toEqual({ settled: 0, kept: 1 });
    await stage.untilIdle();
    for (const database of ['old', 'new']) {
      const rows = await stage.mariadb.query(`SELECT v FROM ${database}.messages WHERE id = ${id}`);
      expect(rows, database).toEqual([{ v: id }]);
    }
    expect(await stage.settle()).toEqual({ settled: 1, kept: 0 });
  });

  async function untilItWaits(id: number): Promise<void> {
    await waitFor(
      async () => {
        const [row] = await stage.mariadb.query<RowDataPacket[]>(
          `SELECT COUNT(*) AS found FROM information_schema.processlist WHERE info = 'UPDATE messages SET v = ${id} WHERE id = ${id}'`,
        );
        return Number(row?.found) === 1;
      },
      { what: 'the write to be under way' },
    );
  }

  it('before its replay is over', async () => {
    await doubtfulRow(3);
    const answers = hold('shadow', 'SET v = 103');
    const client = await stage.connect();
    await client.query('UPDATE messages SET v = 103 WHERE id = 3');
    await client.end();
    await answers.answered;
    expect(await stage.settle()).toEqual({ settled: 0, kept: 1 });
    answers.release();
    await stage.untilIdle();
    expect(await stage.settle()).toEqual({ settled: 1, kept: 0 });
  });
});

describe('invariant 6: where the primary’s order of two writes can’t be known the key is in doubt', () => {
  it('when one was sent before the other was answered', async () => {
    const answers = hold('primary', 'REPLACE INTO messages VALUES (4, 1)');
    const [first, second] = await Promise.all([stage.connect(), stage.connect()]);
    // Of a row that is there each of them changes as many rows in either order.
    await first.query('REPLACE INTO messages VALUES (4, 0)');
    const early = first.query('REPLACE INTO messages VALUES (4, 1)');
    await answers.answered;
    await second.query('REPLACE INTO messages VALUES (4, 2)');
    answers.release();
    await early;
    await Promise.all([first.end(), second.end()]);
    await stage.untilIdle();
    expect(await stage.doubts()).toEqual(['messages/4 overlap']);
  });

  it('when one was sent before the other’s commit was answered', async () => {
    const answers = hold('primary', 'COMMIT /* of 5 */');
    const [first, second] = await Promise.all([stage.connect(), stage.connect()]);
    await first.query('REPLACE INTO messages VALUES (5, 0)');
    await first.query('BEGIN');
    await first.query('REPLACE INTO messages VALUES (5, 1)');
    const commit = first.query('COMMIT /* of 5 */');
    await answers.answered;
    await second.query('REPLACE INTO messages VALUES (5, 2)');
    answers.release();
    await commit;
    await Promise.all([first.end(), second.end()]);
    await stage.untilIdle();
    expect(await stage.doubts()).toEqual(['messages/5 overlap']);
  });
});

describe('invariant 6: a write of rows that are not known by their keys has no order', () => {
  const EVERY_ROW = 'UPDATE messages SET v = 7 WHERE v >= 0';

  async function withRow(id: number): Promise<void> {
    const client = await stage.connect();
    await client.query('DELETE FROM messages');
    await client.query(`INSERT INTO messages VALUES (${id}, 0)`);
    await client.end();
    await stage.untilIdle();
    await stage.mariadb.query(`DELETE FROM new.messages WHERE id <> ${id}`);
    await stage.settle();
    expect(await stage.doubts()).toEqual([]);
  }

  const value = async (database: string): Promise<unknown> =>
    stage.mariadb.query(`SELECT v FROM ${database}.messages`);

  it('among a commit that is not answered: the keys that this commits are in doubt', async () => {
    await withRow(21);
    const answers = hold('primary', 'COMMIT /* of 21 */');
    const one = await stage.connect();
    await one.query('BEGIN');
    await one.query('UPDATE messages SET v = 1 WHERE id = 21');
    const commit = one.query('COMMIT /* of 21 */');
    await answers.answered;
    const other = await stage.connect();
    await other.query(EVERY_ROW);
    await waitFor(async () => JSON.stringify(await value('new')) === '[{"v":7}]', { what: 'its replay' });
    answers.release();
    await commit;
    await Promise.all([one.end(), other.end()]);
    await stage.untilIdle();
    expect(await stage.doubts()).toEqual(['messages/21 overlap']);
    // As many rows were changed on both sides, and the answers were alike.
    expect([await value('old'), await value('new')]).toEqual([[{ v: 7 }], [{ v: 1 }]]);
  });

  it('beside a write by keys: those keys are in doubt, and not the table', async () => {
    await withRow(22);
    const answers = hold('primary', 'SET v = 2 WHERE id = 22');
    const [one, other] = [await stage.connect(), await stage.connect()];
    const write = one.query('UPDATE messages SET v = 2 WHERE id = 22');
    await answers.answered;
    await other.query(EVERY_ROW);
    answers.release();
    await write;
    await Promise.all([one.end(), other.end()]);
    await stage.untilIdle();
    expect(await stage.doubts()).toEqual(['messages/22 overlap']);
  });

  it('beside one that chooses among rows, or another such: the table is in doubt', async () => {
    await withRow(23);
    for (const late of [EVERY_ROW, 'UPDATE messages SET v = 8 WHERE id = 23']) {
      const answers = hold('primary', 'ORDER BY v LIMIT 1');
      const [one, other] = [await stage.connect(), await stage.connect()];
      const write = one.query('UPDATE messages SET v = 3 WHERE v >= 0 ORDER BY v LIMIT 1');
      await answers.answered;
      await other.query(late);
      answers.release();
      await write;
      await Promise.all([one.end(), other.end()]);
      await stage.untilIdle();
      expect(await stage.doubts(), late).toContain('messages/* overlap');
      await stage.settle();
    }
  });
});

describe('invariant 4: what the journal has let go of is no key of a write under way', () => {
  /** Fills a segment with keys of a table of its own. */
  /** Number of the newest; old ones go meanwhile. */
  const newest = (): number =>
    Math.max(...readdirSync(stage.journal).map((name) => Number(/^written-\d+-(\d+)/.exec(name)?.[1] ?? 0)));

  async function fillSegment(mark: string): Promise<void> {
    const words = Array.from({ length: KEYS_A_SEGMENT }, (_, index) =>
      `${mark}${index}-`.padEnd(KEY_LENGTH, 'w'),
    );
    const before = newest();
    const client = await stage.connect();
    await client.query(`INSERT INTO words VALUES ${words.map((word) => `('${word}')`).join(', ')}`);
    await client.end();
    // Until the one after the next is ready, what follows could stand in this one too.
    await waitFor(() => newest() > before, { what: 'the next segment' });
  }

  const has = (mark: string): boolean => writtenOnDisk(stage.journal).some((line) => line.startsWith(mark));

  it('nor after all segments around it are gone', async () => {
    const client = await stage.connect();
    const change = hold('shadow', 'ALTER TABLE shapes');
    await client.query('ALTER TABLE shapes ADD a INT FIRST');
    await change.answered;
    // What follows is to stand in another segment.
    await fillSegment('z-');
    const replay = hold('shadow', 'REPLACE INTO messages VALUES (6, 1)');
    await client.query('REPLACE INTO messages VALUES (6, 1)');
    await replay.answered;
    const answers = hold('primary', 'REPLACE INTO messages VALUES (7, 1)');
    const sent = client.query('REPLACE INTO messages VALUES (7, 1)').catch(() => 'ended');
    await answers.answered;
    for (const mark of ['a-', 'b-', 'c-']) await fillSegment(mark);
    await waitFor(() => !has('words/b-'), { what: 'the segment behind it to go' });
    expect(['messages/6', 'shapes/*', 'messages/7'].map(has)).toEqual([true, true, true]);
    await stage.killAndRestart();
    await sent;
    client.destroy();
    const written = await stage.doubts('written');
    const expected = ['messages/6 written', 'shapes/* written', 'messages/7 written'];
    expect(written).toEqual(expect.arrayContaining(expected));
  });
});
