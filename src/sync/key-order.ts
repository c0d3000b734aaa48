/** How values of one column are told apart and ordered, where both sides' servers must agree on it with us. */
import type { Row, Value } from './value.ts';

/**
 * `numeric`, `temporal`, `bytes`: both servers order the values in the one way that `compareValues` knows.
 * `own`: each server orders them by a collation of its own, and may take two spellings for one.
 */
export type KeyOrder = 'numeric' | 'temporal' | 'bytes' | 'own';
export type SharedOrder = Exclude<KeyOrder, 'own'>;

const NUMBER = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/;
/** A number that is written in the shortest way, as nearly all are. */
const PLAIN = /^-?[1-9]\d*$/;
const FRACTION_END = /(\.\d*?)0+$/;
/** Numbers of so many digits are whole in floating point. */
const SAFE_DIGITS = 15;

/**
 * The same text for the same value, however each side writes it (42, 00042, 42.0), and another for any other value.
 * A group of an `own` order is one of exactly one spelling.
 */
export function canonicalKey(order: KeyOrder, value: Value): string {
  if (value === null) return 'null';
  if (typeof value !== 'string') return `b${value.toString('latin1')}`;
  if (order === 'numeric') return `n${plainNumber(value)}`;
  if (order === 'temporal') return `t${plainTime(value)}`;
  return order === 'bytes' ? `b${Buffer.from(value).toString('latin1')}` : `s${value}`;
}

/** Of a row of identity values; `orders` has one for each. */
export function canonicalIdentity(orders: readonly KeyOrder[], identity: Row): string {
  // A length before each part: no value can pretend to be two.
  return identity
    .map((value, index) => canonicalKey(orders[index]!, value))
    .map((part) => `${part.length}:${part}`)
    .join('');
}

/** Below 0 where `a` comes first. NULL comes before all else, as in both servers' indexes. */
export function compareValues(order: SharedOrder, a: Value, b: Value): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (order === 'bytes') return Buffer.compare(bytesOf(a), bytesOf(b));
  const [left, right] = [String(a), String(b)];
  if (order === 'numeric') return compareNumbers(left, right);
  return compareTexts(plainTime(left), plainTime(right));
}

/** Column by column, as an index over them is ordered. */
export function compareIdentities(orders: readonly SharedOrder[], a: Row, b: Row): number {
  for (const [index, order] of orders.entries()) {
    const difference = compareValues(order, a[index]!, b[index]!);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The orders, where both sides share all of them; null: they do not. */
export function sharedOrders(orders: readonly KeyOrder[]): readonly SharedOrder[] | null {
  const shared = orders.filter((order): order is SharedOrder => order !== 'own');
  return shared.length === orders.length ? shared : null;
}

function compareNumbers(a: string, b: string): number {
  if (a.length <= SAFE_DIGITS && b.length <= SAFE_DIGITS) return Number(a) - Number(b);
  const [left, right] = [splitNumber(a), splitNumber(b)];
  if (left.negative !== right.negative) return left.negative ? -1 : 1;
  const larger =
    left.whole.length - right.whole.length ||
    compareTexts(left.whole, right.whole) ||
    compareTexts(left.fraction, right.fraction);
  return left.negative ? -larger : larger;
}

function plainNumber(text: string): string {
  if (PLAIN.test(text)) return text;
  const { negative, whole, fraction } = splitNumber(text);
  return `${negative ? '-' : ''}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function splitNumber(text: string): { negative: boolean; whole: string; fraction: string } {
  const parts = NUMBER.exec(text);
  if (parts === null) throw new TypeError(`"${text}" is no number, as a key of this column must be`);
  const [, sign = '', whole = '', fraction = ''] = parts;
  return { negative: sign === '-' && (whole !== '' || fraction !== ''), whole, fraction };
}

/** Columns of different precision write more or fewer zeros behind the seconds. */
function plainTime(text: string): string {
  return text.includes('.') ? text.replace(FRACTION_END, '$1').replace(/\.$/, '') : text;
}

function bytesOf(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
