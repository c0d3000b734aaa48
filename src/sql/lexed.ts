/** What one pass over a statement leaves behind: numbers only, in arrays that are used again. */

import { DEFAULT_SQL_MODE, type SqlMode } from './sql-mode.ts';

/** The type of a literal. */
export const LITERAL = {
  /** Digits, with a sign where one stands before. */
  integer: 1,
  decimal: 2,
  /** One plain quoted string. */
  string: 3,
  /** A string with an introducer, N'…', or several strings side by side. */
  otherString: 4,
  hex: 5,
  bit: 6,
  /** A `?` of a prepared statement. */
  parameter: 7,
  /** NULL, TRUE, FALSE or DEFAULT as an element of a VALUES row or an IN list. */
  word: 8,
} as const;

/** What stands in the token record that a plan is made of. */
export const TOKEN = {
  /** An unquoted word: keyword or identifier. Value: its keyword id. */
  word: 1,
  /** A quoted identifier. */
  quoted: 2,
  /** Slot: the digest's slot. */
  literal: 3,
  /** The end of a collapsed list or row; it stands for any number of further elements. */
  more: 4,
  open: 5,
  close: 6,
  comma: 7,
  dot: 8,
  /** Any other operator; value: its bytes, packed. */
  operator: 9,
  /** `@name`. */
  userVariable: 10,
  /** `@@name`. */
  systemVariable: 11,
  /** The opening of an executable comment that not every server executes; value: its version. */
  conditionOpen: 12,
  conditionClose: 13,
  semicolon: 14,
} as const;

/** Where an identifier stands. */
export const POSITION = { other: 0, table: 1, afterDot: 2 } as const;

/** Where a dotted chain stands; a routine is followed by a parenthesis. */
export const CHAIN = { column: 0, table: 1, routine: 2 } as const;

/** Why the reading of a statement can't be relied on. */
export type LexState = 'complete' | 'incomplete' | 'too_deep' | 'too_many';

export const LITERAL_FIELDS = 6;
export const QUALIFIER_FIELDS = 4;
export const TOKEN_FIELDS = 5;

/** Bounds of what is recorded of one statement; what goes beyond sets the state `too_many`. */
export const LITERALS_MAX = 1 << 20;
const ROWS_MAX = 1 << 20;
const QUALIFIERS_MAX = 1 << 18;
export const TOKENS_MAX = 1 << 16;
/** Arrays that one huge statement made larger than this are let go again. */
const KEPT_MAX = 1 << 16;

export class Lexed {
  state: LexState = 'complete';
  /** Two independent hashes of the normalised tokens. */
  hashA = 0;
  hashB = 0;
  /** Normalised tokens, and literals' slots: equal for equal digests, so they cross-check a hash. */
  tokenCount = 0;
  slotCount = 0;
  /** Offset of the first token, or of the executable comment it stands in; of `end` where there is none. */
  start = 0;
  /** Offset behind the statement's last byte, its semicolon not included. */
  end = 0;
  /** Offset at which the next statement of the text begins, or -1. */
  next = -1;
  /** `?` parameters. */
  parameterCount = 0;
  /** An executable comment stands in it, so its text can't be cut at tokens. */
  executableComment = false;
  /** How it was read. */
  mode: SqlMode = DEFAULT_SQL_MODE;

  literalCount = 0;
  /** Literals of type `hex`. */
  hexCount = 0;
  /** start, end, type, slot, ordinal (parameters, else -1), row (or -1). */
  literals = new Int32Array(64 * LITERAL_FIELDS);
  rowCount = 0;
  /** start, end of each row of VALUES, parentheses included. */
  rows = new Int32Array(16 * 2);
  qualifierCount = 0;
  /** start, end of the first identifier of a dotted chain; identifiers in the chain; CHAIN position. */
  qualifiers = new Int32Array(16 * QUALIFIER_FIELDS);
  /** kind, value, start, end, slot (of identifiers: POSITION); filled only when asked to record. */
  tokens = new Int32Array(0);

  reset(from: number, mode: SqlMode): void {
    this.mode = mode;
    this.state = 'complete';
    this.tokenCount = this.slotCount = this.parameterCount = 0;
    this.literalCount = this.hexCount = this.rowCount = this.qualifierCount = 0;
    this.start = -1;
    this.end = from;
    this.next = -1;
    this.executableComment = false;
    if (this.literals.length > KEPT_MAX) this.literals = new Int32Array(64 * LITERAL_FIELDS);
    if (this.rows.length > KEPT_MAX) this.rows = new Int32Array(16 * 2);
    if (this.tokens.length > KEPT_MAX) this.tokens = new Int32Array(0);
  }

  /** Memory that it takes. */
  get bytes(): number {
    return (
      this.literals.byteLength + this.rows.byteLength + this.qualifiers.byteLength + this.tokens.byteLength
    );
  }

  /** Only the first fault of a statement counts. */
  fault(state: LexState): void {
    if (this.state === 'complete') this.state = state;
  }

  addLiteral(start: number, end: number, type: number, ordinal: number, row: number): void {
    if (this.literalCount === LITERALS_MAX) {
      this.slotCount++;
      this.fault('too_many');
      return;
    }
    if (type === LITERAL.hex) this.hexCount++;
    const at = this.literalCount++ * LITERAL_FIELDS;
    if (at === this.literals.length) this.literals = grown(this.literals);
    const literals = this.literals;
    literals[at] = start;
    literals[at + 1] = end;
    literals[at + 2] = type;
    literals[at + 3] = this.slotCount++;
    literals[at + 4] = ordinal;
    literals[at + 5] = row;
  }

  /** The last literal goes on: strings side by side are one. */
  extendLiteral(end: number): void {
    const at = (this.literalCount - 1) * LITERAL_FIELDS;
    this.literals[at + 1] = end;
    this.literals[at + 2] = LITERAL.otherString;
  }

  addRow(start: number, end: number): void {
    if (this.rowCount === ROWS_MAX) {
      this.fault('too_many');
      return;
    }
    const at = this.rowCount++ * 2;
    if (at === this.rows.length) this.rows = grown(this.rows);
    this.rows[at] = start;
    this.rows[at + 1] = end;
  }

  addQualifier(start: number, end: number, length: number, position: number): void {
    if (this.qualifierCount === QUALIFIERS_MAX) {
      this.fault('too_many');
      return;
    }
    const at = this.qualifierCount++ * QUALIFIER_FIELDS;
    if (at === this.qualifiers.length) this.qualifiers = grown(this.qualifiers);
    this.qualifiers[at] = start;
    this.qualifiers[at + 1] = end;
    this.qualifiers[at + 2] = length;
    this.qualifiers[at + 3] = position;
  }

  setToken(index: number, kind: number, value: number, start: number, end: number, slot: number): void {
    if (index >= TOKENS_MAX) {
      this.fault('too_many');
      return;
    }
    const at = index * TOKEN_FIELDS;
    if (at >= this.tokens.length) {
      this.tokens = this.tokens.length === 0 ? new Int32Array(64 * TOKEN_FIELDS) : grown(this.tokens);
    }
    this.tokens[at] = kind;
    this.tokens[at + 1] = value;
    this.tokens[at + 2] = start;
    this.tokens[at + 3] = end;
    this.tokens[at + 4] = slot;
  }

  literalStart(index: number): number {
    return this.literals[index * LITERAL_FIELDS]!;
  }

  literalEnd(index: number): number {
    return this.literals[index * LITERAL_FIELDS + 1]!;
  }

  literalType(index: number): number {
    return this.literals[index * LITERAL_FIELDS + 2]!;
  }

  literalSlot(index: number): number {
    return this.literals[index * LITERAL_FIELDS + 3]!;
  }

  /** Which `?` of the text it is, from 0; -1 for a literal. */
  literalOrdinal(index: number): number {
    return this.literals[index * LITERAL_FIELDS + 4]!;
  }

  literalRow(index: number): number {
    return this.literals[index * LITERAL_FIELDS + 5]!;
  }

  rowStart(index: number): number {
    return this.rows[index * 2]!;
  }

  rowEnd(index: number): number {
    return this.rows[index * 2 + 1]!;
  }

  /** A copy that later statements don't touch; the token record is left out. */
  clone(): Lexed {
    const copy = new Lexed();
    Object.assign(copy, this);
    copy.literals = this.literals.slice(0, this.literalCount * LITERAL_FIELDS);
    copy.rows = this.rows.slice(0, this.rowCount * 2);
    copy.qualifiers = this.qualifiers.slice(0, this.qualifierCount * QUALIFIER_FIELDS);
    copy.tokens = new Int32Array(0);
    return copy;
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
