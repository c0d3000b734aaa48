/** What `GET /api/incidents` asks and answers, and how the answer is made of the groups. */
import { z } from 'zod';
import { parseDuration } from '../base/duration.ts';
import { RequestFault } from '../base/errors.ts';
import { INCIDENT_REASON_NAMES, type IncidentReason } from '../base/incident-reasons.ts';
import type { IncidentGroup } from './incident-group.ts';
import type { Crossing } from './incident-thresholds.ts';

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;
const LAST_HOUR = 60;

export interface IncidentView {
  readonly reason: IncidentReason;
  /** `*`: of no single shard. */
  readonly shard: string;
  readonly digest: { readonly id: string; readonly text: string } | null;
  /** MySQL's error number. */
  readonly code: number | null;
  /** Of the reason and shard, all that has no group of its own. */
  readonly others: boolean;
  /** ISO times. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly total: number;
  readonly lastHour: number;
  /** Counts by the minute and by the hour, the oldest first; the last is the present one. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** Totals by shard of all groups of this reason, digest and code. */
  readonly shards: Readonly<Record<string, number>>;
  /** The newest first. */
  readonly latest: readonly IncidentOccurrence[];
  /** The shard's worker does not answer just now: newer ones may be missing. */
  readonly stale: boolean;
}

export interface IncidentOccurrence {
  /** ISO time. */
  readonly at: string;
  readonly table: string | null;
  readonly key: string | null;
  readonly message: string;
  /** The statement, with `logLiterals`. */
  readonly sql: string | null;
}

export interface ExceededThreshold {
  readonly reason: IncidentReason;
  readonly shard: string;
  /** ISO time of the crossing, and how many there were then. */
  readonly since: string;
  readonly count: number;
  readonly moreThan: number;
  readonly within: string;
}

export interface IncidentsAnswer {
  /** ISO time. */
  readonly at: string;
  /** How many groups the filters let through; `incidents` holds the newest `limit` of them. */
  readonly matching: number;
  readonly incidents: readonly IncidentView[];
  readonly exceeded: readonly ExceededThreshold[];
}

export interface IncidentQuery {
  readonly shard: string | undefined;
  readonly reason: IncidentReason | undefined;
  /** Milliseconds since 1970: groups last seen before are left out. */
  readonly sinceMs: number;
  readonly limit: number;
}

const querySchema = z.strictObject({
  shard: z.string().optional(),
  reason: z.enum(INCIDENT_REASON_NAMES).optional(),
  since: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
});

/** Reads the query of a request. Throws RequestFault, naming the parameter. */
export function readIncidentQuery(query: unknown, nowMs: number): IncidentQuery {
  const parsed = querySchema.safeParse(query);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'query'}: ${message}`);
    throw new RequestFault(faults.join('; '));
  }
  const { since, shard, reason, limit } = parsed.data;
  return { shard, reason, limit, sinceMs: since === undefined ? 0 : sinceMsOf(since, nowMs) };
}

function sinceMsOf(since: string, nowMs: number): number {
  const agoMs = parseDuration(since);
  const atMs = agoMs === null ? Date.parse(since) : nowMs - agoMs;
  if (Number.isNaN(atMs)) throw new RequestFault('since: must be a time such as "1h", or an ISO time');
  return atMs;
}

export interface AnswerFacts {
  readonly groups: readonly IncidentGroup[];
  readonly exceeded: readonly Crossing[];
  /** Shards whose worker does not answer. */
  readonly silent: ReadonlySet<string>;
  readonly nowMs: number;
}

/** The groups that the query lets through, the newest first. */
export function answerIncidents(query: IncidentQuery, facts: AnswerFacts): IncidentsAnswer {
  const { groups, exceeded, nowMs } = facts;
  const matching = groups
    .filter(({ identity, lastMs }) => matches(identity, query) && lastMs >= query.sinceMs)
    .sort((left, right) => right.lastMs - left.lastMs);
  const histograms = shardHistograms(groups);
  return {
    at: isoTime(nowMs),
    matching: matching.length,
    incidents: matching.slice(0, query.limit).map((group) => viewOf(group, histograms, facts)),
    exceeded: exceeded.filter((crossing) => matches(crossing, query)).map(exceededOf),
  };
}

function matches(
  { reason, shard }: { readonly reason: IncidentReason; readonly shard: string },
  query: IncidentQuery,
): boolean {
  return (query.shard ?? shard) === shard && (query.reason ?? reason) === reason;
}

function viewOf(
  group: IncidentGroup,
  histograms: ReadonlyMap<string, Record<string, number>>,
  { silent, nowMs }: AnswerFacts,
): IncidentView {
  const minutes = group.minutes.latest(nowMs);
  return {
    ...group.identity,
    firstSeen: isoTime(group.firstMs),
    lastSeen: isoTime(group.lastMs),
    total: group.total,
    lastHour: minutes.slice(-LAST_HOUR).reduce((sum, count) => sum + count, 0),
    minutes,
    hours: group.hours.latest(nowMs),
    shards: histograms.get(kindOf(group)) ?? {},
    latest: group.latest.map(({ atMs, ...rest }) => ({ at: isoTime(atMs), ...rest })),
    stale: silent.has(group.identity.shard),
  };
}

function shardHistograms(groups: readonly IncidentGroup[]): Map<string, Record<string, number>> {
  const histograms = new Map<string, Record<string, number>>();
  for (const group of groups) {
    const kind = kindOf(group);
    const counts = histograms.get(kind) ?? {};
    const { shard } = group.identity;
    counts[shard] = (counts[shard] ?? 0) + group.total;
    histograms.set(kind, counts);
  }
  return histograms;
}

/** What the groups of one fault on several shards have in common. */
function kindOf({ identity: { reason, digest, code, others } }: IncidentGroup): string {
  return `${reason} ${digest?.id ?? ''} ${code ?? ''} ${others ? 'others' : ''}`;
}

function exceededOf({ reason, shard, count, moreThan, within, atMs }: Crossing): ExceededThreshold {
  return { reason, shard, since: isoTime(atMs), count, moreThan, within };
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
