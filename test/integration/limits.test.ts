/** What the proxy says of its own accord, the packets that it does not follow, and its orderly end. */
import { connect, createServer, type Socket } from 'node:net';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { packets } from '../harness/packet-writer.ts';
import { freePort } from '../harness/ports.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { ReceivedBytes } from '../harness/received-bytes.ts';
import { COM, connectRaw, type RawConnection } from '../harness/recorder.ts';
import { parseError } from '../harness/reply-reader.ts';
import { waitFor } from '../harness/wait.ts';
import { command } from './command-bytes.ts';
import { mirrored, type Servers, SHARD, startStageProxy } from './stage.ts';

const SCHEMA = `CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(50))`;

let servers: Servers;
const proxies: RunningProxy[] = [];
beforeAll(async () => {
  const [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  servers = { old, fresh };
  await old.query(`CREATE DATABASE app; USE app; ${SCHEMA}`);
  await fresh.query(`CREATE DATABASE app_new; USE app_new; ${SCHEMA}`);
});
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.kill9()));
});
afterAll(() => Promise.all([servers?.old.destroy(), servers?.fresh.destroy()]));

async function start(
  config: Readonly<Record<string, unknown>> = {},
  between: Parameters<typeof startStageProxy>[0] = servers,
): Promise<RunningProxy> {
  const proxy = await startStageProxy(between, config);
  proxies.push(proxy);
  return proxy;
}

const logIn = (proxy: RunningProxy): Promise<RawConnection> =>
  connectRaw({ host: '127.0.0.1', port: proxy.port(SHARD), user: 'root', database: 'app' });

/** A client that says nothing by itself. */
interface Bare {
  readonly socket: Socket;
  readonly bytes: ReceivedBytes;
}

async function connectBare(port: number): Promise<Bare> {
  const socket = connect({ host: '127.0.0.1', port });
  const bytes = new ReceivedBytes(socket);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { socket, bytes };
}

/** Reads the ERR packet that comes next, and the end of the connection behind it. */
async function refusalOf({ bytes }: Bare): Promise<ReturnType<typeof parseError> & { sequence: number }> {
  const { payload, sequence } = await bytes.packet();
  expect(payload[0]).toBe(0xff);
  await bytes.untilClosed();
  return { ...parseError(payload), sequence };
}

const refused = (proxy: RunningProxy, reason: string): Promise<number> =>
  proxy.metric('understudy_connections_refused_total', { reason });

describe('limits', () => {
  it('maxConnections: one more is refused with 1040, and let in once there is room', async () => {
    const proxy = await start({ maxConnections: 2 });
    const [first, second] = [await logIn(proxy), await logIn(proxy)];
    await expect(logIn(proxy)).rejects.toThrow(/1040 .*Too many connections.*maxConnections of 2/);
    expect(await refused(proxy, 'max_connections')).toBe(1);
    expect((await second.query('SELECT 1')).error).toBeNull();
    first.close();
    const third = await waitFor(() => logIn(proxy), { what: 'room for another client' });
    expect((await third.query('SELECT 1')).error).toBeNull();
  });

  it('what the old server refuses in a login is relayed, and counted by whose fault it is', async () => {
    const full = await startMariadb({ name: 'full', extra: ['--max-connections=10'] });
    try {
      const proxy = await start({}, { old: full, fresh: servers.fresh });
      const stranger = { host: '127.0.0.1', port: proxy.port(SHARD), user: 'stranger' };
      await expect(connectRaw(stranger)).rejects.toThrow(/1045/);
      expect(await refused(proxy, 'access_denied')).toBe(1);
      await waitFor(
        async () =>
          !(await full.connect().then(
            () => true,
            () => false,
          )),
        { what: 'a full old server' },
      );
      await expect(connectRaw(stranger)).rejects.toThrow(/1040 .*Too many connections$/);
      expect(await refused(proxy, 'old_refused')).toBe(1);
    } finally {
      await full.destroy();
    }
  });

  it('the old server refuses or does not answer: 1429, and it works again once it does', async () => {
    const faulty: FaultyProxy = await startFaultyProxy(servers.old);
    const proxy = await start({}, { old: faulty, fresh: servers.fresh });
    await faulty.set({ mode: 'refuse' });
    await expect(logIn(proxy)).rejects.toThrow(
      /1429 .*Unable to connect to the old server '127.0.0.1:\d+'.*shard s00/,
    );
    expect(await refused(proxy, 'old_unreachable')).toBe(1);
    await faulty.set({ mode: 'pass' });
    expect((await (await logIn(proxy)).query('SELECT 1')).error).toBeNull();
    await faulty.close();
  });

  it('the login takes too long: 1159, whoever of the two is silent', async () => {
    const mute = createServer(() => undefined);
    const port = await freePort();
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve));
    const silentServer = await start(
      { loginTimeoutMs: 200 },
      { old: { host: '127.0.0.1', port }, fresh: servers.fresh },
    );
    expect(await refusalOf(await connectBare(silentServer.port(SHARD)))).toMatchObject({
      errno: 1159,
      sequence: 0,
    });
    mute.close();

    const proxy = await start({ loginTimeoutMs: 2000 });
    const silentClient = await connectBare(proxy.port(SHARD));
    await silentClient.bytes.packet();
    const refusal = await refusalOf(silentClient);
    expect(refusal.errno).toBe(1159);
    expect(refusal.message).toContain('2000 ms');
    expect(await refused(proxy, 'login_timeout')).toBe(1);
  });

  it('a logged-in client may be silent for longer than the login timeout', async () => {
    const proxy = await start({ loginTimeoutMs: 2000 });
    const client = await logIn(proxy);
    const late = await connectBare(proxy.port(SHARD));
    await late.bytes.packet();
    await late.bytes.untilClosed();
    expect((await client.query('SELECT 1')).error).toBeNull();
  });
});

describe('broken packets', () => {
  const BROKEN: readonly (readonly [string, Buffer])[] = [
    ['a wrong packet number', packets(Buffer.alloc(40), 7)],
    ['an answer cut short', packets(Buffer.from([0, 2, 0]), 1)],
    ['a length that no login has', Buffer.of(0xfe, 0xff, 0xff, 1)],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ];

  it.each(BROKEN)('in the login (%s): this session ends with 1043, others go on', async (_name, bytes) => {
    const proxy = await start();
    const other = await logIn(proxy);
    const client = await connectBare(proxy.port(SHARD));
    await client.bytes.packet();
    client.socket.write(bytes);
    expect((await refusalOf(client)).errno).toBe(1043);
    expect(await refused(proxy, 'bad_handshake')).toBe(1);
    expect((await other.query('SELECT 1')).error).toBeNull();
    expect((await (await logIn(proxy)).query('SELECT 1')).error).toBeNull();
  });

  it('garbage instead of a greeting: 1043', async () => {
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const port = await freePort();
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
    const proxy = await start({}, { old: { host: '127.0.0.1', port }, fresh: servers.fresh });
    const client = await connectBare(proxy.port(SHARD));
    await client.bytes.untilClosed();
    expect(client.bytes.length).toBeGreaterThan(4);
    expect(await refused(proxy, 'bad_handshake')).toBe(1);
    http.close();
  });

  it('among the commands: the session goes on blind, as the server alone would have it; others are mirrored', async () => {
    const proxy = await start();
    const [broken, other] = [await logIn(proxy), await logIn(proxy)];
    const direct = await connectRaw({
      host: '127.0.0.1',
      port: servers.old.port,
      user: 'root',
      database: 'app',
    });
    for (const client of [direct, broken]) client.sendBytes(packets(Buffer.from('\x03SELECT 1'), 9));
    const said = await Promise.all([direct, broken].map(answerOrEnd));
    expect(said[1]).toEqual(said[0]);
    // An end comes a moment after the answer before it, and not at the same one on both ways.
    await waitFor(() => broken.isClosed() === direct.isClosed(), {
      what: 'both to be ended alike, or neither',
    });
    expect(await proxy.metric('understudy_relay_blind_total', { reason: 'lost_step_command' })).toBe(1);
    expect((await proxy.status()).shards[0]?.journal.byReason.opaque).toBe(1);
    expect((await other.query("INSERT INTO t VALUES (1, 'seen')")).error).toBeNull();
    await waitFor(async () => (await mirrored(proxy, { outcome: 'mirrored' })) === 1, {
      what: 'the other to be mirrored',
    });
  });

  it('among the replies: the client gets what the server sent, and others go on', async () => {
    const faulty = await startFaultyProxy(servers.old);
    const proxy = await start({}, { old: faulty, fresh: servers.fresh });
    const client = await logIn(proxy);
    await faulty.set({ mode: 'garbage', afterBytes: 5, seed: 11 });
    client.sendBytes(command(COM.QUERY, "SELECT REPEAT('x', 1000)"));
    const before = client.received().length;
    await waitFor(() => client.received().length - before > 1000, { what: 'the spoilt reply' });
    await waitFor(
      async () => (await proxy.metric('understudy_relay_blind_total', { reason: 'lost_step_reply' })) === 1,
      {
        what: 'the session to be blind',
      },
    );
    await faulty.set({ mode: 'pass' });
    client.sendBytes(command(COM.QUERY, "SELECT 'still here'"));
    await waitFor(() => client.received().includes('still here'), { what: 'the next reply' });
    expect((await (await logIn(proxy)).query('SELECT 1')).error).toBeNull();
    await faulty.close();
  });
});

/** What a client reads until the server goes silent about its one command, or ends the connection. */
async function answerOrEnd(client: RawConnection): Promise<string> {
  const from = client.received().length;
  await waitFor(() => client.received().length > from || client.isClosed(), { what: 'an answer or the end' });
  return client.received().subarray(from).toString('latin1');
}

describe('drain', () => {
  const inTransaction = async (proxy: RunningProxy, id: number): Promise<RawConnection> => {
    const client = await logIn(proxy);
    await client.query('BEGIN');
    expect((await client.query(`REPLACE INTO t VALUES (${id}, 'drained')`)).error).toBeNull();
    return client;
  };
  const rowsWith = async (server: Servers['old'], database: string, id: number): Promise<number> => {
    const [row] = await server.query<RowDataPacket[]>(
      `SELECT COUNT(*) AS n FROM ${database}.t WHERE id = ${id}`,
    );
    return Number(row?.n);
  };

  it('idle sessions end at once, one in a transaction at its end; what was mirrored arrives; exit code 0', async () => {
    const proxy = await start();
    const [idle, working, busy] = [await logIn(proxy), await inTransaction(proxy, 100), await logIn(proxy)];
    busy.sendBytes(command(COM.QUERY, 'SELECT SLEEP(0.3), 7'));
    await waitFor(async () => (await proxy.metric('understudy_connections', { state: 'busy' })) === 1, {
      what: 'a busy session',
    });
    const stopped = proxy.stop();
    await idle.readUntilClosed();
    await expect(logIn(proxy)).rejects.toThrow(/ECONNREFUSED/);
    // The running query is answered before its session ends.
    expect((await busy.readReply('query')).results[0]?.rows).toHaveLength(1);
    await busy.readUntilClosed();
    expect((await working.query('SELECT COUNT(*) FROM t')).error).toBeNull();
    expect((await working.query('COMMIT')).error).toBeNull();
    await working.readUntilClosed();
    expect(await stopped).toEqual({ code: 0, signal: null });
    expect(await rowsWith(servers.old, 'app', 100)).toBe(1);
    expect(await rowsWith(servers.fresh, 'app_new', 100)).toBe(1);
  });

  it('drainTimeoutMs ends those that stay; nothing of theirs is committed', async () => {
    const proxy = await start({ drainTimeoutMs: 200 });
    const [forgetful, sleeping] = [await inTransaction(proxy, 200), await logIn(proxy)];
    sleeping.sendBytes(command(COM.QUERY, 'SELECT SLEEP(30)'));
    const stopped = proxy.stop();
    await Promise.all([forgetful, sleeping].map((client) => client.readUntilClosed()));
    expect(await stopped).toEqual({ code: 0, signal: null });
    await waitFor(async () => (await rowsWith(servers.old, 'app', 200)) === 0, { what: 'the rollback' });
    expect(await rowsWith(servers.fresh, 'app_new', 200)).toBe(0);
  });

  it('drainTimeoutMs ends also one whose client has stopped to read', async () => {
    const proxy = await start({ drainTimeoutMs: 200 });
    const client = await logIn(proxy);
    client.pauseReading();
    const relayed = (): Promise<number> =>
      proxy.metric('understudy_relayed_bytes_total', { direction: 'to_client' });
    const before = await relayed();
    client.sendBytes(command(COM.QUERY, "SELECT REPEAT('x', 1000000) FROM seq_1_to_100"));
    await waitFor(async () => (await relayed()) > before + 1_000_000, { what: 'the result to be under way' });
    expect(await proxy.stop()).toEqual({ code: 0, signal: null });
    client.close();
  });

  it('a second SIGTERM ends them at once', async () => {
    const proxy = await start();
    const client = await inTransaction(proxy, 300);
    proxy.child.signal('SIGTERM');
    await waitFor(async () => (await proxy.status()).draining, { what: 'the drain to begin' });
    proxy.child.signal('SIGTERM');
    await client.readUntilClosed();
    expect(await proxy.child.exited).toEqual({ code: 0, signal: null });
  });
});
