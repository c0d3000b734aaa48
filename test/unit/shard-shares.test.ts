import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shareOut } from '../../src/proxy/shard-shares.ts';

test('shards are dealt out in turn', () => {
  expect(shareOut(['a', 'b', 'c', 'd', 'e'], 2)).toEqual([
    ['a', 'c', 'e'],
    ['b', 'd'],
  ]);
  expect(shareOut(['a', 'b'], 8)).toEqual([['a'], ['b']]);
  expect(shareOut(['a', 'b'], 1)).toEqual([['a', 'b']]);
});

test('each shard has one owner, no worker is idle, and shares differ by one at most', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { minLength: 1 }),
      fc.integer({ min: 1, max: 128 }),
      (shards, workers) => {
        const shares = shareOut(shards, workers);
        expect(shares.flat().sort()).toEqual([...shards].sort());
        const sizes = shares.map((share) => share.length);
        expect(shares.length).toBe(Math.min(workers, shards.length));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      },
    ),
  );
});
