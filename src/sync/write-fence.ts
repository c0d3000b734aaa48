/**
 * Keeps a worker that has lost its range from writing for it, without trust in clocks. Whoever writes holds a lock on
 * the target's server meanwhile, by a name of the range, and asks whether the range is still its own once it has the
 * lock. Whoever takes a range from one that was lost takes that lock first, and ends the connection that holds it: from
 * then on nothing can come from there, as any new connection would ask before it writes.
 */
import type { SyncConnection } from './sync-connection.ts';

export interface WriteFence {
  /** Of the lock, 64 characters at most. */
  readonly name: string;
  /** Whether the range is this worker's still. Once false it stays so. */
  holds(): Promise<boolean>;
}

export type FencedConnection = Pick<SyncConnection, 'rows' | 'broken'>;

/** The range is another worker's by now, or nobody's; nothing was written. */
export class RangeLost extends Error {
  override readonly name = 'RangeLost';

  constructor() {
    super('the range is another worker’s by now');
  }
}

/** Whoever has the lock longer, though the range is not its own, is not waited for. */
const LOCK_WAIT_SECONDS = 2;
const LOCK_QUERY_MS = 2000 * LOCK_WAIT_SECONDS;
const ATTEMPTS = 6;

/** Runs `write` on the connection while nobody else can write for the range. Rejects with RangeLost. */
export async function behindFence<T>(
  connection: FencedConnection,
  fence: WriteFence,
  write: () => Promise<T>,
): Promise<T> {
  await takeLock(connection, fence);
  try {
    if (!(await fence.holds())) throw new RangeLost();
    return await write();
  } finally {
    // What was written is written; a connection that breaks here has let go of the lock too.
    if (!connection.broken)
      await connection.rows('SELECT RELEASE_LOCK(?)', [fence.name], LOCK_QUERY_MS).catch(() => []);
  }
}

async function takeLock(connection: FencedConnection, fence: WriteFence): Promise<void> {
  const { name } = fence;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const [row] = await connection.rows('SELECT GET_LOCK(?, ?)', [name, LOCK_WAIT_SECONDS], LOCK_QUERY_MS);
    if (row?.[0] === '1') return;
    // One that has lost the range itself must not end the connection of whoever has it now.
    if (!(await fence.holds())) throw new RangeLost();
    const [holder] = await connection.rows('SELECT IS_USED_LOCK(?)', [name], LOCK_QUERY_MS);
    const id = holder?.[0];
    // The account is the holder's own, which needs no further right for this. It may have gone by itself meanwhile.
    if (typeof id === 'string') await connection.rows(`KILL ${id}`, [], LOCK_QUERY_MS).catch(() => []);
  }
  throw new Error(`the lock ${name} could not be had: another connection holds it`);
}
