/** Puts whole packets together; for the login, where every packet is looked into before it goes on. */
import { HEADER_LENGTH, MAX_PAYLOAD } from './protocol.ts';

export interface Packet {
  readonly sequence: number;
  /** Header and payload, as they came. */
  readonly bytes: Buffer;
  readonly payload: Buffer;
}

export class PacketAssembler {
  readonly #payloadMax: number;
  #held: Buffer = Buffer.alloc(0);

  /** A packet with a longer payload than `payloadMax` is refused. */
  constructor(payloadMax: number) {
    this.#payloadMax = payloadMax;
  }

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
  }

  /** The next whole packet; null: more bytes are needed; 'too_long': the header announces too many. */
  next(): Packet | null | 'too_long' {
    const held = this.#held;
    if (held.length < HEADER_LENGTH) return null;
    const length = held.readUIntLE(0, 3);
    if (length > this.#payloadMax || length === MAX_PAYLOAD) return 'too_long';
    const end = HEADER_LENGTH + length;
    if (held.length < end) return null;
    this.#held = held.subarray(end);
    return { sequence: held[3]!, bytes: held.subarray(0, end), payload: held.subarray(HEADER_LENGTH, end) };
  }

  /** What came after the last whole packet; it is given away, once. */
  rest(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }
}
