/** One table's groups, as a settler looks at them and has them repaired: on the primaries. */
import { messageOf } from '../base/errors.ts';
import type { CatchUp } from './catch-up.ts';
import { bundleReaders, bundlesOf, drillBundle } from './drill-bundle.ts';
import { type DrilledTable, drillDown } from './drill-down.ts';
import { groupsByKey, joinGroups } from './group-join.ts';
import type { GroupReader } from './group-reader.ts';
import type { GroupPair, RowsFound, SettledTable } from './group-settling.ts';
import type { Mismatch } from './group-sum.ts';
import { canonicalKey, type KeyOrder } from './key-order.ts';
import type { RowCounts } from './row-counts.ts';
import type { RowDifference } from './row-difference.ts';
import { countRows, type RowRepair } from './row-repair.ts';
import { onBoth, type Sides } from './side.ts';
import type { Value } from './value.ts';

export interface TableSettlingOptions {
  readonly order: KeyOrder;
  readonly primaries: Sides<GroupReader>;
  /** Null: the crawl has read the primaries themselves. */
  readonly replicas: Sides<GroupReader> | null;
  /** Waits for the replicas. */
  readonly catchUp: () => Promise<CatchUp>;
  /** On the primaries. */
  readonly rows: DrilledTable;
  readonly repair: Pick<RowRepair, 'repair'>;
  readonly meddlers: string;
}

export class TableSettling implements SettledTable {
  readonly #options: TableSettlingOptions;

  constructor(options: TableSettlingOptions) {
    this.#options = options;
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

  count(mismatches: readonly Mismatch[]): Promise<readonly RowsFound[]> {
    const { rows } = this.#options;
    return this.#byBundle(mismatches, {
      bundle: (_bundle, differences) => Promise.all(differences.map(countRows)),
      alone: (mismatch) => countRows(drillDown(rows, mismatch)),
    });
  }

  repair(mismatches: readonly Mismatch[]): Promise<readonly RowsFound[]> {
    const { rows, repair } = this.#options;
    return this.#byBundle(mismatches, {
      bundle: async (bundle, differences) => {
        // A row goes only where it stands in its own group still: each group's extra rows are a statement of their own.
        for (const [index, { key }] of bundle.entries()) {
          const extra = differences[index]!.filter(({ kind }) => kind === 'extra');
          if (extra.length > 0) await repair.repair(key, extra);
        }
        await repair.repair(
          null,
          differences.flat().filter(({ kind }) => kind !== 'extra'),
        );
        return await Promise.all(differences.map(countRows));
      },
      alone: (mismatch) => repair.repair(mismatch.key, drillDown(rows, mismatch)),
    });
  }

  async #byBundle(mismatches: readonly Mismatch[], work: BundleWork): Promise<readonly RowsFound[]> {
    const { rows, order } = this.#options;
    const readers = bundleReaders(rows);
    const found: RowsFound[] = [];
    for (const bundle of readers === null ? mismatches.map((each) => [each]) : bundlesOf(mismatches)) {
      if (readers === null || bundle.length === 1) found.push(await oneByOne(bundle[0]!, work.alone));
      else found.push(...(await together(bundle, () => drillBundle(rows, readers, order, bundle), work)));
    }
    return found;
  }

  nameOf(key: Value): string {
    return canonicalKey(this.#options.order, key);
  }
}

interface BundleWork {
  /** `differences`: of each group of the bundle, in its order. */
  bundle(
    bundle: readonly Mismatch[],
    differences: readonly (readonly RowDifference[])[],
  ): Promise<readonly RowCounts[]>;
  alone(mismatch: Mismatch): Promise<RowCounts>;
}

/** A bundle that fails is looked at anew group by group, so that the groups that are not at fault are seen to. */
async function together(
  bundle: readonly Mismatch[],
  drill: () => Promise<readonly (readonly RowDifference[])[]>,
  work: BundleWork,
): Promise<readonly RowsFound[]> {
  let drilled: readonly (readonly RowDifference[])[] | null = null;
  try {
    drilled = await drill();
    return (await work.bundle(bundle, drilled)).map((rows) => ({ rows }));
  } catch {
    const found: RowsFound[] = [];
    for (const [index, mismatch] of bundle.entries()) {
      const alone = await oneByOne(mismatch, work.alone);
      // Rows that were written before the bundle failed are found no more.
      const before = drilled?.[index];
      found.push('failed' in alone || before === undefined ? alone : { rows: await countRows(before) });
    }
    return found;
  }
}

async function oneByOne(
  mismatch: Mismatch,
  work: (mismatch: Mismatch) => Promise<RowCounts>,
): Promise<RowsFound> {
  try {
    return { rows: await work(mismatch) };
  } catch (error) {
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
