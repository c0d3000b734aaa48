/**
 * COM_STMT_EXECUTE: where its parameters stand, and the same execution for another statement id.
 * MySQL manual: "COM_STMT_EXECUTE", "Binary Protocol Value"; MariaDB knowledge base: "COM_STMT_EXECUTE".
 */
import { isUtf8 } from 'node:buffer';
import { bitSet, FIELD_TYPE, isStringType, skipValue, UNSIGNED } from './binary-value.ts';
import { PayloadCursor } from './lenenc.ts';
import { COM } from './protocol.ts';

/** MySQL with query attributes: a parameter count follows, and each type carries a name. */
const FLAG_PARAMETER_COUNT = 0x08;
/** The command, the statement's id (4), flags (1) and the iteration count (4). */
const HEAD_BYTES = 10;
const BYTES_A_PLACE = 8;
/** Where the microseconds of a DATETIME or TIMESTAMP, and of a TIME, stand behind the value's length. */
const DATETIME_FRACTION_AT = 7;
const TIME_FRACTION_AT = 8;
/** The year (2), month and day. */
const DATE_BYTES = 4;
/** In every time zone. */
const TIMESTAMP_YEAR_MIN = 1971;
const TIMESTAMP_YEAR_MAX = 2037;
const FEBRUARY = 2;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** A decimal that servers write as it came: its digits fit behind the point and before it, and it is not -0. */
const PLAIN_DECIMAL = /^(?!-0(?:\.0+)?$)-?(?:0|[1-9]\d{0,34})(?:\.\d{1,30})?$/;
const NO_TYPES = Buffer.alloc(0);

export interface ExecuteOptions {
  /** Parameters of the prepared statement. */
  readonly parameterCount: number;
  /** Types bound by an earlier execution (two bytes each), for one that brings none. */
  readonly boundTypes: Buffer | null;
  /** Parameters sent ahead by COM_STMT_SEND_LONG_DATA: they have no value in the packet. */
  readonly longData: { has(ordinal: number): boolean };
  /** The session agreed on query attributes. */
  readonly queryAttributes: boolean;
}

/** A parameter's value, as far as SQL has a literal for it. Strings: bytes as latin1 characters. */
export type ParameterValue =
  | { readonly what: 'null' }
  | { readonly what: 'integer'; readonly digits: string }
  | { readonly what: 'double'; readonly value: number }
  | { readonly what: 'string'; readonly bytes: string };

/** Binary floating point, or any other. */
export type NumberKind = 'exact' | 'approximate';

const NULL_VALUE: ParameterValue = { what: 'null' };

export class ExecutePacket {
  /** Two bytes a parameter: the type, and 0x80 where it is unsigned. */
  readonly types: Buffer;
  readonly #payload: Buffer;
  /** The NULL bitmap stands in `#nulls`, from its bit `#nullsFrom` on. */
  readonly #nulls: Buffer;
  readonly #nullsFrom: number;
  /** [from, to) of each value; empty for NULL and long data. */
  readonly #spans: readonly number[];

  constructor(payload: Buffer, types: Buffer, nulls: Buffer, nullsAt: number, spans: readonly number[]) {
    this.#payload = payload;
    this.types = types;
    this.#nulls = nulls;
    this.#nullsFrom = nullsAt * 8;
    this.#spans = spans;
  }

  /** What it holds in memory, roughly: of parameters that are all NULL, far more than the client's packet. */
  get bytes(): number {
    return this.#payload.length + this.#spans.length * BYTES_A_PLACE;
  }

  isNull(ordinal: number): boolean {
    return bitSet(this.#nulls, this.#nullsFrom + ordinal);
  }

  numberKind(ordinal: number): NumberKind | null {
    const type = this.types[ordinal * 2]!;
    if (type === FIELD_TYPE.DOUBLE || type === FIELD_TYPE.FLOAT) return 'approximate';
    return type === FIELD_TYPE.NEWDECIMAL || !isStringType(type) ? 'exact' : null;
  }

  /**
   * The parameter as the text its literal would have: integers in decimal digits, strings as they are. Null
   * for NULL, for types that are no key, and for bytes that are no UTF-8, whose character set would be a guess.
   */
  keyText(ordinal: number): string | null {
    if (ordinal * 2 >= this.#spans.length || this.isNull(ordinal)) return null;
    const from = this.#spans[ordinal * 2]!;
    const to = this.#spans[ordinal * 2 + 1]!;
    // Long data has no value here, whatever type it was bound as.
    if (to === from) return null;
    const type = this.types[ordinal * 2]!;
    const integer = this.#integerAt(ordinal, from);
    if (integer !== null) return integer;
    if (type === FIELD_TYPE.DOUBLE) return integerText(this.#payload.readDoubleLE(from));
    const text = isStringType(type) ? stringText(this.#payload, from, to) : null;
    // A decimal is read as a number before it comes to any column: of `a5` it is 0.
    return type !== FIELD_TYPE.NEWDECIMAL || (text !== null && PLAIN_DECIMAL.test(text)) ? text : null;
  }

  /** Null: of a type that is none of these, or sent ahead of the execution. */
  value(ordinal: number): ParameterValue | null {
    if (ordinal * 2 >= this.#spans.length) return null;
    if (this.isNull(ordinal)) return NULL_VALUE;
    const from = this.#spans[ordinal * 2]!;
    const to = this.#spans[ordinal * 2 + 1]!;
    if (to === from) return null;
    const type = this.types[ordinal * 2]!;
    const digits = this.#integerAt(ordinal, from);
    if (digits !== null) return { what: 'integer', digits };
    if (type === FIELD_TYPE.DOUBLE) return { what: 'double', value: this.#payload.readDoubleLE(from) };
    if (!isStringType(type) || type === FIELD_TYPE.NEWDECIMAL) return null;
    return {
      what: 'string',
      bytes: new PayloadCursor(this.#payload, from, to).lenencBytes().toString('latin1'),
    };
  }

  /** The bytes of its texts, blobs and the like; views. */
  strings(): Buffer[] {
    const strings: Buffer[] = [];
    for (let ordinal = 0; ordinal * 2 < this.#spans.length; ordinal++) {
      const from = this.#spans[ordinal * 2]!;
      const to = this.#spans[ordinal * 2 + 1]!;
      if (to > from && isStringType(this.types[ordinal * 2]!))
        strings.push(new PayloadCursor(this.#payload, from, to).lenencBytes());
    }
    return strings;
  }

  /** Is one of the parameters a value of one of the three sorts below? */
  hasPeculiar(): boolean {
    for (let ordinal = 0; ordinal * 2 < this.#spans.length; ordinal++)
      if (this.hasFraction(ordinal) || this.isMinusZero(ordinal) || this.isStrayTimestamp(ordinal))
        return true;
    return false;
  }

  /** Bound as a TIMESTAMP, and outside of the years of one for certain, or a day that no month has; zero is none. */
  isStrayTimestamp(ordinal: number): boolean {
    if (this.types[ordinal * 2] !== FIELD_TYPE.TIMESTAMP) return false;
    const from = this.#spans[ordinal * 2]! + 1;
    const to = this.#spans[ordinal * 2 + 1]!;
    if (to - from < DATE_BYTES || this.#payload.subarray(from, to).every((byte) => byte === 0)) return false;
    const year = this.#payload.readUInt16LE(from);
    const [month, day] = [this.#payload[from + 2]!, this.#payload[from + 3]!];
    if (year < TIMESTAMP_YEAR_MIN || year > TIMESTAMP_YEAR_MAX || month < 1 || month > 12) return true;
    return day < 1 || day > (month === FEBRUARY && year % 4 === 0 ? 29 : MONTH_DAYS[month - 1]!);
  }

  /** A moment, or a time, with a part of a second. */
  hasFraction(ordinal: number): boolean {
    const type = this.types[ordinal * 2];
    const isTime = type === FIELD_TYPE.TIME;
    if (!isTime && type !== FIELD_TYPE.DATETIME && type !== FIELD_TYPE.TIMESTAMP) return false;
    const at = this.#spans[ordinal * 2]! + 1 + (isTime ? TIME_FRACTION_AT : DATETIME_FRACTION_AT);
    return at + 4 <= this.#spans[ordinal * 2 + 1]! && this.#payload.readUInt32LE(at) !== 0;
  }

  isMinusZero(ordinal: number): boolean {
    const type = this.types[ordinal * 2];
    const from = this.#spans[ordinal * 2]!;
    if (from === this.#spans[ordinal * 2 + 1]!) return false;
    if (type === FIELD_TYPE.DOUBLE) return Object.is(this.#payload.readDoubleLE(from), -0);
    return type === FIELD_TYPE.FLOAT && Object.is(this.#payload.readFloatLE(from), -0);
  }

  /** Null: of another type. */
  #integerAt(ordinal: number, from: number): string | null {
    const unsigned = (this.types[ordinal * 2 + 1]! & UNSIGNED) !== 0;
    const payload = this.#payload;
    switch (this.types[ordinal * 2]!) {
      case FIELD_TYPE.TINY:
        return String(unsigned ? payload.readUInt8(from) : payload.readInt8(from));
      case FIELD_TYPE.SHORT:
        return String(unsigned ? payload.readUInt16LE(from) : payload.readInt16LE(from));
      case FIELD_TYPE.LONG:
        return String(unsigned ? payload.readUInt32LE(from) : payload.readInt32LE(from));
      case FIELD_TYPE.LONGLONG:
        return String(unsigned ? payload.readBigUInt64LE(from) : payload.readBigInt64LE(from));
      default:
        return null;
    }
  }

  /** The execution with only these of its parameters, in this order. */
  pick(ordinals: readonly number[]): ExecutePacket {
    const types = Buffer.alloc(ordinals.length * 2);
    const nulls = Buffer.alloc((ordinals.length + 7) >> 3);
    const spans: number[] = [];
    ordinals.forEach((from, to) => {
      this.types.copy(types, to * 2, from * 2, from * 2 + 2);
      if (this.isNull(from)) nulls[to >> 3]! |= 1 << (to & 7);
      spans.push(this.#spans[from * 2]!, this.#spans[from * 2 + 1]!);
    });
    return new ExecutePacket(this.#payload, types, nulls, 0, spans);
  }

  /** The execution with `count` of its parameters, from `first` on: it holds no more bytes than theirs. */
  slice(first: number, count: number): ExecutePacket {
    const places = this.#spans.slice(first * 2, (first + count) * 2);
    const from = places[0] ?? 0;
    const nulls = Buffer.alloc((count + 7) >> 3);
    for (let ordinal = 0; ordinal < count; ordinal++)
      if (this.isNull(first + ordinal)) nulls[ordinal >> 3]! |= 1 << (ordinal & 7);
    const types = this.types.subarray(first * 2, (first + count) * 2);
    const own = Buffer.from(this.#payload.subarray(from, places.at(-1) ?? from));
    return new ExecutePacket(
      own,
      types,
      nulls,
      0,
      places.map((at) => at - from),
    );
  }

  /** The payload of the same execution for statement `id`: types always sent, no cursor, no attributes. */
  payloadFor(id: number): Buffer {
    const count = this.#spans.length / 2;
    const payload = Buffer.allocUnsafe(count === 0 ? HEAD_BYTES : this.#lengthOf(count));
    payload[0] = COM.STMT_EXECUTE;
    payload.writeUInt32LE(id, 1);
    payload[5] = 0;
    payload.writeUInt32LE(1, 6);
    if (count === 0) return payload;
    let at = HEAD_BYTES;
    for (let first = 0; first < count; first += 8) payload[at++] = this.#nullsOf(first, count);
    payload[at++] = 1;
    at += this.types.copy(payload, at, 0, count * 2);
    for (let ordinal = 0; ordinal < count; ordinal++) {
      at += this.#payload.copy(payload, at, this.#spans[ordinal * 2]!, this.#spans[ordinal * 2 + 1]!);
    }
    return payload;
  }

  #lengthOf(count: number): number {
    let length = HEAD_BYTES + ((count + 7) >> 3) + 1 + count * 2;
    for (let ordinal = 0; ordinal < count; ordinal++)
      length += this.#spans[ordinal * 2 + 1]! - this.#spans[ordinal * 2]!;
    return length;
  }

  /** The bitmap's byte for the eight parameters from `first` on. */
  #nullsOf(first: number, count: number): number {
    let byte = 0;
    for (let ordinal = first; ordinal < count && ordinal < first + 8; ordinal++)
      if (this.isNull(ordinal)) byte |= 1 << (ordinal & 7);
    return byte;
  }
}

/** A double that is a whole number: how clients that know one number type send their integers. -0 is `-0` in a text. */
function integerText(value: number): string | null {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : null;
}

function stringText(payload: Buffer, from: number, to: number): string | null {
  const cursor = new PayloadCursor(payload, from, to);
  const bytes = cursor.lenencBytes();
  return isUtf8(bytes) ? bytes.toString('utf8') : null;
}

/** Reads an execution's payload (from the command byte on). Null: it is malformed, or its types are unknown. */
export function readExecute(payload: Buffer, options: ExecuteOptions): ExecutePacket | null {
  const cursor = new PayloadCursor(payload, 5, payload.length);
  const flags = cursor.integer(1);
  cursor.take(4); // iteration count, always 1
  const count = options.parameterCount;
  // Servers look at the flag only where the statement itself has no parameters.
  const named = options.queryAttributes && (count > 0 || (flags & FLAG_PARAMETER_COUNT) !== 0);
  const sent = named ? Number(cursor.lenenc()) : count;
  if (cursor.failed || sent < count || sent > 0xffff) return null;
  if (sent === 0) return new ExecutePacket(payload, NO_TYPES, payload, 0, []);

  const bitmapAt = cursor.take((sent + 7) >> 3);
  const bound = cursor.integer(1) === 1;
  if (cursor.failed) return null;
  const types = bound ? readTypes(cursor, sent, named) : options.boundTypes;
  if (types === null || types.length < sent * 2) return null;
  const spans = locateValues(cursor, types, bitmapAt * 8, options);
  if (cursor.failed) return null;
  // Made anew only where attributes of the query follow: a view costs as much as reading all the rest.
  const own = types.length === count * 2 ? types : types.subarray(0, count * 2);
  return new ExecutePacket(payload, own, payload, bitmapAt, spans);
}

function readTypes(cursor: PayloadCursor, count: number, named: boolean): Buffer | null {
  const types = Buffer.alloc(count * 2);
  for (let ordinal = 0; ordinal < count; ordinal++) {
    types.writeUInt16LE(cursor.integer(2), ordinal * 2);
    if (named) cursor.lenencBytes();
  }
  return cursor.failed ? null : types;
}

function locateValues(
  cursor: PayloadCursor,
  types: Buffer,
  nullsFrom: number,
  { parameterCount, longData }: ExecuteOptions,
): number[] {
  const spans: number[] = [];
  for (let ordinal = 0; ordinal < parameterCount; ordinal++) {
    spans.push(cursor.at);
    if (!bitSet(cursor.bytes, nullsFrom + ordinal) && !longData.has(ordinal))
      skipValue(cursor, types[ordinal * 2]!);
    spans.push(cursor.at);
  }
  return spans;
}
