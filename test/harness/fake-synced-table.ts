/** A table in memory as a pass works on it; its settler makes the target the same as the source. */
import { BatchSize } from '../../src/sync/batch-size.ts';
import type { SyncedTable } from '../../src/sync/full-pass.ts';
import type { GroupOutcome, GroupSettler } from '../../src/sync/group-outcome.ts';
import { canonicalKey } from '../../src/sync/key-order.ts';
import { OLD_TO_NEW } from '../../src/sync/side.ts';
import type { Value } from '../../src/sync/value.ts';
import { type FakeRow, FakeSide, NUMERIC } from './fake-table.ts';

export interface FakeSyncedTable extends SyncedTable {
  readonly old: FakeSide;
  readonly fresh: FakeSide;
}

export interface FakeTableOptions {
  readonly table: string;
  readonly old: readonly FakeRow[];
  readonly fresh: readonly FakeRow[];
  /** What becomes of a group; left out: it is repaired. */
  readonly result?: (key: Value) => GroupOutcome['result'];
}

export function rowsOf(keys: readonly (number | string)[], content = 'same'): FakeRow[] {
  return keys.map((key) => ({ key: String(key), identity: [String(key)], content }));
}

export function fakeSyncedTable({ table, old, fresh, result }: FakeTableOptions): FakeSyncedTable {
  const sides = {
    old: new FakeSide({ name: 'old', rows: old, collation: NUMERIC }),
    new: new FakeSide({ name: 'new', rows: fresh, collation: NUMERIC }),
  };
  const isOf = (key: Value) => (row: FakeRow) =>
    canonicalKey('numeric', row.key) === canonicalKey('numeric', key);
  const settleOne = (key: Value): GroupOutcome => {
    const end = result?.(key) ?? 'repaired';
    if (end === 'repaired') {
      const others = sides.new.stored.filter((row) => !isOf(key)(row));
      sides.new.stored = [...others, ...sides.old.stored.filter(isOf(key))];
    }
    const rows = { missing: 0, extra: 0, different: end === 'equal' ? 0 : 1 };
    return { key, result: end, rows, reason: null };
  };
  const settler: GroupSettler = {
    settle: (mismatches) => Promise.resolve(mismatches.map(({ key }) => settleOne(key))),
  };
  return {
    shard: 's00',
    table,
    old: sides.old,
    fresh: sides.new,
    crawled: { readers: sides, direction: OLD_TO_NEW, order: 'numeric' },
    primaries: sides,
    grouped: 'by column',
    spellings: 'alike',
    estimatedRows: () => Promise.resolve(old.length),
    bounds: () => Promise.resolve({ least: null, greatest: null }),
    size: new BatchSize({ initial: 2, max: 3 }),
    settler,
    settlerBehind: () => Promise.resolve(settler),
  };
}
