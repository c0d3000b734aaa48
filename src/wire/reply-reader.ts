/**
 * Reads what the server answers, chunk by chunk as the socket gives it: finds the packets and hands them to
 * the reply machine. A whole packet in one chunk, which is the rule, is looked at where it lies; of a packet
 * in pieces the beginning is put together, and of rows nothing but lengths and first bytes is read.
 */
import type { Capabilities } from './capabilities.ts';
import type { Exchange } from './exchange.ts';
import { EOF } from './ok-packet.ts';
import { HEADER_LENGTH, MAX_PAYLOAD } from './protocol.ts';
import { type ReplyHandler, ReplyMachine } from './reply-machine.ts';

/** Bytes kept of a packet split over chunks: more than any packet that is looked into needs. */
const CAPTURE_BYTES = 1024;

export class ReplyReader<Note> {
  readonly #machine: ReplyMachine<Note>;
  #headerFill = 0;
  #capture: Buffer | null = null;
  #captured = 0;
  #payloadLength = 0;
  #payloadLeft = 0;
  #inPayload = false;
  #sequence = 0;

  constructor(capabilities: Capabilities, handler: ReplyHandler<Note>) {
    this.#machine = new ReplyMachine(capabilities, handler);
  }

  /** Commands sent whose replies are not complete. */
  get pending(): number {
    return this.#machine.pending;
  }

  /** The exchanges that still wait, oldest first (for the end of a session). */
  waiting(): Exchange<Note>[] {
    return this.#machine.waiting();
  }

  /** A command was sent; its reply is read next after those before it. */
  expect(exchange: Exchange<Note>): void {
    this.#machine.expect(exchange);
  }

  /** Takes the next bytes. False: the step is lost, and nothing more may be fed. */
  feed(chunk: Buffer): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (!this.#inPayload) {
        if (this.#headerFill === 0) at = this.#skipRows(chunk, at);
        at = this.#readHeader(chunk, at);
        if (this.#headerFill < HEADER_LENGTH) return true;
        if (!this.#beginPacket()) return false;
        if (this.#payloadLeft <= chunk.length - at) {
          const end = at + this.#payloadLeft;
          this.#inPayload = false;
          if (!this.#machine.inOrder(this.#sequence, at < end ? chunk[at]! : -1)) return false;
          if (!this.#machine.packet(chunk, at, end, this.#payloadLength)) return false;
          at = end;
          continue;
        }
      }
      at = this.#collect(chunk, at);
      if (this.#payloadLeft > 0) return true;
      this.#inPayload = false;
      if (!this.#packetInPieces()) return false;
    }
    return true;
  }

  #readHeader(chunk: Buffer, from: number): number {
    let at = from;
    for (; this.#headerFill < HEADER_LENGTH && at < chunk.length; this.#headerFill++) {
      const byte = chunk[at++]!;
      if (this.#headerFill === 0) this.#payloadLength = byte;
      else if (this.#headerFill < HEADER_LENGTH - 1) this.#payloadLength |= byte << (8 * this.#headerFill);
      else this.#sequence = byte;
    }
    return at;
  }

  #beginPacket(): boolean {
    this.#headerFill = 0;
    this.#payloadLeft = this.#payloadLength;
    this.#captured = 0;
    this.#inPayload = true;
    const sequence = this.#sequence;
    const machine = this.#machine;
    if (machine.sequence >= 0 && sequence !== machine.sequence) return false;
    if (machine.busy) machine.sequence = (sequence + 1) & 0xff;
    return true;
  }

  /** The hot loop: whole row packets of one chunk. */
  #skipRows(chunk: Buffer, from: number): number {
    const machine = this.#machine;
    const exchange = machine.rowsOf;
    if (exchange === null || machine.midRow) return from;
    const sink = exchange.rowSink;
    let at = from;
    while (at + HEADER_LENGTH < chunk.length) {
      const length = chunk[at]! | (chunk[at + 1]! << 8) | (chunk[at + 2]! << 16);
      const end = at + HEADER_LENGTH + length;
      if (end > chunk.length || length === MAX_PAYLOAD || length === 0) break;
      if (chunk[at + HEADER_LENGTH]! >= EOF || chunk[at + 3]! !== machine.sequence) break;
      machine.sequence = (machine.sequence + 1) & 0xff;
      exchange.rows++;
      if (sink !== null) {
        sink.bytes(chunk, at + HEADER_LENGTH, end);
        sink.endRow();
      }
      at = end;
    }
    return at;
  }

  /** A piece of a packet: a row's goes to the sink at once, of all others the beginning is kept. */
  #collect(chunk: Buffer, from: number): number {
    const take = Math.min(this.#payloadLeft, chunk.length - from);
    const room = Math.min(take, CAPTURE_BYTES - this.#captured);
    this.#capture ??= Buffer.alloc(CAPTURE_BYTES);
    if (room > 0) chunk.copy(this.#capture, this.#captured, from, from + room);
    this.#captured += room;
    this.#payloadLeft -= take;
    const sink = this.#machine.rowsOf?.rowSink ?? null;
    if (sink !== null && this.#isRow()) sink.bytes(chunk, from, from + take);
    return from + take;
  }

  #packetInPieces(): boolean {
    if (!this.#machine.inOrder(this.#sequence, this.#capture![0]!)) return false;
    if (!this.#isRow()) return this.#machine.packet(this.#capture!, 0, this.#captured, this.#payloadLength);
    this.#machine.endRowPacket(this.#payloadLength);
    return true;
  }

  #isRow(): boolean {
    const machine = this.#machine;
    return machine.rowsOf !== null && machine.isRow(this.#capture![0]!, this.#payloadLength);
  }
}
