/** How a text was written that a server keeps with its sql_mode. */
import type { SqlMode } from '../sql/sql-mode.ts';

/** `modes`: separated by commas. The text itself comes in the connection's own character set. */
export function modeOf(modes: string): SqlMode {
  const has = new Set(modes.toUpperCase().split(','));
  return {
    noBackslashEscapes: has.has('NO_BACKSLASH_ESCAPES'),
    ansiQuotes: has.has('ANSI_QUOTES') || has.has('ANSI'),
    charset: 'none',
  };
}
