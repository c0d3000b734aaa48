/**
 * One form for an expression of a definition, as information_schema shows it: servers put other parentheses, quotes,
 * character sets and letters into the text of the same expression.
 */
import { parseExpression } from './parse.ts';

/** What the tree tells of the text alone. */
const OF_THE_TEXT: ReadonlySet<string> = new Set([
  'span',
  'quote_style',
  'select_token',
  'case_token',
  'end_token',
]);
/** What servers call functions otherwise than they were called. */
const SAME_FUNCTIONS: Readonly<Record<string, string>> = {
  lcase: 'lower',
  ucase: 'upper',
  substr: 'substring',
  char_length: 'character_length',
};
/** MySQL names the character set of each string, and escapes its quotes. */
const INTRODUCED = /\b_[a-z0-9]+(?=')/gi;

/** MariaDB's word for the operator, which the parser does not know; with a parenthesis behind it it is a function. */
const REMAINDER = /\bMOD\b(?!\s*\()/gi;

/** Expressions of one form are the same; of the same expression the form may differ where the parser refuses it. */
export function expressionForm(text: string): string {
  const plain = text.replaceAll("\\'", "'").replaceAll(INTRODUCED, '').replaceAll(REMAINDER, '%').trim();
  const tree = parseExpression(plain);
  return tree === null ? plain : JSON.stringify(tree, bare);
}

/** JSON.stringify goes on with what is returned. */
function bare(key: string, value: unknown): unknown {
  if (OF_THE_TEXT.has(key)) return undefined;
  let inner = value;
  while (isObject(inner) && 'Nested' in inner) inner = inner.Nested;
  if (!isObject(inner)) return inner;
  if (isObject(inner.Identifier)) {
    const name = String(inner.Identifier.value).toLowerCase();
    return { name: SAME_FUNCTIONS[name] ?? name };
  }
  return inner;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
