/** Values of a column: which are one, and which comes first, as both kinds of server have it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinGroups } from '../../src/sync/group-join.ts';
import {
  canonicalIdentity,
  canonicalKey,
  compareIdentities,
  compareValues,
} from '../../src/sync/key-order.ts';

const number = fc
  .record({ negative: fc.boolean(), whole: fc.bigInt({ min: 0n, max: 1n << 66n }), fraction: fc.nat(99_999) })
  .map(({ negative, whole, fraction }) => {
    const digits = String(fraction).padStart(5, '0');
    const scaled = whole * 100_000n + BigInt(fraction);
    return { text: `${negative ? '-' : ''}${whole}.${digits}`, scaled: negative ? -scaled : scaled };
  });

describe('numbers', () => {
  it('are ordered by value, beyond 2^53 and behind the point too', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const sign = Number(a.scaled > b.scaled) - Number(a.scaled < b.scaled);
        expect(Math.sign(compareValues('numeric', a.text, b.text))).toBe(sign);
        expect(canonicalKey('numeric', a.text) === canonicalKey('numeric', b.text)).toBe(sign === 0);
      }),
    );
    const ascending = [
      '-18446744073709551615',
      '-9',
      '-1.5',
      '0',
      '9',
      '10',
      '9007199254740993',
      '9007199254740994',
    ];
    for (const [index, text] of ascending.entries())
      if (index > 0) expect(compareValues('numeric', ascending[index - 1]!, text)).toBeLessThan(0);
  });

  it('are one whatever way they are written', () => {
    for (const [a, b] of [
      ['00042', '42'],
      ['1.50', '1.5'],
      ['-0.00', '0'],
      ['.5', '0.50'],
      ['00000000000000000018446744073709551615', '18446744073709551615.000'],
    ] as const) {
      expect(canonicalKey('numeric', a)).toBe(canonicalKey('numeric', b));
      expect(Math.abs(compareValues('numeric', a, b))).toBe(0);
    }
    expect(() => canonicalKey('numeric', '1e5')).toThrow('"1e5" is no number');
  });
});

describe('other values', () => {
  it('have NULL before all of them, and told from its name', () => {
    for (const order of ['numeric', 'temporal', 'bytes'] as const) {
      expect(compareValues(order, null, '-5')).toBeLessThan(0);
      expect(compareValues(order, '-5', null)).toBeGreaterThan(0);
      expect(compareValues(order, null, null)).toBe(0);
    }
    expect(canonicalKey('own', null)).not.toBe(canonicalKey('own', 'null'));
  });

  it('are times, which may have more or fewer digits behind the seconds', () => {
    expect(compareValues('temporal', '2026-02-03 04:05:06', '2026-02-03 04:05:06.000')).toBe(0);
    expect(compareValues('temporal', '2026-02-03 04:05:06.1', '2026-02-03 04:05:06.120')).toBeLessThan(0);
    expect(compareValues('temporal', '0000-00-00', '1000-01-01')).toBeLessThan(0);
    expect(canonicalKey('temporal', '2026-02-03 04:05:06.100')).toBe(
      canonicalKey('temporal', '2026-02-03 04:05:06.1'),
    );
    expect(canonicalKey('temporal', '2026-02-10')).not.toBe(canonicalKey('temporal', '2026-02-1'));
  });

  it('are bytes, ordered as such', () => {
    const bytes = (...each: number[]) => Buffer.from(each);
    expect(compareValues('bytes', bytes(0x7f), bytes(0x80))).toBeLessThan(0);
    expect(compareValues('bytes', bytes(1), bytes(1, 0))).toBeLessThan(0);
    expect(canonicalKey('bytes', 'ž')).toBe(canonicalKey('bytes', Buffer.from('ž')));
  });

  it('are rows: no value of one can pretend to be two of another', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { maxLength: 3 }),
        fc.array(fc.string(), { maxLength: 3 }),
        (a, b) => {
          const text = (row: readonly string[]) =>
            canonicalIdentity(
              row.map(() => 'own'),
              row,
            );
          expect(text(a) === text(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
        },
      ),
    );
    expect(compareIdentities(['numeric', 'bytes'], ['2', 'b'], ['10', 'a'])).toBeLessThan(0);
    expect(compareIdentities(['numeric', 'bytes'], ['2', 'b'], ['2', 'a'])).toBeGreaterThan(0);
  });
});

describe('groups of both sides', () => {
  it('are not the same with one checksum and different numbers of rows', () => {
    const group = (rows: number) => new Map([['n1', { key: '1', rows, sum: 'x' }]]);
    expect(joinGroups({ old: group(2), new: group(2) }).mismatches).toEqual([]);
    expect(joinGroups({ old: group(2), new: group(4) })).toMatchObject({
      rows: 4,
      mismatches: [{ key: '1' }],
    });
  });
});
