/** What an EXECUTE or EXECUTE IMMEDIATE carries out: its text, and the values that it gives to it. */
import type { Lexed } from '../sql/lexed.ts';
import type { PrepareStep } from '../sql/prepare-step.ts';
import { BOUND_NULL, type BoundValue, executionOf } from '../wire/bound-values.ts';
import type { NamedStatement } from './named-statements.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import type { Execution } from './selector.ts';
import type { AssignedValue } from './session-effect.ts';
import { preparingValue } from './session-effects.ts';
import type { SessionState } from './session-state.ts';

/** The text that is executed; null: it is not known. */
export function executedBy(
  { what, name, text }: PrepareStep,
  sql: Buffer,
  lexed: Lexed,
  session: SessionState,
): NamedStatement | null {
  if (what === 'execute') return session.statements.find(name);
  const isVariable = text !== null && 'variable' in text;
  if (what !== 'immediate' || (isVariable && !session.valuesStand)) return null;
  return session.statementOf(preparingValue(text, sql, lexed));
}

/** Null: it is not known. */
export function usedValue(assigned: AssignedValue, session: SessionState): BoundValue | null {
  // Unlike what a variable holds of it, such a literal may be a number too.
  const isBinary = assigned !== null && 'literal' in assigned && /^(?:[xb]'|0[xb])/i.test(assigned.literal);
  return isBinary ? null : session.boundValueOf(assigned);
}

/** Null: a plain text says it all. `known` false: what it does can't be repeated. */
export function namedExecution(
  statement: PreparedStatement,
  values: readonly (BoundValue | null)[],
  known: boolean,
): Execution | null {
  if (known && values.length === 0) return null;
  // A value that is not known is no key, as NULL is none.
  const packet = executionOf(values.map((value) => value ?? BOUND_NULL));
  return {
    statement,
    packet,
    known: known && !values.includes(null),
    numbers: 'in_step',
    rowsAsReplayed: false,
  };
}
