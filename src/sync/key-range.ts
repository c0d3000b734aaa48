/** A stretch of group keys in some order. */
import type { Value } from './value.ts';

/** (after, through]; undefined: open at that end. NULL is the first of all keys. */
export interface KeyRange {
  readonly after: Value | undefined;
  readonly through: Value | undefined;
}

export const ALL_KEYS: KeyRange = Object.freeze({ after: undefined, through: undefined });
