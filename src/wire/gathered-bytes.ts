/**
 * Bytes that come in pieces, put together. One piece, which is the rule, is only looked at; of more, each
 * byte is copied a few times at most, however many pieces a peer makes of them.
 */
const EMPTY = Buffer.alloc(0);
/** Room for so many times what has come. */
const GROWTH = 4;

export class GatheredBytes {
  #bytes: Buffer = EMPTY;
  #from = 0;
  #to = 0;
  /** The bytes are a copy of ours, with room to grow into. */
  #copied = false;

  get length(): number {
    return this.#to - this.#from;
  }

  /**
   * `expected` is how many bytes there will be in all, as far as that is known. Room is made for a part of them at
   * a time: whoever announces megabytes and sends nothing must not be given any.
   */
  add(piece: Buffer, expected = 0): void {
    if (this.length === 0) {
      this.#bytes = piece;
      this.#from = 0;
      this.#to = piece.length;
      this.#copied = false;
      return;
    }
    const length = this.length + piece.length;
    if (!this.#copied || this.#to + piece.length > this.#bytes.length) {
      this.#grow(length <= expected ? Math.min(expected, length * GROWTH) : length * 2);
    }
    piece.copy(this.#bytes, this.#to);
    this.#to += piece.length;
  }

  /** Lets go of the piece that is only looked at, by copying it. */
  own(): void {
    if (this.length > 0 && !this.#copied) this.#grow(this.length);
  }

  /** The byte at `index`, which must have come. */
  at(index: number): number {
    return this.#bytes[this.#from + index]!;
  }

  /** What has come so far. */
  view(): Buffer {
    return this.#bytes.subarray(this.#from, this.#to);
  }

  /** Gives away the first `count` bytes; of what it gave away it holds on to nothing once all is gone. */
  take(count: number): Buffer {
    const whole = this.#from === 0 && count === this.#bytes.length;
    const taken = whole ? this.#bytes : this.#bytes.subarray(this.#from, this.#from + count);
    this.#from += count;
    if (this.length === 0) this.#bytes = EMPTY;
    return taken;
  }

  #grow(room: number): void {
    const grown = Buffer.allocUnsafe(room);
    this.#bytes.copy(grown, 0, this.#from, this.#to);
    this.#to = this.length;
    this.#from = 0;
    this.#bytes = grown;
    this.#copied = true;
  }
}
