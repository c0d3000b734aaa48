const ANSWERED_KEYS_MAX = 4096;

/** Keys of writes that were answered beside ones whose keys only their answers tell: the latest few thousand. */
export class AnsweredKeys {
  /** Writes under way that ask for it. */
  asking = 0;
  /** A key's tag to how many writes the table had seen by then, the oldest first. */
  readonly #latest = new Map<string, number>();
  #forgotten = 0;

  add(tag: string, entered: number): void {
    this.#latest.delete(tag);
    this.#latest.set(tag, entered);
    if (this.#latest.size <= ANSWERED_KEYS_MAX) return;
    const [oldest] = this.#latest;
    if (oldest === undefined) return;
    this.#latest.delete(oldest[0]);
    this.#forgotten = oldest[1];
  }

  /** May a write of the key have been answered since the table had seen so many writes? */
  has(tag: string, since: number): boolean {
    return this.#forgotten >= since || (this.#latest.get(tag) ?? -1) >= since;
  }
}
