/** Durations in buckets, observed in a few nanoseconds and without an allocation. */
import type { Labels, Sample } from './exposition.ts';

/**
 * Upper bounds in seconds, 100 µs to 10 s. The 1-2-5 steps keep a quantile's interpolation within a factor of
 * 2.5 everywhere; a live statement of the message centre stays under the sixth. `bucketOf` counts on sixteen.
 */
export const DURATION_BUCKETS = Object.freeze([
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
]);

const bounds = Float64Array.from(DURATION_BUCKETS);

/** The index of the first bound that is not below `seconds`; the count of bounds when it is above all. */
function bucketOf(seconds: number): number {
  let low = seconds > bounds[7]! ? 8 : 0;
  if (seconds > bounds[low + 3]!) low += 4;
  if (seconds > bounds[low + 1]!) low += 2;
  if (seconds > bounds[low]!) low += 1;
  return seconds > bounds[low]! ? low + 1 : low;
}

export class DurationHistogram {
  readonly #counts = new Float64Array(bounds.length + 1);
  readonly #labels: Labels;
  #sum = 0;

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  /** What is no duration (negative, NaN, infinite) counts as 0: one of them would spoil the sum for good. */
  observe(seconds: number): void {
    const duration = seconds >= 0 && seconds < Infinity ? seconds : 0;
    this.#counts[bucketOf(duration)]! += 1;
    this.#sum += duration;
  }

  /** The lines of this series, the buckets cumulative; `name` is the family's. */
  samples(name: string): Sample[] {
    const labels = this.#labels;
    const lines: Sample[] = [];
    const metricName = `${name}_bucket`;
    let count = 0;
    for (const [index, le] of DURATION_BUCKETS.entries()) {
      count += this.#counts[index]!;
      lines.push({ labels, metricName, bucket: { le }, value: count });
    }
    count += this.#counts[bounds.length]!;
    lines.push({ labels, metricName, bucket: { le: '+Inf' }, value: count });
    lines.push({ labels, metricName: `${name}_sum`, value: this.#sum });
    lines.push({ labels, metricName: `${name}_count`, value: count });
    return lines;
  }
}
