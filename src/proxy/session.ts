/**
 * One client and its connection to the old server: `login → relay → closing`, or `→ blind` where the bytes
 * can't be followed. Bytes are passed on first and looked at afterwards.
 */
import type { Chained } from '../base/chain.ts';
import { errorText } from '../base/errors.ts';
import type { SessionTap } from '../mirror/tap.ts';
import type { ConnectionState } from '../observe/metrics.ts';
import type { BlindReason } from '../observe/outcomes.ts';
import type { Agreement } from '../wire/login.ts';
import { errorPacket } from '../wire/packets.ts';
import { writeProxyHeader } from '../wire/proxy-protocol.ts';
import type { ByteStream } from './byte-stream.ts';
import { ChangeUserGate } from './change-user-gate.ts';
import type { ClientOrigin } from './client-origin.ts';
import type { Ends } from './deserted-sessions.ts';
import { HeldStream } from './held-stream.ts';
import { Orphan } from './orphan.ts';
import { Parting } from './parting.ts';
import { RelayPhase } from './relay-phase.ts';
import { type LoginEvents, SessionLogin } from './session-login.ts';
import type { SessionOptions } from './session-options.ts';
import { type ClientOpening, openStreams } from './session-streams.ts';
import { mixedError, mixedSubject } from './session-tls.ts';

const EMPTY = Buffer.alloc(0);

type Phase =
  | { readonly at: 'login'; readonly login: SessionLogin }
  | { readonly at: 'relay'; readonly relay: RelayPhase; readonly gate: ChangeUserGate | null }
  /** `unseen`: what the client sends may change anything. */
  | { readonly at: 'blind'; readonly gate: ChangeUserGate | null; readonly unseen: boolean }
  /** The client is gone, and left something that the server is still at. */
  | { readonly at: 'orphaned'; readonly orphan: Orphan }
  | { readonly at: 'closing' }
  | { readonly at: 'closed' };

export class Session implements Chained<Session> {
  before: Session | null = null;
  after: Session | null = null;
  readonly #options: SessionOptions;
  readonly #origin: ClientOrigin;
  readonly #onClosed: (session: Session) => void;
  readonly #client: ByteStream;
  readonly #server: HeldStream;
  readonly #parting: Parting;
  #phase: Phase;
  #tap: SessionTap | null = null;
  #draining = false;
  #serverReached = false;
  /** Why nothing is read from the client just now. */
  #clientHeld: 'pipeline' | 'server_busy' | null = null;

  /** `origin` tells whose the client's stream is. */
  constructor(
    opening: ClientOpening,
    origin: ClientOrigin,
    options: SessionOptions,
    onClosed: (session: Session) => void,
  ) {
    this.#options = options;
    this.#origin = origin;
    this.#onClosed = onClosed;
    const client = {
      data: (chunk: Buffer) => {
        options.metrics.relayed('to_old', chunk.length);
        this.#fromClient(chunk);
      },
      drained: () => this.#server.resume(),
      ended: () => this.#clientEnded(),
      closed: (error: Error | null) => this.#clientClosed(error),
    };
    const server = {
      data: (chunk: Buffer) => {
        options.metrics.relayed('to_client', chunk.length);
        this.#fromServer(chunk);
      },
      drained: () => this.#releaseClient(),
      ended: () => this.#serverEnded(),
      closed: (error: Error | null) => this.#serverClosed(error),
    };
    const { host, port } = options.old;
    const target = { host, port, timeoutMs: options.connectTimeoutMs };
    const streams = openStreams(opening, target, { client, server }, () => {
      this.#serverReached = true;
    });
    this.#client = streams.client;
    this.#server = new HeldStream(streams.server, options.turn, () => this.#holdClient('server_busy'));
    this.#parting = new Parting(streams.client, this.#server, options.lingerTimeoutMs);
    if (options.oldProxyProtocol !== undefined) {
      this.#server.write(writeProxyHeader(options.oldProxyProtocol, origin.endpoints));
    }
    const login = new SessionLogin(options, origin, streams, this.#loginEvents());
    this.#phase = { at: 'login', login };
  }

  get state(): ConnectionState {
    const phase = this.#phase;
    if (phase.at === 'closed') return 'closing';
    if (phase.at === 'orphaned') return 'busy';
    if (phase.at !== 'relay') return phase.at;
    if (phase.relay.busy) return 'busy';
    return phase.relay.inTransaction ? 'transaction' : 'idle';
  }

  get ends(): Ends {
    return { client: this.#client, server: this.#server, clientHeld: this.#clientHeld !== null };
  }

  /** Nobody is left to wait for. */
  abandon(): void {
    this.#client.destroy();
  }

  /** Ends the session as soon as it is outside of a transaction and nothing is under way. */
  drain(): void {
    this.#draining = true;
    this.#endIfDrained();
  }

  /** Ends the session now, whatever is under way. */
  terminate(): void {
    if (this.#phase.at === 'login') this.#phase.login.end();
    this.#parting.terminate();
  }

  #fromClient(chunk: Buffer): void {
    const phase = this.#phase;
    if (phase.at === 'relay') {
      if (phase.gate === null) this.#commandBytes(chunk);
      else this.#throughGate(phase.gate, chunk);
    } else if (phase.at === 'login') {
      phase.login.push('client', chunk);
    } else if (phase.at === 'blind' && phase.gate !== null) {
      if (phase.unseen) this.#options.taps.unseen();
      phase.gate.fromClient(chunk);
    } else {
      if (phase.at === 'blind' && phase.unseen) this.#options.taps.unseen();
      this.#toServer(chunk);
    }
  }

  /** Bytes of the client that may go on; the relay's readers see them first. */
  #commandBytes(chunk: Buffer): void {
    const phase = this.#phase;
    if (phase.at !== 'relay') {
      this.#toServer(chunk);
      return;
    }
    // The mirror sees a command before the primary does; all that this waits for is the turn's append of its keys.
    const step = phase.relay.fromClient(chunk);
    if (step === 'lost') this.#options.taps.unseen();
    if (step === 'recorded_first') this.#toServerRecorded(chunk);
    else this.#toServer(chunk);
    if (step === 'lost') this.#leaveStep(phase.relay, 'lost_step_command');
    else if (phase.relay.pipelineFull) this.#holdClient('pipeline');
  }

  #throughGate(gate: ChangeUserGate, chunk: Buffer): void {
    gate.fromClient(chunk);
    if (gate.waiting) this.#holdClient('pipeline');
  }

  #fromServer(chunk: Buffer): void {
    const phase = this.#phase;
    if (phase.at === 'login') phase.login.push('server', chunk);
    else if (phase.at === 'relay' && phase.gate !== null) phase.gate.fromServer(chunk);
    else if (phase.at !== 'orphaned') this.#replyBytes(chunk);
    else if (!phase.orphan.fromServer(chunk)) this.#clientLeft();
  }

  /** Bytes of the server that may go on; the relay's readers see them afterwards. */
  #replyBytes(chunk: Buffer): void {
    const phase = this.#phase;
    this.#toClient(chunk);
    // A reader that looked while it was under way may have seen the tables as they were before.
    if (phase.at === 'blind' && phase.unseen) this.#options.taps.unseen();
    if (phase.at !== 'relay') return;
    const step = phase.relay.fromServer(chunk);
    if (step !== 'in_step') this.#leaveStep(phase.relay, step === 'stream' ? 'stream' : 'lost_step_reply');
    else if (this.#draining) this.#endIfDrained();
    if (phase.gate?.waiting === true && !phase.relay.busy) phase.gate.settle();
    if (this.#clientHeld === 'pipeline' && !this.#mustHold()) this.#releaseClient();
  }

  #toServer(chunk: Buffer): void {
    if (!this.#server.write(chunk)) this.#holdClient('server_busy');
  }

  #toServerRecorded(chunk: Buffer): void {
    if (!this.#server.writeRecorded(chunk)) this.#holdClient('server_busy');
  }

  #holdClient(reason: 'pipeline' | 'server_busy'): void {
    // A full pipeline empties only while the server is read, so its own pressure is the stronger reason.
    if (this.#clientHeld !== 'server_busy') this.#clientHeld = reason;
    this.#client.pause();
  }

  /** The client is too far ahead of its replies to be read on. */
  #mustHold(): boolean {
    const phase = this.#phase;
    return phase.at === 'relay' && (phase.relay.pipelineFull || phase.gate?.waiting === true);
  }

  #releaseClient(): void {
    if (this.#mustHold()) {
      this.#clientHeld = 'pipeline';
      return;
    }
    this.#clientHeld = null;
    this.#client.resume();
  }

  #toClient(chunk: Buffer): void {
    if (!this.#client.write(chunk)) this.#server.pause();
  }

  #loginEvents(): LoginEvents {
    return {
      toClient: (bytes) => this.#toClient(bytes),
      toServer: (bytes) => this.#toServer(bytes),
      established: (agreement) => this.#beginRelay(agreement),
      unreadable: (reason) => {
        const rest = this.#loginRest();
        this.#becomeBlind(reason, null);
        this.#forwardRest(rest);
      },
      refusedByServer: () => {
        const rest = this.#loginRest();
        this.#phase = { at: 'closing' };
        this.#forwardRest(rest);
      },
      refused: () => {
        this.#phase = { at: 'closing' };
      },
    };
  }

  #beginRelay(agreement: Agreement): void {
    const rest = this.#loginRest();
    const tap = this.#options.taps.tap(agreement);
    this.#tap = tap;
    const relay = new RelayPhase(agreement, tap, this.#options.keepBytes, this.#options.now);
    this.#phase = { at: 'relay', relay, gate: this.#gate(agreement, relay) };
    // What the gate holds back would have to be copied out of memory that is used again.
    if (agreement.mixed === null) {
      this.#client.shorten();
      this.#server.shorten();
    }
    if (rest.server.length > 0) this.#fromServer(rest.server);
    if (rest.client.length > 0) this.#fromClient(rest.client);
    if (this.#draining) this.#endIfDrained();
  }

  #gate(agreement: Agreement, relay: RelayPhase): ChangeUserGate | null {
    if (agreement.mixed === null) return null;
    return new ChangeUserGate(agreement.mixed, agreement.capabilities.base, {
      clientData: () => relay.clientData,
      busy: () => relay.busy,
      toServer: (bytes) => this.#commandBytes(bytes),
      toClient: (bytes) => this.#replyBytes(bytes),
      refuse: (what, sequence) => this.#refuseChange(what, sequence),
    });
  }

  /** A COM_CHANGE_USER can't be carried out; as after any that fails, the connection ends. */
  #refuseChange(what: string, sequence: number): void {
    const phase = this.#phase;
    if (phase.at !== 'relay' && phase.at !== 'blind') return;
    const { metrics, log } = this.#options;
    metrics.refused('tls_mixed');
    if (phase.at === 'relay' && phase.gate !== null) {
      const error = mixedError(phase.gate.legs);
      const text = errorText(error, { what: mixedSubject(what) });
      log.warn({ reason: 'tls_mixed', error: error.code, client: this.#origin.name }, text);
      this.#client.write(errorPacket(error, text, sequence, true));
    }
    this.#leaveRelay();
    this.#parting.refuse();
  }

  #loginRest(): { client: Buffer; server: Buffer } {
    const phase = this.#phase;
    if (phase.at !== 'login') return { client: EMPTY, server: EMPTY };
    return { client: phase.login.rest('client'), server: phase.login.rest('server') };
  }

  #forwardRest({ client, server }: { client: Buffer; server: Buffer }): void {
    if (server.length > 0) this.#toClient(server);
    if (client.length > 0) this.#toServer(client);
  }

  #becomeBlind(reason: BlindReason, gate: ChangeUserGate | null): void {
    const { metrics, incidents, log, taps } = this.#options;
    // What a replica reads off a binlog changes nothing.
    const unseen = reason !== 'stream';
    this.#phase = { at: 'blind', gate, unseen };
    metrics.blind(reason);
    if (!unseen) return;
    taps.unseen();
    const ours = reason === 'lost_step_command' || reason === 'lost_step_reply';
    incidents.report({ reason: ours ? 'lost_step' : 'blind_relay', message: reason });
    log.warn({ reason, client: this.#origin.name }, 'a session goes on as a blind relay: it is not mirrored');
  }

  /** The readers can't go on; the client must not notice. */
  #leaveStep(relay: RelayPhase, reason: BlindReason): void {
    const gate = this.#phase.at === 'relay' ? this.#phase.gate : null;
    this.#becomeBlind(reason, gate?.legs === 'client_tls' ? gate : null);
    this.#tap?.lostStep();
    this.#endTap(relay);
    if (gate !== null) this.#blindGate(gate, relay);
    if (this.#clientHeld === 'pipeline') this.#releaseClient();
  }

  /** A password that the client shows under TLS must not come to a plain connection, followed or not. */
  #blindGate(gate: ChangeUserGate, relay: RelayPhase): void {
    if (gate.legs === 'old_tls') {
      const held = gate.release();
      if (held.length > 0) this.#toServer(held);
      return;
    }
    gate.goBlind();
    if (relay.clientData === 'authentication') this.terminate();
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
    this.#parting.dismiss();
  }

  #clientEnded(): void {
    if (!this.#part()) this.#server.end();
  }

  /** After a COM_QUIT either side may close first. */
  #part(): boolean {
    const phase = this.#phase;
    if (phase.at !== 'relay' || !phase.relay.over) return false;
    this.#leaveRelay();
    this.#parting.part();
    return true;
  }

  #serverEnded(): void {
    if (this.#phase.at === 'orphaned') this.#clientLeft();
    if (this.#phase.at === 'closed' || this.#part()) return;
    this.#leaveRelay();
    this.#parting.serverEnded();
  }

  #serverClosed(error: Error | null): void {
    const phase = this.#phase;
    if (phase.at === 'orphaned') this.#clientLeft();
    if (phase.at === 'login' && phase.login.serverClosed(error, this.#serverReached)) return;
    this.#leaveRelay();
    this.#parting.serverClosed(error);
  }

  #clientClosed(error: Error | null): void {
    const phase = this.#phase;
    if (phase.at === 'login') phase.login.clientClosed(error);
    const orphan =
      phase.at === 'relay' ? Orphan.of(phase.relay, this.#server, () => this.#clientLeft()) : null;
    if (orphan === null) this.#clientLeft();
    else this.#phase = { at: 'orphaned', orphan };
  }

  /** The client is gone, and nothing is to be known any more of what it left. */
  #clientLeft(): void {
    this.#leaveRelay();
    this.#phase = { at: 'closed' };
    this.#parting.clientClosed();
    this.#onClosed(this);
  }

  #leaveRelay(): void {
    const phase = this.#phase;
    if (phase.at === 'login') phase.login.end();
    if (phase.at === 'relay') this.#endTap(phase.relay);
    if (phase.at === 'orphaned') {
      phase.orphan.end();
      this.#endTap(phase.orphan.relay);
    }
    if (phase.at !== 'closed') this.#phase = { at: 'closing' };
  }
}
