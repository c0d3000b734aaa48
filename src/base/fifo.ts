/** First in, first out, in a ring of places that are used again: what passes through makes no garbage. */

/** A power of two, as every size of the ring. */
const PLACES_MIN = 16;

export class Fifo<Item> {
  /** None as long as nothing has come: of many rings nothing ever does. */
  #places: (Item | null)[] = [];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: Item): void {
    if (this.#length === this.#places.length) this.#resize(Math.max(PLACES_MIN, this.#length * 2));
    this.#places[(this.#head + this.#length) & (this.#places.length - 1)] = item;
    this.#length++;
  }

  /** The item that `shift` would take; null: there is none. */
  peek(): Item | null {
    return this.#length === 0 ? null : this.#places[this.#head]!;
  }

  /** Null: there is none. */
  shift(): Item | null {
    const item = this.peek();
    if (item === null) return null;
    // A place that is empty must not hold on to what stood there.
    this.#places[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#places.length - 1);
    this.#length--;
    if (this.#places.length > PLACES_MIN && this.#length * 4 <= this.#places.length)
      this.#resize(this.#places.length / 2);
    return item;
  }

  /** The oldest first. */
  toArray(): Item[] {
    const items: Item[] = [];
    for (let index = 0; index < this.#length; index++)
      items.push(this.#places[(this.#head + index) & (this.#places.length - 1)]!);
    return items;
  }

  #resize(places: number): void {
    const items = this.toArray();
    this.#places = emptyPlaces(places);
    for (const [index, item] of items.entries()) this.#places[index] = item;
    this.#head = 0;
  }
}

function emptyPlaces<Item>(count: number): (Item | null)[] {
  return new Array<Item | null>(count).fill(null);
}
