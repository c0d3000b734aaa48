/**
 * Keeps the passes of a sync that several processes share. Each pass, and each answer that all must have alike, is a
 * step of the job: one process makes its plan, all work on it, and one that finds everything done writes the report,
 * by which all go on. A step is numbered by its place among all steps, so whoever comes later reads the reports of those
 * that are over and comes to the one that is under way.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import {
  CHANGES_MAX,
  type Change,
  type Condition,
  type SharedStore,
  SharedStoreLost,
} from '../control/shared-store.ts';
import { type PassKeeper, type PassPlan, type PassStep, reportOf } from './pass-keeper.ts';
import { QueryTimes, writtenTimesSchema } from './query-times.ts';
import { addOutcomes, NO_OUTCOME } from './range-outcome.ts';
import type { SharedJob } from './shared-job.ts';
import { rangeKeys, SharedRangeQueue } from './shared-range-queue.ts';
import {
  JOB_GONE,
  readSharedRange,
  type SharedPlan,
  type StepKeys,
  sharedPlanSchema,
  stepKeys,
  writeSharedRange,
} from './shared-records.ts';
import type { SyncListener } from './sync-listener.ts';
import { type PassReport, passReportSchema } from './sync-report.ts';

export interface SharedKeeperOptions {
  readonly store: SharedStore;
  readonly job: Pick<SharedJob, 'keys' | 'member' | 'leave'>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly told: Pick<SyncListener, 'everywhere'>;
  readonly stop: AbortSignal;
}

/** What etcd is to hold of one pass. */
const RANGES_MAX = 20_000;
const POLL_MS = 300;

interface Head {
  readonly report: string | null;
  readonly plan: string | null;
}

export class SharedKeeper implements PassKeeper {
  readonly #options: SharedKeeperOptions;
  #steps = 0;

  constructor(options: SharedKeeperOptions) {
    this.#options = options;
  }

  async pass(step: PassStep): Promise<PassReport> {
    const keys = this.#next();
    const { stop } = this.#options;
    for (;;) {
      const { report, plan } = await this.#head(keys);
      if (report !== null) return passReportSchema.parse(JSON.parse(report));
      if (plan === null && stop.aborted) return reportOf(step, NO_OUTCOME, 0, step.times);
      if (plan === null) {
        await this.#leading(keys, (lead) => this.#prepare(step, keys, lead));
        continue;
      }
      const known = sharedPlanSchema.parse(JSON.parse(plan));
      const isDone = await this.#work(step, keys);
      if (stop.aborted) return this.#report(step, known, keys);
      if (isDone) await this.#leading(keys, (lead) => this.#finish(step, known, keys, lead));
    }
  }

  async agree<T>(schema: z.ZodType<T>, ask: () => Promise<T>): Promise<T> {
    const keys = this.#next();
    const { stop, job } = this.#options;
    for (;;) {
      const { report } = await this.#head(keys);
      if (report !== null) return schema.parse(JSON.parse(report));
      if (stop.aborted) return ask();
      await this.#leading(keys, async (lead) => {
        const value = JSON.stringify(await ask());
        await this.#note(lead, [{ put: keys.report, value, lease: job.member.jobLease }]);
      });
    }
  }

  end(how: 'finished' | 'left'): Promise<void> {
    return this.#options.job.leave(how);
  }

  #next(): StepKeys {
    return stepKeys(this.#options.job.keys, ++this.#steps);
  }

  async #head(keys: StepKeys): Promise<Head> {
    const { spans } = await this.#options.store.read([{ prefix: keys.head }]);
    const at = (name: string): string | null => spans[0]?.find(({ key }) => key === name)?.value ?? null;
    return { report: at(keys.report), plan: at(keys.plan) };
  }

  /**
   * Does `work` if nobody else is about to, else waits a moment; the caller then looks again. `lead`: holds while this
   * process is the one.
   */
  async #leading(keys: StepKeys, work: (lead: Condition) => Promise<void>): Promise<void> {
    const { store } = this.#options;
    const before = await this.#head(keys);
    const created = await this.#lead(keys);
    if (created === null) {
      await delay(POLL_MS);
      return;
    }
    const lead = { key: keys.lead, created };
    try {
      const now = await this.#head(keys);
      if (now.report === before.report && now.plan === before.plan) await work(lead);
    } finally {
      await store.commit([lead], [{ remove: keys.lead }]);
    }
  }

  /** The revision from which on this process leads; null: another one does. */
  async #lead(keys: StepKeys): Promise<number | null> {
    const { store, job } = this.#options;
    const { id, lease } = job.member;
    const created = await store.commit(
      [{ key: keys.lead, created: 0 }],
      [{ put: keys.lead, value: id, lease }],
    );
    if (created !== null) return created;
    // It may be this one, where only etcd's answer was lost.
    const { spans } = await store.read([{ prefix: keys.lead }]);
    return spans[0]?.find(({ value }) => value === id)?.created ?? null;
  }

  async #prepare(step: PassStep, keys: StepKeys, lead: Condition): Promise<void> {
    const { store, job, clock } = this.#options;
    const startedAtMs = clock();
    const caughtUp = await step.catchUp();
    const { ranges, outcome, owed } = await step.prepare();
    if (ranges.length > RANGES_MAX)
      throw new UsageError(
        `the pass would be of ${ranges.length} ranges, and etcd is to hold ${RANGES_MAX} at most: give some shards by --shard, or --alone`,
      );
    const lease = job.member.jobLease;
    const names = rangeKeys(keys, ranges.length);
    const puts = ranges.map((work, index): Change => {
      const value = writeSharedRange({ work, state: 'free', outcome: NO_OUTCOME });
      return { put: names[index]!, value, lease };
    });
    // What one that was lost in the middle of this has left would be ranges of another plan.
    await store.commit([lead], [{ removeAll: keys.ranges }]);
    for (let start = 0; start < puts.length; start += CHANGES_MAX)
      await store.commit([lead], puts.slice(start, start + CHANGES_MAX));
    const plan: SharedPlan = {
      ...{ kind: step.kind, pass: step.pass, startedAtMs },
      ...{ outcome: addOutcomes(caughtUp, outcome), owed: [...owed] },
    };
    await this.#note(lead, [{ put: keys.plan, value: JSON.stringify(plan), lease }]);
  }

  /**
   * By which all go on; where another one leads by now, what that one notes. Rejects with SharedStoreLost where the job
   * is over: then nobody could ever note it, and this process would try without end.
   */
  async #note(lead: Condition, changes: readonly Change[]): Promise<void> {
    const { store, job } = this.#options;
    if ((await store.commit([lead], changes)) !== null) return;
    if (!(await store.renew(job.member.jobLease))) throw new SharedStoreLost(JOB_GONE);
  }

  /** True: every range is done, wherever. */
  async #work(step: PassStep, keys: StepKeys): Promise<boolean> {
    const { store, job, now, random, stop, told } = this.#options;
    const queue = new SharedRangeQueue({
      ...{ store, member: job.member, keys, times: step.times, now, random, stop },
      told: (shards) => told.everywhere(shards),
    });
    try {
      await queue.open();
      await step.work(queue);
      return queue.isDone;
    } finally {
      queue.close();
    }
  }

  async #finish(step: PassStep, plan: SharedPlan, keys: StepKeys, lead: Condition): Promise<void> {
    const { store, job } = this.#options;
    const report = await this.#report(step, plan, keys);
    const asked: PassPlan = { ranges: [], outcome: plan.outcome, owed: plan.owed };
    await step.finish(asked, report);
    const put = { put: keys.report, value: JSON.stringify(report), lease: job.member.jobLease };
    const removals = [keys.ranges, keys.claims, keys.times].map((prefix) => ({ removeAll: prefix }));
    await store.commit([lead], [put, { remove: keys.plan }, ...removals]);
  }

  /** Of all processes, as far as they have come. */
  async #report(step: PassStep, plan: SharedPlan, keys: StepKeys): Promise<PassReport> {
    const { store, clock } = this.#options;
    const { spans } = await store.read([
      { prefix: keys.ranges },
      { prefix: keys.times },
      { prefix: keys.head },
    ]);
    const [ranges = [], times = [], head = []] = spans;
    const over = head.find(({ key }) => key === keys.report);
    if (over !== undefined) return passReportSchema.parse(JSON.parse(over.value));
    const all = new QueryTimes();
    for (const { value } of times) all.add(QueryTimes.of(writtenTimesSchema.parse(JSON.parse(value))));
    const outcome = ranges
      .map(({ value }) => readSharedRange(value).outcome)
      .reduce(addOutcomes, plan.outcome);
    return reportOf(step, outcome, Math.max(0, clock() - plan.startedAtMs) / 1000, all);
  }
}
