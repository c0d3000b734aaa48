/** Quantiles of query times in memory that does not grow. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QueryTimes } from '../../src/sync/query-times.ts';

const seconds = fc.double({ min: 1e-5, max: 10_000, noNaN: true });
const share = fc.constantFrom(0, 0.01, 0.5, 0.9, 0.99, 0.995, 1);

describe('query times', () => {
  it('give each quantile within one percent of the nearest rank, and the longest exactly', () => {
    fc.assert(
      fc.property(fc.array(seconds, { minLength: 1, maxLength: 300 }), share, (times, part) => {
        const taken = timesOf(times);
        const sorted = times.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(part * times.length)) - 1]!;
        expect(taken.quantile(part) / exact).toBeGreaterThan(1 / 1.0101);
        expect(taken.quantile(part) / exact).toBeLessThan(1.0101);
        expect(taken.max).toBe(sorted.at(-1));
        expect(taken.summary()).toEqual({
          count: times.length,
          p50: taken.quantile(0.5),
          p99: taken.quantile(0.99),
          p995: taken.quantile(0.995),
          max: taken.max,
        });
      }),
    );
  });

  it('of several workers are those of all their queries', () => {
    fc.assert(
      fc.property(fc.array(seconds), fc.array(seconds), share, (some, others, part) => {
        const together = timesOf(some);
        together.add(timesOf(others));
        const all = timesOf([...some, ...others]);
        expect(together.summary()).toEqual(all.summary());
        expect(together.quantile(part)).toBe(all.quantile(part));
      }),
    );
  });

  it('are 0 where nothing was timed, and leave out what is no duration', () => {
    const times = timesOf([Number.NaN, -1, Infinity]);
    expect(times.summary()).toEqual({ count: 0, p50: 0, p99: 0, p995: 0, max: 0 });
  });

  it('count what is too short or too long to be told apart as the nearest that is not', () => {
    const times = timesOf([0, 1e-9, 1e6]);
    expect(times.quantile(0.5)).toBeCloseTo(1e-5, 6);
    expect(times.count).toBe(3);
    expect(times.max).toBe(1e6);
  });
});

function timesOf(all: readonly number[]): QueryTimes {
  const times = new QueryTimes();
  for (const one of all) times.record(one);
  return times;
}
