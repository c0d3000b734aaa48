/** A message centre to be hard on: old and new server, a reference beside the old database, and proxies. */
import { readFileSync } from 'node:fs';
import type { RowDataPacket } from 'mysql2/promise';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { createSchema, MESSAGE_CENTRE_TABLES, MOVED_TABLES, seed } from '../harness/message-centre.ts';
import { parseMetrics, sumMetric } from '../harness/metrics-text.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';

export const OLD = 'mc_00';
export const REFERENCE = 'reference_00';
export const NEW = 'shard_00';
export const SHARD = 's00';

/** Streams' gap locks would reach into each other's folders, and what they lead to is no fault of the proxy. */
const OLD_SETTINGS = ['--transaction-isolation=READ-COMMITTED'];

const PROBE_TIMEOUT_MS = 5000;

export interface Centre {
  readonly old: Mariadb;
  readonly fresh: Mariadb;
  /** One more proxy before the same servers; `newPort` where the shadow is reached by a detour. */
  startProxy(
    name: string,
    config?: Readonly<Record<string, unknown>>,
    newPort?: number,
  ): Promise<RunningProxy>;
  close(): Promise<void>;
}

/** Half of the old tables are MyISAM, half InnoDB; all three databases hold the same rows. */
export async function startCentre(options: { seed: number; folders: number }): Promise<Centre> {
  const [old, fresh] = await Promise.all([
    startMariadb({ name: 'old', extra: OLD_SETTINGS }),
    startMariadb({ name: 'new' }),
  ]);
  const rows = { ...options, rowsMax: 200 };
  const fill = async (server: Mariadb, database: string): Promise<void> => {
    const engine = server === old ? 'MyISAM' : 'InnoDB';
    await createSchema(server, database, { engine, unmoved: server === old });
    if (server === old) {
      for (const table of MOVED_TABLES.slice(6))
        await server.query(`ALTER TABLE ${database}.${table} ENGINE=InnoDB`);
    }
    await seed(server, database, rows);
  };
  await Promise.all([fill(old, OLD), fill(old, REFERENCE), fill(fresh, NEW)]);
  const proxies: RunningProxy[] = [];
  return {
    old,
    fresh,
    async startProxy(name, config = {}, newPort = fresh.port) {
      const [port = 0] = await freePorts(1);
      const shard = {
        name: SHARD,
        port,
        old: { host: old.host, port: old.port, database: OLD },
        new: { host: fresh.host, port: newPort, database: NEW },
      };
      const proxy = await startProxy({
        name,
        config: { shards: [shard], tables: MESSAGE_CENTRE_TABLES, ...config },
      });
      proxies.push(proxy);
      return proxy;
    },
    async close() {
      await Promise.all(proxies.map((proxy) => proxy.kill9()));
      await Promise.all([old.destroy(), fresh.destroy()]);
    },
  };
}

/** Every row of the moved tables where `condition` holds, as text, in order; the table's name stands first. */
export async function rowsWhere(server: Mariadb, database: string, condition: string): Promise<string[]> {
  const connection = await server.connect({
    database,
    rowsAsArray: true,
    bigNumberStrings: true,
    supportBigNumbers: true,
  });
  const rows: string[] = [];
  try {
    for (const table of MOVED_TABLES) {
      const [found] = await connection.query<RowDataPacket[]>(
        `SELECT * FROM ${table} WHERE ${condition} ORDER BY folderid, type, itemid`,
      );
      for (const row of found) rows.push(`${table} ${JSON.stringify(row)}`);
    }
  } finally {
    connection.destroy();
  }
  return rows;
}

/** What a server is busy with, one statement a line, for the report of a failure. */
export async function activity(server: Mariadb): Promise<string[]> {
  try {
    const connection = await server.connect({ connectTimeout: PROBE_TIMEOUT_MS });
    try {
      const sql =
        'SELECT user, db, command, time, state, LEFT(info, 200) FROM information_schema.processlist';
      const [rows] = await connection.query<RowDataPacket[]>({
        sql,
        rowsAsArray: true,
        timeout: PROBE_TIMEOUT_MS,
      });
      return rows.map((row) => JSON.stringify(row));
    } finally {
      connection.destroy();
    }
  } catch (error) {
    return [`${server.name} does not answer: ${String(error)}`];
  }
}

/** The metrics of one scrape: figures of different scrapes can't be held against each other. */
export async function figures(proxy: RunningProxy): Promise<Figures> {
  const response = await fetch(`${proxy.adminUrl}/metrics`);
  const samples = parseMetrics(await response.text());
  return (name, labels) => sumMetric(samples, name, labels);
}

export type Figures = (name: string, labels?: Readonly<Record<string, string>>) => number;

/** Waits until nothing is on its way to the shadow. */
export async function untilIdle(proxy: RunningProxy): Promise<void> {
  await waitFor(
    async () => {
      const figure = await figures(proxy);
      return figure('understudy_mirror_queue_statements') + figure('understudy_mirror_lag_seconds') === 0;
    },
    { timeoutMs: 60_000, what: 'the queue to be empty and the lag to be 0' },
  );
}

/** Waits until no client is connected any more; `explain` adds to the error where some stay. */
export async function untilNobodyIsConnected(
  proxy: RunningProxy,
  explain: () => Promise<string[]> = async () => [],
): Promise<void> {
  try {
    await waitFor(async () => (await figures(proxy))('understudy_connections') === 0, {
      timeoutMs: 60_000,
      what: 'the last session to be over',
    });
  } catch (error) {
    throw new Error([String(error), ...(await explain())].join('\n'));
  }
}

/** The most resident memory a process ever had, in bytes, from /proc. */
export function peakResidentBytes(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kibibytes === undefined) throw new Error(`process ${pid} has no memory: it is gone`);
  return Number(kibibytes) * 1024;
}

/** What a proxy that is well never logs. */
export function badLogLines(proxy: RunningProxy): string[] {
  return proxy
    .logs()
    .split('\n')
    .filter((line) => /uncaught|please report this/.test(line));
}
