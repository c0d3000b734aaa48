/**
 * The second opinion: sqlparser-rs, as WebAssembly, reads the digest, with each literal replaced by a marker
 * that leads back to its slot. It never sees a raw statement; and what it is known to refuse although we
 * understand it is taken out or put in other words first. docs/decisions/0008-parser.md tells why this one.
 */
import { init, Parser, ParserError } from '@guanmingchiu/sqlparser-ts';
import { keyword } from './keywords.ts';
import { type Lexed, LITERAL, TOKEN } from './lexed.ts';
import { readStructure, type Structure } from './structure.ts';
import type { TokenList } from './token-list.ts';
import type { Verb } from './verb.ts';

/** A longer text is not parsed. */
const PARSE_LENGTH_MAX = 4096;
/**
 * Nor is one of more tokens: a chain of operators makes a tree as deep as it is long, and at about 1,000 tokens
 * the parser's own stack overflows, after which it answers nothing any more.
 */
export const PARSE_TOKENS_MAX = 400;
/** A token of an expression is a sign at the least. */
const EXPRESSION_LENGTH_MAX = PARSE_TOKENS_MAX;
/** Markers are this large, so that no other number of the text is taken for one: there is no other. */
const MARKER_BASE = 700_000_000;

/** `broken`: it overran its memory once, so that what it would say now can't be relied on. */
type ParserState = 'absent' | 'ready' | 'broken';
let state: ParserState = 'absent';
let tellOfBreak: (text: string) => void = () => {};

/** Loads the parser, once a process. Until then, plans rest on our own reading alone. */
export async function loadParser(): Promise<void> {
  await init();
  if (state === 'absent') state = 'ready';
}

/** False: it is not there yet, or has broken, and a new process alone brings it back. */
export function parserAnswers(): boolean {
  return state === 'ready';
}

/** `broken` is called once, with the digest that the parser broke on: literals are markers in it. */
export function watchParser(broken: (text: string) => void): void {
  tellOfBreak = broken;
}

/** Null where the parser refuses the digest, or it is too long, or there is no parser. Never throws. */
export function parseStructure(list: TokenList, lexed: Lexed, verb: Verb): Structure | null {
  if (state !== 'ready' || list.length > PARSE_TOKENS_MAX) return null;
  const text = markedText(list, lexed, verb);
  if (text === null) return null;
  try {
    return readStructure(Parser.parse(text, 'mysql'), slotOf);
  } catch (error) {
    if (!isRefusal(error) && !stillAnswers()) {
      state = 'broken';
      tellOfBreak(text);
    }
    return null;
  }
}

/** The parser's tree of an expression in a server's own words; null: as above. Never throws. */
export function parseExpression(text: string): unknown {
  if (state !== 'ready' || text.length > EXPRESSION_LENGTH_MAX) return null;
  try {
    return Parser.parse(`SELECT ${text}`, 'mysql');
  } catch (error) {
    if (!isRefusal(error) && !stillAnswers()) {
      state = 'broken';
      tellOfBreak('the expression of a column');
    }
    return null;
  }
}

function slotOf(literal: string): number {
  const slot = Number(literal) - MARKER_BASE;
  return Number.isInteger(slot) ? slot : -1;
}

/** The parser's own refusals begin so; its tokenizer's do not, and those of a memory that was overrun neither. */
function isRefusal(error: unknown): boolean {
  return error instanceof ParserError && error.message.startsWith('sql parser error');
}

function stillAnswers(): boolean {
  try {
    Parser.parse('SELECT 1', 'mysql');
    return true;
  } catch {
    return false;
  }
}

// ---- the text that the parser is given ---------------------------------------------------------------------

const INDEX = keyword('INDEX');
const KEY = keyword('KEY');
const FOR = keyword('FOR');
const USE = keyword('USE');
const FORCE = keyword('FORCE');
const IGNORE = keyword('IGNORE');
const PARTITION = keyword('PARTITION');
const OVER = keyword('OVER');
const BY = keyword('BY');
const SET = keyword('SET');
const UPDATE = keyword('UPDATE');
const DOUBLE_AMPERSAND = 0x2626;
/** They stand before a statement, which the parser reads better alone. */
const EXPLAINING = new Set(['ANALYZE', 'EXPLAIN', 'DESCRIBE', 'DESC'].map(keyword));

/** Words that change how, not what. */
const LEFT_OUT = new Set(
  [
    'DELAYED',
    'LOW_PRIORITY',
    'HIGH_PRIORITY',
    'QUICK',
    'SQL_CALC_FOUND_ROWS',
    'SQL_NO_CACHE',
    'SQL_CACHE',
    'SQL_BUFFER_RESULT',
    'SQL_SMALL_RESULT',
    'SQL_BIG_RESULT',
  ].map(keyword),
);

function markedText(list: TokenList, lexed: Lexed, verb: Verb): string | null {
  const types = slotTypes(lexed);
  let text = '';
  let index = statementStart(list, verb);
  while (index < list.length) {
    const skipped = skipLeftOut(list, index);
    if (skipped > index) {
      index = skipped;
      continue;
    }
    const joins = list.is(index, TOKEN.dot) || list.is(index - 1, TOKEN.dot) || list.is(index, TOKEN.open);
    text += (joins ? '' : ' ') + (isTableComma(list, index, verb) ? 'JOIN' : markedToken(list, index, types));
    if (text.length > PARSE_LENGTH_MAX) return null;
    index++;
  }
  return text;
}

/** Tables of an UPDATE that commas part: the parser knows them joined by the word alone. */
function isTableComma(list: TokenList, index: number, verb: Verb): boolean {
  if (verb.word !== UPDATE || !list.is(index, TOKEN.comma) || list.depth(index) !== 0) return false;
  for (let before = index - 1; before > verb.at; before--) {
    if (list.depth(before) === 0 && list.keyword(before) === SET) return false;
  }
  return true;
}

/** SET STATEMENT … FOR and EXPLAIN are left out: the parser reads what stands behind them. */
function statementStart(list: TokenList, verb: Verb): number {
  return EXPLAINING.has(list.keyword(list.first)) ? verb.at : list.first;
}

function markedToken(list: TokenList, index: number, types: readonly number[]): string {
  const slot = list.slot(index);
  if (slot !== -1) {
    const marker = MARKER_BASE + slot;
    return types[slot] === LITERAL.string ? `'${marker}'` : String(marker);
  }
  if (list.is(index, TOKEN.more)) return '';
  // Between rows of different shapes the comma is the lexer's, and stands nowhere in the text.
  if (list.is(index, TOKEN.comma)) return ',';
  // To the parser this is an operator of another database, which binds otherwise.
  if (list.operator(index) === DOUBLE_AMPERSAND) return 'AND';
  if (list.is(index, TOKEN.quoted)) return `\`${list.name(index).replaceAll('`', '``')}\``;
  return list.text(index);
}

function slotTypes(lexed: Lexed): number[] {
  const types: number[] = [];
  for (let index = 0; index < Math.min(lexed.literalCount, PARSE_LENGTH_MAX); index++) {
    types[lexed.literalSlot(index)] = lexed.literalType(index);
  }
  return types;
}

/** Index behind what is left out at `index`; `index` itself where nothing is. */
function skipLeftOut(list: TokenList, index: number): number {
  const word = list.keyword(index);
  if (word === 0 || list.isTablePosition(index)) return index;
  const next = list.keyword(index + 1);
  if ((word === USE || word === FORCE || word === IGNORE) && (next === INDEX || next === KEY)) {
    let open = index + 2;
    if (list.keyword(open) === FOR) open += list.keyword(open + 2) === BY ? 3 : 2;
    return list.is(open, TOKEN.open) && list.partner(open) !== -1 ? list.partner(open) + 1 : index;
  }
  if (word === PARTITION && list.is(index + 1, TOKEN.open) && list.keyword(index - 1) !== OVER) {
    return list.partner(index + 1) === -1 ? index : list.partner(index + 1) + 1;
  }
  if (word === IGNORE) return index + 1;
  return LEFT_OUT.has(word) && !list.is(index + 1, TOKEN.comma) && index > 0 ? index + 1 : index;
}
