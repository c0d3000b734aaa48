/**
 * A plain TCP connection on Node's own handle, without a socket around it: to open, serve and close one costs
 * less than half of what it costs with Node's streams. Not for connections that TLS may come to.
 */
import { lookup } from 'node:dns';
import { getDefaultAutoSelectFamilyAttemptTimeout, isIP, type Server } from 'node:net';
import { Chain, type Chained } from '../base/chain.ts';
import { DirectIo, type DirectOwner } from '../base/direct-io.ts';
import {
  END_OF_STREAM,
  isTcpHandle,
  systemError,
  type TcpBinding,
  type TcpHandle,
  tcpBinding,
} from '../base/tcp-binding.ts';
import type { ByteStream, StreamHandler } from './byte-stream.ts';
import { LastWords } from './last-words.ts';

const KEEPALIVE_DELAY_SECONDS = 60;
/** Keep-alive takes four system calls, which a session of a few statements never needs: it is turned on in rounds. */
const KEEPALIVE_ROUND_MS = 15_000;

/** Not kept alive yet. */
const young = new Chain<TcpStream>();
const rounds: { timer: NodeJS.Timeout | null } = { timer: null };

type Life = 'opening' | 'open' | 'closed';

export class TcpStream implements ByteStream, DirectOwner, Chained<TcpStream> {
  before: TcpStream | null = null;
  after: TcpStream | null = null;
  readonly #binding: TcpBinding;
  readonly #handler: StreamHandler;
  #life: Life = 'opening';
  /** Null before an address was found. */
  #handle: TcpHandle | null = null;
  #io: DirectIo | null = null;
  #error: Error | null = null;
  /** Of the opening. */
  #timer: NodeJS.Timeout | null = null;
  /** Written before the connection was there. */
  #early: Buffer[] = [];
  /** It is open, and not kept alive yet. */
  #isYoung = false;
  #readEnded = false;
  #writeEnded = false;
  /** The end was sent. */
  #finished = false;
  /** Whatever the other side still has to say is not waited for. */
  #closesWhenFinished = false;
  /** Writes come to nothing, and what had arrived before is being read. */
  #lastWords: LastWords | null = null;

  constructor(binding: TcpBinding, handler: StreamHandler) {
    this.#binding = binding;
    this.#handler = handler;
  }

  /** A connection that was accepted. */
  static accepted(binding: TcpBinding, handle: TcpHandle, handler: StreamHandler): TcpStream {
    const stream = new TcpStream(binding, handler);
    stream.#begin(handle, 'unread');
    return stream;
  }

  /** Opens a connection: see `openStream`. */
  static open(
    binding: TcpBinding,
    target: { readonly host: string; readonly port: number },
    timeoutMs: number,
    handler: StreamHandler,
    connected: () => void,
  ): TcpStream {
    const stream = new TcpStream(binding, handler);
    stream.#timer = setTimeout(
      () => stream.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = (error: Error | null): void => {
      if (error !== null) stream.destroy(error);
      else connected();
    };
    if (isIP(target.host) !== 0) stream.#connect([target.host], target.port, settle);
    else {
      lookup(target.host, { all: true }, (error, found) => {
        if (error !== null) settle(error);
        else
          stream.#connect(
            found.map(({ address }) => address),
            target.port,
            settle,
          );
      });
    }
    return stream;
  }

  get destroyed(): boolean {
    return this.#life === 'closed';
  }

  get writableEnded(): boolean {
    return this.#writeEnded;
  }

  /** Bytes written that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#io?.unsentBytes ?? 0;
  }

  isDropped(): boolean {
    return this.#life === 'closed' || (this.#life === 'open' && this.#handle?.getpeername({}) !== 0);
  }

  write(chunk: Buffer): boolean {
    if (this.#io !== null) return this.#io.write(chunk);
    if (this.#life === 'opening' && !this.#writeEnded) this.#early.push(Buffer.from(chunk));
    return true;
  }

  pause(): void {
    this.#io?.pause();
  }

  resume(): void {
    this.#io?.resume();
  }

  end(): void {
    if (this.#writeEnded) return;
    this.#writeEnded = true;
    if (this.#life !== 'open' || this.#lastWords !== null) return;
    // Where nothing is left to come or to go, closing says the same in one step.
    if ((this.#readEnded || this.#closesWhenFinished) && this.unsentBytes === 0) this.destroy();
    else this.#shutdown();
  }

  endAndDestroy(): void {
    if (this.#life === 'opening' || this.#finished || this.#lastWords !== null) {
      this.destroy();
      return;
    }
    this.#closesWhenFinished = true;
    this.end();
  }

  destroy(error: Error | null = null): void {
    if (this.#life === 'closed') return;
    this.#leave();
    this.#error = error;
    if (this.#handle === null) process.nextTick(this.#closed);
    else this.#handle.close(this.#closed);
  }

  reset(): void {
    if (this.#life === 'closed') return;
    if (this.#handle === null) {
      this.destroy();
      return;
    }
    this.#leave();
    // With an end under way libuv refuses a reset, and Node takes the handle for closed all the same.
    if (this.#writeEnded && !this.#finished) this.#handle.close(this.#closed);
    else this.#handle.reset(this.#closed);
  }

  /** The other side has dropped the connection; what it had sent before goes on first. */
  writeFailed(error: Error): void {
    if (this.#readEnded) this.destroy(error);
    else this.#lastWords = new LastWords(error, (failure) => this.destroy(failure));
  }

  /** From here on the peer is asked now and then whether it is still there. */
  keepAlive(): void {
    young.remove(this);
    this.#isYoung = false;
    this.#handle?.setKeepAlive(true, KEEPALIVE_DELAY_SECONDS);
  }

  shorten(): void {}

  /**
   * Tries one address after the other, none but the last for longer than Node's sockets would; `settle` hears
   * of the first that answers, or of the last one's error.
   */
  #connect(addresses: readonly string[], port: number, settle: (error: Error | null) => void): void {
    const [address, ...others] = addresses;
    if (address === undefined || this.#life !== 'opening') return;
    const { TCP, TCPConnectWrap, constants } = this.#binding;
    const handle = new TCP(constants.SOCKET);
    this.#handle = handle;
    const giveUp = (): void => {
      if (this.#life !== 'opening' || this.#handle !== handle) return;
      handle.close(() => {});
      this.#connect(others, port, settle);
    };
    let isRead = false;
    const patience =
      others.length === 0 ? undefined : setTimeout(giveUp, getDefaultAutoSelectFamilyAttemptTimeout());
    const done = (status: number): void => {
      clearTimeout(patience);
      if (this.#life !== 'opening' || this.#handle !== handle) return;
      if (status === 0) {
        settle(null);
        this.#begin(handle, isRead ? 'reading' : 'unread');
      } else if (others.length > 0) giveUp();
      else {
        const error = systemError('connect', status);
        error.message = `${error.message} ${address}:${port}`;
        settle(error);
      }
    };
    const request = new TCPConnectWrap();
    request.oncomplete = done;
    const failed =
      isIP(address) === 6 ? handle.connect6(request, address, port) : handle.connect(request, address, port);
    if (failed !== 0) process.nextTick(done, failed);
    // Asked for now, where the system allows it, it costs one call less than once the connection is there.
    else isRead = handle.readStart() === 0;
  }

  #begin(handle: TcpHandle, is: 'reading' | 'unread'): void {
    this.#handle = handle;
    this.#life = 'open';
    this.#stopTimer();
    handle.setNoDelay(true);
    young.add(this);
    this.#isYoung = true;
    rounds.timer ??= setInterval(keepYoungAlive, KEEPALIVE_ROUND_MS).unref();
    this.#io = new DirectIo(this.#binding, handle, this, this.#handler, (count) => this.#readNoMore(count));
    const failed = is === 'unread' ? handle.readStart() : 0;
    if (failed !== 0) {
      this.destroy(systemError('read', failed));
      return;
    }
    const ends = this.#writeEnded;
    this.#writeEnded = false;
    for (const chunk of this.#early) this.#io.write(chunk);
    this.#early = [];
    if (ends) this.end();
  }

  #readNoMore(count: number): void {
    if (this.#life === 'closed' || this.#readEnded) return;
    if (count !== END_OF_STREAM) {
      this.destroy(systemError('read', count));
      return;
    }
    this.#readEnded = true;
    if (this.#lastWords?.isReset === true) {
      this.destroy(this.#lastWords.error);
      return;
    }
    this.#handler.ended();
    if (this.#finished || this.#lastWords !== null) this.destroy();
  }

  #shutdown(): void {
    const request = new this.#binding.ShutdownWrap();
    request.oncomplete = () => {
      this.#finished = true;
      if (this.#readEnded || this.#closesWhenFinished) this.destroy();
    };
    // The other side may have left already.
    if (this.#handle?.shutdown(request) !== 0) this.destroy();
  }

  #leave(): void {
    this.#life = 'closed';
    this.#stopTimer();
    this.#lastWords?.end();
    if (this.#isYoung) young.remove(this);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  readonly #closed = (): void => {
    this.#handler.closed(this.#error);
  };
}

function keepYoungAlive(): void {
  for (const stream of young) stream.keepAlive();
}

/**
 * Has a listening server hand over bare handles instead of sockets. False: this Node does not allow it, and the
 * server goes on as it was.
 */
export function acceptHandles(
  server: Server,
  accept: (binding: TcpBinding, handle: TcpHandle) => void,
): boolean {
  const { _handle: listening } = server as unknown as {
    readonly _handle?: { onconnection: (status: number, handle: unknown) => void } | null;
  };
  const binding = tcpBinding;
  if (binding === null || typeof listening?.onconnection !== 'function') return false;
  listening.onconnection = (status, handle) => {
    if (status !== 0) server.emit('error', systemError('accept', status));
    else if (isTcpHandle(handle)) accept(binding, handle);
  };
  return true;
}
