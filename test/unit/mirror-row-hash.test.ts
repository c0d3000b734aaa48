import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowHash, rowDifference } from '../../src/mirror/row-hash.ts';

function hashOf(rows: readonly Uint8Array[]): RowHash {
  const hash = new RowHash();
  for (const row of rows) {
    hash.bytes(Buffer.from(row), 0, row.length);
    hash.endRow();
  }
  return hash;
}

const figures = ({ rows, sumLow, sumHigh, chainLow, chainHigh }: RowHash): number[] => [
  rows,
  sumLow,
  sumHigh,
  chainLow,
  chainHigh,
];

const row = fc.uint8Array({ minLength: 1, maxLength: 40 });
const rows = fc.array(row, { maxLength: 12 });

/** A row of the text protocol: each value behind its length. */
const textRow = (...values: string[]): Buffer =>
  Buffer.concat(values.map((value) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)])));

describe('the hash of rows', () => {
  it('is the same however the bytes are cut', () => {
    fc.assert(
      fc.property(row, fc.nat(40), fc.nat(40), (bytes, first, second) => {
        const [from, to] = [Math.min(first, second), Math.max(first, second)].map((at) =>
          Math.min(at, bytes.length),
        );
        // The pieces stand in a larger chunk, as they do on the wire.
        const chunk = Buffer.concat([Buffer.from('head'), Buffer.from(bytes), Buffer.from('tail')]);
        const hash = new RowHash();
        hash.bytes(chunk, 4, 4 + from!);
        hash.bytes(chunk, 4 + from!, 4 + to!);
        hash.bytes(chunk, 4 + to!, 4 + bytes.length);
        hash.endRow();
        expect(figures(hash)).toEqual(figures(hashOf([bytes])));
      }),
    );
  });

  it('sees no difference in the same rows, and none in their order unless asked to', () => {
    fc.assert(
      fc.property(rows, (some) => {
        expect(rowDifference(hashOf(some), hashOf(some), true)).toBeNull();
        expect(rowDifference(hashOf(some), hashOf([...some].reverse()), false)).toBeNull();
      }),
    );
  });

  it('sees swapped rows where their order matters', () => {
    fc.assert(
      fc.property(rows, row, row, (before, one, other) => {
        fc.pre(!Buffer.from(one).equals(Buffer.from(other)));
        const difference = rowDifference(
          hashOf([...before, one, other]),
          hashOf([...before, other, one]),
          true,
        );
        expect(difference).toBe('row_order');
      }),
    );
  });

  it('sees any changed byte', () => {
    fc.assert(
      fc.property(rows, row, fc.nat(), fc.integer({ min: 1, max: 255 }), (before, changed, at, flip) => {
        const other = Uint8Array.from(changed);
        other[at % other.length]! ^= flip;
        for (const ordered of [true, false])
          expect(rowDifference(hashOf([...before, changed]), hashOf([...before, other]), ordered)).toBe(
            'row_hash',
          );
      }),
    );
  });

  it('sees a moved column boundary', () => {
    expect(rowDifference(hashOf([textRow('ab', 'c')]), hashOf([textRow('a', 'bc')]), false)).toBe('row_hash');
  });

  it('sees a value that moved to another row', () => {
    const old = hashOf([textRow('a', 'b'), textRow('c', 'd')]);
    expect(rowDifference(old, hashOf([textRow('a', 'd'), textRow('c', 'b')]), false)).toBe('row_hash');
  });

  it('sees a row that is split in two, missing, or there twice', () => {
    const one = hashOf([Buffer.from('abcdef')]);
    expect(rowDifference(one, hashOf([Buffer.from('abc'), Buffer.from('def')]), false)).toBe('row_count');
    expect(rowDifference(one, hashOf([]), false)).toBe('row_count');
    const pair = hashOf([Buffer.from('a'), Buffer.from('b')]);
    expect(rowDifference(pair, hashOf([Buffer.from('a'), Buffer.from('a')]), false)).toBe('row_hash');
  });

  it('finds no two alike among many small rows, and hardly two by either half of it', () => {
    const hashes = Array.from({ length: 20_000 }, (_, value) => hashOf([textRow(String(value))]));
    const different = (figure: (hash: RowHash) => unknown) => new Set(hashes.map(figure)).size;
    expect(different(({ sumLow, sumHigh }) => `${sumLow}/${sumHigh}`)).toBe(20_000);
    expect(different(({ sumLow }) => sumLow)).toBeGreaterThan(19_900);
    expect(different(({ sumHigh }) => sumHigh)).toBeGreaterThan(19_900);
    expect(different(({ chainLow }) => chainLow)).toBeGreaterThan(19_900);
    expect(different(({ chainHigh }) => chainHigh)).toBeGreaterThan(19_900);
  });
});
