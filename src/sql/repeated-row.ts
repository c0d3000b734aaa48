/**
 * Reads a row of VALUES that is sure to add nothing to the digest: one of plain literals, as many as in the row
 * before. Nearly all of a long INSERT is such rows, and they need nothing of what is followed for other tokens.
 */
import { BYTE, BYTE_CLASS, FOLDED, IDENTIFIER, isBlank, isDigit } from './byte-classes.ts';
import type { MultiByteCharset } from './charset.ts';
import { type Lexed, LITERAL } from './lexed.ts';
import { numberEnd, stringEnd } from './scan.ts';
import type { SqlMode } from './sql-mode.ts';

const COMMA = 0x2c;
const CLOSE = 0x29;
const POINT = 0x2e;
const NULL = Buffer.from('null');

export class RepeatedRow {
  private readonly lexed: Lexed;
  private sql: Buffer = Buffer.alloc(0);
  private to = 0;
  private backslashes = true;
  private ansiQuotes = false;
  private charset: MultiByteCharset = 'none';

  constructor(lexed: Lexed) {
    this.lexed = lexed;
  }

  begin(sql: Buffer, to: number, mode: SqlMode): void {
    this.sql = sql;
    this.to = to;
    this.backslashes = !mode.noBackslashEscapes;
    this.ansiQuotes = mode.ansiQuotes;
    this.charset = mode.charset;
  }

  /**
   * Offset behind the row whose parenthesis opens at `open`, if it holds `width` literals and nothing else: they
   * were added then, to the slots from `slot` on, and so was the row. Else -1, and nothing was added.
   */
  read(open: number, width: number, slot: number): number {
    const { lexed } = this;
    const { literalCount, slotCount, parameterCount } = lexed;
    lexed.slotCount = slot;
    const end = this.elements(open + 1, width);
    lexed.slotCount = slotCount;
    if (end === -1) {
      lexed.literalCount = literalCount;
      lexed.parameterCount = parameterCount;
    } else {
      lexed.addRow(open, end);
    }
    return end;
  }

  private elements(from: number, width: number): number {
    let at = from;
    for (let left = width; left > 0; left--) {
      at = this.literal(this.afterBlanks(at));
      if (at === -1) return -1;
      at = this.afterBlanks(at);
      if (at >= this.to || this.sql[at] !== (left === 1 ? CLOSE : COMMA)) return -1;
      at++;
    }
    return at;
  }

  private afterBlanks(from: number): number {
    let at = from;
    while (at < this.to && isBlank(this.sql[at]!)) at++;
    return at;
  }

  /** Offset behind the literal that begins at `at`; -1 where none does that needs no closer look. */
  private literal(at: number): number {
    if (at >= this.to) return -1;
    const { sql } = this;
    switch (BYTE_CLASS[sql[at]!]) {
      case BYTE.digit:
        return this.number(at, at);
      case BYTE.minus:
        return at + 1 < this.to && isDigit(sql[at + 1]!) ? this.number(at, at + 1) : -1;
      case BYTE.singleQuote:
        return this.string(at);
      case BYTE.doubleQuote:
        return this.ansiQuotes ? -1 : this.string(at);
      case BYTE.question:
        return this.add(at, at + 1, LITERAL.parameter, this.lexed.parameterCount++);
      case BYTE.letter:
        return this.null(at);
      default:
        return -1;
    }
  }

  /** A number whose digits begin at `digits`; `start` is that of its sign, where it has one. */
  private number(start: number, digits: number): number {
    const { sql, to } = this;
    let at = digits + 1;
    while (at < to && isDigit(sql[at]!)) at++;
    if (at === to || (IDENTIFIER[sql[at]!] === 0 && sql[at] !== POINT)) {
      return this.add(start, at, LITERAL.integer, -1);
    }
    const found = numberEnd(sql, digits, to);
    const type = found & 7;
    // A word that begins with digits; a minus before 0x1f is no sign.
    if (type === 0 || (start !== digits && type > LITERAL.decimal)) return -1;
    return this.add(start, Math.floor(found / 8), type, -1);
  }

  private string(open: number): number {
    const end = stringEnd(this.sql, open, this.to, this.backslashes, this.charset);
    return end === -1 ? -1 : this.add(open, end, LITERAL.string, -1);
  }

  private null(at: number): number {
    const end = at + NULL.length;
    if (end > this.to) return -1;
    for (let index = 0; index < NULL.length; index++) {
      if (FOLDED[this.sql[at + index]!] !== NULL[index]) return -1;
    }
    return this.add(at, end, LITERAL.word, -1);
  }

  private add(start: number, end: number, type: number, ordinal: number): number {
    this.lexed.addLiteral(start, end, type, ordinal, this.lexed.rowCount);
    return end;
  }
}
