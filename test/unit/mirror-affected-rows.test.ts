/** How many rows a client is told of, in the words of a lane, which counts those that were changed. */
import { describe, expect, it } from 'vitest';
import { affectedCount, expectedCount, isExpected } from '../../src/mirror/affected-rows.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';
import { Exchange } from '../../src/wire/exchange.ts';
import { readOk } from '../../src/wire/ok-packet.ts';
import { COM } from '../../src/wire/protocol.ts';

const sql = new SqlReader({ maxPlans: 100, seed: 1 });
const countOf = (text: string, rows: number, foundRows: boolean) =>
  affectedCount(sql.read(Buffer.from(text), 0, text.length, DEFAULT_SQL_MODE), rows, foundRows);
const UPSERT = 'INSERT INTO t VALUES (1, 1), (2, 2) ON DUPLICATE KEY UPDATE a = 3';

it.each([
  ['UPDATE t SET a = 1', 0, { of: 'found' }],
  ['WITH c AS (SELECT 1 AS k) UPDATE t JOIN c USING (k) SET a = 1', 0, { of: 'found' }],
  ['DELETE FROM t', 0, { of: 'changed' }],
  ['INSERT INTO t VALUES (1)', 1, { of: 'changed' }],
  ['REPLACE INTO t VALUES (1)', 1, { of: 'changed' }],
  [UPSERT, 2, { of: 'upserted', rows: 2 }],
  [UPSERT.replace('INSERT', 'INSERT IGNORE'), 2, null],
  ['INSERT INTO t SELECT * FROM u ON DUPLICATE KEY UPDATE a = 3', 0, null],
])('of a client that counts rows that were found: %s', (text, rows, expected) => {
  expect(countOf(text, rows, true)).toEqual(expected);
  expect(countOf(text, rows, false)).toEqual({ of: 'changed' });
});

it('of an upsert of two rows, what a lane may be told', () => {
  const count = { of: 'upserted', rows: 2 } as const;
  const allowed = (affectedRows: number) => {
    const expected = expectedCount(count, { affectedRows, changedRows: null })!;
    return [0, 1, 2, 3, 4, 5].filter((told) => isExpected(expected, told));
  };
  // Each of the two was inserted, or found as it should be, or changed.
  expect(allowed(2)).toEqual([0, 1, 2]);
  expect(allowed(3)).toEqual([2, 3]);
  expect(allowed(4)).toEqual([4]);
});

it('of an UPDATE, what its answer’s message says; without one, that none was found', () => {
  const told = (affectedRows: number, changedRows: number | null) =>
    expectedCount({ of: 'found' }, { affectedRows, changedRows });
  expect([told(3, 2), told(0, null), told(3, null)]).toEqual([
    { rows: 2, slack: 0 },
    { rows: 0, slack: 0 },
    null,
  ]);
});

describe('the message of an OK packet', () => {
  const read = (...parts: (string | Buffer)[]) => {
    const exchange = new Exchange<null>(COM.QUERY, Buffer.of(COM.QUERY), 1);
    const packet = Buffer.concat([Buffer.of(0, 3, 0, 2, 0, 0, 0), ...parts.map((part) => Buffer.from(part))]);
    expect(readOk(exchange, packet, 0, packet.length)).toBe(true);
    expect(exchange.affectedRows).toBe(3);
    return exchange.changedRows;
  };
  const message = (text: string) => Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]);

  it.each<[string, number | null]>([
    ['Rows matched: 3  Changed: 2  Warnings: 0', 2],
    ['Datensätze gefunden: 3  Geändert: 0  Warnungen: 0', 0],
    // Its length is the character of a digit.
    ['Rows matched: 1234567  Changed: 765432  Warnings: 0', 765_432],
    ['Rows matched: 3', null],
    ['Rows matched: 3  Changed: 99999999999999999  Warnings: 0', null],
    ['', null],
  ])('%s', (text, changed) => {
    expect(read(message(text))).toBe(changed);
  });

  it('may be left out, cut short, or have the session’s state behind it', () => {
    expect(read()).toBeNull();
    expect(read(Buffer.of(40), 'Rows matched: 3  Chan')).toBeNull();
    expect(read(message('Rows matched: 3  Changed: 1  Warnings: 0'), message('12 13'))).toBe(1);
  });
});
