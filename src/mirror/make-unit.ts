/**
 * Makes units of replays, with what each claims of the shadow's rows. The order of units is kept by that: as the write sets of MySQL's
 * multi-threaded applier, but by group keys instead of row hashes (MySQL manual,
 * "binlog_transaction_dependency_tracking").
 */
import type { Replay, Unit, WriteSet } from './unit.ts';

/** Nothing that anybody waits for. */
const NOTHING_CLAIMED: WriteSet = { keys: [], tables: [], barriers: [] };

export function makeUnit(replays: readonly Replay[], answeredAtMs: number): Unit {
  let bytes = 0;
  for (const replay of replays) bytes += replay.bytes;
  const transaction = replays.length > 1 && replays.some((replay) => replay.kind !== 'read');
  return { replays, transaction, bytes, writes: writeSetOf(replays), definition: null, answeredAtMs };
}

/** A read that is compared must see what the primary's saw; any other disturbs nobody. */
function writeSetOf(replays: readonly Replay[]): WriteSet {
  const claiming = replays.filter(claims);
  const only = claiming[0];
  if (only === undefined) return NOTHING_CLAIMED;
  if (claiming.length === 1 && only.keysComplete && only.keys.length === 1 && only.barriers.length === 0)
    return single(only);
  const barriers = new Set<string>();
  for (const { keysComplete, keys, tables, barriers: others } of claiming) {
    for (const table of others) barriers.add(table);
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
