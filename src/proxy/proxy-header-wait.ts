/**
 * A connection of a trusted balancer, until its PROXY protocol header is complete. Nothing of the old server
 * is touched before: a balancer's health checks must not count there as clients that broke off.
 */
import type { Socket } from 'node:net';
import { plainIp } from '../base/ip-address.ts';
import { type ProxyHeader, readProxyHeader } from '../wire/proxy-protocol.ts';

export interface ProxyHeaderHandler {
  /** What came behind the header is still to be read from the socket. */
  complete(header: ProxyHeader): void;
  /** The peer sent something else, or only a part, or nothing in time. The socket is still open. */
  refused(reason: string): void;
  /** It is over without a client and without a fault: the balancer only looked whether someone listens. */
  gone(): void;
}

/**
 * Version 1 has no word for a balancer's own connection: it names the balancer as the client. A health check
 * ends right behind its header, so that such a connection is given this long to end before it is a session.
 */
const OWN_GRACE_MS = 100;

/** `local`: nothing of it is of use to the old server; it is held until it ends. */
type State =
  | { readonly at: 'header' }
  | { readonly at: 'own'; readonly header: ProxyHeader }
  | { readonly at: 'local' }
  | { readonly at: 'over' };

export class ProxyHeaderWait {
  readonly #socket: Socket;
  readonly #handler: ProxyHeaderHandler;
  #timer: NodeJS.Timeout;
  #received: Buffer = Buffer.alloc(0);
  #state: State = { at: 'header' };

  constructor(socket: Socket, timeoutMs: number, handler: ProxyHeaderHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#timer = setTimeout(() => this.#timedOut(timeoutMs), timeoutMs);
    socket.on('readable', this.#onReadable);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onError);
  }

  /** Drops the connection. */
  terminate(): void {
    if (!this.#leave()) return;
    this.#socket.destroy();
    this.#handler.gone();
  }

  readonly #onReadable = (): void => {
    for (let chunk = this.#read(); chunk !== null; chunk = this.#read()) {
      if (this.#state.at === 'local') continue;
      this.#received = Buffer.concat([this.#received, chunk]);
      if (this.#state.at === 'own') this.#complete(this.#state.header);
      else this.#look();
    }
  };

  #look(): void {
    const step = readProxyHeader(this.#received);
    if (step.step === 'broken') this.#refuse(step.reason);
    if (step.step !== 'done') return;
    const { header } = step;
    if (header.command === 'local') this.#state = { at: 'local' };
    else if (this.#isOwn(header) && this.#received.length === header.length) {
      this.#state = { at: 'own', header };
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#complete(header), OWN_GRACE_MS);
    } else this.#complete(header);
  }

  /** The client that the header names is the balancer's end of this very connection. */
  #isOwn({ endpoints }: ProxyHeader): boolean {
    const { remoteAddress, remotePort } = this.#socket;
    const source = endpoints?.source;
    return source?.port === remotePort && source?.address === plainIp(remoteAddress ?? '');
  }

  readonly #onEnd = (): void => {
    if (this.#state.at === 'header' && this.#received.length > 0) {
      this.#refuse('the connection ended within the PROXY protocol header');
    } else {
      this.terminate();
    }
  };

  readonly #onError = (): void => {};

  #read(): Buffer | null {
    return this.#state.at === 'over' ? null : (this.#socket.read() as Buffer | null);
  }

  #complete(header: ProxyHeader): void {
    if (!this.#leave()) return;
    this.#unlisten();
    const rest = this.#received.subarray(header.length);
    if (rest.length > 0) this.#socket.unshift(rest);
    this.#handler.complete(header);
  }

  #timedOut(timeoutMs: number): void {
    if (this.#state.at === 'local') this.terminate();
    else this.#refuse(`no PROXY protocol header within ${timeoutMs} ms`);
  }

  #refuse(reason: string): void {
    if (this.#leave()) this.#handler.refused(reason);
  }

  /** False: it was left before. */
  #leave(): boolean {
    if (this.#state.at === 'over') return false;
    this.#state = { at: 'over' };
    clearTimeout(this.#timer);
    return true;
  }

  /** The socket gets another owner. */
  #unlisten(): void {
    this.#socket.off('readable', this.#onReadable);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onError);
  }
}
