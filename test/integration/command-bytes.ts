/** Payloads of commands, for clients that send bytes of their own making. */
import { lenencText, packets } from '../harness/packet-writer.ts';
import { COM } from '../harness/recorder.ts';

/** Types of the binary protocol. */
export const TYPE = {
  TINY: 1,
  LONG: 3,
  DOUBLE: 5,
  NULL: 6,
  LONGLONG: 8,
  DATETIME: 12,
  BLOB: 252,
  STRING: 254,
} as const;

export interface Parameter {
  readonly type: number;
  /** Encoded; null: NULL. Undefined: sent ahead as long data. */
  readonly value: Buffer | null | undefined;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export const integer = (value: number): Parameter => ({ type: TYPE.LONG, value: uint32(value >>> 0) });
export const text = (value: string | Buffer): Parameter => ({
  type: TYPE.STRING,
  value: lenencText(value),
});
export const nothing: Parameter = { type: TYPE.STRING, value: null };
export const sentAhead: Parameter = { type: TYPE.BLOB, value: undefined };

export function bigInteger(value: bigint): Parameter {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return { type: TYPE.LONGLONG, value: bytes };
}

export function double(value: number): Parameter {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return { type: TYPE.DOUBLE, value: bytes };
}

/** Body of COM_STMT_EXECUTE. `types` false leaves them out, as a client does that bound them before. */
export function execute(
  id: number,
  parameters: readonly Parameter[] = [],
  options: { readonly cursor?: number; readonly types?: boolean } = {},
): Buffer {
  const head = Buffer.concat([uint32(id), Buffer.of(options.cursor ?? 0), uint32(1)]);
  if (parameters.length === 0) return head;
  const nulls = Buffer.alloc((parameters.length + 7) >> 3);
  parameters.forEach(({ value }, index) => {
    if (value === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
  });
  const types = options.types === false ? [] : parameters.map(({ type }) => Buffer.of(type, 0));
  const values = parameters.map(({ value }) => value ?? Buffer.alloc(0));
  return Buffer.concat([head, nulls, Buffer.of(types.length > 0 ? 1 : 0), ...types, ...values]);
}

/** Payload of COM_STMT_SEND_LONG_DATA, the command byte included: it has no reply. */
export function longData(id: number, parameter: number, value: Buffer): Buffer {
  return Buffer.concat([
    Buffer.of(COM.STMT_SEND_LONG_DATA),
    uint32(id),
    Buffer.of(parameter & 0xff, parameter >> 8),
    value,
  ]);
}

/** Body of MariaDB's COM_STMT_BULK_EXECUTE: rows of parameters, each with its indicator. */
export function bulkExecute(id: number, rows: readonly (readonly Parameter[])[]): Buffer {
  const SEND_TYPES = 128;
  const types = (rows[0] ?? []).map(({ type }) => Buffer.of(type, 0));
  const values = rows
    .flat()
    .map(({ value }) => (value ? Buffer.concat([Buffer.of(0), value]) : Buffer.of(1)));
  return Buffer.concat([uint32(id), Buffer.of(SEND_TYPES, 0), ...types, ...values]);
}

/** A whole command, header included. */
export function command(code: number, body: Buffer | string = ''): Buffer {
  return packets(Buffer.concat([Buffer.of(code), Buffer.from(body)]), 0);
}
