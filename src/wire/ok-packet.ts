/** The packets that end a result. MySQL manual: "OK_Packet", "EOF_Packet", "ERR_Packet". */
import type { Exchange } from './exchange.ts';
import { PayloadCursor } from './lenenc.ts';

export const OK = 0x00;
export const ERR = 0xff;
export const EOF = 0xfe;
export const LOCAL_INFILE = 0xfb;

/** Its first byte, the warnings (2) and the status flags (2). */
const EOF_LENGTH = 5;

/** ERR packets with this number report MariaDB's progress and end nothing. */
const PROGRESS_ERRNO = 0xffff;

/** Fills in the exchange from an OK packet (0x00, or 0xfe in place of an EOF). False: it is cut short. */
export function readOk<Note>(exchange: Exchange<Note>, payload: Buffer, from: number, to: number): boolean {
  const cursor = new PayloadCursor(payload, from + 1, to);
  exchange.ok = true;
  exchange.affectedRows = cursor.lenenc();
  exchange.insertId = cursor.lenenc();
  exchange.status = cursor.integer(2);
  exchange.warnings = cursor.integer(2);
  if (cursor.failed) return false;
  if (cursor.at < to) {
    const message = cursor.take(Number(cursor.lenenc()));
    exchange.changedRows = message < 0 ? null : secondNumber(payload, message, cursor.at);
  }
  return true;
}

const ZERO = 0x30;
const NINE = 0x39;
/** Digits of the largest number that is told here. */
const DIGITS_MAX = 15;

/** Of the message that comes with an UPDATE's answer, in whatever language: "Rows matched: 3  Changed: 2  Warnings: 0". */
function secondNumber(payload: Buffer, from: number, to: number): number | null {
  let count = 0;
  let value = 0;
  let digits = 0;
  for (let at = from; at <= to; at++) {
    const byte = at < to ? payload[at]! : 0;
    if (byte >= ZERO && byte <= NINE) {
      value = value * 10 + byte - ZERO;
      digits++;
    } else if (digits > 0) {
      count++;
      if (count === 2) return digits <= DIGITS_MAX ? value : null;
      value = digits = 0;
    }
  }
  return null;
}

/** Fills in the exchange from an EOF packet, of which each reply with rows has two. False: it is cut short. */
export function readEof<Note>(exchange: Exchange<Note>, payload: Buffer, from: number, to: number): boolean {
  exchange.ok = true;
  if (to - from < EOF_LENGTH) return false;
  exchange.warnings = payload[from + 1]! | (payload[from + 2]! << 8);
  exchange.status = payload[from + 3]! | (payload[from + 4]! << 8);
  return true;
}

/** Fills in the exchange from an ERR packet. False: it is cut short. */
export function readErr<Note>(exchange: Exchange<Note>, payload: Buffer, from: number, to: number): boolean {
  if (to - from < 3) return false;
  exchange.ok = false;
  exchange.errno = payload.readUInt16LE(from + 1);
  return true;
}

export function isProgress(payload: Buffer, from: number, to: number): boolean {
  return to - from >= 3 && payload[from] === ERR && payload.readUInt16LE(from + 1) === PROGRESS_ERRNO;
}
