/** A server may become so slow that a batch of the usual size takes longer than a query may: then smaller ones are tried. */
import type { BatchSize } from './batch-size.ts';
import { QueryTimedOut } from './sync-connection.ts';

/** Rejects with QueryTimedOut only where not even the smallest batch came to its end in time. */
export async function inTime<T>(size: BatchSize, ask: (groups: number) => Promise<T>): Promise<T> {
  for (;;) {
    const { groups } = size;
    try {
      return await ask(groups);
    } catch (error) {
      if (!(error instanceof QueryTimedOut) || groups === 1) throw error;
      tookTooLong(size);
    }
  }
}

/** Cuts the size as far as one query can. */
export function tookTooLong(size: BatchSize): void {
  size.observe({ seconds: Infinity, full: true, rows: 0, largestRows: 0 });
}
