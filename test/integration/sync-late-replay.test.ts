/**
 * A repair beside replays that come late: a change relative to what is there is done once, and no older row is left
 * over a newer one. Each test stops the mirror and the sync at the very point at which that could go wrong.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { type HeldAnswers, type PrimaryGate, startPrimaryGate } from '../harness/primary-gate.ts';
import { type GatedStage, SHARD, startGatedStage } from './gated-stage.ts';
import { runSyncCommand, type SyncRun, writeSyncConfig } from './sync-command-stage.ts';

const TABLES = { counters: { key: 'id' } };
/** Of the mirror's state: more than a sync asks without having to wait for it. */
const QUESTIONS = 5;
/** A replay is held until the sync has given up waiting for it, on a busy machine too; the lanes are not to give it up. */
const HELD_MS_MAX = 60_000;

let stage: GatedStage;
let client: Connection;
/** What the sync asks and tells the old server, the new one and the proxy. */
let old: PrimaryGate;
let fresh: PrimaryGate;
let admin: PrimaryGate;
/** At the configuration's own address; leads to `admin`. */
let own: FaultyProxy;
let config: string;
/** Each test has a row of its own. */
let id = 0;

beforeAll(async () => {
  stage = await startGatedStage(
    `CREATE TABLE counters (id BIGINT PRIMARY KEY, x BIGINT NOT NULL);
     INSERT INTO counters VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0)`,
    { tables: TABLES, lanes: { timeoutMs: HELD_MS_MAX } },
  );
  client = await stage.connect();
  old = await startPrimaryGate(stage.mariadb.port);
  fresh = await startPrimaryGate(stage.mariadb.port);
  admin = await startPrimaryGate(Number(new URL(stage.proxy.adminUrl).port));
  own = await startFaultyProxy(admin);
  const place = ({ host, port }: PrimaryGate, database: string) => ({ host, port, database });
  config = await writeSyncConfig({
    tables: TABLES,
    shards: { [SHARD]: { old: place(old, 'old'), new: place(fresh, 'new') } },
    more: { admin: { port: own.port } },
  });
});

afterAll(async () => {
  client?.destroy();
  await Promise.all([old, fresh, own, admin].map((relay) => relay?.close()));
  await stage?.close();
});

beforeEach(() => {
  id += 1;
});

/** A second pass would find what the first has done wrong. */
function sync(...more: readonly string[]): Promise<SyncRun> {
  return runSyncCommand(config, '--keys', String(id), '--passes', '1', ...more);
}

function add(amount: number): Promise<unknown> {
  return client.query(`UPDATE counters SET x = x + ${amount} WHERE id = ${id}`);
}

async function values(): Promise<Record<'old' | 'new', number>> {
  const of = async (database: string): Promise<number> => {
    const sql = `SELECT x FROM ${database}.counters WHERE id = ${id}`;
    return Number((await stage.mariadb.query<RowDataPacket[]>(sql))[0]?.x);
  };
  return { old: await of('old'), new: await of('new') };
}

/** The new side's row is wrong, and no mirror to blame. */
async function corrupt(): Promise<void> {
  await stage.mariadb.query(`UPDATE new.counters SET x = 1000 WHERE id = ${id}`);
}

/** 7 is on both sides, 70 on the old one alone: what is behind it waits for the end of the first. */
async function addLate(): Promise<HeldAnswers> {
  const late = stage.shadow.hold(`x + 7 WHERE id = ${id}`);
  await add(7);
  await late.answered;
  await add(70);
  return late;
}

/** The sync has asked again and again how far the mirror is. */
function waitsForTheMirror(): Promise<void> {
  return new Promise((resolve) => {
    const ask = (left: number): void =>
      left === 0 ? resolve() : admin.onArrival('GET /api/status', () => ask(left - 1));
    ask(QUESTIONS);
  });
}

async function reached(held: HeldAnswers, ended: Promise<SyncRun>): Promise<void> {
  const end = await Promise.race([held.answered.then(() => null), ended]);
  if (end !== null) throw new Error(`the sync ended too early: ${end.stdout}${end.stderr}`);
}

async function settledOf(ended: Promise<SyncRun>, warning = /^$/): Promise<unknown> {
  const { report, stderr } = await ended;
  expect(stderr).toMatch(warning);
  await stage.untilIdle();
  return report?.passes[0]?.counts.settled;
}

it('leaves alone what the mirror has still to bring', async () => {
  const late = await addLate();
  expect(await values()).toEqual({ old: 77, new: 7 });
  const waits = waitsForTheMirror();
  const ended = sync();
  await Promise.race([waits, ended]);
  late.release();
  expect(await settledOf(ended)).toMatchObject({ equal: 1, repaired: 0 });
  expect(await values()).toEqual({ old: 77, new: 77 });
});

it('repairs again what it has written an older row over', async () => {
  await corrupt();
  const writes = fresh.hold('START TRANSACTION');
  const ended = sync();
  await reached(writes, ended);
  await add(7);
  await stage.untilIdle();
  expect(await values()).toEqual({ old: 7, new: 1007 });
  writes.release();
  expect(await settledOf(ended)).toMatchObject({ repaired: 1 });
  expect(await values()).toEqual({ old: 7, new: 7 });
});

it('waits for the mirror again where it has written an older row over a newer one', async () => {
  await corrupt();
  const writes = fresh.hold('START TRANSACTION');
  const ended = sync();
  await reached(writes, ended);
  const late = await addLate();
  const waits = waitsForTheMirror();
  writes.release();
  await Promise.race([waits, ended]);
  late.release();
  expect(await settledOf(ended)).toMatchObject({ repaired: 1 });
  expect(await values()).toEqual({ old: 77, new: 77 });
});

it('waits for the mirror where it has written a row that was still to be replayed', async () => {
  await corrupt();
  const reads = old.hold(`FROM \`old\`.\`counters\` WHERE ((\`id\` = ${id}))`);
  const ended = sync();
  await reached(reads, ended);
  const late = await addLate();
  const waits = waitsForTheMirror();
  reads.release();
  await Promise.race([waits, ended]);
  late.release();
  expect(await settledOf(ended)).toMatchObject({ repaired: 1 });
  expect(await values()).toEqual({ old: 77, new: 77 });
});

it('waits for the mirror of a proxy that was away when it began', async () => {
  const late = await addLate();
  await own.set({ mode: 'refuse' });
  const looks = old.hold('GROUP BY');
  const ended = sync();
  await reached(looks, ended);
  await own.set({ mode: 'pass' });
  const waits = waitsForTheMirror();
  looks.release();
  await Promise.race([waits, ended]);
  late.release();
  expect(await settledOf(ended, /it counts once it answers/)).toMatchObject({ equal: 1, repaired: 0 });
  expect(await values()).toEqual({ old: 77, new: 77 });
});

it('repairs nothing beside a proxy that can’t be asked', async () => {
  const late = await addLate();
  const ended = sync('--proxy', `http://${admin.host}:${admin.port}`, '--proxy', 'http://127.0.0.1:1');
  expect((await ended).report?.passes[0]?.counts.settled).toMatchObject({ moving: 1, repaired: 0 });
  late.release();
  expect(await settledOf(ended, /nothing is repaired until it answers/)).toBeDefined();
  expect(await values()).toEqual({ old: 77, new: 77 });
});
