/**
 * Isolation levels, as far as the order of replays depends on them. Under REPEATABLE READ and SERIALIZABLE, InnoDB
 * locks the gaps that a change has looked at: whatever others do to those rows comes behind its commit. Under the
 * weaker two a row may be inserted there and be committed first, and in commit order it would be replayed first.
 * MySQL manual: "Transaction Isolation Levels".
 */
import type { IsolationLevel } from './session-effect.ts';

/** The variables that set it, of MySQL and of MariaDB. */
export const ISOLATION_VARIABLES: readonly string[] = ['transaction_isolation', 'tx_isolation'];

/** In the words of a variable or of SET TRANSACTION. What is not understood counts as weak. */
export function isolationOf(value: string): IsolationLevel {
  const words = value
    .toLowerCase()
    .replace(/['"]/g, '')
    .replaceAll(/[\s-]+/g, ' ')
    .trim();
  if (words === 'default') return 'default';
  // By number: the levels in their order.
  return ['repeatable read', 'serializable', '2', '3'].includes(words) ? 'locking' : 'weak';
}

/** Of SET TRANSACTION's words; null: they name no level. */
export function namedIsolation(words: string): IsolationLevel | null {
  const named = /\bisolation level (repeatable read|serializable|read \w+)/.exec(words);
  return named === null ? null : isolationOf(named[1] ?? '');
}
