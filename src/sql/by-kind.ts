/** Whether MariaDB and MySQL may make another value of what a statement says, and say nothing of it. Once a digest. */
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

const SLASH = 0x2f;

/**
 * With a string among numbers, MariaDB takes the greatest of numbers and MySQL that of texts; patterns are PCRE's on
 * one and ICU's on the other; MySQL puts a document's members in an order of its own. With nothing to fill up with, LPAD()
 * and RPAD() give NULL or the text; of times they take dates, fractions and what is too long for one otherwise.
 */
const CALLED =
  /^(?:greatest|least|compress|[lr]pad|timediff|sec_to_time|time_to_sec|regexp_\w+|json_(?:arrayagg|extract|insert|keys|merge\w*|object|objectagg|query|remove|replace|set|array_(?:append|insert)))$/i;
const PATTERNS = /^(?:regexp|rlike)$/i;

/**
 * A quotient of exact numbers is one such: MySQL rounds it to `div_precision_increment` digits more than it began with
 * (four by default), MariaDB keeps nine at least until it is stored, so that 10/3 in a DOUBLE is 3.3333 on one and
 * 3.333333333 on the other. MySQL manual: "Arithmetic Operators".
 */
export function differsByKind(list: TokenList): boolean {
  for (let index = 0; index < list.length; index++) {
    if (list.operator(index) === SLASH) return true;
    if (list.kind(index) !== TOKEN.word) continue;
    const word = list.text(index);
    if (PATTERNS.test(word) || (list.is(index + 1, TOKEN.open) && CALLED.test(word))) return true;
  }
  return false;
}
