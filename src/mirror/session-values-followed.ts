/**
 * What becomes known of a session and of a statement once the primary has answered: all that was sent before is
 * answered too, so the session is as the statement found it, also where commands were sent ahead of their replies.
 */
import type { Plan } from '../sql/plan.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import { routinesRan } from './routine-effects.ts';
import type { SessionState } from './session-state.ts';
import type { Selection, Statement } from './statement.ts';
import { lastInsertIdAfter } from './traces.ts';

const UNSUPPORTED: Selection = { at: 'skipped', outcome: 'skipped_unsupported' };

/** Before its effects are applied: gives its replay the values that it read of the session, or lets go of it. */
export function settleSelection(statement: Statement, state: SessionState): void {
  const { selection, kind } = statement;
  if (selection.at !== 'selected') return;
  const { draft } = selection;
  const stands = !statement.blind && state.contextKnown && state.context.id === draft.context.id;
  const settings = draft.reads === null ? draft.settings : state.settingsFor(draft.reads);
  if (!stands || (settings === null && kind !== 'read')) {
    statement.selection = UNSUPPORTED;
    return;
  }
  const fixedTime = state.values.time;
  if (kind === 'read' || settings === null || (settings.length === 0 && fixedTime === null)) return;
  statement.selection = { ...selection, draft: { ...draft, settings, fixedTime } };
}

/** Behind its effects: what it may have changed of the session without saying so. */
export function followValues(
  statement: Statement,
  result: Pick<ResultSummary, 'ok' | 'insertId'>,
  state: SessionState,
): void {
  const { plan, effects, traces } = statement;
  if (forgetAssigned(statement, state) === 'anything' || plan === null) return;
  if (plan.kind === 'read' && plan.hazards.size === 0) return;
  const { values } = state;
  values.lastInsertId = setsIt(statement)
    ? values.lastInsertId
    : lastInsertIdAfter(plan, traces, result, values.lastInsertId);
  // The name's statement before is gone even where the new one was refused.
  if (!result.ok)
    for (const effect of effects) if (effect.what === 'prepare') state.statements.put(effect.name, null);
}

/** What it may have set of the session, whatever came of it, that its text does not tell. */
export function forgetAssigned(
  statement: Statement,
  state: SessionState,
): 'anything' | 'variables' | 'nothing' {
  const { plan, routines } = statement;
  if (plan !== null && isPlain(plan) && routines === null && !statement.traces.runsTriggers) return 'nothing';
  if (plan !== null && routines !== null) routinesRan(routines, state);
  else if (plan === null || plan.anyResults || plan.hazards.has('any_effect')) {
    state.hidden(plan !== null && /^CALL\b/i.test(plan.digest) ? 'routine' : 'anything');
    return 'anything';
  }
  if (!assigns(statement, plan)) return 'nothing';
  state.values.forget(assignsAny(statement, plan) ? null : plan.userVariables);
  return 'variables';
}

/** It sets something of its session, or may: what is read behind it may mean something else. */
export function changesSession(statement: Statement): boolean {
  const { plan, effects } = statement;
  if (plan === null || effects.length > 0) return true;
  if (isPlain(plan)) return statement.routines !== null || statement.traces.runsTriggers;
  return (
    plan.anyResults ||
    plan.hazards.has('any_effect') ||
    statement.routines !== null ||
    assigns(statement, plan)
  );
}

/** Nothing in its text can set anything: most statements, of which no more has to be asked. */
function isPlain({ hazards, anyResults }: Plan): boolean {
  return hazards.size === 0 && !anyResults;
}

function assigns(statement: Statement, plan: Plan): boolean {
  return assignsAny(statement, plan) || mayAssign(plan);
}

/** What its routines set is told, where they are known. */
function assignsAny({ routines, traces }: Statement, { hazards }: Plan): boolean {
  return (hazards.has('unknown_function') && routines === null) || traces.runsTriggers;
}

/** It has been told by its effects. */
function setsIt({ plan, effects }: Statement): boolean {
  return plan?.setsLastInsertId === false && effects.length > 0;
}

/** It may set a user variable that it names, in other ways than SET does. */
function mayAssign({ kind, hazards, session, prepare }: Plan): boolean {
  if (!hazards.has('user_variable') || prepare !== null) return false;
  if (kind !== 'other') return hazards.has('assignment') || hazards.has('into') || hazards.has('load_data');
  const isSet = session.length > 0;
  return !isSet || (hazards.has('assignment') && session.some(({ value }) => value === 'expression'));
}
