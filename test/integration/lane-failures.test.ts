/** Lanes to a shadow that is slow, gone, refusing or talking nonsense: every unit ends once, and lanes come back. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Unit } from '../../src/mirror/unit.ts';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { type Ending, LaneRig, type LaneRigOptions } from '../harness/lane-rig.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { replayOf } from '../harness/mirror-kit.ts';
import { waitFor } from '../harness/wait.ts';

let db: Mariadb;
let network: FaultyProxy;
const rigs: LaneRig[] = [];

beforeAll(async () => {
  db = await startMariadb({ name: 'shadow' });
  await db.query(`
    CREATE DATABASE one; CREATE USER single WITH MAX_USER_CONNECTIONS 1;
    CREATE TABLE one.messages (folderid BIGINT PRIMARY KEY, v INT NOT NULL DEFAULT 0) ENGINE=InnoDB`);
  network = await startFaultyProxy({ host: '127.0.0.1', port: db.port });
});
afterAll(async () => {
  await network?.close();
  await db?.destroy();
});
afterEach(async () => {
  for (const rig of rigs.splice(0)) rig.close();
  await network.set({ mode: 'pass' });
});

function createRig(options: Partial<LaneRigOptions> = {}): LaneRig {
  const rig = new LaneRig({ port: network.port, ...options });
  rigs.push(rig);
  return rig;
}

const ONE = [replayOf('SELECT 1')];
const SLEEP = [replayOf('SELECT SLEEP(600)')];
const pair = (text: string) => [replayOf('DELETE FROM one.messages WHERE folderid = 0'), replayOf(text)];

function sortOf(ending: Ending): string {
  return typeof ending === 'string' ? ending : ending.outcome;
}

/** How each unit ended; a unit with two ends shows both. */
const sortsOf = (rig: LaneRig): string[] =>
  [...rig.endings.values()].map((endings) => endings.map(sortOf).join(' and '));

async function sleepers(): Promise<number> {
  const rows = await db.query<RowDataPacket[]>(
    "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'",
  );
  return rows.length;
}

const running = (rig: LaneRig, count: number): Promise<true> =>
  waitFor(() => rig.lanes.running === count, { what: `${count} units to run` });

describe('a replay that takes too long', () => {
  it('is ended on the server too, and with it what was sent behind it', async () => {
    const rig = createRig({ lanes: { timeoutMs: 400 }, breaker: { failures: 10 } });
    await rig.run(ONE);
    const units = [rig.offer(SLEEP, 'a'), rig.offer(ONE, 'b')];
    await waitFor(async () => (await sleepers()) === 1, { what: 'the server to sleep' });
    for (const unit of units) expect(await rig.ending(unit)).toBe('timed_out');
    await waitFor(async () => (await sleepers()) === 0, { what: 'the server to be woken' });
    expect((await rig.run(ONE)).outcome).toBe('answered');
    expect(sortsOf(rig)).toEqual(['answered', 'timed_out', 'timed_out', 'answered']);
  });

  it('is ended inside a transaction, which is rolled back', async () => {
    const rig = createRig({ lanes: { timeoutMs: 400 }, breaker: { failures: 10 } });
    const unit = rig.offer([replayOf('INSERT INTO one.messages (folderid) VALUES (77)'), ...SLEEP]);
    expect(await rig.ending(unit)).toBe('timed_out');
    await waitFor(async () => (await sleepers()) === 0, { what: 'the server to be woken' });
    await rig.run([replayOf('DELETE FROM one.messages WHERE folderid > 100')]);
    const count = await rig.run([replayOf('UPDATE one.messages SET v = 1 WHERE folderid = 77')]);
    expect(count.results[0]?.answer?.affectedRows).toBe(0);
  });

  it('is given up where the network has swallowed it', async () => {
    const rig = createRig({ lanes: { timeoutMs: 400 }, breaker: { failures: 10 }, connectTimeoutMs: 400 });
    await rig.run(ONE);
    await network.set({ mode: 'half-open' });
    expect(await rig.ending(rig.offer(ONE))).toBe('timed_out');
    await network.set({ mode: 'pass' });
    await rig.recovered(() => ONE);
  });
});

describe('the breaker', () => {
  it('opens when the shadow refuses, drops what waits, and closes when it is back', async () => {
    const rig = createRig();
    expect(rig.lanes.status.state).toBe('idle');
    await network.set({ mode: 'refuse' });
    const units = Array.from({ length: 5 }, (_, index) => rig.offer(ONE, `session ${index}`));
    for (const unit of units) expect(await rig.ending(unit)).toBe('dropped');
    expect(rig.lanes.admits()).toBe(false);
    expect(rig.lanes.status.lastError).toMatch(/ECONNREFUSED/);
    await network.set({ mode: 'pass' });
    await rig.recovered(() => ONE);
    expect(new Set(sortsOf(rig))).toEqual(new Set(['dropped', 'answered']));
    expect(rig.lanes.status).toMatchObject({
      lastError: expect.stringMatching(/ECONNREFUSED/),
      lastErrorMs: expect.any(Number),
    });
  });

  it('lets a growing share in after an outage', async () => {
    const rig = createRig({ breaker: { failures: 1, rampMs: 60_000 } });
    await network.set({ mode: 'refuse' });
    expect(await rig.ending(rig.offer(ONE))).toBe('dropped');
    await network.set({ mode: 'pass' });
    await waitFor(() => rig.lanes.status.state === 'recovering' && rig.lanes.size === 1, {
      what: 'the probe',
    });
    const admitted = Array.from({ length: 2000 }, () => rig.lanes.admits()).filter(Boolean).length;
    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThan(1000);
  });

  it('closes again where it opened while a lane still worked', async () => {
    const rig = createRig({ user: 'single', lanes: { perShard: 2 }, breaker: { failures: 1 } });
    await rig.run(ONE);
    const keeper = await db.connect();
    await keeper.query("SELECT GET_LOCK('held', 0)");
    const held = rig.offer([replayOf("SELECT GET_LOCK('held', 60)")], 'a');
    // The second lane is one connection too many for the account.
    const more = rig.offer(ONE, 'b');
    await waitFor(() => rig.lanes.status.state === 'down', { what: 'the breaker to open' });
    expect(rig.incidents.counts()).toEqual({ lane_failed: 1, breaker_open: 1 });
    expect(rig.lanes.status.lastError).toMatch(/max_user_connections/);
    keeper.destroy();
    await rig.ending(held);
    await rig.ending(more);
    await rig.recovered(() => ONE);
  });

  it.each<[string, Partial<LaneRigOptions>, RegExp]>([
    ['an account that is refused', { user: 'stranger' }, /Access denied/],
  ])('opens on %s', async (_name, options, reason) => {
    const rig = createRig(options);
    expect(await rig.ending(rig.offer(ONE))).toBe('dropped');
    expect(rig.lanes.status.state).not.toBe('up');
    expect(rig.lanes.status.lastError).toMatch(reason);
  });
});

describe('a shadow that misbehaves', () => {
  it('may accept and say nothing', async () => {
    const rig = createRig({ connectTimeoutMs: 300 });
    await network.set({ mode: 'hang' });
    expect(await rig.ending(rig.offer(ONE))).toBe('dropped');
    expect(rig.lanes.status.lastError).toMatch(/no login within 300 ms/);
    await network.set({ mode: 'pass' });
    await rig.recovered(() => ONE);
  });

  it.each([0, 5, 60, 100, 150, 300])('may talk nonsense after %i bytes', async (afterBytes) => {
    const rig = createRig({ connectTimeoutMs: 500, lanes: { timeoutMs: 500 } });
    await network.set({ mode: 'garbage', afterBytes, seed: afterBytes + 1 });
    const units = Array.from({ length: 10 }, (_, index) => rig.offer(ONE, `session ${index}`));
    units.push(rig.offer(pair('SELECT 1'), 'pair'));
    await rig.allEnded();
    await network.set({ mode: 'pass' });
    await rig.recovered(() => ONE);
    expectOneEndEach(rig);
  });

  it.each([0, 5, 80, 120, 300])('may close after %i bytes', async (afterBytes) => {
    // A login that was closed must not have to wait for its time-out.
    const rig = createRig({ connectTimeoutMs: 60_000 });
    await network.set({ mode: 'close', afterBytes });
    for (let index = 0; index < 10; index++)
      rig.offer(index % 2 === 0 ? ONE : pair('SELECT 1'), `session ${index}`);
    await rig.allEnded();
    await network.set({ mode: 'pass' });
    await rig.recovered(() => ONE);
    expectOneEndEach(rig);
  });

  it('may be killed and come back', async () => {
    const rig = createRig({ port: db.port, lanes: { perShard: 3 } });
    await rig.run(ONE);
    const units: Unit[] = [];
    for (let index = 0; index < 30; index++) {
      const work = index % 3 === 0 ? pair('SELECT SLEEP(0.2)') : [replayOf('SELECT SLEEP(0.1)')];
      units.push(rig.offer(work, `session ${index}`));
    }
    await waitFor(() => rig.lanes.size === 3 && rig.lanes.running > 3, { what: 'all lanes to be busy' });
    await db.kill9();
    await rig.allEnded();
    expect(sortsOf(rig)).toContain('lost');
    expect(rig.lanes.status.state).not.toBe('up');
    await db.restart();
    await rig.recovered(() => ONE);
    expectOneEndEach(rig);
  });
});

describe('a transaction whose connection ends', () => {
  const ids = (unit: number): number[] => [1, 2, 3].map((row) => unit * 10 + row);
  const inserts = (unit: number) =>
    ids(unit).map((id) => replayOf(`INSERT INTO one.messages (folderid) VALUES (${id})`, { keys: [unit] }));

  async function keptOf(unit: number): Promise<number> {
    const rows = await db.query<RowDataPacket[]>(
      `SELECT 1 FROM one.messages WHERE folderid IN (${ids(unit).join(', ')})`,
    );
    return rows.length;
  }

  /** Kept whole or not at all, and as its end says, where that says which. */
  async function expectWhole(rig: LaneRig, units: ReadonlyMap<Unit, number>): Promise<Set<string>> {
    const seen = new Set<string>();
    for (const [unit, number] of units) {
      const [ending] = rig.endings.get(unit) ?? [];
      const sort = ending === undefined ? 'no end' : sortOf(ending);
      const kept = await keptOf(number);
      seen.add(`${sort}, ${kept}`);
    }
    for (const each of seen) expect(['answered, 3', 'lost, 0', 'lost, 3', 'dropped, 0']).toContain(each);
    return seen;
  }

  const blockers: Connection[] = [];
  async function openBlocker(): Promise<Connection> {
    const blocker = await db.connect();
    blockers.push(blocker);
    return blocker;
  }

  /** Its connection's id on the server, as soon as it is at this statement. */
  const laneThatRuns = (sql: string): Promise<number> =>
    waitFor(
      async () => {
        const [found] = await db.query<RowDataPacket[]>(
          'SELECT ID AS id FROM information_schema.PROCESSLIST WHERE INFO = ?',
          [sql],
        );
        return found?.id as number | undefined;
      },
      { what: `a lane to run ${sql}` },
    );

  beforeEach(() => db.query('DELETE FROM one.messages'));
  afterEach(() => {
    for (const blocker of blockers.splice(0)) blocker.destroy();
  });

  it('at any byte of the answers is kept whole or not at all', async () => {
    const rig = createRig({ lanes: { pipeline: 4 } });
    const units = new Map<Unit, number>();
    let number = 0;
    const OK_BYTES = 11;
    const answers = 2 * (1 + 3 + 1);
    for (let bytes = 0; bytes <= answers * OK_BYTES; bytes += 5) {
      await rig.recovered(() => ONE);
      await network.set({ mode: 'close', afterBytes: bytes });
      for (const _ of [1, 2]) units.set(rig.offer(inserts(++number), `unit ${number}`), number);
      await rig.allEnded();
      await network.set({ mode: 'pass' });
    }
    await rig.recovered(() => ONE);
    // Both sides of the COMMIT were met.
    const seen = await expectWhole(rig, units);
    for (const sort of ['answered, 3', 'lost, 0', 'lost, 3']) expect(seen).toContain(sort);
    expectOneEndEach(rig);
  });

  it.each([1, 2, 3])('while its statement %i runs is not kept, and can be run anew', async (row) => {
    const rig = createRig({ breaker: { failures: 10 } });
    const blocked = ids(1)[row - 1];
    const blocker = await openBlocker();
    await blocker.query('BEGIN');
    await blocker.query(`INSERT INTO one.messages (folderid) VALUES (${blocked})`);
    const unit = rig.offer(inserts(1));
    const waiting = await laneThatRuns(`INSERT INTO one.messages (folderid) VALUES (${blocked})`);
    await db.query(`KILL ${waiting}`);
    expect(sortOf(await rig.ending(unit))).toBe('lost');
    blocker.destroy();
    await waitFor(async () => (await keptOf(1)) === 0, { what: 'the server to roll both back' });
    expect((await rig.run(inserts(1))).outcome).toBe('answered');
    expect(await keptOf(1)).toBe(3);
  });

  it('while it commits is not kept', async () => {
    const rig = createRig({ breaker: { failures: 10 } });
    await rig.run(ONE);
    const blocker = await openBlocker();
    await blocker.query('BACKUP STAGE START');
    await blocker.query('BACKUP STAGE BLOCK_COMMIT');
    const unit = rig.offer(inserts(1));
    const committing = await laneThatRuns('COMMIT');
    await db.query(`KILL ${committing}`);
    expect(sortOf(await rig.ending(unit))).toBe('lost');
    blocker.destroy();
    expect((await rig.run(inserts(2))).outcome).toBe('answered');
    expect([await keptOf(1), await keptOf(2)]).toEqual([0, 3]);
  });

  it('with the whole server is kept whole or not at all', async () => {
    const rig = createRig({ port: db.port, lanes: { perShard: 3 } });
    await rig.run(ONE);
    const units = new Map<Unit, number>();
    for (let number = 1; number <= 400; number++)
      units.set(rig.offer(inserts(number), `unit ${number}`), number);
    await waitFor(() => rig.order.length > 50, { what: 'some units to end' });
    await db.kill9();
    await rig.allEnded();
    await db.restart();
    await rig.recovered(() => ONE);
    const seen = await expectWhole(rig, units);
    for (const sort of ['answered, 3', 'dropped, 0']) expect(seen).toContain(sort);
    expectOneEndEach(rig);
  });
});

describe('the end', () => {
  it('gives every unit one end, running or waiting', async () => {
    const rig = createRig({ lanes: { perShard: 2 } });
    await rig.run(ONE);
    rig.offer(pair('SELECT SLEEP(600)'), 'a');
    rig.offer(SLEEP, 'b');
    rig.offer(pair('SELECT 1'), 'a');
    await running(rig, 2);
    rig.close();
    expect(rig.lanes.size).toBe(0);
    await rig.allEnded();
    await waitFor(() => rig.lanes.running === 0, { what: 'the lanes to let go of what they ran' });
    expectOneEndEach(rig);
    rig.offer(ONE, 'late');
    expect(rig.lanes.running).toBe(0);
  });
});

function expectOneEndEach(rig: LaneRig): void {
  expect(sortsOf(rig).filter((sort) => sort === '' || sort.includes(' and '))).toEqual([]);
  expect([rig.lanes.running, rig.scheduler.statements, rig.scheduler.bytes]).toEqual([0, 0, 0]);
}
