/** The incidents of several proxies as those of one. Pure. */
import type { ExceededThreshold, IncidentsAnswer, IncidentView } from '../observe/incident-report.ts';

const LATEST_SHOWN = 5;

/** The same group of several proxies becomes one; the latest first. */
export function mergeIncidents(answers: readonly IncidentsAnswer[]): IncidentView[] {
  const merged = new Map<string, IncidentView>();
  for (const incident of answers.flatMap(({ incidents }) => incidents)) {
    const { reason, shard, digest, code, others } = incident;
    const name = `${reason} ${shard} ${digest?.id ?? ''} ${code ?? ''} ${others}`;
    const known = merged.get(name);
    merged.set(name, known === undefined ? incident : join(known, incident));
  }
  return [...merged.values()].sort((left, right) => right.lastSeen.localeCompare(left.lastSeen));
}

function join(left: IncidentView, right: IncidentView): IncidentView {
  return {
    ...left,
    firstSeen: inOrder(left.firstSeen, right.firstSeen)[0],
    lastSeen: inOrder(left.lastSeen, right.lastSeen)[1],
    total: left.total + right.total,
    lastHour: left.lastHour + right.lastHour,
    minutes: sumOf(left.minutes, right.minutes),
    hours: sumOf(left.hours, right.hours),
    shards: sumByShard(left.shards, right.shards),
    latest: [...left.latest, ...right.latest]
      .sort((one, other) => other.at.localeCompare(one.at))
      .slice(0, LATEST_SHOWN),
    stale: left.stale || right.stale,
  };
}

/** ISO times of one form, the earlier first. */
function inOrder(left: string, right: string): [string, string] {
  return left.localeCompare(right) <= 0 ? [left, right] : [right, left];
}

/** Each ends with the present minute or hour. */
function sumOf(left: readonly number[], right: readonly number[]): number[] {
  const length = Math.max(left.length, right.length);
  return Array.from(
    { length },
    (_, index) => (left.at(index - length) ?? 0) + (right.at(index - length) ?? 0),
  );
}

function sumByShard(
  left: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = new Map(Object.entries(left));
  for (const [shard, count] of Object.entries(right)) sums.set(shard, (sums.get(shard) ?? 0) + count);
  return Object.fromEntries(sums);
}

/** Each proxy holds its own incidents against the thresholds; the latest crossing first. */
export function mergeExceeded(answers: readonly IncidentsAnswer[]): ExceededThreshold[] {
  return answers
    .flatMap(({ exceeded }) => exceeded)
    .sort((left, right) => right.since.localeCompare(left.since));
}
