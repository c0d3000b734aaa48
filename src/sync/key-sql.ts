/** Conditions on group keys and identities, as one side has them. */
import type { KeyRange } from './key-range.ts';
import type { IdentityRange } from './row-reader.ts';
import type { Side } from './side.ts';
import { bytesLiteral, literal, numberLiteral } from './sql-text.ts';
import type { KeyColumn } from './table-pair.ts';
import type { Row, Value } from './value.ts';

/** Joined by AND; none: a condition that holds for all. */
export function allOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '1 = 1' : conditions.join(' AND ');
}

/** NULL is the first of all keys. */
export function inRange(key: KeyColumn, side: Side, { after, through }: KeyRange): readonly string[] {
  const column = key.column[side];
  const conditions: string[] = [];
  if (after === null) conditions.push(`${column} IS NOT NULL`);
  else if (after !== undefined) conditions.push(`${column} > ${valueSql(key, after)}`);
  if (through === null) conditions.push(`${column} IS NULL`);
  else if (through !== undefined)
    // The keys behind NULL begin where there is no lower end.
    conditions.push(
      after === undefined
        ? `(${column} <= ${valueSql(key, through)} OR ${column} IS NULL)`
        : `${column} <= ${valueSql(key, through)}`,
    );
  return conditions;
}

/** Also of those spellings that the side takes for one of them. */
export function oneOf(key: KeyColumn, side: Side, values: readonly Value[]): string {
  const column = key.column[side];
  const some = values.filter((value) => value !== null).map((value) => valueSql(key, value));
  const conditions = some.length === 0 ? [] : [`${column} IN (${some.join(', ')})`];
  if (some.length < values.length) conditions.push(`${column} IS NULL`);
  return conditions.length === 0 ? '1 = 0' : `(${conditions.join(' OR ')})`;
}

/** Of exactly this spelling. */
export function exactly(key: KeyColumn, side: Side, value: Value): string {
  const column = key.column[side];
  if (value === null) return `${column} IS NULL`;
  const found = `${column} = ${valueSql(key, value)}`;
  return key.spelled
    ? `${found} AND CAST(CONVERT(${column} USING utf8mb4) AS BINARY) = ${bytesLiteral(value)}`
    : found;
}

/** What tells two spellings apart, to group by. */
export function spelling(key: KeyColumn, side: Side): string {
  return key.spelled ? `CAST(${key.column[side]} AS BINARY)` : key.column[side];
}

export interface IdentityColumn {
  readonly key: KeyColumn;
  /** Its place in an identity. */
  readonly place: number;
}

/** In the side's order over `columns`. */
export function inIdentityRange(
  columns: readonly IdentityColumn[],
  side: Side,
  { after, through }: IdentityRange,
): readonly string[] {
  return [
    ...(after === undefined ? [] : [beyond(columns, side, after, '>', '>')]),
    ...(through === undefined ? [] : [beyond(columns, side, through, '<', '<=')]),
  ];
}

/** Column by column, with a condition on the first alone that an index can begin with. */
function beyond(
  columns: readonly IdentityColumn[],
  side: Side,
  identity: Row,
  before: '<' | '>',
  atLast: string,
): string {
  const compare = ({ key, place }: IdentityColumn, operator: string): string =>
    `${key.column[side]} ${operator} ${valueSql(key, identity[place] ?? null)}`;
  const [first] = columns;
  if (first === undefined) return '1 = 1';
  const ways = columns.map((column, index) => {
    const operator = index === columns.length - 1 ? atLast : before;
    return [...columns.slice(0, index).map((each) => compare(each, '=')), compare(column, operator)].join(
      ' AND ',
    );
  });
  if (ways.length === 1) return compare(first, atLast);
  return `(${compare(first, `${before}=`)} AND (${ways.map((way) => `(${way})`).join(' OR ')}))`;
}

/** Also of those spellings that the side takes for one of them. */
export function oneIdentityOf(columns: readonly KeyColumn[], side: Side, identities: readonly Row[]): string {
  const ways = identities.map((identity) => ofIdentity(columns, side, identity));
  return ways.length === 0 ? '1 = 0' : `(${ways.map((way) => `(${way})`).join(' OR ')})`;
}

function ofIdentity(columns: readonly KeyColumn[], side: Side, identity: Row): string {
  return allOf(
    columns.map((key, place) => `${key.column[side]} = ${valueSql(key, identity[place] ?? null)}`),
  );
}

/** MariaDB makes a table of longer lists, and may then read all of the other one. */
const LISTED_MAX = 100;

/**
 * Exactly of these identities, of columns that hold numbers; none: of none. For a list of one row of several columns
 * MariaDB (10.11, by EXPLAIN) takes no index: it would read the whole table, and lock it where the statement deletes.
 */
export function oneOfRows(columns: readonly KeyColumn[], side: Side, identities: readonly Row[]): string {
  const names = columns.map(({ column }) => column[side]).join(', ');
  const lists: string[] = [];
  for (let from = 0; from < identities.length; from += LISTED_MAX) {
    const some = identities.slice(from, from + LISTED_MAX);
    if (some.length === 1) {
      lists.push(`(${ofIdentity(columns, side, some[0]!)})`);
      continue;
    }
    const rows = some.map(
      (identity) => `(${columns.map((key, place) => valueSql(key, identity[place] ?? null)).join(', ')})`,
    );
    lists.push(`(${names}) IN (${rows.join(', ')})`);
  }
  return lists.length === 0 ? '1 = 0' : `(${lists.join(' OR ')})`;
}

export function valueSql(key: KeyColumn, value: Value): string {
  return key.literal === 'number' ? numberLiteral(value) : literal(value);
}
