/**
 * Warnings that a write was answered with, on the primary and on the shadow. Outside of strict mode, with IGNORE and in
 * functions a server takes another value for one that won't do, and warns of it: where the other server does not, it
 * took the value as it is.
 */
import type { Plan } from '../sql/plan.ts';
import type { KindDifferences } from './kind-differences.ts';

export interface PrimaryWarnings {
  /** Null: some, of another set of rows than the replay's. */
  readonly count: number | null;
  /** As many of them, on either side, say only that MySQL will not know some words of the text for ever. */
  readonly ofWords: number;
  /** What adjusted values are where both servers warn of them, if they are not of one kind. */
  readonly adjusted: KindDifferences['adjusted'];
}

/** `isWhole`: the replay is of the same rows. */
export function primaryWarnings(
  { deprecated }: Plan,
  count: number,
  isWhole: boolean,
  { adjusted }: Pick<KindDifferences, 'adjusted'>,
): PrimaryWarnings {
  const some = count > deprecated ? null : 0;
  return { count: isWhole ? count : some, ofWords: deprecated, adjusted };
}

/** Was another value stored there? `warnings`: the shadow's. */
export function warnsApart(
  { count, ofWords, adjusted }: PrimaryWarnings,
  warnings: number,
  isOtherKind: boolean,
): boolean {
  if (count === null) return isOtherKind;
  if (Math.abs(count - warnings) > ofWords) return true;
  return isOtherKind && adjusted === 'apart' && Math.min(count, warnings) > 0;
}
