/**
 * Invariant 4: `kill -9` at any moment loses no doubt. Workers, the whole proxy and the new server are killed under
 * write load, and after each of it every row that differs has its key in the journal. Then what differs is repaired
 * and settled, so that the doubts of one round excuse nothing in the next.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { type Coverage, coverage, readJournal } from '../harness/journal-entries.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { compareDatabases, type DifferingRow } from '../harness/row-differences.ts';
import { RowWriter, WRITER_SCHEMA, WRITER_TABLES } from '../harness/row-writer.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { badLogLines } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';

const run = chaosRun('doubt-kills');
const ROUNDS = run.full ? 50 : 3;
const SHARDS = ['s00', 's01'] as const;
const WRITERS_A_SHARD = 5;
const FOLDERS_A_WRITER = 4;
const FOLDERS_A_ROUND = 1000;
const SHARED_FOLDERS = 3;
/** So that a kill finds writes that are not replayed yet. */
const SHADOW_LATENCY_MS = 10;
/** What a journal says of itself that was written on a machine with much else to do. */
const SLOW_DISK = 'the process ended while its disk was slow';
const VICTIMS = ['worker', 'proxy', 'shadow'] as const;
type Victim = (typeof VICTIMS)[number];
type Shard = (typeof SHARDS)[number];
type Totals = { rows: number; differing: number } & Record<Exclude<keyof Coverage, 'uncovered'>, number>;

let old: Mariadb;
let fresh: Mariadb;
let network: FaultyProxy;
let config: Parameters<typeof startProxy>[0]['config'];
let proxy: RunningProxy;

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  for (const [index, shard] of SHARDS.entries()) {
    const engine = index === 0 ? 'InnoDB' : 'MyISAM';
    await old.query(database(`old_${shard}`, engine));
    await fresh.query(database(`new_${shard}`, 'InnoDB'));
  }
  network = await startFaultyProxy(fresh);
  await network.set({ mode: 'latency', ms: SHADOW_LATENCY_MS });
  const ports = await freePorts(SHARDS.length);
  config = {
    workers: 2,
    tables: WRITER_TABLES,
    shards: SHARDS.map((name, index) => ({
      name,
      port: ports[index] ?? 0,
      old: { host: old.host, port: old.port, database: `old_${name}` },
      new: { host: network.host, port: network.port, database: `new_${name}` },
    })),
    mirror: { reads: 100, writes: 100, deletes: 100 },
    lanes: { timeoutMs: 2000, connectTimeoutMs: 1000 },
    breaker: { backoffMinMs: 50, backoffMaxMs: 200, rampMs: 0 },
    journal: { directory: temporaryDirectory('journal'), writtenRetentionMs: 1000 },
  };
  proxy = await startProxy({ config });
});

afterAll(async () => {
  await proxy?.kill9();
  await network?.close();
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

function database(name: string, engine: string): string {
  const schema = WRITER_SCHEMA.replace('ENGINE_OF_ENTRIES', engine);
  return `CREATE DATABASE ${name} CHARACTER SET utf8mb4; USE ${name}; ${schema}`;
}

/** Writers of one round: what they write to, no other round has. */
class Load {
  readonly wrong: string[] = [];
  broken = 0;
  readonly #writers: RowWriter[];
  readonly #running: Promise<unknown>;
  #state: 'on' | 'over' = 'on';

  constructor(round: number) {
    const base = (round + 1) * FOLDERS_A_ROUND;
    this.#writers = SHARDS.flatMap((shard, at) =>
      Array.from(
        { length: WRITERS_A_SHARD },
        (_, index) =>
          new RowWriter({
            first: base + index * FOLDERS_A_WRITER,
            folders: FOLDERS_A_WRITER,
            shared: { first: base + FOLDERS_A_ROUND / 2, folders: SHARED_FOLDERS },
            random: run.random(1000 * (round + 1) + 100 * at + index),
            port: () => proxy.port(shard),
            database: `old_${shard}`,
          }),
      ),
    );
    this.#running = Promise.all(this.#writers.map((writer) => this.#write(writer)));
  }

  get statements(): number {
    return this.#writers.reduce((sum, { statements }) => sum + statements, 0);
  }

  /** Waits until so many more statements were sent. */
  async goOn(statements: number): Promise<void> {
    const goal = this.statements + statements;
    await waitFor(() => this.statements >= goal || this.wrong.length > 0, {
      timeoutMs: 60_000,
      what: `the load to go on; ${this.statements} of ${goal} statements`,
    });
  }

  async end(): Promise<void> {
    this.#state = 'over';
    await this.#running;
  }

  async #write(writer: RowWriter): Promise<void> {
    while (this.#state === 'on' && this.wrong.length === 0) {
      try {
        await writer.session();
      } catch (error) {
        this.broken += 1;
        if (!/ECONNRE|closed|PROTOCOL_CONNECTION_LOST|EPIPE/i.test(String(error) + codeOf(error)))
          this.wrong.push(String(error));
        await waitFor(() => this.#state === 'over' || serving(), {
          timeoutMs: 60_000,
          what: 'the proxy to serve again',
        }).catch((late: unknown) => this.wrong.push(String(late)));
      }
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function serving(): Promise<boolean> {
  const { workers } = await proxy.status();
  return workers.length === 2 && workers.every(({ state }) => state === 'serving');
}

/** Returns once the victim is back. */
async function kill(victim: Victim, index: number): Promise<void> {
  const { workers } = await proxy.status();
  if (victim === 'shadow') {
    await fresh.kill9();
    await fresh.restart();
    return;
  }
  if (victim === 'worker') {
    const { pid } = workers[index]!;
    process.kill(pid!, 'SIGKILL');
    await waitFor(async () => (await proxy.status()).workers[index]!.pid !== pid && (await serving()), {
      timeoutMs: 60_000,
      what: 'the worker to be back',
    });
    return;
  }
  for (const pid of [proxy.pid, ...workers.map((worker) => worker.pid!)]) process.kill(pid, 'SIGKILL');
  await proxy.kill9();
  expect(badLogLines(proxy)).toEqual([]);
  proxy = await startProxy({ config });
}

/** Nobody writes any more, on either side, and the shadow takes what is sent to it. */
async function untilQuiet(): Promise<void> {
  await waitFor(
    async () => {
      const { shards } = await proxy.status();
      const waiting = await proxy.metric('understudy_mirror_queue_statements');
      const connected = await proxy.metric('understudy_connections');
      const down = shards.filter(({ shadow }) => shadow.state === 'down');
      const busy = await Promise.all([old, fresh].map(busyConnections));
      const state = { waiting, connected, down: down.length, busy };
      if (waiting + connected + down.length + busy[0]! + busy[1]! === 0) return true;
      throw new Error(JSON.stringify(state));
    },
    { timeoutMs: 60_000, what: 'everything to come to rest' },
  );
}

/** Connections with a statement or a transaction; those of clients that were killed may still be at work. */
async function busyConnections(server: Mariadb): Promise<number> {
  const [row] = (await server.query(
    `SELECT (SELECT COUNT(*) FROM information_schema.processlist
        WHERE command NOT IN ('Sleep', 'Daemon') AND id <> CONNECTION_ID() AND user = 'root')
      + (SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()) AS busy`,
  )) as { busy: number | string }[];
  return Number(row?.busy);
}

function sides(shard: Shard) {
  return [
    { server: old, database: `old_${shard}` },
    { server: fresh, database: `new_${shard}` },
  ] as const;
}

const keyOf = (table: string): string => (table === 'numbers' ? 'id' : 'folderid');

/** What a sync would do: the old server's rows of each key that differs, and nothing of it in doubt any more. */
async function repair(shard: Shard, differing: readonly DifferingRow[]): Promise<void> {
  for (const table of Object.keys(WRITER_TABLES)) {
    const keys = [...new Set(differing.filter((row) => row.table === table).map(({ key }) => key))];
    if (keys.length === 0) continue;
    const column = keyOf(table);
    const list = keys.join(', ');
    const rows = (await old.query(
      `SELECT * FROM old_${shard}.${table} WHERE ${column} IN (${list})`,
    )) as Record<string, unknown>[];
    await fresh.query(`DELETE FROM new_${shard}.${table} WHERE ${column} IN (${list})`);
    for (const row of rows) await fresh.query(`INSERT INTO new_${shard}.${table} SET ?`, [row]);
  }
}

async function settle(shard: Shard): Promise<void> {
  const { entries, cursor } = await readJournal(proxy, shard);
  const doubts = entries.filter(({ reason }) => reason !== 'written');
  const answer = await post('/api/journal/settle', { shard, cursor, entries: doubts });
  expect(answer).toMatchObject({ stale: false, kept: 0 });
}

async function post(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${proxy.adminUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return response.json();
}

describe(`kill -9 under write load (${run.title})`, () => {
  const totals: Totals = { rows: 0, differing: 0, byKey: 0, byTable: 0, byWrittenKey: 0, byWrittenTable: 0 };
  /** Journals that say themselves that they may lack keys: their process was killed while its disk was slow. */
  let exposed = 0;

  it('leaves every row that differs in the journal', { timeout: 6 * run.timeoutMs }, async () => {
    const random = run.random(1);
    for (let round = 0; round < ROUNDS; round += 1) {
      const victim = run.full ? random.pick(VICTIMS) : VICTIMS[round]!;
      const load = new Load(round);
      try {
        await load.goOn(random.integer(50, 400));
        await kill(victim, random.integer(0, 1));
        await load.goOn(50);
      } finally {
        await load.end();
      }
      expect(load.wrong).toEqual([]);
      await untilQuiet();
      for (const shard of SHARDS) await judge(shard, { round, victim });
    }
    run.say(
      `${ROUNDS} kills, ${totals.rows} rows compared, ${totals.differing} differed: ${totals.byKey} in doubt by their keys, ` +
        `${totals.byTable} by their tables alone; as written ${totals.byWrittenKey} by their keys, ${totals.byWrittenTable} by their tables alone`,
    );
    expect(totals.differing).toBeGreaterThan(0);
    if (exposed > 0) run.say(`${exposed} times the disk was slow, and a full pass was owed`);
    expect(exposed).toBeLessThan(ROUNDS);
    expect((await proxy.stop()).code).toBe(0);
  });

  async function judge(shard: Shard, about: { round: number; victim: Victim }): Promise<void> {
    const [oldSide, freshSide] = sides(shard);
    const { rows, differing } = await compareDatabases(oldSide, freshSide, keyOf);
    const owed = (await proxy.status()).shards.find(({ name }) => name === shard)!.journal;
    const { entries, reset } = await readJournal(proxy, shard);
    const { uncovered, ...counts } = coverage(differing, entries);
    if (owed.resetReason === SLOW_DISK) {
      exposed += 1;
      await repair(shard, differing);
      await post('/api/journal/full-pass', { shard, epoch: owed.epoch });
      return settle(shard);
    }
    const found = { ...about, shard, reset, reason: owed.resetReason, uncovered };
    expect(found).toEqual({ ...about, shard, reset: false, reason: null, uncovered: [] });
    totals.rows += rows;
    totals.differing += differing.length;
    for (const name of ['byKey', 'byTable', 'byWrittenKey', 'byWrittenTable'] as const)
      totals[name] += counts[name];
    await repair(shard, differing);
    expect((await compareDatabases(oldSide, freshSide, keyOf)).differing).toEqual([]);
    await settle(shard);
  }
});
