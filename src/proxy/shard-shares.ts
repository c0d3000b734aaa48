/** Which worker owns which shard. Pure, so that a worker started anew owns what the one before it did. */

/**
 * Shards dealt out in turn to at most `workers` workers, and to no more than there are shards: the first list is
 * worker 0's. Each shard has one owner.
 */
export function shareOut(shards: readonly string[], workers: number): string[][] {
  const count = Math.max(1, Math.min(workers, shards.length));
  return Array.from({ length: count }, (_, worker) =>
    shards.filter((_shard, index) => index % count === worker),
  );
}
