/** Cuts a table's keys into ranges that several workers can take. */
import { ALL_KEYS, type KeyRange } from './key-range.ts';
import type { Value } from './value.ts';

/** The least and the greatest key of both sides; null: there is none. */
export interface KeyBounds {
  readonly least: Value;
  readonly greatest: Value;
}

const INTEGER = /^-?\d{1,40}$/;

/**
 * `parts` ranges at most, of equal width, which together are all keys: the first and the last are open. Keys that are
 * no whole numbers, and fewer keys than parts, make one range.
 */
export function splitKeys({ least, greatest }: KeyBounds, parts: number): readonly KeyRange[] {
  if (typeof least !== 'string' || typeof greatest !== 'string') return [ALL_KEYS];
  if (!INTEGER.test(least) || !INTEGER.test(greatest)) return [ALL_KEYS];
  const from = BigInt(least);
  const width = BigInt(greatest) - from;
  if (parts < 2 || width < BigInt(parts)) return [ALL_KEYS];
  const ends = Array.from({ length: parts - 1 }, (_, part) =>
    String(from + (width * BigInt(part + 1)) / BigInt(parts)),
  );
  return [undefined, ...ends].map((after, part) => ({ after, through: ends[part] }));
}

/** Of two sides; a side without keys has no say. */
export function boundsOfBoth(old: KeyBounds, fresh: KeyBounds): KeyBounds {
  return {
    least: pick(old.least, fresh.least, (left, right) => left < right),
    greatest: pick(old.greatest, fresh.greatest, (left, right) => left > right),
  };
}

function pick(left: Value, right: Value, isFirst: (left: bigint, right: bigint) => boolean): Value {
  if (!isInteger(left)) return right;
  if (!isInteger(right)) return left;
  return isFirst(BigInt(left), BigInt(right)) ? left : right;
}

function isInteger(value: Value): value is string {
  return typeof value === 'string' && INTEGER.test(value);
}
