/** The bytes that a quoted string stands for. Source: MySQL manual, "String Literals". */
import { characterLength } from './charset.ts';
import type { SqlMode } from './sql-mode.ts';

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const UNDERSCORE = 0x5f;

/** What a letter behind a backslash stands for; any other character stands for itself. */
const ESCAPES = new Map<number, number>([
  [0x30, 0x00],
  [0x62, 0x08],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x5a, 0x1a],
]);

/** Unescapes the string in [from, to), quotes included, to its bytes in the client's character set. */
export function unescapeString(sql: Buffer, from: number, to: number, mode: SqlMode): Buffer {
  const quote = sql[from]!;
  const end = to - from > 1 && sql[to - 1] === quote ? to - 1 : to;
  const bytes = Buffer.allocUnsafe(Math.max(0, end - from - 1));
  let length = 0;
  let at = from + 1;
  while (at < end) {
    const byte = sql[at]!;
    const width = byte < 0x80 ? 1 : characterLength(sql, at, end, mode.charset);
    if (width > 1) {
      length += sql.copy(bytes, length, at, at + width);
      at += width;
    } else if (byte === quote && sql[at + 1] === quote && at + 1 < end) {
      bytes[length++] = quote;
      at += 2;
    } else if (byte === BACKSLASH && !mode.noBackslashEscapes && at + 1 < end) {
      const escaped = sql[at + 1]!;
      // \% and \_ keep their backslash: LIKE reads it.
      if (escaped === PERCENT || escaped === UNDERSCORE) bytes[length++] = BACKSLASH;
      bytes[length++] = ESCAPES.get(escaped) ?? escaped;
      at += 2;
    } else {
      bytes[length++] = byte;
      at++;
    }
  }
  return bytes.subarray(0, length);
}
