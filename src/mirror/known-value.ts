/** What a user variable is known to hold, as bytes: of a text, or of a parameter of EXECUTE … USING. */
import type { SqlMode } from '../sql/sql-mode.ts';
import { unescapeString } from '../sql/unescape.ts';
import {
  BOUND_NULL,
  type BoundValue,
  boundBinary,
  boundDecimal,
  boundDouble,
  boundInteger,
  boundText,
} from '../wire/bound-values.ts';
import type { UserValue } from './session-values.ts';

const INTEGER = /^(-?)\s*(\d+)$/;
/** Shorter than what a DECIMAL holds, so that no server takes it for anything else. */
const DECIMAL = /^(-?)\s*((?=[\d.]{1,30}$)\d*\.\d*)$/;
const DOUBLE = /^(-?)\s*((?:\d+\.?\d*|\.\d+)e[+-]?\d+)$/i;
const HEX = /^(?:x'([\da-f]*)'|0x([\da-f]+))$/i;
const BITS = /^(?:b'([01]*)'|0b([01]+))$/i;

/** The bytes of a string, in the client's character set; null: it is none, or was written under other settings. */
export function knownText(value: UserValue, words: string, mode: SqlMode): Buffer | null {
  if (value.what !== 'text' || value.words !== words || value.form !== 'string') return null;
  const bytes = Buffer.from(value.sql, 'latin1');
  return unescapeString(bytes, 0, bytes.length, mode);
}

/**
 * The parameter that a client would bind for what the variable holds: a number's type is that of the literal that
 * it was set to, and what was written in hexadecimal or in bits is a string of bytes (MySQL manual, "User-Defined
 * Variables"). `words` and `mode` are the session's now. Null: not known.
 */
export function boundValue(value: UserValue, words: string, mode: SqlMode): BoundValue | null {
  if (value.what === 'plain') return boundLiteral(value.sql);
  const text = knownText(value, words, mode);
  return text === null ? null : boundText(text);
}

function boundLiteral(sql: string): BoundValue | null {
  const word = sql.toLowerCase();
  if (word === 'null') return BOUND_NULL;
  if (word === 'true' || word === 'false') return boundInteger(word === 'true' ? 1n : 0n);
  const [, sign = '', digits] = INTEGER.exec(sql) ?? DECIMAL.exec(sql) ?? DOUBLE.exec(sql) ?? [];
  if (digits !== undefined) return boundNumber(sign, digits);
  const [, quotedHex, hex = quotedHex] = HEX.exec(sql) ?? [];
  if (hex !== undefined) return boundBinary(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
  const [, quotedBits, bits = quotedBits] = BITS.exec(sql) ?? [];
  return bits === undefined ? null : boundBinary(bytesOfBits(bits));
}

function boundNumber(sign: string, digits: string): BoundValue {
  const text = sign + digits;
  if (/^\d+$/.test(digits)) return boundInteger(BigInt(text));
  return /e/i.test(digits) ? boundDouble(Number(text)) : boundDecimal(text);
}

/** Eight to a byte, the last byte full. */
function bytesOfBits(bits: string): Buffer {
  const padded = bits.padStart(Math.ceil(bits.length / 8) * 8, '0');
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
