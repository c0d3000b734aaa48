/** One session of the proxy without a proxy: its client is played by calls, its server by a socket of the test's. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { silentLog } from '../../src/base/log.ts';
import type { TapSource } from '../../src/mirror/tap.ts';
import { NO_INCIDENTS } from '../../src/observe/incident.ts';
import { Metrics, type ShardMetrics } from '../../src/observe/metrics.ts';
import type { ByteStream, StreamHandler } from '../../src/proxy/byte-stream.ts';
import { ClientOrigin } from '../../src/proxy/client-origin.ts';
import { Session } from '../../src/proxy/session.ts';
import { WriteTurn } from '../../src/proxy/write-turn.ts';
import { writeGreeting, writeResponse } from './library-commands.ts';
import { ok, packets } from './packet-writer.ts';
import { CLIENT } from './reply-reader.ts';
import { waitFor } from './wait.ts';

export interface SessionRig {
  readonly client: PlayedClient;
  /** The server's end of the session. */
  readonly far: Socket;
  readonly metrics: ShardMetrics;
  /** How often the session has said that it is over. */
  closed(): number;
  close(): void;
}

export interface SessionRigOptions {
  /** Bytes that wait for the client for ever, and with them its end, however that is asked for; else it takes all at once. */
  readonly clientLeavesUnread?: number;
  /** Left out: one that looks at nothing. */
  readonly taps?: TapSource;
  /** Left out: one of its own. */
  readonly turn?: WriteTurn;
}

const CAPABILITIES = Number(CLIENT.PROTOCOL_41 | CLIENT.SECURE_CONNECTION | CLIENT.PLUGIN_AUTH);
const GREETING = {
  serverVersion: '8.0.36',
  capabilityFlags: CAPABILITIES | 1,
  connectionId: 1,
  statusFlags: 2,
};
const RESPONSE = { flags: CAPABILITIES | 1, user: 'u', password: '', database: '', charsetNumber: 45 };
const WAIT = { what: 'a login through the session' };

const IDLE_TAPS: TapSource = {
  tap: () => ({
    command: () => {},
    ready: () => false,
    reply: () => {},
    lostStep: () => {},
    closed: () => {},
  }),
  record: () => {},
  unseen: () => {},
};

/** The session's client: notes what is asked of its stream, in order, and what it was sent. */
export class PlayedClient implements ByteStream {
  readonly handler: StreamHandler;
  readonly unsentBytes: number;
  readonly calls: string[] = [];
  received = Buffer.alloc(0);
  isPaused = false;

  constructor(handler: StreamHandler, unsentBytes: number) {
    this.handler = handler;
    this.unsentBytes = unsentBytes;
  }

  write(chunk: Buffer): boolean {
    this.received = Buffer.concat([this.received, chunk]);
    return this.unsentBytes === 0;
  }

  isDropped(): boolean {
    return false;
  }

  end(): void {
    this.calls.push('end');
  }

  endAndDestroy(): void {
    this.calls.push('endAndDestroy');
  }

  destroy(): void {
    this.calls.push('destroy');
    this.handler.closed(null);
  }

  reset(): void {
    this.calls.push('reset');
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  shorten(): void {}
}

/** Logs the client in; what has come to the server since then. */
export async function logInRig({ client, far }: SessionRig): Promise<() => Buffer> {
  let seen = Buffer.alloc(0);
  far.on('data', (chunk) => {
    seen = Buffer.concat([seen, chunk]);
  });
  const greeting = packets(writeGreeting(GREETING), 0);
  far.write(greeting);
  await waitFor(() => client.received.length === greeting.length, WAIT);
  const response = packets(writeResponse(RESPONSE), 1);
  client.handler.data(Buffer.from(response));
  await waitFor(() => seen.length === response.length, WAIT);
  const admission = packets(ok(), 2);
  far.write(admission);
  await waitFor(() => client.received.length === greeting.length + admission.length, WAIT);
  client.received = Buffer.alloc(0);
  seen = Buffer.alloc(0);
  return () => seen;
}

/** The session has reached its server; nothing was said yet. */
export async function startSessionRig(options: SessionRigOptions = {}): Promise<SessionRig> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const metrics = new Metrics({ service: 'test', version: '0', shards: ['s'] }).shard('s');
  const opened: PlayedClient[] = [];
  const taps = options.taps ?? IDLE_TAPS;
  let closed = 0;
  new Session(
    {
      tls: null,
      open(handler) {
        const client = new PlayedClient(handler, options.clientLeavesUnread ?? 0);
        opened.push(client);
        return client;
      },
    },
    new ClientOrigin({}, null, 0),
    {
      shard: 's',
      old: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      connectTimeoutMs: 60_000,
      loginTimeoutMs: 60_000,
      lingerTimeoutMs: 10_000,
      keepBytes: 1000,
      taps,
      turn: options.turn ?? new WriteTurn(() => taps.record()),
      metrics,
      incidents: NO_INCIDENTS,
      log: silentLog(),
      now: () => 0,
    },
    () => {
      closed += 1;
    },
  );
  const [far] = (await accepted) as [Socket];
  return {
    client: opened[0]!,
    far,
    metrics,
    closed: () => closed,
    close() {
      far.destroy();
      server.close();
    },
  };
}
