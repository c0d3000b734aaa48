/** How far a write reaches among a table's rows, and what follows for two of them whose order is not known. */
import type { Target } from './target.ts';

/**
 * `keys`: rows of its keys alone. `rows`: any rows, but what becomes of each hangs on that row alone. The rough ones
 * reach as far, and may read other rows for it, choose among them, or touch some beside them.
 */
export const REACH = { keys: 0, keysRough: 1, rows: 2, rowsRough: 3 } as const;
export type Reach = (typeof REACH)[keyof typeof REACH];
export const REACHES = 4;

/** What is in doubt where two overlap: nothing (by their tables), the rows of the one's keys, or any row of the table. */
export type Doubted = 'nothing' | 'keys' | 'table';

/** Of a write with keys that the primary's answer tells, the reach that it has by then. */
export function reachOf({ keys, keysComplete, numbered, rowByRow }: Target): Reach {
  const isKeyed = numbered !== null || (keysComplete && keys.length > 0);
  if (isKeyed) return rowByRow ? REACH.keys : REACH.keysRough;
  return rowByRow ? REACH.rows : REACH.rowsRough;
}

/**
 * What the first of the two is to note. Of one by its keys and one row by row, only rows that both touch can come out
 * otherwise, and those have the keys of the one: it notes them, and the other need note nothing.
 */
export function doubtedBy(own: Reach, other: Reach): Doubted {
  const ownKeyed = own <= REACH.keysRough;
  const otherKeyed = other <= REACH.keysRough;
  if (ownKeyed && otherKeyed) return 'nothing';
  if (own === REACH.keys && other === REACH.rows) return 'keys';
  return own === REACH.rows && other === REACH.keys ? 'nothing' : 'table';
}
