/**
 * Reads what a client sends after its login: commands, byte by byte if they come so.
 * MySQL manual: "MySQL Packets", "Command Phase".
 *
 * The bytes are relayed elsewhere; here they are only looked at. A whole command in one chunk, which is the
 * rule, is handed over as a view of that chunk and costs no copy, unless whoever gets it keeps it.
 */
import { Exchange } from './exchange.ts';
import { GatheredBytes } from './gathered-bytes.ts';
import { COM, HEADER_LENGTH, MAX_PAYLOAD } from './protocol.ts';

/**
 * What a packet with a number other than 0 may be besides a lost step: lines of a LOCAL INFILE file, up to
 * an empty packet, or answers of an authentication.
 */
export type ClientData = 'none' | 'infile' | 'authentication';

export class CommandReader<Note> {
  /** Set by whoever sees the server ask for such data. */
  clientData: ClientData = 'none';

  readonly #keepBytes: number;
  #headerFill = 0;
  /** Of the header in the making. */
  #headerLength = 0;
  #headerSequence = 0;
  /** Bytes of the current packet's payload still to come; -1 between packets. */
  #remaining = -1;
  /** The current packet is full, so the next one goes on with the same payload. */
  #continued = false;
  #isData = false;

  /** The number that a packet which continues a payload must have. */
  #nextSequence = 0;

  /** The command in the making, as far as it is kept. */
  readonly #kept = new GatheredBytes();
  #length = 0;
  #inCommand = false;

  /** A command longer than `keepBytes` is handed over with only its beginning. */
  constructor(keepBytes: number) {
    this.#keepBytes = keepBytes;
  }

  /** True while nothing of a command is under way. */
  get atRest(): boolean {
    return !this.#inCommand && this.#headerFill === 0 && this.#remaining < 0;
  }

  /**
   * Takes the next bytes and hands over every command that they complete; the payload is let go of when
   * `onCommand` returns, unless it was kept. Answers false when the step is
   * lost: a packet number that no client may send; nothing more may be fed then.
   */
  feed(chunk: Buffer, onCommand: (exchange: Exchange<Note>) => void): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining < 0) {
        at = this.#readHeader(chunk, at);
        if (this.#headerFill < HEADER_LENGTH) break;
        if (!this.#beginPacket()) return false;
      }
      const take = Math.min(this.#remaining, chunk.length - at);
      if (take > 0 && !this.#isData) this.#keep(chunk, at, at + take);
      at += take;
      this.#remaining -= take;
      if (this.#remaining === 0) this.#endPacket(onCommand);
    }
    // The chunk's bytes are the caller's, who uses them for the next one.
    this.#kept.own();
    return true;
  }

  #readHeader(chunk: Buffer, from: number): number {
    let at = from;
    for (; this.#headerFill < HEADER_LENGTH && at < chunk.length; this.#headerFill++) {
      const byte = chunk[at++]!;
      if (this.#headerFill === 0) this.#headerLength = byte;
      else if (this.#headerFill < HEADER_LENGTH - 1) this.#headerLength |= byte << (8 * this.#headerFill);
      else this.#headerSequence = byte;
    }
    return at;
  }

  #beginPacket(): boolean {
    const length = this.#headerLength;
    const sequence = this.#headerSequence;
    this.#headerFill = 0;
    this.#remaining = length;
    const continues = this.#continued;
    this.#continued = length === MAX_PAYLOAD;
    if (continues && sequence !== this.#nextSequence) return false;
    this.#nextSequence = (sequence + 1) & 0xff;
    if (continues) {
      this.#length += length;
      return true;
    }
    this.#isData = this.clientData === 'infile' || (this.clientData === 'authentication' && sequence !== 0);
    if (this.#isData) {
      if (this.clientData === 'infile' && length === 0) this.clientData = 'none';
      return true;
    }
    if (sequence !== 0) return false;
    this.#inCommand = true;
    this.#length = length;
    return true;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const room = this.#keepBytes - this.#kept.length;
    if (room <= 0) return;
    this.#kept.add(chunk.subarray(from, Math.min(to, from + room)), Math.min(this.#length, this.#keepBytes));
  }

  #endPacket(onCommand: (exchange: Exchange<Note>) => void): void {
    this.#remaining = -1;
    if (this.#isData || this.#continued) return;
    const payload = this.#kept.take(this.#kept.length);
    const exchange = new Exchange<Note>(payload[0] ?? COM.SLEEP, payload, this.#length);
    this.#inCommand = false;
    onCommand(exchange);
    exchange.release();
  }
}
