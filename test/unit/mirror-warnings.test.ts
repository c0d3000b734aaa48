/** When the warnings of two servers tell that they stored other values. */
import { describe, expect, it } from 'vitest';
import { primaryWarnings, warnsApart } from '../../src/mirror/warnings.ts';
import { planOf } from '../harness/mirror-kit.ts';

const ALIKE = { adjusted: 'alike' } as const;
const APART = { adjusted: 'apart' } as const;

describe('words that MySQL warns of', () => {
  it.each([
    ['INSERT INTO t VALUES (1, 2)', 0],
    [
      'INSERT INTO t VALUES (1, 2), (3, 4) ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b) + VALUES(a)',
      3,
    ],
    ['UPDATE t SET a = 1 WHERE id = 1 && b = 2 || c = 3', 2],
    ["UPDATE t SET a = BINARY 'a', c = CONVERT(c USING utf8)", 2],
    ["UPDATE t SET a = 'BINARY && VALUES(a)'", 0],
  ])('%s', (sql, count) => {
    expect(planOf(sql).deprecated).toBe(count);
  });
});

describe('of one statement', () => {
  const plan = planOf('UPDATE t SET a = 1 WHERE id = 1');
  const upsert = planOf('INSERT INTO t VALUES (1, 2) ON DUPLICATE KEY UPDATE a = VALUES(a)');

  it.each([0, 1, 5])('%i on the one, and one more on the other, is apart', (count) => {
    expect(warnsApart(primaryWarnings(plan, count, true, ALIKE), count + 1, false)).toBe(true);
    expect(warnsApart(primaryWarnings(plan, count + 1, true, ALIKE), count, true)).toBe(true);
    expect(warnsApart(primaryWarnings(plan, count, true, ALIKE), count, true)).toBe(false);
  });

  it('as many of them are apart where the kinds adjust values in ways of their own', () => {
    expect(warnsApart(primaryWarnings(plan, 1, true, APART), 1, true)).toBe(true);
    expect(warnsApart(primaryWarnings(plan, 1, true, APART), 1, false)).toBe(false);
    expect(warnsApart(primaryWarnings(plan, 0, true, APART), 0, true)).toBe(false);
  });

  it('those of words count on neither side', () => {
    expect(warnsApart(primaryWarnings(upsert, 1, true, APART), 0, true)).toBe(false);
    expect(warnsApart(primaryWarnings(upsert, 0, true, APART), 1, true)).toBe(false);
    expect(warnsApart(primaryWarnings(upsert, 0, true, APART), 2, true)).toBe(true);
  });

  it('those of other rows than the replay’s say nothing, unless there are none', () => {
    expect(warnsApart(primaryWarnings(plan, 3, false, ALIKE), 3, true)).toBe(true);
    expect(warnsApart(primaryWarnings(plan, 3, false, ALIKE), 1, false)).toBe(false);
    expect(warnsApart(primaryWarnings(plan, 0, false, ALIKE), 0, true)).toBe(false);
    expect(warnsApart(primaryWarnings(upsert, 1, false, ALIKE), 0, true)).toBe(false);
  });
});
