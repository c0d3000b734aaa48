/** What a user variable is known to hold, as the parameter that a client would bind for it. */
import { expect, it } from 'vitest';
import { boundValue } from '../../src/mirror/known-value.ts';
import type { UserValue } from '../../src/mirror/session-values.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';
import { executionOf } from '../../src/wire/bound-values.ts';
import { readExecute } from '../../src/wire/execute-packet.ts';

const LONGLONG = 8;
const UNSIGNED = 0x80;
const DOUBLE = 5;
const DECIMAL = 0xf6;
const BLOB = 0xfc;
const TEXT = 0xfd;

function bound(value: UserValue) {
  const known = boundValue(value, 'words', DEFAULT_SQL_MODE);
  return known && [...known.type, known.bytes?.toString('hex') ?? null];
}

const plain = (sql: string) => bound({ what: 'plain', sql });
const text = (sql: string, form: 'string' | 'composed' = 'string', words = 'words') =>
  bound({ what: 'text', sql, words, form });

it('numbers have the type of the literal that they were set to', () => {
  expect(plain('1')).toEqual([LONGLONG, 0, '0100000000000000']);
  expect(plain('- 2')).toEqual([LONGLONG, 0, 'feffffffffffffff']);
  expect(plain('-9223372036854775808')).toEqual([LONGLONG, 0, '0000000000000080']);
  expect(plain('9223372036854775808')).toEqual([LONGLONG, UNSIGNED, '0000000000000080']);
  expect(plain('18446744073709551616')?.[0]).toBe(DECIMAL);
  expect(plain('-1.50')).toEqual([DECIMAL, 0, `05${Buffer.from('-1.50').toString('hex')}`]);
  expect(plain('.5')?.[0]).toBe(DECIMAL);
  expect(plain('15e-1')).toEqual([DOUBLE, 0, '000000000000f83f']);
  expect([plain('TRUE'), plain('false')]).toEqual([plain('1'), plain('0')]);
  expect(plain('NULL')).toEqual([6, 0, null]);
});

it('strings are their characters, and what is written in hexadecimal or bits is bytes', () => {
  expect(text("'it''s'")).toEqual([TEXT, 0, `04${Buffer.from("it's").toString('hex')}`]);
  expect(plain("x'4142'")).toEqual([BLOB, 0, '024142']);
  expect(plain('0x142')).toEqual([BLOB, 0, '020142']);
  expect([plain("b'101000001'"), plain('0b1')]).toEqual([
    [BLOB, 0, '020141'],
    [BLOB, 0, '0101'],
  ]);
});

it('what can’t be told is not guessed at', () => {
  expect(text("'a'", 'string', 'other words')).toBeNull();
  expect(text("'a' 'b'", 'composed')).toBeNull();
  expect(plain('0.1234567890123456789012345678901')).toBeNull();
  expect(bound({ what: 'saved', setting: 'time_zone', sql: "'+00:00'" })).toBeNull();
  expect(bound({ what: 'unknown' })).toBeNull();
});

it('makes executions that read as a client’s do', () => {
  const long = `'${'x'.repeat(300)}'`;
  const values = ['1', 'NULL', '1.5', "x'41'"].map((sql): UserValue => ({ what: 'plain', sql }));
  values.push({ what: 'text', sql: long, words: 'words', form: 'string' });
  const known = values.map((value) => boundValue(value, 'words', DEFAULT_SQL_MODE)!);
  const payload = executionOf(known).payloadFor(7);
  const read = readExecute(payload, {
    ...{ parameterCount: 5, boundTypes: null, longData: new Map(), queryAttributes: false },
  });
  expect(payload.readUInt32LE(1)).toBe(7);
  expect([0, 1, 2, 3, 4].map((ordinal) => read?.keyText(ordinal))).toEqual([
    ...['1', null, '1.5', 'A', long.slice(1, -1)],
  ]);
});
