import { describe, expect, it } from 'vitest';
import { selectorsOf } from '../harness/promql.ts';

const namesOf = (expression: string) => selectorsOf(expression).map(({ name }) => name);

describe('the selectors of an expression', () => {
  it.each([
    ['up', ['up']],
    ['up == 0', ['up']],
    ['sum by (instance, shard) (rate(a_total[5m])) > 0.1', ['a_total']],
    ['sum(rate(a_total[5m])) by (kind)', ['a_total']],
    ['a / on (job) group_left () b', ['a', 'b']],
    ['a * on(job) group_left(service) b', ['a', 'b']],
    ['a and on (x) sum without (y) (b) unless c offset 5m', ['a', 'b', 'c']],
    ['histogram_quantile(0.99, sum by (le) (rate(d_bucket[1m])))', ['d_bucket']],
    ['count(a == 0) or vector(0)', ['a']],
    ['max(a) > 1e12 # b', ['a']],
    ['rate(job:a:sum[5m:1m])', ['job:a:sum']],
  ])('%s', (expression, names) => {
    expect(namesOf(expression)).toEqual(names);
  });

  it('carry their matchers, whatever stands in the strings', () => {
    expect(selectorsOf('a{x="{b}", y=~"c|d"} + b{}')).toEqual([
      { name: 'a', matchers: 'x="{b}", y=~"c|d"' },
      { name: 'b', matchers: '' },
    ]);
  });

  it('must have names', () => {
    expect(() => selectorsOf('{__name__=~"a.*"}')).toThrow('without a name');
  });
});
