/** The tables of the shards, opened for a sync: paired, with readers on both sides and whoever settles their groups. */
import type { ParsedConfig } from '../config/schema.ts';
import { BatchSize } from './batch-size.ts';
import { type CatchUp, waitForReplica } from './catch-up.ts';
import type { SyncedTable } from './full-pass.ts';
import type { GroupSettler } from './group-outcome.ts';
import { openGroupParts } from './group-parts.ts';
import type { GroupReader } from './group-reader.ts';
import { type MirrorGate, StillSettler } from './group-settling.ts';
import type { HashMethod } from './hash-method.ts';
import { OnceByName } from './once-by-name.ts';
import { patientReader } from './patient-reader.ts';
import { boundsOfBoth, type KeyBounds } from './range-split.ts';
import { RepairSql } from './repair-sql.ts';
import { RowRepair } from './row-repair.ts';
import type { ShardServers } from './shard-servers.ts';
import { type Direction, onBoth, SIDES, type Side, type Sides } from './side.ts';
import { openGroupReader } from './sql-group-reader.ts';
import { openRowReader } from './sql-row-reader.ts';
import { tableName } from './sql-text.ts';
import type { SyncServer } from './sync-server.ts';
import { pairTables, type TablePair } from './table-pair.ts';
import { TableSettling } from './table-settling.ts';
import { readTableShape } from './table-shape.ts';
import { firedTriggers, meddlersText, ownColumns } from './target-meddlers.ts';
import { timedReader } from './timed-reader.ts';

export interface SyncedTablesOptions {
  readonly serversOf: (shard: string) => Promise<ShardServers>;
  readonly databaseOf: (shard: string, side: Side) => string;
  readonly tables: ParsedConfig['tables'];
  readonly direction: Direction;
  readonly method: HashMethod;
  /** Queries are asked whatever their plans. */
  readonly force: boolean;
  readonly repairs: boolean;
  readonly gateOf: (shard: string) => MirrorGate;
  readonly settings: {
    readonly batchGroups: number;
    readonly targetMs: number;
    readonly rowsPerTransaction: number;
    readonly catchUpTimeoutMs: number;
  };
  /** A checksum query took so many seconds. */
  readonly took: (side: Side, seconds: number) => void;
  readonly warns: (text: string) => void;
  readonly stop: AbortSignal;
}

/** Between two attempts at groups whose source moves. */
const PAUSE_MS = 200;

/** A table can't be compared. */
export class TableFault extends Error {
  override readonly name = 'TableFault';
}

export class SyncedTables {
  readonly #options: SyncedTablesOptions;
  readonly #opened = new OnceByName<SyncedTable>();

  constructor(options: SyncedTablesOptions) {
    this.#options = options;
  }

  /** The names of the tables that are synced: those of the configuration, or all that either side has. */
  async names(shard: string): Promise<readonly string[]> {
    const { tables, serversOf, databaseOf } = this.#options;
    if (tables !== '*') return Object.keys(tables);
    const { primaries } = await serversOf(shard);
    const found = await onBoth(async (side) => {
      const rows = await primaries[side].rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE'",
        [databaseOf(shard, side)],
      );
      return rows.map(([name]) => String(name));
    });
    return [...new Set([...found.old, ...found.new])].sort();
  }

  /** Once a sync. Rejects with TableFault where it can't be compared. */
  open(shard: string, table: string): Promise<SyncedTable> {
    return this.#opened.get(`${shard} ${table}`, () => this.#open(shard, table));
  }

  async #open(shard: string, table: string): Promise<SyncedTable> {
    const { serversOf, direction, method, force, repairs, gateOf, settings, took, stop } = this.#options;
    const servers = await serversOf(shard);
    const pair = await this.#pair(shard, table, servers);
    const reader = (side: Side, server: SyncServer): GroupReader => {
      const options = { pair, server, method, force };
      const timed = timedReader(openGroupReader(options), (seconds) => took(side, seconds));
      return patientReader(timed, openGroupParts(options));
    };
    const groups = (of: ShardServers['readers']): Sides<GroupReader> => ({
      old: reader('old', of.old),
      new: reader('new', of.new),
    });
    const readers = groups(servers.readers);
    const hasReplica = SIDES.some((side) => servers.readers[side] !== servers.primaries[side]);
    const primaries = hasReplica ? groups(servers.primaries) : readers;
    const order = pair.group?.order ?? 'bytes';
    const rows = {
      readers: {
        old: openRowReader({ pair, server: servers.primaries.old, method, force }),
        new: openRowReader({ pair, server: servers.primaries.new, method, force }),
      },
      direction,
      identity: pair.identity.map((column) => column.order),
    };
    const triggers = repairs ? await this.#triggers(shard, pair, servers) : [];
    const settlerOf = (target: Pick<SyncServer, 'write'>): GroupSettler => {
      const settled = new TableSettling({
        meddlers: meddlersText(triggers, ownColumns(pair, direction)),
        order,
        primaries,
        replicas: hasReplica ? readers : null,
        catchUp: () => catchUpBoth(servers, settings.catchUpTimeoutMs),
        rows,
        repair: new RowRepair({
          sql: new RepairSql(pair, direction, servers.primaries),
          orders: rows.identity,
          source: servers.primaries[direction.source],
          target,
          rowsPerTransaction: settings.rowsPerTransaction,
        }),
      });
      const gate = gateOf(shard);
      return new StillSettler({ table: settled, gate, direction, repairs, pauseMs: PAUSE_MS, stop });
    };
    return {
      shard,
      table,
      crawled: { readers, direction, order },
      primaries,
      grouped: pair.group === null ? 'not' : 'by column',
      spellings: spellingsOf(pair),
      bounds: () => boundsOf(pair, servers),
      estimatedRows: () => estimateOf(pair, servers),
      size: new BatchSize({ initial: settings.batchGroups, targetSeconds: settings.targetMs / 1000 }),
      settler: settlerOf(servers.repaired),
      settlerBehind: async (fence) => {
        // A transaction of nothing: it waits for the one that another may have under way.
        if (repairs) await servers.repaired.write([], fence);
        return settlerOf({ write: (statements) => servers.repaired.write(statements, fence) });
      },
    };
  }

  /** A server has no way to leave them out: what they do is told of once. */
  async #triggers(shard: string, { name, shapes }: TablePair, { primaries }: ShardServers) {
    const { direction, warns } = this.#options;
    const triggers = await firedTriggers(primaries[direction.target], shapes[direction.target]);
    if (triggers.length > 0)
      warns(
        `${shard}: each row of ${name} that is repaired fires ${triggers.join(', ')} on the ${direction.target} side`,
      );
    return triggers;
  }

  async #pair(shard: string, table: string, { primaries }: ShardServers): Promise<TablePair> {
    const { tables, databaseOf, method } = this.#options;
    const shapes = await onBoth((side) => readTableShape(primaries[side], databaseOf(shard, side), table));
    const key = tables === '*' ? null : (tables[table]?.key ?? null);
    const pairing = pairTables(table, shapes, primaries, key, method);
    if ('faults' in pairing) throw new TableFault(pairing.faults.join('; '));
    return pairing.pair;
  }
}

function spellingsOf({ group, columns }: TablePair): SyncedTable['spellings'] {
  const column = columns.find(({ name }) => name === group?.name);
  if (column === undefined || group?.order !== 'own') return 'alike';
  return column.columns.old.collation === column.columns.new.collation ? 'alike' : 'unlike';
}

/** Both ends of an index: no more than a look at each. */
async function boundsOf({ group, shapes }: TablePair, { primaries }: ShardServers): Promise<KeyBounds> {
  if (group === null || group.order !== 'numeric') return { least: null, greatest: null };
  const ends = await onBoth(async (side) => {
    const column = group.column[side];
    const [row] = await primaries[side].rows(
      `SELECT MIN(${column}), MAX(${column}) FROM ${tableName(shapes[side])}`,
    );
    return { least: row?.[0] ?? null, greatest: row?.[1] ?? null };
  });
  return boundsOfBoth(ends.old, ends.new);
}

async function estimateOf({ shapes }: TablePair, { primaries }: ShardServers): Promise<number> {
  const rows = await onBoth(async (side) => {
    const [row] = await primaries[side].rows(
      'SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
      [shapes[side].database, shapes[side].name],
    );
    return Number(row?.[0] ?? 0);
  });
  return Math.max(rows.old, rows.new);
}

/** Both replicas, as far as there are any. */
export async function catchUpBoth({ readers, primaries }: ShardServers, timeoutMs: number): Promise<CatchUp> {
  const ends = await onBoth((side) =>
    readers[side] === primaries[side]
      ? Promise.resolve<CatchUp>('caught_up')
      : waitForReplica(primaries[side], readers[side], timeoutMs),
  );
  return [ends.old, ends.new].find((end) => end !== 'caught_up') ?? 'caught_up';
}
