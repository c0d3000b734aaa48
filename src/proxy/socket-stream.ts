/** A connection on one of Node's sockets, with TLS on it or without. */
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClusterTls } from '../base/cluster-tls.ts';
import { DirectIo, type DirectOwner } from '../base/direct-io.ts';
import type { TcpHandle } from '../base/tcp-binding.ts';
import type { SecurableStream, StreamHandler } from './byte-stream.ts';
import { LastWords } from './last-words.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

const KEEPALIVE_DELAY_MS = 60_000;

export class SocketStream implements SecurableStream, DirectOwner {
  readonly #handler: StreamHandler;
  readonly #tcp: Socket;
  /** What is written to and read from: the TCP socket, or TLS on it. */
  #socket: Socket;
  #inHandshake = false;
  /** The short way, once it is taken. */
  #direct: DirectIo | null = null;
  #error: Error | null = null;
  /** Writes come to nothing, and what had arrived before is being read. */
  #lastWords: LastWords | null = null;

  /** The socket must have been made with `allowHalfOpen`. */
  constructor(socket: Socket, handler: StreamHandler) {
    this.#handler = handler;
    this.#tcp = socket;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_DELAY_MS);
    this.#listen();
  }

  get inHandshake(): boolean {
    return this.#inHandshake;
  }

  isDropped(): boolean {
    if (this.#tcp.destroyed) return true;
    // The socket keeps the name that it asked for once; the handle asks the kernel, which has none any more.
    const { _handle: handle } = this.#tcp as unknown as { readonly _handle?: Partial<TcpHandle> | null };
    return !this.#tcp.connecting && (handle?.getpeername?.({}) ?? 0) !== 0;
  }

  shorten(): void {
    if (this.#socket !== this.#tcp) return;
    this.#direct ??= DirectIo.takeOver(this.#socket, this.#handler, this);
  }

  write(chunk: Buffer): boolean {
    if (this.#direct !== null) return this.#direct.write(chunk);
    if (this.#lastWords !== null || this.#socket.writableEnded || this.#socket.destroyed) return true;
    // A socket holds on to what has to wait, and the chunk may be in memory that the other side reads into again.
    return this.#socket.write(Buffer.from(chunk));
  }

  pause(): void {
    if (this.#direct !== null) this.#direct.pause();
    else if (!this.#inHandshake) this.#socket.pause();
  }

  resume(): void {
    if (this.#direct !== null) this.#direct.resume();
    else if (!this.#inHandshake) this.#socket.resume();
  }

  end(): void {
    if (this.#inHandshake) this.destroy();
    else if (this.#lastWords === null && !this.#socket.writableEnded) this.#socket.end();
  }

  endAndDestroy(): void {
    if (this.#inHandshake || this.#lastWords !== null) this.destroy();
    else if (!this.#socket.destroyed) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    if (!this.#tcp.destroyed) this.#tcp.resetAndDestroy();
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableEnded(): boolean {
    return this.#socket.writableEnded;
  }

  get unsentBytes(): number {
    if (this.#lastWords !== null) return 0;
    return this.#socket.writableLength + (this.#direct?.unsentBytes ?? 0);
  }

  acceptTls(acceptor: TlsAcceptor, unread: Buffer, secured: (certificateFault: string | null) => void): void {
    this.#beginHandshake();
    // Who goes away in the handshake leaves nothing to be read.
    this.#tcp.allowHalfOpen = false;
    if (unread.length > 0) this.#tcp.unshift(unread);
    acceptor.accept(this.#tcp, {
      secured: (socket, fault) => {
        socket.allowHalfOpen = true;
        this.#tcp.off('close', this.#onClose);
        this.#endHandshake(socket);
        secured(fault);
      },
      failed: (error) => {
        this.#error ??= error;
      },
    });
  }

  openTls(tls: ClusterTls, host: string, secured: () => void): void {
    this.#beginHandshake();
    this.#tcp.off('close', this.#onClose);
    const socket = tls.connect(this.#tcp, host);
    this.#socket = socket;
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.once('secureConnect', () => {
      socket.off('error', this.#onError);
      socket.off('close', this.#onClose);
      this.#endHandshake(socket);
      secured();
    });
  }

  /** The other side has dropped the connection; what it had sent before goes on first. */
  writeFailed(error: Error): void {
    if (this.#socket.destroyed || this.#lastWords !== null) return;
    if (this.#socket.readableEnded) this.#socket.destroy(error);
    else this.#lastWords = new LastWords(error, (failure) => this.#socket.destroy(failure));
  }

  #beginHandshake(): void {
    this.#inHandshake = true;
    this.#tcp.off('data', this.#onData);
    this.#tcp.off('drain', this.#onDrain);
    this.#tcp.off('end', this.#onEnd);
    // Flowing without a listener it would throw away what it is given back.
    this.#tcp.pause();
  }

  #endHandshake(socket: TLSSocket): void {
    this.#inHandshake = false;
    this.#socket = socket;
    this.#listen();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    outliveWrites(socket, (error) => this.writeFailed(error));
  }

  readonly #onData = (chunk: Buffer): void => this.#handler.data(chunk);
  readonly #onDrain = (): void => this.#handler.drained();
  readonly #onEnd = (): void => {
    const lastWords = this.#lastWords;
    if (lastWords?.isReset !== true) this.#handler.ended();
    if (lastWords !== null) this.#socket.destroy(lastWords.isReset ? lastWords.error : undefined);
  };
  readonly #onClose = (): void => {
    this.#lastWords?.end();
    this.#handler.closed(this.#error);
  };
  readonly #onError = (error: Error): void => {
    this.#error = error;
  };
}

/**
 * A socket of Node's ends with the first write that fails, and what it has not read is lost. Here such a write
 * counts as done, and `failed` hears of it: the socket is read to its end, which comes by itself.
 */
function outliveWrites(socket: Socket, failed: (error: Error) => void): void {
  const { _write: write, _writev: writev } = socket;
  const settled =
    (done: (error?: Error | null) => void) =>
    (error?: Error | null): void => {
      if (error !== undefined && error !== null) failed(error);
      done();
    };
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, settled(done));
  if (writev !== undefined) socket._writev = (chunks, done) => writev.call(socket, chunks, settled(done));
}

/** Opens a connection: see `openStream`. */
export function openSocket(
  target: { readonly host: string; readonly port: number },
  timeoutMs: number,
  handler: StreamHandler,
  connected: () => void,
): SocketStream {
  const socket = connect({ host: target.host, port: target.port, allowHalfOpen: true });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  socket.once('connect', () => {
    clearTimeout(timer);
    connected();
  });
  socket.once('close', () => clearTimeout(timer));
  return new SocketStream(socket, handler);
}
