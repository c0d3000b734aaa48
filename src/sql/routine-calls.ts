/** The procedures and stored functions that a statement names. Read from the words themselves, once a digest. */
import { functionHazard } from './functions.ts';
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { RoutineCall } from './plan.ts';
import type { TokenList } from './token-list.ts';

const AS = keyword('AS');
const CALL = keyword('CALL');
/** A statement with more is nobody's: it may call any. */
const CALLS_MAX = 64;

/** Null: more than are told, or called by more names than a database and its own. */
export function readRoutineCalls(list: TokenList, callsFunctions: boolean): readonly RoutineCall[] | null {
  const calls: RoutineCall[] = [];
  if (list.keyword(list.first) === CALL) {
    const procedure = routineAt(list, list.chainEnd(list.first + 1) - 1, 'procedure');
    if (procedure === null) return null;
    calls.push(procedure);
  }
  for (let index = list.first; callsFunctions && index < list.length; index++) {
    if (functionAt(list, index) !== 'routine' || isProcedure(list, index)) continue;
    const called = routineAt(list, index, 'function');
    if (called === null || calls.length === CALLS_MAX) return null;
    calls.push(called);
  }
  return calls;
}

/** `last`: where its name ends. Null: more names stand before its own than that of a database. */
export function routineAt(list: TokenList, last: number, what: RoutineCall['what']): RoutineCall | null {
  if (!list.isAfterDot(last)) return { what, database: null, name: list.name(last) };
  if (list.isAfterDot(last - 2)) return null;
  return { what, database: list.name(last - 2), name: list.name(last) };
}

/** Whose call a name before a parenthesis is; null: it is none, but a table, an alias or a type is named. */
export function functionAt(list: TokenList, index: number): 'routine' | 'built_in' | null {
  if (!list.is(index + 1, TOKEN.open) || list.isTablePosition(index)) return null;
  const qualified = list.isAfterDot(index);
  if (!qualified && !list.isIdentifier(index)) return null;
  const before = index - 1;
  if (!qualified && (list.keyword(before) === AS || endsName(list, before) || isCommonTable(list, index)))
    return null;
  if (qualified && isTableChain(list, index)) return null;
  if (qualified || list.is(index, TOKEN.quoted)) return 'routine';
  return functionHazard(list.text(index)) === 'unknown_function' ? 'routine' : 'built_in';
}

/** CALL p(…) names no function. */
function isProcedure(list: TokenList, index: number): boolean {
  return list.keyword(list.first) === CALL && index === list.chainEnd(list.first + 1) - 1;
}

/** Behind a name, a literal or a parenthesis no call can begin: there an alias stands. */
function endsName(list: TokenList, index: number): boolean {
  if (index < 0) return false;
  return list.isTablePosition(index) || list.is(index, TOKEN.close);
}

function isTableChain(list: TokenList, index: number): boolean {
  let start = index;
  while (start >= 2 && list.isAfterDot(start)) start -= 2;
  return list.isTablePosition(start);
}

/** `name (columns) AS (` of a WITH list. */
function isCommonTable(list: TokenList, index: number): boolean {
  const close = list.partner(index + 1);
  return close !== -1 && list.keyword(close + 1) === AS && list.is(close + 2, TOKEN.open);
}
