/**
 * Keeps what is known of other databases' ties to the shard's tables. To look for them a server goes through the triggers
 * and views of all its databases, so they are read again only where a change of definitions was seen, and else now and
 * then, at moments that shards do not share.
 */
import type { OutsideTie } from './old-schema.ts';
import {
  type FarKey,
  type OutsideRows,
  type OutsideScope,
  outsideTies,
  readOutside,
} from './outside-queries.ts';

export interface OutsideReaderOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
  readonly read?: typeof readOutside;
}

/** The shorter half of the interval is left to chance. */
const REFRESH_MS_MAX = 600_000;

export class OutsideReader {
  readonly #options: OutsideReaderOptions;
  #rows: OutsideRows | null = null;
  #leaving = '';
  #dueAtMs = 0;
  /** Counts changes of definitions, so that one that comes while it is read is not lost. */
  #changes = 0;
  #seen = 0;

  constructor(options: OutsideReaderOptions) {
    this.#options = options;
  }

  /** Definitions were changed, of whichever database. */
  changed(): void {
    this.#changes++;
  }

  /** Null: they are more than are read. Rejects where the server does not answer. */
  async ties(scope: OutsideScope, leaving: readonly FarKey[]): Promise<readonly OutsideTie[] | null> {
    const { now, random, read = readOutside } = this.#options;
    const keys = JSON.stringify(leaving);
    if (this.#rows === null || this.#isDue(keys)) {
      const changes = this.#changes;
      this.#rows = await read(scope, leaving);
      this.#leaving = keys;
      this.#seen = changes;
      this.#dueAtMs = now() + REFRESH_MS_MAX * (1 - random() / 2);
    }
    return outsideTies(this.#rows, scope);
  }

  #isDue(leaving: string): boolean {
    return this.#seen !== this.#changes || this.#leaving !== leaving || this.#options.now() >= this.#dueAtMs;
  }
}
