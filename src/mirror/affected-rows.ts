/**
 * How many rows a client is told that its statement affected, as a lane is told it. A lane counts rows that were changed;
 * a client that asks for it (CLIENT_FOUND_ROWS) is told of rows that were found, whether they were changed or not. MySQL
 * manual: "mysql_affected_rows()".
 */
import type { Plan } from '../sql/plan.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import { isUpsert } from './plan-changes.ts';

/** What a client's count is of. */
export type AffectedCount =
  | { readonly of: 'changed' }
  /** Rows that an UPDATE found: how many of them it changed stands in the answer's message. */
  | { readonly of: 'found' }
  /** ON DUPLICATE KEY UPDATE of so many rows: one for each, and one more for each that was changed. */
  | { readonly of: 'upserted'; readonly rows: number };

/** What a lane should be told: `rows`, or up to `slack` fewer. */
export interface ExpectedCount {
  readonly rows: number | bigint;
  readonly slack: number;
}

const CHANGED: AffectedCount = { of: 'changed' };
const FOUND: AffectedCount = { of: 'found' };

/** `rows`: of its VALUES. Null: a lane's count can't be told from it. */
export function affectedCount(plan: Plan, rows: number, foundRows: boolean): AffectedCount | null {
  if (!foundRows || plan.kind === 'delete') return CHANGED;
  if (/^(?:WITH|UPDATE)\b/i.test(plan.digest)) return FOUND;
  if (!/^(?:INSERT|REPLACE)\b/.test(plan.digest)) return null;
  if (!isUpsert(plan)) return CHANGED;
  return rows > 0 && !passesOver(plan) ? { of: 'upserted', rows } : null;
}

/** With IGNORE it may pass over rows for others that stand in their way: only by how many it changed is that seen. */
export function passesOver(plan: Plan): boolean {
  return /\bIGNORE\b/i.test(plan.digest);
}

/** Null: the answer does not tell it. */
export function expectedCount(
  count: AffectedCount,
  { affectedRows, changedRows }: Pick<ResultSummary, 'affectedRows' | 'changedRows'>,
): ExpectedCount | null {
  if (count.of === 'changed') return { rows: affectedRows, slack: 0 };
  if (count.of === 'found') {
    // Where MariaDB sees that no row can be found, it sends no message.
    const changed = affectedRows === 0 ? 0 : changedRows;
    return changed === null ? null : { rows: changed, slack: 0 };
  }
  // A row that is found as it is asked for counts one here, and none there.
  return { rows: affectedRows, slack: Math.max(0, 2 * count.rows - Number(affectedRows)) };
}

export function isExpected({ rows, slack }: ExpectedCount, told: number | bigint): boolean {
  return slack === 0 ? told === rows : told <= rows && BigInt(told) >= BigInt(rows) - BigInt(slack);
}
