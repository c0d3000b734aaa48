/** Plays one side of a session: sends what is its own when its turn has come, and holds what it gets against what was sent. */
import type { Socket } from 'node:net';
import type { Random } from '../harness/random.ts';
import type { Side } from '../harness/wire-session.ts';
import type { Segment } from './session-grammar.ts';

/**
 * How a session ends once its bytes are through. `halfway`: the side says that it sends no more as soon as that
 * is so, though it waits for answers. `reset`: the side breaks off, before its segment number `at`.
 */
export type Ending =
  | { readonly how: 'end'; readonly by: Side }
  | { readonly how: 'halfway'; readonly by: Side }
  | { readonly how: 'reset'; readonly by: Side; readonly at: number };

export interface Part {
  readonly side: Side;
  readonly segments: readonly Segment[];
  readonly ending: Ending;
  readonly random: Random;
}

const PIECES_SHARE = 0.2;
const PAUSE_SHARE = 0.3;

interface Outgoing {
  readonly bytes: Buffer;
  /** Bytes of the other side that must have come before. */
  readonly after: number;
}

export class SessionPlayer {
  readonly #socket: Socket;
  readonly #part: Part;
  readonly #outgoing: Outgoing[];
  readonly #incoming: Buffer[];
  readonly #incomingBytes: number;
  readonly #done: (fault: string | null) => void;
  #received = 0;
  /** The segment of the other side that is being received, and how much of it has come. */
  #segment = 0;
  #offset = 0;
  #sent = 0;
  #sending = false;
  #ended = false;
  #fault: string | null = null;

  /** `done` is called once, when the socket is closed: with what was wrong, or null. */
  constructor(socket: Socket, part: Part, done: (fault: string | null) => void) {
    this.#socket = socket;
    this.#part = part;
    this.#done = done;
    this.#outgoing = outgoingOf(part);
    this.#incoming = part.segments.filter(({ from }) => from !== part.side).map(({ bytes }) => bytes);
    this.#incomingBytes = this.#incoming.reduce((sum, { length }) => sum + length, 0);
    socket.on('end', () => {
      this.#ended = true;
      this.#go();
    });
    socket.once('close', () => this.#closed());
  }

  /** Says what still waits, for a session that does not end. */
  describe(): string {
    return `${this.#part.side} sent ${this.#sent} of ${this.#outgoing.length} segments and received ${this.#received} of ${this.#incomingBytes} bytes`;
  }

  /** `rest`: bytes that came behind the login. */
  begin(rest: Buffer): void {
    this.#socket.on('data', (chunk: Buffer) => this.#data(chunk));
    if (rest.length > 0) this.#data(rest);
    else this.#go();
  }

  #data(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const expected = this.#incoming[this.#segment];
      if (expected === undefined) {
        this.#fail(`${chunk.length - at} bytes came that nobody sent`);
        return;
      }
      const take = Math.min(chunk.length - at, expected.length - this.#offset);
      if (expected.compare(chunk, at, at + take, this.#offset, this.#offset + take) !== 0) {
        this.#fail(`the bytes differ, from ${this.#received} to ${this.#received + take}`);
        return;
      }
      at += take;
      this.#received += take;
      this.#offset += take;
      if (this.#offset === expected.length) {
        this.#segment += 1;
        this.#offset = 0;
      }
    }
    this.#go();
  }

  #go(): void {
    const { ending, side } = this.#part;
    while (!this.#sending && !this.#socket.destroyed) {
      const next = this.#outgoing[this.#sent];
      if (
        ending.how === 'reset' &&
        ending.by === side &&
        this.#sent >= ending.at &&
        this.#mayBreakOff(next)
      ) {
        this.#socket.resetAndDestroy();
        return;
      }
      if (next === undefined) break;
      if (this.#received < next.after) {
        if (this.#ended) this.#socket.end();
        return;
      }
      this.#sent += 1;
      this.#send(next.bytes);
    }
    if (this.#sending || this.#sent < this.#outgoing.length) return;
    const isOver = ending.how === 'halfway' || this.#received === this.#incomingBytes;
    if (this.#ended || (ending.by === side && isOver)) this.#socket.end();
  }

  #mayBreakOff(next: Outgoing | undefined): boolean {
    return next === undefined ? this.#received === this.#incomingBytes : this.#received >= next.after;
  }

  #send(bytes: Buffer): void {
    const { random } = this.#part;
    if (bytes.length < 2 || !random.chance(PIECES_SHARE)) {
      this.#socket.write(bytes);
      return;
    }
    this.#sending = true;
    this.#sendPieces(bytes);
  }

  /** Cut at any byte, with other things going on between two pieces. */
  #sendPieces(bytes: Buffer): void {
    const { random } = this.#part;
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#socket.destroyed) return;
      const length = random.heavyTailed(1, rest.length, 0.3);
      this.#socket.write(rest.subarray(0, length));
      rest = rest.subarray(length);
      if (rest.length > 0 && random.chance(PAUSE_SHARE)) {
        const left = rest;
        setImmediate(() => this.#sendPieces(left));
        return;
      }
    }
    this.#sending = false;
    this.#go();
  }

  #fail(text: string): void {
    this.#fault ??= `${this.#part.side}: ${text}`;
    this.#socket.destroy();
  }

  #closed(): void {
    const { ending, side } = this.#part;
    // A side that ends its stream is sent no more, and a reset takes along what is under way.
    const mayMiss =
      ending.how === 'reset' || (ending.how === 'halfway' && ending.by === 'server' && side === 'server');
    // A command that comes when the server has left is answered by a reset, as it is by a server that has.
    const mayBeReset = ending.how === 'halfway' && ending.by === 'server';
    if (this.#fault === null && !mayMiss) {
      if (this.#received < this.#incomingBytes) this.#fault = `closed too early: ${this.describe()}`;
      else if (!this.#ended && !mayBeReset) this.#fault = `closed without an end: ${this.describe()}`;
    }
    this.#done(this.#fault);
  }
}

function outgoingOf({ side, segments }: Part): Outgoing[] {
  const outgoing: Outgoing[] = [];
  let after = 0;
  for (const { from, bytes } of segments) {
    if (from === side) outgoing.push({ bytes, after });
    else after += bytes.length;
  }
  return outgoing;
}
