/** What a statement touches of the tables that move. */
import type { TableKey } from './table-key.ts';

export interface Target {
  /** Moved tables that it changes; of a read, those it reads. */
  readonly tables: readonly string[];
  /** Moved tables that may change besides, by triggers and foreign keys, whichever rows; `*`: any. Of a read: none. */
  readonly reached: readonly string[];
  /** Tables, and families of tables, on which statements keep one order, whatever their keys. */
  readonly barriers: readonly string[];
  readonly keys: readonly TableKey[];
  /** `keys` are all that it can touch. */
  readonly keysComplete: boolean;
  /** Whether a rollback undoes it: tables of both sorts, or unknown ones, are `unknown`. */
  readonly transactional: 'yes' | 'no' | 'unknown';
}
