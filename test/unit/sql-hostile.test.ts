/** Whatever a statement is made of, reading it takes time and room in proportion to its length. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadParser } from '../../src/sql/parse.ts';
import { ParserBudget } from '../../src/sql/parser-budget.ts';
import type { Plan } from '../../src/sql/plan.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';
import { TokenList } from '../../src/sql/token-list.ts';
import { HOSTILE_FORMS, SLOW_TO_PARSE } from '../harness/hostile-sql.ts';

beforeAll(loadParser);

const SIZE = 500;
const GROWTH = 4;
/** In proportion would be 4 times; what takes time by the square would be 16 times. */
const GROWTH_MAX = 6;

function read(text: string, reader = new SqlReader({ maxPlans: 10, seed: 1 })): Plan {
  const sql = Buffer.from(text, 'latin1');
  return reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
}

const LOOKS = ['is', 'keyword', 'depth', 'partner', 'operator', 'slot', 'kind'] as const;

/** How often the planner looked at a token: its work, whatever else the machine is busy with. */
function looks(text: string): number {
  let count = 0;
  const tokens = TokenList.prototype;
  const originals = LOOKS.map((method) => [method, tokens[method]] as const);
  for (const [method, original] of originals) {
    tokens[method] = function counted(this: TokenList, index: number, kind: number) {
      count += 1;
      return Reflect.apply(original, this, [index, kind]);
    } as never;
  }
  try {
    read(text);
  } finally {
    for (const [method, original] of originals) tokens[method] = original as never;
  }
  return count;
}

describe('a statement of any form', () => {
  it.each(Object.entries(HOSTILE_FORMS))('of %s is read in steps that grow with its length', (_, form) => {
    const few = looks(form(SIZE));
    const many = looks(form(SIZE * GROWTH));
    expect(many).toBeLessThan(GROWTH_MAX * few + 1000);
  });

  it.each(Object.entries(HOSTILE_FORMS))('of %s makes a plan that grows with its length', (_, form) => {
    const text = form(SIZE * GROWTH);
    expect(JSON.stringify(read(text)).length).toBeLessThan(20_000 + 20 * text.length);
  });

  it('with a million tokens is read up to a bound, and counts as one that may do anything', () => {
    const plan = read(`UPDATE t SET a = 1 WHERE ${'a OR '.repeat(500_000)} a`);
    expect(plan.kind).toBe('write');
    expect(plan.hazards.has('any_effect')).toBe(true);
    expect(plan.predicates).toEqual([]);
  });

  it('over more tables than a server joins binds no column to any of them', () => {
    const tables = Array.from({ length: 65 }, (_, index) => `t${index}`).join(',');
    expect(read(`SELECT * FROM ${tables} WHERE a = 1`).predicates).toEqual([]);
    const update = read(`UPDATE ${tables} SET a = 1`);
    expect(update.tables.every(({ written }) => written)).toBe(true);
  });
});

describe('the parser', () => {
  it.each(SLOW_TO_PARSE)('answers the next one after %s', (text) => {
    read(text);
    expect(read('SELECT a FROM t WHERE b = 1').parsed).toBe(true);
  });

  it.each(Object.entries(HOSTILE_FORMS))('answers the next one after %s, of any length', (_, form) => {
    for (let size = 10; size < SIZE; size += 10) read(form(size));
    expect(read('SELECT a FROM t WHERE b = 1').parsed).toBe(true);
  });

  it('reads calls in calls of an ordinary depth', () => {
    expect(read('SELECT CAST(TRIM(a) AS CHAR) FROM t WHERE b = LOWER(CONCAT(TRIM(?)))').parsed).toBe(true);
    expect(read(`SELECT ${'COALESCE('.repeat(6)}a${', 1)'.repeat(6)} FROM t`).parsed).toBe(true);
  });

  it('may use up what time was saved, and from then on its share', () => {
    let nowMs = 5000;
    const budget = new ParserBudget(() => nowMs);
    const spend = (ms: number): void =>
      budget.spend(() => {
        nowMs += ms;
      });
    expect(budget.allows).toBe(true);
    spend(999);
    expect(budget.allows).toBe(true);
    // One that took long is paid off by those after it.
    spend(3000);
    expect(budget.allows).toBe(false);
    nowMs += 24_000;
    expect(budget.allows).toBe(false);
    nowMs += 2000;
    expect(budget.allows).toBe(true);
    nowMs += 3_600_000;
    expect(budget.allows).toBe(true);
    spend(1200);
    expect(budget.allows).toBe(false);
  });

  it('is not asked once its time is up; what it would have confirmed is unknown until it has time again', () => {
    let nowMs = 0;
    let parseMs = 2000;
    const clock = (): number => {
      nowMs += parseMs;
      return nowMs;
    };
    const reader = new SqlReader({ maxPlans: 100, seed: 1, clock });
    read('SELECT 1 FROM t', reader);
    parseMs = 0;
    const text = 'DELETE FROM t WHERE k = 5';
    const hurried = read(text, reader);
    expect(hurried).toMatchObject({ kind: 'delete', parsed: false, deferred: true, predicates: [] });
    expect(hurried.tables).toMatchObject([{ name: 't', written: true }]);
    expect(read(text, reader)).toBe(hurried);
    expect(reader.stats).toMatchObject({ misses: 2, hits: 1, deferred: 1 });

    nowMs += 60_000;
    const full = read(text, reader);
    expect(full).toMatchObject({ parsed: true, deferred: false, predicates: [{ column: 'k' }] });
    expect(read(text, reader)).toBe(full);
    expect(reader.stats).toMatchObject({ misses: 2, hits: 3, evicted: 0 });
  });
});
