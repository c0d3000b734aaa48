import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { readSetArguments, readUnsetArguments } from '../../src/commands/ratio-arguments.ts';

const SHARDS = ['s00', 's01'];

function faultsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n');
    throw error;
  }
  throw new Error('no fault was found');
}

describe('ratio set', () => {
  test('takes any of the kinds', () => {
    expect(readSetArguments(['writes=100', 'reads= 12.5'], undefined, SHARDS)).toEqual({
      shard: undefined,
      set: { reads: 12.5, writes: 100 },
      unset: [],
      overrides: 'kept',
    });
  });

  test('takes a shard', () => {
    expect(readSetArguments(['deletes=0'], 's01', SHARDS)).toMatchObject({
      shard: 's01',
      set: { deletes: 0 },
    });
  });

  test('takes the removal of all overrides, but not together with a shard', () => {
    expect(readSetArguments(['reads=0'], undefined, SHARDS, 'removed')).toMatchObject({
      set: { reads: 0 },
      overrides: 'removed',
    });
    expect(faultsOf(() => readSetArguments(['reads=0'], 's01', SHARDS, 'removed'))).toEqual([
      '--all and --shard contradict each other; give one of them',
    ]);
  });

  test('tells every fault at once, each with a remedy', () => {
    const texts = ['read=5', 'writes=101', 'deletes', 'reads=1', 'reads=2', 'x', 'y=z'];
    expect(faultsOf(() => readSetArguments(texts, 's9\u001b[31m', SHARDS))).toEqual([
      '--shard "s9?[31m": is no shard of the configuration; it has s00, s01',
      '"read=5": "read" is no kind of statement; use one of reads, writes, deletes',
      '"writes=101": the value is above 100; give 0 to 100 with at most two decimals',
      '"deletes": has no "="; write it as deletes=25',
      '"reads=2": reads is already there; give it once',
      '"x": has no "="; write it as reads=25',
      '"y=z": "y" is no kind of statement; use one of reads, writes, deletes',
      '"y=z": the value is not a plain number; give 0 to 100 with at most two decimals',
    ]);
  });

  test('with no arguments shows what to write', () => {
    expect(faultsOf(() => readSetArguments([], undefined, SHARDS))).toEqual([
      'nothing to set; write for example: reads=25 writes=100 deletes=100',
    ]);
  });

  test('lists no more than 32 shards', () => {
    const many = Array.from({ length: 40 }, (_, i) => `n${i}`);
    expect(faultsOf(() => readSetArguments(['reads=1'], 's', many))[0]).toMatch(/n31 and 8 more$/);
  });
});

describe('ratio unset', () => {
  test('takes kinds, each once', () => {
    expect(readUnsetArguments(['reads', 'deletes', 'reads'], 's00', SHARDS)).toEqual({
      shard: 's00',
      set: {},
      unset: ['reads', 'deletes'],
      overrides: 'kept',
    });
  });

  test('tells every fault at once', () => {
    expect(faultsOf(() => readUnsetArguments(['reads=5', 'all'], 'zz', SHARDS))).toHaveLength(3);
    expect(faultsOf(() => readUnsetArguments([], undefined, SHARDS))).toHaveLength(1);
  });
});
