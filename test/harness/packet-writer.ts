/** Writes packets for tests, apart from src/wire. Source: the "Client/Server Protocol" pages of MySQL's manual. */
import type { Run, Side } from './wire-session.ts';

const PACKET_FULL = 0xff_ffff;

export function int(width: 1 | 2 | 3 | 4, value: number): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntLE(value, 0, width);
  return bytes;
}

export function lenenc(value: number | bigint): Buffer {
  if (value < 0xfb) return int(1, Number(value));
  if (value < 0x1_0000) return Buffer.concat([Buffer.of(0xfc), int(2, Number(value))]);
  if (value < 0x100_0000) return Buffer.concat([Buffer.of(0xfd), int(3, Number(value))]);
  const bytes = Buffer.alloc(9, 0xfe);
  bytes.writeBigUInt64LE(BigInt(value), 1);
  return bytes;
}

export function lenencText(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([lenenc(bytes.length), bytes]);
}

export interface EndFields {
  readonly affectedRows?: number | bigint;
  readonly insertId?: number | bigint;
  readonly status?: number;
  readonly warnings?: number;
  /** What follows the warnings: a message, or session state. */
  readonly tail?: Buffer;
}

/** An OK packet's payload; `first` is 0xfe where it ends rows. */
export function ok(fields: EndFields = {}, first = 0x00): Buffer {
  const { affectedRows = 0, insertId = 0, status = 2, warnings = 0, tail = Buffer.alloc(0) } = fields;
  const counts = [lenenc(affectedRows), lenenc(insertId)];
  return Buffer.concat([Buffer.of(first), ...counts, int(2, status), int(2, warnings), tail]);
}

export function eof({ status = 2, warnings = 0 }: EndFields = {}): Buffer {
  return Buffer.concat([Buffer.of(0xfe), int(2, warnings), int(2, status)]);
}

export function err(errno: number, message = 'no', sqlState: string | null = 'HY000'): Buffer {
  const marked = sqlState === null ? message : `#${sqlState}${message}`;
  return Buffer.concat([Buffer.of(0xff), int(2, errno), Buffer.from(marked)]);
}

/** MariaDB's progress report: an ERR packet that ends nothing. */
export function progress(stage: string): Buffer {
  const percentage = int(3, 42_000);
  return Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 1, 1, 2), percentage, lenencText(stage)]);
}

/** The definition of a column, with MySQL's twelve bytes of fixed length. */
export function column(name: string): Buffer {
  const texts = ['def', 'd', 't', 't', name, name].map(lenencText);
  return Buffer.concat([
    ...texts,
    Buffer.of(0x0c),
    int(2, 45),
    int(4, 80),
    Buffer.of(0xfd),
    int(2, 0),
    int(3, 0),
  ]);
}

/** A row of the text protocol. */
export function textRow(values: readonly (string | Buffer | null)[]): Buffer {
  return Buffer.concat(values.map((value) => (value === null ? Buffer.of(0xfb) : lenencText(value))));
}

/** COM_STMT_PREPARE_OK; `metadata` is the flag of optional metadata, null where it was not agreed on. */
export function prepareOk(
  id: number,
  columns: number,
  parameters: number,
  metadata: number | null = null,
): Buffer {
  const fixed = [Buffer.of(0), int(4, id), int(2, columns), int(2, parameters), Buffer.of(0), int(2, 0)];
  return Buffer.concat([...fixed, ...(metadata === null ? [] : [Buffer.of(metadata)])]);
}

/** One payload in as many packets as it needs, from number `sequence` on. */
export function packets(payload: Buffer, sequence = 0): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0, number = sequence; ; number += 1) {
    const piece = payload.subarray(at, at + PACKET_FULL);
    pieces.push(int(3, piece.length), Buffer.of(number & 0xff), piece);
    at += piece.length;
    if (piece.length < PACKET_FULL) return Buffer.concat(pieces);
  }
}

/** Payloads one after the other, numbered on from `sequence`. */
export function stream(payloads: readonly Buffer[], sequence: number): Buffer {
  let number = sequence;
  return Buffer.concat(
    payloads.map((payload) => {
      const bytes = packets(payload, number);
      number += Math.floor(payload.length / PACKET_FULL) + 1;
      return bytes;
    }),
  );
}

export function run(from: Side, payloads: readonly Buffer[], sequence: number): Run {
  return { from, bytes: stream(payloads, sequence) };
}

/** A command and the payloads that answer it. */
export function exchange(command: Buffer, ...reply: readonly Buffer[]): Run[] {
  const opening = Math.floor(command.length / PACKET_FULL) + 1;
  return [run('client', [command], 0), ...(reply.length === 0 ? [] : [run('server', reply, opening)])];
}

export function query(sql: string): Buffer {
  return Buffer.from(`\x03${sql}`);
}
