/**
 * The login, packet by packet: which side may send next, under which number, and what the two agreed on.
 * MySQL manual: "Connection Phase". Authentication itself is between client and server: whatever plugin
 * they speak, the packets go on as they came.
 *
 * TLS may end at the proxy, on either side. The request for it is a packet with a number, so where only one
 * side has TLS all later packets of the login count one more there: they are renumbered, in place.
 */
import { agreed, CAPABILITY, type Capabilities } from './capabilities.ts';
import { type Greeting, readAndMaskGreeting } from './greeting.ts';
import { type HandshakeResponse, readHandshakeResponse } from './handshake-response.ts';
import { MixedAuthentication, type MixedLegs } from './mixed-authentication.ts';
import { ERR, OK } from './ok-packet.ts';
import type { Packet } from './packet-assembler.ts';
import { tlsRequest } from './packets.ts';

/** What both sides know once the server has said OK. */
export interface Agreement {
  readonly greeting: Greeting;
  readonly capabilities: Capabilities;
  readonly collation: number;
  readonly database: string | null;
  /** The status flags of the OK packet. */
  readonly status: number;
  /** Which side alone has TLS; null: both or neither. */
  readonly mixed: MixedLegs | null;
}

/** The proxy's own part in TLS. */
export interface LoginTls {
  /** Towards clients. */
  readonly client: 'none' | 'offered' | 'required';
  /** Towards the server: always, or never. */
  readonly server: boolean;
  /** The client is one of ours, and acts by the server's side: what is said of mixed sides does not hold for it. */
  readonly ours?: true;
}

export type LoginStep =
  | { readonly step: 'go_on' }
  /** The client's next bytes are its TLS handshake with us. The packet itself does not go on. */
  | { readonly step: 'client_tls' }
  /** `request` goes to the server and TLS begins there; this packet goes on behind it. */
  | { readonly step: 'server_tls'; readonly request: Buffer }
  | { readonly step: 'done'; readonly agreement: Agreement }
  /** The server refused; the connection ends. */
  | { readonly step: 'refused'; readonly errno: number }
  /** From here on the bytes can't be followed: TLS, or compression asked for unoffered. */
  | { readonly step: 'unreadable'; readonly reason: 'tls' | 'compression' }
  /** TLS was required of the client, and it did not ask for it. */
  | { readonly step: 'tls_required' }
  /** The client was denied before it answered, and now it has answered and can be told. */
  | { readonly step: 'denied' }
  /** TLS is configured towards the server, and the server has none. */
  | { readonly step: 'tls_missing' }
  /** What the client or the server does now can't work, or would show a password, with TLS on one side only. */
  | { readonly step: 'tls_mixed'; readonly legs: MixedLegs; readonly what: string }
  | { readonly step: 'broken'; readonly reason: string };

const GO_ON: LoginStep = { step: 'go_on' };
const NO_TLS: LoginTls = { client: 'none', server: false };

type State =
  | { readonly at: 'greeting' }
  | { readonly at: 'response'; readonly greeting: Greeting; readonly encrypted: boolean }
  | {
      readonly at: 'authentication';
      readonly agreement: Omit<Agreement, 'status'>;
      readonly compressed: boolean;
      readonly mixed: MixedAuthentication | null;
    };

export class Login {
  readonly #tls: LoginTls;
  #state: State = { at: 'greeting' };
  /** The number of the next packet, as the client counts. */
  #sequence = 0;
  /** How many more the server has counted. */
  #ahead = 0;
  #clientSpokeLast = false;
  /** The client's answer to the greeting has come, and is of protocol 4.1. */
  #clientAnswered = false;
  #denied = false;

  constructor(tls: LoginTls = NO_TLS) {
    this.#tls = tls;
  }

  /** The number under which the client expects the next packet of the server. */
  get errorSequence(): number {
    if (this.#state.at === 'greeting') return 0;
    return (this.#sequence + (this.#clientSpokeLast ? 0 : 1)) & 0xff;
  }

  /** The client may be told of an error in the form of protocol 4.1, with its SQLSTATE. */
  get clientSpeaks41(): boolean {
    return this.#clientAnswered;
  }

  /** The client's answer to the greeting shall not go on: it can hear of an error only once it has sent that. */
  deny(): void {
    this.#denied = true;
  }

  /** Takes a packet of the server. A greeting's capability bits, and the packet's number, are changed in place. */
  fromServer(packet: Packet): LoginStep {
    const state = this.#state;
    const first = packet.payload[0];
    const inTurn = ((packet.sequence - this.#ahead) & 0xff) === this.#sequence;
    packet.bytes[3] = (packet.sequence - this.#ahead) & 0xff;
    // An error may come at any time (a shutdown, a kill), then under a number of the server's choice.
    if (first === ERR) return { step: 'refused', errno: errnoOf(packet.payload) };
    if (!inTurn) return broken(`the server sent packet number ${packet.sequence} out of turn`);
    switch (state.at) {
      case 'greeting': {
        const greeting = readAndMaskGreeting(packet.payload, this.#tls.client !== 'none');
        if (greeting === null) return broken('the server does not speak protocol 10');
        if (this.#tls.server && !greeting.serverHasTls) return { step: 'tls_missing' };
        this.#state = { at: 'response', greeting, encrypted: false };
        break;
      }
      case 'response':
        return broken('the server spoke before the client answered its greeting');
      case 'authentication': {
        const legs = state.agreement.mixed;
        const objection = state.mixed?.fromServer(packet.payload) ?? null;
        if (objection !== null && legs !== null) {
          // Our error takes this packet's place.
          this.#clientSpokeLast = true;
          return { step: 'tls_mixed', legs, what: objection };
        }
        if (first !== OK) break;
        if (state.compressed) return { step: 'unreadable', reason: 'compression' };
        const { greeting, capabilities, collation, database, mixed } = state.agreement;
        const status = statusOf(packet.payload);
        // Spread out, as objects made by spreading others cost a hundred times as much.
        return { step: 'done', agreement: { greeting, capabilities, collation, database, mixed, status } };
      }
    }
    this.#turn(false);
    return GO_ON;
  }

  /** Takes a packet of the client. Its number, and the TLS bit of the answer to the greeting, are changed in place. */
  fromClient(packet: Packet): LoginStep {
    const state = this.#state;
    if (state.at === 'greeting') return broken('the client spoke before the greeting');
    if (packet.sequence !== this.#sequence)
      return broken(`packet number ${packet.sequence} came out of turn`);
    this.#turn(true);
    if (state.at === 'response') return this.#answered(state, packet);
    packet.bytes[3] = (packet.sequence + this.#ahead) & 0xff;
    const legs = state.agreement.mixed;
    const objection = state.mixed?.fromClient(packet.payload) ?? null;
    return objection !== null && legs !== null ? { step: 'tls_mixed', legs, what: objection } : GO_ON;
  }

  #answered(state: State & { at: 'response' }, packet: Packet): LoginStep {
    const response = readHandshakeResponse(packet.payload);
    if (response === null)
      return broken('the answer to the greeting is malformed, or older than protocol 4.1');
    if (response.wantsTls) return this.#tlsAsked(state);
    this.#clientAnswered = true;
    if (this.#denied) return { step: 'denied' };
    if (this.#tls.client === 'required' && !state.encrypted) return { step: 'tls_required' };

    const mixed = this.#tls.ours === true ? null : mixedLegs(state.encrypted, this.#tls.server);
    const capabilities = agreed(response.capabilities, state.greeting.capabilities);
    const authentication =
      mixed === null ? null : new MixedAuthentication(mixed, capabilities.base, response.plugin);
    const { collation, database } = response;
    this.#state = {
      at: 'authentication',
      agreement: { greeting: state.greeting, capabilities, collation, database, mixed },
      compressed: asksForCompression(response),
      mixed: authentication,
    };
    this.#ahead = (this.#tls.server ? 1 : 0) - (state.encrypted ? 1 : 0);
    packet.bytes[3] = (packet.sequence + this.#ahead) & 0xff;
    setTlsBit(packet.payload, this.#tls.server, state.encrypted);

    const objection = authentication?.fromClient(response.answer) ?? null;
    if (objection !== null && mixed !== null) return { step: 'tls_mixed', legs: mixed, what: objection };
    // A compressed session could not be kept from showing a password to a plain connection later on.
    if (mixed === 'client_tls' && asksForCompression(response))
      return { step: 'tls_mixed', legs: mixed, what: 'compression' };
    return this.#tls.server ? { step: 'server_tls', request: tlsRequest(packet.payload) } : GO_ON;
  }

  #tlsAsked(state: State & { at: 'response' }): LoginStep {
    if (state.encrypted) return broken('the client asked for TLS inside of TLS');
    if (this.#tls.client === 'none') return { step: 'unreadable', reason: 'tls' };
    this.#state = { ...state, encrypted: true };
    // Before anything else of ours the client sends its answer.
    this.#clientSpokeLast = false;
    return { step: 'client_tls' };
  }

  /** A packet was in order, and the next one has the number after it. */
  #turn(ofClient: boolean): void {
    this.#clientSpokeLast = ofClient;
    this.#sequence = (this.#sequence + 1) & 0xff;
  }
}

function mixedLegs(clientTls: boolean, serverTls: boolean): MixedLegs | null {
  if (clientTls === serverTls) return null;
  return clientTls ? 'client_tls' : 'old_tls';
}

function asksForCompression({ capabilities }: HandshakeResponse): boolean {
  return (capabilities.base & (CAPABILITY.COMPRESS | CAPABILITY.ZSTD_COMPRESSION)) !== 0;
}

/** A server that finds the bit set on a plain connection would wait for a TLS handshake. */
function setTlsBit(response: Buffer, serverTls: boolean, clientTls: boolean): void {
  if (!serverTls && !clientTls) return;
  const flags = response.readUInt32LE(0);
  response.writeUInt32LE((serverTls ? flags | CAPABILITY.SSL : flags & ~CAPABILITY.SSL) >>> 0, 0);
}

/** The status flags of an OK packet, which a login answers with no rows and no id: two bytes before them. */
function statusOf(payload: Buffer): number {
  return payload.length >= 5 ? payload.readUInt16LE(3) : 0;
}

function errnoOf(payload: Buffer): number {
  return payload.length >= 3 ? payload.readUInt16LE(1) : 0;
}

function broken(reason: string): LoginStep {
  return { step: 'broken', reason };
}
