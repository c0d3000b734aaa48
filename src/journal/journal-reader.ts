/** Reads a journal's doubts and written keys by cursor, and settles what a reader has seen to. */
import { type Cursor, formatCursor } from './cursor.ts';
import type { Disk } from './disk.ts';
import type { DoubtIndex } from './doubt-index.ts';
import type { DoubtLog } from './doubt-log.ts';
import type { Doubt, JournalPage, JournalPart, Settled } from './journal.ts';
import type { WrittenLog } from './written-log.ts';
import { readRanges, readWritten, WrittenAmong } from './written-scan.ts';

export interface JournalReaderOptions {
  readonly disk: Disk;
  readonly index: DoubtIndex;
  readonly doubts: DoubtLog;
  readonly written: WrittenLog;
  readonly identity: () => { readonly incarnation: string; readonly generation: number };
  /** Readers before this note's number may have missed what was lost; null: nothing was. */
  readonly lostBefore: () => number | null;
  /** What was noted and settled is on disk, as surely as it is to be, when it resolves. */
  notesKept(): Promise<void>;
}

export class JournalReader {
  readonly #options: JournalReaderOptions;

  constructor(options: JournalReaderOptions) {
    this.#options = options;
  }

  async read(from: Cursor | null, limit: number, part: JournalPart): Promise<JournalPage> {
    const { disk, index, doubts, written, identity } = this.#options;
    const { incarnation, generation } = identity();
    const ours = from?.incarnation === incarnation ? from : null;
    doubts.flush();
    const number = written.newCursor();
    const end = written.end();
    const reset = this.#missedBy(from, ours);
    const { entries, next } = index.read(ours?.note ?? 0, limit);
    const start = ours?.generation === generation ? ours.written : { id: 0, offset: 0, skip: 0 };
    const page =
      entries.length < limit && part === 'all'
        ? await readWritten(disk, written.segments, start, end, limit - entries.length)
        : { entries: [], position: start };
    // A reader must not have seen, or passed by, what a crash could take back. A disk that fails here fails the
    // journal's next turn as well, and that makes the reader begin anew.
    await this.#options.notesKept().catch(() => {});
    return {
      entries: [...entries, ...page.entries],
      cursor: formatCursor({ incarnation, generation, note: next, written: page.position, number }),
      reset,
    };
  }

  async settle(seen: readonly Doubt[], asOf: Cursor | null): Promise<Settled> {
    const { disk, index, doubts, written, identity } = this.#options;
    const stale = { settled: 0, kept: seen.length, stale: true };
    const { incarnation, generation } = identity();
    if (asOf?.incarnation !== incarnation || asOf.generation !== generation) return stale;
    if (written.isStale(asOf.number)) return stale;
    const among = new WrittenAmong(seen);
    written.flush();
    // What is written while the log is read is told at once; what was written before stands in the log.
    written.watch(among);
    try {
      await readRanges(disk, written.since(asOf.number), among);
    } finally {
      written.watch(null);
    }
    if (written.isStale(asOf.number)) return stale;
    let settled = 0;
    for (const doubt of seen) {
      if (among.has(doubt)) continue;
      const found = index.settle(doubt);
      if (found === 'changed') continue;
      if (found !== 'gone') doubts.changed(found);
      settled += 1;
    }
    doubts.flush();
    return { settled, kept: seen.length - settled, stale: false };
  }

  /** Whether entries were lost that a reader at this place has not seen. */
  #missedBy(from: Cursor | null, ours: Cursor | null): boolean {
    if (from !== null && ours === null) return true;
    const lostBefore = this.#options.lostBefore();
    return lostBefore !== null && (ours?.note ?? 0) < lostBefore;
  }
}
