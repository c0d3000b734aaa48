/** How a shard's databases are called on both sides, and those of the shards beside it. */
import type { ShardConfig } from '../config/schema.ts';
import type { DatabaseMap } from '../sql/rewrite.ts';

/**
 * The database in which a lane replays what a session sent from `database`. A session that is elsewhere names
 * the shard's tables with their database, so that the lane need not follow it to where `newUser` may not go.
 */
export function laneDatabase({ old, new: fresh }: ShardConfig): (database: string) => string {
  if (old.database === undefined) return (database) => database;
  const own = fresh.database ?? old.database;
  return () => own;
}

/** The databases of other shards that a client can reach on this one's old server. */
export function siblingsOf({ old }: ShardConfig, shards: readonly ShardConfig[]): ReadonlySet<string> {
  return new Set(
    shards.flatMap(({ old: { host, port, database } }) =>
      host === old.host && port === old.port && database !== old.database ? (database ?? []) : [],
    ),
  );
}

export function databasePair(shard: ShardConfig): DatabaseMap | null {
  const from = shard.old.database;
  const to = shard.new.database;
  return from === undefined || to === undefined || from === to ? null : { from, to };
}
