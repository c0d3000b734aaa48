/**
 * One client and its connection to the old server: `login → relay → closing`, or `→ blind` where the bytes
 * can't be followed. Bytes are passed on first and looked at afterwards.
 */
import type { Socket } from 'node:net';
import { CLIENT_ERRORS, type ClientError, errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { SessionTap, TapSource } from '../mirror/tap.ts';
import type { ConnectionState, ShardMetrics } from '../observe/metrics.ts';
import type { BlindReason } from '../observe/outcomes.ts';
import type { Agreement } from '../wire/login.ts';
import { commandPacket, errorPacket } from '../wire/packets.ts';
import { COM } from '../wire/protocol.ts';
import { type ProxyProtocolVersion, writeProxyHeader } from '../wire/proxy-protocol.ts';
import { ByteStream, openStream } from './byte-stream.ts';
import type { ClientOrigin } from './client-origin.ts';
import { LoginPhase } from './login-phase.ts';
import { RelayPhase } from './relay-phase.ts';

export interface SessionOptions {
  readonly shard: string;
  readonly old: { readonly host: string; readonly port: number };
  /** The header by which the old server is told whom each connection is for; left out: none. */
  readonly oldProxyProtocol?: ProxyProtocolVersion | undefined;
  readonly connectTimeoutMs: number;
  readonly loginTimeoutMs: number;
  /** A longer command is looked at no further than its beginning. */
  readonly keepBytes: number;
  readonly taps: TapSource;
  readonly metrics: ShardMetrics;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** How long a client may take to read what is left for it once the server has ended the connection. */
const LINGER_MS = 10_000;

/** The server's words for "not you", as against "not now": they say nothing of the server's health. */
const ACCESS_ERRNOS: ReadonlySet<number> = new Set([1044, 1045, 1049, 1251, 1698, 1820, 3118, 4151]);

/** Why no connection can be opened from here, to whichever server. */
const LOCAL_LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS']);

type Phase =
  | { readonly at: 'login'; readonly login: LoginPhase }
  | { readonly at: 'relay'; readonly relay: RelayPhase }
  | { readonly at: 'blind' }
  | { readonly at: 'closing' }
  | { readonly at: 'closed' };

export class Session {
  readonly #options: SessionOptions;
  readonly #origin: ClientOrigin;
  readonly #onClosed: (session: Session) => void;
  readonly #client: ByteStream;
  readonly #server: ByteStream;
  #phase: Phase;
  #tap: SessionTap | null = null;
  #draining = false;
  #loginTimer: NodeJS.Timeout | null;
  #lingerTimer: NodeJS.Timeout | null = null;
  #serverReached = false;
  /** Why nothing is read from the client just now. */
  #clientHeld: 'pipeline' | 'server_busy' | null = null;

  constructor(
    socket: Socket,
    origin: ClientOrigin,
    options: SessionOptions,
    onClosed: (session: Session) => void,
  ) {
    this.#options = options;
    this.#origin = origin;
    this.#onClosed = onClosed;
    this.#phase = { at: 'login', login: new LoginPhase() };
    this.#loginTimer = setTimeout(() => this.#loginTimedOut(), options.loginTimeoutMs - origin.waitedMs);
    this.#client = new ByteStream(socket, {
      data: (chunk) => {
        options.metrics.relayed('to_old', chunk.length);
        this.#fromClient(chunk);
      },
      drained: () => this.#server.resume(),
      ended: () => this.#server.end(),
      closed: () => this.#clientClosed(),
    });
    this.#server = openStream(
      options.old,
      options.connectTimeoutMs,
      {
        data: (chunk) => {
          options.metrics.relayed('to_client', chunk.length);
          this.#fromServer(chunk);
        },
        drained: () => this.#releaseClient(),
        ended: () => this.#serverEnded(),
        closed: (error) => this.#serverClosed(error),
      },
      () => {
        this.#serverReached = true;
      },
    );
    if (options.oldProxyProtocol !== undefined) {
      this.#server.write(writeProxyHeader(options.oldProxyProtocol, origin.endpoints));
    }
  }

  get state(): ConnectionState {
    const phase = this.#phase;
    if (phase.at === 'closed') return 'closing';
    if (phase.at !== 'relay') return phase.at;
    if (phase.relay.busy) return 'busy';
    return phase.relay.inTransaction ? 'transaction' : 'idle';
  }

  /** Ends the session as soon as it is outside of a transaction and nothing is under way. */
  drain(): void {
    this.#draining = true;
    this.#endIfDrained();
  }

  /** Ends the session now, whatever is under way. */
  terminate(): void {
    this.#client.endAndDestroy();
    this.#server.destroy();
  }

  #fromClient(chunk: Buffer): void {
    const phase = this.#phase;
    if (phase.at === 'login') {
      this.#login(phase.login, 'client', chunk);
    } else if (phase.at === 'relay') {
      // The mirror sees a command before the primary does; nothing it does makes the primary wait.
      const step = phase.relay.fromClient(chunk);
      this.#toServer(chunk);
      if (step !== 'in_step')
        this.#leaveStep(phase.relay, step === 'stream' ? 'stream' : 'lost_step_command');
      else if (phase.relay.pipelineFull) this.#holdClient('pipeline');
    } else {
      this.#toServer(chunk);
    }
  }

  #fromServer(chunk: Buffer): void {
    const phase = this.#phase;
    if (phase.at === 'login') {
      this.#login(phase.login, 'server', chunk);
      return;
    }
    this.#toClient(chunk);
    if (phase.at !== 'relay') return;
    if (phase.relay.fromServer(chunk) !== 'in_step') this.#leaveStep(phase.relay, 'lost_step_reply');
    else if (this.#draining) this.#endIfDrained();
    if (this.#clientHeld === 'pipeline' && !phase.relay.pipelineFull) this.#releaseClient();
  }

  #toServer(chunk: Buffer): void {
    if (!this.#server.write(chunk)) this.#holdClient('server_busy');
  }

  #holdClient(reason: 'pipeline' | 'server_busy'): void {
    // A full pipeline empties only while the server is read, so its own pressure is the stronger reason.
    if (this.#clientHeld !== 'server_busy') this.#clientHeld = reason;
    this.#client.pause();
  }

  #releaseClient(): void {
    const phase = this.#phase;
    if (phase.at === 'relay' && phase.relay.pipelineFull) {
      this.#clientHeld = 'pipeline';
      return;
    }
    this.#clientHeld = null;
    this.#client.resume();
  }

  #toClient(chunk: Buffer): void {
    if (!this.#client.write(chunk)) this.#server.pause();
  }

  #login(login: LoginPhase, side: 'client' | 'server', chunk: Buffer): void {
    const forward =
      side === 'client' ? (bytes: Buffer) => this.#toServer(bytes) : (bytes: Buffer) => this.#toClient(bytes);
    const outcome = login.push(side, chunk, forward);
    switch (outcome.step) {
      case 'go_on':
        return;
      case 'done':
        this.#beginRelay(outcome.agreement, login);
        return;
      case 'unreadable':
        this.#becomeBlind(outcome.reason);
        this.#forwardRest(login);
        return;
      case 'refused':
        this.#options.metrics.refused(ACCESS_ERRNOS.has(outcome.errno) ? 'access_denied' : 'old_refused');
        this.#phase = { at: 'closing' };
        this.#forwardRest(login);
        return;
      case 'broken':
        this.#refuse(CLIENT_ERRORS.badHandshake, 'bad_handshake', { reason: outcome.reason });
    }
  }

  #beginRelay(agreement: Agreement, login: LoginPhase): void {
    this.#stopLoginTimer();
    const tap = this.#options.taps.tap(agreement);
    this.#tap = tap;
    this.#phase = {
      at: 'relay',
      relay: new RelayPhase(agreement, tap, this.#options.keepBytes, this.#options.now),
    };
    this.#client.shorten();
    this.#server.shorten();
    const { client, server } = login.rest();
    if (server.length > 0) this.#fromServer(server);
    if (client.length > 0) this.#fromClient(client);
    if (this.#draining) this.#endIfDrained();
  }

  #forwardRest(login: LoginPhase): void {
    this.#stopLoginTimer();
    const { client, server } = login.rest();
    if (server.length > 0) this.#toClient(server);
    if (client.length > 0) this.#toServer(client);
  }

  #becomeBlind(reason: BlindReason): void {
    const { metrics, log, taps } = this.#options;
    this.#phase = { at: 'blind' };
    metrics.blind(reason);
    // What a replica reads off a binlog changes nothing.
    if (reason === 'stream') return;
    taps.unseen();
    log.warn({ reason, client: this.#origin.name }, 'a session goes on as a blind relay: it is not mirrored');
  }

  /** The readers can't go on; the client must not notice. */
  #leaveStep(relay: RelayPhase, reason: BlindReason): void {
    this.#becomeBlind(reason);
    this.#tap?.lostStep();
    this.#endTap(relay);
    if (this.#clientHeld === 'pipeline') this.#releaseClient();
  }

  #endTap(relay: RelayPhase): void {
    const tap = this.#tap;
    this.#tap = null;
    tap?.closed(relay.unanswered());
  }

  #endIfDrained(): void {
    const phase = this.#phase;
    if (phase.at !== 'relay' || phase.relay.busy || phase.relay.inTransaction) return;
    this.#phase = { at: 'closing' };
    this.#endTap(phase.relay);
    this.#server.write(commandPacket(COM.QUIT, ''));
    this.#server.end();
    this.#client.endAndDestroy();
  }

  #loginTimedOut(): void {
    if (this.#phase.at !== 'login') return;
    this.#refuse(CLIENT_ERRORS.loginTimeout, 'login_timeout', { limit: this.#options.loginTimeoutMs });
  }

  #refuse(error: ClientError, reason: string, values: Record<string, string | number>): void {
    const phase = this.#phase;
    if (phase.at !== 'login') return;
    this.#stopLoginTimer();
    this.#phase = { at: 'closing' };
    const { shard, metrics, log } = this.#options;
    const text = errorText(error, { shard, ...values });
    metrics.refused(reason);
    log.warn({ reason, error: error.code, client: this.#origin.name }, text);
    this.#client.write(errorPacket(error, text, phase.login.errorSequence, phase.login.clientSpeaks41));
    this.#client.endAndDestroy();
    this.#server.destroy();
  }

  #serverEnded(): void {
    this.#leaveRelay();
    this.#client.end();
    this.#server.end();
    this.#linger(Number.POSITIVE_INFINITY);
  }

  /** Drops a client that neither leaves nor reads what is left for it. */
  #linger(unsentBefore: number): void {
    this.#lingerTimer = setTimeout(() => {
      const unsent = this.#client.unsentBytes;
      if (unsent > 0 && unsent < unsentBefore) this.#linger(unsent);
      else this.#client.destroy();
    }, LINGER_MS);
  }

  #serverClosed(error: Error | null): void {
    if (this.#phase.at === 'login' && !this.#serverReached) {
      const { old } = this.#options;
      const reason = error?.message ?? 'closed';
      const localLimit = LOCAL_LIMITS.has((error as NodeJS.ErrnoException | null)?.code ?? '');
      this.#refuse(CLIENT_ERRORS.oldUnreachable, localLimit ? 'local_limit' : 'old_unreachable', {
        host: old.host,
        port: old.port,
        reason,
      });
      return;
    }
    this.#leaveRelay();
    if (error !== null) this.#client.reset();
    else this.#client.endAndDestroy();
  }

  #clientClosed(): void {
    this.#stopLoginTimer();
    if (this.#lingerTimer !== null) clearTimeout(this.#lingerTimer);
    this.#leaveRelay();
    this.#phase = { at: 'closed' };
    this.#server.endAndDestroy();
    this.#onClosed(this);
  }

  #leaveRelay(): void {
    const phase = this.#phase;
    if (phase.at === 'relay') this.#endTap(phase.relay);
    if (phase.at !== 'closed') this.#phase = { at: 'closing' };
  }

  #stopLoginTimer(): void {
    if (this.#loginTimer !== null) clearTimeout(this.#loginTimer);
    this.#loginTimer = null;
  }
}
