/** COM_STMT_BULK_EXECUTE as the knowledge base lays it out. */
import { expect, it } from 'vitest';
import { readBulkExecute } from '../../src/wire/bulk-execute.ts';
import { COM } from '../../src/wire/protocol.ts';

const LONG = 3;
const TEXT = 0xfd;
const TYPES = Buffer.of(LONG, 0x80, TEXT, 0);
const ROWS = [
  Buffer.of(0, 7, 0, 0, 0, 0, 2, 0x61, 0x62),
  Buffer.of(0, 0xff, 0xff, 0xff, 0xff, 1),
  Buffer.of(1, 0, 0),
];
const head = (flags: number) => Buffer.of(COM.STMT_BULK_EXECUTE, 1, 0, 0, 0, flags, 0);
const whole = Buffer.concat([head(0x80), TYPES, ...ROWS]);
const read = (payload: Buffer, boundTypes: Buffer | null = null, parameterCount = 2) =>
  readBulkExecute(payload, { parameterCount, boundTypes });

it('reads the values of all rows', () => {
  const packet = read(whole);
  expect([packet?.rows, packet?.types]).toEqual([3, TYPES]);
  const keys = [0, 1, 2, 3, 4, 5].map((ordinal) => packet?.values.keyText(ordinal));
  expect(keys).toEqual(['7', 'ab', '4294967295', null, null, '']);
  expect([3, 4, 5].map((ordinal) => packet?.values.isNull(ordinal))).toEqual([true, true, false]);
});

it('takes types that were bound before', () => {
  const payload = Buffer.concat([head(0), ...ROWS]);
  expect(read(payload, TYPES)?.values.keyText(2)).toBe('4294967295');
  expect([read(payload), read(payload, TYPES.subarray(2))]).toEqual([null, null]);
});

it('reads nothing out of what ends within a row', () => {
  const ends = new Map([
    [ROWS[0]!.length, 1],
    [ROWS[0]!.length + ROWS[1]!.length, 2],
  ]);
  for (let length = 0; length < whole.length; length++) {
    const rows = ends.get(length - head(0).length - TYPES.length) ?? null;
    expect(read(whole.subarray(0, length))?.rows ?? null, `${length} bytes`).toBe(rows);
  }
});

it('refuses what is more than one execution can hold', () => {
  const nulls = (rows: number) => Buffer.concat([head(0x80), Buffer.of(LONG, 0), Buffer.alloc(rows, 1)]);
  expect(read(nulls(65_535), null, 1)?.rows).toBe(65_535);
  expect(read(nulls(65_536), null, 1)).toBeNull();
  expect(read(whole, null, 0)).toBeNull();
});
