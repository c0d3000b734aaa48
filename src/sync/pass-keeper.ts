/** How a pass is kept: what is left of it to do, and what came of it, for one process or for several that share it. */
import type { z } from 'zod';
import type { OwedPass } from './proxy-journals.ts';
import type { QueryTimes } from './query-times.ts';
import type { RangeOutcome } from './range-outcome.ts';
import type { RangeQueue, SyncRange } from './range-queue.ts';
import type { PassKind, PassReport } from './sync-report.ts';

/** What there is to do in a pass. */
export interface PassPlan {
  readonly ranges: readonly SyncRange[];
  /** What could not even be begun. */
  readonly outcome: RangeOutcome;
  /** What a pass that finds everything the same or repairs it makes good. */
  readonly owed: readonly OwedPass[];
}

export interface PassStep {
  readonly kind: PassKind;
  /** From 1. */
  readonly pass: number;
  /** Of this process. */
  readonly times: QueryTimes;
  /** Waits until nothing is on its way any more that a sync before may have half seen; what went wrong. */
  catchUp(): Promise<RangeOutcome>;
  prepare(): Promise<PassPlan>;
  /** Until nothing is left in it, or the sync is to stop. */
  work(queue: RangeQueue): Promise<void>;
  /** Every range is over. */
  finish(plan: PassPlan, report: PassReport): Promise<void>;
}

export interface PassKeeper {
  /** What came of it everywhere; where the sync is to stop, what is known by then. */
  pass(step: PassStep): Promise<PassReport>;
  /** One answer for all who share the sync, also for those who come later. */
  agree<T>(schema: z.ZodType<T>, ask: () => Promise<T>): Promise<T>;
  /** The sync has come to its end, or this process leaves it. */
  end(how: 'finished' | 'left'): Promise<void>;
}

/** With what it keeps open. */
export interface OpenedKeeper {
  readonly keeper: PassKeeper;
  close(): void;
}

export function reportOf(
  { kind, pass }: Pick<PassStep, 'kind' | 'pass'>,
  { counts, failures, failed, journal, takenOver }: RangeOutcome,
  seconds: number,
  times: QueryTimes,
): PassReport {
  return { kind, pass, counts, failures, failed, journal, takenOver, seconds, checksums: times.summary() };
}
