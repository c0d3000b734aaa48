/** A crawl finds exactly the groups that differ, whatever stands on the two sides and however large its batches are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchSize } from '../../src/sync/batch-size.ts';
import type { ComparedBatch } from '../../src/sync/compared-batch.ts';
import { type CrawlWay, crawlGroups, crawlWays } from '../../src/sync/group-crawl.ts';
import type { RangeReader } from '../../src/sync/group-reader.ts';
import { compareKeys } from '../../src/sync/key-comparison.ts';
import { canonicalKey } from '../../src/sync/key-order.ts';
import { ALL_KEYS, type KeyRange } from '../../src/sync/key-range.ts';
import { crawlRanges } from '../../src/sync/range-crawl.ts';
import type { Direction, Sides } from '../../src/sync/side.ts';
import type { Value } from '../../src/sync/value.ts';
import {
  BACKWARDS,
  BINARY,
  CASELESS,
  type Collation,
  type FakeRow,
  FakeSide,
  NUMERIC,
} from '../harness/fake-table.ts';

const NUMBERS = [
  '-9223372036854775808',
  '-12',
  '-3',
  '0',
  '00042',
  '42',
  '1.5',
  '1.50',
  '7',
  '18446744073709551614',
];
const TEXTS = ['', 'a', 'A', 'b', 'Ba', 'bA', 'z', 'Z', 'ab ', '日本'];
const COLLATIONS: readonly Sides<Collation>[] = [
  { old: NUMERIC, new: NUMERIC },
  { old: CASELESS, new: BINARY },
  { old: BINARY, new: CASELESS },
  { old: CASELESS, new: BACKWARDS },
  { old: CASELESS, new: CASELESS },
];
const direction: fc.Arbitrary<Direction> = fc.constantFrom(
  { source: 'old', target: 'new' },
  { source: 'new', target: 'old' },
);

/** Two sides, mostly alike. */
interface Scene {
  readonly collations: Sides<Collation>;
  readonly rows: Sides<readonly FakeRow[]>;
  readonly direction: Direction;
  readonly size: number;
}

const scene: fc.Arbitrary<Scene> = fc.constantFrom(...COLLATIONS).chain((collations) => {
  const row = rowOf(keysOf(collations));
  return fc.record({
    collations: fc.constant(collations),
    direction,
    size: fc.integer({ min: 1, max: 12 }),
    rows: fc
      .tuple(
        fc.array(row, { maxLength: 25 }),
        fc.array(row, { maxLength: 4 }),
        fc.array(row, { maxLength: 4 }),
      )
      .map(([common, old, fresh]) => ({ old: [...common, ...old], new: [...common, ...fresh] })),
  });
});

describe('a crawl over groups that stand still', () => {
  it('tells each group that differs, once, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async (its) => {
        const batches = await crawlAll(its, sidesOf(its));
        expectTiling(batches);
        const told = batches.flatMap((way) => way.flatMap((batch) => batch.mismatches));
        const order = its.collations.old.order;
        const truth = truthOf(order, its.rows);
        expect(told.map((mismatch) => canonicalKey(order, mismatch.key)).sort()).toEqual(truth.differing);
        for (const mismatch of told) {
          const key = canonicalKey(order, mismatch.key);
          expect(mismatch.old?.rows ?? 0).toBe(truth.old.get(key)?.length ?? 0);
          expect(mismatch.new?.rows ?? 0).toBe(truth.new.get(key)?.length ?? 0);
        }
        expect(batches.flat().reduce((sum, batch) => sum + batch.groups, 0)).toBe(truth.groups);
        expect(batches.flat().reduce((sum, batch) => sum + batch.rows, 0)).toBe(truth.rows);
      }),
      { numRuns: 500 },
    );
  });

  it('can be broken off behind any batch and go on from its end', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async (its) => {
        const order = its.collations.old.order;
        const told: string[] = [];
        for (const way of crawlWays(order, its.direction)) {
          let after: Value | undefined;
          for (;;) {
            const range = { after, through: undefined };
            const crawl = crawlGroups({ ...its, readers: sidesOf(its), order }, way, range, sizeOf(its));
            const { value: batch } = await crawl.next();
            await crawl.return(undefined);
            told.push(
              ...batch.mismatches.map((mismatch: { key: Value }) => canonicalKey(order, mismatch.key)),
            );
            after = batch.range.through;
            if (after === undefined) break;
          }
        }
        expect(told.sort()).toEqual(truthOf(order, its.rows).differing);
      }),
    );
  });

  it('asks for no more groups than the size says, and for few more on a side that has few', async () => {
    const old = rowsOfKeys(Array.from({ length: 1000 }, (_, index) => String(index)));
    const sparse = rowsOfKeys(['500', ...Array.from({ length: 40 }, (_, index) => String(100_000 + index))]);
    const sides = {
      old: new FakeSide({ name: 'old', rows: old, collation: NUMERIC }),
      new: new FakeSide({ name: 'new', rows: sparse, collation: NUMERIC }),
    };
    const its = { collations: COLLATIONS[0]!, rows: { old, new: sparse }, size: 20, direction: OLD };
    const [batches] = await crawlAll(its, sides);
    expect(sides.old.largestAnswer).toBe(20);
    expect(sides.new.answered).toBeLessThan(200);
    expect(batches!.length).toBeLessThan(60);
    expect(batches!.flatMap((batch) => batch.mismatches)).toHaveLength(1039);
  });
});

describe('the size of a crawl’s batches', () => {
  const rows = rowsOfKeys(['1', '2', '3']);
  const crawls: readonly [name: string, collation: Collation, unique: boolean, way: CrawlWay][] = [
    ['by both sides’ order', NUMERIC, false, 'both'],
    ['by ranges', NUMERIC, true, 'both'],
    ['the source’s way', BINARY, false, 'old'],
    ['the target’s way', BINARY, false, 'new'],
  ];
  it.each(crawls)(
    'shrinks by a slow query and grows by no quick one where a range has one batch: %s',
    async (_, collation, unique, way) => {
      for (const [seconds, groups] of [
        [0.15, 19],
        [0.001, 20],
      ] as const) {
        const size = new BatchSize({ initial: 20 });
        const side = (name: string) => new FakeSide({ name, rows, collation, unique, seconds });
        const table = {
          readers: { old: side('old'), new: side('new') },
          direction: OLD,
          order: collation.order,
        };
        for await (const _ of crawlGroups(table, way, ALL_KEYS, size));
        expect(size.groups).toBe(groups);
      }
    },
  );

  it.each(crawls)('is cut where a query takes longer than it may: %s', async (_, collation, unique, way) => {
    const many = rowsOfKeys(Array.from({ length: 90 }, (_, index) => String(index)));
    const side = (name: string, most: number) =>
      new FakeSide({ name, rows: name === way ? many : many.slice(1), collation, unique, most });
    for (const [old, fresh] of [
      [25, 90],
      [90, 25],
    ] as const) {
      const readers = { old: side('old', old), new: side('new', fresh) };
      const table = { readers, direction: OLD, order: collation.order };
      const batches: ComparedBatch[] = [];
      for await (const batch of crawlGroups(table, way, ALL_KEYS, new BatchSize({ initial: 80, max: 80 })))
        batches.push(batch);
      expectTiling([batches]);
      const told = batches.flatMap((batch) => batch.mismatches.map((mismatch) => mismatch.key));
      expect(told).toEqual(way === 'both' ? [] : ['0']);
    }
    const hopeless = { old: side('old', 0), new: side('new', 0) };
    const crawl = crawlGroups({ readers: hopeless, direction: OLD, order: collation.order }, way, ALL_KEYS);
    await expect(crawl.next()).rejects.toThrow('it took too long');
  });

  it('is cut where a comparison of keys takes longer than it may, and none is left out', async () => {
    const many = rowsOfKeys(Array.from({ length: 90 }, (_, index) => String(index)));
    const size = new BatchSize({ initial: 80 });
    const readers = {
      old: new FakeSide({ name: 'old', rows: many, collation: NUMERIC, most: 25 }),
      new: new FakeSide({ name: 'new', rows: many.slice(0, 50), collation: NUMERIC }),
    };
    let groups = 0;
    const told: Value[] = [];
    const keys = many.map((row) => row.key);
    for await (const compared of compareKeys({ readers, order: 'numeric' }, keys, size)) {
      groups += compared.groups;
      told.push(...compared.mismatches.map((mismatch) => mismatch.key));
    }
    expect(groups).toBe(90);
    expect(told).toEqual(keys.slice(50));
    const hopeless = {
      old: new FakeSide({ name: 'old', rows: many, collation: NUMERIC, most: 0 }),
      new: readers.new,
    };
    const unread: Value[] = [];
    for await (const compared of compareKeys({ readers: hopeless, order: 'numeric' }, ['1', '2']))
      unread.push(...compared.unread.map(({ key }) => key));
    expect(unread).toEqual(['1', '2']);
  });

  it('follows comparisons of keys, and grows by full ones alone', async () => {
    const side = (seconds: number) => new FakeSide({ name: 'old', rows, collation: NUMERIC, seconds });
    for (const [seconds, keys, groups] of [
      [0.15, ['1'], 3],
      [0.001, ['1', '2'], 4],
      [0.001, ['1', '2', '3', '4'], 6],
    ] as const) {
      const size = new BatchSize({ initial: 4 });
      const readers = { old: side(seconds), new: side(seconds) };
      for await (const _ of compareKeys({ readers, order: 'numeric' }, keys, size));
      expect(size.groups).toBe(groups);
    }
  });
});

describe('a crawl over groups that come and go', () => {
  it('is right about those that stand still, and tells none of them twice', async () => {
    const change = fc.record({
      side: fc.constantFrom('old' as const, 'new' as const),
      row: fc.nat(),
      add: fc.boolean(),
    });
    const scenes = scene.chain((its) =>
      fc.record({
        its: fc.constant(its),
        moving: fc.subarray([...keysOf(its.collations)]),
        changes: fc.array(change, { minLength: 1, maxLength: 12 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenes, async ({ its, moving, changes }) => {
        const order = its.collations.old.order;
        let step = 0;
        const sides = sidesOf(its, () => {
          const { side, row, add } = changes[step++ % changes.length]!;
          const key = moving[row % moving.length];
          if (key === undefined) return;
          const stored = sides[side].stored;
          if (add) stored.push({ key, identity: [String(1000 + step)], content: 'new' });
          else sides[side].stored = stored.filter((each) => each.key !== key);
        });
        const moved = new Set(moving.map((key) => canonicalKey(order, key)));
        const standing = (keys: readonly string[]) => keys.filter((key) => !moved.has(key)).sort();
        const batches = await crawlAll(its, sides);
        const told = batches.flat().flatMap((batch) => batch.mismatches);
        expect(standing(told.map((mismatch) => canonicalKey(order, mismatch.key)))).toEqual(
          standing(truthOf(order, its.rows).differing),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('a crawl over groups of one row each', () => {
  const numbers = fc.array(
    fc.record({ number: fc.integer({ min: -300, max: 300 }), content: fc.constantFrom('x', 'y') }),
    {
      maxLength: 300,
      size: 'max',
    },
  );
  const uniqueRows = (rows: readonly { number: number; content: string }[]): FakeRow[] => {
    const byKey = new Map(rows.map(({ number, content }) => [String(number), content]));
    return [...byKey].map(([key, content]) => ({ key, identity: [key], content }));
  };
  const uniqueScene = fc
    .record({
      common: numbers,
      old: numbers,
      fresh: numbers,
      few: fc.nat(6),
      size: fc.integer({ min: 1, max: 4 }),
      direction,
    })
    .map(({ common, old, fresh, few, size, direction: way }) => ({
      collations: COLLATIONS[0]!,
      rows: {
        old: uniqueRows([...common, ...old.slice(0, few)]),
        new: uniqueRows([...common, ...fresh.slice(0, few)]),
      },
      size,
      direction: way,
    }));
  const unique = (its: Scene, meanwhile: () => void = () => {}): Sides<FakeSide> => {
    const side = (name: 'old' | 'new') =>
      new FakeSide({ name, rows: its.rows[name], collation: NUMERIC, unique: true, meanwhile });
    return { old: side('old'), new: side('new') };
  };

  it('tells each row that differs, once, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(uniqueScene, async (its) => {
        const batches = await crawlAll(its, unique(its));
        expectTiling(batches);
        const truth = truthOf('numeric', its.rows);
        const told = batches.flat().flatMap((batch) => batch.mismatches);
        expect(told.map((mismatch) => canonicalKey('numeric', mismatch.key)).sort()).toEqual(truth.differing);
        expect(batches.flat().reduce((sum, batch) => sum + batch.groups, 0)).toBe(truth.groups);
        expect(batches.flat().reduce((sum, batch) => sum + batch.rows, 0)).toBe(truth.rows);
      }),
    );
  });

  it('is right about rows that stand still while others come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        uniqueScene,
        fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
        async (its, dice) => {
          let step = 0;
          const sides = unique(its, () => {
            const die = dice[step++ % dice.length]!;
            const side = sides[die % 2 === 0 ? 'old' : 'new'];
            const key = `${die % 600}.5`;
            const rest = side.stored.filter((row) => row.key !== key);
            side.stored = die % 3 === 0 ? rest : [...rest, { key, identity: [key], content: String(step) }];
          });
          const told = (await crawlAll(its, sides)).flat().flatMap((batch) => batch.mismatches);
          const standing = told
            .map((mismatch) => canonicalKey('numeric', mismatch.key))
            .filter((key) => !key.endsWith('.5'));
          expect(standing.sort()).toEqual(truthOf('numeric', its.rows).differing);
        },
      ),
    );
  });

  it('looks closer at a range of one checksum but different numbers of rows', async () => {
    const reader = (rows: number): RangeReader => ({
      keyAt: () => Promise.resolve({ key: undefined, seconds: 0 }),
      sum: () => Promise.resolve({ rows, sum: 'x', seconds: 0 }),
    });
    const detailed: KeyRange[] = [];
    const found = { groups: 6, rows: 6, mismatches: [], unread: [], seconds: { old: 0, new: 0 } };
    async function* inDetail(range: KeyRange): AsyncGenerator<ComparedBatch> {
      detailed.push(range);
      yield { range, ...found };
    }
    for (const rows of [5, 6]) {
      const readers = { old: reader(5), new: reader(rows) };
      for await (const _ of crawlRanges(readers, 'numeric', ALL_KEYS, new BatchSize(), inDetail));
      expect(detailed).toEqual(rows === 5 ? [] : [ALL_KEYS]);
    }
  });

  it('has no answer with a row for each of its own where both sides are the same', async () => {
    const rows = rowsOfKeys(Array.from({ length: 2000 }, (_, index) => String(index)));
    const its = { collations: COLLATIONS[0]!, rows: { old: rows, new: rows }, size: 5, direction: OLD };
    const sides = unique(its);
    const [batches] = await crawlAll(its, sides);
    expect(sides.old.answered).toBe(0);
    expect(batches!.length).toBeLessThan(20);
    const more = { ...its, rows: { old: rows, new: rows.slice(0, 3) } };
    const sparse = unique(more);
    await crawlAll(more, sparse);
    expect(Math.max(sparse.old.largestSum, sparse.new.largestSum)).toBeLessThanOrEqual(20 * 20);
  });
});

describe('a comparison of given keys', () => {
  it('tells those that differ, in all spellings that either side takes for them', async () => {
    const scenes = scene.chain((its) =>
      fc.record({ its: fc.constant(its), keys: fc.uniqueArray(fc.constantFrom(...keysOf(its.collations))) }),
    );
    await fc.assert(
      fc.asyncProperty(scenes, async ({ its, keys }) => {
        const order = its.collations.old.order;
        const told = new Set<string>();
        for await (const { mismatches } of compareKeys({ readers: sidesOf(its), order }, keys, sizeOf(its)))
          for (const { key } of mismatches) told.add(canonicalKey(order, key));
        // A spelling that only the one side takes for the key is known once that side has a row of it.
        const spellings = new Set(
          SIDES.flatMap((side) => {
            const { compare } = its.collations[side];
            const meant = its.rows[side].filter((row) => keys.some((key) => compare(key, row.key) === 0));
            return meant.map((row) => canonicalKey(order, row.key));
          }),
        );
        const asked = (row: FakeRow) => spellings.has(canonicalKey(order, row.key));
        const all = { old: its.rows.old.filter(asked), new: its.rows.new.filter(asked) };
        expect([...told].sort()).toEqual(truthOf(order, all).differing);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a crawl whose sides can not be trusted', () => {
  it('says which side gave keys out of order, instead of missing groups', async () => {
    const rows = rowsOfKeys(['1', '2', '10']);
    const wrong: Collation = { order: 'numeric', compare: BINARY.compare };
    const sides = {
      old: new FakeSide({ name: 'old s00', rows, collation: wrong }),
      new: new FakeSide({ name: 'new s00', rows, collation: NUMERIC }),
    };
    const crawl = crawlGroups({ readers: sides, direction: OLD, order: 'numeric' }, 'both', ALL_KEYS);
    await expect(crawl.next()).rejects.toThrow('old s00 gave the key "2" behind "10"');
  });

  it('does not go round for ever where a side begins anew at its cursor', async () => {
    const rows = rowsOfKeys(['1.1', '1.2']);
    const side = new FakeSide({ name: 'old s00', rows, collation: BINARY });
    const stuck = Object.assign(Object.create(side), {
      name: 'old s00',
      sums: () => side.sums(ALL_KEYS, 1),
      sumsOf: (keys: readonly Value[]) => side.sumsOf(keys),
    });
    const table = { readers: { old: stuck, new: side }, direction: OLD, order: 'own' } as const;
    const crawl = crawlGroups(table, 'old', ALL_KEYS, new BatchSize({ initial: 1, max: 1 }));
    await crawl.next();
    await expect(crawl.next()).rejects.toThrow('old s00 gave the key "1.1" behind itself');
  });

  it('tells of the side that fails once both have ended', async () => {
    const side = new FakeSide({ name: 'old', rows: rowsOfKeys(['1']), collation: NUMERIC });
    const failing = Object.assign(Object.create(side), {
      sums: () => Promise.reject(new Error('gone away')),
    });
    const table = { readers: { old: failing, new: failing }, direction: OLD, order: 'numeric' } as const;
    await expect(crawlGroups(table, 'both', ALL_KEYS).next()).rejects.toThrow('gone away');
  });
});

const SIDES = ['old', 'new'] as const;
const OLD: Direction = { source: 'old', target: 'new' };

function keysOf(collations: Sides<Collation>): readonly Value[] {
  return [null, ...(collations.old.order === 'numeric' ? NUMBERS : TEXTS)];
}

function rowOf(keys: readonly Value[]): fc.Arbitrary<FakeRow> {
  return fc.record({
    key: fc.constantFrom(...keys),
    identity: fc.integer({ min: 0, max: 60 }).map((id) => [String(id)]),
    content: fc.constantFrom('x', 'y'),
  });
}

function rowsOfKeys(keys: readonly string[]): FakeRow[] {
  return keys.map((key) => ({ key, identity: [key], content: 'x' }));
}

function sidesOf(its: Scene, meanwhile: () => void = () => {}): Sides<FakeSide> {
  const side = (which: 'old' | 'new') =>
    new FakeSide({ name: which, rows: its.rows[which], collation: its.collations[which], meanwhile });
  return { old: side('old'), new: side('new') };
}

function sizeOf(its: Scene): BatchSize {
  return new BatchSize({ initial: its.size, max: 20 });
}

/** All batches, way by way. */
async function crawlAll(its: Scene, readers: Sides<FakeSide>): Promise<ComparedBatch[][]> {
  const order = its.collations.old.order;
  const ways: ComparedBatch[][] = [];
  for (const way of crawlWays(order, its.direction)) {
    const crawl = crawlGroups({ readers, direction: its.direction, order }, way, ALL_KEYS, sizeOf(its));
    const batches: ComparedBatch[] = [];
    for await (const batch of crawl) batches.push(batch);
    ways.push(batches);
  }
  return ways;
}

/** Nothing lies between two batches, and both ends are open. */
function expectTiling(ways: readonly (readonly ComparedBatch[])[]): void {
  for (const way of ways) {
    expect(way[0]!.range.after).toBeUndefined();
    expect(way.at(-1)!.range.through).toBeUndefined();
    for (const [index, batch] of way.entries())
      if (index > 0) expect(batch.range.after).toEqual(way[index - 1]!.range.through);
  }
}

function truthOf(order: Collation['order'], rows: Sides<readonly FakeRow[]>) {
  const [old, fresh] = [rows.old, rows.new].map((side) => {
    const groups = new Map<string, string[]>();
    for (const row of side) {
      const key = canonicalKey(order, row.key);
      groups.set(key, [...(groups.get(key) ?? []), `${row.identity.join()} ${row.content}`].sort());
    }
    return groups;
  }) as [Map<string, string[]>, Map<string, string[]>];
  const keys = [...new Set([...old.keys(), ...fresh.keys()])];
  return {
    old,
    new: fresh,
    groups: keys.length,
    rows: keys.reduce(
      (sum, key) => sum + Math.max(old.get(key)?.length ?? 0, fresh.get(key)?.length ?? 0),
      0,
    ),
    differing: keys.filter((key) => old.get(key)?.join('|') !== fresh.get(key)?.join('|')).sort(),
  };
}
