/** The statements of distributed transactions. MySQL manual: "XA Transaction SQL Statements". Read once a digest. */
import { wordAt } from './definition.ts';
import type { TokenList } from './token-list.ts';

export interface XaStep {
  /** `commit`: of a branch that is prepared; `one_phase`: of the session's own, which is not. */
  readonly what: 'start' | 'end' | 'prepare' | 'commit' | 'one_phase' | 'rollback' | 'recover' | 'other';
  /** Slots of the branch's name. */
  readonly slots: readonly number[];
}

const WORDS: Readonly<Record<string, XaStep['what']>> = {
  START: 'start',
  BEGIN: 'start',
  END: 'end',
  PREPARE: 'prepare',
  COMMIT: 'commit',
  ROLLBACK: 'rollback',
  RECOVER: 'recover',
};

/** Null: it is none. */
export function readXaStep(list: TokenList): XaStep | null {
  const { first } = list;
  if (wordAt(list, first) !== 'XA') return null;
  const word = wordAt(list, first + 1);
  const named = Object.hasOwn(WORDS, word) && !list.conditional ? WORDS[word]! : 'other';
  const slots: number[] = [];
  let isOnePhase = false;
  for (let at = first + 2; at < list.length; at++) {
    if (list.slot(at) !== -1) slots.push(list.slot(at));
    if (wordAt(list, at) === 'PHASE') isOnePhase = true;
  }
  return { what: named === 'commit' && isOnePhase ? 'one_phase' : named, slots };
}
