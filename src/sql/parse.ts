/**
 * The second opinion: node-sql-parser reads the digest, with each literal replaced by a marker that leads back
 * to its slot. It never sees a raw statement, for it is slow (a millisecond for a short one, and more than
 * linear); and what it is known to refuse although we understand it is taken out first.
 */
import { createRequire } from 'node:module';
import type { Parser as SqlParser } from 'node-sql-parser';
import { keyword } from './keywords.ts';
import { type Lexed, LITERAL, TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

/** What the parser made of a digest. */
export interface Structure {
  /** The names of the tables it found, without databases; common table expressions may be among them. */
  readonly tables: ReadonlySet<string>;
  /** Slots that stand in a comparison of a top-level AND of some query's WHERE or ON clause. */
  readonly predicateSlots: ReadonlySet<number>;
}

/** A longer text is not parsed: the time grows faster than the text. */
export const PARSE_LENGTH_MAX = 4096;
/** Markers are this large, so that no other number of the text is taken for one: there is no other. */
const MARKER_BASE = 700_000_000;
const NESTING_MAX = 200;
/** The grammars try again from the start what stands in parentheses: for some forms twice as long each level. */
const PARSE_DEPTH_MAX = 8;
/** Words whose parentheses they read up to six times over, how deep these may stand in each other, and how many. */
const SLOW_CALLS: ReadonlySet<string> = new Set(['CAST', 'CONVERT', 'INTERVAL', 'TRIM']);
const SLOW_DEPTH_MAX = 2;
const SLOW_CALLS_MAX = 16;

const require = createRequire(import.meta.url);
let parsers: SqlParser[] | undefined;

/** Loads the parser's two grammars on first use: they take longer to load than all the rest of the program. */
function loadParsers(): SqlParser[] {
  if (parsers === undefined) {
    const mariadb = require('node-sql-parser/build/mariadb') as { Parser: typeof SqlParser };
    const mysql = require('node-sql-parser/build/mysql') as { Parser: typeof SqlParser };
    parsers = [new mariadb.Parser(), new mysql.Parser()];
  }
  return parsers;
}
const DIALECTS = ['MariaDB', 'MySQL'] as const;

/** Null where neither grammar reads it, or it is too long. */
export function parseStructure(list: TokenList, lexed: Lexed): Structure | null {
  const text = markedText(list, lexed);
  if (text === null) return null;
  for (const [index, parser] of loadParsers().entries()) {
    try {
      const ast: unknown = parser.astify(text, { database: DIALECTS[index]! });
      const found = new StructureReader();
      found.read(ast, 0);
      return found;
    } catch {
      // Refused by this grammar: not an error, the other one or our own reading goes on.
    }
  }
  return null;
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
const STATEMENT = keyword('STATEMENT');

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

function markedText(list: TokenList, lexed: Lexed): string | null {
  const types = slotTypes(lexed);
  let text = '';
  let index = statementStart(list);
  while (index < list.length) {
    const skipped = skipLeftOut(list, index);
    if (skipped > index) {
      index = skipped;
      continue;
    }
    const joins = list.is(index, TOKEN.dot) || list.is(index - 1, TOKEN.dot) || list.is(index, TOKEN.open);
    text += (joins ? '' : ' ') + markedToken(list, index, types);
    if (text.length > PARSE_LENGTH_MAX) return null;
    index++;
  }
  return isSlow(list) ? null : text;
}

/** Would the parser take more than a few milliseconds over it? */
function isSlow(list: TokenList): boolean {
  const closes: number[] = [];
  let calls = 0;
  for (let index = 0; index < list.length; index++) {
    if (list.depth(index) > PARSE_DEPTH_MAX) return true;
    if (index === closes.at(-1)) closes.pop();
    if (!list.is(index, TOKEN.word) || !list.is(index + 1, TOKEN.open)) continue;
    if (!SLOW_CALLS.has(list.text(index).toUpperCase())) continue;
    if (++calls > SLOW_CALLS_MAX || closes.length === SLOW_DEPTH_MAX) return true;
    closes.push(list.partner(index + 1));
  }
  return false;
}

/** SET STATEMENT … FOR is left out: the parser reads what stands behind it. */
function statementStart(list: TokenList): number {
  if (list.keyword(0) !== SET || list.keyword(1) !== STATEMENT) return 0;
  for (let index = 2; index < list.length; index++) {
    if (list.depth(index) === 0 && list.keyword(index) === FOR) return index + 1;
  }
  return 0;
}

function markedToken(list: TokenList, index: number, types: readonly number[]): string {
  const slot = list.slot(index);
  if (slot !== -1) {
    const marker = MARKER_BASE + slot;
    return types[slot] === LITERAL.string ? `'${marker}'` : String(marker);
  }
  if (list.is(index, TOKEN.more)) return '';
  if (list.is(index, TOKEN.quoted)) return `\`${list.name(index).replaceAll('`', '')}\``;
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

// ---- what its tree says ------------------------------------------------------------------------------------

type Node = Readonly<Record<string, unknown>>;

/** Walks the parser's tree, whose shape differs by statement and dialect, by the few names that all share. */
class StructureReader implements Structure {
  readonly tables = new Set<string>();
  readonly predicateSlots = new Set<number>();

  read(value: unknown, nesting: number): void {
    if (nesting > NESTING_MAX) throw new RangeError('the tree is too deep');
    if (Array.isArray(value)) {
      for (const element of value) this.read(element, nesting + 1);
      return;
    }
    if (!isNode(value)) return;
    if (typeof value.table === 'string' && 'db' in value && value.type !== 'column_ref') {
      this.tables.add(value.table);
    }
    if (isNode(value.where)) this.conjuncts(value.where, nesting + 1);
    if (isNode(value.on)) this.conjuncts(value.on, nesting + 1);
    for (const child of Object.values(value)) {
      if (typeof child === 'object') this.read(child, nesting + 1);
    }
  }

  private conjuncts(node: Node, nesting: number): void {
    if (nesting > NESTING_MAX || node.type !== 'binary_expr') return;
    const operator = String(node.operator).toUpperCase();
    if (operator === 'AND' || operator === '&&') {
      if (isNode(node.left)) this.conjuncts(node.left, nesting + 1);
      if (isNode(node.right)) this.conjuncts(node.right, nesting + 1);
    } else if (operator === '=' || operator === '<=>' || operator === 'IN') {
      this.operand(node.left);
      this.operand(node.right);
    }
  }

  /** A literal, or a list of literals or of lists of them. */
  private operand(value: unknown, nesting = 0): void {
    if (!isNode(value) || nesting > 2) return;
    if (value.type === 'expr_list' && Array.isArray(value.value)) {
      for (const element of value.value) this.operand(element, nesting + 1);
      return;
    }
    const marker = Number(value.value) - MARKER_BASE;
    if (Number.isInteger(marker) && marker >= 0) this.predicateSlots.add(marker);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
