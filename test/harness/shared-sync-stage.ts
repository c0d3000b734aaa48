/** Two clusters of one shard, an etcd, and processes of `understudy sync` that share one job there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { messageOf } from '../../src/base/errors.ts';
import type { SyncReport } from '../../src/sync/sync-report.ts';
import { type Etcd, startEtcd } from './etcd.ts';
import { startMariadb } from './mariadb.ts';
import { freePort } from './ports.ts';
import { type Child, type Exit, startChild } from './process.ts';
import { MAIN } from './proxy.ts';
import type { SqlServer } from './sql-server.ts';
import { temporaryDirectory } from './temp.ts';
import { waitFor } from './wait.ts';

export const PREFIX = '/understudy/shared/';
const ROWS = 3;

export interface SyncProcess {
  readonly child: Child;
  /** Waits for its end; rejects, with what each process has said so far, where it does not come. */
  end(): Promise<SyncEnd>;
}

export interface SyncEnd {
  readonly exit: Exit;
  /** Null: it ended before there was one. */
  readonly report: SyncReport | null;
  readonly said: string;
}

/** What etcd has of the sync that is under way. */
export interface SharedState {
  /** Ids of the processes that are there. */
  readonly members: readonly string[];
  /** Of the step that is under way: who has which range. */
  readonly claims: readonly { readonly member: string; readonly table: string }[];
  readonly done: number;
  readonly all: ReadonlyMap<string, string>;
}

export interface SharedSyncStage {
  readonly old: SqlServer;
  readonly fresh: SqlServer;
  readonly etcd: Etcd;
  /** Both sides anew, the same; `folders` groups in each of the two tables. */
  fill(folders: number): Promise<void>;
  /** Statements on the new side. */
  spoil(...statements: readonly string[]): Promise<void>;
  /** A later `--config` of the arguments counts, one of `configWith` say. */
  start(...args: readonly string[]): Promise<SyncProcess>;
  /** As `start`, of one that is taken for lost two seconds after it was heard of last. */
  startMortal(...args: readonly string[]): Promise<SyncProcess>;
  /** The stage's configuration with other fields of its section `sync`, and the leases of a mortal one. */
  configWith(sync: Readonly<Record<string, unknown>>): string;
  state(): Promise<SharedState>;
  /** Every process that is there is taken for lost: its lease ends, as it does where it is not renewed in time. */
  endLeases(): Promise<void>;
  /** Rows that differ, by a comparison that is not the sync's. */
  differing(): Promise<readonly string[]>;
  /** Ends the processes that still run, and removes what they have left in etcd. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

const END_TIMEOUT_MS = 60_000;
/** Longer than any machine may keep a process from renewing them. */
const LEASE_SECONDS = 60;
const MORTAL_LEASE_SECONDS = 2;

export async function startSharedSyncStage(): Promise<SharedSyncStage> {
  const extra = ['--innodb-flush-log-at-trx-commit=0'];
  const [old, fresh, etcd] = await Promise.all([
    startMariadb({ name: 'old', extra }),
    startMariadb({ name: 'new', extra }),
    startEtcd(),
  ]);
  const config = await writeConfig(old, fresh, etcd);
  const configWith = (sync: Readonly<Record<string, unknown>>): string => {
    const known = JSON.parse(readFileSync(config, 'utf8'));
    const file = join(temporaryDirectory('sync'), 'proxy.config.json');
    const leases = { ...known.etcd, leaseTtlSeconds: MORTAL_LEASE_SECONDS };
    writeFileSync(file, JSON.stringify({ ...known, etcd: leases, sync: { ...known.sync, ...sync } }));
    return file;
  };
  const mortal = configWith({});
  const processes: Child[] = [];
  const start = async (...args: readonly string[]): Promise<SyncProcess> => {
    const file = join(temporaryDirectory('sync-report'), 'report.json');
    const command = [MAIN, 'sync', '--config', config, '--report', file, ...args];
    const child = await startChild({
      name: `sync ${processes.length + 1}`,
      command: process.execPath,
      args: command,
    });
    processes.push(child);
    return { child, end: () => endOf(child, processes, file) };
  };
  return {
    old,
    fresh,
    etcd,
    fill: async (folders) => {
      await Promise.all([fillSide(old, 'mc_old', folders), fillSide(fresh, 'mc_new', folders)]);
    },
    spoil: async (...statements) => {
      const connection = await fresh.connect({ database: 'mc_new' });
      for (const sql of statements) await connection.query(sql);
      await connection.end();
    },
    start,
    startMortal: (...args) => start('--config', mortal, ...args),
    configWith,
    state: () => stateOf(etcd),
    endLeases: async () => {
      for (const { key, lease } of await leasesOf(etcd))
        if (key.includes('/members/')) await etcd.ctl('lease', 'revoke', lease);
    },
    differing: async () => {
      const [left, right] = await Promise.all([rowsOf(old, 'mc_old'), rowsOf(fresh, 'mc_new')]);
      return [...new Set([...left, ...right])].filter((row) => left.has(row) !== right.has(row)).sort();
    },
    clear: async () => {
      await Promise.all(processes.splice(0).map((child) => child.kill9()));
      const remove = () => etcd.ctl('del', '--prefix', `${PREFIX}sync/`);
      // It may be what a test has killed.
      await remove().catch(() => etcd.restart().then(remove));
    },
    close: async () => {
      await Promise.all(processes.map((child) => child.kill9()));
      await Promise.all([old.destroy(), fresh.destroy(), etcd.kill9()]);
    },
  };
}

async function endOf(child: Child, all: readonly Child[], file: string): Promise<SyncEnd> {
  const exit = await waitFor(() => (child.running() ? null : child.exited), {
    what: `${child.name} to end`,
    timeoutMs: END_TIMEOUT_MS,
  }).catch((error: unknown) => {
    const said = all.map(
      (each) => `${each.name} (${each.running() ? 'runs' : 'has ended'}):\n${saidBy(each)}`,
    );
    throw new Error([messageOf(error), ...said].join('\n'));
  });
  return { exit, report: reportIn(file), said: saidBy(child) };
}

function saidBy(child: Child): string {
  return child.stdout() + child.stderr();
}

async function writeConfig(old: SqlServer, fresh: SqlServer, etcd: Etcd): Promise<string> {
  const file = join(temporaryDirectory('sync'), 'proxy.config.json');
  const side = ({ host, port }: SqlServer, database: string) => ({ host, port, database });
  const config = {
    service: 'shared',
    tables: { messages: { key: 'folderid' }, notes: { key: 'owner' } },
    admin: { port: await freePort() },
    shards: [{ name: 's00', port: 3400, old: side(old, 'mc_old'), new: side(fresh, 'mc_new') }],
    oldUser: { user: 'root' },
    newUser: { user: 'root' },
    sync: { checkpoint: temporaryDirectory('checkpoint'), workers: 1, maxThreadsRunning: 1000 },
    etcd: { hosts: [etcd.url], prefix: PREFIX, leaseTtlSeconds: LEASE_SECONDS },
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function fillSide(server: SqlServer, database: string, folders: number): Promise<void> {
  const connection = await server.connect({ charset: 'utf8mb4' });
  await connection.query(`DROP DATABASE IF EXISTS ${database}`);
  await connection.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await connection.query(`USE ${database}`);
  await connection.query(
    'CREATE TABLE messages (folderid BIGINT, itemid BIGINT, title VARCHAR(40), PRIMARY KEY (folderid, itemid))',
  );
  await connection.query(
    'CREATE TABLE notes (owner VARCHAR(20), id INT PRIMARY KEY, body VARCHAR(40), KEY (owner))',
  );
  const rows = Array.from({ length: folders * ROWS }, (_, at) => [Math.floor(at / ROWS) + 1, at] as const);
  for (let start = 0; start < rows.length; start += 5000) {
    const some = rows.slice(start, start + 5000);
    await connection.query('INSERT INTO messages VALUES ?', [some.map(([f, at]) => [f, at, `title ${at}`])]);
    await connection.query('INSERT INTO notes VALUES ?', [
      some.map(([f, at]) => [`o${f}`, at, `body ${at}`]),
    ]);
  }
  await connection.end();
}

async function rowsOf(server: SqlServer, database: string): Promise<ReadonlySet<string>> {
  const messages = await server.query<RowDataPacket[]>(`SELECT * FROM ${database}.messages`);
  const notes = await server.query<RowDataPacket[]>(`SELECT * FROM ${database}.notes`);
  return new Set([...messages, ...notes].map((row) => JSON.stringify(row)));
}

async function stateOf(etcd: Etcd): Promise<SharedState> {
  const all = await etcd.list(`${PREFIX}sync/jobs/`);
  const named = (part: string) => [...all].filter(([key]) => key.includes(part));
  const ranges = new Map(
    named('/ranges/').map(([key, value]) => [key.replace('/ranges/', '/claims/'), JSON.parse(value)]),
  );
  return {
    all,
    members: named('/members/').map(([key]) => key.split('/').at(-1) ?? ''),
    claims: named('/claims/').map(([key, value]) => ({
      member: value.split('/')[0] ?? '',
      table: ranges.get(key)?.work.table ?? '',
    })),
    done: [...ranges.values()].filter(({ state }) => state === 'done').length,
  };
}

/** Each key with the number of its lease as etcdctl takes it. */
async function leasesOf(etcd: Etcd): Promise<readonly { readonly key: string; readonly lease: string }[]> {
  // Its JSON has numbers that JavaScript can't hold.
  const fields = await etcd.ctl('get', '--prefix', '--write-out=fields', `${PREFIX}sync/jobs/`);
  return [...fields.matchAll(/^"Key" : "(.*)"$[\s\S]*?^"Lease" : (\d+)$/gm)].map(
    ([, key = '', lease = '0']) => ({
      key,
      lease: BigInt(lease).toString(16),
    }),
  );
}

function reportIn(file: string): SyncReport | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SyncReport;
  } catch {
    return null;
  }
}
