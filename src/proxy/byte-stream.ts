/**
 * A TCP connection as the rest of the proxy sees it. Every choice about Node's sockets (events or buffers,
 * options, ways to end) is made here and nowhere else.
 */
import { connect as netConnect, type Socket } from 'node:net';
import { DirectIo } from '../base/direct-io.ts';

export interface StreamHandler {
  /** The bytes hold good for this call alone: what is needed later must be copied. */
  data(chunk: Buffer): void;
  /** What was written is gone: more may be written. */
  drained(): void;
  /** The other side has sent its last byte; it may still read. */
  ended(): void;
  /** Nothing will come or go any more. Called once, last. */
  closed(error: Error | null): void;
}

const KEEPALIVE_DELAY_MS = 60_000;

export class ByteStream {
  readonly #socket: Socket;
  readonly #handler: StreamHandler;
  /** The short way, once it is taken. */
  #direct: DirectIo | null = null;
  #error: Error | null = null;

  /** The socket must have been made with `allowHalfOpen`. */
  constructor(socket: Socket, handler: StreamHandler) {
    this.#socket = socket;
    this.#handler = handler;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_DELAY_MS);
    socket.on('data', (chunk: Buffer) => handler.data(chunk));
    socket.on('drain', () => handler.drained());
    socket.on('end', () => handler.ended());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => handler.closed(this.#error));
  }

  /** The bytes that go both ways are plain from here to the end: they may go the short way. */
  shorten(): void {
    this.#direct ??= DirectIo.takeOver(this.#socket, this.#handler);
  }

  /** False: the bytes are taken, but no more should follow before `drained`. */
  write(chunk: Buffer): boolean {
    if (this.#direct !== null) return this.#direct.write(chunk);
    if (this.#socket.writableEnded || this.#socket.destroyed) return true;
    return this.#socket.write(chunk);
  }

  pause(): void {
    if (this.#direct !== null) this.#direct.pause();
    else this.#socket.pause();
  }

  resume(): void {
    if (this.#direct !== null) this.#direct.resume();
    else this.#socket.resume();
  }

  /** Sends what was written, then the end of the stream; the other side may go on sending. */
  end(): void {
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  /** Sends what was written and the end, then drops the connection. */
  endAndDestroy(): void {
    if (this.#socket.destroyed) return;
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Drops the connection so that the other side sees a reset, as it would have from the server. */
  reset(): void {
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + (this.#direct?.unsentBytes ?? 0);
  }
}

/**
 * Opens a connection. The handler's `closed` is called with an error when it can't be opened; `connected`
 * when it can. `timeoutMs` bounds the opening.
 */
export function openStream(
  target: { host: string; port: number },
  timeoutMs: number,
  handler: StreamHandler,
  connected: () => void,
): ByteStream {
  const socket = netConnect({ host: target.host, port: target.port, allowHalfOpen: true });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  socket.once('connect', () => {
    clearTimeout(timer);
    connected();
  });
  socket.once('close', () => clearTimeout(timer));
  return new ByteStream(socket, handler);
}
