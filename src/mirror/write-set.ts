/**
 * What a unit claims of the shadow's rows, by which the order of units is kept: as the write sets of MySQL's
 * multi-threaded applier, but by group keys instead of row hashes (MySQL manual,
 * "binlog_transaction_dependency_tracking").
 */
import type { Replay } from './unit.ts';

export interface WriteSet {
  /** Keys, each with its table: units that share one run in order. */
  readonly keys: readonly string[];
  /** Tables of those keys: such units run beside each other, but not beside a barrier. */
  readonly tables: readonly string[];
  /** Tables of which the unit may touch any row: it waits for every earlier unit on them, and every later one for it. */
  readonly barriers: readonly string[];
}

/** As a barrier: every table. */
export const ANY_TABLE = '*';

/** Nothing that anybody waits for. */
export const NOTHING_CLAIMED: WriteSet = { keys: [], tables: [], barriers: [] };

/** Of a unit's replays. A read that is compared must see what the primary's saw; any other disturbs nobody. */
export function writeSetOf(replays: readonly Replay[]): WriteSet {
  const claiming = replays.filter(claims);
  const only = claiming[0];
  if (only === undefined) return NOTHING_CLAIMED;
  if (claiming.length === 1 && only.keysComplete && only.keys.length === 1) return single(only);
  const barriers = new Set<string>();
  for (const { keysComplete, keys, tables } of claiming) {
    if (keysComplete && keys.length > 0) continue;
    for (const table of tables) barriers.add(table);
  }
  const keys = new Set<string>();
  const tables = new Set<string>();
  for (const replay of claiming) {
    for (const { table, tag } of replay.keys) {
      if (barriers.has(table)) continue;
      keys.add(tag);
      tables.add(table);
    }
  }
  return { keys: [...keys], tables: [...tables], barriers: [...barriers] };
}

function claims({ kind, primary }: Replay): boolean {
  return kind !== 'read' || primary.rowHash !== null;
}

function single({ keys }: Replay): WriteSet {
  const { tag, table } = keys[0]!;
  return { keys: [tag], tables: [table], barriers: [] };
}
