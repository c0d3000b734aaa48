/** What the processes of one sync write down in etcd, and where. */
import { z } from 'zod';
import { owedPassSchema } from './proxy-journals.ts';
import { type RangeOutcome, rangeOutcomeSchema } from './range-outcome.ts';
import type { SyncRange } from './range-queue.ts';
import { syncRangeSchema, writtenRange } from './range-record.ts';

/** Why a process can't go on that comes back to a job which is over. */
export const JOB_GONE =
  'the keys of this sync are gone from etcd: others have finished it while this process was taken for lost, or somebody has removed them';

/** Of one range. */
export interface SharedRange {
  readonly work: SyncRange;
  /** `taken`: someone has it, or was lost with it. */
  readonly state: 'free' | 'taken' | 'done';
  readonly outcome: RangeOutcome;
}

const sharedRangeSchema = z.strictObject({
  work: syncRangeSchema,
  state: z.enum(['free', 'taken', 'done']),
  outcome: rangeOutcomeSchema,
});

export const sharedPlanSchema = z.strictObject({
  kind: z.enum(['full', 'journal', 'keys']),
  pass: z.number(),
  /** Milliseconds since 1970. */
  startedAtMs: z.number(),
  outcome: rangeOutcomeSchema,
  owed: z.array(owedPassSchema),
});
export type SharedPlan = z.output<typeof sharedPlanSchema>;

export function writeSharedRange(range: SharedRange): string {
  return JSON.stringify({ ...range, work: writtenRange(range.work) });
}

export function readSharedRange(text: string): SharedRange {
  return sharedRangeSchema.parse(JSON.parse(text));
}

/** The keys of one step of a job. */
export interface StepKeys {
  readonly plan: string;
  /** What came of it: the step is over. */
  readonly report: string;
  /** Held by the one process that makes the plan, or the report. */
  readonly lead: string;
  readonly ranges: string;
  readonly claims: string;
  /** Of checksum queries, one key for each process. */
  readonly times: string;
  /** All of these, in one look. */
  readonly head: string;
}

const STEP_DIGITS = 6;
const INDEX_DIGITS = 6;

/** `job`: what the keys of the job begin with. */
export function stepKeys(job: string, step: number): StepKeys {
  const at = `${job}steps/${String(step).padStart(STEP_DIGITS, '0')}/`;
  return {
    plan: `${at}head/plan`,
    report: `${at}head/report`,
    lead: `${at}head/lead`,
    ranges: `${at}ranges/`,
    claims: `${at}claims/`,
    times: `${at}times/`,
    head: `${at}head/`,
  };
}

export function indexName(index: number): string {
  return String(index).padStart(INDEX_DIGITS, '0');
}
