/** Statements that mix moved and unmoved tables, by digest: the report that a cutover asks for. Bounded. */
import type { Plan } from '../sql/plan.ts';

const DIGESTS_MAX = 500;

export class Straddles {
  readonly #byId = new Map<string, { readonly digest: string; count: number }>();

  add(plan: Plan): void {
    const known = this.#byId.get(plan.id);
    if (known !== undefined) known.count++;
    else if (this.#byId.size < DIGESTS_MAX) this.#byId.set(plan.id, { digest: plan.digest, count: 1 });
  }

  /** The most frequent first. */
  list(): { digest: string; count: number }[] {
    return [...this.#byId.values()].map((entry) => ({ ...entry })).sort((a, b) => b.count - a.count);
  }
}
