/** Counts by time in slots of one length, over the latest so many of them: constant memory, whatever comes. */
export class CountRing {
  readonly #slotMs: number;
  readonly #counts: Uint32Array;
  /** The number of the newest slot that was counted in, since 1970; -1: none. */
  #newest = -1;

  constructor(slots: number, slotMs: number) {
    this.#counts = new Uint32Array(slots);
    this.#slotMs = slotMs;
  }

  /** A time before all that the ring holds is taken for a clock that was set back, and begins the ring anew. */
  add(atMs: number, amount: number): void {
    const slot = this.#slotOf(atMs);
    const size = this.#counts.length;
    if (this.#newest < 0 || Math.abs(slot - this.#newest) >= size) {
      this.#counts.fill(0);
      this.#newest = slot;
    }
    while (this.#newest < slot) {
      this.#newest++;
      this.#counts[this.#newest % size] = 0;
    }
    this.#counts[slot % size]! += amount;
  }

  /** Adds what another ring of the same shape holds. */
  merge(other: CountRing): void {
    if (other.#newest < 0) return;
    // Moves this ring on to where the other stands, so that every slot that both have room for is at hand.
    if (other.#newest > this.#newest) this.add(other.#newest * this.#slotMs, 0);
    const size = this.#counts.length;
    const oldest = Math.max(this.#newest, other.#newest) - size + 1;
    for (let slot = Math.max(oldest, 0); slot <= other.#newest; slot++) {
      this.#counts[slot % size]! += other.#countOf(slot);
    }
  }

  /** The latest `slots` counts up to the slot of `nowMs`, the oldest first. */
  latest(nowMs: number, slots = this.#counts.length): number[] {
    // What was counted under a clock that ran ahead counts as of now.
    const last = Math.max(this.#slotOf(nowMs), this.#newest);
    return Array.from({ length: slots }, (_, index) => this.#countOf(last - slots + 1 + index));
  }

  /** The sum of the same. */
  sum(nowMs: number, slots = this.#counts.length): number {
    const last = Math.max(this.#slotOf(nowMs), this.#newest);
    let sum = 0;
    for (let slot = Math.max(last - slots + 1, 0); slot <= this.#newest; slot++) sum += this.#countOf(slot);
    return sum;
  }

  #countOf(slot: number): number {
    const size = this.#counts.length;
    if (slot < 0 || slot > this.#newest || slot <= this.#newest - size) return 0;
    return this.#counts[slot % size]!;
  }

  #slotOf(atMs: number): number {
    return Math.floor(atMs / this.#slotMs);
  }
}
