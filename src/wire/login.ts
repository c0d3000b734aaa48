/**
 * The login, packet by packet: which side may send next, under which number, and what the two agreed on.
 * MySQL manual: "Connection Phase". Authentication itself is between client and server: whatever plugin
 * they speak, the packets go on as they came.
 */
import { agreed, CAPABILITY, type Capabilities } from './capabilities.ts';
import { type Greeting, readAndMaskGreeting } from './greeting.ts';
import { readHandshakeResponse } from './handshake-response.ts';
import { ERR, OK } from './ok-packet.ts';
import type { Packet } from './packet-assembler.ts';

/** What both sides know once the server has said OK. */
export interface Agreement {
  readonly greeting: Greeting;
  readonly capabilities: Capabilities;
  readonly collation: number;
  readonly database: string | null;
  /** The status flags of the OK packet. */
  readonly status: number;
}

export type LoginStep =
  | { readonly step: 'go_on' }
  | { readonly step: 'done'; readonly agreement: Agreement }
  /** The server refused; the connection ends. */
  | { readonly step: 'refused'; readonly errno: number }
  /** From here on the bytes can't be followed: TLS, or compression asked for unoffered. */
  | { readonly step: 'unreadable'; readonly reason: 'tls' | 'compression' }
  | { readonly step: 'broken'; readonly reason: string };

const GO_ON: LoginStep = { step: 'go_on' };

type State =
  | { readonly at: 'greeting' }
  | { readonly at: 'response'; readonly greeting: Greeting }
  | {
      readonly at: 'authentication';
      readonly greeting: Greeting;
      readonly capabilities: Capabilities;
      readonly collation: number;
      readonly database: string | null;
      readonly compressed: boolean;
    };

export class Login {
  #state: State = { at: 'greeting' };
  #sequence = 0;
  #clientSpokeLast = false;

  /** The number under which the client expects the next packet of the server. */
  get errorSequence(): number {
    if (this.#state.at === 'greeting') return 0;
    return (this.#sequence + (this.#clientSpokeLast ? 0 : 1)) & 0xff;
  }

  /** The client may be told of an error in the form of protocol 4.1, with its SQLSTATE. */
  get clientSpeaks41(): boolean {
    return this.#state.at === 'authentication';
  }

  /** Takes a packet of the server. A greeting's capability bits are masked in place. */
  fromServer(packet: Packet): LoginStep {
    const state = this.#state;
    const first = packet.payload[0];
    // An error may come at any time (a shutdown, a kill), then under a number of the server's choice.
    if (first === ERR) return { step: 'refused', errno: errnoOf(packet.payload) };
    if (!this.#inTurn(packet)) return broken(`the server sent packet number ${packet.sequence} out of turn`);
    this.#clientSpokeLast = false;
    switch (state.at) {
      case 'greeting': {
        const greeting = readAndMaskGreeting(packet.payload);
        if (greeting === null) return broken('the server does not speak protocol 10');
        this.#state = { at: 'response', greeting };
        return GO_ON;
      }
      case 'response':
        return broken('the server spoke before the client answered its greeting');
      case 'authentication':
        if (first !== OK) return GO_ON;
        if (state.compressed) return { step: 'unreadable', reason: 'compression' };
        return { step: 'done', agreement: { ...state, status: statusOf(packet.payload) } };
    }
  }

  /** Takes a packet of the client. */
  fromClient(packet: Packet): LoginStep {
    const state = this.#state;
    if (state.at === 'greeting') return broken('the client spoke before the greeting');
    if (!this.#inTurn(packet)) return broken(`packet number ${packet.sequence} came out of turn`);
    this.#clientSpokeLast = true;
    if (state.at === 'authentication') return GO_ON;
    const response = readHandshakeResponse(packet.payload);
    if (response === null)
      return broken('the answer to the greeting is malformed, or older than protocol 4.1');
    if (response.wantsTls) return { step: 'unreadable', reason: 'tls' };
    this.#state = {
      at: 'authentication',
      greeting: state.greeting,
      capabilities: agreed(response.capabilities, state.greeting.capabilities),
      collation: response.collation,
      database: response.database,
      compressed: (response.capabilities.base & (CAPABILITY.COMPRESS | CAPABILITY.ZSTD_COMPRESSION)) !== 0,
    };
    return GO_ON;
  }

  #inTurn(packet: Packet): boolean {
    if (packet.sequence !== this.#sequence) return false;
    this.#sequence = (packet.sequence + 1) & 0xff;
    return true;
  }
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
