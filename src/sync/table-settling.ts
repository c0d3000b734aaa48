/** One table's groups, as a settler looks at them and has them repaired: on the primaries. */
import { messageOf } from '../base/errors.ts';
import type { CatchUp } from './catch-up.ts';
import { bundleReaders, bundlesOf, type CloseLook, isBundle, lookAtRows } from './drill-bundle.ts';
import { type DrilledTable, drillDown } from './drill-down.ts';
import { groupsByKey, joinGroups } from './group-join.ts';
import type { GroupReader } from './group-reader.ts';
import type { GroupPair, RowsFound, SettledTable } from './group-settling.ts';
import type { Mismatch } from './group-sum.ts';
import { canonicalKey, type KeyOrder } from './key-order.ts';
import type { RowCounts } from './row-counts.ts';
import type { BundleReader } from './row-reader.ts';
import { countAll, countRows, type RowRepair } from './row-repair.ts';
import { onBoth, type Sides } from './side.ts';
import type { Value } from './value.ts';
import { RangeLost } from './write-fence.ts';
import { TargetLost } from './write-refusal.ts';

export interface TableSettlingOptions {
  readonly order: KeyOrder;
  readonly primaries: Sides<GroupReader>;
  /** Null: the crawl has read the primaries themselves. */
  readonly replicas: Sides<GroupReader> | null;
  /** Waits for the replicas. */
  readonly catchUp: () => Promise<CatchUp>;
  /** On the primaries. */
  readonly rows: DrilledTable;
  readonly repair: Pick<RowRepair, 'repair' | 'repairGroups'>;
  readonly meddlers: string;
}

export class TableSettling implements SettledTable {
  readonly #options: TableSettlingOptions;
  readonly #bundled: Sides<BundleReader> | null;

  constructor(options: TableSettlingOptions) {
    this.#options = options;
    this.#bundled = bundleReaders(options.rows);
  }

  get found(): 'primaries' | 'replicas' {
    return this.#options.replicas === null ? 'primaries' : 'replicas';
  }

  get meddlers(): string {
    return this.#options.meddlers;
  }

  async caughtUp(mismatches: readonly Mismatch[]): Promise<readonly Mismatch[]> {
    const { replicas, catchUp, order } = this.#options;
    if (replicas === null || (await catchUp()) !== 'caught_up') return mismatches;
    const sums = await sumsOf(replicas, order, keysOf(mismatches));
    const behind = new Set(joinGroups(sums).mismatches.map(({ key }) => canonicalKey(order, key)));
    return mismatches.filter(({ key }) => behind.has(canonicalKey(order, key)));
  }

  async look(keys: readonly Value[]): Promise<readonly GroupPair[]> {
    const { primaries, order } = this.#options;
    const sums = await sumsOf(primaries, order, keys);
    const names = new Set([...sums.old.keys(), ...sums.new.keys()]);
    return [...names].map((name) => {
      const [old, fresh] = [sums.old.get(name) ?? null, sums.new.get(name) ?? null];
      return { key: (old ?? fresh)!.key, old, new: fresh };
    });
  }

  bundles(mismatches: readonly Mismatch[]): readonly (readonly Mismatch[])[] {
    return this.#bundled === null ? [mismatches] : bundlesOf(mismatches);
  }

  async lookClosely(mismatches: readonly Mismatch[]): Promise<readonly CloseLook[]> {
    const { rows, order } = this.#options;
    const keys = keysOf(mismatches);
    if (this.#bundled !== null && isBundle(mismatches)) {
      try {
        return await lookAtRows(rows, this.#bundled, order, keys);
      } catch {
        // Without their rows the groups may be looked at all the same.
      }
    }
    return (await this.look(keys)).map((pair) => ({ ...pair, differences: null }));
  }

  count(groups: readonly CloseLook[]): Promise<readonly RowsFound[]> {
    const { rows } = this.#options;
    return eachOf(groups, async (group) =>
      group.differences === null
        ? await alone(() => countRows(drillDown(rows, group)))
        : { rows: countAll(group.differences) },
    );
  }

  async repair(groups: readonly CloseLook[]): Promise<readonly RowsFound[]> {
    const { rows, repair } = this.#options;
    const isDone = await isRepaired(repair, groups);
    return eachOf(groups, async (group) => {
      const { key, differences } = group;
      if (isDone && differences !== null) return { rows: countAll(differences) };
      // So those that are not at fault are seen to, where one of many is.
      const found = await alone(() => repair.repair(key, drillDown(rows, group)));
      // Rows that were written before the others were refused are found no more.
      return 'failed' in found || differences === null ? found : { rows: countAll(differences) };
    });
  }

  nameOf(key: Value): string {
    return canonicalKey(this.#options.order, key);
  }
}

/** True: all whose rows are known were repaired together. */
async function isRepaired(
  repair: Pick<RowRepair, 'repairGroups'>,
  groups: readonly CloseLook[],
): Promise<boolean> {
  const known = groups.flatMap(({ key, differences }) =>
    differences === null ? [] : [{ key, differences }],
  );
  if (known.length === 0) return true;
  try {
    await repair.repairGroups(known);
    return true;
  } catch (error) {
    if (endsRepairs(error)) throw error;
    return false;
  }
}

/** No other group could be repaired either. */
function endsRepairs(error: unknown): boolean {
  return error instanceof TargetLost || error instanceof RangeLost;
}

async function eachOf<T>(
  groups: readonly CloseLook[],
  find: (group: CloseLook) => Promise<T>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const group of groups) found.push(await find(group));
  return found;
}

async function alone(work: () => Promise<RowCounts>): Promise<RowsFound> {
  try {
    return { rows: await work() };
  } catch (error) {
    if (endsRepairs(error)) throw error;
    return { failed: messageOf(error) };
  }
}

async function sumsOf(readers: Sides<GroupReader>, order: KeyOrder, keys: readonly Value[]) {
  const answers = await onBoth((side) => readers[side].sumsOf(keys));
  return {
    old: groupsByKey(order, answers.old.groups),
    new: groupsByKey(order, answers.new.groups),
  };
}

function keysOf(mismatches: readonly Mismatch[]): readonly Value[] {
  return mismatches.map(({ key }) => key);
}
