/**
 * Follows the transactions of one session by what the server says in its status flags, and tells what each
 * reply means for the statements held back so far. Pure: a state and a reply in, a state and a verdict out.
 */
import type { TransactionStep } from '../sql/plan.ts';
import { STATUS } from '../wire/protocol.ts';

export interface TransactionState {
  readonly inTransaction: boolean;
  readonly autocommit: boolean;
  /** Something happened that leaves open whether the transaction still stands; the next reply may tell. */
  readonly unclear: 'no' | 'lock_timeout' | 'failed_implicit_commit';
}

export interface AnsweredStep {
  readonly step: TransactionStep;
  /** Sets autocommit, which commits when it turns it on. */
  readonly setsAutocommit: boolean;
  readonly ok: boolean;
  readonly errno: number;
  /** Status flags of the reply; meaningless for an error. */
  readonly status: number;
}

/** What becomes of the statements held back before this one. */
export type HeldVerdict = 'keep' | 'commit' | 'discard' | 'uncertain';

/** What becomes of the statement itself, if it is one to be mirrored. */
export type OwnVerdict = 'alone' | 'hold' | 'failed' | 'uncertain';

export interface Followed {
  readonly state: TransactionState;
  readonly held: HeldVerdict;
  readonly own: OwnVerdict;
}

/** Errors after which the server has rolled the whole transaction back: deadlock, XA rollback-only, … */
const ROLLED_BACK: ReadonlySet<number> = new Set([1213, 1402, 1613, 1614]);
/** Rolls back the statement, or with innodb_rollback_on_timeout the transaction. */
const LOCK_WAIT_TIMEOUT = 1205;

export function initialTransaction(status: number): TransactionState {
  return {
    inTransaction: (status & STATUS.IN_TRANS) !== 0,
    autocommit: (status & STATUS.AUTOCOMMIT) !== 0,
    unclear: 'no',
  };
}

export function follow(state: TransactionState, answered: AnsweredStep): Followed {
  return answered.ok ? afterOk(state, answered) : afterError(state, answered);
}

function afterOk(before: TransactionState, { step, setsAutocommit, status }: AnsweredStep): Followed {
  const after = initialTransaction(status);
  const held = heldAfterOk(before, after, step, setsAutocommit);
  const ended = before.inTransaction && !after.inTransaction && held === 'uncertain' && step === 'none';
  if (ended) return { state: after, held, own: 'uncertain' };
  return { state: after, held, own: after.inTransaction && step === 'none' ? 'hold' : 'alone' };
}

function heldAfterOk(
  before: TransactionState,
  after: TransactionState,
  step: TransactionStep,
  setsAutocommit: boolean,
): HeldVerdict {
  const unclear = before.unclear;
  switch (step) {
    case 'commit':
    case 'begin':
    case 'implicit_commit':
      return unclear === 'lock_timeout' ? 'uncertain' : 'commit';
    case 'rollback':
      return unclear === 'failed_implicit_commit' ? 'uncertain' : 'discard';
    case 'savepoint':
    case 'rollback_to':
    case 'release':
    case 'none':
      break;
  }
  if (unclear !== 'no') {
    // With autocommit off a new transaction may have begun by itself, which looks the same.
    if (after.inTransaction) return after.autocommit ? 'keep' : 'uncertain';
    return unclear === 'lock_timeout' ? 'discard' : 'commit';
  }
  if (!before.inTransaction || after.inTransaction) return 'keep';
  return setsAutocommit ? 'commit' : 'uncertain';
}

function afterError(state: TransactionState, { step, errno }: AnsweredStep): Followed {
  if (ROLLED_BACK.has(errno)) {
    return { state: { ...state, inTransaction: false, unclear: 'no' }, held: 'discard', own: 'failed' };
  }
  if (step === 'commit') {
    return { state: { ...state, inTransaction: false, unclear: 'no' }, held: 'uncertain', own: 'failed' };
  }
  const unclear = whatIsUnclear(state, step, errno);
  return { state: { ...state, unclear }, held: 'keep', own: 'failed' };
}

function whatIsUnclear(
  state: TransactionState,
  step: TransactionStep,
  errno: number,
): TransactionState['unclear'] {
  if (!state.inTransaction || state.unclear !== 'no') return state.unclear;
  if (errno === LOCK_WAIT_TIMEOUT) return 'lock_timeout';
  return step === 'implicit_commit' || step === 'begin' ? 'failed_implicit_commit' : 'no';
}
