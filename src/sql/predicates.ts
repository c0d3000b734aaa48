/**
 * The predicates that bind columns to literals. One counts only where it is a whole conjunct of the top-level
 * AND of its clause, so that no precedence rule of the expression around it can change what it means.
 */
import type { Blocks } from './blocks.ts';
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { Predicate } from './plan.ts';
import type { TableReference } from './tables.ts';
import type { TokenList } from './token-list.ts';

const WHERE = keyword('WHERE');
const ON = keyword('ON');
const AND = keyword('AND');
const OR = keyword('OR');
const XOR = keyword('XOR');
const IN = keyword('IN');
const BETWEEN = keyword('BETWEEN');
const CASE = keyword('CASE');
const END = keyword('END');
const SELECT = keyword('SELECT');
const JOIN = keyword('JOIN');
const DUPLICATE = keyword('DUPLICATE');
const OUTER_JOINS = new Set(['LEFT', 'RIGHT', 'NATURAL', 'OUTER', 'ON'].map(keyword));

/** Reserved words that end a WHERE or ON clause. */
const CLAUSE_ENDS = new Set(
  [
    'WHERE',
    'GROUP',
    'ORDER',
    'HAVING',
    'LIMIT',
    'FOR',
    'LOCK',
    'UNION',
    'INTO',
    'PROCEDURE',
    'FETCH',
    'SET',
    'JOIN',
    'INNER',
    'CROSS',
    'LEFT',
    'RIGHT',
    'NATURAL',
    'STRAIGHT_JOIN',
    'ON',
    'USING',
  ].map(keyword),
);
/** Unreserved ones: behind a complete operand they can be no names. */
const SOFT_ENDS = new Set(['RETURNING', 'WINDOW', 'OFFSET', 'EXCEPT', 'INTERSECT', 'MINUS'].map(keyword));

const EQUALS = 0x3d;
const NULL_SAFE_EQUALS = 0x3c3d3e;
const DOUBLE_AMPERSAND = 0x2626;
const DOUBLE_BAR = 0x7c7c;
const ASSIGN = 0x3a3d;
/** A JOIN is looked for so many tokens before its ON; what stands in parentheses is skipped. */
const JOIN_TOKENS_MAX = 500;
/** Conjuncts in parentheses are followed this deep. */
const NESTING_MAX = 32;

export function readPredicates(
  list: TokenList,
  blocks: Blocks,
  tables: readonly TableReference[],
): Predicate[] {
  const found: Predicate[] = [];
  const byBlock = new Map<number, number[]>();
  tables.forEach(({ block }, index) => {
    const indexes = byBlock.get(block);
    if (indexes === undefined) byBlock.set(block, [index]);
    else indexes.push(index);
  });
  for (let index = 0; index < list.length; index++) {
    const word = list.keyword(index);
    if ((word !== WHERE && word !== ON) || !blocks.isClause(index)) continue;
    if (word === ON && !isInnerJoin(list, blocks, index)) continue;
    const reader = new ClauseReader(list, tables, {
      candidates: byBlock.get(blocks.of[index]!) ?? [],
      outer: word === WHERE && blocks.depths[blocks.of[index]!] === 0,
    });
    reader.conjuncts(index + 1, clauseEnd(list, blocks, index), 0);
    found.push(...reader.found);
  }
  return found;
}

function clauseEnd(list: TokenList, blocks: Blocks, from: number): number {
  const depth = list.depth(from);
  const block = blocks.of[from]!;
  let index = from + 1;
  for (; index < list.length; index++) {
    if (list.depth(index) < depth) return index;
    if (list.depth(index) > depth) continue;
    if (list.is(index, TOKEN.close) && list.partner(index) < from) return index;
    if (blocks.of[index] !== block) return index;
    const word = list.keyword(index);
    // LEFT(…) and RIGHT(…) are functions too.
    if (CLAUSE_ENDS.has(word) && !list.is(index + 1, TOKEN.open)) return index;
    if (word === JOIN || word === ON) return index;
    if (SOFT_ENDS.has(word) && endsOperand(list, index - 1)) return index;
    if (list.is(index, TOKEN.comma)) return index;
  }
  return index;
}

function endsOperand(list: TokenList, index: number): boolean {
  const kind = list.kind(index);
  return kind === TOKEN.literal || kind === TOKEN.close || list.isIdentifier(index);
}

/** ON of a join that is neither LEFT, RIGHT nor NATURAL, and not ON DUPLICATE KEY. */
function isInnerJoin(list: TokenList, blocks: Blocks, on: number): boolean {
  if (list.keyword(on + 1) === DUPLICATE) return false;
  let steps = 0;
  for (let index = on - 1; index >= 0 && steps < JOIN_TOKENS_MAX; index--, steps++) {
    if (list.is(index, TOKEN.close) && list.partner(index) !== -1) index = list.partner(index);
    if (list.depth(index) !== list.depth(on) || blocks.of[index] !== blocks.of[on]) continue;
    if (list.keyword(index) === JOIN) return !OUTER_JOINS.has(list.keyword(index - 1));
  }
  return false;
}

class ClauseReader {
  readonly found: Predicate[] = [];
  private readonly list: TokenList;
  private readonly tables: readonly TableReference[];
  /** Indexes of the tables of the clause's block. */
  private readonly candidates: readonly number[];
  private readonly outer: boolean;

  constructor(
    list: TokenList,
    tables: readonly TableReference[],
    clause: { readonly candidates: readonly number[]; readonly outer: boolean },
  ) {
    this.list = list;
    this.tables = tables;
    this.candidates = clause.candidates;
    this.outer = clause.outer;
  }

  /** Splits [from, to) at its ANDs; an OR, XOR or assignment at this level makes all of it unknown. */
  conjuncts(from: number, to: number, nesting: number): void {
    if (nesting > NESTING_MAX) return;
    const { list } = this;
    const cuts: number[] = [];
    let betweens = 0;
    let cases = 0;
    for (let index = from; index < to; index++) {
      if (list.is(index, TOKEN.open)) {
        const close = list.partner(index);
        if (close === -1) return;
        index = close;
        continue;
      }
      const word = list.keyword(index);
      const operator = list.operator(index);
      if (word === CASE) cases++;
      else if (word === END && cases > 0) cases--;
      else if (cases > 0) continue;
      else if (word === BETWEEN) betweens++;
      else if (word === AND && betweens > 0) betweens--;
      else if (word === AND || operator === DOUBLE_AMPERSAND) cuts.push(index);
      else if (word === OR || word === XOR || operator === DOUBLE_BAR || operator === ASSIGN) return;
    }
    if (cases > 0 || betweens > 0) return;
    let start = from;
    for (const cut of [...cuts, to]) {
      this.conjunct(start, cut, nesting);
      start = cut + 1;
    }
  }

  private conjunct(from: number, to: number, nesting: number): void {
    const { list } = this;
    if (list.is(from, TOKEN.open) && list.partner(from) === to - 1) {
      if (list.keyword(from + 1) !== SELECT) this.conjuncts(from + 1, to - 1, nesting + 1);
      return;
    }
    if (list.isIdentifier(from)) {
      const end = list.chainEnd(from);
      this.comparison(from, end, to);
    } else if (list.slot(from) !== -1 && isEquality(list.operator(from + 1))) {
      if (list.isIdentifier(from + 2) && list.chainEnd(from + 2) === to) {
        this.add(from + 2, to, list.slot(from), false, false);
      }
    } else if (list.is(from, TOKEN.open)) {
      this.tuples(from, to);
    }
  }

  /** `column = literal` and `column IN (literals)`, and nothing more. */
  private comparison(from: number, end: number, to: number): void {
    const { list } = this;
    if (isEquality(list.operator(end)) && end + 2 === to && list.slot(end + 1) !== -1) {
      this.add(from, end, list.slot(end + 1), false, false);
      return;
    }
    if (list.keyword(end) !== IN || !list.is(end + 1, TOKEN.open)) return;
    const isList = list.slot(end + 2) !== -1 && list.is(end + 3, TOKEN.more) && end + 5 === to;
    if (isList && list.is(end + 4, TOKEN.close)) this.add(from, end, list.slot(end + 2), true, false);
  }

  /** `(a, b) = (1, 2)` and `(a, b) IN ((1, 2), …)`. */
  private tuples(from: number, to: number): void {
    const { list } = this;
    const close = list.partner(from);
    const columns = elements(list, from, close);
    if (columns === null) return;
    const isList = list.keyword(close + 1) === IN;
    if (!isList && !isEquality(list.operator(close + 1))) return;
    const open = isList ? close + 3 : close + 2;
    const end = list.partner(open);
    if (!list.is(open, TOKEN.open) || end === -1) return;
    const whole = isList
      ? list.is(close + 2, TOKEN.open) && list.is(end + 1, TOKEN.more) && end + 3 === to
      : end + 1 === to;
    const values = elements(list, open, end);
    if (!whole || values === null || values.length !== columns.length) return;
    columns.forEach(([start, stop], index) => {
      const [at, behind] = values[index]!;
      const isColumn = list.isIdentifier(start) && list.chainEnd(start) === stop;
      if (isColumn && behind === at + 1 && list.slot(at) !== -1) {
        this.add(start, stop, list.slot(at), isList, true);
      }
    });
  }

  private add(from: number, end: number, slot: number, isList: boolean, tuple: boolean): void {
    const tables = resolveColumn(this.list, from, end, this.tables, this.candidates);
    if (tables.length === 0) return;
    const column = this.list.name(end - 1);
    this.found.push({ tables, column, slots: [slot], list: isList, tuple, outer: this.outer });
  }
}

/** The spans of the comma-separated elements between two parentheses; null where there are none. */
export function elements(list: TokenList, open: number, close: number): [number, number][] | null {
  if (close === -1 || close === open + 1) return null;
  const found: [number, number][] = [];
  let start = open + 1;
  for (let index = start; index <= close; index++) {
    if (index === close || (list.is(index, TOKEN.comma) && list.depth(index) === list.depth(open) + 1)) {
      found.push([start, index]);
      start = index + 1;
    }
  }
  return found;
}

/** No server joins more tables: of a statement that names more in one block, no column's table is looked for. */
const JOINED_TABLES_MAX = 64;

/**
 * The tables (indexes in `tables`) that the column in [from, end) may belong to, among the candidates of its
 * block. A qualifier that is none of them names a table of a block outside: then there is none.
 */
export function resolveColumn(
  list: TokenList,
  from: number,
  end: number,
  tables: readonly TableReference[],
  candidates: readonly number[],
): readonly number[] {
  if (candidates.length > JOINED_TABLES_MAX) return [];
  const parts = (end - from + 1) / 2;
  if (parts === 1) return candidates;
  const qualifier = list.name(end - 3);
  const database = parts > 2 ? list.name(from) : null;
  return candidates.filter((index) => {
    const table = tables[index]!;
    if (table.alias !== qualifier || (database !== null && table.name !== table.alias)) return false;
    return database === null || table.database === null || table.database === database;
  });
}

function isEquality(operator: number): boolean {
  return operator === EQUALS || operator === NULL_SAFE_EQUALS;
}
