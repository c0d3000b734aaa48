/** How a session ends whose client takes its leave (COM_QUIT): the server's part is played by a script. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { NO_INCIDENTS } from '../../src/observe/incident.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import type { ByteStream, StreamHandler } from '../../src/proxy/byte-stream.ts';
import { ClientOrigin } from '../../src/proxy/client-origin.ts';
import { Session } from '../../src/proxy/session.ts';
import { writeGreeting, writeResponse } from '../harness/library-commands.ts';
import { ok, packets, query } from '../harness/packet-writer.ts';
import { CLIENT } from '../harness/reply-reader.ts';

const CAPABILITIES = Number(CLIENT.PROTOCOL_41 | CLIENT.SECURE_CONNECTION | CLIENT.PLUGIN_AUTH);
const GREETING = {
  serverVersion: '8.0.36',
  capabilityFlags: CAPABILITIES | 1,
  connectionId: 1,
  statusFlags: 2,
};
const RESPONSE = { flags: CAPABILITIES | 1, user: 'u', password: '', database: '', charsetNumber: 45 };
const QUIT = packets(Buffer.of(1), 0);
const STATEMENT = packets(query('DO 1'), 0);
const REPLY = packets(ok(), 1);
const WAIT = { timeout: 10_000 };

/** Takes everything at once, and notes what is asked of it. */
class NotingClient implements ByteStream {
  readonly unsentBytes = 0;
  readonly calls: string[] = [];
  readonly handler: StreamHandler;
  received = Buffer.alloc(0);

  constructor(handler: StreamHandler) {
    this.handler = handler;
  }

  write(chunk: Buffer): boolean {
    this.received = Buffer.concat([this.received, chunk]);
    return true;
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

  destroy(): void {}
  reset(): void {}
  pause(): void {}
  resume(): void {}
  shorten(): void {}
}

let server: Server;
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => server.close());

/** A session that is logged in; `far` is the server's end of it, and `seen` what came to that since. */
async function establish(): Promise<{ client: NotingClient; far: Socket; seen: () => Buffer }> {
  const accepted = once(server, 'connection');
  const clients: NotingClient[] = [];
  new Session(
    {
      tls: null,
      open(handler) {
        clients.push(new NotingClient(handler));
        return clients[0]!;
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
      taps: {
        tap: () => ({
          command: () => {},
          ready: () => {},
          reply: () => {},
          lostStep: () => {},
          closed: () => {},
        }),
        unseen: () => {},
      },
      metrics: new Metrics({ service: 'test', version: '0', shards: ['s'] }).shard('s'),
      incidents: NO_INCIDENTS,
      log: silentLog(),
      now: () => 0,
    },
    () => {},
  );
  const client = clients[0]!;
  const [far] = (await accepted) as [Socket];
  let seen = Buffer.alloc(0);
  far.on('data', (chunk) => {
    seen = Buffer.concat([seen, chunk]);
  });
  const greeting = packets(writeGreeting(GREETING), 0);
  far.write(greeting);
  await vi.waitFor(() => expect(client.received.length).toBe(greeting.length), WAIT);
  const response = packets(writeResponse(RESPONSE), 1);
  client.handler.data(Buffer.from(response));
  await vi.waitFor(() => expect(seen.length).toBe(response.length), WAIT);
  const admission = packets(ok(), 2);
  far.write(admission);
  await vi.waitFor(() => expect(client.received.length).toBe(greeting.length + admission.length), WAIT);
  client.received = Buffer.alloc(0);
  seen = Buffer.alloc(0);
  return { client, far, seen: () => seen };
}

it('both connections go at once when the client has closed behind its leave', async () => {
  const { client, far, seen } = await establish();
  const ended = once(far, 'end');
  client.handler.data(QUIT);
  client.handler.ended();
  // The server has not closed yet: nothing of it is waited for.
  expect(client.calls).toEqual(['endAndDestroy']);
  await ended;
  expect(seen()).toEqual(QUIT);
  far.destroy();
});

it('and when the server has, even if the client has not', async () => {
  const { client, far } = await establish();
  client.handler.data(QUIT);
  far.end();
  await vi.waitFor(() => expect(client.calls).not.toEqual([]), WAIT);
  expect(client.calls).not.toContain('end');
  far.destroy();
});

it('a command before the leave is answered first', async () => {
  const { client, far } = await establish();
  const ended = once(far, 'end');
  client.handler.data(Buffer.concat([STATEMENT, QUIT]));
  client.handler.ended();
  expect(client.calls).toEqual([]);
  await ended;
  far.end(REPLY);
  await vi.waitFor(() => expect(client.calls).not.toEqual([]), WAIT);
  expect(client.received).toEqual(REPLY);
  far.destroy();
});

it('a client that closes without a leave still hears what the server sends', async () => {
  const { client, far } = await establish();
  const ended = once(far, 'end');
  client.handler.data(STATEMENT);
  far.write(REPLY);
  await vi.waitFor(() => expect(client.received).toEqual(REPLY), WAIT);
  client.handler.ended();
  expect(client.calls).toEqual([]);
  await ended;
  far.end(REPLY);
  await vi.waitFor(() => expect(client.received).toEqual(Buffer.concat([REPLY, REPLY])), WAIT);
  far.destroy();
});
