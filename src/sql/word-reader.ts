/** Reads what has a name (keywords, identifiers with and without quotes, variables), and hashes it on the way. */
import { FOLDED, IDENTIFIER } from './byte-classes.ts';
import type { MultiByteCharset } from './charset.ts';
import { findKeyword, KEYWORD_LENGTH_MAX } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import { quotedNameEnd, stringEnd, wordEnd } from './scan.ts';
import type { SqlMode } from './sql-mode.ts';
import type { TokenWriter } from './token-writer.ts';

const QUOTED_TAG = 0x6d2b79f5;
const VARIABLE_TAG = 0x1b873593;

export class WordReader {
  private readonly writer: TokenWriter;
  private readonly seedA: number;
  private readonly seedB: number;
  private sql: Buffer = Buffer.alloc(0);
  private to = 0;
  private backslashes = true;
  private charset: MultiByteCharset = 'none';

  constructor(writer: TokenWriter, seed: number) {
    this.writer = writer;
    this.seedA = seed | 0;
    this.seedB = Math.imul(seed, 0xcc9e2d51) | 0;
  }

  begin(sql: Buffer, to: number, mode: SqlMode): void {
    this.sql = sql;
    this.to = to;
    this.backslashes = !mode.noBackslashEscapes;
    this.charset = mode.charset;
  }

  /** Offset behind the word at `start`. */
  word(start: number): number {
    if (this.charset !== 'none') return this.multiByteWord(start);
    const { sql, to } = this;
    let at = start;
    let a = this.seedA;
    let b = this.seedB;
    let folded = 0;
    while (at < to) {
      const byte = sql[at]!;
      if (IDENTIFIER[byte] === 0) break;
      a = Math.imul(a ^ byte, 0x01000193);
      b = (Math.imul(b, 0x2c1b3c6d) + byte) | 0;
      folded = (Math.imul(folded, 31) + FOLDED[byte]!) | 0;
      at++;
    }
    return this.endWord(start, at, a, b, folded);
  }

  private multiByteWord(start: number): number {
    const end = wordEnd(this.sql, start, this.to, this.charset);
    let folded = 0;
    for (let at = start; at < end; at++) folded = (Math.imul(folded, 31) + FOLDED[this.sql[at]!]!) | 0;
    return this.endWord(start, end, this.hashA(start, end), this.hashB(start, end), folded);
  }

  private endWord(start: number, end: number, a: number, b: number, folded: number): number {
    const { writer } = this;
    if (writer.isAfterDot()) {
      writer.identifierAfterDot(TOKEN.word, a, b, start, end);
      return end;
    }
    const id = end - start <= KEYWORD_LENGTH_MAX ? findKeyword(folded, this.sql, start, end) : 0;
    if (id === 0) writer.identifier(TOKEN.word, 0, a, b, start, end);
    else writer.keyword(id, a, b, start, end);
    return end;
  }

  /** Offset behind the name whose quote opens at `start`. */
  quotedName(start: number): number {
    const end = this.closed(quotedNameEnd(this.sql, start, this.to, this.charset));
    const last = this.writer.lexed.state === 'incomplete' ? end : end - 1;
    const a = this.hashA(start + 1, last) ^ QUOTED_TAG;
    this.writer.quotedName(a, this.hashB(start + 1, last) ^ QUOTED_TAG, start, end);
    return end;
  }

  /** Offset behind the variable whose `@` or `@@` stands at `start`. */
  variable(start: number): number {
    const isSystem = start + 1 < this.to && this.sql[start + 1] === 0x40;
    const end = this.variableEnd(start + (isSystem ? 2 : 1));
    const kind = isSystem ? TOKEN.systemVariable : TOKEN.userVariable;
    this.writer.variable(kind, this.hashA(start, end) ^ VARIABLE_TAG, this.hashB(start, end), start, end);
    return end;
  }

  private variableEnd(from: number): number {
    const { sql, to, charset } = this;
    let at = from;
    while (at < to) {
      const byte = sql[at]!;
      if (byte === 0x60) {
        at = this.closed(quotedNameEnd(sql, at, to, charset));
      } else if ((byte === 0x27 || byte === 0x22) && at === from) {
        return this.closed(stringEnd(sql, at, to, this.backslashes, charset));
      } else if (byte === 0x2e) {
        at++;
      } else {
        const end = wordEnd(sql, at, to, charset);
        if (end === at) break;
        at = end;
      }
    }
    return at;
  }

  /** What never closes goes to the end of the text. */
  private closed(end: number): number {
    if (end !== -1) return end;
    this.writer.lexed.fault('incomplete');
    return this.to;
  }

  private hashA(from: number, to: number): number {
    let hash = this.seedA;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ this.sql[at]!, 0x01000193);
    return hash;
  }

  private hashB(from: number, to: number): number {
    let hash = this.seedB;
    for (let at = from; at < to; at++) hash = (Math.imul(hash, 0x2c1b3c6d) + this.sql[at]!) | 0;
    return hash;
  }
}
