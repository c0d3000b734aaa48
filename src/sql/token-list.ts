/** The recorded tokens of one statement, as the planner reads them. Made once per digest. */
import { decodeText } from './charset.ts';
import { FLAG, keyword, keywordFlags } from './keywords.ts';
import { type Lexed, POSITION, TOKEN, TOKEN_FIELDS } from './lexed.ts';
import type { SqlMode } from './sql-mode.ts';

const SET = keyword('SET');
const STATEMENT = keyword('STATEMENT');
const FOR = keyword('FOR');

/** Whether the content of version comments counts: no server is asked for its version here. */
export type Conditional = 'with' | 'without';

export class TokenList {
  readonly length: number;
  /** Index of the statement's own first word: behind SET STATEMENT … FOR, however often that stands there. */
  readonly first: number;
  readonly sql: Buffer;
  readonly mode: SqlMode;
  /** Where comments for some servers only stood, and the list was asked for with or without their content. */
  readonly conditional: boolean;
  private readonly tokens: Int32Array;
  private readonly indexes: Int32Array;
  /** Index of the parenthesis that matches; -1 for other tokens and where there is none. */
  private readonly partners: Int32Array;
  private readonly depths: Int32Array;

  constructor(sql: Buffer, lexed: Lexed, mode: SqlMode, take: Conditional = 'with') {
    this.sql = sql;
    this.mode = mode;
    this.tokens = lexed.tokens;
    const recorded = Math.min(lexed.tokenCount, Math.floor(lexed.tokens.length / TOKEN_FIELDS));
    const { indexes, conditional } = select(lexed.tokens, recorded, take);
    this.indexes = indexes;
    this.conditional = conditional;
    this.length = indexes.length;
    this.partners = new Int32Array(this.length).fill(-1);
    this.depths = new Int32Array(this.length);
    this.matchParentheses();
    this.first = this.findFirst();
  }

  kind(index: number): number {
    return this.field(index, 0);
  }

  /** Keyword id of an unquoted word that is not part of a name behind a dot; else 0. */
  keyword(index: number): number {
    if (this.field(index, 0) !== TOKEN.word || this.field(index, 4) === POSITION.afterDot) return 0;
    return this.field(index, 1);
  }

  /** An operator's bytes, packed; 0 for other tokens. */
  operator(index: number): number {
    return this.field(index, 0) === TOKEN.operator ? this.field(index, 1) : 0;
  }

  /** The digest slot of a literal; -1 for other tokens. */
  slot(index: number): number {
    return this.field(index, 0) === TOKEN.literal ? this.field(index, 4) : -1;
  }

  start(index: number): number {
    return this.field(index, 2);
  }

  end(index: number): number {
    return this.field(index, 3);
  }

  /** Parentheses around the token; one belongs to the level outside it. */
  depth(index: number): number {
    return this.depths[index] ?? 0;
  }

  partner(index: number): number {
    return this.partners[index] ?? -1;
  }

  is(index: number, kind: number): boolean {
    return this.field(index, 0) === kind;
  }

  isReserved(index: number): boolean {
    return (keywordFlags(this.keyword(index)) & FLAG.reserved) !== 0;
  }

  /** True for a quoted identifier and for a word that is not reserved. */
  isIdentifier(index: number): boolean {
    const kind = this.field(index, 0);
    return kind === TOKEN.quoted || (kind === TOKEN.word && !this.isReserved(index));
  }

  isTablePosition(index: number): boolean {
    const kind = this.field(index, 0);
    return (kind === TOKEN.word || kind === TOKEN.quoted) && this.field(index, 4) === POSITION.table;
  }

  isAfterDot(index: number): boolean {
    const kind = this.field(index, 0);
    return (kind === TOKEN.word || kind === TOKEN.quoted) && this.field(index, 4) === POSITION.afterDot;
  }

  /** The token's text as written. */
  text(index: number): string {
    return decodeText(this.sql, this.start(index), this.end(index), this.mode.charset);
  }

  /** The name that an identifier token stands for, without quotes. */
  name(index: number): string {
    const text = this.text(index);
    if (!this.is(index, TOKEN.quoted)) return text;
    const quote = text.slice(0, 1);
    const closed = text.length > 1 && text.endsWith(quote);
    return text.slice(1, closed ? -1 : undefined).replaceAll(quote + quote, quote);
  }

  /** Index behind the chain of dotted identifiers that begins at `index`. */
  chainEnd(index: number): number {
    let end = index + 1;
    while (this.is(end, TOKEN.dot) && this.isAfterDot(end + 1)) end += 2;
    return end;
  }

  private field(index: number, field: number): number {
    const at = this.indexes[index];
    return at === undefined ? 0 : this.tokens[at * TOKEN_FIELDS + field]!;
  }

  private findFirst(): number {
    let first = 0;
    while (this.keyword(first) === SET && this.keyword(first + 1) === STATEMENT) {
      let at = first + 2;
      while (at < this.length && (this.depth(at) > 0 || this.keyword(at) !== FOR)) at++;
      if (at === this.length) break;
      first = at + 1;
    }
    return first;
  }

  private matchParentheses(): void {
    const opened: number[] = [];
    for (let index = 0; index < this.length; index++) {
      const kind = this.kind(index);
      if (kind === TOKEN.close) {
        const open = opened.pop();
        if (open !== undefined) {
          this.partners[open] = index;
          this.partners[index] = open;
        }
      }
      this.depths[index] = opened.length;
      if (kind === TOKEN.open) opened.push(index);
    }
  }
}

function select(
  tokens: Int32Array,
  count: number,
  take: Conditional,
): { readonly indexes: Int32Array; readonly conditional: boolean } {
  const indexes = new Int32Array(count);
  let length = 0;
  let conditional = false;
  let inside = false;
  for (let index = 0; index < count; index++) {
    const kind = tokens[index * TOKEN_FIELDS]!;
    if (kind === TOKEN.conditionOpen || kind === TOKEN.conditionClose) {
      inside = kind === TOKEN.conditionOpen;
      conditional = true;
    } else if (!inside || take === 'with') {
      indexes[length++] = index;
    }
  }
  return { indexes: indexes.slice(0, length), conditional };
}
