/**
 * MariaDB's bulk execution, as one execution of the same INSERT with as many rows: servers of either kind take that,
 * it is sampled, ordered and noted by its rows' keys, and kept whole or not at all, as the bulk execution is. An
 * UPDATE or DELETE is executed row by row; where one fails, those before it stay.
 */
import type { Hazard, Plan } from '../sql/plan.ts';
import { repeatRow } from '../sql/repeated-places.ts';
import { readBulkExecute } from '../wire/bulk-execute.ts';
import { ownBytes } from '../wire/own-bytes.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import type { Execution } from './selector.ts';

/** A text of one row, and all of its values. */
export interface BulkInsert {
  readonly text: Buffer;
  readonly values: NonNullable<Execution['packet']>;
}

/** What many rows in one statement come to the same with as one by one. */
const HARMLESS: readonly Hazard[] = ['upsert', 'clock'];
const INSERTS = /^(?:INSERT|REPLACE)\b/;
const RETURNS_ROWS = /\bRETURNING\b/i;

/** `payload`: from the command byte on, null where not all of it is at hand. Null: it can't be put so. */
export function readBulkInsert(payload: Buffer | null, statement: PreparedStatement): BulkInsert | null {
  const { plan, sql, lexed, parameterCount, boundTypes } = statement;
  const packet = payload && readBulkExecute(payload, { parameterCount, boundTypes });
  // Types that could not be read must not be mistaken for those of an earlier execution.
  statement.boundTypes = packet && ownBytes(packet.types);
  if (packet === null || !isInsert(plan)) return null;
  const text = repeatRow(sql, lexed, packet.rows);
  return text && { text, values: packet.values };
}

function isInsert({ digest, rows, hazards }: Plan): boolean {
  const isPlain = [...hazards].every((hazard) => HARMLESS.includes(hazard));
  return rows !== null && isPlain && INSERTS.test(digest) && !RETURNS_ROWS.test(digest);
}
