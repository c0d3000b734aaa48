/** How a session ends whose client has stopped to read: the server's part is played by a script. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { NO_INCIDENTS } from '../../src/observe/incident.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import type { ByteStream, StreamHandler } from '../../src/proxy/byte-stream.ts';
import { ClientOrigin } from '../../src/proxy/client-origin.ts';
import { Session } from '../../src/proxy/session.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Bytes wait for it for ever, and with them its end, however that was asked for. */
class StalledClient implements ByteStream {
  readonly unsentBytes = 1000;
  readonly calls: string[] = [];
  readonly #handler: StreamHandler;

  constructor(handler: StreamHandler) {
    this.#handler = handler;
  }

  write(): boolean {
    return false;
  }

  isDropped(): boolean {
    return false;
  }

  reset(): void {
    this.calls.push('reset');
  }

  endAndDestroy(): void {
    this.calls.push('endAndDestroy');
  }

  destroy(): void {
    this.calls.push('destroy');
    this.#handler.closed(null);
  }

  end(): void {}
  pause(): void {}
  resume(): void {}
  shorten(): void {}
}

it('a client that does not read is dropped some time after the server’s connection has failed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const metrics = new Metrics({ service: 'test', version: '0', shards: ['s'] }).shard('s');
  const clients: StalledClient[] = [];
  const onClosed = vi.fn();
  new Session(
    {
      tls: null,
      open(handler) {
        const client = new StalledClient(handler);
        clients.push(client);
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
      taps: { tap: () => expect.fail('a login has succeeded'), unseen: () => {} },
      metrics,
      incidents: NO_INCIDENTS,
      log: silentLog(),
      now: () => 0,
    },
    onClosed,
  );
  try {
    const [far] = (await accepted) as [Socket];
    far.write('x');
    await vi.waitFor(() => expect(metrics.relayedToClient).toBe(1), { timeout: 10_000 });
    far.resetAndDestroy();
    const calls = clients[0]!.calls;
    // A reset would throw away what it has not read.
    await vi.waitFor(() => expect(calls).toEqual(['endAndDestroy']), { timeout: 10_000 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toEqual(['endAndDestroy', 'destroy']);
    expect(onClosed).toHaveBeenCalledOnce();
  } finally {
    server.close();
  }
});
