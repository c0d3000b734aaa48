/** What a byte may begin or continue: one table look-up instead of a chain of comparisons. */

export const BYTE = {
  operator: 0,
  blank: 1,
  letter: 2,
  digit: 3,
  singleQuote: 4,
  doubleQuote: 5,
  backtick: 6,
  minus: 7,
  hash: 8,
  slash: 9,
  star: 10,
  open: 11,
  close: 12,
  comma: 13,
  dot: 14,
  semicolon: 15,
  at: 16,
  question: 17,
  backslash: 18,
  brace: 19,
} as const;

/** The class of every byte, by the first rules of MySQL's lexer. */
export const BYTE_CLASS = new Uint8Array(256);
/** 1 where the byte may stand inside an unquoted identifier. */
export const IDENTIFIER = new Uint8Array(256);
/** ASCII letters in lower case, all other bytes as they are. */
export const FOLDED = new Uint8Array(256);

for (let byte = 0; byte < 256; byte++) {
  const upper = byte >= 0x41 && byte <= 0x5a;
  const letter = upper || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte === 0x24 || byte >= 0x80;
  const digit = byte >= 0x30 && byte <= 0x39;
  FOLDED[byte] = upper ? byte + 32 : byte;
  IDENTIFIER[byte] = letter || digit ? 1 : 0;
  if (letter) BYTE_CLASS[byte] = BYTE.letter;
  if (digit) BYTE_CLASS[byte] = BYTE.digit;
  if (isBlank(byte)) BYTE_CLASS[byte] = BYTE.blank;
}

const SINGLE: readonly (readonly [string, number])[] = [
  ["'", BYTE.singleQuote],
  ['"', BYTE.doubleQuote],
  ['`', BYTE.backtick],
  ['-', BYTE.minus],
  ['#', BYTE.hash],
  ['/', BYTE.slash],
  ['*', BYTE.star],
  ['(', BYTE.open],
  [')', BYTE.close],
  [',', BYTE.comma],
  ['.', BYTE.dot],
  [';', BYTE.semicolon],
  ['@', BYTE.at],
  ['?', BYTE.question],
  ['\\', BYTE.backslash],
  ['{', BYTE.brace],
];
for (const [character, kind] of SINGLE) BYTE_CLASS[character.charCodeAt(0)] = kind;

/** Space, and TAB to CR: what MySQL's lexer skips between tokens. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

export function isHexDigit(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}
