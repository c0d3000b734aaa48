/** Puts whole packets together; for the login, where every packet is looked into before it goes on. */
import { GatheredBytes } from './gathered-bytes.ts';
import { HEADER_LENGTH, MAX_PAYLOAD } from './protocol.ts';

export interface Packet {
  readonly sequence: number;
  /** Header and payload, as they came. */
  readonly bytes: Buffer;
  readonly payload: Buffer;
}

export class PacketAssembler {
  readonly #payloadMax: number;
  readonly #held = new GatheredBytes();

  /** A packet with a longer payload than `payloadMax` is refused. */
  constructor(payloadMax: number) {
    this.#payloadMax = payloadMax;
  }

  /** The chunk's bytes may be used again once `next` has answered null, `rest` was taken, or `keep` was called. */
  push(chunk: Buffer): void {
    this.#held.add(chunk);
  }

  /** Bytes that have come and not been taken. */
  get length(): number {
    return this.#held.length;
  }

  /** The next whole packet; null: more bytes are needed; 'too_long': the header announces too many. */
  next(): Packet | null | 'too_long' {
    const packet = this.#next();
    if (packet === null) this.#held.own();
    return packet;
  }

  /** Makes what has come last, without a look at it. */
  keep(): void {
    this.#held.own();
  }

  /** What came after the last whole packet; it is given away, once. */
  rest(): Buffer {
    return this.#held.take(this.#held.length);
  }

  #next(): Packet | null | 'too_long' {
    if (this.#held.length < HEADER_LENGTH) return null;
    const held = this.#held;
    const length = held.at(0) | (held.at(1) << 8) | (held.at(2) << 16);
    if (length > this.#payloadMax || length === MAX_PAYLOAD) return 'too_long';
    const end = HEADER_LENGTH + length;
    if (this.#held.length < end) return null;
    const bytes = this.#held.take(end);
    return { sequence: bytes[3]!, bytes, payload: bytes.subarray(HEADER_LENGTH) };
  }
}
