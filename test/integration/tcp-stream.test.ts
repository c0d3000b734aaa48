/** A connection on a bare handle, against ordinary sockets: how it opens, how it ends, and what it says of either. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tcpBinding } from '../../src/base/tcp-binding.ts';
import type { ByteStream, StreamHandler } from '../../src/proxy/byte-stream.ts';
import { openStream } from '../../src/proxy/open-stream.ts';
import { acceptHandles, TcpStream } from '../../src/proxy/tcp-stream.ts';
import { freePort } from '../harness/ports.ts';
import { waitFor } from '../harness/wait.ts';

/** What a stream has said, in order; bytes are gathered. */
class Heard implements StreamHandler {
  readonly words: string[] = [];
  readonly chunks: Buffer[] = [];
  error: NodeJS.ErrnoException | null = null;

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  data(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk));
  }

  drained(): void {
    this.words.push('drained');
  }

  ended(): void {
    this.words.push('ended');
  }

  closed(error: Error | null): void {
    this.words.push('closed');
    this.error = error;
  }

  until(word: string): Promise<void> {
    return waitFor(() => this.words.includes(word), { what: `the stream to be ${word}` }).then(() => {});
  }
}

let server: Server;
let port = 0;
beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

interface Opened {
  readonly stream: ByteStream;
  readonly heard: Heard;
  readonly far: Socket;
}

async function opened(host = '127.0.0.1', before: (stream: ByteStream) => void = () => {}): Promise<Opened> {
  const accepted = once(server, 'connection');
  const heard = new Heard();
  const stream = openStream({ host, port }, 5000, heard, () => heard.words.push('connected'));
  expect(stream).toBeInstanceOf(TcpStream);
  before(stream);
  const [far] = (await accepted) as [Socket];
  await heard.until('connected');
  return { stream, heard, far };
}

function textOf(socket: Socket): () => string {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('latin1');
}

describe('a connection that is opened', () => {
  it.each(['127.0.0.1', 'localhost'])('carries bytes both ways (%s)', async (host) => {
    const { stream, heard, far } = await opened(host, (early) => early.write(Buffer.from('early ')));
    const read = textOf(far);
    stream.write(Buffer.from('late'));
    await waitFor(() => read() === 'early late', { what: 'both writes' });
    far.write('answer');
    await waitFor(() => heard.text === 'answer', { what: 'the answer' });
    stream.destroy();
    await heard.until('closed');
    expect(heard.words).toEqual(['connected', 'closed']);
    expect(heard.error).toBeNull();
  });

  it('says who refuses it', async () => {
    const nobody = await freePort();
    const heard = new Heard();
    openStream({ host: '127.0.0.1', port: nobody }, 5000, heard, () => heard.words.push('connected'));
    await heard.until('closed');
    expect(heard.words).toEqual(['closed']);
    expect(heard.error?.code).toBe('ECONNREFUSED');
    expect(heard.error?.message).toContain(`127.0.0.1:${nobody}`);
  });

  it('says that a name leads nowhere', async () => {
    const heard = new Heard();
    openStream({ host: 'no-such-host.invalid', port }, 20_000, heard, () => {});
    await heard.until('closed');
    expect(heard.error?.message).toContain('no-such-host.invalid');
  });

  it.each(['127.0.0.1', 'localhost'])('may be given up before it is open (%s)', async (host) => {
    for (const end of ['destroy', 'endAndDestroy', 'reset'] as const) {
      const heard = new Heard();
      const stream = openStream({ host, port }, 5000, heard, () => heard.words.push('connected'));
      stream[end]();
      await heard.until('closed');
      expect(heard.words).toEqual(['closed']);
      stream.write(Buffer.from('x'));
      stream.end();
      stream[end]();
      expect(heard.words).toEqual(['closed']);
    }
  });

  it('ends as soon as it is open, if that was asked for before', async () => {
    const { heard, far } = await opened('127.0.0.1', (stream) => {
      stream.write(Buffer.from('bye'));
      stream.end();
    });
    const read = textOf(far);
    await once(far, 'end');
    expect(read()).toBe('bye');
    far.end('bye too');
    await heard.until('closed');
    expect(heard.text).toBe('bye too');
    expect(heard.words).toEqual(['connected', 'ended', 'closed']);
  });
});

describe('the end of a connection', () => {
  it('comes also by a reset while an earlier end waits for a reader', async () => {
    const { stream, heard, far } = await opened();
    far.pause();
    expect(stream.write(Buffer.alloc(9_000_000))).toBe(false);
    stream.end();
    stream.reset();
    await heard.until('closed');
    far.destroy();
  });

  it('comes one side after the other', async () => {
    const { stream, heard, far } = await opened();
    const read = textOf(far);
    far.end('last words');
    await heard.until('ended');
    expect(heard.text).toBe('last words');
    const piece = randomBytes(2_000_000);
    stream.write(piece);
    stream.end();
    await once(far, 'end');
    expect(read() === piece.toString('latin1')).toBe(true);
    await heard.until('closed');
    expect(heard.words.filter((word) => word !== 'drained')).toEqual(['connected', 'ended', 'closed']);
    expect(heard.error).toBeNull();
  });

  it('lets what was written arrive, and waits for nothing more', async () => {
    const { stream, heard, far } = await opened();
    const read = textOf(far);
    far.pause();
    const piece = randomBytes(9_000_000);
    expect(stream.write(piece)).toBe(false);
    expect(stream.unsentBytes).toBeGreaterThan(0);
    stream.endAndDestroy();
    far.resume();
    await heard.until('closed');
    await waitFor(() => read().length === piece.length, { what: 'the bytes' });
    expect(read() === piece.toString('latin1')).toBe(true);
    far.destroy();
  });

  it('is a reset, where that is asked for or met', async () => {
    const asked = await opened();
    const errors: NodeJS.ErrnoException[] = [];
    asked.far.on('error', (error) => void errors.push(error));
    asked.far.resume();
    asked.stream.reset();
    await waitFor(() => asked.far.closed, { what: 'the far end to be closed' });
    expect(errors.map(({ code }) => code)).toEqual(['ECONNRESET']);
    await asked.heard.until('closed');

    const suffered = await opened();
    suffered.far.resetAndDestroy();
    await suffered.heard.until('closed');
    expect(suffered.heard.error?.code).toBe('ECONNRESET');
  });
});

it('connections are accepted as handles, and a server that is closed takes no more', async () => {
  const handles = createServer({ allowHalfOpen: true }, () => expect.fail('a socket was made'));
  handles.listen(0, '127.0.0.1');
  await once(handles, 'listening');
  const heard = new Heard();
  const streams: ByteStream[] = [];
  expect(
    acceptHandles(handles, (binding, handle) => streams.push(TcpStream.accepted(binding, handle, heard))),
  ).toBe(true);
  const client = connect((handles.address() as AddressInfo).port, '127.0.0.1');
  const read = textOf(client);
  client.write('question');
  await waitFor(() => heard.text === 'question', { what: 'the question' });
  const closed = once(handles, 'close');
  handles.close();
  await closed;
  streams[0]?.write(Buffer.from('answer'));
  streams[0]?.endAndDestroy();
  await once(client, 'end');
  expect(read()).toBe('answer');
  await heard.until('closed');
});

it('this Node has what bare handles take', () => {
  expect(tcpBinding).not.toBeNull();
});
