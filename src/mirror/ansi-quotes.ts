/**
 * Whether a double quote begins a name in a session. MariaDB's status flags tell it with every reply; MySQL has
 * no flag for it (manual: "SERVER_STATUS_flags_enum"), so that there it is read off what sql_mode was set to.
 */

/** `unknown`: sql_mode was set to something that only the server knows. */
export type AnsiQuotes = 'off' | 'on' | 'unknown';

/** ANSI_QUOTES itself, and the modes that stand for several of which it is one. */
const IMPLYING: ReadonlySet<string> = new Set([
  'ansi_quotes',
  'ansi',
  'db2',
  'maxdb',
  'mssql',
  'oracle',
  'postgresql',
]);
const ANSI_QUOTES_BIT = 4;

/** `value`: the SQL of what sql_mode was set to, a literal or a word; null: an expression. */
export function ansiQuotesIn(value: string | null): AnsiQuotes {
  if (value === null) return 'unknown';
  const text = value.trim().replace(/^(['"`])(.*)\1$/s, '$2');
  if (/^\d+$/.test(text)) return (Number(text) & ANSI_QUOTES_BIT) !== 0 ? 'on' : 'off';
  // Escapes and whatever else a list of modes does not have: the server may read it in another way.
  if (!/^[\w, ]*$/.test(text)) return 'unknown';
  const modes = text.toLowerCase().split(',');
  return modes.some((mode) => IMPLYING.has(mode.trim())) ? 'on' : 'off';
}
