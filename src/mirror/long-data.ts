/** Parameter values that were sent ahead of an execution by COM_STMT_SEND_LONG_DATA, piece by piece. */

const NONE: ReadonlyMap<number, Buffer> = new Map();

export class LongData {
  #pieces = new Map<number, Buffer[]>();
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
    return this.#pieces.has(ordinal);
  }

  add(ordinal: number, piece: Buffer): void {
    const before = this.#pieces.get(ordinal);
    const kept = this.#complete ? [piece] : [];
    if (before === undefined) this.#pieces.set(ordinal, kept);
    else before.push(...kept);
    if (this.#complete) this.#bytes += piece.length;
  }

  /** Lets the values go, and remembers only which parameters had one. */
  drop(): void {
    for (const ordinal of this.#pieces.keys()) this.#pieces.set(ordinal, []);
    this.#bytes = 0;
    this.#complete = false;
  }

  /** The values by parameter, for the execution that follows them. */
  values(): ReadonlyMap<number, Buffer> {
    if (this.#pieces.size === 0) return NONE;
    return new Map([...this.#pieces].map(([ordinal, pieces]) => [ordinal, Buffer.concat(pieces)]));
  }

  clear(): void {
    this.#pieces = new Map();
    this.#bytes = 0;
    this.#complete = true;
  }
}
