/** A journal that only writes down what it is told, for tests of those who tell it. */
import type {
  Doubt,
  DoubtReason,
  Journal,
  JournalPage,
  Settled,
  WriteMark,
} from '../../src/journal/journal.ts';

export class FakeJournal implements Journal {
  /** Everything in order: `written T/K`, `flush`, `note REASON T/K`, `release`. */
  readonly log: string[] = [];
  readonly reset = false;
  pending = 0;
  #unflushed = false;

  written(table: string, key: string | null): void {
    this.log.push(`written ${table}/${key ?? '*'}`);
    this.#unflushed = true;
  }

  mark(): WriteMark {
    this.pending++;
    let released = false;
    return {
      release: () => {
        if (released) throw new Error('a mark was released twice');
        released = true;
        this.pending--;
        this.log.push('release');
      },
    };
  }

  flush(): void {
    if (this.#unflushed) this.log.push('flush');
    this.#unflushed = false;
  }

  note(table: string, key: string | null, reason: DoubtReason): void {
    this.log.push(`note ${reason} ${table}/${key ?? '*'}`);
  }

  inDoubt(table: string, key: string | null): boolean {
    return this.log.some((line) =>
      key === null
        ? line.startsWith('note') && line.includes(` ${table}/`)
        : line.endsWith(` ${table}/${key}`),
    );
  }

  get size(): number {
    return this.log.filter((line) => line.startsWith('note')).length;
  }

  counts(): Iterable<{ table: string; reason: DoubtReason; count: number }> {
    return [];
  }

  entries(): Iterable<Doubt> {
    return [];
  }

  async read(): Promise<JournalPage> {
    return { entries: [], cursor: '', reset: false };
  }

  async settle(): Promise<Settled> {
    return { settled: 0, kept: 0, stale: true };
  }

  async close(): Promise<void> {}
}
