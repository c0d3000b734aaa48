/** What a statement leaves in its session besides what it sets by name: LAST_INSERT_ID(), and user variables. */
import type { Lexed } from '../sql/lexed.ts';
import type { Plan, TableName } from '../sql/plan.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import type { ShardCatalog } from './catalog.ts';
import { isUpsert, planChanges } from './plan-changes.ts';

export interface Traces {
  /** The number in an INSERT's OK is one that AUTO_INCREMENT gave, not one that the statement brought. */
  readonly generates: boolean;
  /** It may run triggers, which may set any user variable. */
  readonly runsTriggers: boolean;
}

/** Of all statements of a digest; `generates` a list of slots: where all that stands there is NULL or DEFAULT. */
export interface PlannedTraces {
  readonly generates: boolean | readonly number[];
  readonly runsTriggers: boolean;
}

export const NO_TRACES: Traces = { generates: false, runsTriggers: false };

export function plannedTraces(plan: Plan, database: string | null, catalog: ShardCatalog): PlannedTraces {
  if (plan.kind !== 'write' && plan.kind !== 'delete') return NO_TRACES;
  const changes = planChanges(plan);
  const runsTriggers = plan.tables.some(({ database: named, name, written }) => {
    const at = named ?? database;
    if (!written) return false;
    return catalog.view(at, name) !== null || catalog.runsTriggers(at, name, changes);
  });
  const target = plan.tables.find(({ written }) => written);
  const isInsert = /^(?:INSERT|REPLACE)\b/i.test(plan.digest);
  // A trigger may bring a number of its own.
  if (!isInsert || runsTriggers || target === undefined) return { generates: false, runsTriggers };
  return { generates: generated(plan, target, database, catalog), runsTriggers };
}

/** With the literals of one statement; `complete`: they are all at hand. */
export function tracesOf(planned: PlannedTraces, sql: Buffer, lexed: Lexed, complete: boolean): Traces {
  const { generates, runsTriggers } = planned;
  if (typeof generates === 'boolean') return planned as Traces;
  return { generates: complete && allEmpty(generates, sql, lexed), runsTriggers };
}

/**
 * What LAST_INSERT_ID() gives behind a statement; null: not known. `before`: what it gave until then. The number in
 * an OK is the first that was generated, or what LAST_INSERT_ID(expression) came to, or else a value that the
 * statement brought. MySQL manual: "mysql_insert_id()" and "Information Functions".
 */
export function lastInsertIdAfter(
  plan: Plan,
  { generates }: Traces,
  { ok, insertId }: Pick<ResultSummary, 'ok' | 'insertId'>,
  before: number | bigint | null,
): number | bigint | null {
  const sets = plan.setsLastInsertId;
  if (plan.kind !== 'write') return sets || insertId !== 0 ? null : before;
  if (!ok) return null;
  if (insertId === 0) return sets ? null : before;
  if (sets) return generates || !isUpsert(plan) ? insertId : null;
  return generates && !isUpsert(plan) ? insertId : null;
}

function generated(
  { rows }: Plan,
  { database: named, name }: TableName,
  database: string | null,
  catalog: ShardCatalog,
): boolean | readonly number[] {
  const table = catalog.numbering(named ?? database, name);
  if (table === null || table.column === null) return false;
  const numbered = table.column.toLowerCase();
  if (rows === null) return false;
  const at = (rows.columns ?? table.columns).findIndex((column) => column.toLowerCase() === numbered);
  if (at === -1) return true;
  const slots = rows.shapes.map((shape) => shape[at] ?? -1);
  return slots.length === 0 || slots.includes(-1) ? false : slots;
}

function allEmpty(slots: readonly number[], sql: Buffer, lexed: Lexed): boolean {
  for (let index = 0; index < lexed.literalCount; index++) {
    if (!slots.includes(lexed.literalSlot(index))) continue;
    const text = sql.toString('latin1', lexed.literalStart(index), lexed.literalEnd(index));
    if (!/^(?:null|default)$/i.test(text)) return false;
  }
  return true;
}
