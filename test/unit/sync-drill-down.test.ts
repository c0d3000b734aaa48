/** A drill-down finds exactly the rows that differ, and holds few of them however many there are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrillOptions, drillDown } from '../../src/sync/drill-down.ts';
import type { Mismatch } from '../../src/sync/group-sum.ts';
import { canonicalIdentity, compareIdentities, type KeyOrder } from '../../src/sync/key-order.ts';
import type { RowDifference, RowSum } from '../../src/sync/row-difference.ts';
import { mergeRows } from '../../src/sync/row-merge.ts';
import type { Direction, Sides } from '../../src/sync/side.ts';
import type { Row } from '../../src/sync/value.ts';
import { BINARY, CASELESS, type Collation, type FakeRow, FakeSide, NUMERIC } from '../harness/fake-table.ts';

const OLD: Direction = { source: 'old', target: 'new' };
const DIRECTIONS: readonly Direction[] = [OLD, { source: 'new', target: 'old' }];
/** Of (id, name): an order that both sides share, and two that they don't. */
const IDENTITIES: readonly Sides<readonly Collation[]>[] = [
  { old: [NUMERIC], new: [NUMERIC] },
  { old: [NUMERIC, CASELESS], new: [NUMERIC, BINARY] },
  { old: [BINARY], new: [CASELESS] },
];
const NAMES = ['', 'a', 'A', 'b', 'B', 'Ba', 'bA', 'z'];

interface Scene {
  readonly collations: Sides<readonly Collation[]>;
  readonly rows: Sides<readonly FakeRow[]>;
  readonly direction: Direction;
  readonly options: DrillOptions;
}

const scene: fc.Arbitrary<Scene> = fc.constantFrom(...IDENTITIES).chain((collations) => {
  const rows = fc.array(rowOf(collations.old), { maxLength: 30 });
  const few = fc.array(rowOf(collations.old), { maxLength: 5 });
  return fc.record({
    collations: fc.constant(collations),
    direction: fc.constantFrom(...DIRECTIONS),
    options: fc.record({
      rangeRows: fc.integer({ min: 1, max: 12 }),
      lookedUpRows: fc.integer({ min: 1, max: 12 }),
    }),
    rows: fc.tuple(rows, few, few).map(([common, old, fresh]) => ({
      old: withoutTwins([...old, ...common], collations.old),
      new: withoutTwins([...fresh, ...common], collations.new),
    })),
  });
});

describe('a drill-down into a group that stands still', () => {
  it('tells each row that differs, once, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async (its) => {
        const told = await drill(its, sidesOf(its));
        expect(told.map(textOf).sort()).toEqual(truthOf(its));
      }),
      { numRuns: 1000 },
    );
  });

  it('tells what is extra before what a collation takes for the same', async () => {
    const its: Scene = {
      collations: IDENTITIES[2]!,
      rows: { old: [row(['a'], 'x')], new: [row(['A'], 'x')] },
      direction: OLD,
      options: {},
    };
    expect((await drill(its, sidesOf(its))).map((each) => each.kind)).toEqual(['extra', 'missing']);
  });
});

describe('a drill-down into a group whose rows come and go', () => {
  it('is right about the rows that stand still, and tells none of them twice', async () => {
    const change = fc.record({
      side: fc.constantFrom('old' as const, 'new' as const),
      row: fc.nat(),
      add: fc.boolean(),
    });
    const scenes = fc.record({
      its: scene,
      changes: fc.array(change, { minLength: 1, maxLength: 12 }),
      share: fc.nat(4),
    });
    await fc.assert(
      fc.asyncProperty(scenes, async ({ its, changes, share }) => {
        const orders = its.collations.old.map((collation) => collation.order);
        const textOfRow = ({ identity }: { identity: Row }) => canonicalIdentity(orders, identity);
        const all = [...its.rows.old, ...its.rows.new];
        const moving = all.filter((_, index) => index % 5 < share);
        const names = new Set(moving.map((each) => foldedIdentity(each.identity)));
        let step = 0;
        const sides = sidesOf(its, () => {
          const { side, row: at, add } = changes[step++ % changes.length]!;
          const moved = moving[at % moving.length];
          if (moved === undefined) return;
          const rest = sides[side].stored.filter(
            (each) => foldedIdentity(each.identity) !== foldedIdentity(moved.identity),
          );
          sides[side].stored = add ? [...rest, { ...moved, content: `new ${step}` }] : rest;
        });
        const told = await drill(its, sides);
        const standing = told.filter((each) => !names.has(foldedIdentity(each.identity)));
        const before = {
          old: its.rows.old.filter((each) => !names.has(foldedIdentity(each.identity))),
          new: its.rows.new.filter((each) => !names.has(foldedIdentity(each.identity))),
        };
        expect(standing.map(textOf).sort()).toEqual(truthOf({ ...its, rows: before }));
        expect(new Set(standing.map(textOfRow)).size).toBe(standing.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what a drill-down holds', () => {
  const numbers = Array.from({ length: 3000 }, (_, id) => row([String(id)], id % 997 === 0 ? 'old' : 'x'));
  const changed = numbers.map((each) => ({ ...each, content: 'x' }));

  it('is one row of each side: no row is read before those ahead of it are judged', async () => {
    const its = {
      collations: IDENTITIES[0]!,
      rows: { old: numbers, new: changed },
      direction: OLD,
      options: {},
    };
    const sides = sidesOf(its);
    const readAt: number[][] = [];
    for await (const _ of drillDown(tableOf(its, sides), mismatchOf(its), its.options))
      readAt.push([sides.old.streamed, sides.new.streamed]);
    expect(readAt).toEqual([1, 998, 1995, 2992].map((read) => [read, read]));
  });

  it('is one row in the ranges of a large group, of which only those that differ are read by rows', async () => {
    const options = { rangeRows: 100 };
    const its = { collations: IDENTITIES[0]!, rows: { old: numbers, new: changed }, direction: OLD, options };
    const sides = sidesOf(its);
    expect(await drill(its, sides)).toHaveLength(4);
    expect([sides.old.streamed, sides.new.streamed]).toEqual([400, 400]);
    expect(sides.old.largestAnswer).toBe(0);
  });

  it('is as many rows as are looked up at once where the sides share no order', async () => {
    const named = (rows: readonly FakeRow[]) =>
      rows.map((each) => row([`n${each.identity[0]}`], each.content));
    const rows = { old: named(numbers.slice(0, 400)), new: named(changed.slice(0, 400)) };
    const its = { collations: IDENTITIES[2]!, rows, direction: OLD, options: { lookedUpRows: 50 } };
    const sides = sidesOf(its);
    expect(await drill(its, sides)).toHaveLength(1);
    expect([sides.old.largestAnswer, sides.new.largestAnswer]).toEqual([50, 50]);
  });

  it('is no more than a range, also where one side has far more rows than the other', async () => {
    const options = { rangeRows: 100 };
    for (const rows of [
      { old: [row(['7'], 'x')], new: numbers },
      { old: numbers, new: numbers.filter((_, id) => id % 10 === 0) },
      { old: numbers, new: [row(['-1'], 'x'), row(['5000'], 'x')] },
    ]) {
      const sides = sidesOf({ collations: IDENTITIES[0]!, rows, direction: OLD, options });
      await drill({ collations: IDENTITIES[0]!, rows, direction: OLD, options }, sides);
      expect([sides.old.largestSum, sides.new.largestSum].map((most) => Math.min(most, 101))).not.toContain(
        101,
      );
    }
  });

  it('is let go of when its reader stops in the middle', async () => {
    const rows = { old: changed, new: numbers };
    const its = { collations: IDENTITIES[0]!, rows, direction: OLD, options: {} };
    const sides = sidesOf(its);
    for await (const _ of drillDown(tableOf(its, sides), mismatchOf(its), its.options)) break;
    expect([sides.old.openStreams, sides.new.openStreams]).toEqual([0, 0]);
  });
});

describe('a table without identity', () => {
  it('is compared by the checksums of its rows and how many there are of each', async () => {
    const sums = fc.uniqueArray(
      fc.record({
        sum: fc.constantFrom('0a', '1b', '2c', '3d', '4e'),
        copies: fc.integer({ min: 1, max: 4 }),
      }),
      { selector: (each) => each.sum },
    );
    await fc.assert(
      fc.asyncProperty(sums, sums, async (ours, theirs) => {
        const told = await all(mergeRows(streamOf(ours), streamOf(theirs), byBytes));
        const copies = new Map(ours.map(({ sum, copies: count }) => [sum, count]));
        for (const { sum, copies: count } of theirs) copies.set(sum, (copies.get(sum) ?? 0) - count);
        const truth = [...copies].filter(([, count]) => count !== 0);
        expect(
          told.map((each) => [each.identity[0], each.kind === 'missing' ? each.copies : -each.copies]),
        ).toEqual(truth.sort(([a], [b]) => (a < b ? -1 : 1)));
      }),
    );
  });
});

describe('a merge of rows', () => {
  it('refuses a stream that is out of order or tells a row twice, rather than find differences that are none', async () => {
    for (const second of ['0a', '1b']) {
      const wrong = rowsOf([{ identity: ['1b'] }, { identity: [second] }]);
      const merged = all(mergeRows(wrong, rowsOf([]), byBytes));
      await expect(merged).rejects.toThrow(`the row ("${second}") came behind ("1b")`);
    }
  });

  it('ends both streams when one fails, and tells why', async () => {
    const side = new FakeSide({ name: 'old', rows: [row(['1'], 'x'), row(['2'], 'x')], collation: NUMERIC });
    const failing: AsyncIterable<RowSum> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('gone away')) }),
    };
    const rows = side.rows('1', { after: undefined, through: undefined });
    await expect(all(mergeRows(rows, failing, byBytes))).rejects.toThrow('gone away');
    expect(side.openStreams).toBe(0);
  });
});

function row(identity: Row, content: string): FakeRow {
  return { key: '1', identity, content };
}

function rowOf(collations: readonly Collation[]): fc.Arbitrary<FakeRow> {
  const number = fc.integer({ min: -20, max: 20 }).map(String);
  const parts = collations.map(({ order }) => (order === 'numeric' ? number : fc.constantFrom(...NAMES)));
  return fc
    .record({ identity: fc.tuple(...parts), content: fc.constantFrom('x', 'y') })
    .map(({ identity, content }) => row(identity, content));
}

/** A side has one row of each identity, as its own collation tells identities apart. */
function withoutTwins(rows: readonly FakeRow[], collations: readonly Collation[]): FakeRow[] {
  const same = (a: Row, b: Row) =>
    collations.every(({ compare }, index) => compare(a[index]!, b[index]!) === 0);
  return rows.filter(
    (each, index) => rows.findIndex((other) => same(other.identity, each.identity)) === index,
  );
}

function foldedIdentity(identity: Row): string {
  return identity.join('|').toLowerCase();
}

function ordersOf(its: Scene): KeyOrder[] {
  return its.collations.old.map((collation) => collation.order);
}

function sidesOf(its: Scene, meanwhile: () => void = () => {}): Sides<FakeSide> {
  const side = (which: 'old' | 'new') =>
    new FakeSide({
      name: which,
      rows: its.rows[which],
      collation: NUMERIC,
      identityCollations: its.collations[which],
      meanwhile,
    });
  return { old: side('old'), new: side('new') };
}

function tableOf(its: Scene, readers: Sides<FakeSide>) {
  return { readers, direction: its.direction, identity: ordersOf(its) };
}

function mismatchOf(its: Scene): Mismatch {
  const sum = (rows: readonly FakeRow[]) =>
    rows.length === 0 ? null : { key: '1', rows: rows.length, sum: '' };
  return { key: '1', old: sum(its.rows.old), new: sum(its.rows.new) };
}

function drill(its: Scene, readers: Sides<FakeSide>): Promise<RowDifference[]> {
  return all(drillDown(tableOf(its, readers), mismatchOf(its), its.options));
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function textOf(difference: RowDifference): string {
  return `${difference.kind} ${difference.copies} ${difference.identity.join('|')}`;
}

/** By a look at all rows at once. */
function truthOf(its: Pick<Scene, 'rows' | 'direction'>): string[] {
  const byIdentity = (rows: readonly FakeRow[]) =>
    new Map(rows.map((each) => [each.identity.join('|'), each.content]));
  const source = byIdentity(its.rows[its.direction.source]);
  const target = byIdentity(its.rows[its.direction.target]);
  const missing = [...source.keys()].filter((key) => !target.has(key)).map((key) => `missing 1 ${key}`);
  const extra = [...target.keys()].filter((key) => !source.has(key)).map((key) => `extra 1 ${key}`);
  const different = [...source].filter(([key, content]) => target.has(key) && target.get(key) !== content);
  return [...missing, ...extra, ...different.map(([key]) => `different 1 ${key}`)].sort();
}

function byBytes(a: Row, b: Row): number {
  return compareIdentities(['bytes'], a, b);
}

function streamOf(sums: readonly { readonly sum: string; readonly copies: number }[]): AsyncIterable<RowSum> {
  const ordered = sums.toSorted((a, b) => (a.sum < b.sum ? -1 : 1));
  return rowsOf(ordered.map(({ sum, copies }) => ({ identity: [sum], sum, copies })));
}

async function* rowsOf(rows: readonly (Partial<RowSum> & { identity: Row })[]): AsyncGenerator<RowSum> {
  for (const each of rows) yield { sum: 'x', copies: 1, ...each };
}
