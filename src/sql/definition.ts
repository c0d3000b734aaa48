/**
 * What a statement that makes, changes or ends a definition is about: its tables, those that it refers to, and
 * whether the rows come out the same wherever it is run. Read from the words of each such statement, as DDL is rare.
 */
import { type AlterFacts, readAlter } from './alter-clauses.ts';
import { CHAIN, type Lexed, QUALIFIER_FIELDS, TOKEN } from './lexed.ts';
import { Lexer } from './lexer.ts';
import { TokenList } from './token-list.ts';

/** `program`: a procedure, a function or an event; `other`: a sequence, a tablespace … */
export type DefinitionForm =
  | 'create'
  | 'alter'
  | 'drop'
  | 'rename'
  | 'create_index'
  | 'drop_index'
  | 'trigger'
  | 'view'
  | 'program'
  | 'database'
  | 'other';

/** A table as a statement names it. */
export interface NamedTable {
  /** As written, unquoted; null where the statement leaves it to the session. */
  readonly database: string | null;
  readonly name: string;
  /** Bytes of the database's name in the text; both 0 where there is none. */
  readonly start: number;
  readonly end: number;
}

export interface Definition {
  readonly form: DefinitionForm;
  /** Tables whose definition it changes: all names of a RENAME, old and new; of a trigger, its own table. */
  readonly tables: readonly NamedTable[];
  /** Tables that it reads or refers to: LIKE, SELECT, REFERENCES; of a view or a program, those in its body. */
  readonly others: readonly NamedTable[];
  /** Parents of foreign keys, among `others`. */
  readonly parents: readonly string[];
  /** What the trigger, the views or the database are called; none for the other forms. */
  readonly names: readonly string[];
  /** `unsure`: run on another server, or at another time, it may leave other rows. */
  readonly rows: 'same' | 'unsure';
  /**
   * Rows come out the same whether a write of the table came before or behind it, and what was known of the old
   * columns holds on: columns with plain defaults are added at the end, or indexes that are not unique.
   */
  readonly additive: boolean;
  /** A failure leaves everything as it was. */
  readonly atomic: boolean;
  /** Names of engines, in the text, that the new cluster has other engines for. */
  readonly engines: readonly { readonly start: number; readonly end: number }[];
  /** First identifiers of three-part names (`database.table.column`). */
  readonly columns: readonly NamedTable[];
}

const OBJECTS: Readonly<Record<string, 'table' | 'index' | Exclude<DefinitionForm, 'create'>>> = {
  TABLE: 'table',
  TABLES: 'table',
  INDEX: 'index',
  TRIGGER: 'trigger',
  VIEW: 'view',
  PROCEDURE: 'program',
  FUNCTION: 'program',
  EVENT: 'program',
  DATABASE: 'database',
  SCHEMA: 'database',
  SEQUENCE: 'other',
  TABLESPACE: 'other',
};
/** Words before the object: OR REPLACE, DEFINER = …, ALGORITHM = …, SQL SECURITY …, UNIQUE, ONLINE, IGNORE. */
const OPENING_MAX = 24;
/** Engines without transactions that applications' tables have: on the new cluster such tables are InnoDB's. */
const REPLACED_ENGINE = /^['"`]?(?:MYISAM|ARIA|MEMORY|HEAP|ISAM)['"`]?$/i;

interface Opening {
  readonly verb: string;
  readonly object: string;
  /** Index behind the object's word. */
  readonly at: number;
  /** The words in between. */
  readonly between: readonly string[];
}

export class DefinitionReader {
  readonly #lexer = new Lexer(0);

  /** `facts`: of the statement in `sql`, as it was read for its plan; null: it is no definition. */
  read(sql: Buffer, facts: Lexed): Definition | null {
    const lexed = this.#lexer.lex(sql, facts.start, facts.end, facts.mode, true);
    const list = new TokenList(sql, lexed, facts.mode);
    const opening = readOpening(list);
    if (opening === null) return null;
    const form = formOf(opening);
    const found = new Words(list).read(form, opening);
    const isCertain = lexed.state === 'complete' && !list.conditional;
    return {
      form,
      ...found,
      rows: isCertain ? found.rows : 'unsure',
      additive: isCertain && found.additive,
      engines: enginesIn(list),
      columns: threePartNames(list, lexed),
    };
  }
}

function readOpening(list: TokenList): Opening | null {
  const { first } = list;
  const verb = wordAt(list, first);
  if (!['CREATE', 'ALTER', 'DROP', 'RENAME'].includes(verb)) return null;
  const between: string[] = [];
  for (let at = first + 1; at <= first + OPENING_MAX && at < list.length; at++) {
    const word = list.depth(at) === 0 ? wordAt(list, at) : '';
    // A definer's name is no word of the statement's.
    const isName = list.operator(at - 1) !== 0 || list.is(at, TOKEN.quoted);
    if (Object.hasOwn(OBJECTS, word) && !isName) return { verb, object: OBJECTS[word]!, at: at + 1, between };
    between.push(word);
  }
  return { verb, object: 'other', at: first + 1, between };
}

function formOf({ verb, object }: Opening): DefinitionForm {
  if (object === 'index') return verb === 'CREATE' ? 'create_index' : 'drop_index';
  if (object !== 'table') return object as DefinitionForm;
  return verb.toLowerCase() as DefinitionForm;
}

type Found = Omit<Definition, 'form' | 'engines' | 'columns'>;

const NOTHING: Found = {
  tables: [],
  others: [],
  parents: [],
  names: [],
  rows: 'same',
  additive: false,
  atomic: true,
};

/** The words behind the opening. */
class Words {
  readonly #list: TokenList;

  constructor(list: TokenList) {
    this.#list = list;
  }

  read(form: DefinitionForm, { verb, at, between }: Opening): Found {
    const from = this.#pastExistence(at);
    switch (form) {
      case 'create':
        return this.#create(from, between.includes('REPLACE'));
      case 'alter':
        return this.#alter(from, between.includes('IGNORE'));
      case 'drop':
        return this.#drop(from);
      case 'rename':
        return this.#rename(from);
      case 'create_index':
        return { ...this.#on(from), additive: !between.includes('UNIQUE') && !between.includes('REPLACE') };
      case 'drop_index':
        return this.#on(from);
      case 'trigger':
        return { ...(verb === 'CREATE' ? this.#on(from) : NOTHING), names: [tableAt(this.#list, from).name] };
      case 'view':
        return { ...NOTHING, others: this.#tablePositions(from), names: this.#listed(from) };
      case 'database':
        return { ...NOTHING, names: [tableAt(this.#list, from).name], atomic: verb !== 'DROP' };
      default:
        return { ...NOTHING, others: this.#tablePositions(from) };
    }
  }

  #create(from: number, replaces: boolean): Found {
    const list = this.#list;
    const table = tableAt(list, from);
    const others: NamedTable[] = [];
    const parents: string[] = [];
    let fills = false;
    for (let at = list.chainEnd(from); at < list.length; at++) {
      const word = wordAt(list, at);
      const isLike = word === 'LIKE' && (at === list.chainEnd(from) || list.is(at - 1, TOKEN.open));
      if (word === 'SELECT') fills = true;
      if (word === 'REFERENCES') parents.push(tableAt(list, at + 1).name);
      if (isLike || word === 'REFERENCES') others.push(tableAt(list, at + 1));
      else if (fills && list.isTablePosition(at)) others.push(tableAt(list, at));
    }
    const rows = fills ? 'unsure' : 'same';
    return { ...NOTHING, tables: [table], others, parents, rows, atomic: !replaces };
  }

  #alter(from: number, ignores: boolean): Found {
    const list = this.#list;
    const facts: AlterFacts = readAlter(list, list.chainEnd(from));
    const parents = facts.parents.map((at) => tableAt(list, at));
    return {
      ...NOTHING,
      tables: [from, ...facts.names].map((at) => tableAt(list, at)),
      others: parents,
      parents: parents.map(({ name }) => name),
      rows: ignores ? 'unsure' : facts.rows,
      additive: facts.additive && !ignores,
    };
  }

  #drop(from: number): Found {
    const tables = this.#chains(from);
    return { ...NOTHING, tables, atomic: tables.length === 1 };
  }

  /** Names with commas between them. */
  #chains(from: number): NamedTable[] {
    const chains = [tableAt(this.#list, from)];
    let at = this.#list.chainEnd(from);
    while (this.#list.is(at, TOKEN.comma)) {
      chains.push(tableAt(this.#list, at + 1));
      at = this.#list.chainEnd(at + 1);
    }
    return chains;
  }

  #listed(from: number): string[] {
    return this.#chains(from).map(({ name }) => name);
  }

  #rename(from: number): Found {
    const list = this.#list;
    const tables = [tableAt(list, from)];
    for (let at = list.chainEnd(from); at < list.length; at++) {
      const isName = list.is(at, TOKEN.comma) || wordAt(list, at) === 'TO';
      if (isName) tables.push(tableAt(list, at + 1));
    }
    return { ...NOTHING, tables, atomic: tables.length <= 2 };
  }

  /** The table behind ON, of an index or a trigger. */
  #on(from: number): Found {
    const list = this.#list;
    for (let at = from; at < list.length; at++) {
      if (list.depth(at) === 0 && wordAt(list, at) === 'ON')
        return { ...NOTHING, tables: [tableAt(list, at + 1)] };
    }
    return NOTHING;
  }

  #tablePositions(from: number): NamedTable[] {
    const found: NamedTable[] = [];
    for (let at = from; at < this.#list.length; at++)
      if (this.#list.isTablePosition(at)) found.push(tableAt(this.#list, at));
    return found;
  }

  #pastExistence(from: number): number {
    let at = from;
    if (wordAt(this.#list, at) !== 'IF') return at;
    while (wordAt(this.#list, at) !== 'EXISTS' && at < from + 3) at++;
    return at + 1;
  }
}

function tableAt(list: TokenList, at: number): NamedTable {
  const end = list.chainEnd(at);
  const name = list.name(end - 1);
  if (end - at === 1) return { database: null, name, start: 0, end: 0 };
  return { database: list.name(at), name, start: list.start(at), end: list.end(at) };
}

function enginesIn(list: TokenList): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let at = list.first; at < list.length; at++) {
    if (wordAt(list, at) !== 'ENGINE') continue;
    const named = list.operator(at + 1) === 0 ? at + 1 : at + 2;
    if (REPLACED_ENGINE.test(list.text(named)))
      found.push({ start: list.start(named), end: list.end(named) });
  }
  return found;
}

function threePartNames(list: TokenList, lexed: Lexed): NamedTable[] {
  const found: NamedTable[] = [];
  for (let index = 0; index < lexed.qualifierCount; index++) {
    const at = index * QUALIFIER_FIELDS;
    const [start, end, length, position] = lexed.qualifiers.subarray(at, at + QUALIFIER_FIELDS);
    if (position !== CHAIN.column || length! < 3) continue;
    for (let token = list.first; token < list.length; token++) {
      if (list.start(token) === start) found.push({ database: list.name(token), name: '', start, end: end! });
    }
  }
  return found;
}

/** The word that stands there, in upper case; empty for everything else, a name behind a dot among it. */
export function wordAt(list: TokenList, at: number): string {
  return list.is(at, TOKEN.word) && !list.isAfterDot(at) ? list.text(at).toUpperCase() : '';
}
