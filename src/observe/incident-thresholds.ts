/** When incidents are too many: per threshold, reason and shard either quiet or exceeded. Bounded by those. */
import { parseDuration } from '../base/duration.ts';
import type { IncidentReason } from '../base/incident-reasons.ts';
import type { ThresholdSettings } from '../config/incidents-schema.ts';
import type { IncidentStore } from './incident-store.ts';

/** A reason and shard that came to be above a threshold. */
export interface Crossing {
  readonly reason: IncidentReason;
  readonly shard: string;
  /** How many there are in the window. */
  readonly count: number;
  readonly moreThan: number;
  readonly within: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

interface Threshold extends ThresholdSettings {
  readonly windowMs: number;
}

export class IncidentThresholds {
  readonly #thresholds: readonly Threshold[];
  readonly #exceeded = new Map<string, Crossing>();

  /** `within` of each was validated. */
  constructor(settings: readonly ThresholdSettings[]) {
    this.#thresholds = settings.map((threshold) => ({
      ...threshold,
      windowMs: parseDuration(threshold.within) ?? 0,
    }));
  }

  /** Those crossed since the last check; one stays exceeded until nothing of it is left in its window. */
  check(store: IncidentStore, nowMs: number): Crossing[] {
    const crossed: Crossing[] = [];
    const counted = new Map<number, ReturnType<IncidentStore['within']>>();
    this.#thresholds.forEach((threshold, index) => {
      const { windowMs } = threshold;
      const counts = counted.get(windowMs) ?? store.within(windowMs, nowMs);
      counted.set(windowMs, counts);
      for (const { reason, shard, count } of counts) {
        if ((threshold.reason ?? reason) !== reason || (threshold.shard ?? shard) !== shard) continue;
        const name = `${index} ${reason} ${shard}`;
        if (count === 0) this.#exceeded.delete(name);
        if (count <= threshold.moreThan || this.#exceeded.has(name)) continue;
        const { moreThan, within } = threshold;
        const crossing = { reason, shard, count, moreThan, within, atMs: nowMs };
        this.#exceeded.set(name, crossing);
        crossed.push(crossing);
      }
    });
    return crossed;
  }

  /** The crossings that are still exceeded, as they were when they came. */
  exceeded(): Crossing[] {
    return [...this.#exceeded.values()];
  }
}
