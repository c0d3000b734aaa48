/** A connection on one of Node's sockets, with TLS on it or without. */
import { connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClusterTls } from '../base/cluster-tls.ts';
import { DirectIo } from '../base/direct-io.ts';
import type { ByteStream, StreamHandler } from './byte-stream.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

const KEEPALIVE_DELAY_MS = 60_000;

export class SocketStream implements ByteStream {
  readonly #handler: StreamHandler;
  readonly #tcp: Socket;
  /** What is written to and read from: the TCP socket, or TLS on it. */
  #socket: Socket;
  #inHandshake = false;
  /** The short way, once it is taken. */
  #direct: DirectIo | null = null;
  #error: Error | null = null;

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

  shorten(): void {
    if (this.#socket !== this.#tcp) return;
    this.#direct ??= DirectIo.takeOver(this.#socket, this.#handler);
  }

  write(chunk: Buffer): boolean {
    if (this.#direct !== null) return this.#direct.write(chunk);
    if (this.#socket.writableEnded || this.#socket.destroyed) return true;
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
    else if (!this.#socket.writableEnded) this.#socket.end();
  }

  endAndDestroy(): void {
    if (this.#inHandshake) this.destroy();
    else if (!this.#socket.destroyed) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    if (!this.#tcp.destroyed) this.#tcp.resetAndDestroy();
  }

  get unsentBytes(): number {
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
  }

  readonly #onData = (chunk: Buffer): void => this.#handler.data(chunk);
  readonly #onDrain = (): void => this.#handler.drained();
  readonly #onEnd = (): void => this.#handler.ended();
  readonly #onClose = (): void => this.#handler.closed(this.#error);
  readonly #onError = (error: Error): void => {
    this.#error = error;
  };
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
