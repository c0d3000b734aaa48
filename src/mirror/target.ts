/** What a statement touches of the tables that move. */
import { type TableKey, tableKey } from './table-key.ts';

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
  /** What becomes of each row that it touches hangs on that row alone, and stays under the row's key. */
  readonly rowByRow: boolean;
  /** Whether a rollback undoes it: tables of both sorts, or unknown ones, are `unknown`. */
  readonly transactional: 'yes' | 'no' | 'unknown';
  /** Rows whose keys the server gives out, so that its answer tells them; null: there are none, or it would not. */
  readonly numbered: NumberedRows | null;
}

export interface NumberedRows {
  readonly rows: number;
  /** From one number to the next. */
  readonly step: number;
}

/**
 * The same with the keys that the server has given out, of which its OK names the first; null: it names none, so
 * that they are not known.
 */
export function withNumbers(target: Target, insertId: number | bigint): Target | null {
  const { numbered, tables } = target;
  const [table] = tables;
  if (numbered === null || table === undefined || insertId === 0) return null;
  const first = BigInt(insertId);
  const keys = Array.from({ length: numbered.rows }, (_, row) =>
    tableKey(table, String(first + BigInt(row * numbered.step))),
  );
  return { ...target, keys, keysComplete: true, numbered: null };
}
