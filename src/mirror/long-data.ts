/** Parameter values that were sent ahead of an execution by COM_STMT_SEND_LONG_DATA, piece by piece. */

import { GatheredBytes } from '../wire/gathered-bytes.ts';
import { ownBytes } from '../wire/own-bytes.ts';

const NONE: ReadonlyMap<number, Buffer> = new Map();
const EMPTY = Buffer.alloc(0);

export class LongData {
  /** By parameter, put together: pieces of a byte each must not cost an object each. Null: let go. */
  #values = new Map<number, GatheredBytes | null>();
  #bytes = 0;
  #complete = true;

  get bytes(): number {
    return this.#bytes;
  }

  /** False once something was let go: the execution can be read, but not replayed. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Was the parameter sent ahead? Then it has no value in the execution, even if its value was let go. */
  has(ordinal: number): boolean {
    return this.#values.has(ordinal);
  }

  add(ordinal: number, piece: Buffer): void {
    if (!this.#complete) {
      this.#values.set(ordinal, null);
      return;
    }
    let value = this.#values.get(ordinal) ?? null;
    if (value === null) {
      value = new GatheredBytes();
      this.#values.set(ordinal, value);
    }
    value.add(ownBytes(piece));
    this.#bytes += piece.length;
  }

  /** Lets the values go, and remembers only which parameters had one. */
  drop(): void {
    for (const ordinal of this.#values.keys()) this.#values.set(ordinal, null);
    this.#bytes = 0;
    this.#complete = false;
  }

  /** The values by parameter, for the execution that follows them. */
  values(): ReadonlyMap<number, Buffer> {
    if (this.#values.size === 0) return NONE;
    return new Map([...this.#values].map(([ordinal, value]) => [ordinal, value?.view() ?? EMPTY]));
  }

  clear(): void {
    this.#values = new Map();
    this.#bytes = 0;
    this.#complete = true;
  }
}
