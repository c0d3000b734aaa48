/**
 * For a column of both sides the expressions that give the same bytes just where the values are the same, whatever
 * the servers, character sets and settings. docs/sync.md has the table of what is the same.
 *
 * What the servers were seen to do (MariaDB 10.11, MySQL 9.7): ZEROFILL and YEAR pad; BIT prints bytes; a SET of 64
 * members is a negative number when it is added to; CONCAT refuses a VECTOR. Floating point: float-text.ts.
 */
import { type ColumnFamily, familyOf } from '../mirror/column-family.ts';
import { membersOf } from '../mirror/column-members.ts';
import { doubleText, exactText, floatText } from './float-text.ts';
import type { ServerKind, Sides } from './side.ts';
import { literal, quoteName } from './sql-text.ts';
import type { ColumnShape } from './table-shape.ts';

/** A column as a part of its row's text. NULL is added by whoever joins the parts. */
export type SidePart =
  /** A text that has no `#` in it. */
  | { readonly form: 'plain'; readonly sql: string }
  /** Any bytes, behind a length that says where they end. */
  | { readonly form: 'sized'; readonly length: string; readonly bytes: string; readonly large: boolean };

export type ColumnEncoding =
  | { readonly by: 'server'; readonly sides: Sides<SidePart> }
  /** No SQL gives equal bytes on both sides: the value is read, and brought into one form by us. */
  | { readonly by: 'client'; readonly form: 'json'; readonly sides: Sides<string> }
  /** A sentence that says why it can't be compared. */
  | { readonly by: 'none'; readonly fault: string };

export interface ColumnSides {
  readonly columns: Sides<ColumnShape>;
  readonly kinds: Sides<ServerKind>;
  /** A digest function of both servers, around an expression: hexadecimal text. */
  readonly digest: (sql: string) => string;
}

/** Their bytes are the same where the text is. */
const UTF8: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii']);
const LARGE: ReadonlySet<string> = new Set([
  'tinytext',
  'text',
  'mediumtext',
  'longtext',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
]);
const ZEROS = '0'.repeat(40);

/** What is done for families that differ, or are not simply the same; `old/new` in either order. */
type Encode = (sides: ColumnSides) => ColumnEncoding;

const SAME: Readonly<Record<ColumnFamily, Encode>> = {
  integer: ({ columns }) => plain(columns, number),
  decimal: decimals,
  float: floats,
  text: texts,
  enum: enums,
  set: sets,
  bytes: byteStrings,
  date: ({ columns }) => plain(columns, name),
  time: ({ columns }) => plain(columns, (column) => withFraction(column, widest(columns, 'fraction'))),
  datetime: ({ columns }) => plain(columns, (column) => withFraction(column, widest(columns, 'fraction'))),
  timestamp: ({ columns }) => plain(columns, (column) => withFraction(column, widest(columns, 'fraction'))),
  json: ({ columns, digest }) => plain(columns, (column) => digest(`CAST(${name(column)} AS CHAR)`)),
  geometry: ({ columns, digest }) => plain(columns, (column) => digest(name(column))),
  vector: ({ columns, digest }) => plain(columns, (column) => digest(name(column))),
  uuid: ({ columns }) => plain(columns, asText),
  inet4: ({ columns }) => plain(columns, asText),
  inet6: ({ columns }) => plain(columns, asText),
};

const MIXED: Readonly<Record<string, Encode>> = {
  'integer/decimal': decimals,
  'enum/text': texts,
  'set/text': texts,
  'enum/set': texts,
  'text/bytes': byteStrings,
  'date/datetime': ({ columns }) =>
    plain(columns, (column) =>
      column.type === 'date'
        ? `CONCAT(${name(column)}, ' 00:00:00${fractionOf(widest(columns, 'fraction'))}')`
        : withFraction(column, widest(columns, 'fraction')),
    ),
  'json/text': jsonTexts,
  'vector/bytes': ({ columns, digest }) => plain(columns, (column) => digest(name(column))),
  'geometry/bytes': ({ columns, digest }) => plain(columns, (column) => digest(name(column))),
  'uuid/text': lowerTexts,
  'uuid/bytes': ({ columns }) =>
    plain(columns, (column) =>
      column.type === 'uuid' ? `REPLACE(${asText(column)}, '-', '')` : `LOWER(HEX(${name(column)}))`,
    ),
  'inet4/text': lowerTexts,
  'inet6/text': lowerTexts,
  'inet4/integer': ({ columns }) =>
    plain(columns, (column) => (column.type === 'inet4' ? asText(column) : `INET_NTOA(${name(column)})`)),
  'inet6/bytes': ({ columns }) =>
    plain(columns, (column) => (column.type === 'inet6' ? asText(column) : `INET6_NTOA(${name(column)})`)),
};

const TIME_ZONE_FAULT =
  'a DATETIME does not say in which time zone it is, as a TIMESTAMP does: give both the same type';

export function encodeColumn(sides: ColumnSides): ColumnEncoding {
  const { old, new: fresh } = sides.columns;
  const [one, other] = [familyOf(old), familyOf(fresh)];
  if (one === undefined || other === undefined)
    return {
      by: 'none',
      fault: `the sync does not know the type ${(one === undefined ? old : fresh).definition}`,
    };
  if (one === other) return SAME[one](sides);
  const encode = MIXED[`${one}/${other}`] ?? MIXED[`${other}/${one}`];
  if (encode !== undefined) return encode(sides);
  const zones = [one, other].sort().join() === 'datetime,timestamp';
  const reason = zones
    ? TIME_ZONE_FAULT
    : 'no value of one is the same as a value of the other: give both the same type';
  return {
    by: 'none',
    fault: `it is ${old.definition} on old and ${fresh.definition} on new, and ${reason}`,
  };
}

function plain(columns: Sides<ColumnShape>, sql: (column: ColumnShape) => string): ColumnEncoding {
  return {
    by: 'server',
    sides: { old: { form: 'plain', sql: sql(columns.old) }, new: { form: 'plain', sql: sql(columns.new) } },
  };
}

interface SizedSql {
  readonly length: string;
  readonly bytes: string;
}

function sized(columns: Sides<ColumnShape>, sql: (column: ColumnShape) => SizedSql): ColumnEncoding {
  // Both sides must take the same way, which the side with the longer values needs.
  const large = LARGE.has(columns.old.type) || LARGE.has(columns.new.type);
  return {
    by: 'server',
    sides: {
      old: { form: 'sized', ...sql(columns.old), large },
      new: { form: 'sized', ...sql(columns.new), large },
    },
  };
}

function name(column: ColumnShape): string {
  return quoteName(column.name);
}

function widest(columns: Sides<ColumnShape>, digits: 'scale' | 'fraction'): number {
  return Math.max(columns.old[digits], columns.new[digits]);
}

/** Without padding, and a BIT as the number that it is. */
function number(column: ColumnShape): string {
  const padded = column.type === 'bit' || column.type === 'year' || column.definition.includes('zerofill');
  return padded ? `${name(column)} + 0` : name(column);
}

function decimals({ columns }: ColumnSides): ColumnEncoding {
  const scale = widest(columns, 'scale');
  return plain(columns, (column) => {
    const own = column.type === 'decimal' ? column.scale : 0;
    if (own === scale) return number(column);
    return `CONCAT(${number(column)}, '${own === 0 ? '.' : ''}${ZEROS.slice(0, scale - own)}')`;
  });
}

/** A DOUBLE beside an old FLOAT is held to what a FLOAT can tell: it may have come from the same text. */
function floats({ columns, kinds }: ColumnSides): ColumnEncoding {
  const { old, new: fresh } = columns;
  const sameKind = kinds.old === kinds.new;
  if (old.type === 'float')
    return plain(columns, (column) => {
      const value = column.type === 'double' ? `CAST(${name(column)} AS FLOAT)` : name(column);
      return sameKind ? `${value} + 0e0` : floatText(value);
    });
  const printed = old.definition === fresh.definition || (isUnbounded(old) && isUnbounded(fresh));
  return plain(columns, (column) => (printed ? doubleText(name(column), sameKind) : exactText(name(column))));
}

/** It prints all its digits, and not a number of its own behind the point. */
function isUnbounded({ type, definition }: ColumnShape): boolean {
  return type === 'double' && !definition.includes('(');
}

function withFraction(column: ColumnShape, digits: number): string {
  if (column.fraction === digits) return name(column);
  return column.fraction === 0
    ? `CONCAT(${name(column)}, '${fractionOf(digits)}')`
    : `CONCAT(${name(column)}, '${ZEROS.slice(0, digits - column.fraction)}')`;
}

function fractionOf(digits: number): string {
  return digits === 0 ? '' : `.${ZEROS.slice(0, digits)}`;
}

/** The bytes as they are stored where that is enough: it costs the least, and loses nothing. */
function texts({ columns }: ColumnSides): ColumnEncoding {
  const { old, new: fresh } = columns;
  const members = [old, fresh].some((column) => column.type === 'enum' || column.type === 'set');
  const asStored = old.charset === fresh.charset || (isUtf8(old) && isUtf8(fresh));
  if (asStored && !members) return byteStrings({ columns });
  return sized(columns, (column) => ({
    // Characters, as bytes are not the same before they are converted.
    length: `CHAR_LENGTH(${name(column)})`,
    bytes: isUtf8(column) && !members ? name(column) : `CONVERT(${name(column)} USING utf8mb4)`,
  }));
}

function isUtf8(column: ColumnShape): boolean {
  return UTF8.has(column.charset ?? '');
}

/** BINARY is filled up with zeros to its own length, which two columns may have different. */
function byteStrings({ columns }: Pick<ColumnSides, 'columns'>): ColumnEncoding {
  const { old, new: fresh } = columns;
  const filled = old.type === 'binary' && fresh.type === 'binary' && old.bytes !== fresh.bytes;
  return sized(columns, (column) => {
    const value = filled ? `TRIM(TRAILING X'00' FROM ${name(column)})` : name(column);
    return { length: `LENGTH(${value})`, bytes: value };
  });
}

/** Where the members are the same their numbers say all, also of a value that was none of them. */
function enums(sides: ColumnSides): ColumnEncoding {
  const { old, new: fresh } = sides.columns;
  const [one, other] = [membersOf(old.definition), membersOf(fresh.definition)];
  if (JSON.stringify(one) === JSON.stringify(other))
    return plain(sides.columns, (column) => `${name(column)} + 0`);
  // An empty text is such a value's too.
  if (!one.includes('') && !other.includes('')) return texts(sides);
  return plain(sides.columns, (column) => {
    const all = [...new Set([...one, ...other])].sort();
    const members = column === old ? one : other;
    return `ELT(${name(column)} + 1, 0, ${members.map((member) => all.indexOf(member) + 1).join(', ')})`;
  });
}

/** A bit for each member of either side, in one order. */
function sets(sides: ColumnSides): ColumnEncoding {
  const { old, new: fresh } = sides.columns;
  const [one, other] = [membersOf(old.definition), membersOf(fresh.definition)];
  if (JSON.stringify(one) === JSON.stringify(other))
    return plain(sides.columns, (column) => `${name(column)} >> 0`);
  const all = [...new Set([...one, ...other])].sort();
  return plain(sides.columns, (column) => {
    const members = column === old ? one : other;
    const bits = all.map((member) => {
      const place = members.indexOf(member);
      return place < 0 ? "'0'" : `(${name(column)} >> ${place}) & 1`;
    });
    return `CONCAT(${bits.join(', ')})`;
  });
}

/** MySQL's JSON has lost what the text was: it is read and made canonical by us. */
function jsonTexts({ columns }: ColumnSides): ColumnEncoding {
  const sql = (column: ColumnShape): string =>
    column.type === 'json' ? `CAST(${name(column)} AS CHAR)` : `CONVERT(${name(column)} USING utf8mb4)`;
  return { by: 'client', form: 'json', sides: { old: sql(columns.old), new: sql(columns.new) } };
}

/** Types of MariaDB's that print in one way, against texts that may have been written in another. */
function lowerTexts({ columns }: ColumnSides): ColumnEncoding {
  return sized(columns, (column) => {
    const value = column.charset === null ? asText(column) : `LOWER(CONVERT(${name(column)} USING utf8mb4))`;
    return { length: `CHAR_LENGTH(${value})`, bytes: value };
  });
}

function asText(column: ColumnShape): string {
  return `CAST(${name(column)} AS CHAR)`;
}

/** A part's SQL with NULL in it; `large`: bytes beyond which a value's digest stands for it. */
export function partSql(
  part: SidePart,
  { nullable, inlineMax, digest }: { nullable: boolean; inlineMax: number; digest: (sql: string) => string },
): readonly string[] {
  const orNull = (sql: string): string => (nullable ? `IFNULL(${sql}, ${literal('N')})` : sql);
  if (part.form === 'plain') return [orNull(part.sql)];
  const { length, bytes, large } = part;
  // A row's text that is longer than max_allowed_packet would be NULL.
  const bounded = large ? `IF(${length} > ${inlineMax}, CAST(${digest(bytes)} AS BINARY), ${bytes})` : bytes;
  return [orNull(length), bounded];
}
