/** A relay on which everything is under way for a while, as on a long line: late, in order, and no narrower than without. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface DelayLine {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Milliseconds one way, of what comes in from now on; 0: it goes on at once. */
  set(ms: number): void;
  close(): Promise<void>;
}

/** Listens on a free port of loopback, and relays to `port`; without a delay at first. */
export async function startDelayLine(port: number): Promise<DelayLine> {
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      const late = lateCalls(() => delayMs);
      from.on('data', (chunk: Buffer) => late(() => void (to.writable && to.write(chunk))));
      from.on('end', () => late(() => void to.end()));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        late(() => void to.destroy());
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    set(ms) {
      delayMs = ms;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Makes each call after the delay that held when it came, and never before the one that came before it. */
function lateCalls(delayMs: () => number): (call: () => void) => void {
  const waiting: { readonly atMs: number; readonly call: () => void }[] = [];
  const next = (): void => {
    while (waiting.length > 0 && waiting[0]!.atMs <= performance.now()) waiting.shift()!.call();
    if (waiting.length > 0) setTimeout(next, Math.max(1, waiting[0]!.atMs - performance.now())).unref();
  };
  return (call) => {
    if (waiting.length === 0 && delayMs() === 0) return call();
    waiting.push({ atMs: performance.now() + delayMs(), call });
    if (waiting.length === 1) next();
  };
}
