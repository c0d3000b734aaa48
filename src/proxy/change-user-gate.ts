/**
 * COM_CHANGE_USER where only one side has TLS: a login in the midst of a session, with the same limits as the
 * first one. Its packets, and no others, are held until they are whole and judged. Sessions that have TLS on
 * both sides, or on neither, have no gate.
 */
import { readChangeUser } from '../wire/change-user-packet.ts';
import type { ClientData } from '../wire/command-reader.ts';
import { GatheredBytes } from '../wire/gathered-bytes.ts';
import { LOGIN_PAYLOAD_MAX } from '../wire/login-phase.ts';
import { MixedAuthentication, type MixedLegs } from '../wire/mixed-authentication.ts';
import { PacketAssembler } from '../wire/packet-assembler.ts';
import { COM, HEADER_LENGTH, MAX_PAYLOAD } from '../wire/protocol.ts';

export interface GateEvents {
  /** What the readers know: whether the client's next packets are a file's lines or an authentication's answers. */
  clientData(): ClientData;
  /** A reply is still to come for what the client has sent so far. */
  busy(): boolean;
  toServer(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** `what` can't go on; `sequence` is the number of the packet in its place. Nothing more may pass. */
  refuse(what: string, sequence: number): void;
}

export class ChangeUserGate {
  /** A COM_CHANGE_USER waits for the replies before it; `settle` looks again. */
  waiting = false;
  readonly legs: MixedLegs;
  readonly #capabilities: number;
  readonly #events: GateEvents;
  readonly #fromClient = new GatheredBytes();
  readonly #fromServer = new PacketAssembler(LOGIN_PAYLOAD_MAX);
  #authentication: MixedAuthentication | null = null;
  /** Bytes of the client's packet under way that pass unheld. */
  #passing = 0;
  /** The packet under way is full: the next one continues it. */
  #continues = false;
  #closed = false;
  #blind = false;

  constructor(legs: MixedLegs, capabilities: number, events: GateEvents) {
    this.legs = legs;
    this.#capabilities = capabilities;
    this.#events = events;
  }

  fromClient(chunk: Buffer): void {
    this.#fromClient.add(chunk);
    this.settle();
  }

  /** Lets pass what may pass now. */
  settle(): void {
    this.waiting = false;
    while (!this.#closed && !this.waiting && this.#fromClient.length > 0) if (!this.#next()) break;
    this.#fromClient.own();
  }

  fromServer(chunk: Buffer): void {
    if (this.#closed) return;
    if (this.#authentication === null || this.#events.clientData() !== 'authentication') {
      this.#events.toClient(chunk);
      return;
    }
    this.#fromServer.push(chunk);
    while (!this.#closed && this.#events.clientData() === 'authentication') {
      const packet = this.#fromServer.next();
      if (packet === null) return;
      const objection =
        packet === 'too_long' ? 'a packet that long' : this.#authentication.fromServer(packet.payload);
      if (packet === 'too_long' || objection !== null) {
        this.#refuse(objection ?? '', packet === 'too_long' ? 1 : packet.sequence);
        return;
      }
      this.#events.toClient(packet.bytes);
    }
    const rest = this.#fromServer.rest();
    if (rest.length > 0) this.#events.toClient(rest);
  }

  /**
   * The readers have lost their step, so that no authentication can be followed any more: from here on each
   * COM_CHANGE_USER is refused.
   */
  goBlind(): void {
    this.#blind = true;
  }

  /** Opens the gate for good; answers what it held. */
  release(): Buffer {
    this.#closed = true;
    return this.#fromClient.take(this.#fromClient.length);
  }

  /** One packet, or a piece of one. False: more bytes are needed. */
  #next(): boolean {
    const bytes = this.#fromClient;
    if (this.#passing > 0) {
      this.#pass(Math.min(this.#passing, bytes.length));
      return true;
    }
    if (bytes.length < HEADER_LENGTH) return false;
    const head = bytes.view();
    const length = head.readUIntLE(0, 3);
    if (length > 0 && bytes.length === HEADER_LENGTH) return false;
    const sequence = head[3]!;
    const kind = this.#continues ? 'other' : this.#kindOf(sequence, length > 0 ? head[HEADER_LENGTH]! : -1);
    if (kind === 'other') {
      this.#continues = length === MAX_PAYLOAD;
      this.#passing = HEADER_LENGTH + length;
      return true;
    }
    if (length > LOGIN_PAYLOAD_MAX) return this.#refused('a packet that long', sequence);
    if (bytes.length < HEADER_LENGTH + length) return false;
    if (this.#blind) return this.#refused('a COM_CHANGE_USER that can not be followed', sequence);
    const payload = head.subarray(HEADER_LENGTH, HEADER_LENGTH + length);
    if (kind === 'change_user') {
      this.waiting = this.#events.busy();
      if (this.waiting) return false;
    }
    const objection = kind === 'change_user' ? this.#begin(payload) : this.#answer(payload);
    if (objection !== null) return this.#refused(objection, sequence);
    this.#passing = HEADER_LENGTH + length;
    return true;
  }

  #kindOf(sequence: number, first: number): 'change_user' | 'answer' | 'other' {
    const data = this.#events.clientData();
    if (data === 'authentication' && sequence !== 0) return 'answer';
    return data !== 'infile' && sequence === 0 && first === COM.CHANGE_USER ? 'change_user' : 'other';
  }

  #begin(payload: Buffer): string | null {
    const asked = readChangeUser(payload);
    if (asked === null) return 'a malformed COM_CHANGE_USER';
    this.#authentication = new MixedAuthentication(this.legs, this.#capabilities, asked.plugin);
    return this.#authentication.fromClient(asked.answer);
  }

  #answer(payload: Buffer): string | null {
    return this.#authentication === null ? 'an answer unasked' : this.#authentication.fromClient(payload);
  }

  #pass(count: number): void {
    this.#passing -= count;
    this.#events.toServer(this.#fromClient.take(count));
  }

  #refused(what: string, sequence: number): false {
    this.#refuse(what, (sequence + 1) & 0xff);
    return false;
  }

  #refuse(what: string, sequence: number): void {
    this.#closed = true;
    this.#events.refuse(what, sequence);
  }
}
