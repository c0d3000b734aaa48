/** Holds the groups of both sides against each other. */
import type { ComparedGroups } from './compared-batch.ts';
import { type GroupSum, isSameSum, type Mismatch } from './group-sum.ts';
import { canonicalKey, type KeyOrder } from './key-order.ts';
import type { Sides } from './side.ts';
import type { Value } from './value.ts';

/** Groups by what tells their keys apart. */
export type GroupsByKey = ReadonlyMap<string, GroupSum>;

/** Throws where two groups are of one key: the side would have told only a part of each. */
export function groupsByKey(order: KeyOrder, groups: readonly GroupSum[]): GroupsByKey {
  const byKey = new Map<string, GroupSum>();
  for (const group of groups) {
    const key = canonicalKey(order, group.key);
    if (byKey.has(key)) throw new Error(`the key ${shownKey(group.key)} came twice in one answer`);
    byKey.set(key, group);
  }
  return byKey;
}

export function joinGroups(sides: Sides<GroupsByKey>): Omit<ComparedGroups, 'seconds'> {
  const mismatches: Mismatch[] = [];
  let groups = sides.old.size;
  let rows = 0;
  for (const [key, old] of sides.old) {
    const other = sides.new.get(key) ?? null;
    rows += Math.max(old.rows, other?.rows ?? 0);
    if (!isSameSum(old, other)) mismatches.push({ key: old.key, old, new: other });
  }
  for (const [key, other] of sides.new) {
    if (sides.old.has(key)) continue;
    groups += 1;
    rows += other.rows;
    mismatches.push({ key: other.key, old: null, new: other });
  }
  return { groups, rows, mismatches, unread: [] };
}

/** A key as messages show it. */
export function shownKey(key: Value): string {
  if (key === null) return 'NULL';
  return typeof key === 'string' ? JSON.stringify(key) : `0x${key.toString('hex')}`;
}
