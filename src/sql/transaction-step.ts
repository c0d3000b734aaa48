/**
 * What a statement does to the transaction it runs in. Source: "Statements That Cause an Implicit Commit". Some of
 * them commit on one kind of server, or under LOCK TABLES, and not elsewhere: the server's status flags tell.
 */
import { keyword } from './keywords.ts';
import type { TransactionStep } from './plan.ts';
import type { TokenList } from './token-list.ts';
import { readXaStep, type XaStep } from './xa-step.ts';

const TO = keyword('TO');
const SAVEPOINT = keyword('SAVEPOINT');
const TRANSACTION = keyword('TRANSACTION');
const TEMPORARY = keyword('TEMPORARY');
const PREPARE = keyword('PREPARE');
const TABLE = keyword('TABLE');
const TABLES = keyword('TABLES');
const LOCAL = keyword('LOCAL');
const NO_BINLOG = keyword('NO_WRITE_TO_BINLOG');
const INDEX = keyword('INDEX');
const PASSWORD = keyword('PASSWORD');
const DEFAULT = keyword('DEFAULT');
const ROLE = keyword('ROLE');

const BEGIN = keyword('BEGIN');
const START = keyword('START');
const COMMIT = keyword('COMMIT');
const ROLLBACK = keyword('ROLLBACK');
const RELEASE = keyword('RELEASE');
const CREATE = keyword('CREATE');
const DROP = keyword('DROP');
const LOCK = keyword('LOCK');
const UNLOCK = keyword('UNLOCK');
const ANALYZE = keyword('ANALYZE');
const LOAD = keyword('LOAD');
const SET = keyword('SET');
const XA = keyword('XA');
const TABLE_WORDS: readonly number[] = [TABLE, TABLES];

/** Of the session's own branch; what becomes of a prepared one is no matter of the session's. */
const XA_STEPS: Partial<Record<XaStep['what'], TransactionStep>> = {
  one_phase: 'commit',
  rollback: 'rollback',
};

/** Verbs that commit first, by and large. */
const COMMITTING = new Set(
  [
    'ALTER',
    'RENAME',
    'TRUNCATE',
    'GRANT',
    'REVOKE',
    'CACHE',
    'CHECK',
    'FLUSH',
    'OPTIMIZE',
    'REPAIR',
    'RESET',
    'INSTALL',
    'UNINSTALL',
    'IMPORT',
    'CHANGE',
    'STOP',
    'BACKUP',
  ].map(keyword),
);

export interface StepFound {
  readonly step: TransactionStep;
  readonly savepoint: string | null;
}

/** What the servers compare by letters without their accents; other names are equal in ways that are not known here. */
const PLAIN_NAME = /^[ -~]*$/;

export function readTransactionStep(list: TokenList, compound: boolean): StepFound {
  const { first } = list;
  const verb = list.keyword(first);
  if (compound && verb !== CREATE && verb !== keyword('ALTER')) return step('none');
  switch (verb) {
    case BEGIN:
      return step('begin');
    case START:
      return step(list.keyword(first + 1) === TRANSACTION ? 'begin' : 'implicit_commit');
    case COMMIT:
      return step('commit');
    case ROLLBACK:
      return readRollback(list);
    case LOCK:
      // With autocommit off it leaves a transaction open, as BEGIN does.
      return step(TABLE_WORDS.includes(list.keyword(first + 1)) ? 'begin' : 'none');
    case XA:
      return step(XA_STEPS[readXaStep(list)?.what ?? 'other'] ?? 'none');
    case SAVEPOINT:
      return { step: 'savepoint', savepoint: savepointName(list, first + 1) };
    case RELEASE:
      return list.keyword(first + 1) === SAVEPOINT
        ? { step: 'release', savepoint: savepointName(list, first + 2) }
        : step('none');
    default:
      return step(commitsFirst(list) ? 'implicit_commit' : 'none');
  }
}

/** True for CREATE and DROP of temporary tables, which don't commit. */
export function isTemporaryTable(list: TokenList): boolean {
  const verb = list.keyword(list.first);
  if (verb !== CREATE && verb !== DROP) return false;
  // CREATE OR REPLACE TEMPORARY TABLE has it in fourth place.
  return [1, 3].some((offset) => list.keyword(list.first + offset) === TEMPORARY);
}

function readRollback(list: TokenList): StepFound {
  const { first } = list;
  for (let index = first + 1; index < Math.min(list.length, first + 3); index++) {
    if (list.keyword(index) !== TO) continue;
    const at = list.keyword(index + 1) === SAVEPOINT && index + 2 < list.length ? index + 2 : index + 1;
    return { step: 'rollback_to', savepoint: savepointName(list, at) };
  }
  return step('rollback');
}

function savepointName(list: TokenList, index: number): string | null {
  const name = index < list.length ? list.name(index) : '';
  return name !== '' && PLAIN_NAME.test(name) ? name.toLowerCase() : null;
}

function commitsFirst(list: TokenList): boolean {
  const verb = list.keyword(list.first);
  const next = list.keyword(list.first + 1);
  if (COMMITTING.has(verb)) return true;
  switch (verb) {
    case CREATE:
      return !isTemporaryTable(list);
    case DROP:
      return !isTemporaryTable(list) && next !== PREPARE;
    case UNLOCK:
      return TABLE_WORDS.includes(next);
    case ANALYZE:
      return next === TABLE || next === LOCAL || next === NO_BINLOG;
    case LOAD:
      return next === INDEX;
    case SET:
      return next === PASSWORD || (next === DEFAULT && list.keyword(list.first + 2) === ROLE);
    default:
      return false;
  }
}

function step(found: TransactionStep): StepFound {
  return { step: found, savepoint: null };
}
