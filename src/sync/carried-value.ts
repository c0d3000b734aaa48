/** How one value goes from the source to the target and stays what it is: read as a plain text, written as SQL. */
import { familyOf } from './column-family.ts';
import { exactText } from './float-text.ts';
import { literal, numberLiteral, quoteName } from './sql-text.ts';
import type { ColumnShape } from './table-shape.ts';
import type { Value } from './value.ts';

export interface Carrier {
  /** What is selected of the source. */
  readonly read: string;
  /** The expression for the target, of what was read. */
  write(value: string): string;
}

/** `from`, `to`: the column on the source and on the target, which are comparable. */
export function carrierOf(from: ColumnShape, to: ColumnShape): Carrier {
  const name = quoteName(from.name);
  switch (familyOf(from)) {
    case 'integer':
    case 'decimal':
      // A BIT prints bytes, and a ZEROFILL zeros.
      return { read: from.type === 'year' ? name : `${name} + 0`, write: (value) => numberLiteral(value) };
    case 'float':
      return { read: exactText(name), write: exactSql };
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'time':
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return { read: `CAST(${name} AS CHAR)`, write: (value) => literal(value) };
    case 'bytes':
    case 'geometry':
    case 'vector':
      return familyOf(to) === 'text'
        ? textCarrier(name)
        : { read: `HEX(${name})`, write: (hex) => `X'${hex}'` };
    default:
      // ENUM, SET and JSON by their texts: their numbers and bytes are each server's own.
      return textCarrier(name);
  }
}

/** Not as a text of the connection: what is no valid text there would be changed on its way. */
function textCarrier(name: string): Carrier {
  return {
    read: `HEX(CONVERT(${name} USING utf8mb4))`,
    write: (hex) => `CONVERT(X'${hex}' USING utf8mb4)`,
  };
}

const EXACT = /^(-?\d+)p(-?\d+)$/;

/** Of a whole number and the power of two that it is multiplied by; see `exactText`. */
function exactSql(text: string): string {
  if (text === '0') return '0e0';
  const [, whole, power] = EXACT.exec(text) ?? [];
  if (whole === undefined || power === undefined) throw new TypeError(`"${text}" is no number`);
  // In two steps, as no power may be beyond what a DOUBLE can hold.
  const half = Math.trunc(Number(power) / 2);
  return `${whole} * POW(2, ${half}) * POW(2, ${Number(power) - half})`;
}

export function writeSql(carrier: Carrier, value: Value): string {
  return value === null ? 'NULL' : carrier.write(value.toString());
}
