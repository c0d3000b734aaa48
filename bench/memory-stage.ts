/** What memory is measured on: one server that plays both clusters, and a proxy of one process or of several. */
import { type Connection, createConnection } from 'mysql2/promise';
import { type Mariadb, startMariadb } from '../test/harness/mariadb.ts';
import { residentBytes } from '../test/harness/processes.ts';
import { type Proxy as RunningProxy, startProxy } from '../test/harness/proxy.ts';
import { makeShardDatabases, shardsBetween } from '../test/harness/shard-databases.ts';
import { readTree } from './process-cpu.ts';

export const SHARDS = ['s00', 's01', 's02', 's03'] as const;
/** One session in the beginning, so that what is loaded or compiled once is no connection's. */
const WARM_UP_SESSIONS = 100;
const READING_GAP_MS = 200;
/** V8 gives back what the start has left behind some 25 seconds after it; earlier the start would hide the growth. */
const REST_MS = 30_000;

export async function startClusters(connections: number): Promise<Mariadb> {
  const server = await startMariadb({ extra: [`--max-connections=${connections + 200}`] });
  await makeShardDatabases(server, SHARDS);
  return server;
}

/** Four shards, everything mirrored. */
export async function startWith(server: Mariadb, workers: number): Promise<RunningProxy> {
  return startProxy({
    config: {
      workers,
      shards: await shardsBetween(server, SHARDS),
      mirror: { reads: 100, writes: 100, deletes: 100 },
      logLevel: 'warn',
    },
  });
}

/** A client of one of the shards, in turn; it has logged in and read a row. */
export async function openSession(proxy: RunningProxy, number: number): Promise<Connection> {
  const shard = SHARDS[number % SHARDS.length] ?? SHARDS[0];
  const client = await createConnection({
    host: '127.0.0.1',
    port: proxy.port(shard),
    user: 'root',
    database: `old_${shard}`,
  });
  await client.query(`SELECT ts FROM messages WHERE folderid = ${number}`);
  return client;
}

export async function warmUp(proxy: RunningProxy): Promise<void> {
  for (let number = 0; number < WARM_UP_SESSIONS; number += 1) {
    const client = await openSession(proxy, number);
    await client.end();
  }
}

/** Resident memory of all processes of the proxy, in bytes. */
export function residentOf(proxy: RunningProxy): number {
  return readTree(proxy.pid).reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** The least and the most of it in half a minute of rest: nobody asks for a garbage collection. */
export async function residentAtRest(proxy: RunningProxy): Promise<{ lowest: number; highest: number }> {
  const untilMs = performance.now() + REST_MS;
  let lowest = Infinity;
  let highest = 0;
  while (performance.now() < untilMs) {
    const now = residentOf(proxy);
    lowest = Math.min(lowest, now);
    highest = Math.max(highest, now);
    await new Promise((resolve) => setTimeout(resolve, READING_GAP_MS));
  }
  return { lowest, highest };
}
