/** Where the tokens of MySQL's lexer end. All take a span [at, to) and never look behind `to`. */
import { FOLDED, IDENTIFIER, isBlank, isDigit, isHexDigit } from './byte-classes.ts';
import { characterLength, type MultiByteCharset } from './charset.ts';
import { LITERAL } from './lexed.ts';

const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
/** A string longer than this is searched by the runtime's own routine, which pays only from here on. */
const SHORT_STRING = 64;

/** Offset behind the closing quote of the string that opens at `open`; -1 if it never closes. */
export function stringEnd(
  sql: Buffer,
  open: number,
  to: number,
  backslashes: boolean,
  charset: MultiByteCharset,
): number {
  if (charset !== 'none') return multiByteEnd(sql, open, to, backslashes, charset);
  const quote = sql[open]!;
  let at = open + 1;
  while (at < to) {
    const shortUntil = Math.min(at + SHORT_STRING, to);
    while (at < shortUntil && sql[at] !== quote) at += backslashes && sql[at] === BACKSLASH ? 2 : 1;
    if (at >= shortUntil) {
      const found = indexOf(sql, quote, at, to);
      const escaped = backslashes && isEscaped(sql, at, found);
      at = escaped ? found + 1 : found;
      if (escaped) continue;
    }
    if (at >= to) return -1;
    if (at + 1 >= to || sql[at + 1] !== quote) return at + 1;
    at += 2;
  }
  return -1;
}

/**
 * True where an odd number of backslashes stands right before `at`. `from` is not escaped itself. Backslashes that
 * stand elsewhere are never looked at, so that a text full of them is searched as fast as one without.
 */
function isEscaped(sql: Buffer, from: number, at: number): boolean {
  let first = at;
  while (first > from && sql[first - 1] === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}

/** Offset of the byte in [from, to); `to` where there is none. */
function indexOf(sql: Buffer, byte: number, from: number, to: number): number {
  const found = sql.subarray(from, to).indexOf(byte);
  return found === -1 ? to : from + found;
}

function multiByteEnd(
  sql: Buffer,
  open: number,
  to: number,
  backslashes: boolean,
  charset: MultiByteCharset,
): number {
  const quote = sql[open]!;
  let at = open + 1;
  while (at < to) {
    const byte = sql[at]!;
    if (byte >= 0x80) {
      at += characterLength(sql, at, to, charset);
    } else if (byte === quote) {
      if (at + 1 >= to || sql[at + 1] !== quote) return at + 1;
      at += 2;
    } else {
      at += byte === BACKSLASH && backslashes ? 2 : 1;
    }
  }
  return -1;
}

/** Offset behind the closing quote of an identifier, in which only doubling escapes; -1 if it never closes. */
export function quotedNameEnd(sql: Buffer, open: number, to: number, charset: MultiByteCharset): number {
  const quote = sql[open]!;
  let at = open + 1;
  while (at < to) {
    const byte = sql[at]!;
    if (byte >= 0x80 && charset !== 'none') {
      at += characterLength(sql, at, to, charset);
    } else if (byte !== quote) {
      at++;
    } else if (at + 1 < to && sql[at + 1] === quote) {
      at += 2;
    } else {
      return at + 1;
    }
  }
  return -1;
}

/** Offset behind an unquoted word that begins at `at`. */
export function wordEnd(sql: Buffer, at: number, to: number, charset: MultiByteCharset): number {
  let end = at;
  while (end < to) {
    const byte = sql[end]!;
    if (IDENTIFIER[byte] === 0) break;
    end += byte >= 0x80 && charset !== 'none' ? characterLength(sql, end, to, charset) : 1;
  }
  return end;
}

/** Offset behind the `*` `/` that closes a comment opened at `open`; -1 if it never closes. */
export function commentEnd(sql: Buffer, open: number, to: number): number {
  for (let at = open + 2; at + 1 < to; at++) {
    if (sql[at] === 0x2a && sql[at + 1] === 0x2f) return at + 2;
  }
  return -1;
}

/** Offset of the line's end, at which a `#` or `-- ` comment ends. */
export function lineEnd(sql: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && sql[at] !== NEWLINE) at++;
  return at;
}

/** `--` begins a comment only where a blank, a control byte or the end of the text follows. */
export function isDashComment(sql: Buffer, at: number, to: number): boolean {
  if (at + 1 >= to || sql[at + 1] !== 0x2d) return false;
  if (at + 2 >= to) return true;
  const byte = sql[at + 2]!;
  return byte <= 0x20 || byte === 0x7f;
}

/** True where a comment whose content is SQL opens: the one with `!`, or MariaDB's with `M!`. */
export function isExecutableComment(sql: Buffer, at: number, to: number): boolean {
  const mark = at + 2 < to ? sql[at + 2] : 0;
  return mark === 0x21 || (mark === 0x4d && at + 3 < to && sql[at + 3] === 0x21);
}

/** First offset from `from` on that is neither blank nor part of a plain comment; `to` if there is none. */
export function skipBlanks(sql: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const byte = sql[at]!;
    if (isBlank(byte)) {
      at++;
    } else if (byte === 0x23 || (byte === 0x2d && isDashComment(sql, at, to))) {
      at = lineEnd(sql, at, to);
    } else if (byte === 0x2f && at + 1 < to && sql[at + 1] === 0x2a && !isExecutableComment(sql, at, to)) {
      const end = commentEnd(sql, at, to);
      if (end === -1) return at;
      at = end;
    } else {
      return at;
    }
  }
  return at;
}

/** True where nothing else follows: servers cut semicolons off the end of a text, no empty statement stands there. */
export function hasOnlySemicolons(sql: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && sql[at] === 0x3b) at = skipBlanks(sql, at + 1, to);
  return at >= to;
}

/** A number's end and literal type in one figure: `end * 8 + type`; type 0: it is a word that begins with digits. */
export function numberEnd(sql: Buffer, start: number, to: number): number {
  let at = start;
  const prefixed = prefixedNumberEnd(sql, start, to);
  if (prefixed !== 0) return prefixed;
  while (at < to && isDigit(sql[at]!)) at++;
  if (at < to && sql[at] === 0x2e) {
    at++;
    while (at < to && isDigit(sql[at]!)) at++;
    const exponent = exponentEnd(sql, at, to);
    return (exponent === 0 ? at : exponent) * 8 + LITERAL.decimal;
  }
  const exponent = exponentEnd(sql, at, to);
  if (exponent !== 0) return exponent * 8 + LITERAL.decimal;
  return at < to && IDENTIFIER[sql[at]!] === 1 ? at * 8 : at * 8 + LITERAL.integer;
}

/** `0x1f` and `0b01`, in small letters only and with at least one digit; anything else is a word. */
function prefixedNumberEnd(sql: Buffer, start: number, to: number): number {
  if (sql[start] !== 0x30 || start + 2 >= to) return 0;
  const mark = sql[start + 1]!;
  if (mark !== 0x78 && mark !== 0x62) return 0;
  let at = start + 2;
  while (at < to && (mark === 0x78 ? isHexDigit(sql[at]!) : (sql[at]! | 1) === 0x31)) at++;
  if (at === start + 2 || (at < to && IDENTIFIER[sql[at]!] === 1)) return 0;
  return at * 8 + (mark === 0x78 ? LITERAL.hex : LITERAL.bit);
}

function exponentEnd(sql: Buffer, from: number, to: number): number {
  if (from + 1 >= to || FOLDED[sql[from]!] !== 0x65) return 0;
  let at = from + 1;
  if (sql[at] === 0x2b || sql[at] === 0x2d) at++;
  if (at >= to || !isDigit(sql[at]!)) return 0;
  while (at < to && isDigit(sql[at]!)) at++;
  return at;
}

/** Operators of two and three bytes are one token, so that a digest never joins what stood apart. */
export function operatorLength(sql: Buffer, at: number, to: number): number {
  const first = sql[at]!;
  const second = at + 1 < to ? sql[at + 1]! : 0;
  const third = at + 2 < to ? sql[at + 2]! : 0;
  switch (first) {
    case 0x3c: // <
      if (second === 0x3d) return third === 0x3e ? 3 : 2;
      return second === 0x3e || second === 0x3c ? 2 : 1;
    case 0x3e: // >
      return second === 0x3d || second === 0x3e ? 2 : 1;
    case 0x21: // !
    case 0x3a: // :
      return second === 0x3d ? 2 : 1;
    case 0x7c: // |
    case 0x26: // &
      return second === first ? 2 : 1;
    case 0x2d: // -
      if (second !== 0x3e) return 1;
      return third === 0x3e ? 3 : 2;
    default:
      return 1;
  }
}
