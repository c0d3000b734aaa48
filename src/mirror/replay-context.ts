/**
 * The session state that a replay needs on its lane: database, character set, and the variables that change
 * what a statement means. Contexts are compared by identity of their text, so lanes switch only when it differs.
 */
import type { ServerKind } from './sql-modes.ts';

export interface ReplayContext {
  readonly id: string;
  readonly database: string | null;
  /** The SET NAMES statement; null: the lane's default. */
  readonly names: string | null;
  /** Variable to the SQL of its value. */
  readonly variables: ReadonlyMap<string, string>;
  /** In whose words the settings are; null: in those of whoever takes them. */
  readonly primary: ServerKind | null;
}

export function makeContext(
  database: string | null,
  names: string | null,
  variables: ReadonlyMap<string, string>,
  primary: ServerKind | null = null,
): ReplayContext {
  const sorted = [...variables].sort(([a], [b]) => (a < b ? -1 : 1));
  const id = JSON.stringify([database, names, sorted, primary]);
  return { id, database, names, variables: new Map(sorted), primary };
}

/** Contexts differ by few values, so sessions share them: lanes compare by identity of the text. */
const SHARED_MAX = 1000;
const shared = new Map<string, ReplayContext>();

/** The same as `makeContext`, made once for all sessions that have it. */
export function sharedContext(...parts: Parameters<typeof makeContext>): ReplayContext {
  const context = makeContext(...parts);
  const known = shared.get(context.id);
  if (known !== undefined) return known;
  if (shared.size >= SHARED_MAX) shared.clear();
  shared.set(context.id, context);
  return context;
}

export const EMPTY_CONTEXT: ReplayContext = makeContext(null, null, new Map());

/** SET NAMES sets these; a later SET of one of them alone stands until the next SET NAMES. */
export const NAMES_VARIABLES: readonly string[] = [
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'collation_connection',
];

/** The statements that take a lane from one context to another, once it is in the database of the other. */
export function contextStatements(from: ReplayContext, to: ReplayContext, defaultNames: string): string[] {
  const statements: string[] = [];
  const sets: string[] = [];
  const differs = (name: string): boolean => from.variables.get(name) !== to.variables.get(name);
  // One of the four can't be set back alone: the others may follow it, and its DEFAULT is another value.
  const namesChange = from.names !== to.names || NAMES_VARIABLES.some(differs);
  if (namesChange) statements.push(to.names ?? defaultNames);
  for (const name of from.variables.keys()) {
    if (!to.variables.has(name) && !NAMES_VARIABLES.includes(name)) sets.push(`SESSION ${name} = DEFAULT`);
  }
  for (const [name, value] of to.variables) {
    if (differs(name) || (namesChange && NAMES_VARIABLES.includes(name)))
      sets.push(`SESSION ${name} = ${value}`);
  }
  if (sets.length > 0) statements.push(`SET ${sets.join(', ')}`);
  return statements;
}
