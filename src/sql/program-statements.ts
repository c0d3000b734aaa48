/**
 * Where the statements stand in the text of a stored program, among its blocks, branches and loops. MySQL manual:
 * "Compound Statement Syntax"; MariaDB knowledge base: "Programmatic and Compound Statements".
 */
import { wordAt } from './definition.ts';
import { TOKEN } from './lexed.ts';
import type { TokenList } from './token-list.ts';

export interface ProgramStatement {
  /** Its leading word, in upper case; empty: none. */
  readonly word: string;
  /** Its tokens: [from, to). */
  readonly from: number;
  readonly to: number;
}

export interface ProgramStatements {
  /** Of what is no statement of its own there are the declarations: of a handler, without the statement that it runs. */
  readonly statements: readonly ProgramStatement[];
  /** A handler may go on where a statement failed, whatever it failed of. */
  readonly catchesErrors: boolean;
}

const COLON = 0x3a;
/** Another statement follows at once. */
const OPENERS: ReadonlySet<string> = new Set(['ELSE', 'LOOP', 'REPEAT']);
/** What they hold is an expression, up to the word behind which a statement follows. */
const BRANCHES: ReadonlyMap<string, string> = new Map([
  ['IF', 'THEN'],
  ['ELSEIF', 'THEN'],
  ['CASE', 'THEN'],
  ['WHEN', 'THEN'],
  ['WHILE', 'DO'],
  ['FOR', 'DO'],
]);
/** They go to the semicolon, and run nothing but the functions that stand in them. */
const ENDERS: ReadonlySet<string> = new Set([
  'END',
  'UNTIL',
  'LEAVE',
  'ITERATE',
  'RETURN',
  'OPEN',
  'FETCH',
  'CLOSE',
]);

export function programStatements(list: TokenList): ProgramStatements {
  return new StatementFinder(list).read();
}

class StatementFinder {
  readonly #list: TokenList;
  readonly #statements: ProgramStatement[] = [];
  #catchesErrors = false;

  constructor(list: TokenList) {
    this.#list = list;
  }

  read(): ProgramStatements {
    for (let at = 0; at < this.#list.length; ) at = this.#next(at);
    return { statements: this.#statements, catchesErrors: this.#catchesErrors };
  }

  /** `at`: where a statement is due. Where the next one is. */
  #next(at: number): number {
    const list = this.#list;
    if (list.is(at, TOKEN.semicolon)) return at + 1;
    if (list.isIdentifier(at) && list.operator(at + 1) === COLON) return at + 2;
    const word = wordAt(list, at);
    if (word === 'BEGIN') return wordAt(list, at + 1) === 'NOT' ? at + 3 : at + 1;
    if (OPENERS.has(word)) return at + 1;
    const behind = BRANCHES.get(word);
    if (behind !== undefined) return this.#behind(behind, at + 1);
    const end = this.#end(at);
    if (ENDERS.has(word)) return end + 1;
    const handled = word === 'DECLARE' && wordAt(list, at + 2) === 'HANDLER' ? this.#handled(at + 4) : end;
    this.#statements.push({ word, from: at, to: handled });
    return handled === end ? end + 1 : handled;
  }

  /** Index behind the word that ends an expression; a CASE in it has words of its own. */
  #behind(word: string, from: number): number {
    let cases = 0;
    for (let at = from; at < this.#list.length; at++) {
      const found = wordAt(this.#list, at);
      if (found === 'CASE') cases++;
      else if (found === 'END') cases--;
      else if (found === word && cases === 0) return at + 1;
    }
    return this.#list.length;
  }

  /** Index of the semicolon that ends what stands here, or behind the last token. */
  #end(from: number): number {
    let at = from;
    while (at < this.#list.length && !this.#list.is(at, TOKEN.semicolon)) at++;
    return at;
  }

  /** Index of the statement that a handler runs; `from`: where its conditions begin. */
  #handled(from: number): number {
    let at = from;
    for (;;) {
      const word = wordAt(this.#list, at);
      if (word === 'NOT') at += 2;
      else if (word === 'SQLSTATE') at += wordAt(this.#list, at + 1) === 'VALUE' ? 3 : 2;
      else at++;
      if (word !== 'NOT' && word !== 'SQLWARNING') this.#catchesErrors = true;
      if (!this.#list.is(at, TOKEN.comma)) return Math.min(at, this.#list.length);
      at++;
    }
  }
}
