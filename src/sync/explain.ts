/** Whether the server answers a query of the crawl by an index, and by no more than it has to. */
import type { SyncServer } from './sync-server.ts';
import type { Row, Value } from './value.ts';

/** The plan of a query would cost more than the query may; the message has the plan. */
export class PlanRefused extends Error {
  override readonly name = 'PlanRefused';
}

export interface PlanLimits {
  /** What is being done, for the message: `checksums of s00.messages`. */
  readonly what: string;
  /** Rows are to be sorted, or gathered in a temporary table: those that the query is about, and no more. */
  readonly maySort: boolean;
  /** What the operator can do about it. */
  readonly remedy: string;
}

/** Tables with fewer rows than this are read as a whole by servers of sense, and may be. */
const SMALL_ROWS = 2000;

interface PlanStep {
  readonly table: Value;
  readonly type: Value;
  readonly key: Value;
  readonly rows: Value;
  readonly extra: Value;
}

/** Rejects with PlanRefused. */
export async function checkPlan(server: SyncServer, sql: string, limits: PlanLimits): Promise<void> {
  const steps = (await server.rows(`EXPLAIN FORMAT=TRADITIONAL ${sql}`)).map(stepOf);
  const faults = steps.flatMap((step) => faultsOf(step, limits));
  if (faults.length === 0) return;
  const plan = steps.map(shown).join('; ');
  throw new PlanRefused(
    `${limits.what} on ${server.name}: the server would ${faults.join(' and ')} for each query. Its plan: ${plan}. ${limits.remedy}, or go on as it is with --force`,
  );
}

/** MySQL has two columns more, partitions and filtered. */
function stepOf(row: Row): PlanStep {
  const [table, type, key, rows, extra] = row.length > 10 ? [2, 4, 6, 9, 11] : [2, 3, 5, 8, 9];
  const at = (index: number | undefined): Value => row[index ?? 0] ?? null;
  return { table: at(table), type: at(type), key: at(key), rows: at(rows), extra: at(extra) };
}

function faultsOf({ type, rows, extra }: PlanStep, { maySort }: PlanLimits): string[] {
  if (Number(rows ?? 0) <= SMALL_ROWS) return [];
  const text = String(extra ?? '');
  return [
    ...(type === 'ALL' ? ['read the whole table'] : []),
    ...(!maySort && text.includes('Using temporary') ? ['fill a temporary table'] : []),
    ...(!maySort && text.includes('Using filesort') ? ['sort rows'] : []),
  ];
}

function shown({ table, type, key, rows, extra }: PlanStep): string {
  return `table=${table} type=${type} key=${key} rows=${rows} extra=${extra}`;
}
