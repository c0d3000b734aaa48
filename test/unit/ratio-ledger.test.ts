import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ratioKey, readControlKey } from '../../src/control/control-keys.ts';
import { EMPTY_LEDGER, foldRead, type KeyValue, type RatioLedger } from '../../src/control/ratio-ledger.ts';

const PREFIX = '/understudy/t/';
const NAMES = { prefix: PREFIX, shards: ['s00', 's01'] };

function item(key: string, value: string, modRevision: number): KeyValue {
  return { key: `${PREFIX}${key}`, value, modRevision: String(modRevision) };
}

function fold(before: RatioLedger, ...items: KeyValue[]) {
  return foldRead(before, items, NAMES);
}

test('values for all and for single shards become a layer', () => {
  const folded = fold(
    EMPTY_LEDGER,
    item('mirror/reads', '25', 2),
    item('shards/s01/mirror/writes', '0.5', 3),
  );
  expect(folded.ledger.layer).toEqual({ all: { reads: 25 }, shards: { s01: { writes: 0.5 } } });
  expect(folded).toMatchObject({ changed: true, rejected: [], unknown: [] });
});

test('a bad value leaves the last good one, and is told once for each write', () => {
  const good = fold(EMPTY_LEDGER, item('mirror/reads', '25', 2)).ledger;
  const bad = fold(good, item('mirror/reads', 'all', 3));
  expect(bad.ledger.layer.all.reads).toBe(25);
  expect(bad.rejected).toEqual([
    { key: `${PREFIX}mirror/reads`, value: 'all', reason: 'is not a plain number' },
  ]);
  const again = fold(bad.ledger, item('mirror/reads', 'all', 3));
  expect(again).toMatchObject({ changed: false, rejected: [] });
  const worse = fold(again.ledger, item('mirror/reads', 'all', 4));
  expect(worse.rejected).toHaveLength(1);
  expect(worse.ledger.layer.all.reads).toBe(25);
});

test('a value that was never good counts for nothing', () => {
  expect(fold(EMPTY_LEDGER, item('mirror/reads', '', 2)).ledger.layer.all).toEqual({});
});

test('a deleted key is gone, with the good value that it once had', () => {
  const good = fold(EMPTY_LEDGER, item('mirror/reads', '25', 2)).ledger;
  const deleted = fold(good);
  expect(deleted).toMatchObject({ changed: true, ledger: { layer: { all: {} } } });
  expect(fold(deleted.ledger, item('mirror/reads', 'bad', 4)).ledger.layer.all).toEqual({});
});

test('one key deleted while another is written is a change, and so is the same value written again', () => {
  const before = fold(EMPTY_LEDGER, item('mirror/reads', '25', 2)).ledger;
  expect(fold(before, item('mirror/writes', '25', 3)).changed).toBe(true);
  expect(fold(before, item('mirror/reads', '25', 3)).changed).toBe(true);
  expect(fold(before, item('mirror/reads', '25', 2)).changed).toBe(false);
});

test('a revision that went back (etcd was restored from a backup) is a change too', () => {
  const before = fold(EMPTY_LEDGER, item('mirror/reads', '25', 9)).ledger;
  expect(fold(before, item('mirror/reads', '5', 4)).ledger.layer.all.reads).toBe(5);
});

test.each([
  ['mirror/read', 'names no kind of statement (reads, writes, deletes)'],
  ['shards/s99/mirror/reads', 'names a shard that this proxy does not have'],
  ['shards/s00/mirror/all', 'names no kind of statement (reads, writes, deletes)'],
  ['shards/s00/reads', 'is no key that this version reads'],
  ['mirror/reads/', 'is no key that this version reads'],
  ['Mirror/reads', 'is no key that this version reads'],
])('%s is unknown: it %s', (key, reason) => {
  expect(fold(EMPTY_LEDGER, item(key, '5', 2))).toMatchObject({
    changed: false,
    ledger: { layer: { all: {}, shards: {} } },
    unknown: [{ key: `${PREFIX}${key}`, reason }],
  });
});

test('the proxies’ own entries are neither ratios nor unknown', () => {
  expect(fold(EMPTY_LEDGER, item('proxies/a', '{}', 2))).toMatchObject({ changed: false, unknown: [] });
});

test('the name of a ratio’s key is read as what it was made from', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('reads', 'writes', 'deletes'),
      fc.constantFrom(undefined, ...NAMES.shards),
      (kind, shard) => {
        const key = ratioKey(PREFIX, kind, shard);
        expect(readControlKey(PREFIX, key, NAMES.shards)).toEqual({ type: 'ratio', shard, kind });
      },
    ),
  );
});
