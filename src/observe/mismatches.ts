/** The latest mismatches of a shard, for a person to look at; how many there were is the metrics' matter. */
import { cut } from './cut.ts';
import type { MismatchSample } from './status.ts';

/** Digests of wide tables run long, and the count of samples alone would not bound their memory. */
const DIGEST_CHARACTERS_MAX = 2000;
const DETAIL_CHARACTERS_MAX = 500;

export class Mismatches {
  readonly #ring: MismatchSample[] = [];
  readonly #limit: number;
  #next = 0;

  /** Keeps the `limit` latest samples. */
  constructor(limit = 50) {
    this.#limit = limit;
  }

  add(sample: MismatchSample): void {
    const digest = cut(sample.digest, DIGEST_CHARACTERS_MAX);
    this.#ring[this.#next] = { ...sample, digest, detail: cut(sample.detail, DETAIL_CHARACTERS_MAX) };
    this.#next = (this.#next + 1) % this.#limit;
  }

  /** The newest first. */
  latest(): MismatchSample[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)].reverse();
  }
}
