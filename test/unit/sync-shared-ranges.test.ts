/** Ranges that several processes share: one's alone at a time, and handed on as far as it was seen to. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NO_COUNTS } from '../../src/sync/pass-counts.ts';
import { QueryTimes } from '../../src/sync/query-times.ts';
import { failureOf, NO_OUTCOME, type RangeOutcome } from '../../src/sync/range-outcome.ts';
import type { LeasedRange } from '../../src/sync/range-queue.ts';
import { rangeKeys, SharedRangeQueue } from '../../src/sync/shared-range-queue.ts';
import { stepKeys, writeSharedRange } from '../../src/sync/shared-records.ts';
import { FakeSharedStore } from '../harness/fake-shared-store.ts';

const KEYS = stepKeys('/jobs/data/a/', 1);
/** Longer than what was seen may be kept to oneself. */
const LONG_MS = 6000;

let store: FakeSharedStore;
let jobLease: string;
/** Each look at it takes a step. */
const clock = { ms: 0, stepMs: 1000 };

beforeEach(async () => {
  store = new FakeSharedStore();
  jobLease = await store.grant();
  clock.ms = 0;
  clock.stepMs = 1000;
});

async function plan(ranges: number): Promise<void> {
  const puts = rangeKeys(KEYS, ranges).map((put, index) => {
    const work = {
      shard: 's00',
      table: `t${index}`,
      way: 'both',
      range: { after: undefined, through: '9' },
    } as const;
    return { put, value: writeSharedRange({ work, state: 'free', outcome: NO_OUTCOME }), lease: jobLease };
  });
  await store.commit([], [...puts, { put: KEYS.plan, value: '{}', lease: jobLease }]);
}

interface Process {
  readonly queue: SharedRangeQueue;
  readonly lease: string;
  readonly stop: AbortController;
  /** It is not heard of any more. */
  die(): Promise<void>;
}

async function process(id: string): Promise<Process> {
  const lease = await store.grant();
  const stop = new AbortController();
  const queue = new SharedRangeQueue({
    ...{ store, keys: KEYS, times: new QueryTimes(), told: () => {} },
    member: { id, lease, jobLease },
    now: () => (clock.ms += clock.stepMs),
    random: () => 0,
    stop: stop.signal,
  });
  await queue.refresh();
  return { queue, lease, stop, die: () => store.revoke(lease) };
}

function seen(groups: number): RangeOutcome {
  return { ...NO_OUTCOME, counts: { ...NO_COUNTS, groups } };
}

async function taken({ queue }: Process): Promise<LeasedRange> {
  const leased = await queue.take();
  expect(leased).not.toBeNull();
  return leased!;
}

async function groupsOf(each: Process): Promise<number> {
  await each.queue.refresh();
  return (await each.queue.totals()).outcome.counts.groups;
}

describe('ranges in etcd', () => {
  it('are each one process’s, and over for all when all are done', async () => {
    await plan(2);
    const [a, b] = [await process('a'), await process('b')];
    const [one, other] = [await taken(a), await taken(b)];
    expect(new Set([one.work.table, other.work.table])).toEqual(new Set(['t0', 't1']));
    expect([one.orphaned, other.orphaned]).toEqual([false, false]);
    await one.done(seen(3));
    await other.done(seen(4));
    expect([await a.queue.take(), await b.queue.take()]).toEqual([null, null]);
    expect(await a.queue.totals()).toMatchObject({
      ranges: 2,
      rangesDone: 2,
      outcome: { counts: { groups: 7 } },
    });
  });

  it('of a process that is lost go to another one from where they were written down, counted once', async () => {
    await plan(1);
    const [a, b] = [await process('a'), await process('b')];
    const lost = await taken(a);
    clock.ms += LONG_MS;
    expect(await lost.progressed('4', seen(4))).toBe(true);
    // Seen, and told to nobody.
    expect(await lost.progressed('5', seen(1))).toBe(true);
    await a.die();
    const found = await taken(b);
    expect(found.orphaned).toBe(true);
    expect(found.work.range).toEqual({ after: '4', through: '9' });
    clock.ms += LONG_MS;
    expect(await lost.progressed('6', seen(2))).toBe(false);
    await lost.done(seen(9));
    await found.done(seen(5));
    expect(await groupsOf(b)).toBe(9);
    expect((await b.queue.totals()).outcome.takenOver).toBe(1);
  });

  it('that were repaired are written down sooner', async () => {
    await plan(1);
    const a = await process('a');
    const lost = await taken(a);
    const found = { ...NO_COUNTS, groups: 1, mismatched: 1, settled: { ...NO_COUNTS.settled, repaired: 1 } };
    await lost.progressed('4', { ...NO_OUTCOME, counts: found });
    await a.die();
    expect(await groupsOf(await process('b'))).toBe(1);
  });

  it('that were repaired are written down within a second of it, also where nothing more is found', async () => {
    await plan(1);
    const a = await process('a');
    const lost = await taken(a);
    clock.stepMs = 0;
    const found = { ...NO_COUNTS, groups: 1, mismatched: 1, settled: { ...NO_COUNTS.settled, repaired: 1 } };
    await lost.progressed('4', { ...NO_OUTCOME, counts: found });
    clock.ms += 1000;
    await lost.progressed('5', seen(1));
    clock.ms += 1000;
    // Of what is the same nobody needs to know so soon.
    await lost.progressed('6', seen(1));
    await a.die();
    clock.stepMs = 1000;
    expect(await groupsOf(await process('b'))).toBe(2);
  });

  it('count each process that was lost with them, also one that had just begun', async () => {
    await plan(1);
    for (const id of ['a', 'b']) {
      const lost = await process(id);
      await taken(lost);
      await lost.die();
    }
    const c = await process('c');
    await (await taken(c)).done(seen(1));
    expect((await c.queue.totals()).outcome).toMatchObject({ takenOver: 2, counts: { groups: 1 } });
  });

  it('hold a fence for their holder alone', async () => {
    await plan(1);
    const [a, b] = [await process('a'), await process('b')];
    const lost = await taken(a);
    expect(await lost.fence?.holds()).toBe(true);
    await a.die();
    expect(await lost.fence?.holds()).toBe(false);
    const found = await taken(b);
    expect([await lost.fence?.holds(), await found.fence?.holds()]).toEqual([false, true]);
    expect(found.fence?.name).toBe(lost.fence?.name);
    expect(lost.fence?.name.length).toBeLessThanOrEqual(64);
    await found.done(NO_OUTCOME);
    expect(await found.fence?.holds()).toBe(false);
  });

  it('that are given back go on where they were, and nobody was lost with them', async () => {
    await plan(1);
    const [a, b] = [await process('a'), await process('b')];
    const left = await taken(a);
    await left.progressed('3', seen(3));
    await left.giveBack();
    const found = await taken(b);
    expect([found.orphaned, found.work.range.after]).toEqual([false, '3']);
    await found.done(failureOf('s00', 't0', 'too late'));
    await b.queue.refresh();
    expect((await b.queue.totals()).outcome).toMatchObject({
      ...{ counts: { groups: 3 }, failed: 1, takenOver: 0 },
    });
  });

  it('are waited for while others have them, until this process is to stop', async () => {
    await plan(1);
    const [a, b] = [await process('a'), await process('b')];
    await taken(a);
    const waiting = b.queue.take();
    b.stop.abort();
    expect(await waiting).toBeNull();
  });

  it('are claimed once where the answer to the claim is lost', async () => {
    await plan(2);
    const a = await process('a');
    store.losesAnswer = true;
    const first = await taken(a);
    const second = await taken(a);
    expect(store.named('/claims/')).toHaveLength(2);
    expect(first.work.table).not.toBe(second.work.table);
    await first.done(seen(1));
    store.losesAnswer = true;
    await second.done(seen(1));
    expect(await groupsOf(a)).toBe(2);
    expect(await a.queue.take()).toBeNull();
  });

  it('that are gone with the whole job are told of', async () => {
    await plan(1);
    const a = await process('a');
    await store.revoke(jobLease);
    await expect(a.queue.take()).rejects.toThrow('gone from etcd');
  });
});
