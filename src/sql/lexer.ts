/**
 * The one pass over a statement's bytes. It follows the lexer of MySQL and MariaDB, and leaves its findings in
 * a `Lexed` that is used again for the next statement: nothing is allocated for a statement of ordinary size.
 */
import { BYTE, BYTE_CLASS, FOLDED, IDENTIFIER, isDigit } from './byte-classes.ts';
import type { MultiByteCharset } from './charset.ts';
import {
  executableCommentVersion,
  isAlwaysExecuted,
  SET_VAR_SINCE,
  setsVariables,
} from './executable-comment.ts';
import { keyword } from './keywords.ts';
import { type Lexed, LITERAL, TOKEN } from './lexed.ts';
import {
  commentEnd,
  hasOnlySemicolons,
  isDashComment,
  isExecutableComment,
  lineEnd,
  numberEnd,
  operatorLength,
  skipBlanks,
  stringEnd,
} from './scan.ts';
import type { SqlMode } from './sql-mode.ts';
import { TokenWriter } from './token-writer.ts';
import { WordReader } from './word-reader.ts';

const NULL = keyword('NULL');

export class Lexer {
  readonly lexed: Lexed;
  private readonly writer: TokenWriter;
  private readonly words: WordReader;

  private sql: Buffer = Buffer.alloc(0);
  private pos = 0;
  private to = 0;
  private backslashes = true;
  private ansiQuotes = false;
  private charset: MultiByteCharset = 'none';
  private inExecutableComment = false;
  private conditionIsOpen = false;

  constructor(seed: number) {
    this.writer = new TokenWriter(seed);
    this.lexed = this.writer.lexed;
    this.words = new WordReader(this.writer, seed);
  }

  /**
   * Reads the statement that begins at `from`, up to its semicolon or `to`. With `record` the tokens are kept,
   * for a plan. Reads any bytes without throwing; the result is valid until the next call.
   */
  lex(sql: Buffer, from: number, to: number, mode: SqlMode, record = false): Lexed {
    this.begin(sql, from, to, mode, record);
    const { lexed } = this;
    while (this.pos < to) {
      const byte = sql[this.pos]!;
      if (byte === 0x20) this.pos++;
      else if (!this.step(byte)) break;
    }
    if (this.pos >= this.to) lexed.end = to;
    if (this.inExecutableComment) lexed.fault('incomplete');
    this.writer.finish();
    return lexed;
  }

  private begin(sql: Buffer, from: number, to: number, mode: SqlMode, record: boolean): void {
    this.sql = sql;
    this.pos = from;
    this.to = to;
    this.backslashes = !mode.noBackslashEscapes;
    this.ansiQuotes = mode.ansiQuotes;
    this.charset = mode.charset;
    this.inExecutableComment = this.conditionIsOpen = false;
    this.lexed.reset(from, mode);
    this.words.begin(sql, to, mode);
    this.writer.begin(sql, from, to, mode, record);
  }

  /** False at the statement's end. */
  private step(byte: number): boolean {
    const start = this.pos;
    switch (BYTE_CLASS[byte]) {
      case BYTE.blank:
        this.pos++;
        break;
      case BYTE.letter:
        this.word(start);
        break;
      case BYTE.digit:
        this.number(start);
        break;
      case BYTE.singleQuote:
        this.string(start);
        break;
      case BYTE.doubleQuote:
        if (this.ansiQuotes) this.pos = this.words.quotedName(start);
        else this.string(start);
        break;
      case BYTE.backtick:
        this.pos = this.words.quotedName(start);
        break;
      case BYTE.minus:
        this.minus(start);
        break;
      case BYTE.hash:
        this.pos = lineEnd(this.sql, start, this.to);
        break;
      case BYTE.slash:
        this.slash(start);
        break;
      case BYTE.star:
        this.star(start);
        break;
      case BYTE.open:
        this.pos = this.writer.open(start);
        break;
      case BYTE.close:
        this.writer.close(start);
        this.pos++;
        break;
      case BYTE.comma:
        this.writer.comma(start);
        this.pos++;
        break;
      case BYTE.dot:
        this.dot(start);
        break;
      case BYTE.semicolon:
        return this.semicolon(start);
      case BYTE.at:
        this.pos = this.words.variable(start);
        break;
      case BYTE.question:
        this.literal(LITERAL.parameter, start, start + 1);
        break;
      case BYTE.backslash:
        this.backslash(start);
        break;
      default:
        this.operator(start);
    }
    return true;
  }

  // ---- words -------------------------------------------------------------------------------------------

  private word(start: number): void {
    const isPrefix = start + 1 < this.to && this.sql[start + 1] === 0x27;
    if (isPrefix && this.prefixedString(start)) return;
    this.pos = this.words.word(start);
  }

  /** N'…', x'…' and b'…'; false where the letter is a name and the string stands for itself. */
  private prefixedString(start: number): boolean {
    if (this.writer.isAfterDot() && this.writer.lastEnd === start) return false;
    const letter = FOLDED[this.sql[start]!]!;
    if (letter === 0x6e) this.literal(LITERAL.otherString, start, this.stringEnd(start + 1));
    else if (letter === 0x78) this.literal(LITERAL.hex, start, this.stringEnd(start + 1));
    else if (letter === 0x62) this.literal(LITERAL.bit, start, this.stringEnd(start + 1));
    else return false;
    return true;
  }

  // ---- literals ----------------------------------------------------------------------------------------

  private literal(type: number, start: number, end: number): void {
    this.writer.literal(type, start, end);
    this.pos = end;
  }

  private number(start: number): void {
    if (this.writer.isAfterDot() && this.writer.lastEnd === start) {
      this.word(start);
      return;
    }
    const { sql, to } = this;
    let at = start + 1;
    while (at < to && isDigit(sql[at]!)) at++;
    // Digits alone, as nearly all numbers are: what goes on with a letter or a point takes a closer look.
    if (at === to || (IDENTIFIER[sql[at]!] === 0 && sql[at] !== 0x2e)) {
      this.literal(LITERAL.integer, start, at);
      return;
    }
    const found = numberEnd(sql, start, to);
    if ((found & 7) === 0) this.word(start);
    else this.literal(found & 7, start, Math.floor(found / 8));
  }

  private string(start: number): void {
    const end = this.stringEnd(start);
    if (this.writer.joinsString()) {
      this.writer.joinString(end);
      this.pos = end;
    } else {
      this.literal(LITERAL.string, start, end);
    }
  }

  private stringEnd(open: number): number {
    return this.closed(stringEnd(this.sql, open, this.to, this.backslashes, this.charset));
  }

  /** What never closes goes to the end of the text. */
  private closed(end: number): number {
    if (end !== -1) return end;
    this.lexed.fault('incomplete');
    return this.to;
  }

  // ---- punctuation -------------------------------------------------------------------------------------

  private minus(start: number): void {
    const { sql, to, writer } = this;
    if (isDashComment(sql, start, to)) {
      this.pos = lineEnd(sql, start, to);
      return;
    }
    writer.settle();
    if (!writer.isSignPosition() || (start + 1 < to && sql[start + 1] === 0x3e)) {
      this.operator(start);
      return;
    }
    writer.sign(start);
    this.pos = start + 1;
  }

  private slash(start: number): void {
    const { sql, to } = this;
    if (start + 1 >= to || sql[start + 1] !== 0x2a) this.operator(start);
    else if (isExecutableComment(sql, start, to)) this.openExecutableComment(start);
    else this.comment(start);
  }

  /** A hint that sets variables is a part of the statement to MySQL, and to MariaDB a comment. */
  private comment(start: number): void {
    const end = this.closed(commentEnd(this.sql, start, this.to));
    if (setsVariables(this.sql, start, end)) {
      this.writer.condition(TOKEN.conditionOpen, SET_VAR_SINCE, start, start + 3);
      this.writer.condition(TOKEN.conditionClose, 0, end, end);
    }
    this.pos = end;
  }

  private openExecutableComment(start: number): void {
    const { lexed } = this;
    const { version, end } = executableCommentVersion(this.sql, start, this.to);
    if (lexed.start === -1) lexed.start = start;
    this.pos = end;
    this.inExecutableComment = lexed.executableComment = true;
    if (isAlwaysExecuted(version)) return;
    this.writer.condition(TOKEN.conditionOpen, version, start, end);
    this.conditionIsOpen = true;
  }

  private star(start: number): void {
    if (this.inExecutableComment && start + 1 < this.to && this.sql[start + 1] === 0x2f) {
      this.inExecutableComment = false;
      this.pos = start + 2;
      if (this.conditionIsOpen) this.writer.condition(TOKEN.conditionClose, 0, start, start + 2);
      this.conditionIsOpen = false;
      return;
    }
    this.writer.star(start);
    this.pos = start + 1;
  }

  private dot(start: number): void {
    const { sql, to } = this;
    const next = start + 1 < to ? sql[start + 1]! : 0;
    if (next === 0x2e && start + 2 < to && sql[start + 2] === 0x2e) {
      // The mark of a collapsed list, so that a digest can be read again.
      this.pos = start + 3;
    } else if (isDigit(next) && !this.writer.isInChain(start)) {
      const found = numberEnd(sql, start, to);
      this.literal(found & 7, start, Math.floor(found / 8));
    } else {
      this.writer.dot(start);
      this.pos = start + 1;
    }
  }

  private backslash(start: number): void {
    const end = start + 2;
    if (end > this.to || this.sql[start + 1] !== 0x4e) {
      this.operator(start);
      return;
    }
    // \N is NULL.
    this.writer.keyword(NULL, 0, 0, start, end);
    this.pos = end;
  }

  private operator(start: number): void {
    const { sql } = this;
    const end = start + operatorLength(sql, start, this.to);
    let value = 0;
    for (let at = start; at < end; at++) value = (value << 8) | sql[at]!;
    this.writer.operator(value, start, end);
    this.pos = end;
  }

  private semicolon(start: number): boolean {
    if (this.writer.semicolon(start)) {
      this.pos = start + 1;
      return true;
    }
    this.lexed.end = start;
    const next = skipBlanks(this.sql, start + 1, this.to);
    if (!hasOnlySemicolons(this.sql, next, this.to)) this.lexed.next = next;
    return false;
  }
}
