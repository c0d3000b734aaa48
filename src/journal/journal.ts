/** The record of the keys that the shadow may have wrong. */

/** Why a key is in doubt. */
export const DOUBT_REASONS = [
  /** The key was about to be written, and what became of that is not known (yet). */
  'written',
  /** The ratio left a write or delete of the key out. */
  'not_sampled',
  /** A queue was full, the shadow was down, or the statement too large. */
  'dropped',
  /** The shadow refused the statement, timed out or was lost in the middle. */
  'failed',
  /** Two writes were under way at once, and the primary may have taken them in either order. */
  'overlap',
  /** The replay may not give what the primary has. */
  'hazard',
  /** Primary and shadow changed different numbers of rows. */
  'affected_rows',
  /** Whether the primary kept the change is not known. */
  'uncertain',
  /** A statement failed on a table without transactions, and may have changed some rows. */
  'partial',
  /** The whole table: its keys are not known, or its definition changed. */
  'table',
  /** A statement whose effects can't be seen (CALL, EXECUTE, a lost step): any table. */
  'opaque',
] as const;
export type DoubtReason = (typeof DOUBT_REASONS)[number];

/** A key of null stands for the whole table; a table of '*' for any. */
export interface Doubt {
  readonly table: string;
  readonly key: string | null;
  readonly reason: DoubtReason;
  /** How often it was noted and not settled. */
  readonly count: number;
  /**
   * Stands for the entry as it was seen, by a text that means nothing to the reader: once it was noted again, or
   * settled, it never has this mark any more. Left out of the written log's keys, which go by themselves.
   */
  readonly mark?: string | undefined;
}

/** One write under way: its keys stand in the written log until what became of it is known. */
export interface WriteMark {
  /** What became of the write is settled: mirrored and right, undone, or noted as a doubt. To be called once. */
  release(): void;
}

export interface JournalPage {
  readonly entries: readonly Doubt[];
  /** Where the next page begins; also what `settle` is told. */
  readonly cursor: string;
  /** Entries were lost that this reader may not have seen: only a full pass can tell what is right. */
  readonly reset: boolean;
}

/** `doubts`: without the keys of writes that are under way or were just settled, which go by themselves. */
export type JournalPart = 'all' | 'doubts';

export interface Settled {
  /** Entries that are gone, or whose count was subtracted. */
  readonly settled: number;
  /** Entries that stay as they were: they were noted, or their keys written, while the reader looked. */
  readonly kept: number;
  /** The cursor is too old to tell what was written since, so everything was kept. */
  readonly stale: boolean;
}

export interface Journal {
  /**
   * Puts keys of a write into the log's buffer; null: the whole table; table '*': any table. Nothing is durable
   * before `flush`.
   */
  written(table: string, key: string | null): void;
  /** Takes a mark on what `written` put into the buffer; to be called before `flush`, in the same turn. */
  mark(): WriteMark;
  /** Appends what is buffered, in one system call; returns at once where nothing is. Never throws. */
  flush(): void;
  /**
   * A doubt. It is on disk at the end of the turn, and in any case before a mark that is released after this
   * call lets its keys go: of a write that has its mark, no moment at which the process ends loses it.
   */
  note(table: string, key: string | null, reason: DoubtReason, count?: number): void;
  /** Is the key noted and not settled; null: any key of the table, or the table itself? */
  inDoubt(table: string, key: string | null): boolean;
  /** Distinct (table, key, reason) entries held, without the keys of writes under way. */
  readonly size: number;
  /** Entries were lost: only a full pass of the sync can tell what is right. */
  readonly reset: boolean;
  /** Marks that were not released. */
  readonly pending: number;
  /** Entries by table and reason, for the metrics. */
  counts(): Iterable<{ table: string; reason: DoubtReason; count: number }>;
  entries(): Iterable<Doubt>;
  /**
   * What came after `cursor` (empty: from the beginning), at most `limit` entries; fewer mean that this was the
   * end. Rejects with CursorError where the cursor is none of a journal's.
   */
  read(cursor: string, limit: number, part?: JournalPart): Promise<JournalPage>;
  /**
   * Subtracts the counts that were seen, but of no key that was written since `asOf` was given, and of no entry that
   * has another mark by now: so with marks it may be asked twice, or late. An entry without a mark goes by its count.
   */
  settle(seen: readonly Doubt[], asOf: string): Promise<Settled>;
  /** Ends the journal; with every mark released nothing of the written log is left over. */
  close(): Promise<void>;
}

/** The text is no cursor. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}
