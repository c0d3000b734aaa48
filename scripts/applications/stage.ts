/** One application on an old server, mirrored to a new one while its users are at work, and then both compared. */
import type { RowDataPacket } from 'mysql2/promise';
import { runCommand } from '../../test/harness/cli.ts';
import { coverage, readJournal } from '../../test/harness/journal-entries.ts';
import { startMariadb } from '../../test/harness/mariadb.ts';
import { startMysql } from '../../test/harness/mysql.ts';
import { freePort } from '../../test/harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../../test/harness/proxy.ts';
import { compareDatabases, type DifferingRow } from '../../test/harness/row-differences.ts';
import type { SqlServer } from '../../test/harness/sql-server.ts';
import { temporaryDirectory } from '../../test/harness/temp.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { type Application, install, runAuthor } from './application.ts';

export interface Options {
  readonly fresh: 'MariaDB' | 'MySQL 9';
  readonly seconds: number;
  readonly authors: number;
  readonly seed: number;
}

export interface Result {
  readonly steps: number;
  /** Statements on tables that move, and what became of them. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly differing: number;
  /** Differ, and are not in doubt. */
  readonly silent: readonly DifferingRow[];
  readonly keysInDoubt: number;
  readonly tablesInDoubt: readonly string[];
  /** What the new server refused: MySQL's error number and a statement's digest. */
  readonly refused: readonly string[];
  readonly causes: readonly { readonly reason: string; readonly digest: string; readonly count: number }[];
}

const SHARD = 's00';
const OLD = 'application';
const NEW = 'application_new';
const SETTINGS = ['--innodb-buffer-pool-size=128M', '--innodb-lock-wait-timeout=5'];
const DRAIN_TIMEOUT_MS = 120_000;
const TABLES_WITH_KEY = `SELECT table_name AS name FROM information_schema.statistics
  WHERE table_schema = '${OLD}' AND index_name = 'PRIMARY' GROUP BY table_name`;

export async function runApplication(application: Application, options: Options): Promise<Result> {
  const start = options.fresh === 'MariaDB' ? startMariadb : startMysql;
  const [old, fresh] = await Promise.all([
    startMariadb({ name: 'old', extra: SETTINGS }),
    start({ name: 'new', extra: SETTINGS }),
  ]);
  try {
    const folder = temporaryDirectory(application.name);
    await old.query(`CREATE DATABASE ${OLD} CHARACTER SET utf8mb4`);
    await install(application, { port: old.port, database: OLD, folder });
    await copyTo(old, fresh);
    return await play(application, { old, fresh, folder }, options);
  } finally {
    await Promise.all([old.destroy(), fresh.destroy()]);
  }
}

async function play(
  application: Application,
  { old, fresh, folder }: { readonly old: SqlServer; readonly fresh: SqlServer; readonly folder: string },
  { authors, seconds, seed }: Options,
): Promise<Result> {
  const port = await freePort();
  const proxy = await startProxy({
    name: 'applications',
    config: {
      shards: [
        {
          name: SHARD,
          port,
          old: { host: old.host, port: old.port, database: OLD },
          new: { host: fresh.host, port: fresh.port, database: NEW },
        },
      ],
      tables: '*',
      mirror: { reads: 100, writes: 100, deletes: 100 },
      logLevel: 'warn',
    },
  });
  try {
    const place = { port, database: OLD, folder };
    const steps = await Promise.all(
      Array.from({ length: authors }, (_, at) => runAuthor(application, place, { seed: seed + at, seconds })),
    );
    await untilDrained(proxy);
    return { ...(await judge(proxy, old, fresh)), steps: steps.reduce((sum, one) => sum + one, 0) };
  } finally {
    await proxy.kill9();
  }
}

async function judge(proxy: RunningProxy, old: SqlServer, fresh: SqlServer): Promise<Omit<Result, 'steps'>> {
  const named = await old.query<RowDataPacket[]>(TABLES_WITH_KEY);
  const comparison = await compareDatabases(
    { server: old, database: OLD },
    { server: fresh, database: NEW },
    undefined,
    named.map(({ name }) => String(name)),
  );
  const journal = await readJournal(proxy, SHARD);
  if (journal.reset) throw new Error('the journal was reset: it tells nothing');
  const doubts = journal.entries.filter(({ reason }) => reason !== 'written');
  const { uncovered } = coverage(comparison.differing, doubts);
  const { shards } = await proxy.status();
  return {
    outcomes: shards[0]?.outcomes ?? {},
    rows: comparison.rows,
    differing: comparison.differing.length,
    silent: uncovered,
    keysInDoubt: new Set(doubts.flatMap(({ table, key }) => (key === null ? [] : [`${table} ${key}`]))).size,
    tablesInDoubt: [...new Set(doubts.flatMap(({ table, key }) => (key === null ? [table] : [])))].sort(),
    refused: await refusedBy(proxy),
    causes: shards[0]?.doubtCauses ?? [],
  };
}

async function refusedBy(proxy: RunningProxy): Promise<string[]> {
  const response = await fetch(`${proxy.adminUrl}/api/incidents`);
  const { incidents } = (await response.json()) as {
    incidents: readonly { reason: string; code: number | null; digest: { text: string } | null }[];
  };
  return incidents
    .filter(({ reason }) => reason === 'replay_error')
    .map(({ code, digest }) => `error ${code}: ${digest?.text ?? 'around the statement'}`);
}

async function copyTo(old: SqlServer, fresh: SqlServer): Promise<void> {
  const login = ({ port }: SqlServer): string[] => ['--host=127.0.0.1', `--port=${port}`, '--user=root'];
  const dump = await runCommand('mariadb-dump', [...login(old), '--hex-blob', '--skip-comments', OLD]);
  if (dump.code !== 0) throw new Error(`mariadb-dump: ${dump.stderr}`);
  await fresh.query(`CREATE DATABASE ${NEW} CHARACTER SET utf8mb4`);
  // Its first line is one that MariaDB's own client alone reads.
  const input = dump.stdout.replace(/^\/\*M?!999999.*\n/, '');
  const loaded = await runCommand('mariadb', [...login(fresh), '--default-character-set=utf8mb4', NEW], {
    input,
  });
  if (loaded.code !== 0) throw new Error(`mariadb: ${loaded.stderr}`);
}

/** Waits until every session is over and nothing is on its way to the shadow. */
async function untilDrained(proxy: RunningProxy): Promise<void> {
  await waitFor(
    async () => {
      const waiting = await proxy.metric('understudy_mirror_queue_statements');
      return waiting + (await proxy.metric('understudy_connections')) === 0;
    },
    { timeoutMs: DRAIN_TIMEOUT_MS, what: 'the queue to be empty and the clients to be gone' },
  );
}
