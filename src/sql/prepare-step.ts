/** PREPARE, EXECUTE and DEALLOCATE as SQL has them. Read once a digest. */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';
import { variableName } from './user-variables.ts';

/** A prepared statement's life in SQL: PREPARE s FROM 'text', EXECUTE s USING @a, DEALLOCATE PREPARE s. */
export interface PrepareStep {
  readonly what: 'prepare' | 'execute' | 'immediate' | 'deallocate';
  /** In lower case; empty for EXECUTE IMMEDIATE. */
  readonly name: string;
  /** Where the text stands; null: an expression, or none is named. */
  readonly text: { readonly slot: number } | { readonly variable: string } | null;
  /** What stands for its parameters; null: something there may run other statements, or set variables. */
  readonly using: readonly UsedValue[] | null;
}

/** A user variable, or where a literal stands; null: another expression, whose value is not known. */
export type UsedValue = { readonly variable: string } | { readonly slot: number } | null;

const PREPARE = keyword('PREPARE');
const EXECUTE = keyword('EXECUTE');
const IMMEDIATE = keyword('IMMEDIATE');
const DEALLOCATE = keyword('DEALLOCATE');
const DROP = keyword('DROP');
const FROM = keyword('FROM');
const USING = keyword('USING');
const ASSIGN = 0x3a3d;

/** MySQL manual: "SQL Syntax for Prepared Statements"; MariaDB knowledge base: "EXECUTE IMMEDIATE". Null: none of them. */
export function readPrepareStep(list: TokenList): PrepareStep | null {
  const { first } = list;
  const word = list.keyword(first);
  if (list.conditional) return null;
  if (word === PREPARE && list.keyword(first + 2) === FROM)
    return { what: 'prepare', name: nameAt(list, first + 1), text: textAt(list, first + 3), using: [] };
  if ((word === DEALLOCATE || word === DROP) && list.keyword(first + 1) === PREPARE)
    return { what: 'deallocate', name: nameAt(list, first + 2), text: null, using: [] };
  if (word !== EXECUTE) return null;
  const isImmediate = list.keyword(first + 1) === IMMEDIATE && list.length > first + 2;
  if (isImmediate && list.keyword(first + 2) !== USING) {
    const end = list.keyword(first + 3) === USING ? first + 3 : list.length;
    const text = end === first + 3 ? textAt(list, first + 2, end) : null;
    return { what: 'immediate', name: '', text, using: usingAt(list, end) };
  }
  return { what: 'execute', name: nameAt(list, first + 1), text: null, using: usingAt(list, first + 2) };
}

function nameAt(list: TokenList, index: number): string {
  return list.name(index).toLowerCase();
}

function textAt(list: TokenList, at: number, end = list.length): PrepareStep['text'] {
  return end === at + 1 ? valueAt(list, at) : null;
}

function valueAt(list: TokenList, at: number): UsedValue {
  const slot = list.slot(at);
  if (slot !== -1) return { slot };
  return list.is(at, TOKEN.userVariable) ? { variable: variableName(list.text(at).slice(1)) } : null;
}

/** `at`: of the word USING, or behind the end. */
function usingAt(list: TokenList, at: number): PrepareStep['using'] {
  // What SET STATEMENT sets for it is set nowhere else.
  if (list.first > 0) return null;
  const values: UsedValue[] = [];
  let start = at + 1;
  for (let index = start; index <= list.length && at < list.length; index++) {
    // A call may be of a stored function.
    if (list.is(index, TOKEN.open) || list.operator(index) === ASSIGN) return null;
    if (index < list.length && !list.is(index, TOKEN.comma)) continue;
    values.push(index === start + 1 ? valueAt(list, start) : null);
    start = index + 1;
  }
  return values;
}
