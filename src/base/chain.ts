/**
 * Items in the order in which they came, any of which leaves in one step: each knows its neighbours.
 *
 * For what comes and goes by the thousand a second, in place of a `Set` or `Map`. V8 gives those a new table every
 * few changes, and the old one points to the new one: once the collector takes one of them for long-lived, all
 * that the later ones ever held stays in memory up to the next full collection, and is copied there first.
 */

export interface Chained<Item> {
  /** Null at the beginning, and outside of a chain; set by the chain alone. */
  before: Item | null;
  after: Item | null;
}

export class Chain<Item extends Chained<Item>> {
  #first: Item | null = null;
  #last: Item | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The item that came before all others; null: there is none. */
  get first(): Item | null {
    return this.#first;
  }

  /** The item must be in no chain. */
  add(item: Item): void {
    item.before = this.#last;
    if (this.#last === null) this.#first = item;
    else this.#last.after = item;
    this.#last = item;
    this.#length++;
  }

  /** The item must be in this chain. */
  remove(item: Item): void {
    const { before, after } = item;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    // What has left must not hold on to those who stay.
    item.before = null;
    item.after = null;
    this.#length--;
  }

  /** In their order; an item may leave while it is looked at. */
  *[Symbol.iterator](): Iterator<Item> {
    for (let item = this.#first; item !== null; ) {
      const { after } = item;
      yield item;
      item = after;
    }
  }
}
