/** A TCP proxy whose behaviour is switched at run time: the bad networks and servers that real ones can't be made to be. */
import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { createRandom, type Random } from './random.ts';

/** Faults bear on what the server says, but for `hang` and `latency`, which bear on both ways. */
export type Fault =
  | { readonly mode: 'pass' }
  /** Each piece of data waits so long before it is passed on. */
  | { readonly mode: 'latency'; readonly ms: number }
  /** The port is closed, and the connections are reset. */
  | { readonly mode: 'refuse' }
  /** Connections are accepted and nothing moves; what was held goes on when the fault is lifted. */
  | { readonly mode: 'hang' }
  /** After so many bytes of a connection, the server's bytes are replaced by random ones. */
  | { readonly mode: 'garbage'; readonly afterBytes: number; readonly seed: number }
  /** After so many bytes of a connection, it is closed. */
  | { readonly mode: 'close'; readonly afterBytes: number }
  | { readonly mode: 'throttle'; readonly bytesPerSecond: number }
  /** The server's side is gone and the client is never told: its bytes vanish. */
  | { readonly mode: 'half-open' };

export interface FaultyProxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Applies to new connections and to those that stand; byte counts of `Fault` begin anew. */
  set(fault: Fault): Promise<void>;
  /** Connections that stand. */
  connections(): number;
  /** Connections accepted since the start. */
  accepted(): number;
  close(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes of the server since the fault was set or the connection began. */
  replyBytes: number;
}

interface State {
  fault: Fault;
  random: Random;
  readonly links: Set<Link>;
  readonly changed: Set<() => void>;
}

const THROTTLE_SLICES_PER_SECOND = 20;

/** Listens on a free port of loopback and relays to `target`. */
export async function startFaultyProxy(target: { host: string; port: number }): Promise<FaultyProxy> {
  const port = await freePort();
  const state: State = {
    fault: { mode: 'pass' },
    random: createRandom(1),
    links: new Set(),
    changed: new Set(),
  };
  let accepted = 0;
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1;
    openLink(state, client, target);
  });
  await listen(listener, port);
  return {
    host: '127.0.0.1',
    port,
    async set(fault) {
      state.fault = fault;
      if (fault.mode === 'garbage') state.random = createRandom(fault.seed);
      for (const link of state.links) applyToStanding(state, link);
      for (const wake of [...state.changed]) wake();
      if (fault.mode === 'refuse') await unlisten(listener);
      else await listen(listener, port);
    },
    connections: () => state.links.size,
    accepted: () => accepted,
    async close() {
      for (const link of state.links) drop(link);
      await unlisten(listener);
    },
  };
}

function openLink(state: State, client: Socket, target: { host: string; port: number }): void {
  const server = dial({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
  const link: Link = { client, server, replyBytes: 0 };
  state.links.add(link);
  client.once('close', () => {
    state.links.delete(link);
    server.destroy();
  });
  // Errors show as the end of a pump; a socket without a listener for them would end the process.
  client.on('error', () => undefined);
  server.on('error', () => undefined);
  applyToStanding(state, link);
  void pumpRequests(state, link);
  void pumpReplies(state, link);
}

async function pumpRequests(state: State, link: Link): Promise<void> {
  await pump(state, link, 'request').catch(() => link.client.destroy());
  await passGate(state, link);
  link.server.end();
}

async function pumpReplies(state: State, link: Link): Promise<void> {
  const end = await pump(state, link, 'reply').then(
    () => 'ended' as const,
    () => 'broken' as const,
  );
  await passGate(state, link);
  if (state.fault.mode === 'half-open') return;
  // What was written goes out first; a reset would take it away.
  if (end === 'ended' || link.client.writableEnded) link.client.destroySoon();
  else link.client.resetAndDestroy();
}

function applyToStanding(state: State, link: Link): void {
  link.replyBytes = 0;
  if (state.fault.mode === 'refuse') drop(link);
  if (state.fault.mode === 'half-open') link.server.destroy();
}

function drop(link: Link): void {
  link.client.resetAndDestroy();
  link.server.destroy();
}

async function pump(state: State, link: Link, direction: 'request' | 'reply'): Promise<void> {
  const [from, to] = direction === 'request' ? [link.client, link.server] : [link.server, link.client];
  // The socket must outlive its last byte: the other direction may still be under way.
  for await (const data of from.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(data)) throw new Error('a socket without an encoding gives buffers');
    let rest = data;
    while (rest.length > 0) {
      await passGate(state, link);
      const piece = nextPiece(state, rest, direction);
      rest = rest.subarray(piece.length);
      await forward(state, link, to, piece, direction);
    }
  }
}

/** Waits while the fault is `hang`, and for the latency. */
async function passGate(state: State, link: Link): Promise<void> {
  while (state.fault.mode === 'hang' && !link.client.destroyed) await nextChange(state, link);
  if (state.fault.mode === 'latency') await delay(state.fault.ms);
}

function nextChange(state: State, link: Link): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      state.changed.delete(wake);
      link.client.off('close', wake);
      resolve();
    };
    state.changed.add(wake);
    link.client.once('close', wake);
  });
}

function nextPiece(state: State, rest: Buffer, direction: 'request' | 'reply'): Buffer {
  if (state.fault.mode !== 'throttle' || direction === 'request') return rest;
  return rest.subarray(0, Math.max(1, Math.floor(state.fault.bytesPerSecond / THROTTLE_SLICES_PER_SECOND)));
}

async function forward(
  state: State,
  link: Link,
  to: Socket,
  piece: Buffer,
  direction: 'request' | 'reply',
): Promise<void> {
  const { fault } = state;
  if (fault.mode === 'half-open') return;
  if (direction === 'request') return write(to, piece);
  const before = link.replyBytes;
  link.replyBytes += piece.length;
  if (fault.mode === 'throttle') {
    await write(to, piece);
    await delay((piece.length / fault.bytesPerSecond) * 1000);
  } else if (fault.mode === 'garbage') {
    await write(to, spoil(piece, fault.afterBytes - before, state.random));
  } else if (fault.mode === 'close' && link.replyBytes >= fault.afterBytes) {
    await write(to, piece.subarray(0, Math.max(0, fault.afterBytes - before)));
    to.end();
    link.server.destroy();
  } else {
    await write(to, piece);
  }
}

function spoil(piece: Buffer, goodBytes: number, random: Random): Buffer {
  const good = Math.min(piece.length, Math.max(0, goodBytes));
  return Buffer.concat([piece.subarray(0, good), random.bytes(piece.length - good)]);
}

async function write(to: Socket, piece: Buffer): Promise<void> {
  if (piece.length === 0 || to.destroyed) return;
  if (!to.write(piece)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
}

async function listen(listener: Server, port: number): Promise<void> {
  if (listener.listening) return;
  listener.listen({ host: '127.0.0.1', port });
  await once(listener, 'listening');
}

async function unlisten(listener: Server): Promise<void> {
  if (!listener.listening) return;
  const closed = once(listener, 'close');
  listener.close();
  await closed;
}
