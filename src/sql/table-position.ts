/**
 * Knows, token by token, whether the next identifier would be the name of a table. It follows the clause of
 * every level of parentheses; the words that matter are few.
 */
import { FLAG, keyword } from './keywords.ts';

/** Levels of parentheses that are followed; a deeper statement is not relied on. */
export const DEPTH_MAX = 250;

const SELECT = keyword('SELECT');
const UPDATE = keyword('UPDATE');
const DELETE = keyword('DELETE');
const INSERT = keyword('INSERT');
const REPLACE = keyword('REPLACE');
const TRUNCATE = keyword('TRUNCATE');
const NOT = keyword('NOT');
const SET = keyword('SET');
const KEY = keyword('KEY');
const FOR = keyword('FOR');
const ON = keyword('ON');
const USING = keyword('USING');
const JOIN = keyword('JOIN');
const FROM = keyword('FROM');
const DISTINCT = keyword('DISTINCT');
const STRAIGHT_JOIN = keyword('STRAIGHT_JOIN');
const RETURNING = keyword('RETURNING');
const WINDOW = keyword('WINDOW');
const SHARE = keyword('SHARE');
const EXPLAIN = keyword('EXPLAIN');
const ANALYZE = keyword('ANALYZE');
const DESCRIBE = keyword('DESCRIBE');
const DESC = keyword('DESC');

/** Words after which no further table of the same list can come. */
const LIST_ENDS = new Set(
  ['WHERE', 'SET', 'VALUES', 'GROUP', 'ORDER', 'HAVING', 'LIMIT', 'PROCEDURE', 'LINES', 'WITH'].map(keyword),
);

const ENDS_LIST = new Uint8Array(1024);
for (const id of LIST_ENDS) ENDS_LIST[id] = 1;

const IN_TABLES = 1;
const HAS_SELECT = 2;

export class TablePosition {
  private inTables = false;
  private expected = false;
  private hasSelect = false;
  private depth = 0;
  private readonly levels = new Uint8Array(DEPTH_MAX);
  /** Inside SET STATEMENT … FOR, up to its statement's verb: that FOR UPDATE locks nothing. */
  private inSetStatement = false;
  /** A DELETE whose USING would begin its table list. */
  private usingOpensTables = false;

  reset(): void {
    this.inTables = this.expected = this.hasSelect = this.usingOpensTables = false;
    this.inSetStatement = false;
    this.depth = 0;
  }

  /** False where the parentheses are too deep to follow. */
  open(): boolean {
    if (this.depth < DEPTH_MAX) {
      this.levels[this.depth] = (this.inTables ? IN_TABLES : 0) | (this.hasSelect ? HAS_SELECT : 0);
    }
    this.depth++;
    this.inTables = this.expected;
    this.hasSelect = false;
    return this.depth <= DEPTH_MAX;
  }

  close(): void {
    if (this.depth === 0) return;
    this.depth--;
    const level = this.depth < DEPTH_MAX ? this.levels[this.depth]! : 0;
    this.inTables = (level & IN_TABLES) !== 0;
    this.hasSelect = (level & HAS_SELECT) !== 0;
    this.expected = false;
  }

  comma(): void {
    this.expected = this.inTables;
  }

  /** Anything that is no identifier, keyword, comma or parenthesis. */
  other(): void {
    this.expected = false;
  }

  /** An identifier that begins a chain; true if it names a table. */
  identifier(): boolean {
    const isTable = this.expected;
    this.expected = false;
    return isTable;
  }

  /** True where an unreserved keyword stands where a name is due, and so is one. */
  takesName(flags: number): boolean {
    return this.expected && (flags & FLAG.reserved) === 0;
  }

  /** A keyword; `verb`: it begins the statement; `previous`: the keyword right before it, or 0. */
  keyword(id: number, flags: number, verb: boolean, previous: number): void {
    if ((flags & FLAG.modifier) !== 0 || id === NOT) return;
    if ((flags & FLAG.beforeTable) !== 0) {
      this.introduces(id, previous);
      return;
    }
    this.expected = false;
    if (ENDS_LIST[id] === 1) {
      if (verb && id === SET) this.inSetStatement = true;
      this.inTables = false;
      return;
    }
    switch (id) {
      case SELECT:
        this.inTables = this.usingOpensTables = this.inSetStatement = false;
        this.hasSelect = true;
        return;
      case UPDATE:
        if (previous === KEY || previous === ON || (previous === FOR && !this.inSetStatement)) this.end();
        else this.begin();
        return;
      case DELETE:
        if (previous === ON) return;
        this.usingOpensTables = true;
        this.begin();
        return;
      case INSERT:
      case REPLACE:
        if (verb || explains(previous) || previous === FOR) this.begin();
        return;
      case TRUNCATE:
        if (verb) this.begin();
        return;
      case USING:
        if (this.usingOpensTables && this.depth === 0) this.begin();
        this.usingOpensTables = false;
        return;
      case STRAIGHT_JOIN:
        if (this.inTables) this.expected = true;
        return;
      case WINDOW:
        if (this.hasSelect) this.end();
        return;
      case RETURNING:
        if (!this.hasSelect) this.end();
        return;
      case SHARE:
        if (previous === FOR) this.end();
    }
  }

  private introduces(id: number, previous: number): void {
    if (id === FROM && (previous === DISTINCT || (this.depth > 0 && !this.hasSelect))) return;
    if (id === JOIN) this.usingOpensTables = false;
    this.begin();
  }

  private begin(): void {
    this.inTables = this.expected = true;
  }

  private end(): void {
    this.inTables = false;
  }
}

function explains(previous: number): boolean {
  return previous === EXPLAIN || previous === ANALYZE || previous === DESCRIBE || previous === DESC;
}
