/** What stands before the login, in each of several workers: TLS, its new certificates, and a balancer's header. */
import { copyFileSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { logLines, makeDatabases, SHARDS, type ShardName, startWorkers } from './workers-stage.ts';

const BALANCER = '127.0.0.2';
const CLIENT = {
  source: { address: '10.1.2.3', port: 40_000 },
  destination: { address: '10.0.0.1', port: 3306 },
};
/** Of the one worker, and of the other. */
const BOTH = ['s00', 's01'] as const satisfies readonly ShardName[];

let mariadb: Mariadb;
let proxy: RunningProxy;
let first: Certificates;
let second: Certificates;
const clients: Connection[] = [];
const folder = temporaryDirectory('workers-tls');
const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };

beforeAll(async () => {
  [mariadb, first, second] = await Promise.all([
    startMariadb({ extra: ['--proxy-protocol-networks=127.0.0.0/8'] }),
    makeCertificates(),
    makeCertificates(),
  ]);
  await makeDatabases(mariadb);
  await mariadb.query("CREATE USER app@'%'; GRANT ALL ON *.* TO app@'%'");
  put(first);
  proxy = await startWorkers(mariadb, {
    listen: { tls: { ...files, requireTls: true }, proxyProtocol: { trusted: [BALANCER] } },
    oldProxyProtocol: 'v2',
  });
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await proxy?.kill9();
  await mariadb?.destroy();
});

function put({ server }: Certificates): void {
  copyFileSync(server.certificate, files.certificate);
  copyFileSync(server.key, files.key);
}

/** A client that holds the proxy's certificate against `authority`; `header` comes before its login, from a balancer. */
async function enter(
  shard: ShardName,
  authority: Certificates,
  header: Buffer | null = null,
): Promise<Connection> {
  const localAddress = header === null ? '127.0.0.1' : BALANCER;
  const stream = connect({ host: '127.0.0.1', port: proxy.port(shard), localAddress });
  if (header !== null) stream.write(header);
  const client = await createConnection({
    stream,
    user: 'app',
    database: `old_${shard}`,
    ssl: { ca: readFileSync(authority.ca), verifyIdentity: false },
  });
  clients.push(client);
  return client;
}

async function whoAmI(client: Connection): Promise<unknown> {
  const [rows] = await client.query<RowDataPacket[]>('SELECT USER() AS user');
  return rows[0]?.user;
}

describe('two workers', () => {
  it('take a balancer’s header each, and TLS behind it', async () => {
    for (const shard of SHARDS) {
      for (const version of ['v1', 'v2'] as const) {
        const client = await enter(shard, first, writeProxyHeader(version, CLIENT));
        expect(await whoAmI(client)).toBe('app@10.1.2.3');
      }
      expect(await whoAmI(await enter(shard, first))).toBe('app@127.0.0.1');
    }
    expect(await proxy.metric('understudy_connections_refused_total')).toBe(0);
  });

  it('refuse each what comes from the balancer without a header, and count it by shard', async () => {
    for (const shard of BOTH) {
      await expect(enter(shard, first, Buffer.from('no header\r\n'))).rejects.toMatchObject({ errno: 1043 });
      const labels = { shard, reason: 'bad_proxy_header' };
      expect(await proxy.metric('understudy_connections_refused_total', labels)).toBe(1);
    }
  });

  it('read new certificates on one SIGHUP, each; open connections stay', async () => {
    const before = await Promise.all(BOTH.map((shard) => enter(shard, first)));
    put(second);
    proxy.child.signal('SIGHUP');
    await waitFor(
      () =>
        logLines(proxy).filter(({ msg }) => msg.startsWith('the certificates were read anew')).length === 2,
      { what: 'both workers to read them' },
    );
    for (const shard of SHARDS) {
      expect(await whoAmI(await enter(shard, second))).toBe('app@127.0.0.1');
      await expect(enter(shard, first)).rejects.toThrow();
    }
    expect(await Promise.all(before.map(whoAmI))).toEqual(['app@127.0.0.1', 'app@127.0.0.1']);
  });
});
