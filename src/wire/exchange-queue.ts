/** Exchanges that wait for their replies, first in, first out. */
import type { Exchange } from './exchange.ts';

/** Once this many places at the front are empty, and as many as are taken, they are given back. */
const COMPACT_FROM = 256;

export class ExchangeQueue<Note> {
  #items: Exchange<Note>[] = [];
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
    return this.#items.slice(this.#head);
  }
}
