/** A proxy of two workers and four shards, between databases of one server that plays both clusters. */
import { writeFileSync } from 'node:fs';
import type { Connection } from 'mysql2/promise';
import type { WorkerState } from '../../src/observe/status.ts';
import type { Mariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { makeShardDatabases, shardsBetween } from '../harness/shard-databases.ts';
import { waitFor } from '../harness/wait.ts';

export const SHARDS = ['s00', 's01', 's02', 's03'] as const;
export type ShardName = (typeof SHARDS)[number];

/** The shards that share a worker with s00, and those of the other one. */
export const OF_WORKER_0 = ['s00', 's02'] as const satisfies readonly ShardName[];
export const OF_WORKER_1 = ['s01', 's03'] as const satisfies readonly ShardName[];

export async function makeDatabases(mariadb: Mariadb): Promise<void> {
  await makeShardDatabases(mariadb, SHARDS);
}

export async function workersConfig(mariadb: Mariadb, more: Readonly<Record<string, unknown>> = {}) {
  return {
    workers: 2,
    tables: { messages: { key: 'folderid' } },
    shards: await shardsBetween(mariadb, SHARDS),
    mirror: { reads: 100, writes: 100, deletes: 100 },
    ...more,
  };
}

export async function startWorkers(
  mariadb: Mariadb,
  more: Readonly<Record<string, unknown>> = {},
): Promise<RunningProxy> {
  return startProxy({ config: await workersConfig(mariadb, more) });
}

export function connectTo(mariadb: Mariadb, proxy: RunningProxy, shard: ShardName): Promise<Connection> {
  return mariadb.connect({ port: proxy.port(shard), database: `old_${shard}` });
}

/** The process of a worker; throws while none runs. */
export async function workerPid(proxy: RunningProxy, worker: number): Promise<number> {
  const pid = (await proxy.status()).workers[worker]?.pid;
  if (pid === undefined || pid === null) throw new Error(`worker ${worker} has no process`);
  return pid;
}

export async function untilWorker(proxy: RunningProxy, worker: number, wanted: WorkerState): Promise<void> {
  await waitFor(
    async () => {
      const { state } = (await proxy.status()).workers[worker] ?? {};
      return state === wanted ? 'so' : Promise.reject(new Error(`it is ${state}`));
    },
    { what: `worker ${worker} to be ${wanted}` },
  );
}

/** Writes new ratios into the configuration file, as an editor would. */
export function writeRatios(proxy: RunningProxy, config: object, percent: number): void {
  const mirror = { reads: percent, writes: percent, deletes: percent };
  writeFileSync(proxy.configFile, JSON.stringify({ ...config, mirror }, null, 2));
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Waits for one that the log has still to bring, so often where it is more than one. */
export async function untilLine(
  proxy: RunningProxy,
  isIt: (line: LogLine) => boolean,
  count = 1,
): Promise<void> {
  await waitFor(() => logLines(proxy).filter(isIt).length >= count, {
    what: `${count} such lines of the log`,
  });
}

/** What the proxy logged, in lines that are whole by now: throws where one is no JSON. */
export function logLines(proxy: RunningProxy): LogLine[] {
  return (
    proxy.child
      .stdout()
      .split('\n')
      // What follows the last end of a line may be half of one, which the pipe has still to bring.
      .slice(0, -1)
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine)
  );
}
