/** The size of batches, by simulation: what a query takes follows from the sizes of the groups that it meets. */
import { describe, expect, it } from 'vitest';
import { BatchSize, type TimedBatch } from '../../src/sync/batch-size.ts';
import { createRandom, type Random } from '../harness/random.ts';

const TARGET_SECONDS = 0.1;
const LIMIT_SECONDS = 0.2;
const SETTLING = 3000;
const QUERIES = 10_000;

interface Tables {
  /** Rows of the next group. */
  readonly group: (random: Random) => number;
  /** What a query takes besides its rows, and for each of them. */
  readonly secondsFixed: number;
  readonly secondsPerRow: number;
  /** Load beside us: a factor of each query's time. */
  readonly load: (random: Random, query: number) => number;
}

/** Rows of a heavy tail: the share of groups with more than x times `smallest` is x to the power of -`tail`. */
const pareto =
  (smallest: number, tail: number, largest = Infinity) =>
  (random: Random): number =>
    Math.min(largest, Math.ceil(smallest / (1 - random.next()) ** (1 / tail)));
const calm = (random: Random) => 0.9 + 0.2 * random.next();
const server = { secondsFixed: 0.001, secondsPerRow: 2e-5, load: calm };

const SIMULATIONS: readonly [name: string, tables: Tables][] = [
  ['folders of a message centre', { ...server, group: pareto(20, 1.2) }],
  ['a lighter tail', { ...server, group: pareto(50, 1.6) }],
  ['a tail without a mean', { ...server, group: pareto(5, 0.95) }],
  ['tails cut at what takes 160 ms', { ...server, group: pareto(10, 1.05, 8000) }],
  ['groups all alike', { ...server, group: () => 40 }],
  [
    'one group in 300 that takes 120 ms',
    { ...server, group: (random) => (random.integer(1, 300) === 1 ? 6000 : 30) },
  ],
  ['a slow disk', { group: pareto(20, 1.2), secondsFixed: 0.005, secondsPerRow: 4e-4, load: calm }],
  [
    'load that comes and goes',
    {
      ...server,
      group: pareto(20, 1.3),
      load: (random, query) => calm(random) * (query % 4000 < 2000 ? 1 : 3),
    },
  ],
];

describe('the size of batches, once settled', () => {
  it.each(SIMULATIONS)('keeps its shares of slow queries: %s', (_, tables) => {
    const settled = simulate(tables, createRandom(7));
    const slow = settled.filter((query) => query.seconds > TARGET_SECONDS);
    // A group that alone takes longer can't be helped by any size.
    const late = settled.filter((query) => query.seconds > LIMIT_SECONDS && query.largest <= LIMIT_SECONDS);
    expect(late.length / settled.length).toBeLessThan(0.005);
    expect(slow.length / settled.length).toBeLessThan(0.1);
  });

  it('uses the time that it has: even groups take about the target', () => {
    const settled = simulate(SIMULATIONS[4]![1], createRandom(3));
    const seconds = settled.map((query) => query.seconds).sort((a, b) => a - b);
    expect(seconds[seconds.length / 2]).toBeGreaterThan(0.08);
    expect(seconds[Math.floor(seconds.length * 0.9)]).toBeLessThan(0.105);
  });

  it('is not kept small by huge groups that no size would help', () => {
    const huge = (random: Random) => (random.integer(1, 2000) === 1 ? 100_000 : 30);
    const settled = simulate({ ...server, group: huge }, createRandom(5));
    const seconds = settled.map((query) => query.seconds).sort((a, b) => a - b);
    expect(seconds[seconds.length / 2]).toBeGreaterThan(0.04);
  });

  it('is not kept small by a server that is held up now and then, whatever it is asked', () => {
    const heldUp = (random: Random) => (random.integer(1, 100) === 1 ? 20 : calm(random));
    const settled = simulate({ ...server, group: () => 40, load: heldUp }, createRandom(5));
    const seconds = settled.map((query) => query.seconds).sort((a, b) => a - b);
    expect(seconds[seconds.length / 2]).toBeGreaterThan(0.04);
  });

  it('finds its way back when a table becomes quick again', () => {
    const size = new BatchSize();
    for (let query = 0; query < 200; query++) size.observe(even(size.groups, 0.15));
    expect(size.groups).toBe(1);
    for (let query = 0; query < 1500; query++) size.observe(even(size.groups, 1e-4));
    expect(size.groups).toBeGreaterThan(700);
  });
});

describe('a step of the size', () => {
  it('begins at 50 groups and grows by a half at most', () => {
    const size = new BatchSize();
    expect(size.groups).toBe(50);
    for (let query = 0; query < 3000; query++) {
      const before = size.groups;
      size.observe(even(before, 1e-9));
      expect(size.groups).toBeLessThanOrEqual(before * 1.5 + 1);
    }
    expect(size.groups).toBe(5000);
  });

  it('is to a tenth after a query of more than five times the target, whatever made it slow', () => {
    for (const largestRows of [10, 9_000]) {
      const size = new BatchSize({ initial: 1000 });
      size.observe({ seconds: 0.501, full: true, rows: 10_000, largestRows });
      expect(size.groups).toBe(100);
    }
  });

  it('goes back by steps of a half to what it was before a huge group', () => {
    const size = new BatchSize({ initial: 1000 });
    size.observe({ seconds: 0.6, full: true, rows: 10_000, largestRows: 9_900 });
    const sizes = Array.from({ length: 8 }, () => {
      size.observe(even(size.groups, 1e-5));
      return size.groups;
    });
    expect(sizes.slice(0, 3)).toEqual([150, 225, 337]);
    expect(sizes.at(-1)).toBe(1010);
  });

  it('is asked to be smaller while a server is held up, and grows on from there', () => {
    const size = new BatchSize({ initial: 400 });
    size.observe(even(size.groups, 1e-5));
    const underWay = even(size.groups, 1e-5);
    for (let query = 0; query < 4; query++) size.observe({ ...underWay, seconds: 0.3 });
    expect(size.groups).toBe(144);
    for (let query = 0; query < 5; query++) size.observe(even(size.groups, 1e-5));
    expect(size.groups).toBe(900);
  });

  it('is none for a quick query that found fewer groups than it asked for', () => {
    const size = new BatchSize();
    size.observe({ ...even(3, 0.001), full: false });
    expect(size.groups).toBe(50);
  });

  it('never leaves its bounds', () => {
    const size = new BatchSize({ initial: 80, max: 60 });
    expect(size.groups).toBe(60);
    for (let query = 0; query < 50; query++) size.observe(even(size.groups, 10));
    expect(size.groups).toBe(1);
    size.observe({ seconds: 30, full: true, rows: 0, largestRows: 0 });
    expect(size.groups).toBe(1);
  });
});

/** A full batch of groups that are all alike. */
function even(groups: number, secondsPerGroup: number): TimedBatch {
  return { seconds: groups * secondsPerGroup, full: true, rows: groups * 10, largestRows: 10 };
}

interface Query {
  readonly seconds: number;
  /** What its largest group alone took. */
  readonly largest: number;
}

function simulate(tables: Tables, random: Random): Query[] {
  const size = new BatchSize();
  const settled: Query[] = [];
  for (let query = 0; query < SETTLING + QUERIES; query++) {
    let rows = 0;
    let largestRows = 0;
    for (let group = size.groups; group > 0; group--) {
      const its = tables.group(random);
      rows += its;
      largestRows = Math.max(largestRows, its);
    }
    const load = tables.load(random, query);
    const seconds = (tables.secondsFixed + rows * tables.secondsPerRow) * load;
    size.observe({ seconds, full: true, rows, largestRows });
    if (query >= SETTLING) settled.push({ seconds, largest: largestRows * tables.secondsPerRow * load });
  }
  return settled;
}
