/** The PROXY protocol: taken from trusted addresses, from nobody else, and told to the old server. */
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ProxiedEndpoints, writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { freePort } from '../harness/ports.ts';
import { startChild } from '../harness/process.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { ReceivedBytes } from '../harness/received-bytes.ts';
import { parseError } from '../harness/reply-reader.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { type Servers, SHARD, startStageProxy } from './stage.ts';

const VERSIONS = ['v1', 'v2'] as const;
const LOCAL = writeProxyHeader('v2', null);
const ACCOUNT = { user: 'app', password: 'a secret', database: 'app' };
const CLIENT: ProxiedEndpoints = {
  source: { address: '10.1.2.3', port: 40_000 },
  destination: { address: '10.0.0.1', port: 3306 },
};
const CLIENT_V6: ProxiedEndpoints = {
  source: { address: '2001:db8::7', port: 40_000 },
  destination: { address: '2001:db8::1', port: 3306 },
};

let servers: Servers;
/** Counts the connections to the old server. */
let door: FaultyProxy;
const running: { kill9(): Promise<unknown> }[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  const networks = '--proxy-protocol-networks=127.0.0.0/8';
  const [old, fresh] = await Promise.all([
    startMariadb({ name: 'old', extra: [networks] }),
    startMariadb({ name: 'new' }),
  ]);
  servers = { old, fresh };
  await old.query(`CREATE DATABASE app; CREATE USER app@'%' IDENTIFIED BY '${ACCOUNT.password}';
    GRANT ALL ON app.* TO app@'%'; CREATE TABLE app.t (id INT PRIMARY KEY)`);
  await fresh.query('CREATE DATABASE app_new; CREATE TABLE app_new.t (id INT PRIMARY KEY)');
  door = await startFaultyProxy(old);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((process) => process.kill9()));
});
afterAll(async () => {
  await door?.close();
  await Promise.all([servers?.old.destroy(), servers?.fresh.destroy()]);
});

async function start(
  config: Readonly<Record<string, unknown>>,
  trusted?: readonly string[],
): Promise<RunningProxy> {
  const listen = trusted === undefined ? {} : { listen: { proxyProtocol: { trusted } } };
  const proxy = await startStageProxy({ old: door, fresh: servers.fresh }, { ...listen, ...config });
  running.push(proxy);
  return proxy;
}

async function dial(port: number, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
  sockets.push(socket);
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return socket;
}

/** A client whose connection begins with `pieces`, sent one by one. */
async function logIn(port: number, pieces: readonly Buffer[], from?: string): Promise<Connection> {
  const socket = await dial(port, from);
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  return createConnection({ ...ACCOUNT, stream: socket });
}

async function whoAmI(connection: Connection): Promise<unknown> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT USER() AS user');
  connection.destroy();
  return rows[0]?.user;
}

/** What the proxy says before it hangs up. */
async function refusalOf(socket: Socket): Promise<string> {
  const bytes = new ReceivedBytes(socket);
  const { payload } = await bytes.packet();
  await bytes.untilClosed();
  return payload[0] === 0xff ? parseError(payload).message : `packet ${payload[0]}`;
}

const untilLogged = (proxy: RunningProxy, text: string): Promise<boolean> =>
  waitFor(() => proxy.logs().includes(text), { what: `${text} in the log` });
const refused = (proxy: RunningProxy, reason: string): Promise<number> =>
  proxy.metric('understudy_connections_refused_total', { reason });
const inLogin = (proxy: RunningProxy): Promise<number> =>
  proxy.metric('understudy_connections', { state: 'login' });

describe('from a trusted address', () => {
  it.each(VERSIONS)('%s is taken, whole or byte by byte, and the old server is told', async (version) => {
    const proxy = await start({ oldProxyProtocol: version }, ['127.0.0.0/8']);
    const header = writeProxyHeader(version, CLIENT);
    expect(await whoAmI(await logIn(proxy.port(SHARD), [header]))).toBe('app@10.1.2.3');
    const bytes = [...header].map((byte) => Buffer.of(byte));
    expect(await whoAmI(await logIn(proxy.port(SHARD), bytes))).toBe('app@10.1.2.3');
    const v6 = await logIn(proxy.port(SHARD), [writeProxyHeader(version, CLIENT_V6)]);
    const [rows] = await servers.old.query<RowDataPacket[][]>(
      "SELECT HOST AS host FROM information_schema.PROCESSLIST WHERE USER = 'app'; SELECT 1",
    );
    expect(rows).toEqual([{ host: '2001:db8::7:40000' }]);
    expect(await whoAmI(v6)).toBe('app@2001:db8::7');
  });

  it('a header without addresses, or extensions that nobody reads, are as good', async () => {
    const proxy = await start({ oldProxyProtocol: 'v2' }, ['127.0.0.1']);
    const unknown = Buffer.from('PROXY UNKNOWN and more\r\n');
    expect(await whoAmI(await logIn(proxy.port(SHARD), [unknown]))).toBe('app@127.0.0.1');
    const header = writeProxyHeader('v2', CLIENT);
    const extension = Buffer.from('e000036162630400020000', 'hex');
    const extended = Buffer.concat([header, extension]);
    extended.writeUInt16BE(extended.length - 16, 14);
    expect(await whoAmI(await logIn(proxy.port(SHARD), [extended]))).toBe('app@10.1.2.3');
  });

  it('the log names the client, and what follows the header is the client’s', async () => {
    const proxy = await start({}, ['::ffff:127.0.0.1']);
    const socket = await dial(proxy.port(SHARD));
    const login = Buffer.from('0100000100', 'hex');
    socket.write(Buffer.concat([writeProxyHeader('v1', CLIENT), login]));
    expect(await refusalOf(socket)).toContain(
      'Bad handshake (understudy: the client spoke before the greeting)',
    );
    await untilLogged(proxy, '"client":"10.1.2.3:40000"');
    expect(await refused(proxy, 'bad_handshake')).toBe(1);
  });

  it.each([
    ['no header at all', Buffer.from('550000018da20b00', 'hex'), /what came is no PROXY protocol header/],
    ['a broken one', Buffer.from('PROXY TCP4 nobody\r\n'), /names no addresses/],
    ['nothing', Buffer.alloc(0), /no PROXY protocol header within 300 ms/],
    ['a part', Buffer.from('PROXY TCP4 10'), /no PROXY protocol header within 300 ms/],
  ])('%s ends the connection, counted, and the old server hears nothing', async (_name, bytes, reason) => {
    const proxy = await start({ loginTimeoutMs: 300 }, ['127.0.0.1']);
    const before = door.accepted();
    const socket = await dial(proxy.port(SHARD));
    socket.write(bytes);
    const message = await refusalOf(socket);
    expect(message).toMatch(reason);
    expect(message).toMatch(/listen\.proxyProtocol\.trusted asks 127\.0\.0\.1:\d+ for one/);
    await untilLogged(proxy, '"reason":"bad_proxy_header"');
    expect(await refused(proxy, 'bad_proxy_header')).toBe(1);
    expect(await inLogin(proxy)).toBe(0);
    expect(door.accepted()).toBe(before);
  });

  it('one that ends within its header is counted; one that says nothing, or LOCAL, only looked', async () => {
    const proxy = await start({}, ['127.0.0.1']);
    const before = door.accepted();
    for (const bytes of [Buffer.alloc(0), LOCAL, Buffer.concat([LOCAL, Buffer.from('anything')])]) {
      const socket = await dial(proxy.port(SHARD));
      socket.write(bytes);
      await waitFor(async () => (await inLogin(proxy)) === 1, { what: 'the look' });
      socket.end();
      await waitFor(async () => (await inLogin(proxy)) === 0, { what: 'its end' });
    }
    expect(await proxy.metric('understudy_connections_refused_total')).toBe(0);
    const socket = await dial(proxy.port(SHARD));
    socket.end('PROXY TCP4 10.1');
    expect(await refusalOf(socket)).toMatch(/ended within the PROXY protocol header/);
    expect(await refused(proxy, 'bad_proxy_header')).toBe(1);
    expect(door.accepted()).toBe(before);
  });

  it('LOCAL is held no longer than a login may take, and counts among the connections', async () => {
    const proxy = await start({ loginTimeoutMs: 2000, maxConnections: 1 }, ['127.0.0.1']);
    const before = door.accepted();
    const socket = await dial(proxy.port(SHARD));
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    socket.write(LOCAL);
    expect(await refusalOf(await dial(proxy.port(SHARD)))).toMatch(/Too many connections/);
    await closed;
    expect(await refused(proxy, 'bad_proxy_header')).toBe(0);
    expect(door.accepted()).toBe(before);
  });

  it('a drain does not wait for headers', async () => {
    const proxy = await start({ drainTimeoutMs: 60_000, loginTimeoutMs: 60_000 }, ['127.0.0.1']);
    await dial(proxy.port(SHARD));
    await waitFor(async () => (await inLogin(proxy)) === 1, { what: 'the connection' });
    expect(await proxy.stop()).toMatchObject({ code: 0 });
  });
});

describe('from any other address', () => {
  it('a login is a login, and a header is none', async () => {
    const proxy = await start({ oldProxyProtocol: 'v1', loginTimeoutMs: 1000 }, ['127.0.0.8/31', '::1']);
    expect(await whoAmI(await logIn(proxy.port(SHARD), [], '127.0.0.7'))).toBe('app@127.0.0.7');
    for (const version of VERSIONS) {
      const socket = await dial(proxy.port(SHARD));
      const bytes = new ReceivedBytes(socket);
      expect((await bytes.packet()).payload[0]).toBe(10);
      socket.write(writeProxyHeader(version, CLIENT));
      await bytes.untilClosed();
    }
    // Read as the head of a packet, version 2 announces more than it sends.
    expect(await refused(proxy, 'bad_handshake')).toBe(1);
    expect(await refused(proxy, 'login_timeout')).toBe(1);
    await untilLogged(proxy, '"reason":"login_timeout"');
    expect(proxy.logs()).not.toContain('10.1.2.3');
  });

  it('nobody is trusted unless the configuration says so', async () => {
    const proxy = await start({});
    expect(await whoAmI(await logIn(proxy.port(SHARD), []))).toBe('app@127.0.0.1');
    const socket = await dial(proxy.port(SHARD));
    socket.write(writeProxyHeader('v1', CLIENT));
    const bytes = new ReceivedBytes(socket);
    await bytes.untilClosed();
    expect(await refused(proxy, 'bad_handshake')).toBe(1);
  });
});

describe.each([
  ['send-proxy', 'v1'],
  ['send-proxy-v2', 'v2'],
] as const)('behind HAProxy with %s', (option, version) => {
  it('the old server sees the client, and health checks do not reach it', async () => {
    const proxy = await start({ oldProxyProtocol: version }, ['127.0.0.1']);
    const before = door.accepted();
    const haproxy = await startHaproxy(proxy.port(SHARD), `${option} check inter 20ms`);
    await waitFor(() => haproxy.checks() >= 10, { what: 'ten health checks' });
    expect(door.accepted()).toBe(before);
    for (const address of ['127.0.0.5', '127.0.0.6']) {
      expect(await whoAmI(await logIn(haproxy.port, [], address))).toBe(`app@${address}`);
    }
    expect(await refused(proxy, 'bad_proxy_header')).toBe(0);
  });
});

interface Haproxy {
  readonly port: number;
  /** Health checks of a server beside the proxy, which is looked at as often. */
  checks(): number;
}

async function startHaproxy(target: number, options: string): Promise<Haproxy> {
  let checks = 0;
  const looked = createServer((socket) => {
    checks += 1;
    socket.on('error', () => {}).resume();
  });
  await new Promise<void>((resolve) => looked.listen(0, '127.0.0.1', resolve));
  running.push({ kill9: async () => looked.close() });
  const beside = (looked.address() as AddressInfo).port;
  const port = await freePort();
  const file = join(temporaryDirectory('haproxy'), 'haproxy.cfg');
  writeFileSync(
    file,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen mysql
  bind 127.0.0.1:${port}
  server proxy 127.0.0.1:${target} ${options}
  server beside 127.0.0.1:${beside} ${options} backup
`,
  );
  running.push(await startChild({ name: 'haproxy', command: 'haproxy', args: ['-db', '-q', '-f', file] }));
  return { port, checks: () => checks };
}
