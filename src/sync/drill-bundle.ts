/**
 * Looks at many small groups and their rows at once: one query a side tells the groups' checksums and each row's hash,
 * so that what is found wrong is of the very moment at which the checksums are.
 */
import type { DrilledTable } from './drill-down.ts';
import { groupsByKey } from './group-join.ts';
import { isSameSum, type Mismatch } from './group-sum.ts';
import { canonicalIdentity, type KeyOrder } from './key-order.ts';
import type { RowDifference, RowSum } from './row-difference.ts';
import { rowDifference } from './row-merge.ts';
import type { BundledGroup, BundleReader } from './row-reader.ts';
import type { Sides } from './side.ts';
import type { Value } from './value.ts';

/** A group as it is on both sides, and its rows that differ; null: these are to be looked for by themselves. */
export interface CloseLook extends Mismatch {
  readonly differences: readonly RowDifference[] | null;
}

/** Rows of one bundle, of the larger side: what is held of them in memory. */
export const BUNDLE_ROWS = 4000;

/** Cuts groups into bundles; a group that is too large for one stands alone. */
export function bundlesOf(mismatches: readonly Mismatch[]): readonly (readonly Mismatch[])[] {
  const bundles: Mismatch[][] = [];
  let left = 0;
  for (const mismatch of mismatches) {
    const rows = rowsOf(mismatch);
    if (rows > left || bundles.length === 0) {
      bundles.push([]);
      left = BUNDLE_ROWS;
    }
    bundles.at(-1)!.push(mismatch);
    left -= rows;
  }
  return bundles;
}

/** False: it is one large group. */
export function isBundle(mismatches: readonly Mismatch[]): boolean {
  return mismatches.length > 1 || mismatches.every((mismatch) => rowsOf(mismatch) <= BUNDLE_ROWS);
}

function rowsOf({ old, new: fresh }: Mismatch): number {
  return Math.max(old?.rows ?? 0, fresh?.rows ?? 0);
}

/** Null: the groups of this table can't be read together, as a side may take other spellings for their keys. */
export function bundleReaders({ readers, identity }: DrilledTable): Sides<BundleReader> | null {
  const { old, new: fresh } = readers;
  if (identity.length === 0 || old.bundle === null || fresh.bundle === null) return null;
  return { old: old.bundle, new: fresh.bundle };
}

/** These groups now, the same or not; those that neither side has are left out. */
export async function lookAtRows(
  { direction, identity }: Pick<DrilledTable, 'direction' | 'identity'>,
  readers: Sides<BundleReader>,
  order: KeyOrder,
  keys: readonly Value[],
): Promise<readonly CloseLook[]> {
  const [old, fresh] = await Promise.all([
    groupsOf(readers.old, order, keys),
    groupsOf(readers.new, order, keys),
  ]);
  return [...new Set([...old.keys(), ...fresh.keys()])].map((name) => {
    const sides = { old: old.get(name), new: fresh.get(name) };
    const [ours, theirs] = [sides[direction.source], sides[direction.target]];
    const sums = { old: sides.old?.sum ?? null, new: sides.new?.sum ?? null };
    const pair = { key: (sums.old ?? sums.new)!.key, ...sums };
    if (isSameSum(sums.old, sums.new)) return { ...pair, differences: [] };
    if (ours?.rows === null || theirs?.rows === null) return { ...pair, differences: null };
    const rows = { ours: ours?.rows ?? [], theirs: theirs?.rows ?? [] };
    const decode = { ours: readers[direction.source].row, theirs: readers[direction.target].row };
    return { ...pair, differences: differencesOf(rows, decode, identity) };
  });
}

async function groupsOf(
  reader: BundleReader,
  order: KeyOrder,
  keys: readonly Value[],
): Promise<ReadonlyMap<string, BundledGroup>> {
  const groups = await reader.groups(keys);
  const byKey = groupsByKey(
    order,
    groups.map(({ sum }) => sum),
  );
  // Each of another key, and in the order of the answer.
  return new Map([...byKey.keys()].map((name, at) => [name, groups[at]!]));
}

interface OfBoth<T> {
  readonly ours: T;
  readonly theirs: T;
}

/** Most rows are the same, and so are their texts: only the others are told apart by what they mean. */
function differencesOf(
  texts: OfBoth<readonly string[]>,
  decode: OfBoth<BundleReader['row']>,
  identity: readonly KeyOrder[],
): readonly RowDifference[] {
  const unlike = unlikeTexts(texts);
  const left = rowsBy(identity, decode.ours, unlike.ours);
  const right = rowsBy(identity, decode.theirs, unlike.theirs);
  const found: RowDifference[] = [];
  for (const [name, row] of right)
    if (!left.has(name)) found.push({ kind: 'extra', identity: row.identity, copies: row.copies });
  for (const [name, row] of left) {
    const other = right.get(name);
    const difference =
      other === undefined
        ? ({ kind: 'missing', identity: row.identity, copies: row.copies } as const)
        : rowDifference(row, other);
    if (difference !== null) found.push(difference);
  }
  return found;
}

/** Those that one side alone has. No side has a text twice, as it holds what tells its rows apart. */
function unlikeTexts({ ours, theirs }: OfBoth<readonly string[]>): OfBoth<readonly string[]> {
  // Both sides mostly give their rows in one order: what is the same at either end need not be looked up.
  const shorter = Math.min(ours.length, theirs.length);
  let before = 0;
  while (before < shorter && ours[before] === theirs[before]) before++;
  let behind = 0;
  while (behind < shorter - before && ours.at(-1 - behind) === theirs.at(-1 - behind)) behind++;
  const others = new Set(theirs.slice(before, theirs.length - behind));
  const unlike = ours.slice(before, ours.length - behind).filter((text) => !others.delete(text));
  return { ours: unlike, theirs: [...others] };
}

function rowsBy(
  identity: readonly KeyOrder[],
  decode: BundleReader['row'],
  texts: readonly string[],
): ReadonlyMap<string, RowSum> {
  const rows = texts.map((text) => decode(text));
  return new Map(rows.map((row) => [canonicalIdentity(identity, row.identity), row]));
}
