/** What a statement's hazards, and its tables, mean for its replay. `docs/sql.md` gives the reasons. */
import type { Hazard, Plan } from '../sql/plan.ts';
import { planChanges } from './plan-changes.ts';
import { takesAnyOf } from './row-order.ts';
import type { ViewBases } from './schema-relations.ts';
import { mayLeaveOthers } from './table-effects.ts';
import type { CatalogTable } from './table-facts.ts';

/** A replay would do something else than the statement did, or block the lane: it is left alone. */
const NEVER_REPLAYED: readonly Hazard[] = [
  'locks',
  'locking_read',
  'into',
  'assignment',
  'unknown_function',
  'sequence',
  'file',
  'load_data',
  'any_effect',
];

/** These read the state of the client's own session, which a lane does not have. */
const SESSION_BOUND: readonly Hazard[] = ['session_function'];

/** These too, but what a write reads of them is set on its lane where it is known: see `session-reads.ts`. */
const SESSION_VALUES: readonly Hazard[] = ['last_insert_id', 'user_variable'];

/** A write with these is replayed, and may even so leave other rows than on the primary; of the clock, see `replay-needs.ts`. */
const DOUBTFUL: readonly Hazard[] = [
  'random',
  'system_variable',
  'limit_without_order',
  'from_select',
  'delayed',
  'conditional',
];

const has = (plan: Plan, hazards: readonly Hazard[]): boolean =>
  hazards.some((hazard) => plan.hazards.has(hazard));

export type Replayability = 'faithful' | 'doubtful' | 'never';

/** A view that a statement names. */
export interface NamedView {
  readonly bases: ViewBases;
  /** The statement changes rows through it. */
  readonly written: boolean;
}

/** What the schema says of a statement's tables. */
export interface Surroundings {
  readonly views: readonly NamedView[];
  /** The moved tables that it changes; of a read, those that it reads. */
  readonly tables: readonly CatalogTable[];
}

const NOTHING_AROUND: Surroundings = { views: [], tables: [] };

export function replayability(plan: Plan, around: Surroundings = NOTHING_AROUND): Replayability {
  if (plan.temporary || plan.opaque || plan.anyResults || has(plan, NEVER_REPLAYED)) return 'never';
  // The new server has what the view stands on; whether it has the view is nobody's promise.
  if (around.views.some(({ written, bases }) => written || !bases.known)) return 'never';
  const sessionBound = has(plan, SESSION_BOUND);
  // A read changes nothing: that its result may differ only keeps it from being compared.
  if (plan.kind === 'read')
    return sessionBound || has(plan, SESSION_VALUES) || plan.hazards.has('clock') || has(plan, DOUBTFUL)
      ? 'doubtful'
      : 'faithful';
  if (sessionBound) return 'never';
  const isDoubtful =
    has(plan, DOUBTFUL) ||
    takesAnyOf(plan, around.tables) ||
    picksByYear(plan, around.tables) ||
    around.tables.some(({ effects }) => mayLeaveOthers(plan, effects)) ||
    schemaIsDoubtful(plan, around);
  return isDoubtful ? 'doubtful' : 'faithful';
}

/** From the first condition on, as far as nothing but the order and the number of rows comes behind it. */
const CONDITIONS = /\b(?:WHERE|ON|HAVING)\b(.*?)(?:\bORDER BY\b|\bLIMIT\b|$)/is;
const WORD = /[\p{L}\p{N}_$]+/gu;

/** MySQL and MariaDB may take a number of one or two digits for other years where a YEAR column is held against it. */
function picksByYear({ digest }: Plan, tables: readonly CatalogTable[]): boolean {
  if (!tables.some(({ years }) => years.size > 0)) return false;
  const words = CONDITIONS.exec(digest)?.[1]?.match(WORD) ?? [];
  return words.some((word) => tables.some(({ years }) => years.has(word.toLowerCase())));
}

/** Triggers run anew on the new server, and defaults of expressions are filled in anew. */
function schemaIsDoubtful(plan: Plan, { tables }: Surroundings): boolean {
  const changes = planChanges(plan);
  const fills = changes.some(({ event }) => event === 'insert') || /\bDEFAULT\b/i.test(plan.digest.slice(1));
  return tables.some(
    (table) =>
      table.known &&
      (changes.some(({ event }) => table.triggers[event] !== 'none') || (fills && table.expressionDefaults)),
  );
}
