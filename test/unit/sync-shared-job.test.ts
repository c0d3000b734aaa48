/** Processes that share a sync: who belongs together, what each pass comes to for all, and what is left at the end. */
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UsageError } from '../../src/base/errors.ts';
import { NO_COUNTS } from '../../src/sync/pass-counts.ts';
import type { PassStep } from '../../src/sync/pass-keeper.ts';
import { QueryTimes } from '../../src/sync/query-times.ts';
import { NO_OUTCOME } from '../../src/sync/range-outcome.ts';
import type { RangeQueue, SyncRange } from '../../src/sync/range-queue.ts';
import { type JobScope, SharedJob } from '../../src/sync/shared-job.ts';
import { SharedKeeper } from '../../src/sync/shared-keeper.ts';
import { FakeSharedStore } from '../harness/fake-shared-store.ts';

const PREFIX = '/jobs/';
const ALL: JobScope = { shards: ['s00', 's01'], tables: null, check: false };
const RANGES: readonly SyncRange[] = ['t0', 't1'].map((table) => ({
  ...{ shard: 's00', table, way: 'both' },
  range: { after: undefined, through: undefined },
}));

let store: FakeSharedStore;
let told: string[];
let joined: SharedJob[];

beforeEach(() => {
  store = new FakeSharedStore();
  told = [];
  joined = [];
});
// Its beats would go on.
afterEach(() => Promise.all(joined.map((job) => job.leave('left'))));

async function join(
  wishes: Readonly<Record<string, unknown>> = { mode: 'full' },
  scope = ALL,
  ttlSeconds = 60,
): Promise<SharedJob> {
  const job = await SharedJob.join({
    ...{ store, prefix: PREFIX, wishes, scope, ttlSeconds },
    told: (text) => told.push(text),
  });
  joined.push(job);
  return job;
}

function keeperOf(job: SharedJob, stop = new AbortController()): SharedKeeper {
  return new SharedKeeper({
    ...{ store, job, stop: stop.signal, now: () => performance.now(), clock: () => 0, random: () => 0 },
    told: { everywhere: () => {} },
  });
}

/** Each range has one group. `planned`: called before the ranges are told. */
function step(planned: () => Promise<void> = async () => {}): PassStep & { readonly worked: SyncRange[] } {
  const worked: SyncRange[] = [];
  return {
    ...{ kind: 'full', pass: 1, times: new QueryTimes(), worked },
    catchUp: async () => NO_OUTCOME,
    async prepare() {
      await planned();
      return { ranges: RANGES, outcome: NO_OUTCOME, owed: [] };
    },
    async work(queue: RangeQueue) {
      for (let leased = await queue.take(); leased !== null; leased = await queue.take()) {
        worked.push(leased.work);
        await leased.done({ ...NO_OUTCOME, counts: { ...NO_COUNTS, groups: 1 } });
      }
    },
    finish: async () => {},
  };
}

describe('a job', () => {
  it('is one for all processes of the same options, and tells a later one who is there', async () => {
    const [one, other] = [await join(), await join()];
    expect(other.keys).toBe(one.keys);
    expect(told).toEqual([expect.stringMatching(/^takes part in the sync that runs on .+ \(process \d+\)$/)]);
  });

  it('refuses other options over the same rows, and says which they are and what to do', async () => {
    await join({ mode: 'full', hash: 'md5' });
    const refused = join({ mode: 'full', hash: 'crc32' });
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(/\(hash: crc32 here, md5 there\)\n.*--shard; --alone/);
    expect(store.named('/members/')).toHaveLength(1);
  });

  it.each<[string, JobScope]>([
    ['only looks', { ...ALL, check: true }],
    ['is of other shards', { ...ALL, shards: ['s02'] }],
  ])('is not in the way of one that %s', async (_, scope) => {
    const tables = ['messages'];
    await join({ mode: 'full' }, { ...ALL, tables });
    await expect(join({ mode: 'keys' }, { ...scope, tables })).resolves.toBeInstanceOf(SharedJob);
    await expect(join({ mode: 'journal' }, { ...ALL, tables: ['works'] })).resolves.toBeInstanceOf(SharedJob);
  });

  it('stays for the next process where it was left, and leaves nothing where it is over', async () => {
    const first = await join();
    await keeperOf(first).agree(z.number(), async () => 7);
    await first.leave('left');
    expect(store.named('/members/')).toEqual([]);
    const second = await join();
    expect(second.keys).toBe(first.keys);
    expect(told).toEqual(['goes on where the sync before this one ended']);
    await second.leave('finished');
    expect([...store.keys.keys()]).toEqual([]);
  });

  it.each<[string, (keeper: SharedKeeper) => Promise<unknown>]>([
    ['of a pass', (keeper) => keeper.pass(step())],
    ['of what all are to be told alike', (keeper) => keeper.agree(z.number(), async () => 7)],
  ])('that others have finished ends one that was taken for lost, at the begin %s', async (_, next) => {
    const [lost, other] = [await join(undefined, ALL, 0.03), await join()];
    // It does not come back before the other one has left, however long that takes.
    const bell = new EventEmitter();
    const left = once(bell, 'left');
    const grant = store.grant.bind(store);
    store.grant = () => left.then(grant);
    await store.revoke(lost.member.lease);
    await other.leave('finished');
    bell.emit('left');
    await expect(next(keeperOf(lost))).rejects.toThrow('others have finished it');
  });

  it('refuses what no sync has written under its key', async () => {
    const job = await join();
    await job.leave('left');
    const current = store.named('current/')[0]!;
    await store.commit([], [{ put: current, value: 'mine', lease: await store.grant() }]);
    await expect(join()).rejects.toThrow(`${current} in etcd: is nothing that a sync wrote; remove it`);
  });
});

describe('a pass that is shared', () => {
  it('is planned once, worked on by all, and comes to one report', async () => {
    let plans = 0;
    const [one, other] = [step(async () => void plans++), step(async () => void plans++)];
    const keepers = [keeperOf(await join()), keeperOf(await join())];
    const reports = await Promise.all([keepers[0]!.pass(one), keepers[1]!.pass(other)]);
    expect(plans).toBe(1);
    expect(reports[0]).toEqual(reports[1]);
    expect(reports[0]!.counts.groups).toBe(2);
    expect([...one.worked, ...other.worked].map(({ table }) => table).sort()).toEqual(['t0', 't1']);
    const late = step(async () => void plans++);
    expect(await keeperOf(await join()).pass(late)).toEqual(reports[0]);
    expect(late.worked).toEqual([]);
    expect(plans).toBe(1);
  });

  it('is planned by another process where the first is lost in the middle of that', async () => {
    const [lost, other] = [await join(), await join()];
    const bell = new EventEmitter();
    const asked = once(bell, 'asked');
    const goesOn = once(bell, 'goes on');
    const late = step(async () => {
      bell.emit('asked');
      await goesOn;
    });
    const passOfLost = keeperOf(lost).pass(late);
    await asked;
    await store.revoke(lost.member.lease);
    const report = await keeperOf(other).pass(step());
    bell.emit('goes on');
    expect(await passOfLost).toEqual(report);
    expect(report.counts.groups).toBe(2);
    expect(late.worked).toEqual([]);
    expect(store.named('/ranges/')).toEqual([]);
  });

  it('ends with what is known where the sync is to stop', async () => {
    const stop = new AbortController();
    stop.abort();
    const report = await keeperOf(await join(), stop).pass(step());
    expect(report.counts.groups).toBe(0);
    expect(store.named('/plan')).toEqual([]);
  });

  it('asks once what all are to be told alike', async () => {
    const keepers = [keeperOf(await join()), keeperOf(await join())];
    const [one, other] = await Promise.all(
      keepers.map((keeper, index) => keeper.agree(z.number(), async () => index)),
    );
    expect(one).toBe(other);
  });
});
