/** Whether a write changes each of its rows for itself: it reads, counts or chooses among no other rows. */
import type { Hazard, Plan } from '../sql/plan.ts';
import type { CatalogTable } from './table-facts.ts';
import type { PlannedTraces } from './traces.ts';

const PLAIN = /^(?:INSERT|UPDATE|DELETE)\b(?!.*\b(?:IGNORE|DUPLICATE KEY)\b)/i;
/** What else hangs on other rows, or on what came before, is told by a hazard. */
const HARMLESS: ReadonlySet<Hazard> = new Set(['clock']);

/** `tables`: the moved tables that it changes. Foreign keys aside, and whether it gives rows other keys. */
export function changesRowByRow(
  { parsed, tables: named, limited, digest, hazards }: Plan,
  tables: readonly CatalogTable[],
  { runsTriggers }: PlannedTraces,
): boolean {
  const [own] = tables;
  // Under another name it is a view.
  if (!parsed || named.length !== 1 || tables.length !== 1 || own?.name !== named[0]?.name) return false;
  if (runsTriggers || limited || !PLAIN.test(digest)) return false;
  return [...hazards].every((hazard) => HARMLESS.has(hazard));
}
