/**
 * A TCP connection as the rest of the proxy sees it, with TLS on it or without. Every choice about Node's sockets
 * and handles is made in the two kinds of stream (`socket-stream.ts`, `tcp-stream.ts`) and nowhere else.
 */
import type { ClusterTls } from '../base/cluster-tls.ts';
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

/** A connection, whatever it rests on. */
export interface ByteStream {
  /** Bytes written that the kernel has not taken yet. */
  readonly unsentBytes: number;
  /** The other side has reset the connection, or died: what a stream that is not read would not tell. */
  isDropped(): boolean;
  /** TLS begins no more: plain bytes may go the short way from here to the end, and encrypted ones go on as they went. */
  shorten(): void;
  /** False: the bytes are taken, but no more should follow before `drained`. They may be reused at once. */
  write(chunk: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** Sends what was written, then the end of the stream; the other side may go on sending. */
  end(): void;
  /** Sends what was written and the end, then drops the connection. */
  endAndDestroy(): void;
  destroy(): void;
  /** Drops the connection so that the other side sees a reset, as it would have from the server. */
  reset(): void;
}

/** A connection that TLS may come to. */
export interface SecurableStream extends ByteStream {
  /** A TLS handshake is under way: nothing can be written or ended in good order before it is done. */
  readonly inHandshake: boolean;
  /**
   * Takes a client's TLS handshake, whose first bytes may have been read already. `secured` is called when it
   * is done, with what is wrong with the client's certificate; where it fails the stream closes with an error.
   */
  acceptTls(acceptor: TlsAcceptor, unread: Buffer, secured: (certificateFault: string | null) => void): void;
  /** Begins TLS with a server. `secured` is called once its certificate has held; else the stream closes with an error. */
  openTls(tls: ClusterTls, host: string, secured: () => void): void;
}
