/** A connection on one of Node's sockets, against an ordinary socket at the other end. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { SocketStream } from '../../src/proxy/socket-stream.ts';
import { waitFor } from '../harness/wait.ts';

const PIECE_BYTES = 64 * 1024;
const PIECES = 200;

it('what is written arrives as it was, also where its memory is used again before the other side reads', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  try {
    far.pause();
    const stream = new SocketStream(near, {
      data: () => {},
      drained: () => {},
      ended: () => {},
      closed: () => {},
    });
    const reused = Buffer.alloc(PIECE_BYTES);
    for (let index = 0; index < PIECES; index++) stream.write(reused.fill(index));
    expect(stream.unsentBytes).toBeGreaterThan(0);
    const received: Buffer[] = [];
    let bytes = 0;
    far.on('data', (chunk: Buffer) => {
      received.push(chunk);
      bytes += chunk.length;
    });
    far.resume();
    await waitFor(() => bytes === PIECE_BYTES * PIECES, { what: 'all bytes to arrive' });
    const expected = Buffer.concat(
      Array.from({ length: PIECES }, (_, index) => Buffer.alloc(PIECE_BYTES, index)),
    );
    expect(Buffer.concat(received).equals(expected)).toBe(true);
  } finally {
    near.destroy();
    far.destroy();
    server.close();
  }
});
