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

export class ExecutePacket {
  /** Two bytes a parameter: the type, and 0x80 where it is unsigned. */
  readonly types: Buffer;
  readonly #payload: Buffer;
  readonly #nullBitmap: Buffer;
  /** [from, to) of each value; empty for NULL and long data. */
  readonly #spans: Int32Array;

  constructor(payload: Buffer, types: Buffer, nullBitmap: Buffer, spans: Int32Array) {
    this.#payload = payload;
    this.types = types;
    this.#nullBitmap = nullBitmap;
    this.#spans = spans;
  }

  /** Length of the client's packet. */
  get bytes(): number {
    return this.#payload.length;
  }

  isNull(ordinal: number): boolean {
    return bitSet(this.#nullBitmap, ordinal);
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
    const unsigned = (this.types[ordinal * 2 + 1]! & UNSIGNED) !== 0;
    const payload = this.#payload;
    switch (type) {
      case FIELD_TYPE.TINY:
        return String(unsigned ? payload.readUInt8(from) : payload.readInt8(from));
      case FIELD_TYPE.SHORT:
      case FIELD_TYPE.YEAR:
        return String(unsigned ? payload.readUInt16LE(from) : payload.readInt16LE(from));
      case FIELD_TYPE.LONG:
      case FIELD_TYPE.INT24:
        return String(unsigned ? payload.readUInt32LE(from) : payload.readInt32LE(from));
      case FIELD_TYPE.LONGLONG:
        return String(unsigned ? payload.readBigUInt64LE(from) : payload.readBigInt64LE(from));
      case FIELD_TYPE.DOUBLE:
        return integerText(payload.readDoubleLE(from));
      default:
        return isStringType(type) ? stringText(payload, from, to) : null;
    }
  }

  /** The execution with only these of its parameters, in this order. */
  pick(ordinals: readonly number[]): ExecutePacket {
    const types = Buffer.alloc(ordinals.length * 2);
    const nullBitmap = Buffer.alloc((ordinals.length + 7) >> 3);
    const spans = new Int32Array(ordinals.length * 2);
    ordinals.forEach((from, to) => {
      this.types.copy(types, to * 2, from * 2, from * 2 + 2);
      if (this.isNull(from)) nullBitmap[to >> 3]! |= 1 << (to & 7);
      spans[to * 2] = this.#spans[from * 2]!;
      spans[to * 2 + 1] = this.#spans[from * 2 + 1]!;
    });
    return new ExecutePacket(this.#payload, types, nullBitmap, spans);
  }

  /** The payload of the same execution for statement `id`: types always sent, no cursor, no attributes. */
  payloadFor(id: number): Buffer {
    const count = this.#spans.length / 2;
    const head = Buffer.alloc(10);
    head[0] = COM.STMT_EXECUTE;
    head.writeUInt32LE(id, 1);
    head.writeUInt32LE(1, 6);
    if (count === 0) return head;
    const values: Buffer[] = [];
    for (let ordinal = 0; ordinal < count; ordinal++) {
      values.push(this.#payload.subarray(this.#spans[ordinal * 2], this.#spans[ordinal * 2 + 1]));
    }
    const bitmap = this.#nullBitmap.subarray(0, (count + 7) >> 3);
    return Buffer.concat([head, bitmap, Buffer.of(1), this.types, ...values]);
  }
}

/** A double that is a whole number: how clients that know one number type send their integers. */
function integerText(value: number): string | null {
  return Number.isSafeInteger(value) ? String(value) : null;
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
  const nothing = Buffer.alloc(0);
  if (sent === 0) return new ExecutePacket(payload, nothing, nothing, new Int32Array(0));

  const bitmapAt = cursor.take((sent + 7) >> 3);
  const bound = cursor.integer(1) === 1;
  if (cursor.failed) return null;
  const nullBitmap = payload.subarray(bitmapAt, bitmapAt + ((sent + 7) >> 3));
  const types = bound ? readTypes(cursor, sent, named) : options.boundTypes;
  if (types === null || types.length < sent * 2) return null;
  const spans = locateValues(cursor, types, nullBitmap, options);
  return cursor.failed ? null : new ExecutePacket(payload, types.subarray(0, count * 2), nullBitmap, spans);
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
  nullBitmap: Buffer,
  options: ExecuteOptions,
): Int32Array {
  const spans = new Int32Array(options.parameterCount * 2);
  for (let ordinal = 0; ordinal < options.parameterCount; ordinal++) {
    spans[ordinal * 2] = cursor.at;
    if (!bitSet(nullBitmap, ordinal) && !options.longData.has(ordinal))
      skipValue(cursor, types[ordinal * 2]!);
    spans[ordinal * 2 + 1] = cursor.at;
  }
  return spans;
}
