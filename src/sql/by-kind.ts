/** Whether MariaDB and MySQL may make another value of what a statement says, and say nothing of it. Once a digest. */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

const SLASH = 0x2f;
const ASSIGN = 0x3a3d;
const DOUBLE_AMPERSAND = 0x2626;
const DOUBLE_BAR = 0x7c7c;
const VALUES = keyword('VALUES');
const DUPLICATE = keyword('DUPLICATE');

/**
 * With a string among numbers, MariaDB takes the greatest of numbers and MySQL that of texts; patterns are PCRE's on
 * one and ICU's on the other; MySQL puts a document's members in an order of its own. With nothing to fill up with, LPAD()
 * and RPAD() give NULL or the text; of times they take dates, fractions and what is too long for one otherwise. Before
 * 1970 and past 2038 one gives NULL, or no other zone's time, where the other reckons; and the hours of a time past 24
 * are a day to MariaDB's EXTRACT().
 */
const CALLED =
  /^(?:greatest|least|compress|[lr]pad|timediff|sec_to_time|time_to_sec|unix_timestamp|convert_tz|from_days|extract|regexp_\w+|json_(?:arrayagg|compact|detailed|extract|insert|keys|loose|merge\w*|object|objectagg|pretty|query|remove|replace|set|array_(?:append|insert)))$/i;
const PATTERNS = /^(?:regexp|rlike)$/i;
/** What the session's moment gives is the same. */
const CLOCK = /^unix_timestamp$/i;
/** As an operator, and as character sets. */
const DEPRECATED = /^(?:binary|utf8|utf8mb3|sql_no_cache)$/i;

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
    if (PATTERNS.test(word) || isCalled(list, index, word)) return true;
  }
  return false;
}

function isCalled(list: TokenList, index: number, word: string): boolean {
  if (!list.is(index + 1, TOKEN.open) || !CALLED.test(word)) return false;
  return !(CLOCK.test(word) && list.is(index + 2, TOKEN.close));
}

/** How many words and signs stand in it that MySQL 8 and later warn of, once each. MySQL manual: "What Is New". */
export function deprecatedWords(list: TokenList): number {
  let count = 0;
  let isUpsert = false;
  for (let index = 0; index < list.length; index++) {
    const operator = list.operator(index);
    if (operator === DOUBLE_AMPERSAND || operator === DOUBLE_BAR || operator === ASSIGN) count++;
    if (list.kind(index) !== TOKEN.word) continue;
    const word = list.keyword(index);
    if (word === DUPLICATE) isUpsert = true;
    else if (isUpsert && word === VALUES) count++;
    else if (DEPRECATED.test(list.text(index))) count++;
  }
  return count;
}
