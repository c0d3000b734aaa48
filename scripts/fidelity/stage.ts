/** Servers that are there for all cases; a case has databases and a proxy of its own. */
import { startFaultyProxy } from '../../test/harness/faulty-proxy.ts';
import { coverage, readJournal } from '../../test/harness/journal-entries.ts';
import { startMariadb } from '../../test/harness/mariadb.ts';
import { createSchema, MESSAGE_CENTRE_TABLES, seed } from '../../test/harness/message-centre.ts';
import { startMysql } from '../../test/harness/mysql.ts';
import { freePort } from '../../test/harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../../test/harness/proxy.ts';
import { compareDatabases, readTable, type TableRows, tablesOf } from '../../test/harness/row-differences.ts';
import { WRITER_SCHEMA, WRITER_TABLES } from '../../test/harness/row-writer.ts';
import type { SqlServer } from '../../test/harness/sql-server.ts';
import { waitFor } from '../../test/harness/wait.ts';
import type { FidelityCase } from './cases.ts';
import { type LoadPlace, runMessageCentre, runOwnRows, runSysbench } from './loads.ts';
import { type FidelityResult, keysChanged, makeResult } from './result.ts';
import { makeSysbenchTables, type SysbenchTables } from './sysbench-tables.ts';

export interface FidelityStage {
  run(fidelityCase: FidelityCase, options: { seconds: number; seed: number }): Promise<FidelityResult>;
  close(): Promise<void>;
}

const SHARD = 's00';
const THREADS = 16;
const SYSBENCH: Record<FidelityCase['rows'], SysbenchTables> = {
  hot: { tables: 2, rows: 12 },
  cold: { tables: 4, rows: 10_000 },
};
const CENTRE: Record<FidelityCase['rows'], { folders: number; rowsMax: number }> = {
  hot: { folders: 10, rowsMax: 50 },
  cold: { folders: 3000, rowsMax: 60 },
};
const OWN_FOLDERS: Record<FidelityCase['rows'], number> = { hot: 1, cold: 200 };
/** Of the new server in hot cases: without it replays are so quick that none has another beside it to be mistaken for. */
const LATENCY_MS = 4;
const DRAIN_TIMEOUT_MS = 120_000;
const SETTINGS = ['--innodb-buffer-pool-size=128M', '--innodb-lock-wait-timeout=5'];

/** MySQL 9 is started when a case first asks for it. */
export async function startFidelityStage(): Promise<FidelityStage> {
  const [old, mariadb] = await Promise.all([
    startMariadb({ name: 'old', extra: SETTINGS }),
    startMariadb({ name: 'new', extra: SETTINGS }),
  ]);
  let mysql: Promise<SqlServer> | null = null;
  let number = 0;
  return {
    async run(fidelityCase, options) {
      if (fidelityCase.fresh === 'MySQL 9') mysql ??= startMysql({ name: 'new-mysql', extra: SETTINGS });
      const fresh = fidelityCase.fresh === 'MySQL 9' ? await mysql! : mariadb;
      number += 1;
      const names = { old: `old_${number}`, fresh: `new_${number}` };
      await Promise.all([
        fill(old, names.old, fidelityCase, 'old'),
        fill(fresh, names.fresh, fidelityCase, 'new'),
      ]);
      try {
        return await play(fidelityCase, { old, fresh, names }, options);
      } finally {
        await Promise.all([
          old.query(`DROP DATABASE ${names.old}`),
          fresh.query(`DROP DATABASE ${names.fresh}`),
        ]);
      }
    },
    async close() {
      await Promise.all([old.destroy(), mariadb.destroy(), mysql?.then((server) => server.destroy())]);
    },
  };
}

interface Cast {
  readonly old: SqlServer;
  readonly fresh: SqlServer;
  readonly names: { readonly old: string; readonly fresh: string };
}

async function fill(
  server: SqlServer,
  database: string,
  { load, rows, engine }: FidelityCase,
  side: 'old' | 'new',
): Promise<void> {
  const own = side === 'old' ? engine : 'InnoDB';
  if (load === 'message_centre') {
    await createSchema(server, database, { engine: own, unmoved: side === 'old' });
    await seed(server, database, { seed: 1, ...CENTRE[rows] });
    return;
  }
  await server.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  if (load === 'own_rows') {
    await server.query(`USE ${database}; ${WRITER_SCHEMA.replace('ENGINE_OF_ENTRIES', own)}`);
    return;
  }
  await makeSysbenchTables(server, database, own, SYSBENCH[rows]);
}

async function play(
  fidelityCase: FidelityCase,
  { old, fresh, names }: Cast,
  { seconds, seed: loadSeed }: { seconds: number; seed: number },
): Promise<FidelityResult> {
  const { rows } = fidelityCase;
  const moved = movedTables(fidelityCase);
  const keyOf = (table: string): string | null => (moved === '*' ? null : (moved[table]?.key ?? null));
  const oldSide = { server: old, database: names.old };
  const tables = moved === '*' ? await tablesOf(oldSide) : Object.keys(moved);
  const contents = async (): Promise<TableRows[]> =>
    Promise.all(tables.map((table) => readTable(oldSide, table, keyOf(table))));
  const before = await contents();
  const port = await freePort();
  const network = await startFaultyProxy(fresh);
  if (rows === 'hot') await network.set({ mode: 'latency', ms: LATENCY_MS });
  const proxy = await startProxy({
    name: 'fidelity',
    config: {
      shards: [
        {
          name: SHARD,
          port,
          old: { host: old.host, port: old.port, database: names.old },
          new: { host: network.host, port: network.port, database: names.fresh },
        },
      ],
      tables: moved,
      mirror: { reads: 100, writes: 100, deletes: 100 },
      logLevel: 'warn',
    },
  });
  try {
    const place = { port, database: names.old, seconds, threads: THREADS, seed: loadSeed };
    const statements = await runLoad(fidelityCase, place);
    const drainSeconds = await untilDrained(proxy);
    const comparison = await compareDatabases(
      oldSide,
      { server: fresh, database: names.fresh },
      keyOf,
      tables,
    );
    const after = await contents();
    const journal = await readJournal(proxy, SHARD);
    const { shards } = await proxy.status();
    return makeResult(fidelityCase, {
      statements,
      comparison,
      coverage: coverage(comparison.differing, journal.entries),
      keysWritten: before.reduce((sum, one, at) => sum + keysChanged(one, after[at]!).size, 0),
      journal,
      journalBytes: shards[0]?.journal.bytes ?? 0,
      outcomes: shards[0]?.outcomes ?? {},
      drainSeconds,
    });
  } finally {
    await proxy.kill9();
    await network.close();
  }
}

function movedTables({ load }: FidelityCase): '*' | Readonly<Record<string, { readonly key: string }>> {
  if (load === 'message_centre') return MESSAGE_CENTRE_TABLES;
  return load === 'own_rows' ? WRITER_TABLES : '*';
}

function runLoad(fidelityCase: FidelityCase, place: LoadPlace): Promise<number> {
  const { load, rows } = fidelityCase;
  if (load === 'message_centre') return runMessageCentre(place, CENTRE[rows].folders);
  if (load === 'own_rows') return runOwnRows(place, OWN_FOLDERS[rows]);
  return runSysbench(fidelityCase, place, SYSBENCH[rows]);
}

/** Waits until every session is over and nothing is on its way to the shadow; how long that took. */
async function untilDrained(proxy: RunningProxy): Promise<number> {
  const start = performance.now();
  await waitFor(
    async () => {
      const waiting = await proxy.metric('understudy_mirror_queue_statements');
      return waiting + (await proxy.metric('understudy_connections')) === 0;
    },
    { timeoutMs: DRAIN_TIMEOUT_MS, what: 'the queue to be empty and the clients to be gone' },
  );
  return (performance.now() - start) / 1000;
}
