/** How far an INSERT or REPLACE has got with its rows of VALUES. */
import { keyword } from './keywords.ts';

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

const NONE = 0;
const AHEAD = 1;
const HERE = 2;

export class InsertRows {
  private state: number = NONE;
  /** Offset of a ROW word that waits for its parenthesis, or -1. */
  private rowWord = -1;

  reset(): void {
    this.state = NONE;
    this.rowWord = -1;
  }

  /** True from VALUES on, inside the rows and between them. */
  areHere(): boolean {
    return this.state === HERE;
  }

  /** A keyword outside all parentheses; `verb`: it begins the statement; `previous`: the keyword right before it. */
  keyword(id: number, verb: boolean, previous: number): void {
    if (id === INSERT || id === REPLACE) {
      if (verb || previous === FOR || previous === EXPLAIN || previous === ANALYZE) this.state = AHEAD;
    } else if (id === VALUES || id === VALUE) {
      if (this.state === AHEAD && previous !== INTO) this.state = HERE;
    } else if (id === SELECT || id === SET || id === ON || id === WITH || this.state === HERE) {
      this.state = NONE;
    }
  }

  /** Whatever stands outside all parentheses and is neither a row nor a comma ends the rows. */
  other(): void {
    if (this.state === HERE) this.state = NONE;
  }

  /** A word ROW at `start`, before its parenthesis. */
  expectRow(start: number): void {
    this.rowWord = start;
  }

  /** Offset of the ROW word right before the row that opens now, or -1. */
  takeRowWord(): number {
    const { rowWord } = this;
    this.rowWord = -1;
    return rowWord;
  }
}
