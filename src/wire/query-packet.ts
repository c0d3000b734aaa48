/** COM_QUERY: where its text begins. MySQL manual: "COM_QUERY". */
import { bitSet, skipValue } from './binary-value.ts';
import { CAPABILITY, type Capabilities } from './capabilities.ts';
import { PayloadCursor } from './lenenc.ts';

/**
 * Offset of the SQL in a COM_QUERY payload (which begins with the command byte): 1, or behind the query
 * attributes where the session agreed on them. -1: the attributes are malformed.
 */
export function queryTextAt(payload: Buffer, capabilities: Capabilities): number {
  if ((capabilities.base & CAPABILITY.QUERY_ATTRIBUTES) === 0) return 1;
  const cursor = new PayloadCursor(payload, 1, payload.length);
  const count = Number(cursor.lenenc());
  cursor.lenenc(); // sets of parameters, always 1
  if (cursor.failed || count > 0xffff) return -1;
  if (count > 0) skipAttributes(cursor, count);
  return cursor.failed ? -1 : cursor.at;
}

function skipAttributes(cursor: PayloadCursor, count: number): void {
  const bitmapLength = (count + 7) >> 3;
  const bitmapAt = cursor.take(bitmapLength);
  cursor.take(1); // types always follow
  if (cursor.failed) return;
  const bitmap = cursor.bytes.subarray(bitmapAt, bitmapAt + bitmapLength);
  const types: number[] = [];
  for (let index = 0; index < count && !cursor.failed; index++) {
    types.push(cursor.integer(2) & 0xff);
    cursor.lenencBytes(); // the attribute's name
  }
  types.forEach((type, index) => {
    if (!bitSet(bitmap, index)) skipValue(cursor, type);
  });
}
