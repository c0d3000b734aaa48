/**
 * Comments whose content is SQL. Servers execute the content of `/*!50100 … *\/` if they are of that version
 * or a later one; MariaDB skips 5.7.0 and later up to 9.99.99, and MySQL skips all of MariaDB's `/*M! … *\/`.
 */
import { FOLDED, isDigit } from './byte-classes.ts';

/** Every server in use is later, and MariaDB doesn't skip it. */
const ALWAYS_EXECUTED_MAX = 50503;
const MARIADB_ONLY = 0x40000000;

/** Version digits of the comment that opens at `open` (0: none), marked if only MariaDB reads it. */
export function executableCommentVersion(
  sql: Buffer,
  open: number,
  to: number,
): { readonly version: number; readonly end: number } {
  const mariadb = sql[open + 2] === 0x4d;
  const digits = open + (mariadb ? 4 : 3);
  let end = digits;
  let version = 0;
  while (end < to && end < digits + 6 && isDigit(sql[end]!)) version = version * 10 + sql[end++]! - 0x30;
  // Five or six digits are a version; fewer belong to the content.
  if (end - digits < 5) {
    version = 0;
    end = digits;
  }
  return { version: mariadb ? version | MARIADB_ONLY : version, end };
}

export function isAlwaysExecuted(version: number): boolean {
  return version <= ALWAYS_EXECUTED_MAX;
}

/** MySQL manual: "Variable-Setting Hint Syntax". */
export const SET_VAR_SINCE = 80003;
const SET_VAR = Buffer.from('set_var');

/** Is the comment from `open` to `end` a hint of MySQL with SET_VAR in it? */
export function setsVariables(sql: Buffer, open: number, end: number): boolean {
  if (sql[open + 2] !== 0x2b) return false;
  for (let at = open + 3; at + SET_VAR.length <= end; at++) {
    let length = 0;
    while (length < SET_VAR.length && FOLDED[sql[at + length]!] === SET_VAR[length]) length++;
    if (length === SET_VAR.length) return true;
  }
  return false;
}
