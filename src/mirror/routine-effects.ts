/** What a procedure or a stored function, with all that it calls, may do beside answering. */
import type { SessionState } from './session-state.ts';
import type { Target } from './target.ts';

export interface RoutineEffects {
  /** Moved tables whose rows it may change, itself or by triggers and foreign keys; `*`: any. */
  readonly tables: readonly string[];
  readonly transactional: Target['transactional'];
  /** It may begin, commit or roll back. */
  readonly endsTransactions: boolean;
  /** A failure leaves what came before it: so does a procedure, while a function is undone with its statement. */
  readonly leavesPart: boolean;
  /** Variables of the session that it may set for good, in lower case. */
  readonly settings: readonly string[];
  readonly setsIsolation: boolean;
  /** User variables that it may set, in lower case; null: any. */
  readonly userVariables: readonly string[] | null;
  readonly setsLastInsertId: boolean;
  /** Temporary tables that it may make or drop. */
  readonly temporary: readonly { readonly database: string | null; readonly name: string }[];
  /** Of the routines' texts by which all this is known. */
  readonly version: number;
}

/** It has run, to its end or not: what it may have set is not known any more. */
export function routinesRan(effects: RoutineEffects, state: SessionState): void {
  for (const name of effects.settings) state.apply({ what: 'variable', name, value: null });
  if (effects.setsIsolation) state.apply({ what: 'isolation', level: 'weak', scope: 'next' });
  state.values.forget(effects.userVariables);
  if (effects.setsLastInsertId) state.values.lastInsertId = null;
  for (const { database, name } of effects.temporary) state.temporary.perhaps(database, name);
}

/** What a statement changes together with the routines that it calls; `own` null: nothing itself. */
export function targetWith(own: Target | null, { tables, transactional }: RoutineEffects): Target {
  if (own === null)
    return {
      tables,
      reached: [],
      barriers: [],
      keys: [],
      keysComplete: false,
      numbered: null,
      rowByRow: false,
      transactional,
    };
  const isSame = own.transactional === transactional;
  return {
    ...own,
    reached: [...new Set([...own.reached, ...tables])],
    transactional: isSame ? transactional : 'unknown',
  };
}
