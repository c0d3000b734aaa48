/** The harness itself: a test that stands on it must be able to trust it. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { contentOf, createSchema, seed } from '../harness/message-centre.ts';
import { createLoad } from '../harness/message-centre-load.ts';
import { freePorts } from '../harness/ports.ts';
import { startChild } from '../harness/process.ts';
import { startPrometheus } from '../harness/prometheus.ts';
import { makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { expectRowsKept } from './server-restarts.ts';

describe('a MariaDB server', () => {
  let server: Mariadb;
  beforeAll(async () => {
    server = await startMariadb({ ed25519: true });
  });
  afterAll(() => server.destroy());

  it('keeps its data over a restart and over kill -9', () => expectRowsKept(server));

  it('answers nothing while it is paused, and goes on afterwards', async () => {
    server.pause();
    const attempt = server.connect({ connectTimeout: 300 });
    await expect(attempt).rejects.toThrow('ETIMEDOUT');
    server.resume();
    expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('knows client_ed25519 accounts where asked to', async () => {
    await server.query("CREATE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')");
    const rows = await server.query<RowDataPacket[]>("SELECT plugin FROM mysql.user WHERE user = 'ed'");
    expect(rows).toEqual([{ plugin: 'ed25519' }]);
  });

  it('says what is wrong when it does not start', async () => {
    await expect(startMariadb({ extra: ['--no-such-option'] })).rejects.toThrow('no-such-option');
  });
});

describe('a child process', () => {
  it('is killed when it does not heed SIGTERM', async () => {
    const child = await startChild({
      name: 'deaf',
      command: 'sh',
      args: ['-c', "trap '' TERM; echo deaf; while :; do sleep 0.1; done"],
    });
    await waitFor(() => child.stdout().includes('deaf'), { what: 'the trap to be set' });
    expect(await child.stop(200)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('shows its output when it ends before it is ready', async () => {
    const start = startChild({
      name: 'short-lived',
      command: 'sh',
      args: ['-c', 'echo what went wrong >&2; exit 3'],
      ready: async () => false,
    });
    await expect(start).rejects.toThrow(/exit code 3.*what went wrong/s);
  });

  it('is named when its command does not exist', async () => {
    await expect(startChild({ name: 'ghost', command: '/no/such/command', args: [] })).rejects.toThrow(
      /ghost/,
    );
  });
});

describe('etcd', () => {
  it('takes a put and gives it back, also after kill -9', async () => {
    const etcd = await startEtcd();
    await etcd.put('/a/reads', '12.5');
    await etcd.put('/a/writes', '-1');
    await etcd.kill9();
    await etcd.restart();
    expect(await etcd.get('/a/reads')).toBe('12.5');
    expect(await etcd.list('/a/')).toEqual(
      new Map([
        ['/a/reads', '12.5'],
        ['/a/writes', '-1'],
      ]),
    );
    await etcd.del('/a/reads');
    expect(await etcd.get('/a/reads')).toBeUndefined();
    await etcd.stop();
  });

  it('asks for a password and a client certificate where told to', async () => {
    const tls = await makeCertificates();
    const etcd: Etcd = await startEtcd({ tls, auth: { user: 'understudy', password: 'secret' } });
    await etcd.put('/a', 'b');
    expect(await etcd.get('/a')).toBe('b');
    const env = { ETCDCTL_API: '3' };
    const bare = ['--endpoints', etcd.url, '--cacert', tls.ca, '--dial-timeout=1s', '--command-timeout=1s'];
    const noCertificate = await runCommand('etcdctl', [...bare, 'get', '/a'], { env });
    expect(noCertificate.code).not.toBe(0);
    const withCertificate = [...bare, '--cert', tls.client.certificate, '--key', tls.client.key];
    const noPassword = await runCommand('etcdctl', [...withCertificate, 'get', '/a'], { env });
    expect(noPassword.stderr).toMatch(/user name is empty|permission denied/);
    await etcd.stop();
  });
});

it('Prometheus scrapes itself and answers queries', async () => {
  const [port = 0] = await freePorts(1);
  const silent = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
  const prometheus = await startPrometheus({ targets: [`127.0.0.1:${port}`] });
  await waitFor(async () => (await prometheus.targets()).some((target) => target.health === 'down'), {
    what: 'the target that is no HTTP server to be down',
  });
  expect(await prometheus.query('up')).toEqual([
    { metric: { __name__: 'up', instance: `127.0.0.1:${port}`, job: 'understudy' }, value: 0 },
  ]);
  expect(await prometheus.query('scalar(vector(7))')).toEqual([{ metric: {}, value: 7 }]);
  await prometheus.stop();
  silent.close();
});

describe('the faulty proxy', () => {
  let server: Mariadb;
  let faulty: FaultyProxy;
  beforeAll(async () => {
    server = await startMariadb();
    faulty = await startFaultyProxy(server);
  });
  afterEach(() => faulty.set({ mode: 'pass' }));
  afterAll(async () => {
    await faulty.close();
    await server.destroy();
  });
  const connect = () => server.connect({ port: faulty.port, connectTimeout: 1000 });

  it('passes', async () => {
    const connection = await connect();
    const [rows] = await connection.query<RowDataPacket[]>("SELECT REPEAT('x', 3000000) AS text");
    expect(rows[0]?.text).toHaveLength(3_000_000);
    await connection.end();
  });

  it('delays', async () => {
    const connection = await connect();
    await faulty.set({ mode: 'latency', ms: 150 });
    const started = performance.now();
    await connection.query('SELECT 1');
    expect(performance.now() - started).toBeGreaterThan(290);
    connection.destroy();
  });

  it('refuses, and cuts the connections that stand', async () => {
    const connection = await connect();
    const cut = new Promise<Error>((resolve) => connection.on('error', resolve));
    await faulty.set({ mode: 'refuse' });
    await cut;
    await expect(connect()).rejects.toThrow('ECONNREFUSED');
    await faulty.set({ mode: 'pass' });
    await (await connect()).end();
  });

  it('hangs after accept, and gives what it held when it goes on', async () => {
    const standing = await connect();
    await faulty.set({ mode: 'hang' });
    await expect(connect()).rejects.toThrow('ETIMEDOUT');
    let answered = false;
    const held = standing.query('SELECT 5 AS five').then(([rows]) => {
      answered = true;
      return rows;
    });
    await expect(connect()).rejects.toThrow('ETIMEDOUT');
    expect(answered).toBe(false);
    await faulty.set({ mode: 'pass' });
    expect(await held).toEqual([{ five: 5 }]);
    await standing.end();
  });

  it('says garbage after so many bytes', async () => {
    const connection = await connect();
    await faulty.set({ mode: 'garbage', afterBytes: 5, seed: 3 });
    await expect(connection.query({ sql: "SELECT REPEAT('x', 100000)", timeout: 500 })).rejects.toThrow();
    connection.destroy();
    const good = await greetingOf(server);
    const spoilt = await greetingOf(faulty);
    expect(spoilt.subarray(0, 5)).toEqual(good.subarray(0, 5));
    expect(spoilt.subarray(5, 15)).not.toEqual(good.subarray(5, 15));
  });

  it('closes in mid-reply', async () => {
    const connection = await connect();
    await faulty.set({ mode: 'close', afterBytes: 50_000 });
    await expect(connection.query("SELECT REPEAT('x', 100000)")).rejects.toThrow(/closed|lost/i);
  });

  it('throttles: a reply comes in slices', async () => {
    const connection = await connect();
    await faulty.set({ mode: 'throttle', bytesPerSecond: 100_000 });
    const started = performance.now();
    await connection.query("SELECT REPEAT('x', 50000)");
    expect(performance.now() - started).toBeGreaterThan(400);
    connection.destroy();
  });

  it('leaves the client half open when the server is gone', async () => {
    const connection = await connect();
    const [rows] = await connection.query<RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
    await faulty.set({ mode: 'half-open' });
    await waitFor(
      async () => {
        const found = await server.query<RowDataPacket[]>(
          'SELECT id FROM information_schema.processlist WHERE id = ?',
          [rows[0]?.id],
        );
        return found.length === 0;
      },
      { what: 'the server to see the connection gone' },
    );
    expect(faulty.connections()).toBeGreaterThan(0);
    const pending = connection.query({ sql: 'SELECT 1', timeout: 200 });
    await expect(pending).rejects.toThrow(/inactivity timeout/i);
    connection.destroy();
  });
});

describe('the message centre', () => {
  let old: Mariadb;
  let fresh: Mariadb;
  beforeAll(async () => {
    [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
    await createSchema(old, 'mc_00', { engine: 'MyISAM', unmoved: true });
    await createSchema(fresh, 'shard_00', { engine: 'InnoDB', unmoved: false });
  });
  afterAll(() => Promise.all([old.destroy(), fresh.destroy()]));

  it('holds the same rows for the same seed, whatever the engine', async () => {
    const rows = await seed(old, 'mc_00', { seed: 1, folders: 60, rowsMax: 500 });
    expect(await seed(fresh, 'shard_00', { seed: 1, folders: 60, rowsMax: 500 })).toBe(rows);
    expect(rows).toBeGreaterThan(60 * 8);
    const content = await contentOf(old, 'mc_00');
    expect(await contentOf(fresh, 'shard_00')).toEqual(content);
    await fresh.query('UPDATE shard_00.likes SET title = NULL WHERE title IS NOT NULL LIMIT 1');
    const changed = await contentOf(fresh, 'shard_00');
    expect(changed).toEqual({ ...content, likes: changed.likes });
    expect(changed.likes).not.toBe(content.likes);
  });

  it('its sessions run without an error, several at once, and find rows', async () => {
    const before = await contentOf(old, 'mc_00');
    let rowsRead = 0;
    let reads = 0;
    const runStream = async (stream: number): Promise<void> => {
      const load = createLoad({ seed: 1, folders: 60, stream });
      for (let session = 0; session < 40; session += 1) {
        const connection = await old.connect({ database: 'mc_00', supportBigNumbers: true });
        for (const { sql, params, prepared, kind } of load.next().statements) {
          const [result] = prepared
            ? await connection.execute(
                sql,
                params.map((value) => (typeof value === 'bigint' ? String(value) : value)),
              )
            : await connection.query(sql);
          if (kind === 'read' && Array.isArray(result)) {
            reads += 1;
            rowsRead += result.length;
          }
        }
        await connection.end();
      }
    };
    await Promise.all([0, 1, 2, 3].map(runStream));
    expect(rowsRead / reads).toBeGreaterThan(1);
    expect(await contentOf(old, 'mc_00')).not.toEqual(before);
  });
});

describe('nothing is left behind', () => {
  const HOLDER = fileURLToPath(new URL('../harness/left-behind.ts', import.meta.url));

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('when the process is ended by %s', async (signal) => {
    const holder = spawn(process.execPath, ['--import', 'tsx', HOLDER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve, reject) => {
      holder.stdout.once('data', (data: Buffer) => resolve(data.toString()));
      holder.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
    });
    const { pids, directory } = JSON.parse(line) as { pids: number[]; directory: string };
    expect(pids.every(lives)).toBe(true);
    expect(existsSync(directory)).toBe(true);
    holder.removeAllListeners('exit');
    holder.kill(signal);
    await waitFor(() => !pids.some(lives) && !existsSync(directory), { what: 'everything of it to be gone' });
    expect(readdirSync(tmpdir())).not.toContain(directory.split('/')[2]);
  });
});

/** The first bytes that a server says to a connection. */
function greetingOf(target: { host: string; port: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(target.port, target.host);
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data);
    });
  });
}

/** A process that ended but whose parent has not looked yet (state Z) lives no more. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
