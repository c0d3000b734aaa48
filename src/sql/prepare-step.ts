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
  /** The user variables that stand for its parameters; null: not variables alone. */
  readonly using: readonly string[] | null;
}

const PREPARE = keyword('PREPARE');
const EXECUTE = keyword('EXECUTE');
const IMMEDIATE = keyword('IMMEDIATE');
const DEALLOCATE = keyword('DEALLOCATE');
const DROP = keyword('DROP');
const FROM = keyword('FROM');
const USING = keyword('USING');

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
  if (end !== at + 1) return null;
  const slot = list.slot(at);
  if (slot !== -1) return { slot };
  return list.is(at, TOKEN.userVariable) ? { variable: variableName(list.text(at).slice(1)) } : null;
}

function usingAt(list: TokenList, at: number): readonly string[] | null {
  if (at >= list.length) return [];
  const names: string[] = [];
  for (let index = at + 1; index < list.length; index++) {
    if (list.is(index, TOKEN.comma)) continue;
    if (!list.is(index, TOKEN.userVariable)) return null;
    names.push(variableName(list.text(index).slice(1)));
  }
  return names;
}
