/** Values of the binary protocol. MySQL manual: "Binary Protocol Value", "Field Types". */
import type { PayloadCursor } from './lenenc.ts';

export const FIELD_TYPE = {
  TINY: 0x01,
  SHORT: 0x02,
  LONG: 0x03,
  FLOAT: 0x04,
  DOUBLE: 0x05,
  NULL: 0x06,
  TIMESTAMP: 0x07,
  LONGLONG: 0x08,
  DATE: 0x0a,
  TIME: 0x0b,
  DATETIME: 0x0c,
  VARCHAR: 0x0f,
  /** The first of the types from here on whose values are text or bytes. */
  NEWDECIMAL: 0xf6,
  BLOB: 0xfc,
  VAR_STRING: 0xfd,
} as const;

/** In the byte after a type. */
export const UNSIGNED = 0x80;

const WIDTHS: ReadonlyMap<number, number> = new Map<number, number>([
  [FIELD_TYPE.TINY, 1],
  [FIELD_TYPE.SHORT, 2],
  [FIELD_TYPE.LONG, 4],
  [FIELD_TYPE.FLOAT, 4],
  [FIELD_TYPE.DOUBLE, 8],
  [FIELD_TYPE.LONGLONG, 8],
  [FIELD_TYPE.NULL, 0],
]);

const LENGTH_BYTE_TYPES: ReadonlySet<number> = new Set<number>([
  FIELD_TYPE.DATE,
  FIELD_TYPE.DATETIME,
  FIELD_TYPE.TIMESTAMP,
  FIELD_TYPE.TIME,
]);

/** The old decimal, VECTOR and JSON, as strings. */
const TEXT_TYPES = [0x00, 0xf2, 0xf5];
/** The blobs and strings, ENUM, SET and decimals. */
const STRING_TYPES = Array.from({ length: 9 }, (_, at) => FIELD_TYPE.NEWDECIMAL + at);

/**
 * What a client may bind. A server refuses an execution with any other type, or, as MariaDB does with INT24, YEAR, BIT
 * and GEOMETRY, reads no byte of its value and takes it for NULL.
 */
const BINDABLE: ReadonlySet<number> = new Set<number>([
  ...[FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.FLOAT],
  ...[FIELD_TYPE.DOUBLE, FIELD_TYPE.NULL, FIELD_TYPE.VARCHAR, ...LENGTH_BYTE_TYPES],
  ...[...TEXT_TYPES, ...STRING_TYPES],
]);

export function isStringType(type: number): boolean {
  return type === FIELD_TYPE.VARCHAR || type >= FIELD_TYPE.NEWDECIMAL;
}

/** Moves the cursor behind a parameter's value, or sets `failed`; of all other types it is a length-encoded string. */
export function skipValue(cursor: PayloadCursor, type: number): void {
  if (!BINDABLE.has(type)) cursor.failed = true;
  const width = WIDTHS.get(type);
  if (width !== undefined) cursor.take(width);
  else if (LENGTH_BYTE_TYPES.has(type)) cursor.take(cursor.integer(1));
  else cursor.lenencBytes();
}

export function bitSet(bitmap: Buffer, index: number): boolean {
  return ((bitmap[index >> 3]! >> (index & 7)) & 1) === 1;
}
