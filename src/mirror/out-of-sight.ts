/** What a statement does out of its own sight: by the routines that it calls, by the branch that it commits. */
import type { Lexed } from '../sql/lexed.ts';
import { branchName } from './branch-name.ts';
import { type RoutineEffects, targetWith } from './routine-effects.ts';
import { NOT_MIRRORED, Statement } from './statement.ts';
import type { XaBranches } from './xa-branches.ts';

/** Of an XA statement: gives it the name of its branch, and to its commit what that changes. */
export function nameBranch(statement: Statement, sql: Buffer, lexed: Lexed, branches: XaBranches): void {
  const xa = statement.plan?.xa ?? null;
  const name = branchName(xa, sql, lexed);
  if (name === null) return;
  const target = branches.find(name);
  statement.branch = { name, known: target !== undefined };
  if (xa?.what === 'commit') statement.target = target ?? null;
}

/** The statement together with what its routines do; null: that is not known. A read that changes rows so is none. */
export function withRoutines(statement: Statement, routines: RoutineEffects | null): Statement {
  if (routines === null || routines.tables.length === 0) {
    statement.routines = routines;
    return statement;
  }
  const { kind, plan, target, prepared, effects, traces } = statement;
  const own = kind === 'write' || kind === 'delete' ? target : null;
  const changed = targetWith(own, routines);
  const made =
    kind === 'read'
      ? new Statement('other', plan, changed, false, NOT_MIRRORED, effects, prepared, traces)
      : statement;
  made.blind = statement.blind;
  made.target = changed;
  made.routines = routines;
  return made;
}
