import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Config } from '../../src/config/load.ts';
import type { ControlSnapshot } from '../../src/config/ratios.ts';
import type { IncidentEntry } from '../../src/observe/incident.ts';
import type { MetricDocument } from '../../src/observe/metric-documents.ts';
import type { ShardStatus } from '../../src/observe/status.ts';
import type { News, Order } from '../../src/proxy/worker-messages.ts';
import { WorkerPool } from '../../src/proxy/worker-pool.ts';
import type { WorkerEnd, WorkerEvents, WorkerProcess } from '../../src/proxy/worker-process.ts';
import { journalStatus } from '../harness/journal-status.ts';
import { KeptIncidents } from '../harness/kept-incidents.ts';

const SHARES = [['s00', 's02'], ['s01']];
const KILLED: WorkerEnd = { code: null, signal: 'SIGKILL', error: null };

function snapshot(revision: number): ControlSnapshot {
  const ratios = { reads: revision, writes: 0, deletes: 0 };
  return {
    source: 'etcd',
    connected: true,
    revision,
    appliedAtMs: 0,
    shards: { s00: ratios, s01: ratios, s02: ratios },
  };
}

/** A process that does only what a test lets it do. */
class FakeProcess implements WorkerProcess {
  readonly pid: number;
  readonly orders: Order[] = [];
  readonly #events: WorkerEvents;
  #channel: 'open' | 'full' = 'open';
  #taken: (() => void) | null = null;

  constructor(pid: number, events: WorkerEvents) {
    this.pid = pid;
    this.#events = events;
  }

  send(order: Order, taken: () => void): void {
    this.orders.push(order);
    if (this.#channel === 'open') taken();
    else this.#taken = taken;
  }

  /** It reads nothing more: the next order is the last that the channel holds. */
  clog(): void {
    this.#channel = 'full';
  }

  unclog(): void {
    this.#channel = 'open';
    this.#taken?.();
  }

  kill(): void {
    this.end(KILLED);
  }

  say(...news: readonly News[]): void {
    for (const one of news) this.#events.message(one);
  }

  end(end: WorkerEnd): void {
    this.#events.ended(end);
  }

  ordered(type: Order['type']): Order[] {
    return this.orders.filter((order) => order.type === type);
  }
}

function stage(drainTimeoutMs = 1000) {
  const processes: FakeProcess[] = [];
  const applied: number[] = [];
  const incidents = new KeptIncidents();
  const pool = new WorkerPool({
    config: { shards: [{ name: 's00' }, { name: 's01' }, { name: 's02' }], drainTimeoutMs } as Config,
    version: '1.0.0',
    log: silentLog(),
    incidents,
    shares: SHARES,
    snapshot: snapshot(1),
    launch: (events) => {
      const process = new FakeProcess(100 + processes.length, events);
      processes.push(process);
      return process;
    },
    applied: ({ revision }) => applied.push(revision),
  });
  const at = (index: number): FakeProcess => {
    const process = processes[index];
    if (process === undefined) throw new Error(`no process ${index} was launched`);
    return process;
  };
  return { pool, processes, at, applied, incidents };
}

async function serving(drainTimeoutMs?: number) {
  const staged = stage(drainTimeoutMs);
  const started = staged.pool.start();
  for (const process of staged.processes) process.say({ type: 'serving' });
  await started;
  return staged;
}

const states = async (pool: WorkerPool) => (await pool.report()).workers.map(({ state }) => state);

function shardStatus(name: string, lagSeconds: number): ShardStatus {
  return {
    name,
    lagSeconds,
    listen: '127.0.0.1:3400',
    old: '127.0.0.1:3310/old',
    new: '127.0.0.1:3311/new',
    ratios: { reads: 0, writes: 100, deletes: 100 },
    connections: 0,
    shadow: { state: 'up', since: '2024-01-01T00:00:00.000Z', lastError: null, lastErrorAt: null },
    queue: { statements: 0, bytes: 0 },
    schema: { known: true, missing: [], newKnown: true, differences: [], differencesInAll: 0 },
    journal: journalStatus(),
    outcomes: {},
    mismatches: {},
    latestMismatches: [],
    doubtCauses: [],
    straddles: [],
  };
}

function counted(value: number): MetricDocument {
  return [
    { name: 'c_total', help: 'h', type: 'counter', aggregator: 'sum', values: [{ value, labels: {} }] },
    { name: 'g', help: 'h', type: 'gauge', aggregator: 'max', values: [{ value, labels: {} }] },
  ];
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a start', () => {
  it('gives each worker its shards and the ratios, and is over when all serve', async () => {
    const { pool, at } = stage();
    const started = pool.start();
    expect(at(0).orders).toEqual([
      expect.objectContaining({ type: 'start', worker: 0, shards: ['s00', 's02'] }),
    ]);
    expect(at(1).orders).toEqual([expect.objectContaining({ type: 'start', worker: 1, shards: ['s01'] })]);
    at(0).say({ type: 'serving' });
    expect(pool.unready()).toEqual(['worker 1 (s01) is starting']);
    at(1).say({ type: 'serving' });
    await started;
    expect(pool.unready()).toEqual([]);
  });

  it.each([
    ['usage', UsageError, 'the port is taken'],
    ['bug', Error, 'the port is taken'],
  ] as const)('fails whole by a %s, and leaves no process', async (fault, kind, message) => {
    const { pool, at } = stage();
    const started = pool.start();
    at(0).say({ type: 'serving' });
    at(1).say({ type: 'failed', fault, message });
    at(1).end({ code: 2, signal: null, error: null });
    await expect(started).rejects.toThrow(new kind(message));
    await pool.release();
    expect((await pool.report()).workers.map(({ pid }) => pid)).toEqual([null, null]);
  });

  it('fails where a process ends without a word, or can’t be launched', async () => {
    const { pool, at } = stage();
    const started = pool.start();
    at(1).end({ code: null, signal: null, error: 'spawn EAGAIN' });
    await expect(started).rejects.toThrow('worker 1 ended before it served its shards: spawn EAGAIN');
    await pool.release();
  });
});

describe('ratios', () => {
  it('count as applied once every worker has said so', async () => {
    const { pool, at, applied } = await serving();
    pool.apply(snapshot(2));
    at(0).say({ type: 'applied', number: 1 });
    expect(applied).toEqual([]);
    at(1).say({ type: 'applied', number: 1 });
    expect(applied).toEqual([2]);
  });

  it('reach a worker that reads nothing as one order in the end, the newest', async () => {
    const { pool, at } = await serving();
    at(0).clog();
    for (let revision = 2; revision < 1000; revision += 1) pool.apply(snapshot(revision));
    expect(at(0).ordered('ratios')).toHaveLength(1);
    at(0).unclog();
    expect(at(0).ordered('ratios')).toEqual([
      { type: 'ratios', number: 1, snapshot: snapshot(2) },
      { type: 'ratios', number: 998, snapshot: snapshot(999) },
    ]);
  });

  it('of now stand in the first order of a process that takes another’s place', async () => {
    const { pool, at, processes, applied } = await serving();
    at(1).end(KILLED);
    pool.apply(snapshot(2));
    at(0).say({ type: 'applied', number: 1 });
    expect(applied).toEqual([2]);
    await vi.advanceTimersByTimeAsync(100);
    expect(processes).toHaveLength(3);
    expect(at(2).orders).toEqual([
      expect.objectContaining({
        type: 'start',
        worker: 1,
        shards: ['s01'],
        snapshot: snapshot(2),
      }),
    ]);
  });
});

describe('a process that ends', () => {
  it('is an incident of each of its shards', async () => {
    const { at, incidents } = await serving();
    at(0).end(KILLED);
    const about = { reason: 'worker_ended', message: 'worker 0: SIGKILL' };
    expect(incidents.reports).toEqual([
      { ...about, shard: 's00' },
      { ...about, shard: 's02' },
    ]);
  });

  it('leaves the incidents that it had told of', async () => {
    const { at, incidents } = await serving();
    const entry: IncidentEntry = {
      reason: 'lost',
      shard: 's00',
      digest: null,
      code: null,
      others: false,
      count: 2,
      firstMs: 1,
      lastMs: 2,
      payloads: [{ atMs: 1, table: null, key: null, message: 'm', sql: null }],
    };
    at(0).say({ type: 'incidents', entries: [entry] });
    at(0).end(KILLED);
    expect(incidents.entries).toEqual([entry]);
  });

  it('is followed by another after a pause that grows to a bound, and shrinks after a steady time', async () => {
    const { at, processes } = await serving();
    const pauses: number[] = [];
    for (let life = 1; life <= 8; life += 1) {
      const before = processes.length;
      at(before - 1).end(KILLED);
      let pause = 0;
      while (processes.length === before) {
        await vi.advanceTimersByTimeAsync(100);
        pause += 100;
      }
      pauses.push(pause);
      at(processes.length - 1).say({ type: 'serving' });
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    const last = processes.length;
    for (let second = 0; second < 60; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      for (const process of processes) process.say({ type: 'beat' });
    }
    at(last - 1).end(KILLED);
    await vi.advanceTimersByTimeAsync(100);
    expect(processes).toHaveLength(last + 1);
  });

  it('keeps its counters and not its gauges; the next one’s are added', async () => {
    const { pool, at } = await serving();
    const before = pool.documents();
    at(0).say({ type: 'figures', document: counted(1) });
    at(1).say({ type: 'figures', document: counted(10) });
    await before;
    at(1).end(KILLED);
    const between = pool.documents();
    at(0).say({ type: 'figures', document: counted(1) });
    expect((await between).flat().map(({ name, values }) => [name, values[0]?.value])).toEqual([
      ['c_total', 1],
      ['g', 1],
      ['c_total', 10],
    ]);
    await vi.advanceTimersByTimeAsync(100);
    at(2).say({ type: 'serving' });
    const after = pool.documents();
    at(0).say({ type: 'figures', document: counted(1) });
    at(2).say({ type: 'figures', document: counted(3) });
    const counters = (await after).flat().filter(({ name }) => name === 'c_total');
    expect(counters.map(({ values }) => values[0]?.value)).toEqual([1, 10, 3]);
    expect(pool.workers().map(({ restarts }) => restarts)).toEqual([0, 1]);
  });
});

describe('a worker that does not answer', () => {
  it('holds a scrape up by a second, is asked only once, and its last figures stand in', async () => {
    const { pool, at } = await serving();
    const first = pool.documents();
    for (const index of [0, 1]) at(index).say({ type: 'figures', document: counted(7) });
    await first;
    for (let scrape = 0; scrape < 3; scrape += 1) {
      const asked = pool.documents();
      at(1).say({ type: 'figures', document: counted(8) });
      await vi.advanceTimersByTimeAsync(1000);
      const counters = (await asked).flat().filter(({ name }) => name === 'c_total');
      expect(counters.map(({ values }) => values[0]?.value)).toEqual([7, 8]);
      expect(pool.workers().map(({ ageSeconds }) => ageSeconds)).toEqual([expect.closeTo(scrape + 1), 0]);
    }
    expect(at(0).ordered('ask')).toHaveLength(2);
  });

  it('is silent after five seconds, and heard again with its next word', async () => {
    const { pool, at } = await serving();
    for (let second = 0; second < 5; second += 1) {
      expect(pool.workers().map(({ up }) => up)).toEqual([1, 1]);
      await vi.advanceTimersByTimeAsync(1000);
      at(1).say({ type: 'beat' });
    }
    expect(pool.workers().map(({ up }) => up)).toEqual([0, 1]);
    expect(pool.unready()).toEqual(['worker 0 (s00, s02) is silent']);
    expect([...pool.silentShards()]).toEqual(['s00', 's02']);
    at(0).say({ type: 'beat' });
    expect(pool.unready()).toEqual([]);
    expect(pool.silentShards().size).toBe(0);
  });

  it('is told of with a lag that grows with its silence', async () => {
    const { pool, at } = await serving();
    const lags = async (): Promise<readonly number[]> => {
      const report = pool.report();
      at(1).say({ type: 'status', shards: [shardStatus('s01', 0)] });
      await vi.advanceTimersByTimeAsync(1000);
      return (await report).shards.map(({ lagSeconds }) => lagSeconds);
    };
    const first = lags();
    at(0).say({ type: 'status', shards: [shardStatus('s00', 0.5)] });
    expect(await first).toEqual([0.5, 0]);
    expect(await lags()).toEqual([expect.closeTo(2.5), 0]);
    expect(await lags()).toEqual([expect.closeTo(3.5), 0]);
  });

  it('is ended after thirty seconds, and another takes its place', async () => {
    const { at, processes, incidents } = await serving();
    for (let second = 0; second < 31; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      at(1).say({ type: 'beat' });
    }
    expect(processes).toHaveLength(3);
    expect(at(2).orders).toEqual([expect.objectContaining({ type: 'start', worker: 0 })]);
    expect(incidents.reports.map(({ reason }) => reason)).toEqual([
      'worker_silent',
      'worker_silent',
      'worker_hung',
      'worker_hung',
      'worker_ended',
      'worker_ended',
    ]);
  });

  it('is given longer until its first word', async () => {
    const { pool, at, processes } = stage();
    const started = pool.start();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(await states(pool)).toEqual(['starting', 'starting']);
    for (const process of processes) process.say({ type: 'serving' });
    await started;
    expect(at(0).ordered('start')).toHaveLength(1);
  });

  it('whose words can’t be understood is not taken for another’s', async () => {
    const { pool, at } = await serving();
    at(0).say(
      { type: 'nonsense' } as unknown as News,
      { type: 'figures', document: [{}] } as unknown as News,
    );
    expect(await Promise.all([states(pool), vi.advanceTimersByTimeAsync(1000)])).toEqual([
      ['serving', 'serving'],
      expect.anything(),
    ]);
  });
});

describe('a drain', () => {
  it('tells every worker, and is over when their processes have ended', async () => {
    const { pool, at } = await serving();
    const drained = pool.drain();
    expect([at(0).ordered('drain'), at(1).ordered('drain')].map((orders) => orders.length)).toEqual([1, 1]);
    expect(pool.unready()).toEqual(['worker 0 (s00, s02) is draining', 'worker 1 (s01) is draining']);
    for (const process of [at(0), at(1)]) process.end({ code: 0, signal: null, error: null });
    await drained;
  });

  it('ends a worker that does not, when its time and a grace are over', async () => {
    const { pool, at } = await serving();
    let over = false;
    const drained = pool.drain().then(() => {
      over = true;
    });
    at(0).end({ code: 0, signal: null, error: null });
    await vi.advanceTimersByTimeAsync(7999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await drained;
  });

  it('starts no process again', async () => {
    const { pool, at, processes } = await serving();
    at(1).end(KILLED);
    const drained = pool.drain();
    at(0).end(KILLED);
    await drained;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(processes).toHaveLength(2);
  });

  it('is shortened by hurry, which ends nobody before it', async () => {
    const { pool, at } = await serving(60_000);
    pool.hurry();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pool.workers().map(({ worker }) => worker)).toEqual(['0', '1']);
    for (const process of [at(0), at(1)]) process.say({ type: 'beat' });
    expect(pool.unready()).toEqual([]);
    const drained = pool.drain();
    pool.hurry();
    expect(at(0).ordered('hurry')).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(7000);
    await drained;
  });
});
