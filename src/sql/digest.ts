/** The text of a digest: literals as `?`, lists as `?...`, blanks and case made equal, comments gone. */
import { createHash } from 'node:crypto';
import { decodeText } from './charset.ts';
import { FLAG, keyword, keywordFlags, keywordText } from './keywords.ts';
import { type Lexed, POSITION, TOKEN, TOKEN_FIELDS } from './lexed.ts';
import type { SqlMode } from './sql-mode.ts';

/** A longer digest is cut: it serves as a label only. */
export const DIGEST_BYTES_MAX = 16 * 1024;
const CUT_MARK = ' /* cut */';

/** Reserved words that no function is called by, so that a blank stands before a parenthesis. */
const SPACED = new Set(['AS', 'ALL', 'USING', 'FROM', 'JOIN', 'UNION', 'ON', 'EXISTS', 'OVER'].map(keyword));

/** Makes the digest's text from recorded tokens. */
export function digestText(sql: Buffer, lexed: Lexed, mode: SqlMode): string {
  const { tokens } = lexed;
  const count = Math.min(lexed.tokenCount, Math.floor(tokens.length / TOKEN_FIELDS));
  let text = '';
  let glue = true;
  for (let index = 0; index < count; index++) {
    const at = index * TOKEN_FIELDS;
    const kind = tokens[at]!;
    const gluesBefore =
      kind === TOKEN.comma || kind === TOKEN.close || kind === TOKEN.dot || kind === TOKEN.more;
    const joins = glue || gluesBefore || (kind === TOKEN.open && callsAFunction(tokens, at));
    text += (joins ? '' : ' ') + tokenText(sql, tokens, at, mode);
    glue = kind === TOKEN.open || kind === TOKEN.dot;
    if (text.length > DIGEST_BYTES_MAX) return text.slice(0, DIGEST_BYTES_MAX) + CUT_MARK;
  }
  return text;
}

/** 16 hex digits that name a digest in reports, the same in every process. */
export function digestId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function callsAFunction(tokens: Int32Array, at: number): boolean {
  const before = at - TOKEN_FIELDS;
  const kind = tokens[before];
  if (kind !== TOKEN.word && kind !== TOKEN.quoted) return false;
  if (tokens[before + 4] === POSITION.table) return false;
  const id = kind === TOKEN.word ? tokens[before + 1]! : 0;
  return (keywordFlags(id) & FLAG.beforeValue) === 0 && !SPACED.has(id);
}

function tokenText(sql: Buffer, tokens: Int32Array, at: number, mode: SqlMode): string {
  const start = tokens[at + 2]!;
  const end = tokens[at + 3]!;
  switch (tokens[at]) {
    case TOKEN.word: {
      const id = tokens[at + 4] === POSITION.afterDot ? 0 : tokens[at + 1]!;
      const folds = (keywordFlags(id) & FLAG.reserved) !== 0 || (at === 0 && id !== 0);
      return folds ? keywordText(id) : decodeText(sql, start, end, mode.charset);
    }
    case TOKEN.quoted:
      return quotedText(decodeText(sql, start, end, mode.charset));
    case TOKEN.literal:
      return '?';
    case TOKEN.comma:
      return ',';
    case TOKEN.more:
      return '...';
    default:
      return decodeText(sql, start, end, mode.charset);
  }
}

/** ANSI quotes become backticks: digests are written as the default mode reads them. */
function quotedText(text: string): string {
  if (!text.startsWith('"')) return text;
  const name = text.slice(1, -1).replaceAll('""', '"');
  return `\`${name.replaceAll('`', '``')}\``;
}
