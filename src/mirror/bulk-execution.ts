/**
 * MariaDB's bulk execution. That of an INSERT is one execution of the same INSERT with as many rows: servers of either
 * kind take that, it is sampled, ordered and noted by its rows' keys, and kept whole or not at all, as the bulk execution
 * is. An UPDATE or DELETE is executed row by row, and so it is read; where one fails, those before it stay.
 */
import type { Hazard, Plan } from '../sql/plan.ts';
import { repeatRow } from '../sql/repeated-places.ts';
import { readBulkExecute } from '../wire/bulk-execute.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import { ownBytes } from '../wire/own-bytes.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import { RowTally } from './row-tally.ts';
import type { Statement } from './statement.ts';
import type { Replay } from './unit.ts';

export type BulkReplay =
  /** As one statement: its text, and all of the values. */
  | { readonly as: 'insert'; readonly text: Buffer; readonly values: ExecutePacket }
  /** As one execution for each row. */
  | { readonly as: 'rows'; readonly rows: readonly ExecutePacket[] };

/** What many rows in one statement come to the same with as one by one. */
const HARMLESS: readonly Hazard[] = ['upsert', 'clock'];
const INSERTS = /^(?:INSERT|REPLACE)\b/;
const RETURNS_ROWS = /\bRETURNING\b/i;

const CHANGES = /^(?:UPDATE|DELETE)\b/;
/** How many rows it passes over is told for all of them together. */
const PASSES_OVER = /\bIGNORE\b/i;
/** Each takes the time and the memory of a statement. */
const ROWS_MAX = 1000;

/** `payload`: from the command byte on, null where not all of it is at hand. Null: it can't be put so. */
export function readBulk(payload: Buffer | null, statement: PreparedStatement): BulkReplay | null {
  const { plan, sql, lexed, parameterCount, boundTypes } = statement;
  const packet = payload && readBulkExecute(payload, { parameterCount, boundTypes });
  // Types that could not be read must not be mistaken for those of an earlier execution.
  statement.boundTypes = packet && ownBytes(packet.types);
  if (packet === null || RETURNS_ROWS.test(plan.digest)) return null;
  const { rows, values } = packet;
  if (isInsert(plan)) {
    const text = repeatRow(sql, lexed, rows);
    return text && { as: 'insert', text, values };
  }
  if (!isChange(plan) || rows > ROWS_MAX) return null;
  const each = Array.from({ length: rows }, (_, row) => values.slice(row * parameterCount, parameterCount));
  return { as: 'rows', rows: each };
}

function isInsert({ digest, rows, hazards }: Plan): boolean {
  return rows !== null && INSERTS.test(digest) && [...hazards].every((hazard) => HARMLESS.includes(hazard));
}

/** One row's execution leaves nothing in the session that the next one's could read. */
function isChange({ digest, hazards }: Plan): boolean {
  const isPlain = [...hazards].every((hazard) => hazard === 'clock');
  return isPlain && CHANGES.test(digest) && !PASSES_OVER.test(digest);
}

/** Of the rows of a bulk execution; one that is not replayed, or a count that can't be compared, leaves nothing to add up. */
export function countTogether(rows: readonly Statement[], { affectedRows }: ResultSummary): void {
  if (rows.length === 1) return;
  const compares = rows.every(
    ({ selection }) => selection.at === 'selected' && selection.draft.affected?.of === 'changed',
  );
  const tally = compares ? new RowTally<Replay>(rows.length, affectedRows) : null;
  for (const row of rows) {
    const { selection } = row;
    if (selection.at !== 'selected') continue;
    row.selection = { ...selection, draft: { ...selection.draft, affected: null, tally } };
  }
}
