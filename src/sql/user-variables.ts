/** The user variables that a statement names, and whether it sets LAST_INSERT_ID(). Read once a digest. */
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

/** A statement with more is nobody's: its variables count as any. */
const VARIABLES_MAX = 32;
const LAST_INSERT_ID = /^last_insert_id$/i;

/** In lower case, unquoted, each once; null: more than are told. */
export function readUserVariables(list: TokenList): readonly string[] | null {
  const names = new Set<string>();
  for (let index = 0; index < list.length; index++) {
    if (!list.is(index, TOKEN.userVariable)) continue;
    names.add(variableName(list.text(index).slice(1)));
    if (names.size > VARIABLES_MAX) return null;
  }
  return [...names];
}

/** LAST_INSERT_ID(expression), which changes what LAST_INSERT_ID() gives. */
export function setsLastInsertId(list: TokenList): boolean {
  for (let index = 0; index < list.length; index++) {
    const isCall = list.is(index, TOKEN.word) && list.is(index + 1, TOKEN.open);
    if (isCall && !list.is(index + 2, TOKEN.close) && LAST_INSERT_ID.test(list.text(index))) return true;
  }
  return false;
}

/** Of a name as it stands behind `@` or `@@`, or alone. */
export function variableName(text: string): string {
  const quoted = /^(['"`])(.*)\1$/s.exec(text);
  return (quoted === null ? text : quoted[2]!).toLowerCase();
}
