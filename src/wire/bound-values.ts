/**
 * Values made into the parameters of an execution that no client sent as one. MySQL manual: "COM_STMT_EXECUTE",
 * "Binary Protocol Value".
 */
import { FIELD_TYPE, UNSIGNED } from './binary-value.ts';
import { ExecutePacket } from './execute-packet.ts';
import { lengthEncoded } from './lenenc.ts';

/** The two bytes of a parameter's type. */
type BoundType = readonly [type: number, flags: number];

/** A parameter: its type, and its value as it stands in the packet; null: NULL. */
export interface BoundValue {
  readonly type: BoundType;
  readonly bytes: Buffer | null;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

export const BOUND_NULL: BoundValue = { type: [FIELD_TYPE.NULL, 0], bytes: null };

/** Past 64 bits it is a DECIMAL, as the servers read such a literal. */
export function boundInteger(value: bigint): BoundValue {
  if (value < INT64_MIN || value > UINT64_MAX) return boundDecimal(String(value));
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return { type: [FIELD_TYPE.LONGLONG, value > INT64_MAX ? UNSIGNED : 0], bytes };
}

export function boundDouble(value: number): BoundValue {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return { type: [FIELD_TYPE.DOUBLE, 0], bytes };
}

/** `text`: digits with a point. */
export function boundDecimal(text: string): BoundValue {
  return { type: [FIELD_TYPE.NEWDECIMAL, 0], bytes: lengthEncoded(Buffer.from(text, 'latin1')) };
}

/** Characters, in the client's character set. */
export function boundText(characters: Buffer): BoundValue {
  return { type: [FIELD_TYPE.VAR_STRING, 0], bytes: lengthEncoded(characters) };
}

/** Bytes that are no characters. */
export function boundBinary(bytes: Buffer): BoundValue {
  return { type: [FIELD_TYPE.BLOB, 0], bytes: lengthEncoded(bytes) };
}

/** An execution with these parameters, in their order. */
export function executionOf(values: readonly BoundValue[]): ExecutePacket {
  const nulls = Buffer.alloc((values.length + 7) >> 3);
  const types = Buffer.alloc(values.length * 2);
  const parts: Buffer[] = [];
  const spans: number[] = [];
  let at = 0;
  values.forEach(({ type, bytes }, ordinal) => {
    types.set(type, ordinal * 2);
    if (bytes === null) nulls[ordinal >> 3]! |= 1 << (ordinal & 7);
    else parts.push(bytes);
    const end = at + (bytes?.length ?? 0);
    spans.push(at, end);
    at = end;
  });
  return new ExecutePacket(Buffer.concat(parts), types, nulls, 0, spans);
}
