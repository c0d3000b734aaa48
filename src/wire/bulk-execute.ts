/**
 * COM_STMT_BULK_EXECUTE: rows of parameters for one prepared statement. MariaDB knowledge base:
 * "COM_STMT_BULK_EXECUTE".
 */
import { skipValue } from './binary-value.ts';
import { ExecutePacket } from './execute-packet.ts';
import { PayloadCursor } from './lenenc.ts';

const FLAG_TYPES = 0x80;
/** What stands before a parameter's value: that there is one, or NULL. Others stand for no value that is sent. */
const VALUE = 0;
const NULL = 1;
/** An execution can't have more. */
const PARAMETERS_MAX = 0xffff;
/** The command, the statement's id (4), and flags (2). */
const HEAD_BYTES = 7;

export interface BulkOptions {
  /** Parameters of the prepared statement: of one row. */
  readonly parameterCount: number;
  /** Types bound by an earlier execution (two bytes each), for one that brings none. */
  readonly boundTypes: Buffer | null;
}

export interface BulkPacket {
  readonly rows: number;
  /** Two bytes a parameter of one row. */
  readonly types: Buffer;
  /** All parameters of all rows, as those of a statement that has each row's places one after the other. */
  readonly values: ExecutePacket;
}

/**
 * Reads a payload (from the command byte on). Null: it is malformed, has a parameter that is DEFAULT or left out,
 * asks for an answer in rows, or has more parameters than one execution can have.
 */
export function readBulkExecute(payload: Buffer, options: BulkOptions): BulkPacket | null {
  const count = options.parameterCount;
  const cursor = new PayloadCursor(payload, HEAD_BYTES - 2, payload.length);
  const flags = cursor.integer(2);
  if (cursor.failed || count === 0 || (flags & ~FLAG_TYPES) !== 0) return null;
  const types = (flags & FLAG_TYPES) !== 0 ? cursor.view(count * 2) : options.boundTypes;
  if (types === null || types.length !== count * 2) return null;
  const spans: number[] = [];
  const nulls: number[] = [];
  for (let ordinal = 0; cursor.at < cursor.end || ordinal % count !== 0; ordinal++) {
    const indicator = cursor.integer(1);
    if (cursor.failed || indicator > NULL || ordinal === PARAMETERS_MAX) return null;
    spans.push(cursor.at);
    if (indicator === VALUE) skipValue(cursor, types[(ordinal % count) * 2]!);
    else nulls.push(ordinal);
    spans.push(cursor.at);
  }
  if (cursor.failed || spans.length === 0) return null;
  const all = spans.length / 2;
  const bitmap = Buffer.alloc((all + 7) >> 3);
  for (const ordinal of nulls) bitmap[ordinal >> 3]! |= 1 << (ordinal & 7);
  const rows = all / count;
  const repeated = Buffer.alloc(all * 2, types);
  return { rows, types, values: new ExecutePacket(payload, repeated, bitmap, 0, spans) };
}
