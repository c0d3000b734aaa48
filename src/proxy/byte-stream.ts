/**
 * A TCP connection as the rest of the proxy sees it, with TLS on it or without. Every choice about Node's
 * sockets (events or buffers, options, ways to end) is made here and nowhere else.
 */
import { connect as netConnect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClusterTls } from '../base/cluster-tls.ts';
import { DirectIo } from '../base/direct-io.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

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

  /** A TLS handshake is under way: nothing can be written or ended in good order before it is done. */
  get inHandshake(): boolean {
    return this.#inHandshake;
  }

  /** TLS begins no more: plain bytes may go the short way from here to the end, and encrypted ones go on as they went. */
  shorten(): void {
    if (this.#socket !== this.#tcp) return;
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
    else if (!this.#inHandshake) this.#socket.pause();
  }

  resume(): void {
    if (this.#direct !== null) this.#direct.resume();
    else if (!this.#inHandshake) this.#socket.resume();
  }

  /** Sends what was written, then the end of the stream; the other side may go on sending. */
  end(): void {
    if (this.#inHandshake) this.destroy();
    else if (!this.#socket.writableEnded) this.#socket.end();
  }

  /** Sends what was written and the end, then drops the connection. */
  endAndDestroy(): void {
    if (this.#inHandshake) this.destroy();
    else if (!this.#socket.destroyed) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Drops the connection so that the other side sees a reset, as it would have from the server. */
  reset(): void {
    if (!this.#tcp.destroyed) this.#tcp.resetAndDestroy();
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength + (this.#direct?.unsentBytes ?? 0);
  }

  /**
   * Takes a client's TLS handshake, whose first bytes may have been read already. `secured` is called when it
   * is done, with what is wrong with the client's certificate; where it fails the stream closes with an error.
   */
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

  /** Begins TLS with a server. `secured` is called once its certificate has held; else the stream closes with an error. */
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
