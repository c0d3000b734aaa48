/** What a write takes from its session: values that a replay needs set on its lane beforehand. */
import type { Plan } from '../sql/plan.ts';

export interface SessionReads {
  readonly lastInsertId: boolean;
  /** Names of user variables, in lower case; null: more than are told. */
  readonly variables: readonly string[] | null;
}

/** Null: nothing. */
export function sessionReads({ kind, hazards, userVariables }: Plan): SessionReads | null {
  if (kind !== 'write' && kind !== 'delete') return null;
  const lastInsertId = hazards.has('last_insert_id');
  if (!lastInsertId && !hazards.has('user_variable')) return null;
  return { lastInsertId, variables: userVariables };
}
