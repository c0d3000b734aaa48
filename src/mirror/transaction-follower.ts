/**
 * Follows the transactions of one session by what the server says in its status flags, and tells what each
 * reply means for the statements held back so far. Pure: a state and a reply in, a state and a verdict out.
 */
import type { TransactionStep } from '../sql/plan.ts';
import { STATUS } from '../wire/protocol.ts';

/** `opaque`: it can't be seen into (CALL, EXECUTE, XA …), and may have ended and begun any transaction. */
export type FollowedStep = TransactionStep | 'opaque';

/** A failure left open whether the transaction still stands, and how it ended if not; the next reply may tell. */
export type Unclear = 'no' | 'maybe_rolled_back' | 'maybe_committed' | 'maybe_either';

export interface TransactionState {
  /** Where it is false, nothing is held. */
  readonly inTransaction: boolean;
  readonly autocommit: boolean;
  readonly unclear: Unclear;
}

export interface AnsweredStep {
  readonly step: FollowedStep;
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
/**
 * Errors that on some servers roll back the statement and on others the transaction: a changed record (the
 * transaction under innodb_snapshot_isolation), a lock wait's time-out (innodb_rollback_on_timeout), a full
 * lock table.
 */
const MAY_ROLL_BACK: ReadonlySet<number> = new Set([1020, 1205, 1206]);

export function initialTransaction(status: number): TransactionState {
  return {
    inTransaction: (status & STATUS.IN_TRANS) !== 0,
    autocommit: (status & STATUS.AUTOCOMMIT) !== 0,
    unclear: 'no',
  };
}

/** Nothing was open, nothing is, and nothing changed: a successful statement that stands alone. */
export function standsAlone(
  { inTransaction, autocommit, unclear }: TransactionState,
  status: number,
): boolean {
  const open = status & (STATUS.IN_TRANS | STATUS.AUTOCOMMIT);
  return !inTransaction && autocommit && unclear === 'no' && open === STATUS.AUTOCOMMIT;
}

export function follow(state: TransactionState, answered: AnsweredStep): Followed {
  return answered.ok ? afterOk(state, answered) : afterError(state, answered);
}

/**
 * What becomes of the held statements when the session ends, and the server rolls back what is open.
 * `maybeEnded`: something was under way that may have ended the transaction otherwise.
 */
export function afterSession({ unclear }: TransactionState, maybeEnded: boolean): HeldVerdict {
  return maybeEnded || unclear === 'maybe_committed' || unclear === 'maybe_either' ? 'uncertain' : 'discard';
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
  step: FollowedStep,
  setsAutocommit: boolean,
): HeldVerdict {
  const unclear = before.unclear;
  switch (step) {
    case 'implicit_commit':
      // It has not committed where the transaction stands; with autocommit off a new one may have begun since.
      if (after.inTransaction) return after.autocommit ? 'keep' : before.inTransaction ? 'uncertain' : 'keep';
      return unclear === 'maybe_rolled_back' || unclear === 'maybe_either' ? 'uncertain' : 'commit';
    case 'commit':
    case 'begin':
      return unclear === 'maybe_rolled_back' || unclear === 'maybe_either' ? 'uncertain' : 'commit';
    case 'rollback':
      return unclear === 'maybe_committed' || unclear === 'maybe_either' ? 'uncertain' : 'discard';
    case 'opaque':
      return before.inTransaction ? 'uncertain' : 'keep';
    case 'savepoint':
    case 'rollback_to':
    case 'release':
    case 'none':
      break;
  }
  if (unclear !== 'no') {
    // With autocommit off a new transaction may have begun by itself, which looks the same.
    if (after.inTransaction) return after.autocommit ? 'keep' : 'uncertain';
    if (unclear === 'maybe_committed') return 'commit';
    // Turning autocommit on commits what stands, so that the end it is seen at may be its own.
    return unclear === 'maybe_rolled_back' && !setsAutocommit ? 'discard' : 'uncertain';
  }
  if (!before.inTransaction || after.inTransaction) return 'keep';
  return setsAutocommit ? 'commit' : 'uncertain';
}

function afterError(state: TransactionState, { step, errno }: AnsweredStep): Followed {
  const ended: TransactionState = { ...state, inTransaction: false, unclear: 'no' };
  if (step === 'opaque') {
    const held = state.inTransaction ? 'uncertain' : 'keep';
    return { state: { ...state, unclear: 'no' }, held, own: 'failed' };
  }
  if (ROLLED_BACK.has(errno)) {
    if (!commitsFirst(step) && state.unclear !== 'maybe_committed' && state.unclear !== 'maybe_either')
      return { state: ended, held: 'discard', own: 'failed' };
    return { state: ended, held: 'uncertain', own: 'failed' };
  }
  if (step === 'commit') return { state: ended, held: 'uncertain', own: 'failed' };
  return { state: { ...state, unclear: whatIsUnclear(state, step, errno) }, held: 'keep', own: 'failed' };
}

function whatIsUnclear(
  { inTransaction, unclear }: TransactionState,
  step: FollowedStep,
  errno: number,
): Unclear {
  if (!inTransaction) return unclear;
  // What committed first had done so when it failed, if it came to that, whatever it failed of.
  if (commitsFirst(step)) return either(unclear, 'maybe_committed');
  return MAY_ROLL_BACK.has(errno) ? either(unclear, 'maybe_rolled_back') : unclear;
}

function either(before: Unclear, now: 'maybe_rolled_back' | 'maybe_committed'): Unclear {
  return before === 'no' || before === now ? now : 'maybe_either';
}

/** Such a statement commits what was open before it does anything else. */
function commitsFirst(step: FollowedStep): boolean {
  return step === 'begin' || step === 'implicit_commit';
}
