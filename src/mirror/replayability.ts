/** What a statement's hazards mean for its replay. `docs/sql.md` gives the reasons. */
import type { Hazard, Plan } from '../sql/plan.ts';

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
const SESSION_BOUND: readonly Hazard[] = ['session_function', 'last_insert_id', 'user_variable'];

/** A write with these is replayed, and may even so leave other rows than on the primary. */
const DOUBTFUL: readonly Hazard[] = [
  'clock',
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

export function replayability(plan: Plan): Replayability {
  if (plan.temporary || plan.opaque || plan.anyResults || has(plan, NEVER_REPLAYED)) return 'never';
  const sessionBound = has(plan, SESSION_BOUND);
  // A read changes nothing: that its result may differ only keeps it from being compared.
  if (plan.kind === 'read') return sessionBound || has(plan, DOUBTFUL) ? 'doubtful' : 'faithful';
  if (sessionBound) return 'never';
  return has(plan, DOUBTFUL) ? 'doubtful' : 'faithful';
}
