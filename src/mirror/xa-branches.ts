/**
 * What the prepared branches of distributed transactions have written, by name: they outlive their session, and
 * any other may commit them. One for all sessions of a shard; bounded.
 */
import type { Target } from './target.ts';

/** Branches beyond these are forgotten, the oldest first: what they commit may then be anything. */
const BRANCHES_MAX = 1000;
/** Of a branch that wrote more keys, whole tables count. */
const KEYS_MAX = 1000;

export class XaBranches {
  readonly #byName = new Map<string, Target | null>();

  /** It was prepared, and has written these. */
  prepared(name: string, targets: readonly Target[]): void {
    this.#byName.delete(name);
    this.#byName.set(name, targets.length === 0 ? null : together(targets));
    if (this.#byName.size <= BRANCHES_MAX) return;
    for (const oldest of this.#byName.keys()) {
      this.#byName.delete(oldest);
      break;
    }
  }

  /** What its commit changes; null: nothing that moves; undefined: it is not known. */
  find(name: string): Target | null | undefined {
    return this.#byName.get(name);
  }

  /** It was committed or rolled back. */
  ended(name: string): void {
    this.#byName.delete(name);
  }
}

function together(targets: readonly Target[]): Target {
  const keys = [...new Map(targets.flatMap((target) => target.keys.map((key) => [key.tag, key]))).values()];
  return {
    tables: [...new Set(targets.flatMap(({ tables }) => tables))],
    reached: [...new Set(targets.flatMap(({ reached }) => reached))],
    barriers: [],
    keys: keys.length > KEYS_MAX ? [] : keys,
    keysComplete: keys.length <= KEYS_MAX && targets.every(({ keysComplete }) => keysComplete),
    transactional: 'unknown',
    numbered: null,
    rowByRow: false,
  };
}
