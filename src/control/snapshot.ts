/** From layers of settings to the frozen ratios of every shard. Pure. */
import { type ControlSnapshot, RATIO_KINDS, type RatioKind, type Ratios } from '../config/ratios.ts';

export type PartialRatios = { readonly [kind in RatioKind]?: number | undefined };

/** One source's settings: values for all shards, and values that differ for single ones. */
export interface RatioLayer {
  readonly all: PartialRatios;
  readonly shards: Readonly<Record<string, PartialRatios>>;
}

/** The file's `mirror` section as a layer. */
export function fileLayer(
  mirror: Ratios & { readonly shards?: Readonly<Record<string, PartialRatios>> | undefined },
): RatioLayer {
  return { all: mirror, shards: mirror.shards ?? {} };
}

/**
 * The ratios of each of `shardNames`. The first layer that says anything about a shard and kind wins;
 * within a layer the shard's own value comes before the one for all. Nothing said anywhere is 0.
 */
export function resolveRatios(
  shardNames: readonly string[],
  layers: readonly RatioLayer[],
): Readonly<Record<string, Ratios>> {
  const shards = shardNames.map((shard) => [shard, resolveShard(layers, shard)] as const);
  return Object.freeze(Object.fromEntries(shards));
}

/** The ratios of a shard that no layer says anything special about. */
export function baseRatios(layers: readonly RatioLayer[]): Ratios {
  return resolveShard(layers, undefined);
}

function resolveShard(layers: readonly RatioLayer[], shard: string | undefined): Ratios {
  const pick = (kind: RatioKind): number => {
    for (const { all, shards } of layers) {
      const value = (shard === undefined ? undefined : shards[shard]?.[kind]) ?? all[kind];
      if (value !== undefined) return value;
    }
    return 0;
  };
  return Object.freeze({ reads: pick('reads'), writes: pick('writes'), deletes: pick('deletes') });
}

export function makeSnapshot(snapshot: ControlSnapshot): ControlSnapshot {
  return Object.freeze({ ...snapshot });
}

export function sameRatios(left: Ratios | undefined, right: Ratios | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return RATIO_KINDS.every((kind) => left[kind] === right[kind]);
}
