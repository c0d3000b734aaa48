/** A pass: each range once, by several workers, with what it found told and added up, and nothing lost at a stop. */
import { describe, expect, it } from 'vitest';
import { runPass, type SyncedTable } from '../../src/sync/full-pass.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { MemoryRangeQueue } from '../../src/sync/memory-range-queue.ts';
import { consistency, NO_COUNTS, type PassCounts, wrongGroups } from '../../src/sync/pass-counts.ts';
import { failureOf, NO_OUTCOME } from '../../src/sync/range-outcome.ts';
import type { SyncRange } from '../../src/sync/range-queue.ts';
import { type FakeSyncedTable, fakeSyncedTable, rowsOf } from '../harness/fake-synced-table.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => index);

function rangeOf(table: string, after?: string, through?: string): SyncRange {
  return { shard: 's00', table, way: 'both', range: { after, through } };
}

class Rig {
  readonly tables: ReadonlyMap<string, FakeSyncedTable>;
  readonly failures: string[] = [];
  /** Tables of the ranges of which it was told that they failed, and that they are over. */
  readonly told: string[] = [];
  readonly settled: string[] = [];
  readonly stopping = new AbortController();
  turns = 0;
  batches = 0;
  /** Called at each batch. */
  atBatch: () => void = () => {};

  constructor(tables: readonly FakeSyncedTable[]) {
    this.tables = new Map(tables.map((table) => [table.table, table]));
  }

  async run(queue: MemoryRangeQueue, workers = 3): Promise<PassCounts> {
    await runPass({
      queue,
      workers,
      open: ({ work: { table } }): Promise<SyncedTable> => {
        const found = this.tables.get(table);
        return found === undefined ? Promise.reject(new Error('no such table')) : Promise.resolve(found);
      },
      turn: () => {
        this.turns += 1;
        return Promise.resolve();
      },
      stop: this.stopping.signal,
      told: {
        batch: () => {
          this.batches += 1;
          this.atBatch();
        },
        settled: ({ table }, { key, result }) => this.settled.push(`${table}/${key} ${result}`),
        failed: ({ table }) => this.told.push(`${table} failed`),
        done: ({ table }) => this.told.push(`${table} done`),
      },
    });
    const { counts, failures } = (await queue.totals()).outcome;
    this.failures.push(...failures.map(({ table, reason }) => `${table}: ${reason}`));
    return counts;
  }
}

/** Two tables; of the first the target lacks a group, has one besides, and has one otherwise. */
function twoTables(): FakeSyncedTable[] {
  const fresh = [
    ...rowsOf(KEYS.filter((key) => key !== 7 && key !== 20)),
    ...rowsOf([20], 'other'),
    ...rowsOf([99]),
  ];
  return [
    fakeSyncedTable({ table: 'messages', old: rowsOf(KEYS), fresh }),
    fakeSyncedTable({ table: 'likes', old: rowsOf(KEYS), fresh: rowsOf(KEYS) }),
  ];
}

describe('a pass', () => {
  it('finds and repairs what differs, in every range once', async () => {
    const rig = new Rig(twoTables());
    const ranges = [
      rangeOf('messages', undefined, '10'),
      rangeOf('messages', '10', '30'),
      rangeOf('messages', '30'),
      rangeOf('likes'),
    ];
    const counts = await rig.run(MemoryRangeQueue.of(ranges));
    expect(counts).toMatchObject({ groups: 81, mismatched: 3, settled: { repaired: 3 } });
    expect(rig.settled.sort()).toEqual([
      'messages/20 repaired',
      'messages/7 repaired',
      'messages/99 repaired',
    ]);
    const again = await rig.run(MemoryRangeQueue.of(ranges));
    expect(again).toMatchObject({ groups: 80, mismatched: 0 });
  });

  it('asks for its turn before every query', async () => {
    const rig = new Rig(twoTables());
    await rig.run(MemoryRangeQueue.of([rangeOf('messages'), rangeOf('likes')]));
    expect(rig.turns).toBeGreaterThanOrEqual(rig.batches + rig.settled.length);
  });

  it('goes on with the other tables where one can’t be read', async () => {
    const rig = new Rig(twoTables());
    const counts = await rig.run(MemoryRangeQueue.of([rangeOf('gone'), rangeOf('messages')]));
    expect(rig.failures).toEqual(['gone: no such table']);
    expect(rig.told.filter((told) => !told.startsWith('messages'))).toEqual(['gone failed', 'gone done']);
    expect(counts.settled.repaired).toBe(3);
  });

  it('that is stopped goes on later where it was, from what was written down', async () => {
    const rig = new Rig(twoTables());
    const queue = MemoryRangeQueue.of([rangeOf('messages'), rangeOf('likes')]);
    rig.atBatch = () => {
      if (rig.batches === 5) rig.stopping.abort();
    };
    await rig.run(queue, 1);
    const record = structuredClone(queue.record());
    expect(record.ranges.some(({ done }) => !done)).toBe(true);
    expect(record.outcome.counts.groups).toBeGreaterThan(0);
    const resumed = new Rig([...rig.tables.values()]);
    const counts = await resumed.run(new MemoryRangeQueue(record));
    expect(counts).toMatchObject({ groups: 81, settled: { repaired: 3 } });
    expect(rig.settled.filter((each) => resumed.settled.includes(each))).toEqual([]);
  });

  it('of nothing is over at once', async () => {
    expect(await new Rig([]).run(MemoryRangeQueue.of([]))).toMatchObject({ groups: 0 });
  });
});

describe('ranges in memory', () => {
  it('wait for what others have, and hand it on when it is given back', async () => {
    const queue = MemoryRangeQueue.of([rangeOf('messages')]);
    const first = await queue.take();
    let second: unknown = 'waiting';
    const taking = queue.take().then((leased) => {
      second = leased;
      return leased;
    });
    await Promise.resolve();
    expect(second).toBe('waiting');
    await first!.progressed('12', { ...NO_OUTCOME, counts: { ...NO_COUNTS, groups: 5 } });
    await first!.giveBack();
    const leased = await taking;
    expect(leased?.work.range).toEqual({ after: '12', through: ALL_KEYS.through });
    await leased!.done(failureOf('s00', 'messages', 'too late'));
    expect(await queue.take()).toBeNull();
    expect(await queue.totals()).toMatchObject({
      ranges: 1,
      rangesDone: 1,
      outcome: { counts: { groups: 5 }, failed: 1 },
    });
  });
});

it('consistency never rounds a wrong group away', () => {
  const counts: PassCounts = {
    groups: 3_000_000_000,
    mismatched: 3,
    settled: { equal: 2, repaired: 1, differs: 0, moving: 0, failed: 0 },
    rows: { missing: 1, extra: 0, different: 0 },
  };
  expect([wrongGroups(counts), consistency(counts)]).toEqual([1, '0.999999']);
  expect(consistency({ ...counts, mismatched: 2 })).toBe('1.000000');
});
