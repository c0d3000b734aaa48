/** The two clusters that a sync holds against each other, and which of them is right. */

export type Side = 'old' | 'new';
export type ServerKind = 'mariadb' | 'mysql';

export const SIDES: readonly Side[] = ['old', 'new'];

/** One of something for each side. */
export type Sides<T> = Readonly<Record<Side, T>>;

/** Which side is right (the source) and which is repaired (the target). After a cutover it is turned. */
export interface Direction {
  readonly source: Side;
  readonly target: Side;
}

export const OLD_TO_NEW: Direction = Object.freeze({ source: 'old', target: 'new' });

/** Asks both sides at the same time; rejects with the first that fails, once both have ended. */
export async function onBoth<T>(ask: (side: Side) => Promise<T>): Promise<Sides<T>> {
  // Where one side fails the other's query is still under way, and its failure must not go unheard.
  const [old, fresh] = await Promise.allSettled([ask('old'), ask('new')]);
  if (old.status === 'rejected') throw old.reason;
  if (fresh.status === 'rejected') throw fresh.reason;
  return { old: old.value, new: fresh.value };
}
