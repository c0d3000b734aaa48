/** What a connection that waits costs the proxy: the light form of `npm run memory`, with room for any machine. */
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { residentBytes } from '../harness/processes.ts';
import { SHARD, type Stage, startStage } from './stage.ts';

const CONNECTIONS = 600;
const WARM_UP = 50;
const OPENED_AT_ONCE = 20;
/** The bound is 40,000 bytes each; the rest is room for garbage that V8 has not collected. */
const BYTES_MAX = CONNECTIONS * 40_000 + 24_000_000;

let stage: Stage;
const clients: Connection[] = [];

beforeAll(async () => {
  stage = await startStage({
    schema: 'CREATE TABLE t (id INT PRIMARY KEY, x INT)',
    old: { extra: [`--max-connections=${CONNECTIONS + WARM_UP + 50}`] },
    config: { compare: 0 },
  });
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await stage?.close();
});

async function open(count: number): Promise<Connection[]> {
  const opened: Connection[] = [];
  while (opened.length < count) {
    const some = Array.from({ length: OPENED_AT_ONCE }, async () => {
      const client = await stage.old.connect({ port: stage.port, database: 'app' });
      await client.query('SELECT x FROM t WHERE id = 1');
      return client;
    });
    opened.push(...(await Promise.all(some)));
  }
  return opened;
}

it('is bounded, also by hundreds of them', async () => {
  for (const client of await open(WARM_UP)) await client.end();
  const before = residentBytes(stage.proxy.pid);
  clients.push(...(await open(CONNECTIONS)));
  expect(await stage.proxy.metric('understudy_connections', { shard: SHARD, state: 'idle' })).toBe(
    CONNECTIONS,
  );
  expect(residentBytes(stage.proxy.pid) - before).toBeLessThan(BYTES_MAX);
});
