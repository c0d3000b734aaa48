/**
 * What the text of a stored program may do besides answering: which rows it changes, what it calls, what it leaves
 * in the session. Where a statement of it is of no kind that is known here, anything may come of it.
 */

import { wordAt } from './definition.ts';
import { functionHazard } from './functions.ts';
import { TOKEN } from './lexed.ts';
import { Lexer } from './lexer.ts';
import type { Plan, RoutineCall, TableName } from './plan.ts';
import { makePlan } from './planner.ts';
import { type ProgramStatement, programStatements } from './program-statements.ts';
import { functionAt, routineAt } from './routine-calls.ts';
import { variableClass } from './session-variables.ts';
import type { SqlMode } from './sql-mode.ts';
import { TokenList } from './token-list.ts';
import { variableName } from './user-variables.ts';

export interface RoutineText {
  /** The statements that change rows. */
  readonly writes: readonly Plan[];
  /** Tables that it creates, changes or drops by their definition. */
  readonly defined: readonly TableName[];
  /** The same of temporary ones. */
  readonly temporary: readonly TableName[];
  readonly calls: readonly RoutineCall[];
  /** The variables that it sets, in lower case: settings of the session, or its own. */
  readonly settings: ReadonlySet<string>;
  /** The user variables that it names, in lower case. */
  readonly userVariables: ReadonlySet<string>;
  readonly setsIsolation: boolean;
  readonly setsLastInsertId: boolean;
  /** It may begin, commit or roll back, or go on behind an error that rolled back. */
  readonly endsTransactions: boolean;
}

/** Programs with more of either are nobody's. */
const STATEMENTS_MAX = 2000;
const WRITES_MAX = 200;
const NAMES_MAX = 200;

/** They run nothing but the functions that stand in them, or change nothing that lasts. */
const HARMLESS: ReadonlySet<string> = new Set([
  'DO',
  'SIGNAL',
  'RESIGNAL',
  'GET',
  'SHOW',
  'CHECKSUM',
  'DECLARE',
]);
const TRANSACTIONS: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK', 'SAVEPOINT', 'RELEASE', 'START']);
const QUERIES: ReadonlySet<string> = new Set([
  '',
  'SELECT',
  'WITH',
  'VALUES',
  'INSERT',
  'REPLACE',
  'UPDATE',
  'DELETE',
  'TRUNCATE',
]);
/** Forms of SET that assign no variable. */
const OTHER_SETS: ReadonlySet<string> = new Set(['PASSWORD', 'DEFAULT', 'STATEMENT', 'RESOURCE', 'ROLE']);
const NAMES = [
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'collation_connection',
];
/** Types whose names may be those of functions. */
const TYPES = /^(?:enum|text|nvarchar|fixed|json|year)$/i;

/** `sql`: a routine's body, or a compound statement, written under `mode`. Null: it may do anything. Never throws. */
export function readRoutineText(sql: Buffer, mode: SqlMode): RoutineText | null {
  return new RoutineReader(sql, mode).read();
}

class RoutineReader {
  readonly #sql: Buffer;
  readonly #mode: SqlMode;
  readonly #inner = new Lexer(0);
  readonly #writes: Plan[] = [];
  readonly #defined: TableName[] = [];
  readonly #temporary: TableName[] = [];
  readonly #calls: RoutineCall[] = [];
  readonly #settings = new Set<string>();
  readonly #userVariables = new Set<string>();
  #setsIsolation = false;
  #setsLastInsertId = false;
  #endsTransactions = false;
  #isClear = true;

  constructor(sql: Buffer, mode: SqlMode) {
    this.#sql = sql;
    this.#mode = mode;
  }

  read(): RoutineText | null {
    const lexer = new Lexer(0);
    for (let at = 0, pieces = 0; at >= 0 && this.#isClear; pieces++) {
      const lexed = lexer.lex(this.#sql, at, this.#sql.length, this.#mode, true);
      const list = new TokenList(this.#sql, lexed, this.#mode);
      if (lexed.state !== 'complete' || list.conditional || pieces === STATEMENTS_MAX) return null;
      this.#readList(list);
      at = lexed.next;
    }
    if (!this.#isClear || !this.#isBounded) return null;
    return {
      writes: this.#writes,
      defined: this.#defined,
      temporary: this.#temporary,
      calls: this.#calls,
      settings: this.#settings,
      userVariables: this.#userVariables,
      setsIsolation: this.#setsIsolation,
      setsLastInsertId: this.#setsLastInsertId,
      endsTransactions: this.#endsTransactions,
    };
  }

  get #isBounded(): boolean {
    const names = [this.#defined.length, this.#temporary.length, this.#calls.length, this.#settings.size];
    return this.#writes.length <= WRITES_MAX && names.every((count) => count <= NAMES_MAX);
  }

  #readList(list: TokenList): void {
    const { statements, catchesErrors } = programStatements(list);
    if (statements.length > STATEMENTS_MAX) this.#isClear = false;
    if (catchesErrors) this.#endsTransactions = true;
    const noCalls = new Set<number>();
    for (const statement of statements) {
      if (this.#isClear) this.#statement(list, statement);
      for (let at = statement.from; at < callsFrom(list, statement); at++) noCalls.add(at);
    }
    for (let at = 0; at < list.length && this.#isClear; at++) this.#token(list, at, noCalls.has(at));
  }

  /** What counts wherever it stands. */
  #token(list: TokenList, at: number, isNoCall: boolean): void {
    if (list.is(at, TOKEN.userVariable)) this.#userVariables.add(variableName(list.text(at).slice(1)));
    if (isNoCall) return;
    const called = functionAt(list, at);
    if (called === 'built_in' && functionHazard(list.text(at)) === 'last_insert_id')
      this.#setsLastInsertId = true;
    if (called !== 'routine') return;
    const routine = routineAt(list, at, 'function');
    if (routine === null) this.#isClear = false;
    else this.#calls.push(routine);
  }

  #statement(list: TokenList, statement: ProgramStatement): void {
    const { word } = statement;
    if (HARMLESS.has(word)) return;
    if (TRANSACTIONS.has(word)) {
      this.#endsTransactions = true;
      if (word === 'START' && wordAt(list, statement.from + 1) !== 'TRANSACTION') this.#isClear = false;
    } else if (QUERIES.has(word)) this.#query(list, statement);
    else if (word === 'SET') this.#set(list, statement);
    else if (word === 'CALL') this.#call(list, statement.from + 1);
    else this.#definition(list, statement);
  }

  #query(list: TokenList, statement: ProgramStatement): void {
    const plan = this.#plan(list, statement);
    if (plan.hazards.has('any_effect') || plan.kind === 'other' || plan.temporary) this.#isClear = false;
    if (plan.transaction !== 'none') this.#endsTransactions = true;
    if (plan.kind === 'read') return;
    this.#writes.push(plan);
    if (/\b(?:INSERT|REPLACE)\b/i.test(plan.digest)) this.#setsLastInsertId = true;
  }

  #set(list: TokenList, statement: ProgramStatement): void {
    const { session } = this.#plan(list, statement);
    if (OTHER_SETS.has(wordAt(list, statement.from + 1)) || session.length === 0) this.#isClear = false;
    const isScoped = isOfSession(list, statement);
    for (const { what, name, scope } of session) {
      if (scope === 'global') continue;
      if (what === 'variable' && isScoped && variableClass(name) === 'unnamed') this.#isClear = false;
      if (what === 'names' || what === 'character_set') for (const each of NAMES) this.#settings.add(each);
      else if (what === 'transaction') this.#setsIsolation = true;
      else if (what === 'variable') this.#settings.add(name);
      if (name === 'autocommit') this.#endsTransactions = true;
    }
  }

  #call(list: TokenList, at: number): void {
    const called = routineAt(list, list.chainEnd(at) - 1, 'procedure');
    if (called === null) this.#isClear = false;
    else this.#calls.push(called);
  }

  /** CREATE, ALTER and DROP of tables; anything else may be about what can't be seen here. */
  #definition(list: TokenList, statement: ProgramStatement): void {
    const { word, from } = statement;
    const isTemporary = isTemporaryTable(list, from);
    const isTable = wordAt(list, from + 1) === 'TABLE' && ['CREATE', 'ALTER', 'DROP'].includes(word);
    if (!isTemporary && !isTable) {
      this.#isClear = false;
      return;
    }
    const { tables, temporary } = this.#plan(list, statement);
    if (tables.length === 0 || temporary !== isTemporary) this.#isClear = false;
    if (!isTemporary) {
      this.#endsTransactions = true;
      this.#defined.push(...tables);
    } else this.#temporary.push(...(word === 'DROP' ? tables : tables.slice(0, 1)));
  }

  #plan(list: TokenList, { from, to }: ProgramStatement): Plan {
    const start = list.start(from);
    const lexed = this.#inner.lex(this.#sql, start, list.end(to - 1), this.#mode, true);
    return makePlan(this.#sql, lexed, this.#mode, false);
  }
}

/** It says that what it sets are the session's variables, not the program's own. */
function isOfSession(list: TokenList, { from, to }: ProgramStatement): boolean {
  for (let at = from; at < to; at++)
    if (list.is(at, TOKEN.systemVariable) || ['SESSION', 'LOCAL'].includes(wordAt(list, at))) return true;
  return false;
}

/** CREATE [OR REPLACE] TEMPORARY TABLE, DROP TEMPORARY TABLE. */
function isTemporaryTable(list: TokenList, from: number): boolean {
  const at = wordAt(list, from + 1) === 'OR' ? from + 3 : from + 1;
  return wordAt(list, at) === 'TEMPORARY' && ['TABLE', 'TABLES'].includes(wordAt(list, at + 1));
}

/**
 * Index from which on a name before a parenthesis is a function's: behind the name of a procedure, the type of a
 * variable, the columns and indexes of a table.
 */
function callsFrom(list: TokenList, { word, from, to }: ProgramStatement): number {
  if (word === 'CALL') return list.chainEnd(from + 1);
  if (word === 'DECLARE') {
    for (let at = from; at < to; at++)
      if (TYPES.test(list.text(at)) && list.is(at + 1, TOKEN.open)) return at + 1;
    return from;
  }
  if (!['CREATE', 'ALTER', 'DROP'].includes(word)) return from;
  let at = from;
  while (at < to && wordAt(list, at) !== 'SELECT') at++;
  return at;
}
