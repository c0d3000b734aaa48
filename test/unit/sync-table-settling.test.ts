/** Groups that differ are looked at and repaired many at once, and one by one where that fails. */
import { describe, expect, it } from 'vitest';
import { bundlesOf } from '../../src/sync/drill-bundle.ts';
import type { Mismatch } from '../../src/sync/group-sum.ts';
import type { RowCounts } from '../../src/sync/row-counts.ts';
import type { RowDifference, RowSum } from '../../src/sync/row-difference.ts';
import type { BundleReader } from '../../src/sync/row-reader.ts';
import { countRows } from '../../src/sync/row-repair.ts';
import { OLD_TO_NEW } from '../../src/sync/side.ts';
import { TableSettling } from '../../src/sync/table-settling.ts';
import type { Value } from '../../src/sync/value.ts';
import { RangeLost } from '../../src/sync/write-fence.ts';
import { TargetLost } from '../../src/sync/write-refusal.ts';
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
function settlingOf(
  refuses: (rows: readonly RowDifference[]) => boolean = () => false,
  refusal = new Error('refused'),
) {
  const sides = {
    old: new FakeSide({ name: 'old', rows: OLD, collation: NUMERIC }),
    new: new FakeSide({ name: 'new', rows: NEW, collation: NUMERIC }),
  };
  let queries = 0;
  const bundles = { old: bundleOf(sides.old), new: bundleOf(sides.new) };
  const readers = {
    old: Object.assign(sides.old, { bundle: bundles.old }),
    new: Object.assign(sides.new, { bundle: bundles.new }),
  };
  function bundleOf(side: FakeSide): BundleReader {
    return {
      async groups(keys) {
        queries++;
        const { groups } = await side.sumsOf(keys);
        return Promise.all(groups.map(async (sum) => ({ sum, rows: await textsOf(side, sum.key) })));
      },
      row: (text) => JSON.parse(text) as RowSum,
    };
  }
  const repairs: RowDifference[][] = [];
  let refused = 0;
  const refuse = (): never => {
    refused++;
    throw refusal;
  };
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
        if (refuses(some)) refuse();
        repairs.push(some);
        return await countRows(some);
      },
      async repairGroups(groups) {
        const all = groups.flatMap(({ differences }) => differences);
        if (refuses(all)) refuse();
        repairs.push(all);
      },
    },
  });
  return { settling, repairs, bundles, queries: () => queries, refused: () => refused };
}

async function textsOf(side: FakeSide, key: Value): Promise<string[]> {
  const texts: string[] = [];
  for await (const each of side.rows(key, { after: undefined, through: undefined }))
    texts.push(JSON.stringify(each));
  return texts;
}

const ALL = [mismatch(1), mismatch(2), mismatch(3)];

describe('groups that differ', () => {
  it('are looked at with their rows by one query a side', async () => {
    const { settling, queries } = settlingOf();
    const looks = await settling.lookClosely(ALL);
    expect(looks.map(({ key, old, new: fresh }) => [key, old?.rows, fresh?.rows])).toEqual([
      ['1', 1, 2],
      ['2', 2, 1],
      ['3', 1, undefined],
    ]);
    expect(await settling.count(looks)).toEqual([
      { rows: { missing: 0, extra: 1, different: 0 } },
      { rows: { missing: 1, extra: 0, different: 1 } },
      { rows: { missing: 1, extra: 0, different: 0 } },
    ]);
    expect(queries()).toBe(2);
  });

  it('are repaired together', async () => {
    const { settling, repairs } = settlingOf();
    await settling.repair(await settling.lookClosely(ALL));
    expect(repairs.map((some) => some.map(({ kind, identity }) => `${kind} ${identity}`))).toEqual([
      ['extra 20', 'missing 20', 'different 21', 'missing 30'],
    ]);
  });

  it('are repaired one by one where one of them is refused', async () => {
    const { settling, repairs } = settlingOf((rows) => rows.some(({ identity }) => identity[0] === '30'));
    expect(await settling.repair(await settling.lookClosely(ALL))).toEqual([
      { rows: { missing: 0, extra: 1, different: 0 } },
      { rows: { missing: 1, extra: 0, different: 1 } },
      { failed: 'refused' },
    ]);
    expect(repairs.flat().some(({ identity }) => identity[0] === '30')).toBe(false);
  });

  it.each([
    ['the server takes no rows any more', new TargetLost(new Error('gone'))],
    ['they are another worker’s by now', new RangeLost()],
  ])('are left as they are where %s', async (_, refusal) => {
    const { settling, refused } = settlingOf(() => true, refusal);
    const looks = await settling.lookClosely(ALL);
    await expect(settling.repair(looks)).rejects.toBe(refusal);
    await expect(settling.repair(looks.map((look) => ({ ...look, differences: null })))).rejects.toBe(
      refusal,
    );
    expect(refused()).toBe(2);
  });

  it('are looked at without their rows where these can’t be read together', async () => {
    const { settling, bundles } = settlingOf();
    bundles.new.groups = () => Promise.reject(new Error('too slow'));
    const looks = await settling.lookClosely(ALL);
    expect(looks.map(({ differences }) => differences)).toEqual([null, null, null]);
    expect(await settling.count(looks)).toHaveLength(3);
  });

  it('are bundled by their rows, and a large one stands alone', () => {
    const sizes = [1000, 3000, 1, 200_000, 10, 20];
    const bundles = bundlesOf(sizes.map((rows, key) => mismatch(key, rows)));
    expect(bundles.map((bundle) => bundle.map(({ key }) => Number(key)))).toEqual([[0, 1], [2], [3], [4, 5]]);
  });
});
