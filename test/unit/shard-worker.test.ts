import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { ShardWorker } from '../../src/proxy/shard-worker.ts';
import { type News, newsSchema } from '../../src/proxy/worker-messages.ts';
import { freePort } from '../harness/ports.ts';
import { workerOrder } from '../harness/worker-order.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-worker-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function worker() {
  const news: News[] = [];
  let hear: (value: unknown) => void = () => {};
  let lose: () => void = () => {};
  const running = new ShardWorker({
    version: '1.0.0',
    createLog: () => silentLog(),
    channel: {
      send: (one, taken) => {
        const heard = newsSchema.parse(one);
        // A start on a busy machine takes longer than the time from beat to beat.
        if (heard.type !== 'beat') news.push(heard);
        taken();
      },
      onMessage: (listener) => {
        hear = listener;
      },
      onGone: (listener) => {
        lose = listener;
      },
    },
  });
  return { news, order: (value: unknown) => hear(value), lose: () => lose(), over: running.run() };
}

it('says why it can’t serve, and ends with the code of it', async () => {
  const port = await freePort();
  const holder = createServer().listen(port, '127.0.0.1');
  closing.push(() => holder.close());
  const { news, order, over } = worker();
  order(workerOrder(folder, { port }));
  expect(await over).toBe(2);
  expect(news).toEqual([
    {
      type: 'failed',
      fault: 'usage',
      message: expect.stringMatching(/^shard s00: can't listen on .*EADDRINUSE/),
    },
  ]);
});

it('says so too where the certificates have gone bad since the proxy began', async () => {
  const { news, order, over } = worker();
  order(workerOrder(folder, { port: await freePort(), certificate: '/nowhere/certificate.pem' }));
  expect(await over).toBe(2);
  expect(news).toEqual([
    { type: 'failed', fault: 'usage', message: expect.stringContaining('/nowhere/certificate.pem') },
  ]);
});

it('ends where the supervisor goes before it serves', async () => {
  const { order, lose, over } = worker();
  order(workerOrder(folder, { port: await freePort() }));
  lose();
  expect(await over).toBe(1);
});

it('ends where the supervisor was never there', async () => {
  const { lose, over } = worker();
  lose();
  expect(await over).toBe(1);
});

it('answers what it is asked, and ends with its last figures when it is drained', async () => {
  const { news, order, over } = worker();
  order(workerOrder(folder, { port: await freePort() }));
  order({ type: 'nonsense' });
  order({ type: 'drain' });
  expect(await over).toBe(0);
  // Its old server is nowhere, and that may be told by now.
  const types = news.map(({ type }) => type).filter((type) => type !== 'incidents');
  expect(types).toEqual(['serving', 'figures']);
});
