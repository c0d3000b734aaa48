/** The statements of an open transaction, held back until it is known what became of it; bounded. */

export interface Sized {
  readonly bytes: number;
}

interface Savepoint {
  readonly name: string;
  readonly length: number;
}

/** Savepoints beyond these are forgotten, the oldest first. */
const SAVEPOINTS_MAX = 1000;

export class HeldStatements<Item extends Sized> {
  readonly #bytesMax: number;
  readonly #countMax: number;
  #items: Item[] = [];
  #savepoints: Savepoint[] = [];
  #bytes = 0;
  #overflowed = false;
  #isWhole = true;

  constructor(limits: { bytes: number; statements: number }) {
    this.#bytesMax = limits.bytes;
    this.#countMax = limits.statements;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  /** All that was held since the transaction began is still here, or was rolled back. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get length(): number {
    return this.#items.length;
  }

  /** False: the transaction is too large to be mirrored whole; `takeAll` gives back what was held. */
  hold(item: Item): boolean {
    if (this.#overflowed) return false;
    if (this.#bytes + item.bytes > this.#bytesMax || this.#items.length >= this.#countMax) {
      this.#overflowed = true;
      return false;
    }
    this.#items.push(item);
    this.#bytes += item.bytes;
    return true;
  }

  savepoint(name: string): void {
    this.release(name);
    this.#savepoints.push({ name, length: this.#items.length });
    if (this.#savepoints.length > SAVEPOINTS_MAX) this.#savepoints.shift();
  }

  /** Forgets one savepoint; what came after it stays. */
  release(name: string): void {
    const at = this.#savepoints.findIndex((savepoint) => savepoint.name === name);
    if (at >= 0) this.#savepoints.splice(at, 1);
  }

  /** Which of them stand is not known any more. */
  forgetSavepoints(): void {
    this.#savepoints = [];
  }

  /** Takes out what was held since the savepoint, which itself stays. Null: it is not known, nothing is taken. */
  rollbackTo(name: string): Item[] | null {
    const at = this.#savepoints.findIndex((savepoint) => savepoint.name === name);
    if (at < 0) return null;
    const { length } = this.#savepoints[at]!;
    this.#savepoints.length = at + 1;
    const undone = this.#items.splice(length);
    for (const item of undone) this.#bytes -= item.bytes;
    return undone;
  }

  /** Empties it, for the end of the transaction (`ended`) or to make an oversized one go. */
  takeAll(ended: boolean): Item[] {
    const all = this.#items;
    this.#items = [];
    this.#bytes = 0;
    this.#isWhole = ended;
    if (ended) {
      this.#savepoints = [];
      this.#overflowed = false;
    }
    return all;
  }
}
