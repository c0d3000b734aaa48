/** How long queries took: quantiles within one percent, in memory that does not grow with their number. */
import { z } from 'zod';

/** Times are told apart from ten microseconds to three hours; what lies beyond counts as the nearest of these. */
const SECONDS_MIN = 1e-5;
const SECONDS_MAX = 10_800;
/** Each bucket's upper bound is so many times its lower one: its middle is within one percent of either. */
const STEP = 1.02;
const BUCKETS = Math.ceil(Math.log(SECONDS_MAX / SECONDS_MIN) / Math.log(STEP));

/** In seconds; all 0 where nothing was timed. */
export interface QueryTimesSummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p995: number;
  readonly max: number;
}

export const writtenTimesSchema = z.strictObject({
  max: z.number(),
  buckets: z.array(z.tuple([z.number().int().min(0), z.number()])),
});
export type WrittenTimes = z.output<typeof writtenTimesSchema>;

export class QueryTimes {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** The longest, exactly; 0 where nothing was timed. */
  get max(): number {
    return this.#max;
  }

  /** What is no duration (negative, NaN, infinite) is left out: a clock that was set back says nothing. */
  record(seconds: number): void {
    if (!(seconds >= 0 && seconds < Infinity)) return;
    this.#counts[bucketOf(seconds)]! += 1;
    this.#count += 1;
    this.#max = Math.max(this.#max, seconds);
  }

  /** Takes over all that `other` has timed. */
  add(other: QueryTimes): void {
    for (const [bucket, count] of other.#counts.entries()) this.#counts[bucket]! += count;
    this.#count += other.#count;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** As it can be written down: the buckets that hold something, and how much. */
  written(): WrittenTimes {
    const buckets = [...this.#counts.entries()].filter(([, held]) => held > 0);
    return { max: this.#max, buckets };
  }

  static of({ max, buckets }: WrittenTimes): QueryTimes {
    const times = new QueryTimes();
    times.#max = max;
    for (const [bucket, held] of buckets) {
      if (bucket >= BUCKETS) continue;
      times.#counts[bucket] = held;
      times.#count += held;
    }
    return times;
  }

  /** The time in seconds that `share` (0 to 1) of the queries took at most, by nearest rank; 0 where there is none. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    if (rank >= this.#count) return this.#max;
    let below = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      below += count;
      if (below >= rank) return Math.min(middleOf(bucket), this.#max);
    }
    return this.#max;
  }

  summary(): QueryTimesSummary {
    return {
      count: this.#count,
      p50: this.quantile(0.5),
      p99: this.quantile(0.99),
      p995: this.quantile(0.995),
      max: this.#max,
    };
  }
}

function bucketOf(seconds: number): number {
  const bucket = Math.floor(Math.log(seconds / SECONDS_MIN) / Math.log(STEP));
  return Math.min(Math.max(bucket, 0), BUCKETS - 1);
}

function middleOf(bucket: number): number {
  return SECONDS_MIN * STEP ** (bucket + 0.5);
}
