/** How a session ends that one side has left, on bare handles and on TLS. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EndingRelay, startEndingRelay } from '../harness/ending-relay.ts';
import { countSockets } from '../harness/open-sockets.ts';
import { freePort } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { COM, connectRaw, type RawConnection } from '../harness/recorder.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type Certificates, makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { command } from './command-bytes.ts';
import { listenTls, startTlsMysql } from './tls-stage.ts';

const SHARD = 's00';
const DISCONNECTED_BY_SERVER = 4031;
/** More than the kernel's buffers on the way hold, at either side of the proxy. */
const FLOOD_BYTES = 30_000_000;

const WAYS = ['bare handles', 'TLS'] as const;
type Way = (typeof WAYS)[number];

/** A proxy, and a relay between it and the server. */
interface Place {
  readonly relay: EndingRelay;
  readonly proxy: RunningProxy;
  logIn(): Promise<RawConnection>;
}

let certificates: Certificates;
let server: SqlServer;
const places = {} as Record<Way, Place>;
beforeAll(async () => {
  certificates = await makeCertificates();
  server = await startTlsMysql('server', certificates);
  await server.query('CREATE DATABASE app');
  await Promise.all(
    WAYS.map(async (way) => {
      places[way] = await startPlace(way);
    }),
  );
});
afterAll(async () => {
  await Promise.all(Object.values(places).map(({ proxy }) => proxy.kill9()));
  await Promise.all(Object.values(places).map(({ relay }) => relay.close()));
  await server?.destroy();
});

async function startPlace(way: Way): Promise<Place> {
  const [relay, port] = [await startEndingRelay(server.port), await freePort()];
  const side = { host: '127.0.0.1', database: 'app' };
  const shard = {
    name: SHARD,
    port,
    old: { ...side, port: relay.port },
    new: { ...side, port: server.port },
  };
  const tls = way === 'TLS';
  const proxy = await startProxy({
    config: {
      shards: [shard],
      lingerTimeoutMs: 200,
      ...(tls ? { listen: { tls: listenTls(certificates) }, oldTls: { ca: certificates.ca } } : {}),
    },
  });
  return { relay, proxy, logIn: () => logInAt(port, tls) };
}

function logInAt(port: number, tls: boolean): Promise<RawConnection> {
  const account = { host: '127.0.0.1', port, user: 'root', database: 'app' };
  return connectRaw(tls ? { ...account, tlsCa: certificates.ca } : account);
}

describe.each(WAYS)('on %s', (way) => {
  it('a reset of the server arrives as one', async () => {
    const { relay, logIn } = places[way];
    const client = await logIn();
    relay.resetAll();
    await client.readUntilClosed();
    expect(client.ending()).toBe('ECONNRESET');
  });

  it('what the server says at an idle time-out arrives, and the end behind it', async () => {
    const words = await Promise.all(
      [await logInAt(server.port, way === 'TLS'), await places[way].logIn()].map(afterSilence),
    );
    expect(words[1]).toEqual(words[0]);
    expect(words[1]?.readUInt16LE(5)).toBe(DISCONNECTED_BY_SERVER);
  });

  it('a server that reads no more is let go once its client is gone', async () => {
    const { relay, proxy, logIn } = places[way];
    const client = await logIn();
    relay.hang();
    client.send(Buffer.concat([Buffer.of(COM.QUERY), Buffer.alloc(FLOOD_BYTES)]));
    await untilStuck(proxy, 'to_old');
    client.reset();
    await untilLetGo(places[way]);
    relay.recover();
  });

  it('a client that reads no more is let go once its server is gone', async () => {
    const { relay, proxy, logIn } = places[way];
    const client = await logIn();
    client.pauseReading();
    client.sendBytes(
      command(
        COM.QUERY,
        `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${FLOOD_BYTES / 1_000_000}) SELECT REPEAT('x', 1000000) FROM n`,
      ),
    );
    await untilStuck(proxy, 'to_client');
    relay.resetAll();
    await untilLetGo(places[way]);
    client.close();
  });
});

/** What the server says when it ends a session that was silent for a second. */
async function afterSilence(client: RawConnection): Promise<Buffer> {
  await client.query('SET wait_timeout = 1');
  return client.readUntilClosed();
}

/** Waits until bytes of a flood have moved, and move no more. */
async function untilStuck(proxy: RunningProxy, direction: 'to_old' | 'to_client'): Promise<void> {
  let before = -1;
  await waitFor(
    async () => {
      const last = before;
      before = await proxy.metric('understudy_relayed_bytes_total', { direction });
      return before > 1_000_000 && before === last;
    },
    { what: 'the flood to be stuck' },
  );
}

async function untilLetGo({ proxy, relay }: Place): Promise<void> {
  const held = (): number => countSockets(proxy.pid, relay.port) + countSockets(proxy.pid, proxy.port(SHARD));
  await waitFor(() => held() === 0, { what: 'both sockets of the session to be closed' });
}
