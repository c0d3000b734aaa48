/** Groups that differ are looked at and repaired many at once, and one by one where that fails. */
import { describe, expect, it } from 'vitest';
import { bundlesOf } from '../../src/sync/drill-bundle.ts';
import type { Mismatch } from '../../src/sync/group-sum.ts';
import type { RowCounts } from '../../src/sync/row-counts.ts';
import type { RowDifference } from '../../src/sync/row-difference.ts';
import { countRows } from '../../src/sync/row-repair.ts';
import { OLD_TO_NEW } from '../../src/sync/side.ts';
import { TableSettling } from '../../src/sync/table-settling.ts';
import { type FakeRow, FakeSide, NUMERIC } from '../harness/fake-table.ts';

const row = (key: number, identity: number, content = 'same'): FakeRow => ({
  key: String(key),
  identity: [String(identity)],
  content,
});
const OLD = [row(1, 10), row(2, 20), row(2, 21), row(3, 30)];
/** The row 20 has come to the group 1, 21 is another, and 30 is gone. */
const NEW = [row(1, 10), row(1, 20), row(2, 21, 'other')];

function mismatch(key: number, rows = 2): Mismatch {
  const sum = { key: String(key), rows, sum: '' };
  return { key: String(key), old: sum, new: sum };
}

/** `refuses`: the rows of a repair that the target will not take. */
function settlingOf(refuses: (rows: readonly RowDifference[]) => boolean = () => false) {
  const sides = {
    old: new FakeSide({ name: 'old', rows: OLD, collation: NUMERIC }),
    new: new FakeSide({ name: 'new', rows: NEW, collation: NUMERIC }),
  };
  let queries = 0;
  const readers = {
    old: Object.assign(sides.old, { bundle: bundleOf(sides.old) }),
    new: Object.assign(sides.new, { bundle: bundleOf(sides.new) }),
  };
  function bundleOf(side: FakeSide) {
    return async function* (keys: readonly unknown[]) {
      queries++;
      for (const key of keys)
        for await (const each of side.rows(String(key), { after: undefined, through: undefined }))
          yield { key: String(key), row: each };
    };
  }
  const repairs: RowDifference[][] = [];
  const settling = new TableSettling({
    order: 'numeric',
    primaries: sides,
    replicas: null,
    catchUp: () => Promise.resolve('caught_up'),
    meddlers: '',
    rows: { readers, direction: OLD_TO_NEW, identity: ['numeric'] },
    repair: {
      async repair(_key, differences): Promise<RowCounts> {
        const some: RowDifference[] = [];
        for await (const each of differences) some.push(each);
        if (refuses(some)) throw new Error('refused');
        repairs.push(some);
        return await countRows(some);
      },
    },
  });
  return { settling, repairs, queries: () => queries };
}

const ALL = [mismatch(1), mismatch(2), mismatch(3)];

describe('groups that differ', () => {
  it('are counted by one query a side', async () => {
    const { settling, queries } = settlingOf();
    expect(await settling.count(ALL)).toEqual([
      { rows: { missing: 0, extra: 1, different: 0 } },
      { rows: { missing: 1, extra: 0, different: 1 } },
      { rows: { missing: 1, extra: 0, different: 0 } },
    ]);
    expect(queries()).toBe(2);
  });

  it('are repaired together, what is extra first: the row may be missing in another group', async () => {
    const { settling, repairs } = settlingOf();
    await settling.repair([...ALL].reverse());
    expect(repairs.flat().map(({ kind, identity }) => `${kind} ${identity}`)).toEqual([
      'extra 20',
      'missing 30',
      'missing 20',
      'different 21',
    ]);
  });

  it('are repaired one by one where one of them is refused', async () => {
    const { settling, repairs } = settlingOf((rows) => rows.some(({ identity }) => identity[0] === '30'));
    expect(await settling.repair(ALL)).toEqual([
      { rows: { missing: 0, extra: 1, different: 0 } },
      { rows: { missing: 1, extra: 0, different: 1 } },
      { failed: 'refused' },
    ]);
    expect(repairs.flat().some(({ identity }) => identity[0] === '30')).toBe(false);
  });

  it('are bundled by their rows, and a large one stands alone', () => {
    const sizes = [1000, 3000, 1, 200_000, 10, 20];
    const bundles = bundlesOf(sizes.map((rows, key) => mismatch(key, rows)));
    expect(bundles.map((bundle) => bundle.map(({ key }) => Number(key)))).toEqual([[0, 1], [2], [3], [4, 5]]);
  });
});
