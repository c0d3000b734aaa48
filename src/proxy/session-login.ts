/**
 * The login of one session, from the sockets' side: packets on their way, TLS where it is asked for, and the
 * errors that are ours to tell. It ends in the relay, in a blind relay, or with the session.
 */
import { CLIENT_ERRORS, type ClientError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ShardMetrics } from '../observe/metrics.ts';
import type { Agreement, LoginStep, LoginTls } from '../wire/login.ts';
import { LoginPhase, type Side } from '../wire/login-phase.ts';
import { errorPacket } from '../wire/packets.ts';
import type { ByteStream } from './byte-stream.ts';
import type { ClientOrigin } from './client-origin.ts';
import type { SessionStreams } from './session-streams.ts';
import { mixedError, mixedSubject } from './session-tls.ts';

export interface SessionLoginOptions {
  readonly shard: string;
  readonly old: { readonly host: string; readonly port: number };
  readonly loginTimeoutMs: number;
  readonly metrics: ShardMetrics;
  readonly log: Log;
}

/** What the session does with the login's packets and its end. */
export interface LoginEvents {
  toClient(bytes: Buffer): void;
  toServer(bytes: Buffer): void;
  /** The server has let the client in. `rest` may hold bytes that came behind the login. */
  established(agreement: Agreement): void;
  unreadable(reason: 'tls' | 'compression'): void;
  /** The server has said no, and the client was told. */
  refusedByServer(): void;
  /** The client was told why by us, or can't be told; both connections are being closed. */
  refused(): void;
}

/** The server's words for "not you", as against "not now": they say nothing of the server's health. */
const ACCESS_ERRNOS: ReadonlySet<number> = new Set([1044, 1045, 1049, 1251, 1698, 1820, 3118, 4151]);

/** Why no connection can be opened from here, to whichever server. */
const LOCAL_LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS']);

const WITHOUT_TLS: LoginTls = { client: 'none', server: false };

type Values = Readonly<Record<string, string | number>>;

export class SessionLogin {
  readonly #options: SessionLoginOptions;
  readonly #origin: ClientOrigin;
  readonly #events: LoginEvents;
  readonly #phase: LoginPhase;
  readonly #streams: SessionStreams;
  readonly #client: ByteStream;
  readonly #server: ByteStream;
  readonly #timer: NodeJS.Timeout;
  /** An error that waits until the client, still busy with TLS, has sent its answer and listens. */
  #deferred: (() => void) | null = null;
  #over = false;

  constructor(
    options: SessionLoginOptions,
    origin: ClientOrigin,
    streams: SessionStreams,
    events: LoginEvents,
  ) {
    this.#options = options;
    this.#origin = origin;
    this.#events = events;
    this.#streams = streams;
    this.#client = streams.client;
    this.#server = streams.server;
    this.#phase = new LoginPhase(streams.tls?.login ?? WITHOUT_TLS);
    this.#timer = setTimeout(() => this.#timedOut(), options.loginTimeoutMs - origin.waitedMs);
  }

  /** Bytes that came behind the login's last packet; given away, once. */
  rest(side: Side): Buffer {
    return this.#phase.rest(side);
  }

  /** The session is over, or the login is: nothing more is said. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  push(side: Side, chunk: Buffer): void {
    if (this.#over) return;
    if (side === 'server' && this.#inHandshake('client')) {
      // Only an error can come now, and the client can't be told of it before it has done its part.
      this.#refuseUnreachable('the server ended the login before the client had answered', 'old_refused');
      return;
    }
    const forward = side === 'client' ? this.#events.toServer : this.#events.toClient;
    this.#step(this.#phase.push(side, chunk, forward));
  }

  /** The server's connection is gone; `reached` says whether there ever was one. False: that ends no login. */
  serverClosed(error: Error | null, reached: boolean): boolean {
    if (this.#over) return false;
    if (this.#deferred !== null) return true;
    if (this.#inHandshake('server')) {
      this.#refuseOldTls(error?.message ?? 'the server closed the connection in the handshake');
      return true;
    }
    if (reached) return false;
    const local = LOCAL_LIMITS.has((error as NodeJS.ErrnoException | null)?.code ?? '');
    this.#refuseUnreachable(error?.message ?? 'closed', local ? 'local_limit' : 'old_unreachable');
    return true;
  }

  /** The client's connection is gone; where a TLS handshake came to nothing it is counted. */
  clientClosed(error: Error | null): void {
    if (this.#over || !this.#inHandshake('client')) return;
    this.#countFailedHandshake(error?.message ?? 'the client closed the connection');
  }

  #step(step: LoginStep): void {
    const { metrics } = this.#options;
    switch (step.step) {
      case 'go_on':
        return;
      case 'client_tls':
        this.#acceptTls();
        return;
      case 'server_tls':
        this.#openTls(step.request);
        return;
      case 'done':
        this.end();
        this.#events.established(step.agreement);
        return;
      case 'unreadable':
        this.end();
        this.#events.unreadable(step.reason);
        return;
      case 'refused':
        this.end();
        metrics.refused(ACCESS_ERRNOS.has(step.errno) ? 'access_denied' : 'old_refused');
        this.#events.refusedByServer();
        return;
      case 'denied':
        this.#deferred?.();
        return;
      case 'tls_required':
        this.#refuse(CLIENT_ERRORS.tlsRequired, 'tls_required', {});
        return;
      case 'tls_missing':
        this.#refuseOldTls('it offers no TLS');
        return;
      case 'tls_mixed':
        this.#refuse(mixedError(step.legs), 'tls_mixed', { what: mixedSubject(step.what) });
        return;
      case 'broken':
        this.#refuse(CLIENT_ERRORS.badHandshake, 'bad_handshake', { reason: step.reason });
    }
  }

  #acceptTls(): void {
    const { tls, client } = this.#streams;
    if (tls === null || tls.acceptor === null) return;
    client.acceptTls(tls.acceptor, this.#phase.rest('client'), (fault) => {
      if (fault === null || this.#deferred !== null) return;
      this.#defer(() =>
        this.#refuse(CLIENT_ERRORS.clientCertificate, 'client_certificate', { reason: fault }),
      );
    });
  }

  #openTls(request: Buffer): void {
    const { tls, server } = this.#streams;
    if (tls === null || tls.old === null) return;
    server.write(request);
    server.openTls(tls.old, this.#options.old.host, () => {
      if (!this.#over) this.#step(this.#phase.serverSecured(this.#events.toServer));
    });
  }

  #inHandshake(side: Side): boolean {
    return this.#streams.tls !== null && this.#streams[side].inHandshake;
  }

  #timedOut(): void {
    const limit = this.#options.loginTimeoutMs;
    if (this.#inHandshake('server')) this.#refuseOldTls(`no handshake within ${limit} ms`);
    else if (this.#inHandshake('client')) {
      this.#countFailedHandshake(`no handshake within ${limit} ms`);
      this.#drop();
    } else this.#refuse(CLIENT_ERRORS.loginTimeout, 'login_timeout', { limit });
  }

  #refuseOldTls(reason: string): void {
    this.#refuse(CLIENT_ERRORS.oldTls, 'old_tls', { ...this.#options.old, reason });
  }

  #refuseUnreachable(reason: string, counted: 'old_unreachable' | 'local_limit' | 'old_refused'): void {
    this.#refuse(CLIENT_ERRORS.oldUnreachable, counted, { ...this.#options.old, reason });
  }

  #refuse(error: ClientError, reason: string, values: Values): void {
    if (this.#over) return;
    if (this.#inHandshake('client')) {
      this.#defer(() => this.#refuse(error, reason, values));
      return;
    }
    const { shard, metrics, log } = this.#options;
    const text = errorText(error, { shard, ...values });
    metrics.refused(reason);
    log.warn({ reason, error: error.code, client: this.#origin.name }, text);
    this.#client.write(errorPacket(error, text, this.#phase.errorSequence, this.#phase.clientSpeaks41));
    this.#drop();
  }

  #defer(refuse: () => void): void {
    this.#deferred ??= refuse;
    this.#phase.deny();
    this.#server.destroy();
  }

  #countFailedHandshake(reason: string): void {
    const { metrics, log } = this.#options;
    metrics.refused('client_tls');
    log.warn(
      { reason: 'client_tls', client: this.#origin.name },
      `the TLS handshake with a client failed: ${reason}`,
    );
  }

  #drop(): void {
    this.end();
    this.#events.refused();
    this.#client.endAndDestroy();
    this.#server.destroy();
  }
}
