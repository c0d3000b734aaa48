/**
 * The journal as it stands before it is written to disk: in memory, bounded, gone with the process. When the
 * bound is reached it says so (`reset`) rather than forget in silence.
 */
import type { Doubt, DoubtReason, Journal, JournalPage, Settled, WriteMark } from './journal.ts';

interface TableDoubts {
  readonly table: string;
  readonly reason: DoubtReason;
  /** Key to how often it was noted. */
  readonly keys: Map<string | null, number>;
}

/** Stands for the tables past the bound of groups; no table's name begins or ends so. */
const OTHER_TABLES = '(others)';

export class MemoryJournal implements Journal {
  readonly #entriesMax: number;
  readonly #groupsMax: number;
  readonly #groups = new Map<string, TableDoubts>();
  #size = 0;
  #reset = false;
  #pending = 0;

  constructor(options: { entriesMax: number; groupsMax: number }) {
    this.#entriesMax = options.entriesMax;
    this.#groupsMax = options.groupsMax;
  }

  /** Keys of writes under way need no record here: they would go with the process. */
  written(): void {}

  flush(): void {}

  mark(): WriteMark {
    this.#pending++;
    return {
      release: () => {
        this.#pending--;
      },
    };
  }

  get pending(): number {
    return this.#pending;
  }

  async read(_cursor: string, limit: number): Promise<JournalPage> {
    return { entries: [...this.entries()].slice(0, limit), cursor: '', reset: this.#reset };
  }

  async settle(seen: readonly Doubt[]): Promise<Settled> {
    return { settled: 0, kept: seen.length, stale: true };
  }

  async close(): Promise<void> {}

  note(table: string, key: string | null, reason: DoubtReason, times = 1): void {
    const { keys } = this.#group(table, reason);
    const count = keys.get(key);
    if (count !== undefined) {
      keys.set(key, count + times);
    } else if (this.#size < this.#entriesMax) {
      keys.set(key, times);
      this.#size++;
    } else {
      this.#reset = true;
    }
  }

  /** What was noted before is lost. */
  forget(): void {
    this.#groups.clear();
    this.#size = 0;
    this.#reset = true;
  }

  get size(): number {
    return this.#size;
  }

  get reset(): boolean {
    return this.#reset;
  }

  *counts(): Iterable<{ table: string; reason: DoubtReason; count: number }> {
    for (const { table, reason, keys } of this.#groups.values()) yield { table, reason, count: keys.size };
  }

  *entries(): Iterable<Doubt> {
    for (const { table, reason, keys } of this.#groups.values()) {
      for (const [key, count] of keys) yield { table, key, reason, count };
    }
  }

  #group(table: string, reason: DoubtReason): TableDoubts {
    const name = `${reason}/${table}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    if (this.#groups.size >= this.#groupsMax && table !== OTHER_TABLES) {
      this.#reset = true;
      return this.#group(OTHER_TABLES, reason);
    }
    const made: TableDoubts = { table, reason, keys: new Map() };
    this.#groups.set(name, made);
    return made;
  }
}
