/**
 * Folds the tokens of a statement into two hashes while they are read, and collapses what repeats: an IN list
 * of literals counts as one element, and rows of VALUES that have the shape of the row before count as one row.
 * What is collapsed shares its digest slots.
 */
import { keyword } from './keywords.ts';
import { type Lexed, LITERAL_FIELDS, TOKEN } from './lexed.ts';

const IN = keyword('IN');
const OPEN_TAG = 0x28;
const CLOSE_TAG = 0x29;
const COMMA_TAG = 0x2c;
const LITERAL_TAG = 0x2f6b1c35;
const LIST_TAG = 0x51a4be91;
const ROW_TAG = 0x3ad8025f;
const UNDECIDED = -1;
const SCALARS = 0;

export class Digester {
  /** Kind of the last token, 0 at the start. */
  last = 0;
  /** Keyword id of the last token, 0 if it was none. */
  lastKeyword = 0;
  depth = 0;

  private readonly lexed: Lexed;
  private readonly seedA: number;
  private readonly seedB: number;
  private a = 0;
  private b = 0;
  private record = false;

  /** Depth inside the IN list that may collapse; 0: none. */
  private listDepth = 0;
  private listA = 0;
  private listB = 0;
  private listLiteral = 0;
  private listSlot = 0;
  /** Tokens up to the end of the first element. */
  private listTokens = 0;
  /** SCALARS, the number of literals in each tuple, or UNDECIDED. */
  private arity = 0;
  private tupleLength = 0;

  private shapes = 0;
  private inRow = false;
  private outerA = 0;
  private outerB = 0;
  private rowStart = 0;
  private rowTokens = 0;
  private rowSlot = 0;
  private rowLiteral = 0;
  private shapeA = 0;
  private shapeB = 0;
  private shapeSlot = 0;
  private shapeLiterals = 0;
  /** Literals of each row that has this shape, 0 if there is anything else in it, or UNDECIDED. */
  private plainWidth = UNDECIDED;

  constructor(lexed: Lexed, seed: number) {
    this.lexed = lexed;
    this.seedA = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1);
    this.seedB = Math.imul(seed + 0x7f4a7c15, 0x85ebca6b);
  }

  /** `tag` sets apart what can't share a plan although its tokens are the same. */
  begin(record: boolean, tag: number): void {
    this.record = record;
    this.a = this.seedA;
    this.b = this.seedB;
    this.last = this.lastKeyword = this.depth = 0;
    this.listDepth = 0;
    this.shapes = 0;
    this.inRow = false;
    this.mix(tag, tag);
  }

  /** Sets a statement that could not be read whole apart from all that could. */
  seal(tag: number): void {
    this.mix(tag, tag);
  }

  finish(): void {
    if (this.inRow) this.mix(this.outerA, this.outerB);
    this.lexed.hashA = this.a;
    this.lexed.hashB = this.b;
  }

  /** Any token that no other method takes. `a` and `b` are what it adds to the hashes. */
  token(kind: number, value: number, a: number, b: number, start: number, end: number, slot: number): void {
    this.listDepth = 0;
    this.push(kind, value, a, b, start, end, slot);
    this.lastKeyword = kind === TOKEN.word ? value : 0;
  }

  /** A literal that was just added to `lexed`. */
  literal(start: number, end: number): void {
    const first = this.last === TOKEN.open || this.last === TOKEN.comma;
    this.push(TOKEN.literal, 0, LITERAL_TAG, LITERAL_TAG, start, end, this.lexed.slotCount - 1);
    this.lastKeyword = 0;
    if (this.listDepth === 0) return;
    if (!first) {
      this.listDepth = 0;
    } else if (this.depth === this.listDepth) {
      if (this.arity === UNDECIDED) {
        this.arity = SCALARS;
        this.listTokens = this.lexed.tokenCount;
      } else if (this.arity !== SCALARS) {
        this.listDepth = 0;
      }
    } else {
      this.tupleLength++;
    }
  }

  comma(at: number): void {
    const afterElement =
      this.last === TOKEN.literal || (this.last === TOKEN.close && this.depth === this.listDepth);
    if (!afterElement) this.listDepth = 0;
    this.push(TOKEN.comma, 0, COMMA_TAG, COMMA_TAG, at, at + 1, 0);
    this.lastKeyword = 0;
  }

  /** The comma between two rows of VALUES: it belongs to what is collapsed. */
  rowComma(): void {
    this.last = TOKEN.comma;
    this.lastKeyword = 0;
  }

  open(at: number): void {
    const { last, lastKeyword } = this;
    this.push(TOKEN.open, 0, OPEN_TAG, OPEN_TAG, at, at + 1, 0);
    this.lastKeyword = 0;
    this.depth++;
    if (last === TOKEN.word && lastKeyword === IN) {
      this.beginList();
    } else if (this.listDepth !== 0) {
      const opensTuple =
        this.depth === this.listDepth + 1 &&
        this.arity !== SCALARS &&
        (last === TOKEN.open || last === TOKEN.comma);
      if (opensTuple) this.tupleLength = 0;
      else this.listDepth = 0;
    }
  }

  close(at: number): void {
    if (this.listDepth !== 0 && this.depth === this.listDepth) this.endList();
    const { last } = this;
    this.push(TOKEN.close, 0, CLOSE_TAG, CLOSE_TAG, at, at + 1, 0);
    this.lastKeyword = 0;
    if (this.listDepth !== 0 && this.depth === this.listDepth + 1) this.endTuple(last);
    if (this.depth > 0) this.depth--;
  }

  /** True where a literal would be an element of an IN list or of a VALUES row. */
  isElement(): boolean {
    if (this.last !== TOKEN.open && this.last !== TOKEN.comma) return false;
    return this.listDepth !== 0 || (this.inRow && this.depth === 1);
  }

  /** Called before the parenthesis that opens a row of VALUES. */
  openRow(start: number, isRowWord: boolean): void {
    this.rowTokens = this.lexed.tokenCount;
    this.outerA = this.a;
    this.outerB = this.b;
    if (this.shapes > 0) this.push(TOKEN.comma, 0, 0, 0, start, start, 0);
    this.a = isRowWord ? ~this.seedA : this.seedA;
    this.b = this.seedB;
    this.rowStart = start;
    this.rowSlot = this.lexed.slotCount;
    this.rowLiteral = this.lexed.literalCount;
    this.inRow = true;
  }

  /** Called after the parenthesis that closes a row of VALUES. */
  closeRow(end: number): void {
    const { a, b, lexed } = this;
    lexed.addRow(this.rowStart, end);
    this.inRow = false;
    this.a = this.outerA;
    this.b = this.outerB;
    if (this.shapes > 0 && a === this.shapeA && b === this.shapeB) {
      const shift = this.rowSlot - this.shapeSlot;
      const literals = lexed.literals;
      for (let index = this.rowLiteral; index < lexed.literalCount; index++) {
        literals[index * LITERAL_FIELDS + 3]! -= shift;
      }
      lexed.slotCount = this.rowSlot;
      lexed.tokenCount = this.rowTokens;
      return;
    }
    this.mix(a ^ ROW_TAG, b ^ ROW_TAG);
    this.shapes++;
    this.shapeA = a;
    this.shapeB = b;
    this.shapeSlot = this.rowSlot;
    this.shapeLiterals = lexed.literalCount - this.rowLiteral;
    this.plainWidth = UNDECIDED;
    this.pushMore(end);
  }

  /** Literals of a row that repeats the shape of the last one; 0 where that holds anything but plain literals. */
  plainRowWidth(): number {
    if (this.shapes === 0) return 0;
    // Asked for only where a second row comes: most INSERTs have one.
    if (this.plainWidth === UNDECIDED) this.plainWidth = this.shapeIsPlain() ? this.shapeLiterals : 0;
    return this.plainWidth;
  }

  /** The digest slot of such a row's first literal. */
  plainRowSlot(): number {
    return this.shapeSlot;
  }

  /** A row that was read without the digester, because it repeats the last one's shape. */
  repeatRow(): void {
    this.last = TOKEN.close;
    this.lastKeyword = 0;
  }

  /** Rows of this shape are written in a way that takes a closer look. */
  refusePlainRows(): void {
    this.plainWidth = 0;
  }

  private shapeIsPlain(): boolean {
    const { a, b } = this;
    this.a = this.seedA;
    this.b = this.seedB;
    this.mix(OPEN_TAG, OPEN_TAG);
    for (let index = 0; index < this.shapeLiterals; index++) {
      if (index > 0) this.mix(COMMA_TAG, COMMA_TAG);
      this.mix(LITERAL_TAG, LITERAL_TAG);
    }
    this.mix(CLOSE_TAG, CLOSE_TAG);
    const isPlain = this.a === this.shapeA && this.b === this.shapeB;
    this.a = a;
    this.b = b;
    return isPlain;
  }

  private beginList(): void {
    this.listDepth = this.depth;
    this.listA = this.a;
    this.listB = this.b;
    this.listLiteral = this.lexed.literalCount;
    this.listSlot = this.lexed.slotCount;
    this.arity = UNDECIDED;
  }

  private endTuple(last: number): void {
    if (last !== TOKEN.literal) {
      this.listDepth = 0;
    } else if (this.arity === UNDECIDED) {
      this.arity = this.tupleLength;
      this.listTokens = this.lexed.tokenCount;
    } else if (this.arity !== this.tupleLength) {
      this.listDepth = 0;
    }
  }

  private endList(): void {
    const { lexed, arity } = this;
    this.listDepth = 0;
    if (arity === UNDECIDED || this.last !== (arity === SCALARS ? TOKEN.literal : TOKEN.close)) return;
    const width = arity === SCALARS ? 1 : arity;
    const literals = lexed.literals;
    for (let index = this.listLiteral, offset = 0; index < lexed.literalCount; index++) {
      literals[index * LITERAL_FIELDS + 3] = this.listSlot + offset;
      offset = offset + 1 === width ? 0 : offset + 1;
    }
    lexed.slotCount = this.listSlot + width;
    lexed.tokenCount = this.listTokens;
    this.a = this.listA;
    this.b = this.listB;
    this.mix(LIST_TAG + arity, LIST_TAG + arity);
    this.pushMore(lexed.end);
  }

  /** The mark of what was collapsed; the hashes know of it already. */
  private pushMore(at: number): void {
    const { lexed } = this;
    if (this.record) lexed.setToken(lexed.tokenCount, TOKEN.more, 0, at, at, 0);
    lexed.tokenCount++;
  }

  private push(
    kind: number,
    value: number,
    a: number,
    b: number,
    start: number,
    end: number,
    slot: number,
  ): void {
    const { lexed } = this;
    if (this.record) lexed.setToken(lexed.tokenCount, kind, value, start, end, slot);
    if (lexed.start === -1) lexed.start = start;
    lexed.tokenCount++;
    this.last = kind;
    this.mix(a, b);
  }

  private mix(a: number, b: number): void {
    const nextA = Math.imul(this.a ^ a, 0x9e3779b1);
    this.a = nextA ^ (nextA >>> 15);
    const nextB = Math.imul((this.b + b) | 0, 0x85ebca6b);
    this.b = nextB ^ (nextB >>> 13);
  }
}
