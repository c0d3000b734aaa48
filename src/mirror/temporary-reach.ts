/** What a statement touches where it names temporary tables of its session, or perhaps does. */
import type { Plan } from '../sql/plan.ts';
import type { BoundPlan } from './bound-plan.ts';
import type { SessionState } from './session-state.ts';
import type { Target } from './target.ts';

/** What a write changes of the moved tables where it names temporary ones, or perhaps does; null: nothing. */
export function writtenBeside(
  { keyless, binding }: BoundPlan,
  { temporary }: SessionState,
  database: string | null,
): Target | null {
  const { plan } = binding;
  const lasting = new Set(
    plan.tables
      .filter((table) => !temporary.isSurely(table.database ?? database, table.name))
      .map(({ name }) => name),
  );
  // A table of another name is what a view stands on.
  const named = new Set(plan.tables.map(({ name }) => name));
  const tables = keyless.tables.filter((name) => lasting.has(name) || !named.has(name));
  return plan.kind === 'read' || tables.length === 0 ? null : { ...keyless, tables };
}

/** Names it a table that may be temporary? `database`: in which the server looks for it. */
export function touchesTemporary(
  { tables }: Plan,
  { temporary }: SessionState,
  database: string | null,
): boolean {
  return temporary.some && tables.some((table) => temporary.has(table.database ?? database, table.name));
}
