/** What of a session changes how its statements are read. */
import type { MultiByteCharset } from './charset.ts';

export interface SqlMode {
  /** NO_BACKSLASH_ESCAPES: a backslash in a string is a character like any other. */
  readonly noBackslashEscapes: boolean;
  /** ANSI_QUOTES: a double quote begins an identifier. */
  readonly ansiQuotes: boolean;
  /** The client character set (`character_set_client`), as far as it matters to a lexer. */
  readonly charset: MultiByteCharset;
}

export const DEFAULT_SQL_MODE: SqlMode = { noBackslashEscapes: false, ansiQuotes: false, charset: 'none' };
