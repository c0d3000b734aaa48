/** How a proxy of several workers ends: drained, killed, or before it began. Nothing of it is left in any case. */
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { childrenOf, runs } from '../harness/processes.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import {
  connectTo,
  logLines,
  makeDatabases,
  SHARDS,
  startWorkers,
  untilWorker,
  workerPid,
  workersConfig,
} from './workers-stage.ts';

let mariadb: Mariadb;
const proxies: RunningProxy[] = [];
/** Of all proxies: workers that did not end by themselves would outlive the test. */
const started: number[] = [];

beforeAll(async () => {
  mariadb = await startMariadb();
  await makeDatabases(mariadb);
});

afterAll(async () => {
  for (const pid of started.filter(runs)) process.kill(pid, 'SIGKILL');
  await Promise.all(proxies.map((proxy) => proxy.kill9()));
  await mariadb?.destroy();
});

async function start(more: Readonly<Record<string, unknown>> = {}): Promise<RunningProxy> {
  const proxy = await startWorkers(mariadb, more);
  proxies.push(proxy);
  started.push(...childrenOf(proxy.pid));
  return proxy;
}

async function untilAllGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => !pids.some(runs), { what: `the processes ${pids.join(', ')} to end` });
}

async function untilPortsAreFree(proxy: RunningProxy): Promise<void> {
  for (const shard of SHARDS) {
    await waitFor(() => canListen(proxy.port(shard)), { what: `the port of ${shard} to be free` });
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

describe('a drain', () => {
  it('waits for the transactions of every worker, and ends them all with code 0', async () => {
    const proxy = await start();
    const workers = childrenOf(proxy.pid);
    const idle = await Promise.all(SHARDS.slice(2).map((shard) => connectTo(mariadb, proxy, shard)));
    const busy = await Promise.all(SHARDS.slice(0, 2).map((shard) => connectTo(mariadb, proxy, shard)));
    for (const client of busy) await client.query('BEGIN');
    for (const client of busy) await client.query('INSERT INTO messages VALUES (900, 1)');
    const closed = idle.map((client) => new Promise<void>((resolve) => client.on('error', () => resolve())));

    const stopped = proxy.stop();
    await Promise.all(closed);
    expect((await fetch(`${proxy.adminUrl}/readyz`)).status).toBe(503);
    for (const client of busy) await client.query('COMMIT');
    expect(await stopped).toEqual({ code: 0, signal: null });
    await untilAllGone(workers);
    for (const shard of SHARDS.slice(0, 2)) {
      for (const side of ['old', 'new']) {
        const rows = await mariadb.query(
          `SELECT folderid FROM ${side}_${shard}.messages WHERE folderid = 900`,
        );
        expect(rows, `${side}_${shard}`).toHaveLength(1);
      }
    }
    for (const client of [...idle, ...busy]) client.destroy();
    expect(logLines(proxy).filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is hurried by a second signal', async () => {
    const proxy = await start();
    const client = await connectTo(mariadb, proxy, 's01');
    await client.query('BEGIN');
    await client.query('INSERT INTO messages VALUES (901, 1)');
    const closed = new Promise<void>((resolve) => client.on('error', () => resolve()));
    proxy.child.signal('SIGINT');
    await waitFor(async () => (await proxy.status()).draining, { what: 'the drain' });
    proxy.child.signal('SIGINT');
    await closed;
    expect(await proxy.child.exited).toEqual({ code: 0, signal: null });
    client.destroy();
  });
});

describe('a supervisor that is killed', () => {
  it('leaves no process and no listener', async () => {
    const proxy = await start({ drainTimeoutMs: 500 });
    const workers = childrenOf(proxy.pid);
    expect(workers).toHaveLength(2);
    const client = await connectTo(mariadb, proxy, 's00');
    client.on('error', () => {});
    await client.query('BEGIN');
    await client.query('INSERT INTO messages VALUES (902, 1)');
    proxy.child.signal('SIGKILL');
    await untilAllGone(workers);
    await untilPortsAreFree(proxy);
    client.destroy();
  });
});

describe('a start', () => {
  it('fails whole, with code 2 and the reason, where one worker can’t have a port', async () => {
    const config = await workersConfig(mariadb);
    const taken = config.shards[3]?.port ?? 0;
    const holder = createServer().listen(taken, '127.0.0.1');
    const proxy = await startProxy({ config, waitUntilReady: false });
    try {
      expect(await proxy.child.exited).toEqual({ code: 2, signal: null });
      expect(proxy.child.stderr()).toMatch(
        new RegExp(`^shard s03: can't listen on 127\\.0\\.0\\.1:${taken}: .*EADDRINUSE`),
      );
      expect(proxy.child.stderr().trimEnd().split('\n')).toHaveLength(1);
    } finally {
      holder.close();
    }
    await untilPortsAreFree(proxy);
  });

  it('of a worker again and again, while its port is taken, keeps the others serving', async () => {
    const proxy = await start();
    const other = await connectTo(mariadb, proxy, 's01');
    const pid = await workerPid(proxy, 0);
    process.kill(pid, 'SIGSTOP');
    process.kill(pid, 'SIGKILL');
    await waitFor(() => canListen(proxy.port('s00')), { what: 'the port to be free' });
    const holder = createServer();
    await waitFor(
      () =>
        new Promise<boolean>((resolve) => {
          holder.once('error', () => resolve(false));
          holder.listen(proxy.port('s00'), '127.0.0.1', () => resolve(true));
        }),
      { what: 'the port' },
    );
    await waitFor(
      () =>
        logLines(proxy).some(
          ({ incident, reason }) => incident === 'worker_ended' && `${reason}`.includes('EADDRINUSE'),
        ),
      { what: 'the log to say why the worker can’t start' },
    );
    await other.query('DO 1');
    await new Promise((resolve) => holder.close(resolve));
    await untilWorker(proxy, 0, 'serving');
    other.destroy();
  });
});
