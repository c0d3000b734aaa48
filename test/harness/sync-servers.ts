/** Servers as the sync opens them, for tests. */

import type { Side } from '../../src/sync/side.ts';
import { SyncPool } from '../../src/sync/sync-pool.ts';
import { openSyncServer, type SyncServer } from '../../src/sync/sync-server.ts';
import type { SqlServer } from './sql-server.ts';

export interface OpenedServer {
  readonly server: SyncServer;
  readonly pool: SyncPool;
}

export interface OpenOptions {
  readonly side?: Side;
  readonly access?: 'read' | 'write';
  readonly connections?: number;
  readonly waitMs?: number;
  readonly queryLimitMs?: number;
  readonly streamLimitMs?: number;
}

/** The caller closes the pool. */
export async function openServer(
  { host, port, user }: Pick<SqlServer, 'host' | 'port' | 'user'>,
  database: string | null,
  options: OpenOptions = {},
): Promise<OpenedServer> {
  const pool = new SyncPool(
    { host, port, tls: null, account: { user, password: '' }, timeoutMs: 5000 },
    { connections: options.connections ?? 4, waitMs: options.waitMs ?? 10_000 },
  );
  const server = await openSyncServer({
    shard: 's00',
    side: options.side ?? 'old',
    role: 'primary',
    database,
    pool,
    access: options.access ?? 'write',
    queryLimitMs: options.queryLimitMs ?? 20_000,
    streamLimitMs: options.streamLimitMs ?? 60_000,
  });
  return { server, pool };
}
