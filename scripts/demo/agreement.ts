/** How far the two clusters agree at the end: every key of every moved table, by a cheap checksum. */
import type { RowDataPacket } from 'mysql2/promise';
import { MOVED_TABLES, type MovedTable } from '../../test/harness/message-centre.ts';
import type { Cluster, Shard } from './cluster.ts';
import type { Scrape } from './scrape.ts';
import type { Side } from './side.ts';

export interface Agreement {
  readonly rowsOld: number;
  readonly rowsNew: number;
  readonly tables: number;
  readonly tablesEqual: number;
  /** A key is a folder in a table. */
  readonly keys: number;
  readonly keysDiffering: number;
  /** Those of them that stand in a table with more differing keys than the journal names: 0 is expected. */
  readonly keysUnnamed: number;
}

/** The checksum of every folder of a table. */
type Checksums = ReadonlyMap<string, { readonly rows: number; readonly text: string }>;

/** Compares all shards; nothing may write meanwhile. `now` is looked at for the journal. */
export async function compareClusters(cluster: Cluster, now: Scrape): Promise<Agreement> {
  let sum: Agreement = {
    rowsOld: 0,
    rowsNew: 0,
    tables: 0,
    tablesEqual: 0,
    keys: 0,
    keysDiffering: 0,
    keysUnnamed: 0,
  };
  for (const shard of cluster.shards) {
    const [old, fresh] = await Promise.all([readSide(shard.old), readSide(shard.new)]);
    for (const table of MOVED_TABLES) {
      const named = namedKeys(now, shard, table);
      sum = add(sum, compareTable(old.get(table) ?? new Map(), fresh.get(table) ?? new Map(), named));
    }
  }
  return sum;
}

function compareTable(old: Checksums, fresh: Checksums, named: number): Agreement {
  const folders = new Set([...old.keys(), ...fresh.keys()]);
  const differing = [...folders].filter((folder) => old.get(folder)?.text !== fresh.get(folder)?.text).length;
  return {
    rowsOld: rowsOf(old),
    rowsNew: rowsOf(fresh),
    tables: 1,
    tablesEqual: differing === 0 ? 1 : 0,
    keys: folders.size,
    keysDiffering: differing,
    keysUnnamed: Math.max(0, differing - named),
  };
}

function namedKeys(now: Scrape, shard: Shard, table: MovedTable): number {
  return now.sum('understudy_journal_keys', { shard: shard.name, table });
}

function rowsOf(checksums: Checksums): number {
  return [...checksums.values()].reduce((sum, { rows }) => sum + rows, 0);
}

function add(a: Agreement, b: Agreement): Agreement {
  const sums = Object.entries(a).map(([field, value]) => [field, value + b[field as keyof Agreement]]);
  return Object.fromEntries(sums) as Agreement;
}

async function readSide(side: Side): Promise<Map<MovedTable, Checksums>> {
  const connection = await side.server.connect({ database: side.database });
  const row = "CONCAT_WS('#', type, itemid, senderid, ts, title, ISNULL(title))";
  const tables = new Map<MovedTable, Checksums>();
  try {
    for (const table of MOVED_TABLES) {
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT CAST(folderid AS CHAR) AS folder, COUNT(*) AS n, CONCAT(COUNT(*), '/', SUM(CRC32(${row})), '/',
          BIT_XOR(CRC32(REVERSE(${row})))) AS checksum FROM ${table} GROUP BY folderid`,
      );
      tables.set(
        table,
        new Map(rows.map(({ folder, n, checksum }) => [folder, { rows: Number(n), text: checksum }])),
      );
    }
  } finally {
    connection.destroy();
  }
  return tables;
}
