/** How rows that differ are shared out over transactions. */
import { describe, expect, it } from 'vitest';
import type { RowDifference } from '../../src/sync/row-difference.ts';
import { RowRepair, RowsRefused } from '../../src/sync/row-repair.ts';
import { ConnectionLost, QueryTimedOut } from '../../src/sync/sync-connection.ts';
import type { Row } from '../../src/sync/value.ts';
import { RangeLost } from '../../src/sync/write-fence.ts';
import { TargetLost } from '../../src/sync/write-refusal.ts';

const MISSING: readonly RowDifference[] = Array.from({ length: 230 }, (_, at) => ({
  kind: 'missing',
  identity: [String(at)],
  copies: 1,
}));

/** As mysql2 tells what a server has answered. */
function refusalOf(errno: number, message = 'no'): Error {
  return Object.assign(new Error(message), { errno, sqlState: 'HY000' });
}

/** A source of rows of so many characters, and a target that refuses transactions with some of them. */
function repairOf(options: {
  readonly characters?: number;
  readonly refused?: readonly string[];
  readonly refusal?: Error;
  /** The server that has refused some rows takes no others, nor an empty transaction. */
  readonly isGone?: boolean;
}) {
  const { characters = 10, refused = [], isGone = false, refusal = refusalOf(1030) } = options;
  /** The identities of each transaction, of those that were refused too. */
  const tried: string[][] = [];
  const written: string[] = [];
  const repair = new RowRepair({
    sql: {
      identityWidth: 1,
      shown: ([identity]) => `row ${String(identity)}`,
      select: (_key, identities) => identities.map(String).join(),
      remove: () => '',
      removals: () => [],
      inserts: (rows: readonly Row[]) => [rows.map(([identity]) => String(identity)).join()],
    },
    orders: ['numeric'],
    source: {
      rows: (asked) =>
        Promise.resolve(
          asked.split(',').map((each) => [each, each, 'x'.repeat(characters)] as const) as Row[],
        ),
    },
    target: {
      write: ([statement]) => {
        if (statement === undefined) return isGone ? Promise.reject(refusal) : Promise.resolve(0);
        const identities = statement.sql.split(',');
        tried.push(identities);
        if (identities.some((each) => refused.includes(each))) return Promise.reject(refusal);
        written.push(...identities);
        return Promise.resolve(identities.length);
      },
    },
    rowsPerTransaction: 120,
  });
  return { repair, tried, written };
}

const sizes = (tried: readonly (readonly string[])[]) => tried.map(({ length }) => length);

describe('a repair', () => {
  it('writes few rows until it knows how large they are, then as many as it may', async () => {
    const { repair, tried } = repairOf({});
    await repair.repairGroups([{ key: '1', differences: MISSING }]);
    expect(sizes(tried)).toEqual([100, 120, 10]);
  });

  it('writes fewer rows at a time where they are large', async () => {
    const { repair, tried } = repairOf({ characters: 100_000 });
    await repair.repair('1', MISSING.slice(0, 125));
    expect(sizes(tried)).toEqual([100, 10, 10, 5]);
  });

  it('leaves out only the rows that are refused, and finds them by parts', async () => {
    const { repair, tried, written } = repairOf({ refused: ['7', '150'] });
    const repaired = repair.repairGroups([{ key: '1', differences: MISSING }]);
    await expect(repaired).rejects.toThrow(RowsRefused);
    await expect(repaired).rejects.toThrow('2 rows could not be written: row 7: no; row 150: no');
    const others = MISSING.map(({ identity }) => String(identity[0])).filter(
      (each) => each !== '7' && each !== '150',
    );
    expect(written.sort()).toEqual(others.sort());
    expect(tried.length).toBeLessThan(60);
  });

  it.each<[string, Error]>([
    ['can’t be reached', Object.assign(new Error('refused'), { errno: -111, code: 'ECONNREFUSED' })],
    ['says nothing in time', new QueryTimedOut('took too long')],
    ['is gone', new ConnectionLost('the connection was ended', false)],
    ['is gone in the middle of a COMMIT', new ConnectionLost('the connection was ended', true)],
    ['takes no connection', refusalOf(1040)],
    ['may not be written to', refusalOf(1290)],
    ['lets the account write nothing', refusalOf(1142)],
  ])('tries no part where the server %s', async (_, refusal) => {
    const { repair, tried } = repairOf({ refused: ['7'], refusal, isGone: true });
    await expect(repair.repairGroups([{ key: '1', differences: MISSING }])).rejects.toThrow(TargetLost);
    expect(sizes(tried)).toEqual([100]);
  });

  it('says what can be done about a server that takes no rows', async () => {
    const { repair } = repairOf({ refused: ['7'], refusal: refusalOf(1290, 'it is read-only') });
    await expect(repair.repair('1', MISSING)).rejects.toThrow(
      /^it is read-only \(only a primary can be repaired/,
    );
  });

  it('finds rows by parts for which a server that is there ends the connection', async () => {
    const refusal = new ConnectionLost('the packet was too large', false);
    const { repair, written } = repairOf({ refused: ['7'], refusal });
    await expect(repair.repair('1', MISSING)).rejects.toThrow('1 row could not be written: row 7');
    expect(written).toHaveLength(MISSING.length - 1);
  });

  it('finds rows by parts that take too long, on a server that is there', async () => {
    const { repair, written } = repairOf({ refused: ['7'], refusal: new QueryTimedOut('took too long') });
    await expect(repair.repair('1', MISSING)).rejects.toThrow(
      '1 row could not be written: row 7: took too long',
    );
    expect(written).toHaveLength(MISSING.length - 1);
  });

  it('gives a server up on which write after write takes too long', async () => {
    const all = MISSING.map(({ identity }) => String(identity[0]));
    const { repair, tried } = repairOf({ refused: all, refusal: new QueryTimedOut('took too long') });
    await expect(repair.repairGroups([{ key: '1', differences: MISSING }])).rejects.toThrow(TargetLost);
    expect(sizes(tried)).toEqual([100, 10, 1, 1, 1, 1, 1, 1]);
  });

  it('tries no part of what another worker is to write by now', async () => {
    const { repair, tried } = repairOf({ refused: ['7'], refusal: new RangeLost() });
    await expect(repair.repairGroups([{ key: '1', differences: MISSING }])).rejects.toThrow(RangeLost);
    expect(sizes(tried)).toEqual([100]);
  });
});
