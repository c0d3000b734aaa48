/** One shard's port: takes clients in, up to its limit, and knows their sessions. */
import { createServer, type Server, type Socket } from 'node:net';
import { CLIENT_ERRORS, errorText, UsageError } from '../base/errors.ts';
import type { ConnectionState } from '../observe/metrics.ts';
import { CONNECTION_STATES } from '../observe/outcomes.ts';
import { errorPacket } from '../wire/packets.ts';
import { Session, type SessionOptions } from './session.ts';

export interface ListenerOptions extends SessionOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly maxConnections: number;
}

/** Connections that the kernel holds until they are accepted. */
const BACKLOG = 1024;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
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
    return counts;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Takes no more clients; sessions outside of a transaction end at once, others at its end. Resolves when
   * none is left, or when `terminate` has ended them.
   */
  drain(): Promise<void> {
    this.#server.close();
    for (const session of this.#sessions) session.drain();
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  terminate(): void {
    for (const session of this.#sessions) session.terminate();
  }

  #accept(socket: Socket): void {
    if (this.#sessions.size >= this.#options.maxConnections) {
      this.#refuse(socket);
      return;
    }
    const session = new Session(socket, this.#options, (closed) => {
      this.#sessions.delete(closed);
      if (this.#sessions.size === 0) this.#whenEmpty?.();
    });
    this.#sessions.add(session);
  }

  #refuse(socket: Socket): void {
    const { shard, maxConnections, metrics } = this.#options;
    const error = CLIENT_ERRORS.tooManyConnections;
    metrics.refused('max_connections');
    socket.on('error', () => {});
    socket.end(errorPacket(error, errorText(error, { shard, limit: maxConnections }), 0, false));
    socket.destroySoon();
  }
}
