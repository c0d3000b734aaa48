/**
 * Takes the tokens that the lexer finds, in order, and settles what only a neighbour can tell: whether a minus
 * is a sign, where a dotted name ends, which literals belong to which row, and where table names stand.
 */
import { CompoundDetector } from './compound.ts';
import { Digester } from './digester.ts';
import { FLAG, keyword, keywordFlags } from './keywords.ts';
import { CHAIN, Lexed, LITERAL, POSITION, TOKEN } from './lexed.ts';
import { skipBlanks } from './scan.ts';
import { TablePosition } from './table-position.ts';

const NULL = keyword('NULL');
const TRUE = keyword('TRUE');
const FALSE = keyword('FALSE');
const DEFAULT = keyword('DEFAULT');
const INSERT = keyword('INSERT');
const REPLACE = keyword('REPLACE');
const FOR = keyword('FOR');
const EXPLAIN = keyword('EXPLAIN');
const ANALYZE = keyword('ANALYZE');
const SELECT = keyword('SELECT');
const SET = keyword('SET');
const ON = keyword('ON');
const WITH = keyword('WITH');
const VALUES = keyword('VALUES');
const VALUE = keyword('VALUE');
const INTO = keyword('INTO');
const ROW = keyword('ROW');
const OJ = keyword('OJ');
const QUICK = keyword('QUICK');
const HISTORY = keyword('HISTORY');
const DELETE = keyword('DELETE');
const LOW_PRIORITY = keyword('LOW_PRIORITY');

const OPEN_BRACE = 0x7b;
const KEYWORD_TAG = 0x10000;
const CONDITION_TAG = 0x38495ab5;
const INCOMPLETE_TAG = 0x4cf5ad43;

/** What stands before a literal and may turn out to be part of it. */
const PENDING = { nothing: 0, sign: 1, introducer: 2 } as const;

/** How far an INSERT or REPLACE has got with its rows. */
const ROWS = { none: 0, ahead: 1, here: 2 } as const;

export class TokenWriter {
  readonly lexed = new Lexed();
  private readonly digester: Digester;
  private readonly tables = new TablePosition();
  private readonly compound = new CompoundDetector();
  private sql: Buffer = Buffer.alloc(0);
  private to = 0;

  /** A minus here is a sign. */
  private signPosition = true;
  private pending: number = PENDING.nothing;
  private pendingAt = 0;
  private pendingEnd = 0;
  private pendingA = 0;
  private pendingB = 0;
  private lastOperator = 0;
  private chainLength = 0;
  private chainStart = 0;
  private chainEnd = 0;
  private chainIsTable = false;
  private rows: number = ROWS.none;
  /** Offset of a ROW word that waits for its parenthesis, or -1. */
  private rowWord = -1;
  /** End of the last token, to tell `t.5` from `t .5`. */
  lastEnd = 0;

  constructor(seed: number) {
    this.digester = new Digester(this.lexed, seed);
  }

  begin(sql: Buffer, from: number, to: number, record: boolean, tag: number): void {
    this.sql = sql;
    this.to = to;
    this.digester.begin(record, tag);
    this.tables.reset();
    this.compound.reset();
    this.signPosition = true;
    this.pending = PENDING.nothing;
    this.lastOperator = 0;
    this.lastEnd = from;
    this.chainLength = 0;
    this.rows = ROWS.none;
    this.rowWord = -1;
  }

  finish(): void {
    const { lexed } = this;
    this.settle();
    this.endChain(CHAIN.column);
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
    return this.chainLength > 0 && this.pending === PENDING.nothing && this.lastEnd === at;
  }

  isSignPosition(): boolean {
    return this.signPosition;
  }

  /** A minus that is the sign of a number, should one follow. */
  sign(start: number): void {
    this.pending = PENDING.sign;
    this.pendingAt = start;
    this.pendingEnd = start + 1;
  }

  /** True where a string goes on with the string before it. */
  joinsString(): boolean {
    const { lexed, digester } = this;
    if (this.signPosition || digester.last !== TOKEN.literal || this.pending !== PENDING.nothing)
      return false;
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
    this.endChain(CHAIN.column);
    this.endRows();
    this.tables.other();
    this.digester.token(kind, 0, a, b, start, end, 0);
    this.signPosition = false;
    this.lastEnd = end;
  }

  /** The opening or closing of a comment that only some servers execute. */
  condition(kind: number, version: number, start: number, end: number): void {
    this.settle();
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
    if (this.isAfterDot() && this.chainLength > 0) this.chainLength++;
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
    this.endChain(CHAIN.column);
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
    if (id === ROW && this.rows === ROWS.here && this.digester.depth === 0) {
      this.settle();
      this.rowWord = start;
      this.lastEnd = end;
      return;
    }
    const verb = this.lexed.tokenCount === this.compound.verbAt;
    if ((flags & FLAG.reserved) === 0 && !verb) {
      this.plainKeyword(id, flags, a, b, start, end);
      return;
    }
    this.settle();
    this.endChain(CHAIN.column);
    const previous = this.digester.lastKeyword;
    this.tables.keyword(id, flags, verb, previous);
    this.compound.word(id, this.lexed.tokenCount);
    this.followRows(id, verb, previous);
    if ((flags & FLAG.reserved) === 0) this.beginChain(start, end, false);
    this.digester.token(TOKEN.word, id, KEYWORD_TAG + id, KEYWORD_TAG + id, start, end, POSITION.other);
    this.signPosition = (flags & FLAG.beforeValue) !== 0;
    this.lastEnd = end;
  }

  literal(type: number, start: number, end: number): void {
    let from = start;
    let kind = type;
    if (this.pending === PENDING.sign && type <= LITERAL.decimal) {
      from = this.pendingAt;
      this.pending = PENDING.nothing;
    } else if (this.pending === PENDING.introducer && type >= LITERAL.string && type <= LITERAL.bit) {
      from = this.pendingAt;
      kind = LITERAL.otherString;
      this.pending = PENDING.nothing;
    } else {
      this.settle();
    }
    this.endChain(CHAIN.column);
    this.endRows();
    this.tables.other();
    const { lexed } = this;
    const ordinal = type === LITERAL.parameter ? lexed.parameterCount++ : -1;
    const row = this.rows === ROWS.here && this.digester.depth > 0 ? lexed.rowCount : -1;
    lexed.addLiteral(from, end, kind, ordinal, row);
    this.digester.literal(from, end);
    this.signPosition = false;
    this.lastEnd = end;
  }

  open(start: number): void {
    this.settle();
    this.endChain(CHAIN.routine);
    const { digester } = this;
    if (this.rows === ROWS.here && digester.depth === 0) {
      digester.openRow(this.rowWord === -1 ? start : this.rowWord, this.rowWord !== -1);
      this.rowWord = -1;
    }
    if (!this.tables.open()) this.lexed.fault('too_deep');
    digester.open(start);
    this.signPosition = true;
    this.lastEnd = start + 1;
  }

  close(start: number): void {
    this.settle();
    this.endChain(CHAIN.column);
    const { digester } = this;
    const depth = digester.depth;
    this.tables.close();
    digester.close(start);
    if (this.rows === ROWS.here && depth === 1) digester.closeRow(start + 1);
    this.signPosition = false;
    this.lastEnd = start + 1;
  }

  comma(start: number): void {
    this.settle();
    this.endChain(CHAIN.column);
    this.tables.comma();
    if (this.rows === ROWS.here && this.digester.depth === 0) this.digester.rowComma();
    else this.digester.comma(start);
    this.signPosition = true;
    this.lastEnd = start + 1;
  }

  identifierAfterDot(kind: number, a: number, b: number, start: number, end: number): void {
    if (this.chainLength > 0) this.chainLength++;
    this.digester.token(kind, 0, a, b, start, end, POSITION.afterDot);
    this.signPosition = false;
    this.lastEnd = end;
  }

  identifier(kind: number, id: number, a: number, b: number, start: number, end: number): void {
    this.settle();
    this.endChain(CHAIN.column);
    this.endRows();
    const isTable = this.tables.identifier();
    this.compound.word(id, this.lexed.tokenCount);
    this.beginChain(start, end, isTable);
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
    if (!isName) this.followRows(id, false, lastKeyword);
  }

  isValueWord(id: number, end: number): boolean {
    if (!this.digester.isElement() || this.pending !== PENDING.nothing) return false;
    if (id !== DEFAULT) return true;
    const next = skipBlanks(this.sql, end, this.to);
    return next >= this.to || this.sql[next] !== 0x28;
  }

  private introducer(a: number, b: number, start: number, end: number): void {
    this.settle();
    this.pending = PENDING.introducer;
    this.pendingAt = start;
    this.pendingEnd = end;
    this.pendingA = a;
    this.pendingB = b;
  }

  private followRows(id: number, verb: boolean, previous: number): void {
    if (this.digester.depth !== 0) return;
    if (id === INSERT || id === REPLACE) {
      if (verb || previous === FOR || previous === EXPLAIN || previous === ANALYZE) this.rows = ROWS.ahead;
    } else if (id === VALUES || id === VALUE) {
      if (this.rows === ROWS.ahead && previous !== INTO) this.rows = ROWS.here;
    } else if (id === SELECT || id === SET || id === ON || id === WITH || this.rows === ROWS.here) {
      this.rows = ROWS.none;
    }
  }

  private beginChain(start: number, end: number, isTable: boolean): void {
    this.chainLength = 1;
    this.chainStart = start;
    this.chainEnd = end;
    this.chainIsTable = isTable;
  }

  private endChain(position: number): void {
    if (this.chainLength > 1) {
      const where = this.chainIsTable ? CHAIN.table : position;
      this.lexed.addQualifier(this.chainStart, this.chainEnd, this.chainLength, where);
    }
    this.chainLength = 0;
  }

  /** What was held back turned out not to belong to a literal. */
  settle(): void {
    if (this.pending === PENDING.nothing) return;
    const { pending, pendingAt, pendingEnd, pendingA, pendingB } = this;
    this.pending = PENDING.nothing;
    if (pending === PENDING.sign) {
      this.emitOperator(0x2d, pendingAt, pendingEnd);
    } else {
      this.identifier(TOKEN.word, 0, pendingA, pendingB, pendingAt, pendingEnd);
    }
  }

  private emitOperator(value: number, start: number, end: number): void {
    this.endChain(CHAIN.column);
    this.endRows();
    if (value !== OPEN_BRACE) this.tables.other();
    this.lastOperator = value;
    this.digester.token(TOKEN.operator, value, value, value, start, end, 0);
    this.signPosition = true;
    this.lastEnd = end;
  }

  /** Rows of VALUES end with whatever is neither a row nor a comma. */
  private endRows(): void {
    if (this.rows === ROWS.here && this.digester.depth === 0) this.rows = ROWS.none;
  }
}

/** Two unreserved words that may stand between DELETE and its table. */
function isDeleteModifier(id: number, previous: number): boolean {
  return (id === QUICK || id === HISTORY) && (previous === DELETE || previous === LOW_PRIORITY);
}
