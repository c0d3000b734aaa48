/**
 * Takes the tokens that the lexer finds, in order, and settles what only a neighbour can tell: whether a minus
 * is a sign, where a dotted name ends, which literals belong to which row, and where table names stand.
 */
import { CHARSET_TAG } from './charset.ts';
import { CompoundDetector } from './compound.ts';
import { Digester } from './digester.ts';
import { DottedChain } from './dotted-chain.ts';
import { InsertRows } from './insert-rows.ts';
import { FLAG, keyword, keywordFlags } from './keywords.ts';
import { CHAIN, Lexed, LITERAL, POSITION, TOKEN } from './lexed.ts';
import { LiteralPrefix } from './literal-prefix.ts';
import { RepeatedRow } from './repeated-row.ts';
import { skipBlanks } from './scan.ts';
import type { SqlMode } from './sql-mode.ts';
import { TablePosition } from './table-position.ts';

const NULL = keyword('NULL');
const TRUE = keyword('TRUE');
const FALSE = keyword('FALSE');
const DEFAULT = keyword('DEFAULT');
const ROW = keyword('ROW');
const OJ = keyword('OJ');
const QUICK = keyword('QUICK');
const HISTORY = keyword('HISTORY');
const DELETE = keyword('DELETE');
const LOW_PRIORITY = keyword('LOW_PRIORITY');

const OPEN_BRACE = 0x7b;
const MINUS = 0x2d;
const KEYWORD_TAG = 0x10000;
const CONDITION_TAG = 0x38495ab5;
const INCOMPLETE_TAG = 0x4cf5ad43;

export class TokenWriter {
  readonly lexed = new Lexed();
  private readonly digester: Digester;
  private readonly tables = new TablePosition();
  private readonly compound = new CompoundDetector();
  private readonly chain = new DottedChain(this.lexed);
  private readonly rows = new InsertRows();
  private readonly prefix = new LiteralPrefix();
  private readonly repeated = new RepeatedRow(this.lexed);
  private sql: Buffer = Buffer.alloc(0);
  private to = 0;

  /** A minus here is a sign. */
  private signPosition = true;
  private lastOperator = 0;
  /** End of the last token, to tell `t.5` from `t .5`. */
  lastEnd = 0;

  constructor(seed: number) {
    this.digester = new Digester(this.lexed, seed);
  }

  begin(sql: Buffer, from: number, to: number, mode: SqlMode, record: boolean): void {
    this.sql = sql;
    this.to = to;
    this.digester.begin(record, CHARSET_TAG[mode.charset]);
    this.repeated.begin(sql, to, mode);
    this.tables.reset();
    this.compound.reset();
    this.signPosition = true;
    this.prefix.clear();
    this.lastOperator = 0;
    this.lastEnd = from;
    this.chain.reset();
    this.rows.reset();
  }

  finish(): void {
    const { lexed } = this;
    this.settle();
    this.chain.end(CHAIN.column);
    if (lexed.state !== 'complete')
      this.digester.seal(lexed.state === 'incomplete' ? INCOMPLETE_TAG : ~INCOMPLETE_TAG);
    if (lexed.start === -1) lexed.start = lexed.end;
    this.digester.finish();
  }

  isAfterDot(): boolean {
    return this.digester.last === TOKEN.dot;
  }

  /** True right behind a name, where a dot goes on with it even before a digit. */
  isInChain(at: number): boolean {
    return this.chain.isOpen() && !this.prefix.isPending() && this.lastEnd === at;
  }

  isSignPosition(): boolean {
    return this.signPosition;
  }

  /** A minus that is the sign of a number, should one follow. */
  sign(start: number): void {
    this.prefix.sign(start);
  }

  /** True where a string goes on with the string before it. */
  joinsString(): boolean {
    const { lexed, digester } = this;
    if (this.signPosition || digester.last !== TOKEN.literal || this.prefix.isPending()) return false;
    const last = lexed.literalCount - 1;
    if (lexed.literalEnd(last) !== this.lastEnd) return false;
    const type = lexed.literalType(last);
    return type === LITERAL.string || type === LITERAL.otherString;
  }

  joinString(end: number): void {
    this.lexed.extendLiteral(end);
    this.lastEnd = end;
  }

  quotedName(a: number, b: number, start: number, end: number): void {
    if (this.isAfterDot()) this.identifierAfterDot(TOKEN.quoted, a, b, start, end);
    else this.identifier(TOKEN.quoted, 0, a, b, start, end);
  }

  variable(kind: number, a: number, b: number, start: number, end: number): void {
    this.settle();
    this.chain.end(CHAIN.column);
    this.endRows();
    this.tables.other();
    this.digester.token(kind, 0, a, b, start, end, 0);
    this.signPosition = false;
    this.lastEnd = end;
  }

  /** The opening or closing of a comment that only some servers execute. */
  condition(kind: number, version: number, start: number, end: number): void {
    this.settle();
    this.compound.condition(this.lexed.tokenCount);
    const tag = kind === TOKEN.conditionOpen ? CONDITION_TAG : ~CONDITION_TAG;
    this.digester.token(kind, version, version ^ tag, version, start, end, 0);
  }

  dot(start: number): void {
    this.settle();
    this.digester.token(TOKEN.dot, 0, 0x2e, 0x2e, start, start + 1, 0);
    this.signPosition = false;
    this.lastEnd = start + 1;
  }

  /** `*` behind a dot is part of the name. */
  star(start: number): void {
    if (this.isAfterDot()) this.chain.goOn();
    this.operator(0x2a, start, start + 1);
  }

  /** `value`: the operator's bytes, packed. */
  operator(value: number, start: number, end: number): void {
    this.settle();
    this.compound.operator(value, this.lexed.tokenCount);
    this.emitOperator(value, start, end);
  }

  /** True where the semicolon is part of the statement. */
  semicolon(start: number): boolean {
    if (!this.compound.isCompound()) return false;
    this.settle();
    this.chain.end(CHAIN.column);
    this.digester.token(TOKEN.semicolon, 0, 0x3b, 0x3b, start, start + 1, 0);
    this.signPosition = true;
    this.lastEnd = start + 1;
    return true;
  }

  keyword(id: number, a: number, b: number, start: number, end: number): void {
    const flags = keywordFlags(id);
    if ((flags & FLAG.introducer) !== 0) {
      this.introducer(a, b, start, end);
      return;
    }
    if ((id === NULL || id === TRUE || id === FALSE || id === DEFAULT) && this.isValueWord(id, end)) {
      this.literal(LITERAL.word, start, end);
      return;
    }
    if (id === ROW && this.rows.areHere() && this.digester.depth === 0) {
      this.settle();
      this.rows.expectRow(start);
      this.lastEnd = end;
      return;
    }
    const verb = this.lexed.tokenCount === this.compound.verbAt;
    if ((flags & FLAG.reserved) === 0 && !verb) {
      this.plainKeyword(id, flags, a, b, start, end);
      return;
    }
    this.settle();
    this.chain.end(CHAIN.column);
    const previous = this.digester.lastKeyword;
    this.tables.keyword(id, flags, verb, previous);
    this.compound.word(id, this.lexed.tokenCount);
    if (this.digester.depth === 0) this.rows.keyword(id, verb, previous);
    if ((flags & FLAG.reserved) === 0) this.chain.begin(start, end, false);
    this.digester.token(TOKEN.word, id, KEYWORD_TAG + id, KEYWORD_TAG + id, start, end, POSITION.other);
    this.signPosition = (flags & FLAG.beforeValue) !== 0;
    this.lastEnd = end;
  }

  literal(type: number, start: number, end: number): void {
    const { prefix } = this;
    let from = start;
    let kind = type;
    if (prefix.belongsTo(type)) {
      from = prefix.start;
      if (!prefix.isSign()) kind = LITERAL.otherString;
      prefix.clear();
    } else {
      this.settle();
    }
    this.chain.end(CHAIN.column);
    this.endRows();
    this.tables.other();
    const { lexed } = this;
    const ordinal = type === LITERAL.parameter ? lexed.parameterCount++ : -1;
    const row = this.rows.areHere() && this.digester.depth > 0 ? lexed.rowCount : -1;
    lexed.addLiteral(from, end, kind, ordinal, row);
    this.digester.literal(from, end);
    this.signPosition = false;
    this.lastEnd = end;
  }

  /** Offset behind the parenthesis, or behind the whole row that it opens if nothing in it was new. */
  open(start: number): number {
    this.settle();
    this.chain.end(CHAIN.routine);
    const { digester } = this;
    if (this.rows.areHere() && digester.depth === 0) {
      const word = this.rows.takeRowWord();
      const repeatedEnd = word === -1 ? this.repeatedRow(start) : -1;
      if (repeatedEnd !== -1) return repeatedEnd;
      digester.openRow(word === -1 ? start : word, word !== -1);
    }
    if (!this.tables.open()) this.lexed.fault('too_deep');
    digester.open(start);
    this.signPosition = true;
    this.lastEnd = start + 1;
    return this.lastEnd;
  }

  private repeatedRow(start: number): number {
    const { digester } = this;
    const width = digester.plainRowWidth();
    if (width === 0) return -1;
    const end = this.repeated.read(start, width, digester.plainRowSlot());
    if (end === -1) {
      digester.refusePlainRows();
      return -1;
    }
    digester.repeatRow();
    this.tables.other();
    this.signPosition = false;
    this.lastEnd = end;
    return end;
  }

  close(start: number): void {
    this.settle();
    this.chain.end(CHAIN.column);
    const { digester } = this;
    const depth = digester.depth;
    this.tables.close();
    digester.close(start);
    if (depth === 1 && this.rows.areHere()) digester.closeRow(start + 1);
    this.signPosition = false;
    this.lastEnd = start + 1;
  }

  comma(start: number): void {
    this.settle();
    this.chain.end(CHAIN.column);
    this.tables.comma();
    if (this.rows.areHere() && this.digester.depth === 0) this.digester.rowComma();
    else this.digester.comma(start);
    this.signPosition = true;
    this.lastEnd = start + 1;
  }

  identifierAfterDot(kind: number, a: number, b: number, start: number, end: number): void {
    this.chain.goOn();
    this.digester.token(kind, 0, a, b, start, end, POSITION.afterDot);
    this.signPosition = false;
    this.lastEnd = end;
  }

  identifier(kind: number, id: number, a: number, b: number, start: number, end: number): void {
    this.settle();
    this.chain.end(CHAIN.column);
    this.endRows();
    const isTable = this.tables.identifier();
    this.compound.word(id, this.lexed.tokenCount);
    this.chain.begin(start, end, isTable);
    this.digester.token(kind, id, a, b, start, end, isTable ? POSITION.table : POSITION.other);
    this.signPosition = false;
    this.lastEnd = end;
  }

  /** A keyword that is a name wherever a name is due. */
  private plainKeyword(id: number, flags: number, a: number, b: number, start: number, end: number): void {
    this.settle();
    const { lastKeyword, last } = this.digester;
    const isOuterJoinMark = id === OJ && last === TOKEN.operator && this.lastOperator === OPEN_BRACE;
    if (isOuterJoinMark || isDeleteModifier(id, lastKeyword)) {
      this.digester.token(TOKEN.word, id, a, b, start, end, POSITION.other);
      this.lastEnd = end;
      return;
    }
    const isName = this.tables.takesName(flags);
    if (!isName) this.tables.keyword(id, flags, false, lastKeyword);
    this.identifier(TOKEN.word, id, a, b, start, end);
    if (!isName && this.digester.depth === 0) this.rows.keyword(id, false, lastKeyword);
  }

  isValueWord(id: number, end: number): boolean {
    if (!this.digester.isElement() || this.prefix.isPending()) return false;
    if (id !== DEFAULT) return true;
    const next = skipBlanks(this.sql, end, this.to);
    return next >= this.to || this.sql[next] !== 0x28;
  }

  private introducer(a: number, b: number, start: number, end: number): void {
    this.settle();
    this.prefix.introducer(a, b, start, end);
  }

  /** What was held back turned out not to belong to a literal. */
  settle(): void {
    const { prefix } = this;
    if (!prefix.isPending()) return;
    const isSign = prefix.isSign();
    prefix.clear();
    if (isSign) this.emitOperator(MINUS, prefix.start, prefix.end);
    else this.identifier(TOKEN.word, 0, prefix.a, prefix.b, prefix.start, prefix.end);
  }

  private emitOperator(value: number, start: number, end: number): void {
    this.chain.end(CHAIN.column);
    this.endRows();
    if (value !== OPEN_BRACE) this.tables.other();
    this.lastOperator = value;
    this.digester.token(TOKEN.operator, value, value, value, start, end, 0);
    this.signPosition = true;
    this.lastEnd = end;
  }

  /** Rows of VALUES end with whatever is neither a row nor a comma. */
  private endRows(): void {
    if (this.digester.depth === 0) this.rows.other();
  }
}

/** Two unreserved words that may stand between DELETE and its table. */
function isDeleteModifier(id: number, previous: number): boolean {
  return (id === QUICK || id === HISTORY) && (previous === DELETE || previous === LOW_PRIORITY);
}
