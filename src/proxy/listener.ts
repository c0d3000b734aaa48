/** One shard's port: takes clients in, up to its limit, and knows their sessions. */
import { createServer, type Server, type Socket } from 'node:net';
import { CLIENT_ERRORS, type ClientError, errorText, UsageError } from '../base/errors.ts';
import { type IpNetwork, isWithin } from '../base/ip-network.ts';
import type { ConnectionState } from '../observe/metrics.ts';
import { CONNECTION_STATES } from '../observe/outcomes.ts';
import { errorPacket } from '../wire/packets.ts';
import type { ProxyHeader } from '../wire/proxy-protocol.ts';
import { ClientOrigin, peerName } from './client-origin.ts';
import { ProxyHeaderWait } from './proxy-header-wait.ts';
import { Session, type SessionOptions } from './session.ts';

export interface ListenerOptions extends SessionOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly maxConnections: number;
  /** Balancers, whose connections begin with a PROXY protocol header; nobody else's is read. */
  readonly trusted: readonly IpNetwork[];
}

/** Connections that the kernel holds until they are accepted. */
const BACKLOG = 1024;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  /** Connections of balancers that have not said yet whom they are for. */
  readonly #waiting = new Set<ProxyHeaderWait>();
  #whenEmpty: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, (socket) =>
      this.#accept(socket),
    );
  }

  /** Rejects with UsageError when the address can't be listened on. */
  listen(): Promise<void> {
    const { host, port } = this.#options.listen;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new UsageError(`shard ${this.#options.shard}: can't listen on ${host}:${port}: ${error.message}`),
        );
      });
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.removeAllListeners('error');
        // A failed accept (no file descriptors left) concerns that one connection.
        this.#server.on('error', (error) =>
          this.#options.log.error({ err: error }, 'accepting a client failed'),
        );
        resolve();
      });
    });
  }

  /** Sessions by their state, for the metrics. */
  connections(): Record<ConnectionState, number> {
    const counts = Object.fromEntries(CONNECTION_STATES.map((state) => [state, 0])) as Record<
      ConnectionState,
      number
    >;
    for (const session of this.#sessions) counts[session.state]++;
    counts.login += this.#waiting.size;
    return counts;
  }

  get size(): number {
    return this.#sessions.size + this.#waiting.size;
  }

  /**
   * Takes no more clients; sessions outside of a transaction end at once, others at its end. Resolves when
   * none is left, or when `terminate` has ended them.
   */
  drain(): Promise<void> {
    this.#server.close();
    for (const wait of this.#waiting) wait.terminate();
    for (const session of this.#sessions) session.drain();
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  terminate(): void {
    for (const wait of this.#waiting) wait.terminate();
    for (const session of this.#sessions) session.terminate();
  }

  #accept(socket: Socket): void {
    const { trusted, maxConnections, shard } = this.#options;
    if (this.size >= maxConnections) {
      const error = CLIENT_ERRORS.tooManyConnections;
      this.#options.metrics.refused('max_connections');
      this.#sendAway(socket, error, errorText(error, { shard, limit: maxConnections }));
    } else if (trusted.length > 0 && socket.remoteAddress === undefined) {
      // It was reset before it was accepted, as by a health check; whether it was a balancer's nobody knows.
      socket.on('error', () => {}).destroy();
    } else if (trusted.length > 0 && isWithin(trusted, socket.remoteAddress ?? '')) {
      this.#awaitHeader(socket);
    } else {
      this.#begin(socket, new ClientOrigin(socket, null, 0));
    }
  }

  #begin(socket: Socket, origin: ClientOrigin): void {
    const session = new Session(socket, origin, this.#options, (closed) => {
      this.#sessions.delete(closed);
      if (this.#sessions.size === 0) this.#whenEmpty?.();
    });
    this.#sessions.add(session);
  }

  #awaitHeader(socket: Socket): void {
    const { loginTimeoutMs, now } = this.#options;
    const acceptedAtMs = now();
    const wait = new ProxyHeaderWait(socket, loginTimeoutMs, {
      complete: (header: ProxyHeader) => {
        this.#waiting.delete(wait);
        this.#begin(socket, new ClientOrigin(socket, header, now() - acceptedAtMs));
      },
      refused: (reason) => {
        this.#waiting.delete(wait);
        this.#refuseHeader(socket, reason);
      },
      gone: () => this.#waiting.delete(wait),
    });
    this.#waiting.add(wait);
  }

  #refuseHeader(socket: Socket, reason: string): void {
    const error = CLIENT_ERRORS.badProxyHeader;
    const peer = peerName(socket);
    const text = errorText(error, { reason, peer });
    this.#options.metrics.refused('bad_proxy_header');
    this.#options.log.warn({ reason: 'bad_proxy_header', error: error.code, client: peer }, text);
    this.#sendAway(socket, error, text);
  }

  #sendAway(socket: Socket, error: ClientError, text: string): void {
    socket.on('error', () => {});
    socket.end(errorPacket(error, text, 0, false));
    socket.destroySoon();
  }
}
