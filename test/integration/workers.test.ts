/** Shards shared out over worker processes: one picture of them all, and what becomes of it when one is in trouble. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { childrenOf } from '../harness/processes.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import {
  connectTo,
  logLines,
  makeDatabases,
  OF_WORKER_0,
  OF_WORKER_1,
  SHARDS,
  type ShardName,
  startWorkers,
  untilLine,
  untilWorker,
  workerPid,
  writeRatios,
} from './workers-stage.ts';

let mariadb: Mariadb;
let proxy: RunningProxy;
const clients = new Map<ShardName, Connection>();

beforeAll(async () => {
  mariadb = await startMariadb();
  await makeDatabases(mariadb);
  proxy = await startWorkers(mariadb);
  for (const shard of SHARDS) clients.set(shard, await connectTo(mariadb, proxy, shard));
});

afterAll(async () => {
  for (const client of clients.values()) client.destroy();
  await proxy?.stop();
  await mariadb?.destroy();
});

function client(shard: ShardName): Connection {
  const found = clients.get(shard);
  if (found === undefined) throw new Error(`no client of ${shard}`);
  return found;
}

async function connectionId(of: Connection): Promise<unknown> {
  const [rows] = await of.query('SELECT CONNECTION_ID() AS id');
  return rows;
}

/** Resolves when the connection breaks. */
function broken(connection: Connection): Promise<void> {
  return new Promise((resolve) => connection.on('error', () => resolve()));
}

const answered = (shard: ShardName, kind: string) =>
  proxy.metric('understudy_statements_total', { shard, kind, outcome: 'ok' });
const mirrored = (shard: ShardName) =>
  proxy.metric('understudy_mirror_statements_total', { shard, outcome: 'mirrored' });
const readyCode = async () => (await fetch(`${proxy.adminUrl}/readyz`)).status;

describe('two workers and their supervisor', () => {
  it('have a process each, and share the shards out', async () => {
    const { pid, workers, shards } = await proxy.status();
    expect(
      workers.map(({ worker, state, restarts, shards: own }) => ({ worker, state, restarts, own })),
    ).toEqual([
      { worker: 0, state: 'serving', restarts: 0, own: OF_WORKER_0 },
      { worker: 1, state: 'serving', restarts: 0, own: OF_WORKER_1 },
    ]);
    expect(pid).toBe(proxy.pid);
    expect(childrenOf(proxy.pid).sort()).toEqual(workers.map((worker) => worker.pid).sort());
    expect(shards.map(({ name }) => name)).toEqual(SHARDS);
  });

  it('are counted together: the sums are what was sent', async () => {
    const before = await proxy.metrics();
    for (const [index, shard] of SHARDS.entries()) {
      const folders = Array.from({ length: 10 * (index + 1) }, (_, folder) => folder);
      for (const folder of folders) await client(shard).query('INSERT INTO messages VALUES (?, 1)', [folder]);
      for (const folder of folders)
        await client(shard).query('SELECT ts FROM messages WHERE folderid = ?', [folder]);
    }
    for (const [index, shard] of SHARDS.entries()) {
      expect([await answered(shard, 'write'), await answered(shard, 'read')]).toEqual([
        10 * (index + 1),
        10 * (index + 1),
      ]);
      await waitFor(async () => (await mirrored(shard)) === 20 * (index + 1), {
        what: `${20 * (index + 1)} mirrored statements of ${shard}`,
      });
    }
    const counted = 'understudy_statement_duration_seconds_count{cluster="old",kind="write"}';
    expect((await proxy.metrics()).get(counted)).toBe((before.get(counted) ?? 0) + 100);
  });

  it('each say what is true of one process alone', async () => {
    const samples = await proxy.metrics();
    const processes = (family: string) =>
      [...samples.keys()]
        .filter((key) => key.startsWith(`${family}{`))
        .map((key) => /worker="(\w+)"/.exec(key)?.[1])
        .sort();
    const each = ['0', '1', 'supervisor'];
    expect(processes('understudy_build_info')).toEqual(each);
    expect(processes('nodejs_heap_size_used_bytes')).toEqual(each);
    expect(processes('process_start_time_seconds')).toEqual(each);
    expect(new Set(processes('understudy_event_loop_lag_seconds'))).toEqual(new Set(each));
    expect(processes('understudy_worker_up')).toEqual(['0', '1']);
    expect(samples.get('understudy_control_connected')).toBe(1);
    expect([...samples.values()].filter(Number.isNaN).length).toBeLessThan(10);
  });

  it('export together what promtool finds no fault with', async () => {
    const input = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
    const done = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect(done.stdout + done.stderr).toBe('');
    expect(done.status).toBe(0);
  });

  it('take a change of the ratios up on connections that are open', async () => {
    const config = JSON.parse(readFileSync(proxy.configFile, 'utf8'));
    const before = await Promise.all(SHARDS.map((shard) => connectionId(client(shard))));
    const turnTo = async (percent: number) => {
      writeRatios(proxy, config, percent);
      await waitFor(
        async () => {
          const { shards } = await proxy.status();
          return shards.length === SHARDS.length && shards.every(({ ratios }) => ratios.reads === percent);
        },
        { what: `every shard to have ${percent} %` },
      );
    };
    const readAll = () =>
      Promise.all(SHARDS.map((shard) => client(shard).query('SELECT ts FROM messages WHERE folderid = 1')));
    const left = () => proxy.metric('understudy_mirror_not_sampled_total', { kind: 'read' });

    const leftBefore = await left();
    await turnTo(0);
    await readAll();
    expect((await left()) - leftBefore).toBe(SHARDS.length);
    await turnTo(100);
    await readAll();
    expect((await left()) - leftBefore).toBe(SHARDS.length);
    expect(await Promise.all(SHARDS.map((shard) => connectionId(client(shard))))).toEqual(before);
  });

  it('read again on SIGHUP, and go on', async () => {
    proxy.child.signal('SIGHUP');
    const told = await waitFor(
      () => {
        const lines = logLines(proxy).filter(({ msg }) => msg.startsWith('reading again'));
        return lines.length >= 2 && lines.map(({ worker }) => worker).sort();
      },
      { what: 'both workers to read again' },
    );
    expect(told).toEqual([0, 1]);
    await client('s00').query('DO 1');
    await client('s01').query('DO 1');
  });

  it('obey the supervisor alone: a signal to the whole group ends no worker by itself', async () => {
    for (const worker of [0, 1]) {
      const pid = await workerPid(proxy, worker);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    }
    await Promise.all(SHARDS.map((shard) => client(shard).query('DO 1')));
    expect((await proxy.status()).workers.map(({ state, restarts }) => [state, restarts])).toEqual([
      ['serving', 0],
      ['serving', 0],
    ]);
  });
});

describe('a worker that does not answer', () => {
  it('is told of, and does not keep the others’ figures from anybody', async () => {
    const before = await answered('s00', 'read');
    const pid = await workerPid(proxy, 0);
    process.kill(pid, 'SIGSTOP');
    try {
      await untilWorker(proxy, 0, 'silent');
      await client('s01').query('SELECT ts FROM messages WHERE folderid = 1');
      const samples = await proxy.metrics();
      expect(samples.get('understudy_worker_up{worker="0"}')).toBe(0);
      expect(samples.get('understudy_worker_up{worker="1"}')).toBe(1);
      expect(samples.get('understudy_worker_figures_age_seconds{worker="0"}')).toBeGreaterThan(0);
      expect(samples.get('understudy_worker_figures_age_seconds{worker="1"}')).toBe(0);
      expect(await answered('s00', 'read')).toBe(before);
      expect(await readyCode()).toBe(503);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await untilWorker(proxy, 0, 'serving');
    await client('s00').query('DO 1');
    expect(await readyCode()).toBe(200);
    const told = { level: 'error', incident: 'worker_silent', worker: 0, shards: OF_WORKER_0 };
    await untilLine(proxy, ({ incident }) => incident === 'worker_silent');
    expect(logLines(proxy)).toContainEqual(expect.objectContaining(told));
  });
});

describe('a worker that is killed', () => {
  it('loses its own shards’ connections alone, and another takes its place', async () => {
    const before = await proxy.metrics();
    const ids = await Promise.all(OF_WORKER_1.map((shard) => connectionId(client(shard))));
    const pid = await workerPid(proxy, 0);
    const lost = OF_WORKER_0.map((shard) => broken(client(shard)));
    process.kill(pid, 'SIGKILL');
    await Promise.all(lost);
    expect(await Promise.all(OF_WORKER_1.map((shard) => connectionId(client(shard))))).toEqual(ids);
    await waitFor(async () => (await workerPid(proxy, 0)) !== pid, { what: 'another process' });
    await untilWorker(proxy, 0, 'serving');
    for (const shard of OF_WORKER_0) clients.set(shard, await connectTo(mariadb, proxy, shard));
    await client('s00').query('SELECT ts FROM messages WHERE folderid = 1');

    const after = await proxy.metrics();
    const back = [...before].filter(
      ([key, value]) => /_(total|count|bucket|sum)(\{|$)/.test(key) && !((after.get(key) ?? -1) >= value),
    );
    expect(back).toEqual([]);
    const reads = 'understudy_statements_total{kind="read",outcome="ok",shard="s00"}';
    expect(after.get(reads)).toBe((before.get(reads) ?? 0) + 1);
    expect(after.get('understudy_worker_restarts_total{worker="0"}')).toBe(1);
    expect(after.get('understudy_worker_restarts_total{worker="1"}')).toBe(0);
  });

  it('leaves an incident in the log', async () => {
    await untilLine(proxy, ({ incident }) => incident === 'worker_ended');
    expect(logLines(proxy)).toContainEqual(
      expect.objectContaining({
        level: 'error',
        incident: 'worker_ended',
        worker: 0,
        signal: 'SIGKILL',
        shards: OF_WORKER_0,
      }),
    );
  });

  it('owes no full pass: what its process had noted is on disk', async () => {
    const { shards } = await proxy.status();
    expect(shards.map(({ name, journal }) => [name, journal.reset, journal.failing])).toEqual(
      ['s00', 's01', 's02', 's03'].map((name) => [name, false, null]),
    );
  });

  it('gets the ratios of now before it serves', async () => {
    const config = JSON.parse(readFileSync(proxy.configFile, 'utf8'));
    const pid = await workerPid(proxy, 1);
    process.kill(pid, 'SIGKILL');
    writeRatios(proxy, config, 37.5);
    await waitFor(async () => (await workerPid(proxy, 1)) !== pid, { what: 'another process' });
    await untilWorker(proxy, 1, 'serving');
    await waitFor(
      async () => {
        const { shards } = await proxy.status();
        return shards.length === SHARDS.length && shards.every(({ ratios }) => ratios.writes === 37.5);
      },
      { what: 'every shard to have 37.5 %' },
    );
  });
});
