/** Equal values of any type hash to the same on any two servers, and different ones never do. */
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_HASH } from '../../src/sync/hash-method.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { ALL_ROWS } from '../../src/sync/row-reader.ts';
import type { ServerKind, Side, Sides } from '../../src/sync/side.ts';
import { openGroupReader } from '../../src/sync/sql-group-reader.ts';
import { openRowReader } from '../../src/sync/sql-row-reader.ts';
import { COLUMN_CASES, type ColumnCase, INVALID_DATE } from './column-cases.ts';
import { KIND_PAIRS, SIDES, type SyncStage, startSyncStage } from './sync-stage.ts';

let stage: SyncStage;
beforeAll(async () => {
  stage = await startSyncStage();
});
afterAll(() => stage?.destroy());

/** Each side's table is made once for both kinds of servers that may stand beside it. */
const made = new Map<string, Promise<string>>();

function make(kind: ServerKind, side: Side, one: ColumnCase): Promise<string> {
  const name = `${kind} ${side} ${one.title} ${one.types[side]} ${one.values.length}`;
  const table = `t${made.size}`;
  const making = made.get(name) ?? fill(stage.writer(kind, side), table, side, one);
  made.set(name, making);
  return making;
}

async function fill(
  writer: Connection,
  table: string,
  side: Side,
  { types, values }: ColumnCase,
): Promise<string> {
  const index = side === 'old' ? 0 : 1;
  const literals = values.map((value) => (typeof value === 'string' ? value : value[index]));
  const rows = literals.map((value, id) => `(1, ${id}, ${value})`);
  await writer.query(
    `CREATE TABLE ${table} (g INT NOT NULL, id INT NOT NULL, v ${types[side]}, PRIMARY KEY (g, id))`,
  );
  await writer.query(`INSERT IGNORE INTO ${table} (g, id, v) VALUES ${rows.join(', ')}`);
  return table;
}

describe.each(KIND_PAIRS)('$old and $new', (kinds) => {
  const cases = [...COLUMN_CASES, INVALID_DATE].filter(
    ({ kinds: needed }) =>
      (needed?.old ?? kinds.old) === kinds.old &&
      (needed?.new ?? kinds.new) === kinds.new &&
      !isOfNeither(kinds, needed),
  );

  it.each(
    cases.map(
      (one) => [`${one.title}: ${one.types.old.slice(0, 60)}, ${one.types.new.slice(0, 60)}`, one] as const,
    ),
  )('%s', async (_, one) => {
    const tables = { old: await make(kinds.old, 'old', one), new: await make(kinds.new, 'new', one) };
    const pair = await stage.pair(kinds, tables, 'g');
    // The identity would tell all rows apart.
    const valued = { ...pair, columns: pair.columns.filter(({ name }) => name === 'v') };
    const hashes = {} as Record<'old' | 'new', string[]>;
    const sums = {} as Record<'old' | 'new', unknown>;
    for (const side of SIDES) {
      const server = stage.servers(kinds)[side];
      const options = { pair: valued, server, method: DEFAULT_HASH, force: false };
      hashes[side] = [];
      for await (const { sum } of openRowReader(options).rows('1', ALL_ROWS)) hashes[side].push(sum);
      sums[side] = (await openGroupReader(options).sums(ALL_KEYS, 10)).groups;
    }
    expect(hashes.new).toEqual(hashes.old);
    expect(hashes.old).toHaveLength(one.values.length);
    const collided = hashes.old.map((hash, id) => [
      hash,
      one.values[id],
      one.values[hashes.old.indexOf(hash)],
    ]);
    expect(collided.filter(([hash], id) => hashes.old.indexOf(String(hash)) !== id)).toEqual([]);
    expect(sums.new).toEqual(sums.old);
  });
});

function isOfNeither(kinds: Sides<ServerKind>, needed: ColumnCase['kinds']): boolean {
  // JSON has one type on each kind of server; the case of both has its own spellings.
  return needed?.old === 'mariadb' && needed.new === 'mysql' && kinds.old === kinds.new;
}
