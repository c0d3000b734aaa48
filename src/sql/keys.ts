/** Binds a plan to a shard's tables, and reads the keys that a statement touches. */
import { type KeyType, literalKey, stringKey } from './key-text.ts';
import { type Lexed, LITERAL } from './lexed.ts';
import type { Plan, Predicate, RowSource } from './plan.ts';

/** As many of a binary floating point number a server writes without an exponent. */
const FLOAT_DIGITS = 15;

/** A table that moves. */
export interface MovedTable {
  readonly name: string;
  /** The key column; null: not known. */
  readonly key: string | null;
  /** All columns in the table's order; null: the schema is not known. */
  readonly columns: readonly string[] | null;
  /** The key column's type; left out: not known, then keys that look like numbers are read as numbers. */
  readonly keyType?: KeyType;
  /** The server numbers the key column (AUTO_INCREMENT); left out: it does not. */
  readonly numbered?: boolean;
  /** The column that the server numbers; left out: none. */
  readonly autoIncrement?: string | null;
  /** Unique indexes without the key, by their columns in small letters: by one an upsert may touch a row of another key. */
  readonly otherUniques?: readonly (readonly string[])[];
  /** Gives the text that stands for all spellings of a key, null where it can't be told; left out: each key has one. */
  readonly fold?: (key: string) => string | null;
}

/** What is known of one shard's tables. A new version means that bindings made before don't hold. */
export interface Catalog {
  readonly version: number;
  /** The table's facts; null when it doesn't move. `database`: the resolved name; null: there is none. */
  table(database: string | null, name: string): MovedTable | null;
}

/** How a statement can be narrowed to some of its keys: by dropping rows of VALUES, or elements of an IN list. */
export type Prune = 'rows' | 'list' | 'no';

export interface Binding {
  readonly plan: Plan;
  /** Whether the statement's tables move; none: it names no table. */
  readonly scope: 'moved' | 'unmoved' | 'mixed' | 'none';
  /** The moved tables, each once. */
  readonly tables: readonly MovedTable[];
  /** For each digest slot: indexes in `tables` of those whose key stands there; null for other slots. */
  readonly keySlots: readonly (readonly number[] | null)[];
  /**
   * Every moved table of the statement has its key in `keySlots`, so that the keys found are all that it can
   * touch (given that `readKeys` could read each).
   */
  readonly keysComplete: boolean;
  readonly prune: Prune;
  readonly numbering: Numbering | null;
}

/** Of an INSERT or REPLACE into a table whose key column the server numbers. */
export interface Numbering {
  /** Slots of that column's values, among which 0, NULL and DEFAULT are no keys but ask for a number. */
  readonly slots: ReadonlySet<number>;
  /** No row names a value for the column. */
  readonly leftOut: boolean;
}

/** Made once per plan, database and catalogue version: callers keep it. */
export function bind(plan: Plan, sessionDatabase: string | null, catalog: Catalog): Binding {
  const moved = plan.tables.map((table) => catalog.table(table.database ?? sessionDatabase, table.name));
  const tables = [...new Set(moved.filter((table) => table !== null))];
  const keySlots: (number[] | null)[] = [];
  const mark = (slot: number, table: MovedTable): void => {
    while (keySlots.length <= slot) keySlots.push(null);
    const index = tables.indexOf(table);
    const marked = keySlots[slot] ?? [];
    if (!marked.includes(index)) keySlots[slot] = [...marked, index];
  };
  let complete = tables.length > 0 && !hidesKeys(plan);
  moved.forEach((table, index) => {
    if (table === null) return;
    if (!bindReference(plan, index, table, mark) || crossesKeys(plan, table)) complete = false;
  });
  return {
    plan,
    scope: scopeOf(moved),
    tables,
    keySlots,
    keysComplete: complete,
    prune: complete ? pruneOf(plan, tables) : 'no',
    numbering: numberingOf(plan, moved[0] ?? null),
  };
}

function scopeOf(moved: readonly (MovedTable | null)[]): Binding['scope'] {
  if (moved.length === 0) return 'none';
  const count = moved.filter((table) => table !== null).length;
  if (count === 0) return 'unmoved';
  return count === moved.length ? 'moved' : 'mixed';
}

function hidesKeys(plan: Plan): boolean {
  return plan.hazards.has('any_effect') || plan.hazards.has('conditional');
}

/** By a number that it leaves to the server, an upsert meets no row. */
function crossesKeys({ hazards, rows }: Plan, { autoIncrement, otherUniques = [] }: MovedTable): boolean {
  if (!hazards.has('upsert')) return false;
  const numbered = autoIncrement?.toLowerCase();
  const isLeftOut =
    numbered !== undefined &&
    rows !== null &&
    rows.columns?.every((column) => column.toLowerCase() !== numbered) === true;
  return otherUniques.some((columns) => !(isLeftOut && columns.length === 1 && columns[0] === numbered));
}

type Mark = (slot: number, table: MovedTable) => void;

/** Marks the slots of one table reference's key; false where it may touch keys that stand in no slot. */
function bindReference(plan: Plan, index: number, table: MovedTable, mark: Mark): boolean {
  if (table.key === null) return false;
  const key = table.key.toLowerCase();
  let bound = plan.rows !== null && index === 0 && bindRows(plan, table, key, mark);
  for (const predicate of plan.predicates) {
    if (!bindsKey(predicate, index, key)) continue;
    for (const slot of predicate.slots) mark(slot, table);
    bound = true;
  }
  for (const assignment of plan.assignments) {
    const unclear = assignment.tables.length === 0;
    if (assignment.column.toLowerCase() !== key || !(unclear || assignment.tables.includes(index))) continue;
    if (assignment.slot === -1) return false;
    mark(assignment.slot, table);
  }
  return bound;
}

function bindsKey(predicate: Predicate, index: number, key: string): boolean {
  return predicate.tables.includes(index) && predicate.column.toLowerCase() === key;
}

function bindRows(plan: Plan, table: MovedTable, key: string, mark: Mark): boolean {
  const { rows } = plan;
  if (rows === null || rows.shapes.length === 0) return false;
  const column = keyPosition(rows, table, key);
  if (column === -1) return false;
  let complete = true;
  for (const shape of rows.shapes) {
    const slot = shape[column] ?? -1;
    if (slot === -1) complete = false;
    else mark(slot, table);
  }
  return complete;
}

/** Where the key column stands in the rows; -1: it is left out, or that is not known. */
function keyPosition(rows: RowSource, table: MovedTable, key: string): number {
  return (rows.columns ?? table.columns)?.findIndex((name) => name.toLowerCase() === key) ?? -1;
}

function numberingOf({ rows }: Plan, table: MovedTable | null): Numbering | null {
  if (rows === null || table === null || table.key === null || table.numbered !== true) return null;
  const column = keyPosition(rows, table, table.key.toLowerCase());
  const slots = new Set(column === -1 ? [] : rows.shapes.flatMap((shape) => shape[column] ?? []));
  return { slots, leftOut: column === -1 && rows.columns !== null };
}

function pruneOf(plan: Plan, tables: readonly MovedTable[]): Prune {
  const single = plan.tables.length === 1 && tables.length === 1;
  if (!single || (plan.kind !== 'write' && plan.kind !== 'delete')) return 'no';
  const table = tables[0]!;
  const key = table.key?.toLowerCase();
  const binding = plan.predicates.filter((predicate) => predicate.column.toLowerCase() === key);
  const assignsKey = plan.assignments.some((assignment) => assignment.column.toLowerCase() === key);
  if (assignsKey) return 'no';
  if (plan.rows !== null) return 'rows';
  const only = binding.length === 1 ? binding[0]! : null;
  const cuttable = only?.list === true && !only.tuple && only.outer;
  return cuttable && !plan.limited ? 'list' : 'no';
}

/** The values of an EXECUTE's parameters. */
export interface ParamReader {
  /** The canonical key text (`integerKey`, `stringKey`) of parameter `ordinal`, from 0; null: not readable. */
  key(ordinal: number): string | null;
  /** What its value is, if it is a number: `approximate` where it is binary floating point. */
  numberKind(ordinal: number): 'exact' | 'approximate' | null;
}

/** The keys of one statement, in the order of their literals; a key that is written twice stands in it twice. */
export interface KeysFound {
  /** For each key: the table it belongs to, as an index in `Binding.tables`. */
  readonly tables: readonly number[];
  readonly keys: readonly string[];
  /** For each key: the index of its literal in the `Lexed`. */
  readonly literals: readonly number[];
  /** These are all the keys that the statement can touch. */
  readonly complete: boolean;
  /** Rows to be inserted, where the server gives each of them its key; else 0. */
  readonly numbered: number;
  /** Rows are inserted of which the server would number those without a number, and each brings one. */
  readonly bringsNumbers: boolean;
}

/** Of a statement whose keys stand nowhere, or were not asked for. */
export const NO_KEYS: KeysFound = {
  tables: [],
  keys: [],
  literals: [],
  complete: false,
  numbered: 0,
  bringsNumbers: false,
};

/** Reads the keys of the statement that `lexed` was made of. Parameters need `params`. */
export function readKeys(binding: Binding, sql: Buffer, lexed: Lexed, params?: ParamReader): KeysFound {
  const { keySlots, numbering } = binding;
  const rows = Math.max(1, lexed.rowCount);
  if (keySlots.length === 0) {
    const numbered = numbering?.leftOut === true && lexed.state === 'complete' ? rows : 0;
    return numbered === 0 ? NO_KEYS : { ...NO_KEYS, numbered };
  }
  let numbered = 0;
  let brought = 0;
  const tables: number[] = [];
  const keys: string[] = [];
  const literals: number[] = [];
  let complete = binding.keysComplete && lexed.state === 'complete';
  for (let index = 0; index < lexed.literalCount; index++) {
    const bound = keySlots[lexed.literalSlot(index)];
    if (bound === null || bound === undefined) continue;
    for (const table of bound) {
      const key = readKey(sql, lexed, index, binding.tables[table]!, params);
      const mayAsk = numbering?.slots.has(lexed.literalSlot(index)) === true;
      const asksForNumber = mayAsk && (key === '0' || isEmpty(sql, lexed, index));
      if (asksForNumber) numbered++;
      // Below zero it may be stored as 0, which asks for a number.
      else if (mayAsk && key !== null && !key.startsWith('-')) brought++;
      if (key === null || asksForNumber) {
        complete = false;
        continue;
      }
      tables.push(table);
      keys.push(key);
      literals.push(index);
    }
  }
  const all = numbered === rows && keys.length === 0 && lexed.state === 'complete';
  const bringsNumbers = brought === rows && complete;
  return { tables, keys, literals, complete, numbered: all ? numbered : 0, bringsNumbers };
}

/** NULL or DEFAULT. */
function isEmpty(sql: Buffer, lexed: Lexed, index: number): boolean {
  if (lexed.literalType(index) !== LITERAL.word) return false;
  return /^(?:NULL|DEFAULT|\\N)$/i.test(
    sql.toString('latin1', lexed.literalStart(index), lexed.literalEnd(index)),
  );
}

function readKey(
  sql: Buffer,
  lexed: Lexed,
  index: number,
  table: MovedTable,
  params: ParamReader | undefined,
): string | null {
  const key = writtenKey(sql, lexed, index, table, params);
  return key === null || table.fold === undefined || table.fold(key) !== null ? key : null;
}

function writtenKey(
  sql: Buffer,
  lexed: Lexed,
  index: number,
  table: MovedTable,
  params: ParamReader | undefined,
): string | null {
  if (lexed.literalType(index) !== LITERAL.parameter) return literalKey(sql, lexed, index, table.keyType);
  const ordinal = lexed.literalOrdinal(index);
  const key = params?.key(ordinal) ?? null;
  if (params === undefined || key === null) return null;
  // A column of strings keeps a number as its digits, a long float with an exponent, and equals it in many spellings.
  const number = table.keyType === 'string' ? params.numberKind(ordinal) : null;
  const isKept = lexed.literalRow(index) !== -1 && (number === 'exact' || key.length <= FLOAT_DIGITS);
  if (number !== null && !isKept) return null;
  return stringKey(key, table.keyType);
}
