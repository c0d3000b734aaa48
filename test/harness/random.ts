/** Seeded randomness (mulberry32): the same seed gives the same run on every machine. */

export interface Random {
  /** At least 0, less than 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  pick<T>(values: readonly T[]): T;
  /** True with probability `share` (0 to 1). */
  chance(share: number): boolean;
  /** A whole number from `min` to `max` with a Pareto tail: small ones are common, large ones happen. */
  heavyTailed(min: number, max: number, alpha: number): number;
  bytes(length: number): Buffer;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    integer,
    pick(values) {
      const value = values[integer(0, values.length - 1)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
    chance: (share) => next() < share,
    heavyTailed: (min, max, alpha) => Math.min(max, Math.floor(min / (1 - next()) ** (1 / alpha))),
    bytes: (length) => Buffer.from(Array.from({ length }, () => integer(0, 255))),
  };
}
