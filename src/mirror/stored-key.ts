/**
 * Which texts of a key a column keeps, and compares, as they stand. Of all others the server may make another value,
 * rounded, cut off or read in a way of its own, so that one row would have two keys: they count as unknown.
 */
import { INTEGER_BYTES } from './integer-bytes.ts';
import { type KeyFold, keyFold } from './key-folding.ts';

/** A column as information_schema tells of it. */
export interface KeyColumn {
  /** DATA_TYPE: `bigint`. */
  readonly type: string;
  /** COLUMN_TYPE: `bigint(20) unsigned`; left out: not known, and no key is refused by it. */
  readonly columnType?: string;
  /** Left out: the column has none. */
  readonly collation?: string;
}

const UNREADABLE: KeyFold = () => null;

/** Gives one text for all spellings of a key, null for a key that can't be told; null: each key that is read stands for itself. */
export function storedKey({ type: named, columnType: declared, collation }: KeyColumn): KeyFold | null {
  const type = named.toLowerCase();
  const columnType = declared?.toLowerCase();
  if (type in INTEGER_BYTES)
    return columnType === undefined ? null : integers(type, /\bunsigned\b/.test(columnType));
  if (/char|text|binary|blob/.test(type)) return texts(type, columnType, collation);
  switch (type) {
    case 'enum':
    case 'set':
      return keyFold(type, collation);
    case 'date':
      return only(/^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])$/);
    case 'year':
      return only(/^(?:19[1-9]\d|20\d\d|21[0-4]\d)$/);
    case 'decimal':
      return decimals(columnType ?? '');
    case 'uuid':
      return (key) => (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(key) ? key.toLowerCase() : null);
    default:
      // Fractions, moments and addresses have many spellings.
      return UNREADABLE;
  }
}

function only(pattern: RegExp): KeyFold {
  return (key) => (pattern.test(key) ? key : null);
}

/** Without a strict sql_mode a number that is too large is stored as the largest. */
function integers(type: string, unsigned: boolean): KeyFold {
  const bits = BigInt(8 * INTEGER_BYTES[type]!);
  const [min, max] = unsigned ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  // Most keys are too short to be out of range.
  const short = String(max).length;
  return (key) => {
    if (key.length < short && (!unsigned || key.charCodeAt(0) !== MINUS)) return key;
    if (!/^-?\d+$/.test(key)) return null;
    const value = BigInt(key);
    return value >= min && value <= max ? key : null;
  };
}

const MINUS = 0x2d;

/** Whole numbers alone, of as many digits as the column has before the point. */
function decimals(columnType: string): KeyFold {
  const [, precision = '10', scale = '0'] = /^decimal\((\d+),(\d+)\)/.exec(columnType) ?? [];
  const digits = Number(precision) - Number(scale);
  const sign = /\bunsigned\b/.test(columnType) ? '' : '-?';
  return only(new RegExp(`^(?:0|${sign}[1-9]\\d{0,${Math.max(1, digits) - 1}})$`));
}

/** A text that is too long is cut off where the sql_mode is not strict, and what the character set lacks becomes `?`. */
function texts(type: string, columnType: string | undefined, collation: string | undefined): KeyFold | null {
  const fold = keyFold(type, collation);
  const length = /^\w+\((\d+)\)/.exec(columnType ?? '')?.[1];
  const max = length === undefined ? (type.startsWith('tiny') ? TINY_MAX : TEXT_MAX) : Number(length);
  const kept = keeps(collation?.toLowerCase());
  return (key) => {
    if (key.length > max || !kept.test(key)) return null;
    return fold === null ? key : fold(key);
  };
}

/** Characters, if each of them takes four bytes. */
const TINY_MAX = 63;
const TEXT_MAX = 16_383;

/** Bytes beyond ASCII are what the session's character set makes of them. */
function keeps(collation: string | undefined): RegExp {
  if (collation === undefined || collation === 'binary') return /^[\0-\x7f]*$/;
  if (/^(?:utf8mb4|utf16|utf32|gb18030)/.test(collation)) return /^/;
  if (/^(?:utf8|ucs2)/.test(collation)) return /^[\0-\ud7ff\ue000-\uffff]*$/;
  return /^latin1/.test(collation) ? /^[\0-\x7f\u00a0-\u00ff]*$/ : /^[\0-\x7f]*$/;
}
