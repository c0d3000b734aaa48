/** The pure parts of the sync's checksums: what the client does of them. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersOf } from '../../src/mirror/column-members.ts';
import { canonicalJson } from '../../src/sync/canonical-json.ts';
import { ClientSum, clientRowSum, foldChecksum, xorOfCrcs } from '../../src/sync/checksum-fold.ts';
import { inIdentityRange, inRange, oneOf } from '../../src/sync/key-sql.ts';
import { bytesLiteral, literal, numberLiteral, quoteName } from '../../src/sync/sql-text.ts';
import type { KeyColumn } from '../../src/sync/table-pair.ts';

const HEX = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });

function xor(texts: readonly string[]): Buffer {
  const sum = Buffer.alloc(32);
  for (const text of texts) for (let at = 0; at < 32; at++) sum[at]! ^= text.charCodeAt(at);
  return sum;
}

describe('the fold of digests', () => {
  it('gives for the XOR of texts what MariaDB gives for the CRC-32 of each', () => {
    fc.assert(
      fc.property(fc.array(HEX, { minLength: 1, maxLength: 9 }), (texts) => {
        const whole = texts.reduce((sum, text) => (sum ^ crc32(text)) >>> 0, 0);
        const half = texts.reduce((sum, text) => (sum ^ crc32(text.slice(0, 16))) >>> 0, 0);
        expect(xorOfCrcs(xor(texts), texts.length)).toBe(whole);
        const folded = foldChecksum({ form: 'text-xor', digits: 32 }, texts.length, [xor(texts)]);
        expect(folded).toBe(
          foldChecksum({ form: 'crc-xor', digits: 32 }, texts.length, [String(whole), String(half)]),
        );
      }),
    );
  });

  it('keeps 64 bits of a digest: no change of a digit or of two cancels out in both', () => {
    // The differences that one digit can make span all 64 dimensions, by elimination over GF(2).
    const basis: bigint[] = [];
    const zero = '0'.repeat(32);
    const folded = (text: string): bigint => (BigInt(crc32(text)) << 32n) | BigInt(crc32(text.slice(0, 16)));
    for (let at = 0; at < 32; at++) {
      for (const digit of '1248') {
        let difference = folded(`${zero.slice(0, at)}${digit}${zero.slice(at + 1)}`) ^ folded(zero);
        for (const row of basis) if ((difference ^ row) < difference) difference ^= row;
        if (difference !== 0n) basis.push(difference);
      }
    }
    expect(basis).toHaveLength(64);
  });

  it('of no rows is empty, and refuses what is no XOR of digests', () => {
    expect(foldChecksum({ form: 'text-xor', digits: 32 }, 0, [Buffer.alloc(8)])).toBe('');
    expect(foldChecksum({ form: 'crc-sum', digits: 32 }, 0, [null])).toBe('');
    expect(() => foldChecksum({ form: 'text-xor', digits: 32 }, 1, [Buffer.alloc(8)])).toThrow(
      '8 bytes instead of 32',
    );
  });

  it('of the client does not depend on the order of rows, but on each value and its place', () => {
    const a = clientRowSum('h', ['{"a":1,"b":2}', null]);
    expect(clientRowSum('h', ['{"b":2, "a":1}', null])).toBe(a);
    expect(clientRowSum('h', [null, '{"a":1,"b":2}'])).not.toBe(a);
    expect(clientRowSum('h', ['"N"', null])).not.toBe(clientRowSum('h', [null, null]));
    expect(clientRowSum('h', ['"a"', '"b"'])).not.toBe(clientRowSum('h', ['"a"#3#"b"', null]));
    const [one, other] = [new ClientSum(), new ClientSum()];
    const b = clientRowSum('i', [null]);
    for (const sum of [a, b]) one.add(sum);
    for (const sum of [b, a]) other.add(sum);
    expect([one.sum, one.rows]).toEqual([other.sum, 2]);
    expect(new ClientSum().sum).toBe('');
  });
});

describe('canonical JSON', () => {
  const same: readonly (readonly [string, string])[] = [
    ['{"b":1,"a":2}', ' { "a" : 2 , "b" : 1 } '],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['"\\u00e9\\/"', '"é/"'],
    ['1e2', '100.0'],
    ['123456789012345678901234567890', '1.2345678901234568e29'],
    ['-0', '0'],
    ['[1E-7]', '[0.0000001]'],
    ['{"10":1,"9":2}', '{"9":2,"10":1}'],
  ];
  it.each(same)('of %s and of %s is the same', (one, other) => {
    expect(canonicalJson(one)).toBe(canonicalJson(other));
  });

  const different = [
    '1',
    '1.0',
    '"1"',
    '"i1"',
    '18446744073709551615',
    '18446744073709551614',
    '18446744073709551616',
    '9007199254740993',
    '9007199254740992',
    '-0.0',
    '0',
    'null',
    '"null"',
    'true',
    '[]',
    '{}',
    '[[]]',
    '{"":[]}',
    '{"a":{"b":1}}',
    '{"a":1,"b":1}',
    '["a,b"]',
    '["a","b"]',
    '"a\\"b"',
    '"\\\\"',
    '{"__proto__":1}',
    'x',
    '01',
    '',
  ];
  it('of different documents is different', () => {
    expect(new Set(different.map(canonicalJson)).size).toBe(different.length);
  });

  it('never throws, and tells any two documents apart', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (one, other) => {
        const equal = JSON.stringify(sorted(JSON.parse(one))) === JSON.stringify(sorted(JSON.parse(other)));
        if (!equal) expect(canonicalJson(one)).not.toBe(canonicalJson(other));
        expect(canonicalJson(one)).toBe(canonicalJson(JSON.stringify(sorted(JSON.parse(one)), null, 2)));
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => canonicalJson(text) !== ''));
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

describe('keys in SQL', () => {
  const key: KeyColumn = {
    name: 'k',
    order: 'numeric',
    column: { old: '`k`', new: '`k`' },
    select: { old: '`k`', new: '`k`' },
    literal: 'number',
    spelled: false,
  };

  it('are numbers, quoted texts or bytes, and nothing else', () => {
    expect(numberLiteral('-12.50')).toBe('-12.50');
    for (const bad of ['1e5', '0x1', '1;', '', ' 1', 'NULL'])
      expect(() => numberLiteral(bad)).toThrow(`"${bad}" is no number`);
    expect(literal("it's \\ \0")).toBe("'it\\'s \\\\ \\0'");
    expect(literal(Buffer.from([0, 39]))).toBe("X'0027'");
    expect(bytesLiteral('é')).toBe("X'c3a9'");
    expect(quoteName('a`b')).toBe('`a``b`');
    expect(membersOf("enum('a','it''s',',','')")).toEqual(['a', "it's", ',', '']);
  });

  it('have NULL before all others', () => {
    expect(inRange(key, 'old', { after: undefined, through: undefined })).toEqual([]);
    expect(inRange(key, 'old', { after: null, through: '5' })).toEqual(['`k` IS NOT NULL', '`k` <= 5']);
    expect(inRange(key, 'old', { after: undefined, through: '5' })).toEqual(['(`k` <= 5 OR `k` IS NULL)']);
    expect(inRange(key, 'old', { after: undefined, through: null })).toEqual(['`k` IS NULL']);
    expect(oneOf(key, 'old', ['1', null])).toBe('(`k` IN (1) OR `k` IS NULL)');
    expect(oneOf(key, 'old', [])).toBe('1 = 0');
  });

  it('of two columns are held against an identity column by column', () => {
    const columns = [
      { key, place: 0 },
      { key: { ...key, column: { old: '`l`', new: '`l`' } }, place: 2 },
    ];
    expect(inIdentityRange(columns, 'old', { after: ['1', '8', '2'], through: undefined })).toEqual([
      '(`k` >= 1 AND ((`k` > 1) OR (`k` = 1 AND `l` > 2)))',
    ]);
    expect(inIdentityRange(columns, 'old', { after: undefined, through: ['3', '8', '4'] })).toEqual([
      '(`k` <= 3 AND ((`k` < 3) OR (`k` = 3 AND `l` <= 4)))',
    ]);
    expect(inIdentityRange(columns.slice(0, 1), 'old', { after: ['1'], through: ['3'] })).toEqual([
      '`k` > 1',
      '`k` <= 3',
    ]);
  });
});
