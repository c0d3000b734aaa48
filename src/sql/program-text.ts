/** What the text of a trigger or a view names and calls. Read word by word: no grammar, so nothing it names is missed. */
import { functionHazard } from './functions.ts';
import { keyword } from './keywords.ts';
import { TOKEN } from './lexed.ts';
import { Lexer } from './lexer.ts';
import type { SqlMode } from './sql-mode.ts';
import { TokenList } from './token-list.ts';

export interface ProgramText {
  /** Every identifier in it, without quotes: of tables, columns, variables and whatever else. */
  readonly names: ReadonlySet<string>;
  /** Those of them that stand where a table is due. */
  readonly tables: ReadonlySet<string>;
  /** What stands before a parenthesis and is not built in, and every procedure: a table's name may be among them. */
  readonly calls: ReadonlySet<string>;
  /** False: there is more of it than was read. */
  readonly complete: boolean;
}

const CALL = keyword('CALL');
/** Pieces between semicolons that are read of one text. */
const PIECES_MAX = 10_000;

/** `text`: a trigger's ACTION_STATEMENT or a view's VIEW_DEFINITION, written under `mode`. Never throws. */
export function readProgramText(text: string, mode: SqlMode): ProgramText {
  const sql = Buffer.from(text);
  const lexer = new Lexer(0);
  const names = new Set<string>();
  const tables = new Set<string>();
  const calls = new Set<string>();
  let at = 0;
  let complete = true;
  for (let pieces = 0; at >= 0 && pieces < PIECES_MAX; pieces++) {
    const lexed = lexer.lex(sql, at, sql.length, mode, true);
    const list = new TokenList(sql, lexed, mode);
    if (lexed.state !== 'complete') complete = false;
    for (let index = 0; index < list.length; index++) readToken(list, index, { names, tables, calls });
    at = lexed.next;
  }
  return { names, tables, calls, complete: complete && at < 0 };
}

interface Found {
  readonly names: Set<string>;
  readonly tables: Set<string>;
  readonly calls: Set<string>;
}

function readToken(list: TokenList, index: number, { names, tables, calls }: Found): void {
  if (list.keyword(index) === CALL) calls.add(list.name(list.chainEnd(index + 1) - 1));
  if (list.isTablePosition(index)) tables.add(list.name(list.chainEnd(index) - 1));
  if (!list.isIdentifier(index)) return;
  const name = list.name(index);
  names.add(name);
  const isCalled = list.is(index + 1, TOKEN.open) && !list.isTablePosition(index);
  if (isCalled && (list.isAfterDot(index) || functionHazard(name) === 'unknown_function')) calls.add(name);
}
