/** Keeps the passes of a sync that is one process alone: a full pass by a file, so that it goes on after a kill. */

import type { CheckpointFile } from './checkpoint.ts';
import { MemoryRangeQueue } from './memory-range-queue.ts';
import { type PassKeeper, type PassStep, reportOf } from './pass-keeper.ts';
import { addOutcomes } from './range-outcome.ts';
import type { SyncListener } from './sync-listener.ts';
import type { PassReport } from './sync-report.ts';

export interface LoneKeeperOptions {
  readonly checkpoint: CheckpointFile;
  /** By which a checkpoint of the same work is known. */
  readonly job: string;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly told: SyncListener;
  readonly stop: AbortSignal;
}

export class LoneKeeper implements PassKeeper {
  readonly #options: LoneKeeperOptions;

  constructor(options: LoneKeeperOptions) {
    this.#options = options;
  }

  async pass(step: PassStep): Promise<PassReport> {
    const { checkpoint, job, now, told, stop } = this.#options;
    const startedAtMs = now();
    const isKept = step.kind === 'full';
    const caughtUp = await step.catchUp();
    const found = isKept && step.pass === 1 ? await checkpoint.read(job) : null;
    if (found !== null) told.warns('goes on where the sync before this one ended');
    // What the pass before had looked at was looked at too early to make good what was lost since.
    const plan = found === null ? await step.prepare() : null;
    const record = found?.record ?? {
      ranges: plan!.ranges.map((work) => ({ work, done: false })),
      outcome: plan!.outcome,
    };
    const queue: MemoryRangeQueue = new MemoryRangeQueue(record, () => {
      if (isKept) checkpoint.changed(() => ({ job, pass: step.pass, record: queue.record() }));
    });
    if (isKept) for (const { work, done } of record.ranges) told.ranges(work.shard, 1, done ? 1 : 0);
    await step.work(queue);
    const outcome = addOutcomes(caughtUp, (await queue.totals()).outcome);
    const report = reportOf(step, outcome, (now() - startedAtMs) / 1000, step.times);
    if (stop.aborted) {
      if (isKept) await checkpoint.flush();
      return report;
    }
    if (isKept) await checkpoint.remove();
    if (plan !== null) await step.finish(plan, report);
    return report;
  }

  agree<T>(_schema: unknown, ask: () => Promise<T>): Promise<T> {
    return ask();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }
}
