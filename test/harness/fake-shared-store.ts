/** Keys in memory as etcd keeps them: one revision for each commit, and keys that go with their lease. */
import { setImmediate as turn } from 'node:timers/promises';
import type {
  Change,
  Condition,
  SharedRead,
  SharedStore,
  Span,
  StoredKey,
} from '../../src/control/shared-store.ts';

interface Kept extends StoredKey {
  readonly lease: string;
}

export class FakeSharedStore implements SharedStore {
  readonly keys = new Map<string, Kept>();
  readonly #leases = new Set<string>();
  #revision = 0;
  #leasesMade = 0;
  /** The next commit is made, and its answer lost: the caller makes it again. */
  losesAnswer = false;

  async read(spans: readonly Span[]): Promise<SharedRead> {
    // Whoever reads without end is to let timers run, a test's own among them.
    await turn();
    const found = spans.map(({ prefix, after = 0 }) =>
      [...this.keys.values()].filter(({ key, modified }) => key.startsWith(prefix) && modified > after),
    );
    return { revision: this.#revision, spans: found };
  }

  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<number | null> {
    const made = this.#commit(conditions, changes);
    if (!this.losesAnswer) return Promise.resolve(made);
    this.losesAnswer = false;
    return Promise.resolve(this.#commit(conditions, changes));
  }

  grant(): Promise<string> {
    const lease = `lease ${++this.#leasesMade}`;
    this.#leases.add(lease);
    return Promise.resolve(lease);
  }

  renew(lease: string): Promise<boolean> {
    return Promise.resolve(this.#leases.has(lease));
  }

  /** Also what etcd does when a lease was not renewed in time. */
  revoke(lease: string): Promise<void> {
    this.#leases.delete(lease);
    for (const [key, kept] of this.keys) if (kept.lease === lease) this.keys.delete(key);
    return Promise.resolve();
  }

  close(): void {}

  named(part: string): string[] {
    return [...this.keys.keys()].filter((key) => key.includes(part));
  }

  #commit(conditions: readonly Condition[], changes: readonly Change[]): number | null {
    if (!conditions.every((condition) => this.#holds(condition))) return null;
    if (changes.some((change) => 'put' in change && !this.#leases.has(change.lease))) return null;
    this.#revision += 1;
    for (const change of changes) this.#change(change);
    return this.#revision;
  }

  #holds(condition: Condition): boolean {
    const found = this.keys.get(condition.key);
    return 'created' in condition
      ? (found?.created ?? 0) === condition.created
      : (found?.modified ?? 0) === condition.modified;
  }

  #change(change: Change): void {
    if ('remove' in change) this.keys.delete(change.remove);
    else if ('removeAll' in change) {
      for (const key of this.keys.keys()) if (key.startsWith(change.removeAll)) this.keys.delete(key);
    } else {
      const { put: key, value, lease } = change;
      const created = this.keys.get(key)?.created ?? this.#revision;
      this.keys.set(key, { key, value, created, modified: this.#revision, lease });
    }
  }
}
