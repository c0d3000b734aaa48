/** The record of the keys that the shadow may have wrong. */

/** Why a key is in doubt. */
export type DoubtReason =
  /** The ratio left a write or delete of the key out. */
  | 'not_sampled'
  /** A queue was full, the shadow was down, or the statement too large. */
  | 'dropped'
  /** The shadow refused the statement, timed out or was lost in the middle. */
  | 'failed'
  /** The replay may not give what the primary has. */
  | 'hazard'
  /** Primary and shadow changed different numbers of rows. */
  | 'affected_rows'
  /** Whether the primary kept the change is not known. */
  | 'uncertain'
  /** A statement failed on a table without transactions, and may have changed some rows. */
  | 'partial'
  /** The whole table: its keys are not known, or its definition changed. */
  | 'table'
  /** A statement whose effects can't be seen (CALL, EXECUTE, a lost step): any table. */
  | 'opaque';

/** A key of null stands for the whole table; a table of '*' for any. */
export interface Doubt {
  readonly table: string;
  readonly key: string | null;
  readonly reason: DoubtReason;
  readonly count: number;
}

export interface Journal {
  note(table: string, key: string | null, reason: DoubtReason): void;
  /** Distinct (table, key, reason) entries held. */
  readonly size: number;
  /** Entries were lost: only a full pass of the sync can tell what is right. */
  readonly reset: boolean;
  /** Entries by table and reason, for the metrics. */
  counts(): Iterable<{ table: string; reason: DoubtReason; count: number }>;
  entries(): Iterable<Doubt>;
}
