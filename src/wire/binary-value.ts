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
  INT24: 0x09,
  DATE: 0x0a,
  TIME: 0x0b,
  DATETIME: 0x0c,
  YEAR: 0x0d,
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
  [FIELD_TYPE.YEAR, 2],
  [FIELD_TYPE.LONG, 4],
  [FIELD_TYPE.INT24, 4],
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

export function isStringType(type: number): boolean {
  return type === FIELD_TYPE.VARCHAR || type >= FIELD_TYPE.NEWDECIMAL;
}

/** Moves the cursor behind one value; of all other types a value is a length-encoded string. */
export function skipValue(cursor: PayloadCursor, type: number): void {
  const width = WIDTHS.get(type);
  if (width !== undefined) cursor.take(width);
  else if (LENGTH_BYTE_TYPES.has(type)) cursor.take(cursor.integer(1));
  else cursor.lenencBytes();
}

export function bitSet(bitmap: Buffer, index: number): boolean {
  return ((bitmap[index >> 3]! >> (index & 7)) & 1) === 1;
}
