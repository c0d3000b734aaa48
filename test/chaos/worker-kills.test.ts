/**
 * Workers that are killed under the load of clients with TLS: the clients of their own shards lose their connections
 * and nothing else, those of the other worker notice nothing, and the killed one comes back and serves TLS again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { connectRaw, type RawOptions } from '../harness/recorder.ts';
import { makeShardDatabases, shardsBetween } from '../harness/shard-databases.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { ByteWitness } from './byte-witness.ts';
import { badLogLines, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';

const run = chaosRun('worker-kills');
const SHARDS = ['s00', 's01', 's02', 's03'];
/** Shards are dealt out in turn. */
const OF_KILLED = ['s00', 's02'];
const OF_OTHER = ['s01', 's03'];
const CLIENTS_A_SHARD = 4;
/** After so many statements a client of the killed worker's shards goes and comes again. */
const SESSION_STATEMENTS = 30;

let mariadb: Mariadb;
let certificates: Certificates;
let proxy: RunningProxy;

beforeAll(async () => {
  [mariadb, certificates] = await Promise.all([startMariadb(), makeCertificates()]);
  await makeShardDatabases(mariadb, SHARDS);
  const { certificate, key } = certificates.server;
  proxy = await startProxy({
    config: {
      workers: 2,
      listen: {
        tls: { certificate, key, requireTls: true },
        proxyProtocol: { trusted: ['127.0.0.2'] },
      },
      tables: { messages: { key: 'folderid' } },
      shards: await shardsBetween(mariadb, SHARDS),
      mirror: { reads: 100, writes: 100, deletes: 100 },
    },
  });
});

afterAll(async () => {
  await proxy?.kill9();
  await mariadb?.destroy();
});

const through = (shard: string): RawOptions => ({
  host: '127.0.0.1',
  port: proxy.port(shard),
  user: 'root',
  database: `old_${shard}`,
  tlsCa: certificates.ca,
});

interface Restless {
  statements: number;
  broken: number;
  readonly wrong: string[];
}

/** Comes, asks, goes and comes again: it may lose its connection at any time, and must never get a wrong answer. */
async function beRestless(shard: string, seen: Restless, over: () => boolean): Promise<void> {
  while (!over()) {
    try {
      const client = await connectRaw(through(shard));
      for (let left = SESSION_STATEMENTS; left > 0 && !over(); left -= 1) {
        const number = seen.statements;
        const reply = await client.query(`SELECT ${number} AS number`);
        if (!reply.bytes.includes(String(number)))
          seen.wrong.push(`${shard}: ${number} was answered otherwise`);
        seen.statements += 1;
      }
      client.close();
    } catch (error) {
      seen.broken += 1;
      if (!/ECONNRE|closed|disconnected|EPIPE/.test(String(error)))
        seen.wrong.push(`${shard}: ${String(error)}`);
      await waitFor(async () => (await worker(0)).state === 'serving', {
        timeoutMs: 60_000,
        what: 'the worker to serve again',
      });
    }
  }
}

async function worker(index: number) {
  const found = (await proxy.status()).workers[index];
  if (found === undefined) throw new Error(`there is no worker ${index}`);
  return found;
}

describe(`killed workers (${run.title})`, () => {
  it('lose their own connections alone, and come back with TLS', { timeout: run.timeoutMs }, async () => {
    const witnesses = OF_OTHER.map(
      (shard) =>
        new ByteWitness({
          proxied: through(shard),
          direct: { host: mariadb.host, port: mariadb.port, user: 'root', database: `old_${shard}` },
        }),
    );
    const seen: Restless = { statements: 0, broken: 0, wrong: [] };
    let state: 'on' | 'over' = 'on';
    const restless = OF_KILLED.flatMap((shard) =>
      Array.from({ length: CLIENTS_A_SHARD }, () => beRestless(shard, seen, () => state === 'over')),
    );
    const other = await worker(1);
    const random = run.random(1);
    const timeIsUp = run.clock();
    let kills = 0;
    try {
      do {
        const goal = seen.statements + random.integer(20, 200);
        await waitFor(() => seen.statements >= goal || seen.wrong.length > 0, {
          timeoutMs: 60_000,
          what: 'the load to go on',
        });
        const { pid } = await worker(0);
        process.kill(pid!, 'SIGKILL');
        kills += 1;
        await waitFor(
          async () => {
            const now = await worker(0);
            return now.state === 'serving' && now.pid !== pid && now.restarts === kills;
          },
          { timeoutMs: 60_000, what: 'the worker to be back' },
        );
        await Promise.all(witnesses.map((witness) => witness.goesOn()));
      } while (!timeIsUp() && seen.wrong.length === 0);
      const goal = seen.statements + 50;
      await waitFor(() => seen.statements >= goal || seen.wrong.length > 0, {
        timeoutMs: 60_000,
        what: 'the clients of the killed worker to be served again',
      });
    } finally {
      state = 'over';
      await Promise.all(restless);
    }
    const witnessed = witnesses.reduce((sum, { statements }) => sum + statements, 0);
    run.say(
      `${kills} kills, ${seen.statements} statements beside them, ${seen.broken} broken, ${witnessed} of the witnesses`,
    );
    expect(seen.wrong).toEqual([]);
    expect(seen.broken).toBeGreaterThanOrEqual(kills);
    expect(await Promise.all(witnesses.map((witness) => witness.stop()))).toEqual([null, null]);

    expect(await worker(1)).toMatchObject({ pid: other.pid, restarts: 0, state: 'serving' });
    expect(await proxy.metric('understudy_worker_restarts_total', { worker: '0' })).toBe(kills);
    expect(await proxy.metric('understudy_worker_restarts_total', { worker: '1' })).toBe(0);
    const incidents = proxy
      .logs()
      .split('\n')
      .filter((line) => line.includes('"incident":"worker_ended"'))
      .map((line) => JSON.parse(line) as { worker: number; signal: string; shards: string[] });
    expect(incidents.map(({ worker: number, signal }) => [number, signal])).toEqual(
      Array.from({ length: kills }, () => [0, 'SIGKILL']),
    );
    expect(incidents[0]?.shards).toEqual(OF_KILLED);
    await untilNobodyIsConnected(proxy);
    expect(badLogLines(proxy)).toEqual([]);
    expect((await proxy.stop()).code).toBe(0);
  });
});
