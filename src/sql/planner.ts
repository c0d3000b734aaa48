/** Makes the plan of a digest from its recorded tokens. Called once per digest; never throws. */

import { Blocks } from './blocks.ts';
import { deprecatedWords, differsByKind } from './by-kind.ts';
import { CompoundDetector } from './compound.ts';
import { digestId, digestText } from './digest.ts';
import { readHazards } from './hazards.ts';
import { keyword } from './keywords.ts';
import { type Lexed, TOKEN } from './lexed.ts';
import { newNames } from './new-names.ts';
import { parseStructure } from './parse.ts';
import type { Assignment, Hazard, Plan, Predicate, RoutineCall, TableName } from './plan.ts';
import { readPredicates } from './predicates.ts';
import { readPrepareStep } from './prepare-step.ts';
import { readRoutineCalls } from './routine-calls.ts';
import { readAssignments, readRows } from './row-source.ts';
import { readSessionChanges } from './session-changes.ts';
import type { SqlMode } from './sql-mode.ts';
import { readTables, type TableReference } from './tables.ts';
import { TokenList } from './token-list.ts';
import { isTemporaryTable, readTransactionStep } from './transaction-step.ts';
import { readUserVariables, setsLastInsertId } from './user-variables.ts';
import { readVerb, type Verb } from './verb.ts';
import { readXaStep, type XaStep } from './xa-step.ts';

const UPDATE = keyword('UPDATE');
const CALL = keyword('CALL');
const EXECUTE = keyword('EXECUTE');
const BINLOG = keyword('BINLOG');
/** Verbs of statements that are no traffic, and call functions. */
const CALLING = [CALL, keyword('DO'), keyword('SET')];
/** What they do is told by their step. */
const CLEAR_XA: readonly XaStep['what'][] = ['end', 'one_phase', 'rollback', 'recover'];
const DDL_VERBS = new Set(['CREATE', 'ALTER', 'DROP', 'RENAME'].map(keyword));
/** What DDL may be about without touching a table. */
const NO_TABLE_OBJECTS = new Set(
  ['USER', 'ROLE', 'SERVER', 'EVENT', 'PROCEDURE', 'FUNCTION', 'PACKAGE', 'PREPARE', 'LOGFILE'].map(keyword),
);

/** Of a longer digest, and of one that is not read to its end or too deep, only kind, tables, rows and hazards are read: the rest takes more than linear time. */
const TOKENS_READ_MAX = 20_000;

/** By how much a wrong guess would cost: of two readings of a statement the graver one is taken. */
const GRAVITY: Readonly<Record<Plan['kind'], number>> = { read: 0, other: 1, write: 2, delete: 3 };

/**
 * `lexed` must hold recorded tokens of the statement, which is read under `mode`. Where `parserHasTime` is false
 * our own reading stands alone, and no predicate counts that nobody has confirmed.
 */
export function makePlan(sql: Buffer, lexed: Lexed, mode: SqlMode, parserHasTime: boolean): Plan {
  const list = new TokenList(sql, lexed, mode);
  const digest = digestText(sql, lexed, mode);
  const reading = readStatement(list, lexed);
  const hazards = new Set(reading.hazards);
  const { kind, isCertain } = weigh(sql, lexed, mode, list, reading, hazards);
  const isParsed = isCertain && kind !== 'other';
  const deferred = isParsed && !parserHasTime;
  const structure = isParsed && parserHasTime ? parseStructure(list, lexed, reading.verb) : null;
  const agreed = structure !== null && sameTables(structure.tables, reading.tables);
  const predicates = reading.predicates.filter((predicate) =>
    structure === null ? true : agreed && predicate.slots.every((slot) => structure.predicateSlots.has(slot)),
  );
  const first = list.keyword(list.first);
  const step = readTransactionStep(list, reading.compound);
  const xa = readXaStep(list);
  return {
    digest,
    id: digestId(digest),
    kind,
    transaction: step.step,
    savepoint: step.savepoint,
    tables: [...reading.tables.map((table) => plainTable(table, kind, isCertain)), ...newNames(list)],
    predicates: isCertain && !deferred ? predicates : [],
    rows: isCertain ? readRows(list, reading.verb, reading.tables) : null,
    assignments: reading.assignments,
    hazards,
    byKind: differsByKind(list),
    deprecated: deprecatedWords(list),
    ordered: reading.blocks.isOrdered(),
    limited: reading.blocks.isLimited(),
    limitWithoutOrder: reading.blocks.limitWithoutOrder(),
    ddl: isDdl(list),
    temporary: isTemporaryTable(list),
    anyResults: reading.compound || first === CALL || first === EXECUTE,
    session: readSessionChanges(list),
    userVariables: hazards.has('user_variable') ? readUserVariables(list) : [],
    setsLastInsertId: hazards.has('last_insert_id') && setsLastInsertId(list),
    prepare: kind === 'other' ? readPrepareStep(list) : null,
    compound: reading.compound,
    xa,
    calls: calledBy(list, reading, lexed.state === 'complete' && !list.conditional),
    opaque: first === EXECUTE || (xa !== null && !CLEAR_XA.includes(xa.what)),
    parsed: agreed,
    deferred,
  };
}

interface Reading {
  readonly verb: Verb;
  readonly blocks: Blocks;
  readonly tables: readonly TableReference[];
  readonly predicates: readonly Predicate[];
  readonly assignments: readonly Assignment[];
  readonly hazards: ReadonlySet<Hazard>;
  readonly compound: boolean;
}

function readStatement(list: TokenList, lexed: Lexed): Reading {
  const verb = readVerb(list);
  const compound = isCompound(list);
  const blocks = new Blocks(list, verb.word);
  const found = readTables(list, blocks, verb);
  const isLong = list.length > TOKENS_READ_MAX || lexed.state !== 'complete';
  const assignments = isLong ? [] : readAssignments(list, verb, found);
  const tables = verb.word === UPDATE ? onlyAssigned(found, assignments) : found;
  return {
    verb,
    blocks,
    tables,
    predicates: isLong ? [] : readPredicates(list, blocks, tables),
    assignments,
    hazards: readHazards(list, blocks, verb, tables, compound),
    compound,
  };
}

/** An UPDATE of several tables changes those that it assigns to. */
function onlyAssigned(
  tables: readonly TableReference[],
  assignments: readonly Assignment[],
): readonly TableReference[] {
  const assigned = new Set(assignments.flatMap((assignment) => assignment.tables));
  const isUnclear =
    assignments.length === 0 || assignments.some((assignment) => assignment.tables.length === 0);
  if (isUnclear) return tables;
  return tables.map((table, index) => ({ ...table, written: table.written && assigned.has(index) }));
}

/**
 * Where comments for some servers only stand in the text, it is read with and without them, and nothing that
 * depends on the server is used.
 */
function weigh(
  sql: Buffer,
  lexed: Lexed,
  mode: SqlMode,
  list: TokenList,
  reading: Reading,
  hazards: Set<Hazard>,
): { readonly kind: Plan['kind']; readonly isCertain: boolean } {
  if (lexed.state === 'too_many') hazards.add('any_effect');
  const kind = reading.verb.kind;
  if (!list.conditional) return { kind, isCertain: lexed.state === 'complete' };
  hazards.add('conditional');
  const rest = new TokenList(sql, lexed, mode, 'without');
  const other = readStatement(rest, lexed);
  for (const hazard of other.hazards) hazards.add(hazard);
  if (rest.length > 0 && !isAlike(reading, other)) hazards.add('any_effect');
  const isGraver = GRAVITY[other.verb.kind] > GRAVITY[kind];
  return { kind: isGraver ? other.verb.kind : kind, isCertain: false };
}

/** The same is done to the same tables. */
function isAlike(one: Reading, other: Reading): boolean {
  const written = ({ tables }: Reading): string =>
    JSON.stringify(tables.filter((table) => table.written).map(({ database, name }) => [database, name]));
  return one.verb.word === other.verb.word && written(one) === written(other);
}

/** The parser may name aliases and common tables too; a table that it misses, or one of ours, is a quarrel. */
function sameTables(parsed: ReadonlySet<string>, ours: readonly TableReference[]): boolean {
  return ours.every((table) => parsed.has(table.name));
}

/** Where the reading is not certain, a statement that changes rows may change those of each of its tables. */
function plainTable(reference: TableReference, kind: Plan['kind'], isCertain: boolean): TableName {
  const { database, name, alias } = reference;
  const mayWrite = !isCertain && (kind === 'write' || kind === 'delete');
  return { database, name, alias, written: reference.written || mayWrite };
}

function isCompound(list: TokenList): boolean {
  const detector = new CompoundDetector();
  for (let index = list.first; index < list.length; index++) {
    if (list.operator(index) !== 0) detector.operator(list.operator(index), index - list.first);
    else if ((list.is(index, TOKEN.word) || list.is(index, TOKEN.quoted)) && !list.isAfterDot(index)) {
      detector.word(list.keyword(index), index - list.first);
    }
    if (detector.isCompound()) return true;
  }
  return false;
}

function isDdl(list: TokenList): boolean {
  if (!DDL_VERBS.has(list.keyword(list.first))) return false;
  return !Array.from({ length: 4 }, (_, offset) => list.keyword(list.first + offset + 1)).some((word) =>
    NO_TABLE_OBJECTS.has(word),
  );
}

/** Null: it may run what its words don't tell. */
function calledBy(
  list: TokenList,
  { verb, compound }: Reading,
  isCertain: boolean,
): readonly RoutineCall[] | null {
  const first = list.keyword(list.first);
  if (!isCertain || compound || first === EXECUTE || first === BINLOG) return null;
  return readRoutineCalls(list, verb.kind !== 'other' || CALLING.includes(first));
}
