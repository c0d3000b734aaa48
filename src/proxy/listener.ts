/** One shard's port: takes clients in, up to its limit, and knows their sessions. */
import { createServer, type Server, type Socket } from 'node:net';
import { Chain } from '../base/chain.ts';
import { CLIENT_ERRORS, type ClientError, errorText, UsageError } from '../base/errors.ts';
import { type IpNetwork, isWithin } from '../base/ip-network.ts';
import type { ConnectionState } from '../observe/metrics.ts';
import { CONNECTION_STATES } from '../observe/outcomes.ts';
import { errorPacket } from '../wire/packets.ts';
import type { ProxyHeader } from '../wire/proxy-protocol.ts';
import type { ByteStream, StreamHandler } from './byte-stream.ts';
import { ClientOrigin, HandleEnds, peerName } from './client-origin.ts';
import type { ClientRoom, ShardRoom } from './client-room.ts';
import { DesertedSessions } from './deserted-sessions.ts';
import { ProxyHeaderWait } from './proxy-header-wait.ts';
import { Session } from './session.ts';
import type { SessionOptions } from './session-options.ts';
import type { ClientOpening } from './session-streams.ts';
import type { SessionTls } from './session-tls.ts';
import { SocketStream } from './socket-stream.ts';
import { acceptHandles, TcpStream } from './tcp-stream.ts';

export interface ListenerOptions extends SessionOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Null: TLS will come to neither side. */
  readonly tls: SessionTls | null;
  readonly maxConnections: number;
  /** What all shards of the process share. */
  readonly room: ClientRoom;
  /** Balancers, whose connections begin with a PROXY protocol header; nobody else's is read. */
  readonly trusted: readonly IpNetwork[];
}

/** For a client that is not listened to any more. */
const IGNORANT: StreamHandler = { data: () => {}, drained: () => {}, ended: () => {}, closed: () => {} };

/** Connections that the kernel holds until they are accepted. */
const BACKLOG = 1024;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #room: ShardRoom;
  readonly #sessions = new Chain<Session>();
  /** Connections of balancers that have not said yet whom they are for. */
  readonly #waiting = new Set<ProxyHeaderWait>();
  #whenEmpty: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#room = options.room.share(() => this.size);
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
        this.#shortenAccepts();
        this.#beginRounds();
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
    return this.#sessions.length + this.#waiting.size;
  }

  /**
   * Takes no more clients; sessions outside of a transaction end at once, others at its end. Resolves when
   * none is left, or when `terminate` has ended them.
   */
  drain(): Promise<void> {
    this.#server.close();
    for (const wait of this.#waiting) wait.terminate();
    for (const session of this.#sessions) session.drain();
    if (this.#sessions.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
    });
  }

  terminate(): void {
    for (const wait of this.#waiting) wait.terminate();
    for (const session of this.#sessions) session.terminate();
  }

  /** Where neither a header nor TLS can come, clients are served without sockets. */
  #shortenAccepts(): void {
    if (this.#options.trusted.length > 0 || this.#options.tls !== null) return;
    const isShort = acceptHandles(this.#server, (binding, handle) => {
      const open = (handler: StreamHandler): ByteStream => TcpStream.accepted(binding, handle, handler);
      const lack = this.#lack();
      if (lack !== null) this.#refuse(open(IGNORANT), lack);
      else this.#begin({ tls: null, open }, new ClientOrigin(new HandleEnds(handle), null, 0));
    });
    if (!isShort)
      this.#options.log.warn(
        'connections go by Node’s streams, at a higher cost: UNDERSTUDY_SOCKETS asks for it, or this version of Node has nothing else',
      );
  }

  #beginRounds(): void {
    const deserted = new DesertedSessions<Session>();
    const timer = setInterval(() => {
      for (const session of deserted.round(this.#sessions)) session.abandon();
    }, this.#options.lingerTimeoutMs).unref();
    this.#server.once('close', () => clearInterval(timer));
  }

  /** What there is not enough of for one more client; null: nothing. */
  #lack(): 'max_connections' | 'open_files' | null {
    const { size } = this;
    if (size >= this.#options.maxConnections) return 'max_connections';
    return this.#room.fits(size) ? null : 'open_files';
  }

  #accept(socket: Socket): void {
    const { trusted } = this.#options;
    const lack = this.#lack();
    if (lack !== null) {
      this.#refuse(new SocketStream(socket, IGNORANT), lack);
    } else if (trusted.length > 0 && socket.remoteAddress === undefined) {
      // It was reset before it was accepted, as by a health check; whether it was a balancer's nobody knows.
      socket.on('error', () => {}).destroy();
    } else if (trusted.length > 0 && isWithin(trusted, socket.remoteAddress ?? '')) {
      this.#awaitHeader(socket);
    } else {
      this.#beginOn(socket, new ClientOrigin(socket, null, 0));
    }
  }

  #beginOn(socket: Socket, origin: ClientOrigin): void {
    const { tls } = this.#options;
    const open = (handler: StreamHandler): SocketStream => new SocketStream(socket, handler);
    this.#begin(tls === null ? { tls, open } : { tls, open }, origin);
  }

  #begin(opening: ClientOpening, origin: ClientOrigin): void {
    const session = new Session(opening, origin, this.#options, (closed) => {
      this.#sessions.remove(closed);
      if (this.#sessions.length === 0) this.#whenEmpty?.();
    });
    this.#sessions.add(session);
  }

  #awaitHeader(socket: Socket): void {
    const { loginTimeoutMs, now } = this.#options;
    const acceptedAtMs = now();
    const wait = new ProxyHeaderWait(socket, loginTimeoutMs, {
      complete: (header: ProxyHeader) => {
        this.#waiting.delete(wait);
        this.#beginOn(socket, new ClientOrigin(socket, header, now() - acceptedAtMs));
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
    sendAway(new SocketStream(socket, IGNORANT), error, text);
  }

  #refuse(client: ByteStream, lack: 'max_connections' | 'open_files'): void {
    const { shard, maxConnections, room, metrics } = this.#options;
    metrics.refused(lack);
    if (lack === 'max_connections') {
      const error = CLIENT_ERRORS.tooManyConnections;
      sendAway(client, error, errorText(error, { shard, limit: maxConnections }));
      return;
    }
    this.#room.refused();
    const error = CLIENT_ERRORS.tooFewFiles;
    sendAway(client, error, errorText(error, { shard, limit: room.clientsMax }));
  }
}

function sendAway(client: ByteStream, error: ClientError, text: string): void {
  client.write(errorPacket(error, text, 0, false));
  client.endAndDestroy();
}
