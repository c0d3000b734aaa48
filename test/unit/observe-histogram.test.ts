import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { DURATION_BUCKETS, DurationHistogram } from '../../src/observe/histogram.ts';

const NAME = 'seconds';

interface Line {
  readonly name: string;
  readonly le: string;
  readonly value: number;
}

/** What prom-client's own histogram makes of the same observations. */
async function oracle(observations: readonly number[]): Promise<Line[]> {
  const histogram = new Histogram({
    name: NAME,
    help: 'x',
    labelNames: ['kind'],
    buckets: [...DURATION_BUCKETS],
    registers: [new Registry()],
  });
  histogram.zero({ kind: 'read' });
  for (const seconds of observations) histogram.observe({ kind: 'read' }, seconds);
  const { values } = await histogram.get();
  return values.map((line) => ({
    name: line.metricName ?? NAME,
    le: 'le' in line.labels ? String(line.labels.le) : '',
    value: line.value,
  }));
}

function ours(observations: readonly number[]): Line[] {
  const histogram = new DurationHistogram({ kind: 'read' });
  for (const seconds of observations) histogram.observe(seconds);
  return histogram.samples(NAME).map((line) => ({
    name: line.metricName ?? NAME,
    le: String(line.bucket?.le ?? ''),
    value: line.value,
  }));
}

describe('a duration histogram', () => {
  it('has the sixteen bounds that its search counts on, rising', () => {
    expect(DURATION_BUCKETS).toHaveLength(16);
    expect([...DURATION_BUCKETS].sort((a, b) => a - b)).toEqual(DURATION_BUCKETS);
  });

  it('reads as zeros before the first observation', async () => {
    expect(ours([])).toEqual(await oracle([]));
  });

  it('puts a duration on a bound, and just beside it, where prom-client does', async () => {
    const edges = DURATION_BUCKETS.flatMap((bound) => [bound, bound * (1 + 1e-12), bound * (1 - 1e-12)]);
    for (const edge of [0, ...edges, 11, 1e6]) expect(ours([edge]), `${edge}`).toEqual(await oracle([edge]));
  });

  it('agrees with prom-client on any observations', async () => {
    const seconds = fc.oneof(
      fc.double({ min: 0, max: 20, noNaN: true }),
      fc.double({ min: -5, max: 2, noNaN: true }).map((exponent) => 10 ** exponent),
      fc.constantFrom(...DURATION_BUCKETS),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(seconds, { maxLength: 60 }), async (observations) => {
        expect(ours(observations)).toEqual(await oracle(observations));
      }),
    );
  });

  it.each([Number.NaN, -1, Infinity])('counts %s as 0 and keeps its sum a number', (odd) => {
    const lines = ours([odd, 0.25]);
    expect(lines.find((line) => line.name === `${NAME}_sum`)?.value).toBe(0.25);
    expect(lines.find((line) => line.name === `${NAME}_count`)?.value).toBe(2);
    expect(lines.find((line) => line.le === '0.0001')?.value).toBe(1);
  });
});
