/**
 * A sync that is ended by `kill -9` at moments by dice, and started again each time: it goes on where it was, looks at
 * no group twice that it has taken down, leaves none out, and leaves no row half repaired.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncReport } from '../../src/sync/sync-report.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { createSchema, MESSAGE_CENTRE_TABLES, MOVED_TABLES, seed } from '../harness/message-centre.ts';
import { type PrimaryGate, startPrimaryGate } from '../harness/primary-gate.ts';
import { startChild } from '../harness/process.ts';
import { MAIN } from '../harness/proxy.ts';
import type { Random } from '../harness/random.ts';
import { readTable } from '../harness/row-differences.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { writeSyncConfig } from '../integration/sync-command-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { corruptRows } from './row-corruption.ts';

const run = chaosRun('sync-kills');
const SHARDS = run.full ? ['s00', 's01'] : ['s00'];
const FOLDERS = run.full ? 800 : 50;
const KILLS = run.full ? 40 : 3;
/** Rows are told apart by nothing, and two of a kind are not one: what a repair does twice or half shows. */
const PLAIN = 'plain';
const PLAIN_SQL = `CREATE TABLE ${PLAIN} (folderid BIGINT NOT NULL, v VARCHAR(20), KEY (folderid)) ENGINE InnoDB`;
const TABLES = { ...MESSAGE_CENTRE_TABLES, [PLAIN]: { key: 'folderid' } };

const LOOK = 'GROUP BY';
/** More looks than the workers' first batches take, so that some ranges are further than before. */
const LOOKS_OF_PROGRESS = 12;
/** Small steps: many moments at which to kill. */
const SYNC = { workers: 2, batchGroups: 5, rowsPerTransaction: 3 };
const WRITES = ['START TRANSACTION', 'DELETE FROM', 'INSERT INTO', 'COMMIT'];

let old: SqlServer;
let fresh: SqlServer;
/** Before the new server. */
let gate: PrimaryGate;

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  gate = await startPrimaryGate(fresh.port);
  for (const shard of SHARDS) await Promise.all([fill(old, shard), fill(fresh, shard)]);
});

afterAll(async () => {
  await gate?.close();
  await Promise.all([old?.destroy(), fresh?.destroy()]);
});

async function fill(server: SqlServer, shard: string): Promise<void> {
  await createSchema(server, shard, { engine: server === old ? 'MyISAM' : 'InnoDB', unmoved: false });
  await seed(server, shard, { seed: run.seed, folders: FOLDERS, rowsMax: run.full ? 2000 : 100 });
  const plain = Array.from({ length: FOLDERS * 6 }, (_, at) => `(${at % FOLDERS}, 'v${at % 4}')`);
  await server.query(`USE ${shard}; ${PLAIN_SQL}; INSERT INTO ${PLAIN} VALUES ${plain.join(', ')}`);
}

async function corrupt(random: Random): Promise<void> {
  for (const shard of SHARDS) {
    const connection = await fresh.connect({ database: shard, charset: 'utf8mb4' });
    await corruptRows(connection, MOVED_TABLES, { folders: FOLDERS, times: run.full ? 10 : 3, random });
    await connection.query(`DELETE FROM ${PLAIN} WHERE folderid % 7 = 1 LIMIT 9`);
    await connection.query(`INSERT INTO ${PLAIN} SELECT folderid, 'v0' FROM ${PLAIN} WHERE folderid % 7 = 2`);
    await connection.end();
  }
}

/** By shard, table and key: all rows of the group, as the server's own protocol gives them. */
async function groupsOf(server: SqlServer): Promise<ReadonlyMap<string, string>> {
  const groups = new Map<string, string>();
  const add = (name: string, content: string): void =>
    void groups.set(name, `${groups.get(name) ?? ''}\n${content}`);
  for (const shard of SHARDS) {
    for (const table of MOVED_TABLES) {
      const rows = await readTable({ server, database: shard }, table, 'folderid');
      for (const { key, content } of rows.values()) add(`${shard} ${table} ${key}`, content);
    }
    const plain = await server.query<RowDataPacket[]>(
      `SELECT folderid, v, COUNT(*) AS rows_of FROM ${shard}.${PLAIN} GROUP BY folderid, v ORDER BY folderid, v`,
    );
    for (const row of plain) add(`${shard} ${PLAIN} ${row.folderid}`, JSON.stringify(row));
  }
  return groups;
}

async function compared(): Promise<{ readonly groups: number; readonly differing: readonly string[] }> {
  const [left, right] = await Promise.all([groupsOf(old), groupsOf(fresh)]);
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return { groups: names.length, differing: names.filter((name) => left.get(name) !== right.get(name)) };
}

/** Resolves when these bytes arrive for the `count`th time. */
function arrivals(bytes: string, count: number): Promise<void> {
  return new Promise((resolve) => {
    const wait = (left: number): void =>
      left === 0 ? resolve() : gate.onArrival(bytes, () => wait(left - 1));
    wait(count);
  });
}

/** One sync after the other on one checkpoint. */
class Syncs {
  readonly #config: string;
  readonly #folder: string;
  readonly #args: readonly string[];
  /** Groups that the checkpoint knew of when the last one was killed. */
  #groups = 0;
  killed = 0;

  constructor(config: string, folder: string, args: readonly string[]) {
    this.#config = config;
    this.#folder = folder;
    this.#args = args;
  }

  /** Killed when `moment` comes, if that is before its end; null: it was. */
  async run(moment: () => Promise<void>): Promise<Ended | null> {
    const file = join(temporaryDirectory('sync-report'), 'report.json');
    const command = ['sync', '--config', this.#config, '--report', file, '--full', ...this.#args];
    const comes = moment();
    const child = await startChild({ name: 'sync', command: process.execPath, args: [MAIN, ...command] });
    const killed = comes.then(() => child.kill9());
    const { code } = await Promise.race([child.exited, killed]);
    const said = child.stdout() + child.stderr();
    if (code !== null) {
      expect([0, 1], said).toContain(code);
      if (this.#groups > 0) expect(said).toContain('goes on where the sync before this one ended');
      return { code, said, report: JSON.parse(readFileSync(file, 'utf8')) as SyncReport };
    }
    this.killed += 1;
    this.#resumesFrom();
    return null;
  }

  /** Resolves when the file is written anew. */
  async writesDown(): Promise<void> {
    const before = this.text();
    await waitFor(() => this.text() !== before, { timeoutMs: 60_000, what: 'the checkpoint to be written' });
  }

  text(): string | null {
    const [name] = existsSync(this.#folder)
      ? readdirSync(this.#folder).filter((each) => each.endsWith('.json'))
      : [];
    return name === undefined ? null : readFileSync(join(this.#folder, name), 'utf8');
  }

  /** What is written down is whole, and no group is forgotten again. */
  #resumesFrom(): void {
    const text = this.text();
    const groups = text === null ? 0 : Number(JSON.parse(text).record.outcome.counts.groups);
    expect(groups).toBeGreaterThanOrEqual(this.#groups);
    this.#groups = groups;
  }
}

interface Ended {
  readonly code: number;
  readonly said: string;
  readonly report: SyncReport;
}

const NEVER = (): Promise<void> => new Promise(() => {});

/** Until one of them comes to its end: at the latest the one after all kills. */
async function runKilled(args: readonly string[], random: Random): Promise<Ended> {
  const checkpoint = temporaryDirectory('sync-kills');
  const config = await configOf(checkpoint);
  const syncs = new Syncs(config, checkpoint, args);
  const writes = args.includes('--check') ? [] : WRITES;
  let end: Ended | null = null;
  for (let kill = 0; kill < KILLS && end === null; kill++) {
    const far = kill % 2 === 1;
    const looks = random.integer(LOOKS_OF_PROGRESS, 2 * LOOKS_OF_PROGRESS);
    const bytes = random.pick([LOOK, ...writes]);
    const count = random.integer(1, bytes === LOOK ? 16 : 4);
    end = await syncs.run(() => (far ? whenFar(syncs, looks) : arrivals(bytes, count)));
  }
  end ??= (await syncs.run(NEVER))!;
  run.say(`${syncs.killed} kills, ${args.join(' ')}`);
  expect(syncs.killed).toBeGreaterThan(1);
  expect(syncs.text()).toBe(null);
  return end;
}

/** One query is never answered, and what the others did meanwhile is written down. */
async function whenFar(syncs: Syncs, looks: number): Promise<void> {
  await arrivals(LOOK, looks);
  await gate.hold(LOOK).answered;
  await syncs.writesDown();
}

function configOf(checkpoint: string): Promise<string> {
  const shards = SHARDS.map((shard) => {
    const place = ({ host, port }: { host: string; port: number }) => ({ host, port, database: shard });
    return [shard, { old: place(old), new: place(gate) }] as const;
  });
  return writeSyncConfig({
    tables: TABLES,
    shards: Object.fromEntries(shards),
    sync: { ...SYNC, checkpoint },
  });
}

describe(`a sync that is killed (${run.title})`, () => {
  it('counts each group once that it only looks at', { timeout: run.timeoutMs }, async () => {
    await corrupt(run.random(1));
    const { groups, differing } = await compared();
    const { code, report } = await runKilled(['--check'], run.random(2));
    const [pass] = report.passes;
    expect(pass?.failures).toEqual([]);
    expect(pass?.counts).toMatchObject({ groups, mismatched: differing.length });
    expect([code, (await compared()).differing]).toEqual([1, differing]);
  });

  it('leaves no row wrong', { timeout: run.timeoutMs }, async () => {
    await corrupt(run.random(3));
    expect((await compared()).differing.length).toBeGreaterThan(0);
    // One pass: a second one would find what the first has left.
    const { code, report, said } = await runKilled(['--passes', '1'], run.random(4));
    const [pass] = report.passes;
    expect(pass?.failures, said).toEqual([]);
    expect(pass?.counts.settled).toMatchObject({ differs: 0, moving: 0, failed: 0 });
    expect([code, (await compared()).differing]).toEqual([1, []]);
  });
});
