/** Which other databases of the old server are asked for what ties them to the shard's, and when. */
import type { Connection } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { schemaOfTables } from '../../src/mirror/old-schema.ts';
import { type FarKey, type OutsideRows, outsideTies, readOutside } from '../../src/mirror/outside-queries.ts';
import { OutsideReader } from '../../src/mirror/outside-reader.ts';
import { ANY_CHANGE } from '../../src/mirror/row-change.ts';
import { ANY_TABLE, SchemaRelations } from '../../src/mirror/schema-relations.ts';

const LEAVING: FarKey = {
  ...{ child: 'messages', childDatabase: 'mc', parent: 'users', parentDatabase: 'people' },
  ...{ columns: ['id'], onDelete: true, onUpdate: false },
};
const TRIGGER = {
  db: 'works',
  table: 'works',
  event: 'DELETE',
  text: 'DELETE FROM mc.messages',
  sqlMode: '',
};

const names = new Set(['messages']);

/** A connection that answers with the databases' own foreign keys, and with so many triggers that name the shard's. */
function scopeOf(answers: { keys?: (database: unknown) => unknown[]; triggers?: number } = {}) {
  const asked: unknown[] = [];
  const query = ({ sql, values }: { sql: string; values: readonly unknown[] }) => {
    if (sql.includes('KEY_COLUMN_USAGE')) {
      asked.push(...values);
      return Promise.resolve([answers.keys?.(values[0]) ?? [], []]);
    }
    const isNaming = sql.includes('TRIGGERS') && sql.includes('> 0');
    return Promise.resolve([isNaming ? Array(answers.triggers ?? 1).fill(TRIGGER) : [], []]);
  };
  const connection = { query } as unknown as Connection;
  return { asked, scope: { connection, database: 'mc', timeoutMs: 1000, names } };
}

it('each is asked once, however many keys lead to it', async () => {
  const { asked, scope } = scopeOf();
  const rows = await readOutside(scope, Array<FarKey>(40).fill(LEAVING));
  expect(asked).toEqual(['people', 'works']);
  const ties = outsideTies(rows, scope);
  expect(ties?.map(({ at }) => at.table)).toEqual([...Array<string>(40).fill('users'), 'works']);
});

describe('past what is read, a write to any other database may reach any table', () => {
  const far = (number: number): FarKey => ({ ...LEAVING, parentDatabase: `db${number}` });
  const toNext = (database: unknown) => {
    const next = `db${Number(String(database).slice(2)) + 1}`;
    const key = { db: database, name: 'f', child: 'c', parentDb: next, parent: 'p', column: 'id' };
    return [{ ...key, onDelete: 'CASCADE', onUpdate: null }];
  };

  it.each([
    ['32 databases are', 31, {}, true],
    ['33 are not', 33, {}, false],
    ['a chain of them is not', 1, { keys: toNext }, false],
    ['9,999 triggers are', 1, { triggers: 9999 }, true],
    ['10,000 are not', 1, { triggers: 10_000 }, false],
  ])('%s', async (_name, databases, answers, whole) => {
    const { scope } = scopeOf(answers);
    const keys = Array.from({ length: databases }, (_, number) => far(number));
    const rows = await readOutside(scope, keys);
    expect(rows.whole).toBe(whole);
    const outside = outsideTies(rows, scope);
    const relations = new SchemaRelations(schemaOfTables([], { outside }), () => true);
    expect(relations.reachedFrom('unheard', 'of', ANY_CHANGE)).toEqual(whole ? [] : [ANY_TABLE]);
  });
});

describe('other databases are read again', () => {
  const none: OutsideRows = { keys: [], programs: [], whole: true };
  const { scope } = scopeOf();
  const TEN_MINUTES_MS = 600_000;

  function readerOf(random: number) {
    const clock = { nowMs: 0 };
    const calls: unknown[] = [];
    const reader = new OutsideReader({
      now: () => clock.nowMs,
      random: () => random,
      read: (_scope, leaving) => {
        calls.push(leaving);
        return Promise.resolve(none);
      },
    });
    const readings = async (leaving: readonly FarKey[] = []): Promise<number> => {
      await reader.ties(scope, leaving);
      return calls.length;
    };
    return { reader, clock, readings };
  }

  it('behind a change of definitions, and where other keys leave the shard', async () => {
    const { reader, readings } = readerOf(0);
    expect([await readings(), await readings()]).toEqual([1, 1]);
    reader.changed();
    expect([await readings(), await readings()]).toEqual([2, 2]);
    expect([await readings([LEAVING]), await readings([LEAVING])]).toEqual([3, 3]);
  });

  it.each([
    [0, TEN_MINUTES_MS],
    [0.5, TEN_MINUTES_MS * 0.75],
  ])('else after some minutes, by chance: %s', async (random, afterMs) => {
    const { clock, readings } = readerOf(random);
    await readings();
    clock.nowMs = afterMs - 1;
    expect(await readings()).toBe(1);
    clock.nowMs = afterMs;
    expect(await readings()).toBe(2);
  });

  it('behind a change that came while they were read', async () => {
    let calls = 0;
    const reader: OutsideReader = new OutsideReader({
      now: () => 0,
      random: () => 0,
      read: () => {
        if (calls++ === 0) reader.changed();
        return Promise.resolve(none);
      },
    });
    for (let turn = 0; turn < 3; turn++) await reader.ties(scope, []);
    expect(calls).toBe(2);
  });

  it('after a failure', async () => {
    let calls = 0;
    const read = () => (calls++ === 0 ? Promise.reject(new Error('away')) : Promise.resolve(none));
    const reader = new OutsideReader({ now: () => 0, random: () => 0, read });
    await expect(reader.ties(scope, [])).rejects.toThrow('away');
    expect(await reader.ties(scope, [])).toEqual([]);
  });
});
