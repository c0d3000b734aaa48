/**
 * A map for keys that come and go by the thousand a second: see `Chain` for what V8's own would keep of them. Here
 * a key that leaves keeps its place, empty. When the empty places are many those in use move to a new map, to which
 * nothing of the old one points.
 */

/** With fewer empty places than these nobody moves; it bounds the keys that are held on to, beside those in use. */
const EMPTY_MAX = 1024;

export class KeyTable<Value extends object> {
  #places = new Map<string, Value | null>();
  #size = 0;

  /** Keys with a value. */
  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.#places.get(key) ?? undefined;
  }

  set(key: string, value: Value): void {
    if (this.get(key) === undefined) this.#size++;
    this.#places.set(key, value);
  }

  delete(key: string): void {
    if (this.get(key) === undefined) return;
    this.#places.set(key, null);
    this.#size--;
    const empty = this.#places.size - this.#size;
    if (empty > EMPTY_MAX && empty > this.#size) this.#move();
  }

  clear(): void {
    this.#places = new Map();
    this.#size = 0;
  }

  #move(): void {
    const places = new Map<string, Value | null>();
    for (const [key, value] of this.#places) if (value !== null) places.set(key, value);
    this.#places = places;
  }
}
