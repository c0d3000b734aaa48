/** The primary's clock, as far as it can be told from here: an offset to ours, and how wrong it may be. */

export interface ClockReading {
  /** Added to a time of our monotonic clock, in milliseconds: milliseconds since 1970 on the primary. */
  readonly offsetMs: number;
  /** The primary's clock then stands within so much of it, either way. */
  readonly errorMs: number;
}

export interface ClockSample {
  /** Monotonic milliseconds, before the question and behind the answer. */
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  /** What the primary said: milliseconds since 1970. */
  readonly primaryMs: number;
}

/** How far apart two clocks may run, both slewed by NTP as hard as it does (500 ppm each). */
const DRIFT_MAX = 0.001;
/** The server tells microseconds, and a double of milliseconds since 1970 holds about a quarter of one. */
const RESOLUTION_MS = 0.002;

/** Half the round trip is what can't be told of a sample, wherever in it the server looked at its clock. */
export function readingOf({ askedAtMs, answeredAtMs, primaryMs }: ClockSample): ClockReading {
  return {
    offsetMs: primaryMs - (askedAtMs + answeredAtMs) / 2,
    errorMs: (answeredAtMs - askedAtMs) / 2 + RESOLUTION_MS,
  };
}

export class PrimaryClock {
  #best: { readonly reading: ClockReading; readonly atMs: number } | null = null;

  /**
   * Takes samples of one moment; the best of them counts. False: the primary's clock was set meanwhile, so that
   * what was read of it before was wrong for some time.
   */
  learn(samples: readonly ClockSample[]): boolean {
    const found = samples.map((sample) => ({ reading: readingOf(sample), atMs: sample.answeredAtMs }));
    const [best] = found.sort((a, b) => a.reading.errorMs - b.reading.errorMs);
    if (best === undefined) return true;
    const expected = this.at(best.atMs);
    this.#best = best;
    if (expected === null) return true;
    const apart = Math.abs(expected.offsetMs - best.reading.offsetMs);
    return apart <= expected.errorMs + best.reading.errorMs;
  }

  /** What holds at `nowMs`, monotonic: the older the samples, the wider the error. Null: never read. */
  at(nowMs: number): ClockReading | null {
    if (this.#best === null) return null;
    const { reading, atMs } = this.#best;
    return {
      offsetMs: reading.offsetMs,
      errorMs: reading.errorMs + Math.abs(nowMs - atMs) * DRIFT_MAX,
    };
  }
}

/**
 * The second since 1970 that the primary's clock showed all the while between two moments of our monotonic clock;
 * null: it may have changed meanwhile, or the clock is not known.
 */
export function secondOf(reading: ClockReading | null, fromMs: number, toMs: number): number | null {
  if (reading === null) return null;
  const { offsetMs, errorMs } = reading;
  const second = Math.floor((fromMs + offsetMs - errorMs) / 1000);
  return Math.floor((toMs + offsetMs + errorMs) / 1000) === second ? second : null;
}
