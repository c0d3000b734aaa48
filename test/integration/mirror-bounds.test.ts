/** Ratios turned live on real servers, by key; and the queue's bound while the shadow stands still. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashKey } from '../../src/sql/key-text.ts';
import { waitFor } from '../harness/wait.ts';
import { mirrored, NEW_DATABASE, OLD_DATABASE, type Stage, startStage, untilMirrorIsIdle } from './stage.ts';

const SCHEMA = `
  CREATE TABLE messages (folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, title VARCHAR(200), PRIMARY KEY (folderid, itemid));
  CREATE TABLE notes (folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, PRIMARY KEY (folderid, itemid))`;
const FOLDERS = Array.from({ length: 120 }, (_, index) => index * 7 + 1);
const QUEUE_MAX = 50;

let stage: Stage;
let client: Connection;
beforeAll(async () => {
  stage = await startStage({
    schema: SCHEMA,
    config: {
      tables: { messages: { key: 'folderid' }, notes: { key: 'folderid' } },
      sampling: { reads: 'key' },
      queue: { statements: QUEUE_MAX },
      // Long enough that a paused shadow counts as slow, not as down.
      lanes: { perShard: 1, pipeline: 1, timeoutMs: 60_000 },
    },
  });
  client = await stage.old.connect({ port: stage.port, database: OLD_DATABASE });
});
afterAll(async () => {
  client?.destroy();
  stage?.fresh.resume();
  await stage?.close();
});

/** Changes the ratios in the configuration file and waits until the proxy has applied them. */
async function setRatios(ratios: { reads: number; writes: number; deletes: number }): Promise<void> {
  const { configFile } = stage.proxy;
  const config = JSON.parse(readFileSync(configFile, 'utf8')) as Record<string, unknown>;
  writeFileSync(configFile, JSON.stringify({ ...config, mirror: ratios }, null, 2));
  await waitFor(
    async () => JSON.stringify((await stage.proxy.status()).shards[0]?.ratios) === JSON.stringify(ratios),
    {
      what: `the ratios ${JSON.stringify(ratios)} to be applied`,
    },
  );
}

const sampled = (table: string, percent: number): number[] =>
  FOLDERS.filter((folder) => hashKey(table, String(folder)) < percent * 100);

async function foldersOnNew(table: string): Promise<number[]> {
  const rows = await stage.fresh.query<RowDataPacket[]>(
    `SELECT DISTINCT folderid FROM ${NEW_DATABASE}.${table} ORDER BY folderid`,
  );
  return rows.map((row) => Number(row.folderid));
}

async function insertEverywhere(table: string, item: number): Promise<void> {
  const columns = table === 'messages' ? '(folderid, itemid, title)' : '(folderid, itemid)';
  const row = (folder: number): string => `(${folder}, ${item}${table === 'messages' ? ", 'x'" : ''})`;
  await client.query(`INSERT INTO app.${table} ${columns} VALUES ${FOLDERS.map(row).join(', ')}`);
  await untilMirrorIsIdle(stage.proxy);
}

describe('ratios by key', () => {
  it('25 % touch exactly the sampled keys, 50 % only add keys, and each table samples by itself', async () => {
    await setRatios({ reads: 25, writes: 25, deletes: 25 });
    await insertEverywhere('messages', 1);
    await insertEverywhere('notes', 1);
    const quarter = await foldersOnNew('messages');
    expect(quarter).toEqual(sampled('messages', 25));
    expect(quarter.length).toBeGreaterThan(0);
    expect(await foldersOnNew('notes')).toEqual(sampled('notes', 25));
    expect(await foldersOnNew('notes')).not.toEqual(quarter);

    await setRatios({ reads: 50, writes: 50, deletes: 50 });
    await insertEverywhere('messages', 2);
    const half = await foldersOnNew('messages');
    expect(half).toEqual(sampled('messages', 50));
    expect(half).toEqual(expect.arrayContaining(quarter));
    expect(half.length).toBeGreaterThan(quarter.length);
  });

  it('deletes follow the same keys as writes, one by one and in lists', async () => {
    await setRatios({ reads: 50, writes: 50, deletes: 50 });
    const half = sampled('messages', 50);
    const [kept, ...rest] = half;
    for (const folder of FOLDERS.filter((id) => id !== kept).slice(0, 20)) {
      await client.query(`DELETE FROM messages WHERE folderid = ${folder}`);
    }
    await client.query(
      `DELETE FROM messages WHERE folderid IN (${FOLDERS.filter((id) => id !== kept).join(', ')})`,
    );
    await untilMirrorIsIdle(stage.proxy);
    expect(rest.length).toBeGreaterThan(0);
    expect(await foldersOnNew('messages')).toEqual([kept]);
  });

  it('reads by key: a folder is always read on the shadow, or never', async () => {
    await setRatios({ reads: 25, writes: 0, deletes: 0 });
    for (const folder of FOLDERS.slice(0, 60)) {
      const before = await mirrored(stage.proxy, { kind: 'read' });
      for (let time = 0; time < 2; time += 1)
        await client.query(`SELECT * FROM notes WHERE folderid = ${folder}`);
      await untilMirrorIsIdle(stage.proxy);
      const seen = (await mirrored(stage.proxy, { kind: 'read' })) - before;
      expect(seen, `folder ${folder}`).toBe(sampled('notes', 25).includes(folder) ? 2 : 0);
    }
  });

  it('at 0 nothing reaches the shadow, and what was left out is counted', async () => {
    await setRatios({ reads: 0, writes: 0, deletes: 0 });
    const before = await mirrored(stage.proxy);
    const leftOut = await stage.proxy.metric('understudy_mirror_not_sampled_total');
    await client.query("INSERT INTO messages VALUES (99999, 1, 'old only')");
    await client.query('DELETE FROM messages WHERE folderid = 99999');
    expect(await mirrored(stage.proxy)).toBe(before);
    expect(await stage.proxy.metric('understudy_mirror_not_sampled_total')).toBe(leftOut + 2);
    expect((await stage.proxy.status()).shards[0]?.journal.byReason.not_sampled).toBeGreaterThanOrEqual(1);
  });
});

it('invariant 3: a shadow that stands still fills the queue up to its bound; what is more is dropped and counted', async () => {
  await setRatios({ reads: 100, writes: 100, deletes: 100 });
  await client.query('DELETE FROM messages');
  await untilMirrorIsIdle(stage.proxy);
  const before = await mirrored(stage.proxy, { outcome: 'mirrored' });
  stage.fresh.pause();
  const total = QUEUE_MAX * 2;
  for (let item = 0; item < total; item += 1) {
    await client.query(`INSERT INTO messages VALUES (${item}, 1, 'queued or dropped')`);
  }
  expect(await stage.proxy.metric('understudy_mirror_queue_statements')).toBe(QUEUE_MAX);
  expect(await stage.proxy.metric('understudy_mirror_queue_bytes')).toBeGreaterThan(0);
  expect(await mirrored(stage.proxy, { outcome: 'dropped_queue_full' })).toBe(total - QUEUE_MAX);
  await waitFor(async () => (await stage.proxy.metric('understudy_mirror_lag_seconds')) > 0.1, {
    what: 'a lag',
  });
  stage.fresh.resume();
  await untilMirrorIsIdle(stage.proxy);
  expect((await mirrored(stage.proxy, { outcome: 'mirrored' })) - before).toBe(QUEUE_MAX);
  // The first ones were kept, and a dropped write is a doubt.
  expect(await foldersOnNew('messages')).toEqual(Array.from({ length: QUEUE_MAX }, (_, folder) => folder));
  expect((await stage.proxy.status()).shards[0]?.journal.byReason.dropped).toBe(total - QUEUE_MAX);
});
