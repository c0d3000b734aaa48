/**
 * Which statements left doubts, by reason and digest: what there is to mend, or to live with, before a journal can
 * become empty while its clients go on. Bounded.
 */
import type { DoubtReason } from '../journal/journal.ts';
import type { Plan } from '../sql/plan.ts';

export interface DoubtCause {
  readonly reason: DoubtReason;
  readonly digest: string;
  /** Statements, of however many keys each. */
  readonly count: number;
}

/** Kept of each reason. Those that come later are not told: the frequent ones come soon. */
const DIGESTS_MAX = 200;
/** Told of all reasons together. */
const TOLD_MAX = 100;

export class DoubtCauses {
  readonly #byReason = new Map<DoubtReason, Map<string, { readonly digest: string; count: number }>>();

  /** A statement left a doubt. What the ratio left out is no matter of statements, and is not told. */
  add(reason: DoubtReason, { id, digest }: Pick<Plan, 'id' | 'digest'>): void {
    if (reason === 'not_sampled') return;
    let byId = this.#byReason.get(reason);
    if (byId === undefined) {
      byId = new Map();
      this.#byReason.set(reason, byId);
    }
    const known = byId.get(id);
    if (known !== undefined) known.count++;
    else if (byId.size < DIGESTS_MAX) byId.set(id, { digest, count: 1 });
  }

  /** Since the start, the most frequent first. */
  list(): DoubtCause[] {
    return [...this.#byReason]
      .flatMap(([reason, byId]) => [...byId.values()].map((cause) => ({ reason, ...cause })))
      .sort((a, b) => b.count - a.count)
      .slice(0, TOLD_MAX);
  }
}
