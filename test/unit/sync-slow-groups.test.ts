/** Groups that take longer than one query may: they are summed up in parts, or named and gone past. */
import { describe, expect, it } from 'vitest';
import { BatchSize } from '../../src/sync/batch-size.ts';
import { runPass } from '../../src/sync/full-pass.ts';
import type { CrawledTable, CrawlWay } from '../../src/sync/group-crawl.ts';
import type { GroupParts } from '../../src/sync/group-parts.ts';
import type { GroupAnswer } from '../../src/sync/group-reader.ts';
import { compareKeys } from '../../src/sync/key-comparison.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { MemoryRangeQueue } from '../../src/sync/memory-range-queue.ts';
import { patientReader } from '../../src/sync/patient-reader.ts';
import { OLD_TO_NEW } from '../../src/sync/side.ts';
import { QueryTimedOut } from '../../src/sync/sync-connection.ts';
import type { Value } from '../../src/sync/value.ts';
import { fakeSyncedTable, rowsOf } from '../harness/fake-synced-table.ts';
import { CASELESS, FakeSide, type FakeSideOptions } from '../harness/fake-table.ts';

const KEYS = Array.from({ length: 20 }, (_, index) => index);
const SLOW = '7';

/** No checksum of the group SLOW comes in time, by itself or among others. */
class SlowSide extends FakeSide {
  slow: ReadonlySet<Value> = new Set([SLOW]);
  asked = 0;

  override async sums(...args: Parameters<FakeSide['sums']>): Promise<GroupAnswer> {
    return this.#inTime(await super.sums(...args));
  }

  override async sumsOf(keys: readonly Value[]): Promise<GroupAnswer> {
    return this.#inTime(await super.sumsOf(keys));
  }

  #inTime(answer: GroupAnswer): GroupAnswer {
    this.asked += 1;
    if (answer.groups.some(({ key }) => this.slow.has(key))) throw new QueryTimedOut('it took too long');
    return answer;
  }
}

function slowSide(options: Partial<FakeSideOptions> = {}): SlowSide {
  const rows = rowsOf(KEYS);
  return new SlowSide({ name: 'old', rows, collation: { ...CASELESS, order: 'own' }, ...options });
}

/** As the servers would: the slow group's sum is the one that one query would give, if it came to its end. */
function partsOf(side: FakeSide): GroupParts {
  return { sum: (key) => side.sum(key, { after: undefined, through: undefined }) };
}

function slowTable() {
  const table = fakeSyncedTable({
    table: 'messages',
    old: rowsOf(KEYS),
    fresh: [...rowsOf(KEYS.filter((key) => key !== 3 && key !== 12)), ...rowsOf([30])],
  });
  const old = slowSide({ rows: table.old.stored, collation: NUMERIC_COLLATION });
  return { table, old };
}

const NUMERIC_COLLATION: FakeSideOptions['collation'] = {
  order: 'numeric',
  compare: (a, b) => Number(a) - Number(b),
};

function ranOf(table: ReturnType<typeof fakeSyncedTable>, way: CrawlWay) {
  const settled: string[] = [];
  const queue = MemoryRangeQueue.of([{ shard: 's00', table: 'messages', way, range: ALL_KEYS }]);
  const ended = runPass({
    queue,
    workers: 1,
    open: () => Promise.resolve(table),
    turn: () => Promise.resolve(),
    stop: new AbortController().signal,
    told: {
      batch: () => {},
      settled: (_, { key, result, reason }) => settled.push(`${key} ${result} ${reason ?? ''}`.trim()),
      failed: () => {},
      done: () => {},
    },
  });
  return ended.then(async () => {
    const { counts, failures } = (await queue.totals()).outcome;
    const ofRange = failures.map(({ reason }) => reason).filter((reason) => !reason.startsWith('the group '));
    return { settled, failures: ofRange, counts };
  });
}

describe('a group that takes too long', () => {
  it('is named, and the rest of its range is gone through', async () => {
    const { table, old } = slowTable();
    const crawled = { ...table.crawled, readers: { old, new: table.fresh } };
    const { settled, failures, counts } = await ranOf({ ...table, crawled }, 'both');
    expect(failures).toEqual([]);
    expect(settled).toEqual(['3 repaired', '7 failed it took too long', '12 repaired', '30 repaired']);
    expect(counts).toMatchObject({ groups: 21, settled: { failed: 1, repaired: 3 } });
  });

  it.each(['old', 'new'] as const)('is named on the way of %s too', async (way) => {
    const { table, old } = slowTable();
    const slow = new SlowSide({ name: way, rows: [...rowsOf([3, 7, 12])], collation: CASELESS });
    const other = new FakeSide({
      name: 'other',
      rows: way === 'old' ? rowsOf([12]) : [],
      collation: CASELESS,
    });
    const readers = way === 'old' ? { old: slow, new: other } : { old: other, new: slow };
    const crawled: CrawledTable = { readers, direction: OLD_TO_NEW, order: 'own' };
    const { settled, failures } = await ranOf({ ...table, crawled }, way);
    expect([failures, old.asked]).toEqual([[], 0]);
    expect(settled).toContain('7 failed it took too long');
    expect(settled).toContain('3 repaired');
  });

  it('ends the range where not even its key is told in time', async () => {
    const { table, old } = slowTable();
    old.keys = () => Promise.reject(new QueryTimedOut('nor do the keys'));
    const crawled = { ...table.crawled, readers: { old, new: table.fresh } };
    expect((await ranOf({ ...table, crawled }, 'both')).failures).toEqual(['nor do the keys']);
  });

  it('keeps no other key of a journal from being compared', async () => {
    const { table, old } = slowTable();
    const unread: Value[] = [];
    const mismatched: Value[] = [];
    const readers = { old, new: table.fresh };
    for await (const found of compareKeys({ readers, order: 'numeric' }, KEYS.map(String), new BatchSize())) {
      unread.push(...found.unread.map(({ key }) => key));
      mismatched.push(...found.mismatches.map(({ key }) => key));
    }
    expect([unread, mismatched]).toEqual([[SLOW], ['3', '12']]);
  });
});

describe('a reader that is patient', () => {
  it('sums a group up in parts, and no other', async () => {
    const side = slowSide({ collation: NUMERIC_COLLATION });
    const summed: Value[] = [];
    const parts: GroupParts = {
      sum: (key) => {
        summed.push(key);
        return partsOf(side).sum(key);
      },
    };
    const reader = patientReader(side, parts);
    const quick = new FakeSide({ name: 'quick', rows: side.stored, collation: NUMERIC_COLLATION });
    const all = KEYS.map(String);
    expect((await reader.sumsOf(all)).groups).toEqual((await quick.sumsOf(all)).groups);
    expect(summed).toEqual([SLOW]);
    const after = { after: '6', through: undefined };
    expect(await reader.sums(after, 1)).toMatchObject({
      groups: (await quick.sums(after, 1)).groups,
      last: SLOW,
    });
    // A batch of several is to be smaller first.
    await expect(reader.sums(after, 2)).rejects.toThrow(QueryTimedOut);
  });

  it('gives up where there are no parts', async () => {
    const reader = patientReader(slowSide(), null);
    await expect(reader.sumsOf([SLOW])).rejects.toThrow('it took too long');
    await expect(reader.sums({ after: '6', through: undefined }, 1)).rejects.toThrow('it took too long');
  });

  it('tells each spelling once, in which half of the keys it was asked for', async () => {
    const rows = ['a', 'A', 'b', 'B'].map((key) => ({ key, identity: [key], content: 'x' }));
    const side = slowSide({ rows, collation: CASELESS });
    side.slow = new Set(['b']);
    const { groups } = await patientReader(side, partsOf(side)).sumsOf(['a', 'b', 'A', 'B']);
    expect(groups.map(({ key }) => key).sort()).toEqual(['A', 'B', 'a', 'b']);
  });
});
