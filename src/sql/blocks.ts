/**
 * The query blocks of a statement: every SELECT (also each one of a UNION), and the statement's own UPDATE,
 * DELETE or INSERT. A name in a WHERE clause belongs to the tables of its block, unless a block outside has it.
 */
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

const SELECT = keyword('SELECT');
const VALUES = keyword('VALUES');
const WITH = keyword('WITH');
const UNION = keyword('UNION');
const EXCEPT = keyword('EXCEPT');
const INTERSECT = keyword('INTERSECT');
const MINUS = keyword('MINUS');
const ALL = keyword('ALL');
const DISTINCT = keyword('DISTINCT');
const INSERT = keyword('INSERT');
const REPLACE = keyword('REPLACE');
const CREATE = keyword('CREATE');
const ORDER = keyword('ORDER');
const LIMIT = keyword('LIMIT');
const FETCH = keyword('FETCH');

export class Blocks {
  /** Number of the block that each token stands in. */
  readonly of: Int32Array;
  /** Depth of parentheses at which each block's own clauses stand. */
  readonly depths: number[] = [0];
  private readonly list: TokenList;
  /** For each token, the first one from it on that is no opening parenthesis. */
  private readonly behindOpens: Int32Array;

  constructor(list: TokenList, verb: number) {
    this.list = list;
    this.behindOpens = new Int32Array(list.length + 1).fill(list.length);
    for (let index = list.length - 1; index >= 0; index--) {
      this.behindOpens[index] = list.is(index, TOKEN.open) ? this.behindOpens[index + 1]! : index;
    }
    this.of = new Int32Array(list.length);
    this.assign(verb === INSERT || verb === REPLACE || verb === CREATE);
  }

  /** True where the token is a clause of its block, not part of an expression in parentheses. */
  isClause(index: number): boolean {
    return this.list.depth(index) === this.depths[this.of[index]!];
  }

  /** LIMIT (or FETCH FIRST) in a block without an ORDER BY before it. */
  limitWithoutOrder(): boolean {
    const ordered = new Set<number>();
    for (let index = 0; index < this.list.length; index++) {
      if (!this.isClause(index)) continue;
      const word = this.list.keyword(index);
      if (word === ORDER) ordered.add(this.of[index]!);
      else if ((word === LIMIT || word === FETCH) && !ordered.has(this.of[index]!)) return true;
    }
    return false;
  }

  isLimited(): boolean {
    for (let index = 0; index < this.list.length; index++) {
      const word = this.list.keyword(index);
      if (this.isClause(index) && (word === LIMIT || word === FETCH)) return true;
    }
    return false;
  }

  /** ORDER BY of the statement's own result. */
  isOrdered(): boolean {
    let outer = 0;
    while (this.list.partner(outer) === this.list.length - 1 - outer && this.list.is(outer, TOKEN.open))
      outer++;
    for (let index = outer; index < this.list.length; index++) {
      if (this.list.depth(index) === outer && this.list.keyword(index) === ORDER) return true;
    }
    return false;
  }

  private assign(targetsFirst: boolean): void {
    const { list } = this;
    const stack: number[] = [];
    let current = 0;
    let selectOpensBlock = targetsFirst;
    for (let index = 0; index < list.length; index++) {
      if (list.is(index, TOKEN.close) && stack.length > 0) current = stack.pop()!;
      const word = list.keyword(index);
      const isClause = list.depth(index) === this.depths[current];
      if (isClause && selectOpensBlock && (word === SELECT || word === WITH)) {
        selectOpensBlock = false;
        current = this.add(list.depth(index));
      } else if (isClause && this.isSetOperator(index, word)) {
        current = this.add(list.depth(index));
      }
      this.of[index] = current;
      if (list.is(index, TOKEN.open)) {
        stack.push(current);
        if (this.opensQuery(index)) current = this.add(list.depth(index) + 1);
      }
    }
  }

  private add(depth: number): number {
    return this.depths.push(depth) - 1;
  }

  private opensQuery(open: number): boolean {
    const word = this.list.keyword(this.behindOpens[open]!);
    return word === SELECT || word === VALUES || word === WITH;
  }

  /** EXCEPT, INTERSECT and MINUS may be names: they count only where a query follows. */
  private isSetOperator(index: number, word: number): boolean {
    if (word === UNION) return true;
    if (word !== EXCEPT && word !== INTERSECT && word !== MINUS) return false;
    const next = this.list.keyword(index + 1);
    const query = next === ALL || next === DISTINCT ? index + 2 : index + 1;
    const opening = this.list.keyword(this.behindOpens[query] ?? query);
    return opening === SELECT || opening === VALUES;
  }
}
