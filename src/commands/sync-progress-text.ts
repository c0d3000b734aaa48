/** How far a sync is, in words: bars for a terminal, one plain line for everything else. Pure. */
import { sanitize } from '../control/sanitize.ts';
import type { ShardProgress, SyncProgress } from '../sync/sync-progress.ts';

const BAR_CELLS = 20;
/** Lines of a terminal that it takes at most. */
const BARS_MAX = 16;
const REASON_SHOWN = 500;

const NAMES = { full: 'full pass', journal: 'journal pass', keys: 'pass over the keys' } as const;

/** None before the first pass. Each fits into `columns`; shards that are held up or not done come first. */
export function barLines(progress: SyncProgress, columns: number): string[] {
  const { pass, shards } = progress;
  if (pass === null) return [];
  const sorted = [...shards].sort(([, left], [, right]) => rankOf(left) - rankOf(right));
  const width = Math.max(...sorted.map(([name]) => name.length));
  const lines = sorted
    .slice(0, BARS_MAX)
    .map(([name, shard]) => `${name.padEnd(width)} ${bar(shard)} ${figures(progress, name, shard)}`);
  if (sorted.length > BARS_MAX) lines.push(`and ${sorted.length - BARS_MAX} more shards`);
  // A line that wraps would not be taken back whole when it is drawn again.
  return [`${NAMES[pass.kind]} ${pass.pass}`, ...lines].map((line) => cut(line, columns - 1));
}

/** Null before the first pass. */
export function plainLine(progress: SyncProgress): string | null {
  const { pass, shards } = progress;
  if (pass === null) return null;
  let [groups, mismatched, ranges, rangesDone, rate] = [0, 0, 0, 0, 0];
  const waiting: string[] = [];
  for (const [name, shard] of shards) {
    const found = shard.everywhere ?? shard;
    groups += found.groups;
    mismatched += found.mismatched;
    ranges += shard.ranges;
    rangesDone += shard.rangesDone;
    rate += progress.rate(name);
    if (shard.waits !== null) waiting.push(`; ${name} waits: ${sanitize(shard.waits, REASON_SHOWN)}`);
  }
  const left = [...shards.keys()].map((name) => progress.secondsLeft(name));
  const known = left.filter((seconds) => seconds !== null);
  const eta = known.length < left.length ? '' : `, about ${time(Math.max(...known))} left`;
  const parts = [
    `${groups} groups so far, ${Math.round(rate)}/s, ${mismatched} mismatched`,
    ranges === 0 ? '' : `, ${rangesDone} of ${ranges} ranges${eta}`,
  ];
  return `${NAMES[pass.kind]} ${pass.pass}: ${parts.join('')}${waiting.join('')}`;
}

function rankOf({ waits, ranges, rangesDone }: ShardProgress): number {
  if (waits !== null) return 0;
  return ranges > 0 && ranges === rangesDone ? 2 : 1;
}

function bar({ ranges, rangesDone }: ShardProgress): string {
  const full = ranges === 0 ? 0 : Math.floor((rangesDone / ranges) * BAR_CELLS);
  const percent = ranges === 0 ? ' ' : `${Math.floor((rangesDone / ranges) * 100)}%`;
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}] ${percent.padStart(4)}`;
}

function figures(progress: SyncProgress, name: string, shard: ShardProgress): string {
  const { waits } = shard;
  const { groups, mismatched } = shard.everywhere ?? shard;
  const left = progress.secondsLeft(name);
  const parts = [
    `${groups} groups`,
    `${Math.round(progress.rate(name))}/s`,
    ...(left === null || left === 0 ? [] : [`ETA ${time(left)}`]),
    `${mismatched} mismatched`,
    ...(waits === null ? [] : [`waits: ${sanitize(waits, REASON_SHOWN)}`]),
  ];
  return parts.join(', ');
}

function time(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function cut(line: string, columns: number): string {
  return line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line;
}
