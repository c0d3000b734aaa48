/**
 * The expressions by which applications change sql_mode from what it is: CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'),
 * (SELECT REPLACE(@@sql_mode, 'ONLY_FULL_GROUP_BY', '')), one within the other. Read once a digest.
 */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

export type ModeExpression =
  /** A literal's slot in the digest. */
  | { readonly slot: number }
  /** The mode as it stands, the session's or the server's own. */
  | { readonly mode: 'session' | 'global' }
  | { readonly call: 'concat' | 'replace'; readonly args: readonly ModeExpression[] };

const SELECT = keyword('SELECT');
const CALLS = new Map<string, 'concat' | 'replace'>([
  ['concat', 'concat'],
  ['replace', 'replace'],
]);
/** Deeper ones are no idiom of anyone's. */
const DEPTH_MAX = 16;

/** The expression of the tokens from `from` to `to`; null: it is of another form. */
export function readModeExpression(
  list: TokenList,
  from: number,
  to: number,
  depth = 0,
): ModeExpression | null {
  if (depth > DEPTH_MAX || from >= to) return null;
  if (list.is(from, TOKEN.open) && list.partner(from) === to - 1) {
    const inner = list.keyword(from + 1) === SELECT ? from + 2 : from + 1;
    return readModeExpression(list, inner, to - 1, depth + 1);
  }
  if (to === from + 1) return readOne(list, from);
  const call = CALLS.get(list.text(from).toLowerCase());
  if (call === undefined || !list.is(from + 1, TOKEN.open) || list.partner(from + 1) !== to - 1) return null;
  const args = readArguments(list, from + 2, to - 1, depth + 1);
  if (args === null || (call === 'replace' && args.length !== 3)) return null;
  return { call, args };
}

function readOne(list: TokenList, index: number): ModeExpression | null {
  const slot = list.slot(index);
  if (slot !== -1) return { slot };
  if (!list.is(index, TOKEN.systemVariable)) return null;
  const [, scope = 'session'] = /^@@(?:(session|local|global)\.)?`?sql_mode`?$/i.exec(list.text(index)) ?? [
    null,
    '',
  ];
  if (scope === '') return null;
  return { mode: scope.toLowerCase() === 'global' ? 'global' : 'session' };
}

function readArguments(list: TokenList, from: number, to: number, depth: number): ModeExpression[] | null {
  const args: ModeExpression[] = [];
  let start = from;
  for (let index = from; index <= to; index++) {
    if (index < to && list.is(index, TOKEN.open)) index = Math.max(index, list.partner(index));
    if (index < to && !list.is(index, TOKEN.comma)) continue;
    const arg = readModeExpression(list, start, index, depth);
    if (arg === null) return null;
    args.push(arg);
    start = index + 1;
  }
  return args;
}
