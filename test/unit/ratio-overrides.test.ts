import { expect, test } from 'vitest';
import { overrideWarnings } from '../../src/commands/ratio-overrides.ts';
import type { RatioChange, RatioState } from '../../src/control/ratio-store.ts';

const NONE = { reads: 0, writes: 0, deletes: 0 };

function stateWith(overrides: RatioState['overrides']): RatioState {
  const shards = { s00: NONE, s01: NONE };
  return {
    ...{ place: 'etcd', source: 'etcd', revision: 1, all: NONE },
    ...{ shards, overrides, refused: [], proxies: [] },
  };
}

const change = (set: RatioChange['set'], shard?: string): RatioChange => ({
  ...{ shard, set, unset: [], overrides: 'kept' },
});

const OVERRIDDEN = stateWith({ s00: { reads: 50, writes: 0 }, s01: { deletes: 7, writes: 3 } });

test('each override that differs is named with the command that takes it back', () => {
  expect(overrideWarnings(change({ reads: 0, writes: 0 }), OVERRIDDEN, 'proxy.config.json')).toEqual([
    'warning: what was set is not in force everywhere; shards keep ratios of their own:',
    '  s00 reads=50, not 0; take it back: understudy ratio unset reads --shard s00',
    '  s01 writes=3, not 0; take it back: understudy ratio unset writes --shard s01',
    '  all at once: understudy ratio set reads=0 writes=0 --all',
  ]);
});

test('the commands name the configuration where it is not the default one', () => {
  const [, line] = overrideWarnings(change({ reads: 0 }), OVERRIDDEN, "it's here.json");
  expect(line).toMatch(/--shard s00 --config 'it'\\''s here\.json'$/);
});

test('nothing is said of equal values, of other kinds, or of a change of one shard', () => {
  expect(overrideWarnings(change({ reads: 50 }), OVERRIDDEN, 'c')).toEqual([]);
  expect(overrideWarnings(change({ writes: 3 }), stateWith({ s00: { reads: 5 } }), 'c')).toEqual([]);
  expect(overrideWarnings(change({ reads: 0 }, 's01'), OVERRIDDEN, 'c')).toEqual([]);
});
