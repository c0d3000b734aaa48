/**
 * The canonical text of a key, so that one key has one text however a client writes it, and the share of keys
 * that a ratio selects.
 */
import { serverText } from './charset.ts';
import { type Lexed, LITERAL } from './lexed.ts';
import { unescapeString } from './unescape.ts';

/** What the schema says of a key column; undefined where it is not known. */
export type KeyType = 'integer' | 'string' | undefined;

const UNSIGNED_MAX = '18446744073709551615';
const SIGNED_MIN = '9223372036854775808';
const CANONICAL_INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
/** Text that an integer column reads as a number although it is not the number's canonical text. */
const OTHER_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** Buckets of `hashKey`: hundredths of a percent, the finest ratio that can be set. */
export const HASH_BUCKETS = 10_000;

/**
 * The key text of a decimal integer as a client may write it; null where it is no integer or beyond 64 bits.
 */
export function integerKey(text: string, type?: KeyType): string | null {
  // A column of strings equals a number in many spellings: '5', '05', '5x'.
  if (type === 'string') return null;
  const match = /^([+-]?)0*([0-9]+)$/.exec(text);
  if (match === null) return null;
  const digits = match[2]!;
  if (digits === '0') return '0';
  const negative = match[1] === '-';
  const bound = negative ? SIGNED_MIN : UNSIGNED_MAX;
  if (digits.length > bound.length || (digits.length === bound.length && digits > bound)) return null;
  return negative ? `-${digits}` : digits;
}

/** The key text of a string value; null where an integer column would read another number out of it. */
export function stringKey(text: string, type?: KeyType): string | null {
  if (type === 'string') return text;
  if (CANONICAL_INTEGER.test(text)) return integerKey(text);
  return type === 'integer' || OTHER_NUMBER.test(text) ? null : text;
}

/** The key text of a literal of a statement; null for parameters and for forms that are not read. */
export function literalKey(sql: Buffer, lexed: Lexed, index: number, type?: KeyType): string | null {
  const start = lexed.literalStart(index);
  const end = lexed.literalEnd(index);
  switch (lexed.literalType(index)) {
    case LITERAL.integer:
      return integerKey(integerText(sql, start, end), type);
    case LITERAL.string: {
      const text = serverText(unescapeString(sql, start, end, lexed.mode), lexed.mode.charset);
      return text === null ? null : stringKey(text, type);
    }
    default:
      return null;
  }
}

/** A sign and its digits; blanks and comments may stand between them. */
function integerText(sql: Buffer, start: number, end: number): string {
  if (sql[start] !== 0x2d) return sql.toString('latin1', start, end);
  let digits = end;
  while (digits > start && sql[digits - 1]! >= 0x30 && sql[digits - 1]! <= 0x39) digits--;
  return `-${sql.toString('latin1', digits, end)}`;
}

/**
 * 0 to 9999 for a key: the same in every process and release, for a key is selected by a ratio of r percent
 * when its figure is below r * 100, on every proxy, and a higher ratio only adds keys.
 */
export function hashKey(table: string, key: string): number {
  let hash = mixText(0x811c9dc5, table);
  hash = mixText(Math.imul(hash ^ 0xff, 0x01000193), key);
  // The finaliser of MurmurHash3: neighbouring keys must not have neighbouring figures.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % HASH_BUCKETS;
}

/** FNV-1a over the two bytes of each UTF-16 unit. */
function mixText(seed: number, text: string): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash;
}
