/** The servers of the shards, as the sync reads them and writes to them. Connections are shared by host. */
import { ClusterTls } from '../base/cluster-tls.ts';
import type { Config } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import { OnceByName } from './once-by-name.ts';
import { type Direction, onBoth, type Side, type Sides } from './side.ts';
import { SyncPool } from './sync-pool.ts';
import { openSyncServer, type ServerRole, type SyncServer } from './sync-server.ts';

export interface ShardServers {
  /** The replicas, where there are any. */
  readonly readers: Sides<SyncServer>;
  readonly primaries: Sides<SyncServer>;
  /** The target's primary, where it may be written. */
  readonly repaired: SyncServer;
}

export type ServersConfig = Pick<
  Config,
  'oldUser' | 'newUser' | 'oldTls' | 'newTls' | 'shards' | 'sync' | 'connectTimeoutMs'
>;

/** A stream waits for its reader: a group of a million rows may take its time. */
const STREAM_LIMIT_FACTOR = 20;
/** Those that wait for a connection wait for queries that are each bounded. */
const WAIT_FACTOR = 10;

export class Servers {
  readonly #config: ServersConfig;
  readonly #direction: Direction;
  readonly #pools = new Map<string, SyncPool>();
  readonly #tls: Sides<ClusterTls | null>;
  readonly #shards = new OnceByName<ShardServers>();

  constructor(config: ServersConfig, direction: Direction) {
    this.#config = config;
    this.#direction = direction;
    this.#tls = {
      old: config.oldTls === undefined ? null : new ClusterTls(config.oldTls),
      new: config.newTls === undefined ? null : new ClusterTls(config.newTls),
    };
  }

  /** Opened when it is first asked for. Rejects, naming the server, where one can't be reached. */
  of(shard: string): Promise<ShardServers> {
    const config = this.#config.shards.find(({ name }) => name === shard);
    if (config === undefined) return Promise.reject(new Error(`no shard is named "${shard}"`));
    return this.#shards.get(shard, () => this.#open(config));
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }

  async #open(shard: ShardConfig): Promise<ShardServers> {
    const primaries = await onBoth((side) => this.#server(shard, side, 'primary', 'read'));
    const readers = await onBoth((side) =>
      shard[side].replica === undefined
        ? Promise.resolve(primaries[side])
        : this.#server(shard, side, 'replica', 'read'),
    );
    const repaired = await this.#server(shard, this.#direction.target, 'primary', 'write');
    return { readers, primaries, repaired };
  }

  #server(shard: ShardConfig, side: Side, role: ServerRole, access: 'read' | 'write'): Promise<SyncServer> {
    const { queryTimeoutMs } = this.#config.sync;
    return openSyncServer({
      shard: shard.name,
      side,
      role,
      database: databaseOf(shard, side),
      pool: this.#pool(shard, side, role),
      access,
      queryLimitMs: queryTimeoutMs,
      streamLimitMs: STREAM_LIMIT_FACTOR * queryTimeoutMs,
    });
  }

  #pool(shard: ShardConfig, side: Side, role: ServerRole): SyncPool {
    const { oldUser, newUser, sync, connectTimeoutMs } = this.#config;
    const { host, port } = role === 'replica' ? (shard[side].replica ?? shard[side]) : shard[side];
    const name = `${side} ${host} ${port}`;
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const pool = new SyncPool(
      {
        host,
        port,
        tls: this.#tls[side],
        account: side === 'old' ? oldUser : newUser,
        timeoutMs: connectTimeoutMs,
      },
      { connections: sync.connectionsPerHost, waitMs: WAIT_FACTOR * sync.queryTimeoutMs },
    );
    this.#pools.set(name, pool);
    return pool;
  }
}

/** Null: tables are named with their databases. */
export function databaseOf({ old, new: fresh }: ShardConfig, side: Side): string | null {
  return (side === 'old' ? old.database : (fresh.database ?? old.database)) ?? null;
}
