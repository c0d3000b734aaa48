/** The servers of one shard, opened as they are first asked for their numbers. */
import { ClusterTls } from '../base/cluster-tls.ts';
import type { Config } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import type { Place } from './sequence.ts';
import type { SequenceServers } from './sequence-check.ts';
import { placesOf } from './sequence-shard.ts';
import type { WriteStatement } from './sync-connection.ts';
import { SyncPool } from './sync-pool.ts';
import { openSyncServer, type SyncServer } from './sync-server.ts';

/** One at a time is used; the pool wants two. */
const CONNECTIONS = 2;
/** An ALTER TABLE may have to copy the table where it is none of InnoDB. */
const WRITE_LIMIT_MS = 600_000;

export type SequenceConfig = Pick<
  Config,
  'oldUser' | 'newUser' | 'oldTls' | 'newTls' | 'tables' | 'sequences'
>;

export class OpenedSequenceServers implements SequenceServers {
  readonly places: readonly Place[];
  readonly #config: SequenceConfig;
  readonly #shard: ShardConfig;
  readonly #pools = new Map<Place, SyncPool>();
  readonly #servers = new Map<Place, SyncServer>();

  constructor(config: SequenceConfig, shard: ShardConfig) {
    this.#config = config;
    this.#shard = shard;
    this.places = placesOf(shard);
  }

  async at(place: Place): Promise<SyncServer> {
    const known = this.#servers.get(place);
    if (known !== undefined) return known;
    const server = await this.#open(place, 'read');
    this.#servers.set(place, server);
    return server;
  }

  /** On the new primary. */
  async write(statements: readonly WriteStatement[]): Promise<void> {
    const server = await this.#open('new', 'write');
    await server.write(statements);
    await server.close();
  }

  async close(): Promise<void> {
    for (const server of this.#servers.values()) await server.close();
    for (const pool of this.#pools.values()) pool.close();
  }

  #open(place: Place, access: 'read' | 'write'): Promise<SyncServer> {
    const { timeoutMs } = this.#config.sequences;
    return openSyncServer({
      shard: this.#shard.name,
      side: place.startsWith('old') ? 'old' : 'new',
      role: place.endsWith('_replica') ? 'replica' : 'primary',
      database: null,
      pool: this.#pool(place),
      access,
      queryLimitMs: access === 'read' ? timeoutMs : WRITE_LIMIT_MS,
      streamLimitMs: timeoutMs,
    });
  }

  #pool(place: Place): SyncPool {
    const known = this.#pools.get(place);
    if (known !== undefined) return known;
    const { oldUser, newUser, oldTls, newTls, sequences } = this.#config;
    const isOld = place.startsWith('old');
    const cluster = isOld ? this.#shard.old : this.#shard.new;
    const { host, port } = place.endsWith('_replica') ? (cluster.replica ?? cluster) : cluster;
    const tls = isOld ? oldTls : newTls;
    const pool = new SyncPool(
      {
        ...{ host, port, timeoutMs: sequences.timeoutMs },
        account: isOld ? oldUser : newUser,
        tls: tls === undefined ? null : new ClusterTls(tls),
      },
      { connections: CONNECTIONS, waitMs: sequences.timeoutMs },
    );
    this.#pools.set(place, pool);
    return pool;
  }
}
