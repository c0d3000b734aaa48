/**
 * What is known of keys while somebody uses them, for keys that come and go by the thousand a second. Who uses a
 * key holds on to its entry, and needs no second look into the table. An entry that nobody uses any more stays for a
 * while; when such entries are many those in use move to a new map, to which nothing of the old one points (`KeyTable`
 * says why).
 */

export interface Used {
  /** How often it is in use; set by the table alone. */
  uses: number;
  /** `left`: it was not in use when the others moved, and another one may stand for its key by now. */
  at: 'table' | 'left';
}

/** With fewer unused entries than these nobody moves; it bounds the keys that are held on to, beside those in use. */
const UNUSED_MAX = 1024;

export class UseTable<Entry extends Used> {
  readonly #make: () => Entry;
  #entries = new Map<string, Entry>();
  #inUse = 0;

  /** `make` gives an entry of no uses, `at` the table. */
  constructor(make: () => Entry) {
    this.#make = make;
  }

  /** Keys in use. */
  get size(): number {
    return this.#inUse;
  }

  /** The key's entry, in use or not; null: there is none. */
  find(key: string): Entry | null {
    return this.#entries.get(key) ?? null;
  }

  /** Begins a use. With no others before it (`uses` is 1) the entry holds what an earlier use left in it. */
  use(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = this.#make();
      this.#entries.set(key, entry);
    }
    this.again(entry);
    return entry;
  }

  /** Begins a use of an entry that is `at` the table. */
  again(entry: Entry): void {
    entry.uses++;
    if (entry.uses === 1) this.#inUse++;
  }

  /** Ends a use. */
  leave(entry: Entry): void {
    entry.uses--;
    if (entry.uses > 0) return;
    this.#inUse--;
    const unused = this.#entries.size - this.#inUse;
    if (unused > UNUSED_MAX && unused > this.#inUse) this.#move();
  }

  #move(): void {
    const entries = new Map<string, Entry>();
    for (const [key, entry] of this.#entries) {
      if (entry.uses > 0) entries.set(key, entry);
      else entry.at = 'left';
    }
    this.#entries = entries;
  }
}
