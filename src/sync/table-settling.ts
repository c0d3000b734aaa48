/** One table's groups, as a settler looks at them and has them repaired: on the primaries. */
import type { CatchUp } from './catch-up.ts';
import { type DrilledTable, drillDown } from './drill-down.ts';
import { groupsByKey, joinGroups } from './group-join.ts';
import type { GroupReader } from './group-reader.ts';
import type { GroupPair, SettledTable } from './group-settling.ts';
import type { Mismatch } from './group-sum.ts';
import { canonicalKey, type KeyOrder } from './key-order.ts';
import type { RowCounts } from './row-counts.ts';
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
  readonly repair: RowRepair;
}

export class TableSettling implements SettledTable {
  readonly #options: TableSettlingOptions;

  constructor(options: TableSettlingOptions) {
    this.#options = options;
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

  count(mismatch: Mismatch): Promise<RowCounts> {
    return countRows(drillDown(this.#options.rows, mismatch));
  }

  repair(mismatch: Mismatch): Promise<RowCounts> {
    const { rows, repair } = this.#options;
    return repair.repair(mismatch.key, drillDown(rows, mismatch));
  }

  nameOf(key: Value): string {
    return canonicalKey(this.#options.order, key);
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
