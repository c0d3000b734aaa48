/** By which events a statement changes the rows that it writes: what decides which triggers and foreign keys act. */
import type { Plan } from '../sql/plan.ts';
import type { Change } from './row-change.ts';

const INSERTED: Change = { event: 'insert', columns: null };
const DELETED: Change = { event: 'delete', columns: null };

/** INSERT … ON DUPLICATE KEY UPDATE: a row that is there already is changed instead. */
export function isUpsert({ digest }: Plan): boolean {
  return /\bDUPLICATE KEY\b/i.test(digest);
}

/** Of a write or delete; TRUNCATE has neither triggers nor foreign keys that point at its table. */
export function planChanges(plan: Plan): readonly Change[] {
  const { kind, digest, assignments, hazards } = plan;
  if (kind === 'delete') return /^TRUNCATE\b/i.test(digest) ? [] : [DELETED];
  const columns = new Set(assignments.map(({ column }) => column.toLowerCase()));
  const updated: Change = { event: 'update', columns: columns.size === 0 ? null : columns };
  if (hazards.has('any_effect') || hazards.has('conditional') || hazards.has('load_data'))
    return [INSERTED, { event: 'update', columns: null }, DELETED];
  if (hazards.has('upsert')) return [INSERTED, updated, DELETED];
  if (/^INSERT\b/i.test(digest)) return [INSERTED];
  return /^UPDATE\b/i.test(digest) ? [updated] : [INSERTED, updated, DELETED];
}
