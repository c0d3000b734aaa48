import { expect, it } from 'vitest';
import { DoubtCauses } from '../../src/mirror/doubt-causes.ts';

const plan = (id: string) => ({ id, digest: `UPDATE ${id}` });

it('counts statements by reason and digest, the most frequent first, and none that the ratio left out', () => {
  const causes = new DoubtCauses();
  for (const [reason, id] of [
    ['overlap', 'a'],
    ['hazard', 'a'],
    ['not_sampled', 'b'],
    ['hazard', 'a'],
    ['hazard', 'c'],
    ['hazard', 'c'],
    ['hazard', 'c'],
  ] as const)
    causes.add(reason, plan(id));
  expect(causes.list()).toEqual([
    { reason: 'hazard', digest: 'UPDATE c', count: 3 },
    { reason: 'hazard', digest: 'UPDATE a', count: 2 },
    { reason: 'overlap', digest: 'UPDATE a', count: 1 },
  ]);
});

it('is bounded, and goes on to count what it knows', () => {
  const causes = new DoubtCauses();
  for (let number = 0; number < 10_000; number++) causes.add('hazard', plan(`t${number}`));
  causes.add('hazard', plan('t0'));
  causes.add('failed', plan('t0'));
  const list = causes.list();
  expect(list).toHaveLength(100);
  expect(list[0]).toEqual({ reason: 'hazard', digest: 'UPDATE t0', count: 2 });
});
