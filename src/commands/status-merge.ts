/** One picture of the service from the reports of its proxies. Pure. */
import type { Ratios } from '../config/ratios.ts';
import { sameRatios } from '../control/snapshot.ts';
import { reportsOf } from '../observe/admin-fetch.ts';
import type { MismatchSample, SchemaDifference, ShardStatus } from '../observe/status.ts';
import type { ProxyStatus } from './status-fetch.ts';

const SAMPLES_SHOWN = 3;

/** From the best to the worst: the merged state of a shard is the worst that a proxy reports. */
const SHADOW_STATES = [
  'idle',
  'up',
  'recovering',
  'down',
] as const satisfies readonly ShardStatus['shadow']['state'][];

/** A shard as all proxies that serve it see it. */
export interface MergedShard {
  readonly name: string;
  readonly proxies: number;
  /** Each different setting once: more than one while a change is on its way. */
  readonly ratios: readonly Ratios[];
  readonly shadow: ShardStatus['shadow']['state'];
  readonly connections: number;
  /** The longest. */
  readonly lagSeconds: number;
  readonly queue: { readonly statements: number; readonly bytes: number };
  /** Each proxy has a journal of its own; a key in two of them counts twice. */
  readonly journalKeys: number;
  readonly journalReset: boolean;
  /** Why a full pass is owed, by one of them; null where none owes it, or none tells. */
  readonly journalResetReason: string | null;
  /** On disk, of all proxies. */
  readonly journalBytes: number;
  /** Why one of them can't be written just now; null where all can. */
  readonly journalFailing: string | null;
  readonly doubts: Readonly<Record<string, number>>;
  /** The latest that a proxy had, also where the shadow is up again. */
  readonly shadowError: ShadowError | undefined;
  /** Sums, without the outcomes that never came. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly mismatches: Readonly<Record<string, number>>;
  /** The latest few, newest first. */
  readonly latestMismatches: readonly MismatchSample[];
  /** The most frequent first, as in the next. */
  readonly doubtCauses: ShardStatus['doubtCauses'];
  readonly straddles: ShardStatus['straddles'];
  /** What the new server's tables have otherwise, as any proxy tells it. */
  readonly schemaDifferences: readonly SchemaDifference[];
  /** False: a proxy could not read them yet. */
  readonly newSchemaKnown: boolean;
}

export interface ShadowError {
  readonly reason: string;
  /** ISO time; null from a proxy that does not tell it. */
  readonly at: string | null;
}

/** In the order in which the first proxy that serves it lists it. */
export function mergeShards(proxies: readonly ProxyStatus[]): MergedShard[] {
  const byName = new Map<string, ShardStatus[]>();
  for (const shard of reportsOf(proxies).flatMap(({ shards }) => shards))
    byName.set(shard.name, [...(byName.get(shard.name) ?? []), shard]);
  return [...byName].map(([name, shards]) => mergeShard(name, shards));
}

function mergeShard(name: string, shards: readonly ShardStatus[]): MergedShard {
  const sum = (value: (shard: ShardStatus) => number): number =>
    shards.reduce((total, shard) => total + value(shard), 0);
  return {
    name,
    proxies: shards.length,
    ratios: distinctRatios(shards),
    shadow: SHADOW_STATES.findLast((state) => shards.some((shard) => shard.shadow.state === state)) ?? 'idle',
    connections: sum((shard) => shard.connections),
    lagSeconds: Math.max(...shards.map((shard) => shard.lagSeconds)),
    queue: { statements: sum((shard) => shard.queue.statements), bytes: sum((shard) => shard.queue.bytes) },
    journalKeys: sum((shard) => shard.journal.keys),
    journalReset: shards.some((shard) => shard.journal.reset),
    journalResetReason:
      shards.find((shard) => shard.journal.resetReason !== null)?.journal.resetReason ?? null,
    journalBytes: sum((shard) => shard.journal.bytes),
    journalFailing: shards.find((shard) => shard.journal.failing !== null)?.journal.failing ?? null,
    doubts: sumCounts(shards.map((shard) => shard.journal.byReason)),
    shadowError: latestError(shards),
    outcomes: sumCounts(shards.map((shard) => shard.outcomes)),
    mismatches: sumCounts(shards.map((shard) => shard.mismatches)),
    latestMismatches: shards
      .flatMap((shard) => shard.latestMismatches)
      .sort((left, right) => right.at.localeCompare(left.at))
      .slice(0, SAMPLES_SHOWN),
    doubtCauses: sumCauses(shards),
    straddles: sumStraddles(shards),
    schemaDifferences: distinctDifferences(shards),
    newSchemaKnown: shards.every(({ schema }) => schema.newKnown),
  };
}

function latestError(shards: readonly ShardStatus[]): ShadowError | undefined {
  return shards
    .flatMap(({ shadow }) =>
      shadow.lastError === null ? [] : [{ reason: shadow.lastError, at: shadow.lastErrorAt }],
    )
    .sort((left, right) => (right.at ?? '').localeCompare(left.at ?? ''))[0];
}

function sumCauses(shards: readonly ShardStatus[]): ShardStatus['doubtCauses'] {
  const sums = new Map<string, ShardStatus['doubtCauses'][number]>();
  for (const cause of shards.flatMap((shard) => shard.doubtCauses)) {
    const name = `${cause.reason} ${cause.digest}`;
    sums.set(name, { ...cause, count: cause.count + (sums.get(name)?.count ?? 0) });
  }
  return [...sums.values()].sort((left, right) => right.count - left.count);
}

function sumStraddles(shards: readonly ShardStatus[]): ShardStatus['straddles'] {
  const sums = new Map<string, number>();
  for (const { digest, count } of shards.flatMap((shard) => shard.straddles)) {
    sums.set(digest, (sums.get(digest) ?? 0) + count);
  }
  return [...sums]
    .map(([digest, count]) => ({ digest, count }))
    .sort((left, right) => right.count - left.count);
}

function distinctDifferences(shards: readonly ShardStatus[]): SchemaDifference[] {
  const all = shards.flatMap(({ schema }) => schema.differences);
  return [...new Map(all.map((difference) => [JSON.stringify(difference), difference])).values()];
}

function distinctRatios(shards: readonly ShardStatus[]): Ratios[] {
  const distinct: Ratios[] = [];
  for (const { ratios } of shards) {
    if (!distinct.some((known) => sameRatios(known, ratios))) distinct.push(ratios);
  }
  return distinct;
}

function sumCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of all.flatMap((counts) => Object.entries(counts))) {
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...sums].filter(([, count]) => count !== 0));
}
