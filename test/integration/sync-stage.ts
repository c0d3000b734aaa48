/** A server of each kind, each with a database for the old and for the new side: any two may be held together. */
import type { Connection } from 'mysql2/promise';
import type { HashMethod } from '../../src/sync/hash-method.ts';
import type { ServerKind, Side, Sides } from '../../src/sync/side.ts';
import type { SyncServer } from '../../src/sync/sync-server.ts';
import { type Pairing, pairTables, type TablePair } from '../../src/sync/table-pair.ts';
import { readTableShape } from '../../src/sync/table-shape.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type OpenedServer, openServer } from '../harness/sync-servers.ts';

const KINDS: readonly ServerKind[] = ['mariadb', 'mysql'];
export const SIDES: readonly Side[] = ['old', 'new'];
export const KIND_PAIRS: readonly Sides<ServerKind>[] = KINDS.flatMap((old) =>
  KINDS.map((fresh) => ({ old, new: fresh })),
);
const MODE = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';

export interface SyncStage {
  /** Writes into the database of that side, whatever its values. */
  writer(kind: ServerKind, side: Side): Connection;
  servers(kinds: Sides<ServerKind>): Sides<SyncServer>;
  pairing(kinds: Sides<ServerKind>, tables: Sides<string>, key: string | null): Promise<Pairing>;
  /** Throws the faults. */
  pair(
    kinds: Sides<ServerKind>,
    tables: Sides<string>,
    key: string | null,
    method?: HashMethod,
  ): Promise<TablePair>;
  destroy(): Promise<void>;
}

interface OneSide {
  readonly writer: Connection;
  readonly opened: OpenedServer;
}

export async function startSyncStage(): Promise<SyncStage> {
  // A row's values together may be longer than a packet.
  const extra = ['--max-allowed-packet=4M'];
  const [mariadb, mysql] = await Promise.all([startMariadb({ extra }), startMysql({ extra })]);
  const real = { mariadb, mysql };
  const sides = new Map<string, OneSide>();
  for (const kind of KINDS) {
    for (const side of SIDES) sides.set(`${kind} ${side}`, await openSide(real[kind], side));
  }
  const at = (kind: ServerKind, side: Side): OneSide => sides.get(`${kind} ${side}`)!;
  const servers = (kinds: Sides<ServerKind>): Sides<SyncServer> => ({
    old: at(kinds.old, 'old').opened.server,
    new: at(kinds.new, 'new').opened.server,
  });
  const pairing = async (
    kinds: Sides<ServerKind>,
    tables: Sides<string>,
    key: string | null,
    method?: HashMethod,
  ): Promise<Pairing> => {
    const asked = servers(kinds);
    const shapes = {
      old: await readTableShape(asked.old, 'side_old', tables.old),
      new: await readTableShape(asked.new, 'side_new', tables.new),
    };
    return pairTables('t', shapes, asked, key, method);
  };
  return {
    writer: (kind, side) => at(kind, side).writer,
    servers,
    pairing,
    async pair(kinds, tables, key, method) {
      const paired = await pairing(kinds, tables, key, method);
      if ('faults' in paired) throw new Error(paired.faults.join('\n'));
      return paired.pair;
    },
    async destroy() {
      for (const { writer, opened } of sides.values()) {
        writer.destroy();
        opened.pool.close();
      }
      await Promise.all([mariadb.destroy(), mysql.destroy()]);
    },
  };
}

async function openSide(real: SqlServer, side: Side): Promise<OneSide> {
  const database = `side_${side}`;
  await real.query(`CREATE DATABASE ${database}`);
  const writer = await real.connect({ database, charset: 'utf8mb4', multipleStatements: true });
  await writer.query(`SET SESSION sql_mode = '${MODE}', time_zone = '+00:00'`);
  return { writer, opened: await openServer(real, database, { side }) };
}
