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
  const shards: Record<string, Ratios> = {};
  for (const shard of shardNames) {
    const pick = (kind: RatioKind): number => {
      for (const layer of layers) {
        const value = layer.shards[shard]?.[kind] ?? layer.all[kind];
        if (value !== undefined) return value;
      }
      return 0;
    };
    shards[shard] = Object.freeze({ reads: pick('reads'), writes: pick('writes'), deletes: pick('deletes') });
  }
  return Object.freeze(shards);
}

export function makeSnapshot(snapshot: ControlSnapshot): ControlSnapshot {
  return Object.freeze({ ...snapshot });
}

export function sameRatios(left: Ratios | undefined, right: Ratios | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return RATIO_KINDS.every((kind) => left[kind] === right[kind]);
}
