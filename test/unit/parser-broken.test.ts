/** A parser that breaks for good: `parse.ts` keeps its state for the process, so this has a file of its own. */
import { expect, it, vi } from 'vitest';
import { loadParser, parserAnswers, watchParser } from '../../src/sql/parse.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const parse = vi.hoisted(() => vi.fn());
vi.mock('@guanmingchiu/sqlparser-ts', () => ({
  init: async () => {},
  Parser: { parse },
  ParserError: class ParserError extends Error {},
}));

it('is told of once, is not asked again, and does not keep statements from their plans', async () => {
  const broke = vi.fn();
  watchParser(broke);
  expect(parserAnswers()).toBe(false);
  await loadParser();
  expect(parserAnswers()).toBe(true);
  parse.mockImplementation(() => {
    throw new RangeError('Maximum call stack size exceeded');
  });
  const reader = new SqlReader({ maxPlans: 16, seed: 1 });
  const plan = (sql: string) => reader.read(Buffer.from(sql), 0, sql.length, DEFAULT_SQL_MODE);
  expect(plan("SELECT name FROM users WHERE id = 'secret'")).toMatchObject({ kind: 'read', parsed: false });
  expect(parserAnswers()).toBe(false);
  const asked = parse.mock.calls.length;
  expect(plan('DELETE FROM users WHERE id = 7')).toMatchObject({ kind: 'delete', parsed: false });
  expect(parse.mock.calls.length).toBe(asked);
  expect(broke).toHaveBeenCalledOnce();
  expect(broke.mock.calls[0]?.[0]).toMatch(/FROM users WHERE id/);
  expect(broke.mock.calls[0]?.[0]).not.toContain('secret');
});
