/** What the live table shows: the difference between two looks at the proxy. */
import type { Ratios } from '../../src/config/ratios.ts';
import type { ShardStatus } from '../../src/observe/status.ts';
import type { Scrape } from './scrape.ts';

export type ShadowState = ShardStatus['shadow']['state'];

interface Flow {
  /** A second. */
  readonly statements: number;
  readonly mirrored: number;
  readonly dropped: number;
  /** Since the start: refused by the new server, timed out or lost. */
  readonly failed: number;
  /** Statements that wait for the new server now. */
  readonly queue: number;
  readonly lagSeconds: number;
}

export interface ShardFigures extends Flow {
  readonly name: string;
  readonly ratios: Ratios;
  readonly shadow: ShadowState;
}

export interface Figures extends Flow {
  readonly shards: readonly ShardFigures[];
  /** 99th percentiles; null where nothing was answered. */
  readonly oldP99Ms: number | null;
  readonly newP99Ms: number | null;
}

export const STATEMENTS = 'understudy_statements_total';
export const MIRRORED = 'understudy_mirror_statements_total';
export const DURATIONS = 'understudy_statement_duration_seconds';
/** Outcomes of statements that reached the new server, or were on their way, and did not succeed. */
export const FAILURES = ['failed', 'timed_out', 'lost'] as const;

/** Between two looks, `before` the older one. */
export function compareScrapes(before: Scrape, now: Scrape): Figures {
  const shards = now.status.shards.map((status) => ({
    ...flowOf(before, now, { shard: status.name }),
    name: status.name,
    ratios: status.ratios,
    queue: status.queue.statements,
    lagSeconds: status.lagSeconds,
    shadow: status.shadow.state,
  }));
  return {
    ...flowOf(before, now, {}),
    queue: shards.reduce((sum, shard) => sum + shard.queue, 0),
    lagSeconds: Math.max(0, ...shards.map((shard) => shard.lagSeconds)),
    shards,
    oldP99Ms: quantileMs(before, now, 'old', 0.99),
    newP99Ms: quantileMs(before, now, 'new', 0.99),
  };
}

/** Statements that were dropped, whatever the reason. */
export function droppedOf(scrape: Scrape, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0;
  for (const [outcome, count] of scrape.sumBy(MIRRORED, 'outcome', labels)) {
    if (outcome.startsWith('dropped_')) sum += count;
  }
  return sum;
}

function flowOf(before: Scrape, now: Scrape, labels: Readonly<Record<string, string>>): Flow {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const rate = (read: (scrape: Scrape) => number) => Math.max(0, read(now) - read(before)) / seconds;
  return {
    statements: rate((scrape) => scrape.sum(STATEMENTS, labels)),
    mirrored: rate((scrape) => scrape.sum(MIRRORED, { ...labels, outcome: 'mirrored' })),
    dropped: rate((scrape) => droppedOf(scrape, labels)),
    failed: FAILURES.reduce((sum, outcome) => sum + now.sum(MIRRORED, { ...labels, outcome }), 0),
    queue: 0,
    lagSeconds: 0,
  };
}

/** Interpolated within the bucket, as Prometheus does it. */
function quantileMs(before: Scrape, now: Scrape, cluster: 'old' | 'new', quantile: number): number | null {
  const earlier = new Map(before.buckets(DURATIONS, { cluster }));
  const buckets = now
    .buckets(DURATIONS, { cluster })
    .map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)] as const);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  const rank = quantile * total;
  let [lowBound, lowCount] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      if (!Number.isFinite(bound)) return lowBound * 1000;
      const share = (rank - lowCount) / Math.max(1, count - lowCount);
      return (lowBound + (bound - lowBound) * share) * 1000;
    }
    [lowBound, lowCount] = [bound, count];
  }
  return lowBound * 1000;
}
