import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RATIO_KINDS } from '../../src/config/ratios.ts';
import { baseRatios, makeSnapshot, type RatioLayer, resolveRatios } from '../../src/control/snapshot.ts';

const SHARDS = ['s00', 's01'];

const FILE: RatioLayer = { all: { reads: 1, writes: 2, deletes: 3 }, shards: { s01: { reads: 11 } } };

describe('which value counts', () => {
  const cases: [string, RatioLayer, string, object][] = [
    ['etcd says nothing: the file', { all: {}, shards: {} }, 's00', { reads: 1, writes: 2, deletes: 3 }],
    [
      'etcd says nothing: the file’s own value of the shard',
      { all: {}, shards: {} },
      's01',
      { reads: 11, writes: 2, deletes: 3 },
    ],
    [
      'etcd’s value for all comes before the file’s',
      { all: { writes: 50 }, shards: {} },
      's00',
      { reads: 1, writes: 50, deletes: 3 },
    ],
    [
      'also before the file’s own value of the shard',
      { all: { reads: 50 }, shards: {} },
      's01',
      { reads: 50, writes: 2, deletes: 3 },
    ],
    [
      'etcd’s own value of the shard comes first',
      { all: { reads: 50 }, shards: { s01: { reads: 99 } } },
      's01',
      { reads: 99, writes: 2, deletes: 3 },
    ],
    [
      'and counts for that shard alone',
      { all: { reads: 50 }, shards: { s01: { reads: 99 } } },
      's00',
      { reads: 50, writes: 2, deletes: 3 },
    ],
    [
      'zero is a value',
      { all: { reads: 50 }, shards: { s01: { reads: 0 } } },
      's01',
      { reads: 0, writes: 2, deletes: 3 },
    ],
  ];
  test.each(cases)('%s', (_name, etcd, shard, expected) => {
    expect(resolveRatios(SHARDS, [etcd, FILE])[shard]).toEqual(expected);
  });

  test('nothing said anywhere is 0', () => {
    expect(baseRatios([])).toEqual({ reads: 0, writes: 0, deletes: 0 });
  });

  test('a shard that no one has is left out', () => {
    expect(Object.keys(resolveRatios(['s00'], [FILE]))).toEqual(['s00']);
  });
});

test('a snapshot and all in it are frozen', () => {
  const shards = resolveRatios(SHARDS, [FILE]);
  const snapshot = makeSnapshot({ source: 'etcd', connected: true, revision: 1, appliedAtMs: 0, shards });
  expect(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.shards)).toBe(true);
  for (const ratios of Object.values(snapshot.shards)) expect(Object.isFrozen(ratios)).toBe(true);
});

test('each value is one that a layer says, and the topmost layer that speaks is obeyed', () => {
  const partial = fc.record(
    { reads: fc.integer(), writes: fc.integer(), deletes: fc.integer() },
    { requiredKeys: [] },
  );
  const layer = fc.record({
    all: partial,
    shards: fc.record({ s00: partial, s01: partial }, { requiredKeys: [] }),
  });
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 3 }), (layers) => {
      const shards = resolveRatios(SHARDS, layers);
      for (const shard of ['s00', 's01'] as const) {
        for (const kind of RATIO_KINDS) {
          const said = layers.flatMap((from) => [from.shards[shard]?.[kind], from.all[kind]]);
          expect(shards[shard]?.[kind]).toBe(said.find((value) => value !== undefined) ?? 0);
        }
      }
    }),
  );
});
