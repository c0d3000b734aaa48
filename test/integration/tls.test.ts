/** TLS on each side by itself: who is let in, what fails and how it is told, new certificates, other users. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  type Connection,
  type ConnectionOptions,
  createConnection,
  type RowDataPacket,
} from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { startMysql } from '../harness/mysql.ts';
import { runMysqlClient } from '../harness/mysql-root.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { ReceivedBytes } from '../harness/received-bytes.ts';
import { startRecordingRelay } from '../harness/recording-relay.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { mirrored, untilMirrorIsIdle } from './stage.ts';
import { listenTls, startTlsMariadb, startTlsMysql, startTlsProxy } from './tls-stage.ts';

const PASSWORD = 'a secret';
const SHARD = 's00';

let certificates: Certificates;
/** Of an authority that nobody else here knows. */
let strangers: Certificates;
let mariadb: SqlServer;
let mysql: SqlServer;
const proxies: RunningProxy[] = [];

beforeAll(async () => {
  [certificates, strangers] = await Promise.all([makeCertificates(), makeCertificates()]);
  [mariadb, mysql] = await Promise.all([
    startTlsMariadb('mariadb', certificates),
    startTlsMysql('mysql', certificates),
  ]);
  for (const server of [mariadb, mysql]) {
    await server.query(
      `CREATE DATABASE app; CREATE DATABASE app_new; CREATE TABLE app.t (id INT PRIMARY KEY); CREATE TABLE app_new.t (id INT PRIMARY KEY);
       CREATE USER app@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO app@'%'`,
    );
  }
});
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.kill9()));
});
afterAll(() => Promise.all([mariadb?.destroy(), mysql?.destroy()]));

async function start(
  config: Readonly<Record<string, unknown>>,
  old: { host: string; port: number } = mariadb,
): Promise<RunningProxy> {
  const proxy = await startTlsProxy([{ name: SHARD, old, fresh: mariadb }], config);
  proxies.push(proxy);
  return proxy;
}

const plain = (proxy: RunningProxy): ConnectionOptions => ({
  host: '127.0.0.1',
  port: proxy.port(SHARD),
  user: 'app',
  password: PASSWORD,
  database: 'app',
});
const secure = (proxy: RunningProxy, more: object = {}): ConnectionOptions => ({
  ...plain(proxy),
  ssl: { ca: readFileSync(certificates.ca), rejectUnauthorized: true, ...more },
});
const refused = (proxy: RunningProxy, reason: string): Promise<number> =>
  proxy.metric('understudy_connections_refused_total', { reason });

async function whoAmI(client: Connection): Promise<unknown> {
  const [rows] = await client.query<RowDataPacket[]>('SELECT CURRENT_USER() AS account');
  return rows[0]?.account;
}

describe('towards clients', () => {
  it('required: a client without TLS is told so, and the old server hears nothing of its answer', async () => {
    const relay = await startRecordingRelay(mariadb.port);
    const proxy = await start(
      { listen: { tls: { ...listenTls(certificates), requireTls: true } } },
      { host: '127.0.0.1', port: relay.port },
    );
    const own = relay.connections;
    await expect(createConnection(plain(proxy))).rejects.toMatchObject({ errno: 3159 });
    const args = ['--host=127.0.0.1', `--port=${proxy.port(SHARD)}`, '--user=app', '--execute=SELECT 1'];
    const cli = await runCommand('mariadb', ['--no-defaults', '--skip-ssl', ...args]);
    expect(cli.stderr).toMatch(/ERROR 3159 \(HY000\).*connect with TLS/);
    const byMysql = await runMysqlClient(['--ssl-mode=DISABLED', ...args]);
    expect(byMysql.stderr).toContain('ERROR 3159');
    for (let index = own; index < relay.connections; index += 1)
      expect(relay.runs(index).filter(({ from }) => from === 'client')).toEqual([]);
    const client = await createConnection(secure(proxy));
    expect(await whoAmI(client)).toBe('app@%');
    client.destroy();
    expect(await refused(proxy, 'tls_required')).toBe(3);
    await relay.close();
  });

  it('with an authority: only who shows its certificate is let in', async () => {
    const proxy = await start({ listen: { tls: { ...listenTls(certificates), ca: certificates.ca } } });
    const shown = ({ client }: Certificates) => ({
      cert: readFileSync(client.certificate),
      key: readFileSync(client.key),
    });
    const client = await createConnection(secure(proxy, shown(certificates)));
    expect(await whoAmI(client)).toBe('app@%');
    client.destroy();
    for (const others of [{}, shown(strangers)])
      await expect(createConnection(secure(proxy, others))).rejects.toMatchObject({
        errno: 1045,
        message: expect.stringContaining("the client's certificate"),
      });
    expect(await refused(proxy, 'client_certificate')).toBe(2);
  });

  it('a handshake that fails or never ends is over in time, is counted, and disturbs nobody', async () => {
    const proxy = await start({ listen: { tls: listenTls(certificates) }, loginTimeoutMs: 3000 });
    const client = await createConnection(secure(proxy));
    const ask = async (behind: Buffer): Promise<ReceivedBytes> => {
      const socket = connect({ host: '127.0.0.1', port: proxy.port(SHARD) });
      const bytes = new ReceivedBytes(socket);
      await bytes.packet();
      socket.write(Buffer.concat([tlsRequest(), behind]));
      return bytes;
    };
    const doomed = [Buffer.from('this is no TLS, and long enough to be seen as none'), Buffer.of(0x16, 3, 1)];
    const asked = await Promise.all(doomed.map(ask));
    await Promise.all(asked.map((bytes) => bytes.untilClosed()));
    expect(await refused(proxy, 'client_tls')).toBe(2);
    await proxy.untilLogged('the TLS handshake with a client failed');
    expect(await whoAmI(client)).toBe('app@%');
    await waitFor(async () => (await proxy.metric('understudy_connections')) === 1, { what: 'one session' });
    client.destroy();
  });

  it('the handshake may come right behind its request, and byte by byte', async () => {
    const proxy = await start({ listen: { tls: listenTls(certificates) }, oldTls: { ca: certificates.ca } });
    for (const spread of [sticky, crumbled]) {
      const between = await startBetween(proxy.port(SHARD), spread);
      const client = await createConnection({ ...secure(proxy), port: between.port });
      expect(await whoAmI(client)).toBe('app@%');
      client.destroy();
      await between.close();
    }
  });

  it('a wrong first step inside of TLS is answered inside of it', async () => {
    const proxy = await start({ listen: { tls: listenTls(certificates) } });
    const wrong = createConnection({ ...secure(proxy), password: 'wrong' });
    await expect(wrong).rejects.toThrow('Access denied');
    expect(await refused(proxy, 'access_denied')).toBe(1);
  });

  it('draining ends an idle session at once, and one in a transaction at its end', async () => {
    const proxy = await start({ listen: { tls: listenTls(certificates) }, oldTls: { ca: certificates.ca } });
    const [idle, working] = [await createConnection(secure(proxy)), await createConnection(secure(proxy))];
    const gone = new Promise((resolve) => idle.on('error', resolve));
    working.on('error', () => {});
    await working.query('BEGIN');
    const stopped = proxy.stop();
    await gone;
    await working.query('REPLACE INTO t VALUES (77)');
    await working.query('COMMIT');
    expect((await stopped).code).toBe(0);
    const [row] = await mariadb.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM app.t WHERE id = 77');
    expect(row?.n).toBe(1);
  });
});

describe('towards the clusters', () => {
  it.each([
    ['the authority is another one', () => ({ ca: strangers.ca }), /self-signed certificate|unable to/],
    [
      'the name is another one',
      () => ({ ca: certificates.ca, serverName: 'other.example' }),
      /other\.example/,
    ],
  ])('a certificate does not hold: %s', async (_name, oldTls, reason) => {
    const proxy = await start({ oldTls: oldTls(), newTls: oldTls() });
    await expect(createConnection(plain(proxy))).rejects.toMatchObject({
      errno: 1429,
      message: expect.stringMatching(reason),
    });
    expect(await refused(proxy, 'old_tls')).toBe(1);
    await proxy.untilLogged(/the old server’s schema could not be read/);
  });

  it('a server without TLS is not spoken to in plain', async () => {
    const bare = await startMysql({ name: 'bare', tls: 'off' });
    const proxy = await start({ oldTls: { verify: false } }, bare);
    await expect(createConnection(plain(proxy))).rejects.toMatchObject({
      errno: 1429,
      message: expect.stringContaining('it offers no TLS'),
    });
    await proxy.untilLogged('it offers none');
    await bare.destroy();
  });

  it('MySQL’s own certificate, checked by its name, or by nobody', async () => {
    const own = await startMysql({ name: 'own' });
    await own.query(
      `CREATE DATABASE app; CREATE USER app@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON *.* TO app@'%'`,
    );
    const ca = join(own.dataDir, 'ca.pem');
    const subject = await runCommand('openssl', [
      'x509',
      '-noout',
      '-subject',
      '-nameopt',
      'multiline',
      '-in',
      join(own.dataDir, 'server-cert.pem'),
    ]);
    const serverName = /commonName\s*= (\S+)/.exec(subject.stdout)?.[1];
    expect(serverName).toMatch(/^MySQL_Server_9/);
    for (const oldTls of [{ ca, serverName }, { verify: false }]) {
      const proxy = await start({ oldTls }, own);
      expect(await whoAmI(await createConnection({ ...plain(proxy), user: 'root', password: '' }))).toBe(
        'root@%',
      );
      await proxy.stop();
    }
    await own.destroy();
  });

  it('our own certificate is shown to an account that wants one, and the mirror follows', async () => {
    await mysql.query(
      `CREATE USER x509@'%' IDENTIFIED BY '${PASSWORD}' REQUIRE X509; GRANT ALL ON *.* TO x509@'%'`,
    );
    const { client } = certificates;
    const tls = { ca: certificates.ca, certificate: client.certificate, key: client.key };
    const ours = { user: 'x509', password: PASSWORD };
    const proxy = await startTlsProxy([{ name: SHARD, old: mysql, fresh: mysql }], {
      ...{ listen: { tls: listenTls(certificates) }, oldTls: tls, newTls: tls },
      ...{ oldUser: ours, newUser: ours },
    });
    proxies.push(proxy);
    const session = await createConnection({ ...secure(proxy), ...ours });
    await session.query('INSERT INTO t VALUES (1), (2)');
    await untilMirrorIsIdle(proxy);
    expect(await mirrored(proxy, { kind: 'write', outcome: 'mirrored' })).toBe(1);
    session.destroy();
  });
});

describe('another user, with TLS to the client alone', () => {
  it('goes on where it can, and is told why where it can’t', async () => {
    await mysql.query(
      `CREATE USER known@'%' IDENTIFIED BY '${PASSWORD}', unknown@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON app.* TO known@'%', unknown@'%'`,
    );
    const relay = await startRecordingRelay(mysql.port);
    const proxy = await start(
      { listen: { tls: listenTls(certificates) } },
      { host: '127.0.0.1', port: relay.port },
    );
    // A login without TLS on either side makes the server know the account.
    for (const user of ['app', 'known']) await (await mysql.connect({ user, password: PASSWORD })).end();
    const client = await createConnection(secure(proxy));
    client.on('error', () => {});
    await client.changeUser({ user: 'known', password: PASSWORD });
    expect(await whoAmI(client)).toBe('known@%');
    await expect(client.changeUser({ user: 'unknown', password: PASSWORD })).rejects.toMatchObject({
      errno: 1251,
      message: expect.stringContaining('oldTls'),
    });
    expect(await refused(proxy, 'tls_mixed')).toBe(1);
    for (let index = 0; index < relay.connections; index += 1)
      for (const { bytes } of relay.runs(index)) expect(bytes.includes(PASSWORD)).toBe(false);
    await relay.close();
  });
});

describe('SIGHUP', () => {
  it('brings new certificates for new connections; a bad file changes nothing', async () => {
    const folder = temporaryDirectory('hup');
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const put = ({ server }: Certificates): void => {
      copyFileSync(server.certificate, certificate);
      copyFileSync(server.key, key);
    };
    put(certificates);
    const proxy = await start({ listen: { tls: { certificate, key } } });
    const first = await createConnection(secure(proxy));
    put(strangers);
    process.kill(proxy.pid, 'SIGHUP');
    const second = await waitFor(() => createConnection(secure(proxy, { ca: readFileSync(strangers.ca) })), {
      what: 'the new certificate',
    });
    writeFileSync(key, 'no key');
    process.kill(proxy.pid, 'SIGHUP');
    await waitFor(async () => (await proxy.metric('understudy_tls_reload_failures_total')) > 0, {
      what: 'the bad file to be noticed',
    });
    await proxy.untilLogged('those before stay in force');
    const third = await createConnection(secure(proxy, { ca: readFileSync(strangers.ca) }));
    for (const client of [first, second, third]) {
      expect(await whoAmI(client)).toBe('app@%');
      client.destroy();
    }
  });
});

/** The fixed part of an answer to the greeting, with the TLS bit. MySQL manual: "Protocol::SSLRequest". */
function tlsRequest(): Buffer {
  const packet = Buffer.alloc(36);
  packet.writeUIntLE(32, 0, 3);
  packet[3] = 1;
  packet.writeUInt32LE(0x000f_aa85, 4);
  packet[12] = 45;
  return packet;
}

type Spread = (from: Socket, to: Socket) => void;

/** Holds the request for TLS back until the first bytes of the handshake are there. */
const sticky: Spread = (from, to) => {
  let held: Buffer | null = null;
  from.on('data', (chunk: Buffer) => {
    if (held === null && chunk.length === 36) {
      held = chunk;
      return;
    }
    to.write(held === null ? chunk : Buffer.concat([held, chunk]));
    held = Buffer.alloc(0);
  });
};

const crumbled: Spread = (from, to) => {
  from.on('data', (chunk: Buffer) => {
    for (const byte of chunk) to.write(Buffer.of(byte));
  });
};

/** Stands between a client and the proxy, and cuts what the client sends in other pieces. */
async function startBetween(
  port: number,
  spread: Spread,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true });
    spread(client, upstream);
    upstream.pipe(client);
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
      sockets.push(socket);
    }
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
