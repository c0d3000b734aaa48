/** Finds the rows that differ in many small groups at once: one query a side, where each group alone would be two. */
import type { DrilledTable } from './drill-down.ts';
import type { Mismatch } from './group-sum.ts';
import { canonicalIdentity, canonicalKey, type KeyOrder } from './key-order.ts';
import type { RowDifference, RowSum } from './row-difference.ts';
import { rowDifference } from './row-merge.ts';
import type { BundleReader } from './row-reader.ts';
import type { Sides } from './side.ts';

/** Rows of one bundle, of the larger side: what is held of them in memory. */
export const BUNDLE_ROWS = 4000;

/** Cuts groups into bundles; a group that is too large for one stands alone. */
export function bundlesOf(mismatches: readonly Mismatch[]): readonly (readonly Mismatch[])[] {
  const bundles: Mismatch[][] = [];
  let left = 0;
  for (const mismatch of mismatches) {
    const rows = Math.max(mismatch.old?.rows ?? 0, mismatch.new?.rows ?? 0);
    if (rows > left || bundles.length === 0) {
      bundles.push([]);
      left = BUNDLE_ROWS;
    }
    bundles.at(-1)!.push(mismatch);
    left -= rows;
  }
  return bundles;
}

/** Null: the groups of this table can't be read together, as a side may take other spellings for their keys. */
export function bundleReaders({ readers, identity }: DrilledTable): Sides<BundleReader> | null {
  const { old, new: fresh } = readers;
  if (identity.length === 0 || old.bundle === null || fresh.bundle === null) return null;
  return { old: old.bundle, new: fresh.bundle };
}

/** One list for each of the groups, in their order. */
export async function drillBundle(
  { direction, identity }: DrilledTable,
  readers: Sides<BundleReader>,
  order: KeyOrder,
  mismatches: readonly Mismatch[],
): Promise<readonly (readonly RowDifference[])[]> {
  const keys = mismatches.map(({ key }) => key);
  const { source, target } = direction;
  const [ours, theirs] = await Promise.all([
    groupsOf(readers[source], order, identity, keys),
    groupsOf(readers[target], order, identity, keys),
  ]);
  return keys.map((key) => {
    const name = canonicalKey(order, key);
    return differencesOf(ours.get(name) ?? NONE, theirs.get(name) ?? NONE);
  });
}

type RowsByIdentity = ReadonlyMap<string, RowSum>;
const NONE: RowsByIdentity = new Map();

async function groupsOf(
  reader: BundleReader,
  order: KeyOrder,
  identity: readonly KeyOrder[],
  keys: readonly Mismatch['key'][],
): Promise<ReadonlyMap<string, RowsByIdentity>> {
  const groups = new Map<string, Map<string, RowSum>>();
  for await (const { key, row } of reader(keys)) {
    const name = canonicalKey(order, key);
    const rows = groups.get(name) ?? new Map<string, RowSum>();
    groups.set(name, rows);
    rows.set(canonicalIdentity(identity, row.identity), row);
  }
  return groups;
}

function differencesOf(ours: RowsByIdentity, theirs: RowsByIdentity): readonly RowDifference[] {
  const found: RowDifference[] = [];
  for (const [name, { identity, copies }] of theirs)
    if (!ours.has(name)) found.push({ kind: 'extra', identity, copies });
  for (const [name, row] of ours) {
    const other = theirs.get(name);
    const difference =
      other === undefined
        ? ({ kind: 'missing', identity: row.identity, copies: row.copies } as const)
        : rowDifference(row, other);
    if (difference !== null) found.push(difference);
  }
  return found;
}
