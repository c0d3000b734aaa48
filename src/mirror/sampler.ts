/**
 * Picks the statements that the ratios want mirrored. By key wherever there is one, so that a sampled key
 * gets all its writes and deletes, on every proxy, and a higher ratio only adds keys.
 */
import type { Ratios } from '../config/ratios.ts';
import type { StatementKind } from '../observe/metrics.ts';
import { hashKey } from '../sql/key-text.ts';
import { foldedKey, type TableKey } from './table-key.ts';

/** `hashKey` spreads keys over so many buckets: a hundredth of a percent each. */
const BUCKETS_PER_PERCENT = 100;

export class Sampler {
  readonly #ratios: () => Ratios;
  readonly #readsByKey: boolean;
  readonly #comparePercent: number;
  readonly #random: () => number;

  constructor(options: {
    ratios: () => Ratios;
    readsByKey: boolean;
    comparePercent: number;
    random: () => number;
  }) {
    this.#ratios = options.ratios;
    this.#readsByKey = options.readsByKey;
    this.#comparePercent = options.comparePercent;
    this.#random = options.random;
  }

  /** The ratio for a kind, in percent; 0 for kinds that are never mirrored. */
  percent(kind: StatementKind): number {
    const ratios = this.#ratios();
    switch (kind) {
      case 'read':
        return ratios.reads;
      case 'write':
        return ratios.writes;
      case 'delete':
        return ratios.deletes;
      case 'other':
        return 0;
    }
  }

  /** Is this kind picked by its keys, where they are known? */
  byKey(kind: StatementKind): boolean {
    return kind !== 'read' || this.#readsByKey;
  }

  /** Is the key among the sampled ones? */
  hasKey(key: TableKey, percent: number): boolean {
    return hashKey(key.table, foldedKey(key)) < percent * BUCKETS_PER_PERCENT;
  }

  /** `dice` is drawn anew for a statement, or once for a transaction; 0 <= dice < 1. */
  byDice(percent: number, dice: number): boolean {
    return dice * 100 < percent;
  }

  draw(): number {
    return this.#random();
  }

  /** Is the result of this mirrored read to be compared? */
  compares(): boolean {
    return this.#comparePercent > 0 && this.byDice(this.#comparePercent, this.#random());
  }
}
