/** A statement over many keys is cut down to those that the ratio samples: no other key is touched. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashKey } from '../../src/sql/key-text.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { shardBetween } from '../harness/shard-databases.ts';
import { waitFor } from '../harness/wait.ts';

const PERCENT = 25;
const KEYS = Array.from({ length: 200 }, (_, index) => index * 7919);
const SAMPLED = KEYS.filter((key) => hashKey('messages', String(key)) < PERCENT * 100);

let mariadb: Mariadb;
let proxy: RunningProxy;
let client: Connection;

beforeAll(async () => {
  mariadb = await startMariadb();
  for (const database of ['mc_00', 'shard_00']) {
    await mariadb.query(`CREATE DATABASE ${database};
      CREATE TABLE ${database}.messages (folderid BIGINT PRIMARY KEY, word VARCHAR(20))`);
  }
  proxy = await startProxy({
    config: {
      tables: { messages: { key: 'folderid' } },
      shards: [await shardBetween(mariadb)],
      mirror: { writes: PERCENT, deletes: PERCENT },
    },
  });
  client = await mariadb.connect({ port: proxy.port('s00'), database: 'mc_00' });
});

afterAll(async () => {
  client?.destroy();
  await proxy?.stop();
  await mariadb?.destroy();
});

beforeEach(async () => {
  await mariadb.query('DELETE FROM mc_00.messages; DELETE FROM shard_00.messages');
});

async function keysIn(database: string, where = 'TRUE'): Promise<number[]> {
  const rows = await mariadb.query<RowDataPacket[]>(
    `SELECT folderid FROM ${database}.messages WHERE ${where} ORDER BY folderid`,
  );
  return rows.map((row) => Number(row.folderid));
}

async function settled(): Promise<void> {
  const held = () => proxy.metric('understudy_mirror_queue_statements');
  await waitFor(async () => (await held()) === 0, { what: 'the queue to be empty' });
}

describe(`at ${PERCENT} %`, () => {
  it('samples some keys and leaves some out (else the tests below show nothing)', () => {
    expect(SAMPLED.length).toBeGreaterThan(20);
    expect(SAMPLED.length).toBeLessThan(KEYS.length - 20);
  });

  it('a multi-row INSERT in text writes the sampled rows alone', async () => {
    await client.query(
      `INSERT INTO mc_00.messages VALUES ${KEYS.map((key) => `(${key}, 'w${key}')`).join(', ')}`,
    );
    await settled();
    expect(await keysIn('mc_00')).toEqual(KEYS);
    expect(await keysIn('shard_00', "word = CONCAT('w', folderid)")).toEqual(SAMPLED);
  });

  it('a prepared multi-row INSERT writes the sampled rows alone, with their own values', async () => {
    const sql = `INSERT INTO messages (word, folderid) VALUES ${KEYS.map(() => '(?, ?)').join(', ')}`;
    await client.execute(
      sql,
      KEYS.flatMap((key) => [key % 2 === 0 ? null : `w${key}`, key]),
    );
    await settled();
    expect(await keysIn('mc_00')).toEqual(KEYS);
    expect(await keysIn('shard_00')).toEqual(SAMPLED);
    const odd = SAMPLED.filter((key) => key % 2 === 1);
    expect(await keysIn('shard_00', "word = CONCAT('w', folderid)")).toEqual(odd);
    expect(await keysIn('shard_00', 'word IS NULL')).toEqual(SAMPLED.filter((key) => key % 2 === 0));
  });

  it.each(['text', 'prepared'])(
    'a DELETE by an IN list in %s form deletes the sampled keys alone',
    async (form) => {
      const rows = KEYS.map((key) => `(${key}, 'x')`).join(', ');
      await mariadb.query(
        `INSERT INTO mc_00.messages VALUES ${rows}; INSERT INTO shard_00.messages VALUES ${rows}`,
      );
      const sql = `DELETE FROM messages WHERE word = ? AND folderid IN (${KEYS.map(() => '?').join(', ')})`;
      if (form === 'text') await client.query(sql, ['x', ...KEYS]);
      else await client.execute(sql, ['x', ...KEYS]);
      await settled();
      expect(await keysIn('mc_00')).toEqual([]);
      expect(await keysIn('shard_00')).toEqual(KEYS.filter((key) => !SAMPLED.includes(key)));
    },
  );

  it('records every key that was left out', async () => {
    const { shards } = await proxy.status();
    const left = KEYS.length - SAMPLED.length;
    expect(shards[0]!.journal.byReason).toEqual({ not_sampled: left });
  });
});
