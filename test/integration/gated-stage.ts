/** A proxy with a gate before each cluster, so that a test can stop a write or its replay at any point, and kill there. */
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { expect } from 'vitest';
import type { Doubt } from '../../src/journal/journal.ts';
import { readJournal } from '../harness/journal-entries.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { type PrimaryGate, startPrimaryGate } from '../harness/primary-gate.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

export const SHARD = 's00';

export interface GatedStage {
  /** Plays both clusters, in the databases `old` and `new`. */
  readonly mariadb: Mariadb;
  /** Before the old cluster, and before the new one. */
  readonly primary: PrimaryGate;
  readonly shadow: PrimaryGate;
  readonly proxy: RunningProxy;
  /** Of the shard's journal. */
  readonly journal: string;
  connect(): Promise<Connection>;
  /** `table/key` of each doubt, with its reason; those of reason `written` where asked for. */
  doubts(reason?: 'written'): Promise<string[]>;
  /** Settles what is in doubt just now, and tells how many of it stayed as they were being written. */
  settle(): Promise<{ readonly settled: number; readonly kept: number }>;
  /** Nothing is on its way to the shadow, and the journal holds the keys of no write any longer. */
  untilIdle(): Promise<void>;
  /** Ends the proxy by kill -9 and starts another one on what it left. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

/** `tables`: SQL that makes the tables, run in both databases. */
export async function startGatedStage(
  tables: string,
  config: Readonly<Record<string, unknown>>,
): Promise<GatedStage> {
  const mariadb = await startMariadb();
  for (const name of ['old', 'new']) await mariadb.query(`CREATE DATABASE ${name}; USE ${name}; ${tables}`);
  const [primary, shadow] = await Promise.all([
    startPrimaryGate(mariadb.port),
    startPrimaryGate(mariadb.port),
  ]);
  const [port = 0] = await freePorts(1);
  const directory = temporaryDirectory('gated');
  const start = (): Promise<RunningProxy> =>
    startProxy({
      config: {
        shards: [
          {
            ...{ name: SHARD, port },
            old: { host: primary.host, port: primary.port, database: 'old' },
            new: { host: shadow.host, port: shadow.port, database: 'new' },
          },
        ],
        mirror: { reads: 100, writes: 100, deletes: 100 },
        ...config,
        journal: { directory, maxBytes: 4 * 1024 * 1024, writtenRetentionMs: 1000 },
      },
    });
  let proxy = await start();
  const entries = async (reason?: 'written'): Promise<readonly Doubt[]> => {
    const { entries: found, reset } = await readJournal(proxy, SHARD);
    expect(reset).toBe(false);
    return found.filter((entry) => (entry.reason === 'written') === (reason === 'written'));
  };
  return {
    ...{ mariadb, primary, shadow, journal: join(directory, SHARD) },
    get proxy() {
      return proxy;
    },
    connect: () => mariadb.connect({ port, database: 'old' }),
    doubts: async (reason) =>
      (await entries(reason)).map((entry) => `${entry.table}/${entry.key ?? '*'} ${entry.reason}`).sort(),
    async settle() {
      const { entries: seen, cursor } = await readJournal(proxy, SHARD);
      const response = await fetch(`${proxy.adminUrl}/api/journal/settle`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ shard: SHARD, cursor },
          entries: seen.filter(({ reason }) => reason !== 'written'),
        }),
      });
      const answer = (await response.json()) as { settled: number; kept: number; stale: boolean };
      expect(answer.stale).toBe(false);
      return { settled: answer.settled, kept: answer.kept };
    },
    async untilIdle() {
      await waitFor(
        async () => {
          const [shard] = (await proxy.status()).shards;
          return shard?.journal.pending === 0 && shard.queue.statements === 0;
        },
        { what: 'no write to be under way' },
      );
    },
    async killAndRestart() {
      await proxy.kill9();
      proxy = await start();
    },
    async close() {
      await proxy.kill9();
      await Promise.all([primary.close(), shadow.close()]);
      await mariadb.destroy();
    },
  };
}
