/** What the tests through the real proxy share: an old and a new server, and the proxy before them. */
import { createHash } from 'node:crypto';
import type { Connection } from 'mysql2/promise';
import { type Mariadb, type MariadbOptions, startMariadb } from '../harness/mariadb.ts';
import type { Labels } from '../harness/metrics-text.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';

export const OLD_DATABASE = 'app';
export const NEW_DATABASE = 'app_new';
export const SHARD = 's00';

const ALL = { reads: 100, writes: 100, deletes: 100 };

export interface Servers {
  readonly old: Mariadb;
  readonly fresh: Mariadb;
}

export interface StageOptions {
  readonly old?: MariadbOptions;
  readonly fresh?: MariadbOptions;
  /** Fields of the configuration beside `shards`; they win over the defaults of the stage. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of the proxy's process. */
  readonly env?: Readonly<Record<string, string>>;
  /** SQL that makes the tables, run in the database of either server before the proxy starts. */
  readonly schema: string;
  /** SQL for the new server where its tables differ. */
  readonly freshSchema?: string;
}

export interface Stage extends Servers {
  readonly proxy: RunningProxy;
  /** Where clients find the proxy. */
  readonly port: number;
  /** Puts both databases back to the schema as it was, empty. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Everything is mirrored and compared unless the options say otherwise. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const [old, fresh] = await Promise.all([
    startMariadb({ name: 'old', ...options.old }),
    startMariadb({ name: 'new', ...options.fresh }),
  ]);
  const reset = async (): Promise<void> => {
    await Promise.all([
      makeDatabase(old, OLD_DATABASE, options.schema),
      makeDatabase(fresh, NEW_DATABASE, options.freshSchema ?? options.schema),
    ]);
  };
  await reset();
  const proxy = await startStageProxy({ old, fresh }, options.config, options.env);
  return {
    old,
    fresh,
    proxy,
    port: proxy.port(SHARD),
    reset,
    async close() {
      await proxy.kill9();
      await Promise.all([old.destroy(), fresh.destroy()]);
    },
  };
}

/** One shard between two servers that run; `config` may replace any field, `shards` too. */
export async function startStageProxy(
  { old, fresh }: { old: Address; fresh: Address },
  config: Readonly<Record<string, unknown>> = {},
  env?: Readonly<Record<string, string>>,
): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1);
  const shard = {
    name: SHARD,
    port,
    old: { host: old.host, port: old.port, database: OLD_DATABASE },
    new: { host: fresh.host, port: fresh.port, database: NEW_DATABASE },
  };
  return startProxy({
    config: { shards: [shard], mirror: ALL, compare: 100, ...config },
    ...(env === undefined ? {} : { env }),
  });
}

interface Address {
  readonly host: string;
  readonly port: number;
}

async function makeDatabase(server: Mariadb, name: string, schema: string): Promise<void> {
  await server.query(
    `SET lock_wait_timeout = 10; DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4; USE ${name}; ${schema}`,
  );
}

/** The sum of the mirror's outcomes with these labels. */
export function mirrored(proxy: RunningProxy, labels: Labels = {}): Promise<number> {
  return proxy.metric('understudy_mirror_statements_total', labels);
}

/** Waits until nothing is on its way to the shadow. */
export async function untilMirrorIsIdle(proxy: RunningProxy): Promise<void> {
  await waitFor(async () => (await proxy.metric('understudy_mirror_queue_statements')) === 0, {
    what: 'the mirror to have nothing left to send',
  });
}

/** What a client of its own does through the proxy, and the mirror behind it. */
export async function clientsWork(
  { old, proxy, shard }: { readonly old: SqlServer; readonly proxy: RunningProxy; readonly shard: string },
  work: (client: Connection) => Promise<unknown>,
): Promise<void> {
  const client = await old.connect({ port: proxy.port(shard), database: OLD_DATABASE });
  await work(client);
  await client.end();
  await untilMirrorIsIdle(proxy);
}

/** How much `work`, and the mirror behind it, adds to each of the figures. */
export async function addedBy<Name extends string>(
  proxy: RunningProxy,
  figures: () => Promise<Readonly<Record<Name, number>>>,
  work: () => Promise<unknown>,
): Promise<Record<Name, number>> {
  const before = await figures();
  await work();
  await untilMirrorIsIdle(proxy);
  const after: Record<Name, number> = { ...(await figures()) };
  for (const name of Object.keys(before) as Name[]) after[name] -= before[name];
  return after;
}

/** A short name of any value, to hold two long histories side by side. */
export function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item));
  return createHash('sha256').update(text).digest('hex');
}
