/** Exchanges that wait for their replies, first in, first out. */
import type { Exchange } from './exchange.ts';

/** Once this many places at the front are empty, and as many as are taken, they are given back. */
const COMPACT_FROM = 256;

export class ExchangeQueue<Note> {
  /** Empty places at the front, then the exchanges. */
  #items: (Exchange<Note> | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(exchange: Exchange<Note>): void {
    this.#items.push(exchange);
  }

  shift(): Exchange<Note> | null {
    const next = this.#items[this.#head];
    if (next === undefined) return null;
    // A place that is empty must not hold on to a payload until it is given back.
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_FROM && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }

  toArray(): Exchange<Note>[] {
    return this.#items.filter((item) => item !== undefined);
  }
}
