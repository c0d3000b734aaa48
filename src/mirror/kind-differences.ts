/**
 * What MariaDB and MySQL make other values of by the columns that it comes into, and say nothing of. Told once for a
 * plan that is bound to a catalog, but for what one statement's own values alone tell.
 */
import { type Lexed, LITERAL } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import { planChanges } from './plan-changes.ts';
import type { CatalogTable } from './table-facts.ts';

export interface KindDifferences {
  /** Whatever its values are. */
  readonly always: boolean;
  /** What a column makes of the literal of a digest's slot; a hole: it comes into no column, or that is not known. */
  readonly places: readonly (Place | undefined)[];
  /** Where both servers warn alike of its values, they may have put other ones in their places even so. */
  readonly adjusted: 'alike' | 'apart';
}

/** The sort of column that a literal comes into, or is held against. */
type Place = 'number' | 'text' | 'other';

const NUMBERS = /^(?:(?:tiny|small|medium|big)?int|decimal|float|double|year)\b/;
const TEXTS = /^(?:(?:var)?char|(?:tiny|medium|long)?text|(?:var)?binary|(?:tiny|medium|long)?blob)\b/;
const APPROXIMATE = /^(?:float|double)\b/;
const FRACTIONS = /^(?:time|datetime|timestamp)\([1-6]\)/;
/** Outside of strict mode each kind has its own value for what is no time and no set, and for NULL in the others. */
const OWN_ADJUSTED = /^(?:(?:time|set)\b|(?:enum|timestamp)\b.* not null$)/s;
/** What gives a time with a fraction, unless it is a column. */
const FRACTION_MAKERS =
  /\b(?:(?:MAKETIME|STR_TO_DATE|ADDTIME|SUBTIME|TIMESTAMP|TIME)\s?\(|(?:TIME|TIMESTAMP)\s?\?)/i;
/** Behind the names of an INSERT's columns, and before a condition. */
const VALUES = /\b(?:VALUES?|SET)\b(.*?)(?:\bWHERE\b|$)/is;
/** What is assigned to. */
const TARGET = /[\p{L}\p{N}_$]+[`"]?\s?=(?!=)/gu;
const WORD = /[\p{L}\p{N}_$]+/gu;
const NOTHING: KindDifferences = { always: false, places: [], adjusted: 'alike' };
const ZERO = 0x30;

/** `tables`: the moved tables that it changes. */
export function kindDifferences(plan: Plan, tables: readonly CatalogTable[]): KindDifferences {
  if (plan.kind !== 'write' && plan.kind !== 'delete') return NOTHING;
  const assigned = assignedColumns(plan, tables);
  const made = assigned.filter(({ slot }) => slot === -1).map(({ type }) => type);
  return {
    always: plan.byKind || fillsApart(plan, tables) || makesApart(plan, tables, made),
    places: placesOf(plan, assigned, tables),
    adjusted:
      made.length > 0 || assigned.some(({ type }) => type === null || OWN_ADJUSTED.test(type))
        ? 'apart'
        : 'alike',
  };
}

/** Do the kinds make other values of a statement's own literals and parameters? `packet` null: it has no parameters. */
export function valuesDiffer(
  { places }: KindDifferences,
  sql: Buffer,
  lexed: Lexed,
  packet: ExecutePacket | null,
): boolean {
  const unlike = packet?.hasPeculiar() === true ? packet : null;
  if (lexed.hexCount === 0 && unlike === null) return false;
  for (let index = 0; index < lexed.literalCount; index++) {
    const type = lexed.literalType(index);
    const place = places[lexed.literalSlot(index)];
    if (type === LITERAL.hex && isQuotedHex(sql, lexed, index) && place !== 'text' && place !== 'other')
      return true;
    if (unlike === null || type !== LITERAL.parameter) continue;
    const ordinal = lexed.literalOrdinal(index);
    // MariaDB takes such a one for NULL, or for another day.
    if (unlike.isStrayTimestamp(ordinal)) return true;
    if (place === 'number' && unlike.hasFraction(ordinal)) return true;
    if (place === 'text' && unlike.isMinusZero(ordinal)) return true;
  }
  return false;
}

/** As a number, `x'31'` is 49 to MySQL, and to MariaDB the text `1`; of 0x31 both make 49. */
function isQuotedHex(sql: Buffer, lexed: Lexed, literal: number): boolean {
  return sql[lexed.literalStart(literal)] !== ZERO;
}

interface Assigned {
  /** As in `CatalogTable.columnTypes`; null: not known. */
  readonly type: string | null;
  /** -1: an expression. */
  readonly slot: number;
}

function assignedColumns({ rows, assignments }: Plan, tables: readonly CatalogTable[]): Assigned[] {
  const changed = assignments.map(({ column, slot }) => ({ type: typeOf(column, tables), slot }));
  if (rows === null) return changed;
  const columns = rows.columns ?? tables[0]?.columns ?? [];
  const types = columns.map((column) => typeOf(column, tables));
  return [
    ...changed,
    ...rows.shapes.flatMap((shape) => shape.map((slot, at) => ({ type: types[at] ?? null, slot }))),
  ];
}

/** Null: no table has it, or they have it of several types. */
function typeOf(column: string, tables: readonly CatalogTable[]): string | null {
  const name = column.toLowerCase();
  const types = new Set(tables.flatMap(({ columnTypes }) => columnTypes.get(name) ?? []));
  return types.size === 1 ? [...types][0]! : null;
}

function placesOf(
  { predicates }: Plan,
  assigned: readonly Assigned[],
  tables: readonly CatalogTable[],
): (Place | undefined)[] {
  const places: (Place | undefined)[] = [];
  for (const { type, slot } of assigned) if (slot !== -1) places[slot] = placeOf(type);
  for (const { column, slots } of predicates)
    for (const slot of slots) places[slot] = placeOf(typeOf(column, tables));
  return places;
}

function placeOf(type: string | null): Place | undefined {
  if (type === null) return undefined;
  if (NUMBERS.test(type)) return 'number';
  return TEXTS.test(type) ? 'text' : 'other';
}

/** Columns that the server fills in, or makes of others, by what the kinds reckon otherwise. */
function fillsApart(plan: Plan, tables: readonly CatalogTable[]): boolean {
  if (!tables.some(({ filledByKind }) => filledByKind)) return false;
  return planChanges(plan).some(({ event }) => event !== 'delete');
}

/**
 * A time with a fraction is cut to a whole number by MariaDB and rounded by MySQL; of a floating-point number that
 * becomes a text they write the sign of a zero, and exponents, each in its own way.
 */
function makesApart(plan: Plan, tables: readonly CatalogTable[], made: readonly (string | null)[]): boolean {
  const text = (VALUES.exec(plan.digest)?.[1] ?? '').replace(TARGET, '=');
  if (made.some((type) => type !== null && NUMBERS.test(type)))
    if (FRACTION_MAKERS.test(text) || names(text, tables, FRACTIONS)) return true;
  return made.some((type) => type !== null && TEXTS.test(type)) && names(text, tables, APPROXIMATE);
}

/** Does it name a column of such a type? */
function names(text: string, tables: readonly CatalogTable[], types: RegExp): boolean {
  const words = text.match(WORD) ?? [];
  return words.some((word) =>
    tables.some(({ columnTypes }) => types.test(columnTypes.get(word.toLowerCase()) ?? '')),
  );
}
