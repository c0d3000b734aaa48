/** Every state of the follower against every step and outcome, as a table in which a gap does not compile. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterSession,
  type FollowedStep,
  follow,
  type HeldVerdict,
  initialTransaction,
  type OwnVerdict,
  type TransactionState,
  type Unclear,
} from '../../src/mirror/transaction-follower.ts';

/** `open`: a transaction stands, begun by BEGIN; `chained`: with autocommit off. `idle`: none does. */
type Mode = 'idle' | 'open' | 'chained';
type Standing = 'idle' | `${'open' | 'chained'}/${Unclear}`;

/** What the server answers: OK with its flags, or one of the sorts of errors. */
type Outcome =
  | 'ok_idle'
  | 'ok_open'
  | 'ok_chained'
  | 'ok_off'
  | 'statement_error'
  | 'may_roll_back'
  | 'rolled_back';

type Step = FollowedStep | 'set_autocommit';

/** The verdict on what is held, on the statement itself, and the standing after it. */
type Expected = `${HeldVerdict} ${OwnVerdict} ${Standing}`;

const IN_TRANS = 1;
const AUTOCOMMIT = 2;

const OUTCOMES: Record<Outcome, { ok: boolean; errno: number; status: number }> = {
  ok_idle: { ok: true, errno: 0, status: AUTOCOMMIT },
  ok_open: { ok: true, errno: 0, status: AUTOCOMMIT | IN_TRANS },
  ok_chained: { ok: true, errno: 0, status: IN_TRANS },
  ok_off: { ok: true, errno: 0, status: 0 },
  statement_error: { ok: false, errno: 1062, status: 0 },
  may_roll_back: { ok: false, errno: 1205, status: 0 },
  rolled_back: { ok: false, errno: 1213, status: 0 },
};

type Row = Readonly<Record<Outcome, Expected>>;
type Table = Readonly<Record<Standing, Readonly<Record<Step, Row>>>>;

/** Replies to OK when the held statements meet one verdict whatever the flags. */
function settled(
  held: HeldVerdict,
  errors: Pick<Row, 'statement_error' | 'may_roll_back' | 'rolled_back'>,
): Row {
  return {
    ok_idle: `${held} alone idle`,
    ok_open: `${held} alone open/no`,
    ok_chained: `${held} alone chained/no`,
    ok_off: `${held} alone idle`,
    ...errors,
  };
}

const errorsIn = (
  statement: Standing,
  mayRollBack: Standing,
  rolledBack: HeldVerdict,
): Pick<Row, 'statement_error' | 'may_roll_back' | 'rolled_back'> => ({
  statement_error: `keep failed ${statement}`,
  may_roll_back: `keep failed ${mayRollBack}`,
  rolled_back: `${rolledBack} failed idle`,
});

const IDLE_ERRORS = errorsIn('idle', 'idle', 'discard');
const PLAIN_IDLE: Row = {
  ok_idle: 'keep alone idle',
  ok_open: 'keep hold open/no',
  ok_chained: 'keep hold chained/no',
  ok_off: 'keep alone idle',
  ...IDLE_ERRORS,
};
const CONTROL_IDLE: Row = settled('keep', IDLE_ERRORS);

const OPAQUE_ERRORS = (standing: Standing) => ({
  statement_error: `uncertain failed ${standing}` as const,
  may_roll_back: `uncertain failed ${standing}` as const,
  rolled_back: `uncertain failed ${standing}` as const,
});

/** Where the transaction stands, nothing was committed; with autocommit off another may have begun since. */
const STANDS: Pick<Row, 'ok_open' | 'ok_chained'> = {
  ok_open: 'keep alone open/no',
  ok_chained: 'uncertain alone chained/no',
};

/** The rows of a transaction that is known to stand. */
function certain(mode: 'open' | 'chained'): Readonly<Record<Step, Row>> {
  const no: Standing = `${mode}/no`;
  const rolledBack: Standing = `${mode}/maybe_rolled_back`;
  const committed: Standing = `${mode}/maybe_committed`;
  const plainErrors = errorsIn(no, rolledBack, 'discard');
  const control: Row = {
    ok_idle: 'uncertain alone idle',
    ok_open: 'keep alone open/no',
    ok_chained: 'keep alone chained/no',
    ok_off: 'uncertain alone idle',
    ...plainErrors,
  };
  const commitsFirst = settled('commit', errorsIn(committed, committed, 'uncertain'));
  return {
    none: {
      ok_idle: 'uncertain uncertain idle',
      ok_open: 'keep hold open/no',
      ok_chained: 'keep hold chained/no',
      ok_off: 'uncertain uncertain idle',
      ...plainErrors,
    },
    set_autocommit: {
      ok_idle: 'commit alone idle',
      ok_open: 'keep hold open/no',
      ok_chained: 'keep hold chained/no',
      ok_off: 'commit alone idle',
      ...plainErrors,
    },
    begin: commitsFirst,
    implicit_commit: { ...commitsFirst, ...STANDS },
    commit: settled('commit', {
      statement_error: 'uncertain failed idle',
      may_roll_back: 'uncertain failed idle',
      rolled_back: 'discard failed idle',
    }),
    rollback: settled('discard', plainErrors),
    savepoint: control,
    rollback_to: control,
    release: control,
    opaque: settled('uncertain', OPAQUE_ERRORS(no)),
  };
}

/** The rows of a transaction of which it is not known whether it still stands. */
function unclear(mode: 'open' | 'chained', how: Exclude<Unclear, 'no'>): Readonly<Record<Step, Row>> {
  const at: Standing = `${mode}/${how}`;
  const either: Standing = `${mode}/maybe_either`;
  const afterMayRollBack: Standing = how === 'maybe_committed' ? either : at;
  const afterFailedCommit: Standing = how === 'maybe_rolled_back' ? either : at;
  const ended: HeldVerdict =
    how === 'maybe_committed' ? 'commit' : how === 'maybe_rolled_back' ? 'discard' : 'uncertain';
  const endedBySetting: HeldVerdict = how === 'maybe_committed' ? 'commit' : 'uncertain';
  const byCommit: HeldVerdict = how === 'maybe_committed' ? 'commit' : 'uncertain';
  const byRollback: HeldVerdict = how === 'maybe_rolled_back' ? 'discard' : 'uncertain';
  const errors = errorsIn(at, afterMayRollBack, byRollback);
  const commitsFirst = settled(byCommit, errorsIn(afterFailedCommit, afterFailedCommit, 'uncertain'));
  const ownAtEnd: OwnVerdict = ended === 'uncertain' ? 'uncertain' : 'alone';
  const ownAtSetting: OwnVerdict = endedBySetting === 'uncertain' ? 'uncertain' : 'alone';
  const control: Row = {
    ok_idle: `${ended} alone idle`,
    ok_open: 'keep alone open/no',
    ok_chained: 'uncertain alone chained/no',
    ok_off: `${ended} alone idle`,
    ...errors,
  };
  return {
    none: {
      ok_idle: `${ended} ${ownAtEnd} idle`,
      ok_open: 'keep hold open/no',
      ok_chained: 'uncertain hold chained/no',
      ok_off: `${ended} ${ownAtEnd} idle`,
      ...errors,
    },
    set_autocommit: {
      ok_idle: `${endedBySetting} ${ownAtSetting} idle`,
      ok_open: 'keep hold open/no',
      ok_chained: 'uncertain hold chained/no',
      ok_off: `${endedBySetting} ${ownAtSetting} idle`,
      ...errors,
    },
    begin: commitsFirst,
    implicit_commit: { ...commitsFirst, ...STANDS },
    commit: settled(byCommit, {
      statement_error: 'uncertain failed idle',
      may_roll_back: 'uncertain failed idle',
      rolled_back: `${byRollback} failed idle`,
    }),
    rollback: settled(byRollback, errors),
    savepoint: control,
    rollback_to: control,
    release: control,
    opaque: settled('uncertain', OPAQUE_ERRORS(`${mode}/no`)),
  };
}

const TABLE: Table = {
  idle: {
    none: PLAIN_IDLE,
    set_autocommit: PLAIN_IDLE,
    begin: settled('commit', errorsIn('idle', 'idle', 'uncertain')),
    implicit_commit: {
      ...settled('commit', errorsIn('idle', 'idle', 'uncertain')),
      ok_open: 'keep alone open/no',
      ok_chained: 'keep alone chained/no',
    },
    commit: settled('commit', {
      statement_error: 'uncertain failed idle',
      may_roll_back: 'uncertain failed idle',
      rolled_back: 'discard failed idle',
    }),
    rollback: settled('discard', IDLE_ERRORS),
    savepoint: CONTROL_IDLE,
    rollback_to: CONTROL_IDLE,
    release: CONTROL_IDLE,
    opaque: settled('keep', {
      statement_error: 'keep failed idle',
      may_roll_back: 'keep failed idle',
      rolled_back: 'keep failed idle',
    }),
  },
  'open/no': certain('open'),
  'open/maybe_rolled_back': unclear('open', 'maybe_rolled_back'),
  'open/maybe_committed': unclear('open', 'maybe_committed'),
  'open/maybe_either': unclear('open', 'maybe_either'),
  'chained/no': certain('chained'),
  'chained/maybe_rolled_back': unclear('chained', 'maybe_rolled_back'),
  'chained/maybe_committed': unclear('chained', 'maybe_committed'),
  'chained/maybe_either': unclear('chained', 'maybe_either'),
};

const STANDINGS = Object.keys(TABLE) as Standing[];
const STEPS = Object.keys(TABLE.idle) as Step[];

function stateOf(standing: Standing): TransactionState {
  const [mode, how] = standing.split('/') as [Mode, Unclear?];
  return { inTransaction: mode !== 'idle', autocommit: mode !== 'chained', unclear: how ?? 'no' };
}

function standingOf(state: TransactionState): Standing {
  if (!state.inTransaction) {
    // Without a transaction there is nothing to be unclear about.
    expect(state.unclear).toBe('no');
    return 'idle';
  }
  return `${state.autocommit ? 'open' : 'chained'}/${state.unclear}`;
}

function answer(step: Step, outcome: Outcome) {
  const setsAutocommit = step === 'set_autocommit';
  return { step: setsAutocommit ? ('none' as const) : step, setsAutocommit, ...OUTCOMES[outcome] };
}

describe('the transaction follower', () => {
  for (const standing of STANDINGS) {
    it.each(STEPS)(`gives every verdict of the table: ${standing}, %s`, (step) => {
      const row = TABLE[standing][step];
      const seen = Object.fromEntries(
        (Object.keys(OUTCOMES) as Outcome[]).map((outcome) => {
          const { state, held, own } = follow(stateOf(standing), answer(step, outcome));
          return [outcome, `${held} ${own} ${standingOf(state)}`];
        }),
      );
      expect(seen).toEqual(row);
    });
  }

  it('knows the errors that end a transaction, and those that may', () => {
    const state = stateOf('open/no');
    const verdict = (errno: number) => {
      const followed = follow(state, { step: 'none', setsAutocommit: false, ok: false, errno, status: 0 });
      return `${followed.held} ${followed.state.unclear}`;
    };
    for (const errno of [1213, 1402, 1613, 1614])
      expect([errno, verdict(errno)]).toEqual([errno, 'discard no']);
    for (const errno of [1020, 1205, 1206])
      expect([errno, verdict(errno)]).toEqual([errno, 'keep maybe_rolled_back']);
    for (const errno of [1062, 1064, 1146, 1317, 1452])
      expect([errno, verdict(errno)]).toEqual([errno, 'keep no']);
  });

  it('reads the flags of a login', () => {
    expect(initialTransaction(AUTOCOMMIT)).toEqual({ inTransaction: false, autocommit: true, unclear: 'no' });
    expect(initialTransaction(IN_TRANS)).toEqual({ inTransaction: true, autocommit: false, unclear: 'no' });
  });

  it('never keeps what no transaction holds any more', () => {
    const steps = fc.record({
      step: fc.constantFrom(...STEPS),
      outcome: fc.constantFrom(...(Object.keys(OUTCOMES) as Outcome[])),
    });
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 30 }), (script) => {
        let state = initialTransaction(AUTOCOMMIT);
        let held = 0;
        for (const { step, outcome } of script) {
          const followed = follow(state, answer(step, outcome));
          if (followed.held !== 'keep') held = 0;
          if (followed.own === 'hold') held++;
          state = followed.state;
          if (!state.inTransaction && held > 0) return false;
        }
        return true;
      }),
    );
  });

  const atTheEnd: Readonly<Record<Unclear, HeldVerdict>> = {
    no: 'discard',
    maybe_rolled_back: 'discard',
    maybe_committed: 'uncertain',
    maybe_either: 'uncertain',
  };
  it.each(Object.entries(atTheEnd) as [Unclear, HeldVerdict][])(
    'discards what is open when the session ends, unless it may have been committed: %s',
    (how, held) => {
      expect(afterSession(stateOf(`open/${how}`), false)).toBe(held);
      expect(afterSession(stateOf(`open/${how}`), true)).toBe('uncertain');
    },
  );
});
