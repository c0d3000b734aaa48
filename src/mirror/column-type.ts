/**
 * Whether a column of the new server keeps what the old server's keeps of whatever is written to it, by the types that
 * both servers show.
 */
import { familyOf } from './column-family.ts';
import { membersOf } from './column-members.ts';
import { INTEGER_BYTES } from './integer-bytes.ts';

export interface ColumnType {
  /** DATA_TYPE, such as `bigint`. */
  readonly type: string;
  /** COLUMN_TYPE, such as `bigint(20) unsigned`. */
  readonly columnType: string;
  /** Null: it has none, as a number. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** It holds JSON alone, whatever its type. */
  readonly json: boolean;
}

/**
 * `same`: of all that is written. `wider`: of all that the old one keeps as it is written, and cuts nothing of.
 * `other`: of some values it keeps, shows or compares something else.
 */
export type Fit = 'same' | 'wider' | 'other';

interface Sized {
  /** In small letters, one name for each type. */
  readonly base: string;
  readonly sizes: readonly number[];
  readonly unsigned: boolean;
  readonly zerofill: boolean;
}

/** The most bytes of a text or a blob, as powers of two. */
const LARGE_BITS: Readonly<Record<string, number>> = {
  tinytext: 8,
  text: 16,
  mediumtext: 24,
  longtext: 32,
  tinyblob: 8,
  blob: 16,
  mediumblob: 24,
  longblob: 32,
};
const COMMENT = /\/\*.*?\*\//g;
const SIZES = /\(([\d\s,]+)\)/;
const CHARACTER_BYTES_MAX = 4;

export function typeFit(old: ColumnType, fresh: ColumnType): Fit {
  if (old.json && fresh.json) return 'same';
  const [one, other] = [sized(old), sized(fresh)];
  // What is filled up with zeros shows its width.
  if (one.zerofill || other.zerofill) return JSON.stringify(one) === JSON.stringify(other) ? 'same' : 'other';
  const [bytes, more] = [INTEGER_BYTES[one.base], INTEGER_BYTES[other.base]];
  if (bytes !== undefined && more !== undefined) return integerFit(one, other, more - bytes);
  if (one.base === other.base) return sameTypeFit(old, fresh, one, other);
  if (other.base === 'geometry' && familyOf(old) === 'geometry') return 'wider';
  return largeFit(one, other);
}

function sized({ type, columnType }: ColumnType): Sized {
  const text = columnType.replaceAll(COMMENT, '').toLowerCase();
  const base = type.toLowerCase();
  const sizes = SIZES.exec(text)?.[1]?.split(',').map(Number) ?? [];
  return {
    base: base === 'geomcollection' ? 'geometrycollection' : base,
    // The width at which an integer is shown, which MySQL leaves out.
    sizes: (base in INTEGER_BYTES && !text.includes('zerofill')) || base === 'year' ? [] : sizes,
    unsigned: text.includes('unsigned'),
    zerofill: text.includes('zerofill'),
  };
}

function integerFit(one: Sized, other: Sized, moreBytes: number): Fit {
  if (one.unsigned === other.unsigned) return moreBytes === 0 ? 'same' : moreBytes > 0 ? 'wider' : 'other';
  return one.unsigned && moreBytes > 0 ? 'wider' : 'other';
}

function sameTypeFit(old: ColumnType, fresh: ColumnType, one: Sized, other: Sized): Fit {
  const [size = 0, scale = 0] = one.sizes;
  const [otherSize = 0, otherScale = 0] = other.sizes;
  const longer: Fit = otherSize === size ? 'same' : otherSize > size ? 'wider' : 'other';
  switch (one.base) {
    case 'enum':
    case 'set':
      return membersFit(membersOf(old.columnType), membersOf(fresh.columnType));
    case 'decimal':
      if (one.unsigned !== other.unsigned || scale !== otherScale) return 'other';
      return longer;
    case 'char':
    case 'varchar':
    case 'varbinary':
    case 'bit':
      return longer;
    default:
      return JSON.stringify(one) === JSON.stringify(other) ? 'same' : 'other';
  }
}

function membersFit(old: readonly string[], fresh: readonly string[]): Fit {
  if (!old.every((member, index) => member === fresh[index])) return 'other';
  return old.length === fresh.length ? 'same' : 'wider';
}

/** Texts and bytes of any length, in a type of its own. */
function largeFit(one: Sized, other: Sized): Fit {
  const room = LARGE_BITS[other.base];
  if (room === undefined) return 'other';
  const areBytes = other.base.endsWith('blob');
  const large = LARGE_BITS[one.base];
  if (large !== undefined) return one.base.endsWith('blob') === areBytes && large < room ? 'wider' : 'other';
  if (one.base !== (areBytes ? 'varbinary' : 'varchar')) return 'other';
  const bytes = (one.sizes[0] ?? 0) * (areBytes ? 1 : CHARACTER_BYTES_MAX);
  return bytes < 2 ** room ? 'wider' : 'other';
}

/** Can the new column hold all characters of the old one's set, as many as before? */
export function charsetFit(old: ColumnType, fresh: ColumnType): Fit {
  const [one, other] = [charsetOf(old), charsetOf(fresh)];
  if (one === other || (old.json && fresh.json)) return 'same';
  if (one === 'ascii' && other !== null) return /^(?:ucs2|utf16|utf32)/.test(other) ? 'other' : 'wider';
  if (other !== 'utf8mb4' || one === null) return 'other';
  // The same characters take more bytes, of which such a column has no more than before.
  const room = LARGE_BITS[fresh.type.toLowerCase()];
  const grows = one !== 'utf8mb3' && room !== undefined && room === LARGE_BITS[old.type.toLowerCase()];
  return grows ? 'other' : 'wider';
}

/** Do both compare, sort and measure the characters that both have alike? */
export function comparesAlike(old: ColumnType, fresh: ColumnType): boolean {
  if (old.json && fresh.json) return true;
  const [one, other] = [charsetOf(old), charsetOf(fresh)];
  const isUtf8 = (charset: string | null): boolean => charset === 'utf8mb3' || charset === 'utf8mb4';
  if (one !== other && !(isUtf8(one) && isUtf8(other))) return false;
  return orderOf(old) === orderOf(fresh);
}

function charsetOf({ charset }: ColumnType): string | null {
  return charset === 'utf8' ? 'utf8mb3' : charset;
}

/** A collation without the name of its character set. */
function orderOf({ collation }: ColumnType): string | null {
  return collation === null ? null : collation.replace(/^[^_]+_/, '');
}
