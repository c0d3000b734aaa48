/** What came of a range, or of many: figures and failures that add up over ranges, workers and machines. */
import { z } from 'zod';
import { shownKey } from './group-join.ts';
import type { GroupOutcome } from './group-outcome.ts';
import { addCounts, countsOf, NO_COUNTS, type PassCounts, passCountsSchema } from './pass-counts.ts';
import type { PassFailure, PassReport } from './sync-report.ts';

export interface RangeOutcome {
  readonly counts: PassCounts;
  /** The first of them; `failed` counts all. */
  readonly failures: readonly PassFailure[];
  readonly failed: number;
  /** Null: it did not go by a journal. */
  readonly journal: PassReport['journal'];
  /** How often a range went on with one process that another one was lost with. */
  readonly takenOver: number;
}

export const NO_OUTCOME: RangeOutcome = Object.freeze({
  counts: NO_COUNTS,
  failures: Object.freeze([]),
  failed: 0,
  journal: null,
  takenOver: 0,
});

/** Of a range that a process was lost with: what that one had repaired last, it may not have told. */
export const TAKEN_OVER: RangeOutcome = Object.freeze({ ...NO_OUTCOME, takenOver: 1 });

const FAILURES_MAX = 20;
const REASON_CHARACTERS = 1000;

const count = z.number().int().min(0);

export const rangeOutcomeSchema: z.ZodType<RangeOutcome> = z.strictObject({
  counts: passCountsSchema,
  failures: z.array(z.strictObject({ shard: z.string(), table: z.string(), reason: z.string() })),
  failed: count,
  journal: z.strictObject({ entries: count, settled: count, kept: count }).nullable(),
  // Checkpoints of older versions have none.
  takenOver: count.default(0),
});

export function addOutcomes(left: RangeOutcome, right: RangeOutcome): RangeOutcome {
  return {
    counts: addCounts(left.counts, right.counts),
    failures: [...left.failures, ...right.failures].slice(0, FAILURES_MAX),
    failed: left.failed + right.failed,
    journal: addJournals(left.journal, right.journal),
    takenOver: left.takenOver + right.takenOver,
  };
}

/** A table that could not be gone through, or whatever else went wrong. */
export function failureOf(shard: string, table: string, reason: string): RangeOutcome {
  const failure = { shard, table, reason: reason.slice(0, REASON_CHARACTERS) };
  return { ...NO_OUTCOME, failures: [failure], failed: 1 };
}

/** `groups`: all that were compared, those of the outcomes among them. */
export function outcomeOf(
  { shard, table }: { readonly shard: string; readonly table: string },
  groups: number,
  outcomes: readonly GroupOutcome[],
): RangeOutcome {
  const failed = outcomes
    .filter(({ result }) => result === 'failed')
    .map(({ key, reason }) =>
      failureOf(shard, table, `the group ${shownKey(key)}: ${reason ?? 'no reason'}`),
    );
  return failed.reduce(addOutcomes, { ...NO_OUTCOME, counts: countsOf(groups, outcomes) });
}

function addJournals(left: RangeOutcome['journal'], right: RangeOutcome['journal']): RangeOutcome['journal'] {
  if (left === null || right === null) return left ?? right;
  return {
    entries: left.entries + right.entries,
    settled: left.settled + right.settled,
    kept: left.kept + right.kept,
  };
}
