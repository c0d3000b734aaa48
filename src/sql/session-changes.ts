/** What a statement changes of its session: USE and the forms of SET. */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import { readModeExpression } from './mode-expression.ts';
import type { SessionChange } from './plan.ts';
import type { TokenList } from './token-list.ts';
import { variableName } from './user-variables.ts';

const USE = keyword('USE');
const SET = keyword('SET');
const STATEMENT = keyword('STATEMENT');
const NAMES = keyword('NAMES');
const CHARACTER = keyword('CHARACTER');
const CHAR = keyword('CHAR');
const CHARSET = keyword('CHARSET');
const COLLATE = keyword('COLLATE');
const TRANSACTION = keyword('TRANSACTION');
const ROLE = keyword('ROLE');
const DEFAULT = keyword('DEFAULT');
const PASSWORD = keyword('PASSWORD');
const EQUALS = 0x3d;
const ASSIGN = 0x3a3d;

type Scope = SessionChange['scope'];
const SCOPES = new Map<number, Scope>([
  [keyword('GLOBAL'), 'global'],
  [keyword('PERSIST'), 'global'],
  [keyword('PERSIST_ONLY'), 'global'],
  [keyword('SESSION'), 'session'],
  [keyword('LOCAL'), 'session'],
]);

export function readSessionChanges(list: TokenList): SessionChange[] {
  const { first } = list;
  if (list.keyword(first) === USE) {
    return [change('use', list.isIdentifier(first + 1) ? list.name(first + 1) : '', null)];
  }
  const next = list.keyword(first + 1);
  if (list.keyword(first) !== SET || next === STATEMENT || next === PASSWORD) return [];
  const changes: SessionChange[] = [];
  let scope: Scope = 'session';
  let start = first + 1;
  for (let index = start; index <= list.length; index++) {
    const isEnd = index === list.length;
    if (!isEnd && !(list.is(index, TOKEN.comma) && list.depth(index) === 0)) continue;
    // The latest GLOBAL or SESSION holds for the assignments behind it.
    const own = isAssignmentName(list, start) ? undefined : SCOPES.get(list.keyword(start));
    scope = own ?? scope;
    const found = readChange(list, own === undefined ? start : start + 1, index, scope, own !== undefined);
    if (found !== null) changes.push(found);
    // SET TRANSACTION has commas of its own.
    if (found?.what === 'transaction') break;
    start = index + 1;
  }
  return changes;
}

function isAssignmentName(list: TokenList, index: number): boolean {
  const operator = list.operator(index + 1);
  return operator === EQUALS || operator === ASSIGN;
}

function readChange(
  list: TokenList,
  from: number,
  to: number,
  scope: Scope,
  isScoped: boolean,
): SessionChange | null {
  const word = list.keyword(from);
  if (!isAssignmentName(list, from)) {
    if (word === NAMES) return readNames(list, from, to);
    if (word === CHARSET) return characterSet(list, from + 1, to);
    if (word === CHARACTER || word === CHAR) return characterSet(list, from + 2, to);
    if (word === TRANSACTION) {
      const words = Array.from({ length: Math.max(0, list.length - from - 1) }, (_, offset) =>
        list.text(from + 1 + offset),
      );
      return change('transaction', words.join(' ').toLowerCase(), null, isScoped ? scope : 'transaction');
    }
    if (word === ROLE) return change('role', to > from + 1 ? list.name(from + 1) : '', null);
    if (word === DEFAULT && list.keyword(from + 1) === ROLE) return null;
  }
  return readAssignment(list, from, to, scope);
}

function readNames(list: TokenList, from: number, to: number): SessionChange {
  const collate = list.keyword(from + 2) === COLLATE;
  const isKnown = to === from + (collate ? 4 : 2);
  const base = characterSetValue(list, from + 1, 'names');
  const slot = list.slot(from + 3);
  const named = slot === -1 ? list.name(from + 3).toLowerCase() : { slot };
  const collation = collate && isKnown ? named : null;
  return isKnown ? { ...base, collation } : { ...base, value: 'expression' };
}

function characterSet(list: TokenList, at: number, to: number): SessionChange {
  const base = characterSetValue(list, at, 'character_set');
  return to === at + 1 ? base : { ...base, value: 'expression' };
}

function characterSetValue(list: TokenList, at: number, what: 'names' | 'character_set'): SessionChange {
  const slot = list.slot(at);
  if (slot !== -1) return change(what, '', { slot });
  const name = list.name(at).toLowerCase();
  return change(what, name, { word: name });
}

function readAssignment(list: TokenList, from: number, to: number, scope: Scope): SessionChange | null {
  const isVariable = list.is(from, TOKEN.userVariable) || list.is(from, TOKEN.systemVariable);
  const end = isVariable ? from + 1 : list.chainEnd(from);
  const operator = list.operator(end);
  if (operator !== EQUALS && operator !== ASSIGN) return null;
  const isMode = /\bsql_mode\b/i.test(list.text(end - 1));
  const plain = readValue(list, end + 1, to, list.text(end - 1).replace(/^@@(?:session\.|local\.)?/i, ''));
  const isEdit = isMode && (plain === 'expression' || isSetting(plain));
  const edit = isEdit ? readModeExpression(list, end + 1, to) : null;
  const value = edit === null ? plain : { mode: edit };
  if (list.is(from, TOKEN.userVariable))
    return change('user_variable', variableName(list.text(from).slice(1)), value);
  if (list.is(from, TOKEN.systemVariable)) return systemVariable(list.text(from).slice(2), value);
  const name = list.sql.toString('utf8', list.start(from), list.end(end - 1));
  return change('variable', variableName(name), value, scope);
}

/** `target`: what is assigned to. Its own global value is its DEFAULT; those of others are not followed. */
function settingValue(text: string, target: string): SessionChange['value'] {
  const match = /^(?:(session|local|global)\.)?([^.]+)$/is.exec(text);
  if (match === null) return 'expression';
  const name = variableName(match[2]!);
  if (match[1]?.toLowerCase() !== 'global') return { setting: name };
  return name === variableName(target) ? { word: 'default' } : 'expression';
}

function isSetting(value: SessionChange['value']): boolean {
  return typeof value === 'object' && value !== null && 'setting' in value;
}

/** `@@transaction_isolation` without a scope is the next transaction's alone. */
const OF_THE_NEXT = /^(?:transaction|tx)_(?:isolation|read_only)$/i;

/** `@@name` is the session's unless a scope stands before the dot. */
function systemVariable(text: string, value: SessionChange['value']): SessionChange {
  const match = /^(global|session|local|persist|persist_only)\.(.+)$/is.exec(text);
  if (match === null) {
    const own = OF_THE_NEXT.test(text) ? 'transaction' : 'session';
    return change('variable', variableName(text), value, own);
  }
  const isSession = /^(session|local)$/i.test(match[1]!);
  return change('variable', variableName(match[2]!), value, isSession ? 'session' : 'global');
}

function readValue(list: TokenList, from: number, to: number, target: string): SessionChange['value'] {
  const isCall = to === from + 3 && list.is(from + 1, TOKEN.open) && list.is(from + 2, TOKEN.close);
  if (isCall && /^last_insert_id$/i.test(list.text(from))) return { setting: 'last_insert_id' };
  if (to !== from + 1) return 'expression';
  const slot = list.slot(from);
  if (slot !== -1) return { slot };
  const kind = list.kind(from);
  if (kind === TOKEN.userVariable) return { userVariable: variableName(list.text(from).slice(1)) };
  if (kind === TOKEN.systemVariable) return settingValue(list.text(from).slice(2), target);
  return kind === TOKEN.word || kind === TOKEN.quoted
    ? { word: list.name(from).toLowerCase() }
    : 'expression';
}

function change(
  what: SessionChange['what'],
  name: string,
  value: SessionChange['value'],
  scope: Scope = 'session',
): SessionChange {
  return { what, name, scope, value, collation: null };
}
