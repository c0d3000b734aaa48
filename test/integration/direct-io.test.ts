/** The short way over a socket, against an ordinary socket at the other end. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectIo } from '../../src/base/direct-io.ts';
import { waitFor } from '../harness/wait.ts';

let server: Server;
beforeAll(async () => {
  server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  readonly direct: DirectIo;
  readonly received: Buffer[];
  drained: number;
}

async function pair(): Promise<Pair> {
  const accepted = once(server, 'connection');
  const near = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  await once(near, 'connect');
  const [far] = (await accepted) as [Socket];
  near.on('error', () => {});
  far.on('error', () => {});
  near.on('data', () => {});
  const received: Buffer[] = [];
  const direct = DirectIo.takeOver(near, {
    data: (chunk) => void received.push(Buffer.from(chunk)),
    drained: () => {
      made.drained++;
    },
  });
  if (direct === null) throw new Error('this Node does not let its sockets be taken over');
  const made: Pair = { near, far, direct, received, drained: 0 };
  return made;
}

function digest(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

const length = (parts: readonly Buffer[]): number => parts.reduce((sum, part) => sum + part.length, 0);

describe('the short way over a socket', () => {
  it('carries bytes both ways, from and into memory that is used again', async () => {
    const { near, far, direct, received } = await pair();
    const sent = Array.from({ length: 500 }, (_, index) => randomBytes(1 + ((index * 97) % 20_000)));
    const echoed: Buffer[] = [];
    far.on('data', (chunk: Buffer) => {
      echoed.push(chunk);
      far.write(chunk);
    });
    const reused = Buffer.alloc(20_000);
    for (const piece of sent) {
      piece.copy(reused);
      direct.write(reused.subarray(0, piece.length));
      reused.fill(0);
    }
    await waitFor(() => length(received) === length(sent), { what: 'all bytes to come back' });
    expect(digest(echoed)).toBe(digest(sent));
    expect(digest(received)).toBe(digest(sent));
    near.destroy();
  });

  it('tells when the other end does not read, keeps what waits, and tells when it is gone', async () => {
    const made = await pair();
    const { near, far, direct } = made;
    const sent: Buffer[] = [];
    far.pause();
    for (let size = 1; ; size = (size * 7) % 60_000) {
      const piece = randomBytes(size);
      sent.push(piece);
      if (!direct.write(Buffer.from(piece))) break;
    }
    // Behind one that waits, others wait too, in order.
    for (const size of [1, 5000, 50_000]) {
      const piece = randomBytes(size);
      sent.push(piece);
      expect(direct.write(Buffer.from(piece))).toBe(false);
    }
    expect(direct.unsentBytes).toBeGreaterThan(0);
    expect(made.drained).toBe(0);
    const arrived: Buffer[] = [];
    far.on('data', (chunk: Buffer) => void arrived.push(chunk));
    far.resume();
    await waitFor(() => length(arrived) === length(sent), { what: 'all bytes to arrive' });
    await waitFor(() => made.drained === 1, { what: 'the news that all is written' });
    expect(digest(arrived)).toBe(digest(sent));
    expect(direct.unsentBytes).toBe(0);
    expect(direct.write(Buffer.from('x'))).toBe(true);
    near.destroy();
  });

  it('reads nothing while it is paused', async () => {
    const { near, far, direct, received } = await pair();
    direct.pause();
    far.write('first');
    // What the other pair says after it would come after it, if it were read.
    const other = await pair();
    other.far.write('second');
    await waitFor(() => length(other.received) === 6, { what: 'the other pair’s bytes' });
    expect(length(received)).toBe(0);
    direct.resume();
    await waitFor(() => length(received) === 5, { what: 'the bytes that were held back' });
    near.destroy();
    other.near.destroy();
  });

  it('leaves the ends to the socket: half-closed, then closed, after what was written', async () => {
    const { near, far, direct, received } = await pair();
    const ended = once(near, 'end');
    const closed = once(near, 'close');
    far.end('last words');
    await ended;
    expect(Buffer.concat(received).toString()).toBe('last words');
    const arrived: Buffer[] = [];
    far.on('data', (chunk: Buffer) => void arrived.push(chunk));
    const farEnded = once(far, 'end');
    const piece = randomBytes(3_000_000);
    direct.write(piece);
    near.end();
    expect(direct.write(Buffer.from('too late'))).toBe(true);
    await farEnded;
    expect(digest(arrived)).toBe(digest([piece]));
    await closed;
  });

  it('tells of a reset by the socket’s error, also while bytes wait', async () => {
    for (const isWriting of [false, true]) {
      const { near, far, direct } = await pair();
      far.pause();
      if (isWriting) while (direct.write(randomBytes(60_000))) {}
      const errors: NodeJS.ErrnoException[] = [];
      near.on('error', (error) => void errors.push(error));
      far.resetAndDestroy();
      await waitFor(() => near.closed, { what: 'the close' });
      expect(errors).toHaveLength(1);
      expect(['ECONNRESET', 'EPIPE']).toContain(errors[0]?.code);
      expect(direct.unsentBytes).toBe(0);
      expect(direct.write(Buffer.from('x'))).toBe(true);
      direct.pause();
      direct.resume();
    }
  });

  it('is not to be had of a socket that holds bytes back', async () => {
    const { near, far } = await pair();
    far.pause();
    while (far.write(randomBytes(60_000))) {}
    expect(DirectIo.takeOver(far, { data: () => {}, drained: () => {} })).toBeNull();
    near.destroy();
    far.destroy();
    expect(DirectIo.takeOver(near, { data: () => {}, drained: () => {} })).toBeNull();
  });
});
