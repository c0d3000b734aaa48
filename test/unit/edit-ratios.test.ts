import { expect, test } from 'vitest';
import { editRatios } from '../../src/control/file-ratio-store.ts';

const edit = (file: object, change: Partial<Parameters<typeof editRatios>[1]>): object =>
  JSON.parse(
    editRatios(JSON.stringify(file), { shard: undefined, set: {}, unset: [], overrides: 'kept', ...change }),
  );

test('a value is set beside what is there', () => {
  expect(edit({ mirror: { reads: 1, shards: { a: { reads: 2 } } } }, { set: { writes: 5 } })).toEqual({
    mirror: { reads: 1, writes: 5, shards: { a: { reads: 2 } } },
  });
});

test('the section is made where there is none', () => {
  expect(edit({ service: 'x' }, { set: { reads: 5 } })).toEqual({ service: 'x', mirror: { reads: 5 } });
  expect(edit({}, { shard: 'a', set: { reads: 5 } })).toEqual({ mirror: { shards: { a: { reads: 5 } } } });
});

test('the last value taken from a shard takes its empty sections away', () => {
  const file = { mirror: { reads: 1, shards: { a: { reads: 2 } } } };
  expect(edit(file, { shard: 'a', unset: ['reads'] })).toEqual({ mirror: { reads: 1 } });
  expect(edit(file, { unset: ['reads'] })).toEqual({ mirror: { shards: { a: { reads: 2 } } } });
});

test('overrides of the kinds that are set go where they are to be removed, and no others', () => {
  const shards = { a: { reads: 2, writes: 3 }, b: { reads: 4 } };
  const set = { reads: 0 };
  expect(edit({ mirror: { shards } }, { set, overrides: 'removed' })).toEqual({
    mirror: { reads: 0, shards: { a: { writes: 3 } } },
  });
  expect(edit({ mirror: { shards: { b: { reads: 4 } } } }, { set, overrides: 'removed' })).toEqual({
    mirror: { reads: 0 },
  });
  expect(edit({}, { set, overrides: 'removed' })).toEqual({ mirror: { reads: 0 } });
});

test('all else stays, in its order, indented by two', () => {
  const text = '{"z":{"env":"E"},"a":[1,{"b":"ü"}],"mirror":{"reads":0}}';
  expect(editRatios(text, { shard: undefined, set: { reads: 25 }, unset: [], overrides: 'kept' })).toBe(
    `${JSON.stringify({ z: { env: 'E' }, a: [1, { b: 'ü' }], mirror: { reads: 25 } }, null, 2)}\n`,
  );
});
