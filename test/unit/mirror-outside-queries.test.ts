/** Which other databases of the old server are asked for what ties them to the shard's. */
import type { Connection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { type FarKey, readOutsideTies } from '../../src/mirror/outside-queries.ts';

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

it('each is asked once, however many keys lead to it', async () => {
  const asked: unknown[] = [];
  const query = ({ sql, values }: { sql: string; values: readonly unknown[] }) => {
    if (sql.includes('KEY_COLUMN_USAGE')) asked.push(...values);
    const isNaming = sql.includes('TRIGGERS') && sql.includes('> 0');
    return Promise.resolve([isNaming ? [TRIGGER] : [], []]);
  };
  const scope = {
    connection: { query } as unknown as Connection,
    ...{ database: 'mc', timeoutMs: 1000, names: new Set(['messages']) },
  };
  const ties = await readOutsideTies(scope, Array<FarKey>(40).fill(LEAVING));
  expect(asked).toEqual(['people', 'works']);
  expect(ties.map(({ at }) => at.table)).toEqual([...Array<string>(40).fill('users'), 'works']);
});
