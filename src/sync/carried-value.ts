/** How one value goes from the source to the target and stays what it is: read as a plain text, written as SQL. */
import { type ColumnFamily, familyOf } from '../mirror/column-family.ts';
import { exactText } from './float-text.ts';
import { literal, numberLiteral, quoteName } from './sql-text.ts';
import type { ColumnShape } from './table-shape.ts';
import type { Value } from './value.ts';

/** A value can't be read in the form in which it would be carried. */
export class ValueTooLarge extends Error {
  override readonly name = 'ValueTooLarge';

  constructor() {
    super(
      'a value takes more than half of max_allowed_packet of the server that it is read from: raise it there',
    );
  }
}

export interface Carrier {
  /** What is selected of the source. */
  readonly read: string;
  /** The expression for the target, of what was read. */
  write(value: string): string;
  /** Read of a value that a strict server has, and will not take: the error value of an ENUM. Null: there is none. */
  readonly refused: string | null;
}

/** `from`, `to`: the column on the source and on the target, which are comparable. */
export function carrierOf(from: ColumnShape, to: ColumnShape): Carrier {
  const [one, other] = [familyOf(from), familyOf(to)];
  return MIXED[`${one}/${other}`]?.(from, to) ?? sameCarrier(from, to);
}

type Carry = (from: ColumnShape, to: ColumnShape) => Carrier;

/** `source/target`, where one of them is no text that the other would read. */
const MIXED: Readonly<Record<string, Carry>> = {
  'text/bytes': ({ name }) => bytesCarrier(quoteName(name)),
  'bytes/text': ({ name }, { charset }) => storedCarrier(name, charset),
  'uuid/bytes': (from) => bytesAs(`REPLACE(${printed(from)}, '-', '')`),
  'inet6/bytes': (from) => bytesAs(`HEX(INET6_ATON(${printed(from)}))`),
  'inet4/integer': (from) => carrier(`INET_ATON(${printed(from)})`, numberLiteral),
  'integer/inet4': ({ name }) => carrier(`INET_NTOA(${quoteName(name)})`, literal),
};

const PRINTED: ReadonlySet<ColumnFamily | undefined> = new Set([
  'date',
  'datetime',
  'timestamp',
  'time',
  'uuid',
  'inet4',
  'inet6',
]);

function sameCarrier(from: ColumnShape, to: ColumnShape): Carrier {
  const name = quoteName(from.name);
  const family = familyOf(from);
  if (PRINTED.has(family)) return carrier(printed(from), literal);
  switch (family) {
    case 'integer':
    case 'decimal':
      // A BIT prints bytes, and a ZEROFILL zeros.
      return carrier(from.type === 'year' ? name : `${name} + 0`, numberLiteral);
    case 'float':
      return carrier(exactText(name), exactSql);
    case 'bytes':
      return bytesCarrier(isShortened(from, to) ? `TRIM(TRAILING X'00' FROM ${name})` : name);
    case 'geometry':
    case 'vector':
      return bytesCarrier(name);
    case 'enum':
      return familyOf(to) === 'enum' ? enumCarrier(from) : textCarrier(from);
    case 'text':
      // What another character set could not hold, half a surrogate say, is not converted where it need not be.
      return familyOf(to) === 'text' && from.charset === to.charset && !from.json
        ? storedCarrier(from.name, to.charset)
        : textCarrier(from);
    default:
      // SET and JSON by their texts: their numbers and bytes are each server's own.
      return textCarrier(from);
  }
}

function carrier(read: string, write: (value: string) => string): Carrier {
  return { read, write, refused: null };
}

function printed({ name }: ColumnShape): string {
  return `CAST(${quoteName(name)} AS CHAR)`;
}

/** The zeros that a BINARY is filled up with are no part of its value where the target's are fewer. */
function isShortened(from: ColumnShape, to: ColumnShape): boolean {
  return from.type === 'binary' && to.type === 'binary' && from.bytes > to.bytes;
}

function bytesCarrier(sql: string): Carrier {
  return hexCarrier(sql, bytesSql);
}

/** `hex`: the SQL of hexadecimal digits. */
function bytesAs(hex: string): Carrier {
  return carrier(hex, bytesSql);
}

function bytesSql(digits: string): string {
  return `X'${digits}'`;
}

/** Stands for hexadecimal digits that are more than a packet of the source's server holds: HEX() gives NULL for them. */
const TOO_LARGE = '-';

/** `value`: the SQL of what is read by its hexadecimal digits. */
function hexCarrier(value: string, write: (digits: string) => string): Carrier {
  return carrier(`IFNULL(HEX(${value}), IF(${value} IS NULL, NULL, '${TOO_LARGE}'))`, (digits) => {
    if (digits === TOO_LARGE) throw new ValueTooLarge();
    return write(digits);
  });
}

/** The bytes as they are stored, which are text of the target's character set. */
function storedCarrier(name: string, charset: string | null): Carrier {
  return hexCarrier(quoteName(name), (hex) => `_${charset ?? 'utf8mb4'} X'${hex}'`);
}

/** Not as a text of the connection: what is no valid text there would be changed on its way. */
function textCarrier({ name }: ColumnShape): Carrier {
  return hexCarrier(asUtf8(name), textSql);
}

function asUtf8(name: string): string {
  return `CONVERT(${quoteName(name)} USING utf8mb4)`;
}

function textSql(hex: string): string {
  return `CONVERT(X'${hex}' USING utf8mb4)`;
}

/** No text has hexadecimal digits of an odd number. */
const ERROR_VALUE = '0';

/** By its text, as the numbers of the target's members may be others; the error value is empty as a member may be. */
function enumCarrier({ name }: ColumnShape): Carrier {
  return {
    read: `IF(${quoteName(name)} + 0 = 0, '${ERROR_VALUE}', HEX(${asUtf8(name)}))`,
    write: (value) => (value === ERROR_VALUE ? '0' : textSql(value)),
    refused: ERROR_VALUE,
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

/** A strict server would not take it. */
export function isRefused(carrier: Carrier, value: Value): boolean {
  return value !== null && value.toString() === carrier.refused;
}
