/** Clients that would take every file: the admin port, the old sessions and the other shard go on. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { filesOfItsOwn } from '../../src/proxy/client-room.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type ProxyOptions, type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import {
  connectTo,
  logLines,
  makeDatabases,
  SHARDS,
  type ShardName,
  workersConfig,
} from './workers-stage.ts';

const CLIENTS_FIT = 24;
const COMERS = 60;
const LANES = 4;

/** The limit within which a process of so many shards has room for CLIENTS_FIT. */
const filesFor = (shards: number): number => filesOfItsOwn(shards, LANES) + 2 * CLIENTS_FIT;

let mariadb: Mariadb;
const proxies: RunningProxy[] = [];
const clients: Connection[] = [];

beforeAll(async () => {
  mariadb = await startMariadb();
  await makeDatabases(mariadb);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.kill9()));
});

afterAll(() => mariadb?.destroy());

async function startWithin(openFiles: number, workers: number, more: Partial<ProxyOptions> = {}) {
  const config = await workersConfig(mariadb, { workers });
  const proxy = await startProxy({ config, openFiles, ...more });
  proxies.push(proxy);
  return proxy;
}

async function join(proxy: RunningProxy, shard: ShardName): Promise<Connection> {
  const client = await connectTo(mariadb, proxy, shard);
  clients.push(client);
  return client;
}

/** The errors of those that were not let in. */
async function comeAll(proxy: RunningProxy, shard: ShardName, count: number): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, () => join(proxy, shard)));
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
}

async function answers(client: Connection): Promise<void> {
  const [rows] = await client.query<RowDataPacket[]>('SELECT 1 AS one');
  expect(rows[0]?.one).toBe(1);
}

describe('more clients than the process may open files for', () => {
  it.each([
    ['one process', 1, {}],
    ['two workers, on Node’s sockets', 2, { UNDERSTUDY_SOCKETS: 'stream' }],
  ])('are refused with 1040, and nobody else is: %s', async (_name, workers, env) => {
    const shards = 4 / workers;
    const proxy = await startWithin(filesFor(shards), workers, { env });
    const before = await join(proxy, 's00');
    const refused = await comeAll(proxy, 's00', COMERS);
    // Half of what there is room for is common, and half of it is kept for the shards in equal parts.
    expect(COMERS + 1 - refused.length).toBe(CLIENTS_FIT / 2 + CLIENTS_FIT / 2 / shards);
    for (const error of refused)
      expect(error).toMatchObject({ errno: 1040, message: expect.stringContaining('open files') });
    for (const client of clients) await answers(client);
    for (const shard of SHARDS) if (shard !== 's00') await answers(await join(proxy, shard));

    const reason = 'open_files';
    expect(await proxy.metric('understudy_connections_refused_total', { reason, shard: 's00' })).toBe(
      refused.length,
    );
    expect(await proxy.metric('understudy_connections_refused_total')).toBe(refused.length);
    for (const path of ['healthz', 'readyz'])
      expect((await fetch(`${proxy.adminUrl}/${path}`)).status).toBe(200);
    const told = (text: string): number => logLines(proxy).filter(({ msg }) => msg.includes(text)).length;
    await waitFor(() => told('clients are refused') > 0 && told('maxConnections') >= workers, {
      what: 'the log to tell of it',
    });
    expect([told('clients are refused'), told('maxConnections')]).toEqual([1, workers]);

    // The files of the mirror are none of the clients'.
    await before.query('REPLACE INTO messages VALUES (1, 1)');
    await waitFor(
      async () => (await proxy.metric('understudy_mirror_statements_total', { outcome: 'mirrored' })) > 0,
      { what: 'the write to be mirrored' },
    );
    for (const client of clients.splice(1)) client.destroy();
    await waitFor(() => join(proxy, 's00'), { what: 'room again' });
  });
});

it.each([1, 2])(
  'a limit that leaves no room for clients ends the start with its remedy (workers: %i)',
  async (workers) => {
    const own = filesOfItsOwn(4 / workers, LANES);
    const proxy = await startWithin(own + 2, workers, { waitUntilReady: false });
    expect(await proxy.child.exited).toEqual({ code: 2, signal: null });
    expect(proxy.logs()).toContain(`the limit of open files is ${own + 2}`);
    expect(proxy.logs()).toMatch(/LimitNOFILE=/);
  },
);
