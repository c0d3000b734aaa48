/** A repair carries a value of any type as it is: by the sync's own sums, and by what the target's server says of it. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_HASH } from '../../src/sync/hash-method.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { RepairSql } from '../../src/sync/repair-sql.ts';
import type { RowDifference } from '../../src/sync/row-difference.ts';
import { RowRepair } from '../../src/sync/row-repair.ts';
import { OLD_TO_NEW, type ServerKind, type Sides } from '../../src/sync/side.ts';
import { openGroupReader } from '../../src/sync/sql-group-reader.ts';
import type { TablePair } from '../../src/sync/table-pair.ts';
import { COLUMN_CASES, type ColumnCase, INVALID_DATE } from './column-cases.ts';
import { KIND_PAIRS, SIDES, type SyncStage, startSyncStage } from './sync-stage.ts';

let stage: SyncStage;
let made = 0;

beforeAll(async () => {
  stage = await startSyncStage();
});
afterAll(() => stage?.destroy());

describe.each(KIND_PAIRS)('$old to $new', (kinds) => {
  const cases = [...COLUMN_CASES, INVALID_DATE].filter((one) => isFor(kinds, one));

  it.each(
    cases.map(
      (one) => [`${one.title}: ${one.types.old.slice(0, 60)}, ${one.types.new.slice(0, 60)}`, one] as const,
    ),
  )('%s', async (_, one) => {
    made += 1;
    const table = `t${made}`;
    await create(kinds, table, one);
    // What the server itself makes of the values.
    await fill(kinds, 'new', `${table}_wanted`, one, 0);
    await fill(kinds, 'old', table, one, 0);
    // Each row has another's value, so that a repair that writes nothing is found out.
    await fill(kinds, 'new', table, one, 1);
    const pair = await stage.pair(kinds, { old: table, new: table }, 'g');
    await repair(kinds, pair, allDifferent(one.values.length));
    expect(await sumsOf(kinds, pair, 'new')).toEqual(await sumsOf(kinds, pair, 'old'));
    expect(await textsOf(kinds, table, one)).toEqual(await textsOf(kinds, `${table}_wanted`, one));
  });
});

function isFor(kinds: Sides<ServerKind>, { kinds: needed }: ColumnCase): boolean {
  if (needed?.old === 'mariadb' && needed.new === 'mysql' && kinds.old === kinds.new) return false;
  return (needed?.old ?? kinds.old) === kinds.old && (needed?.new ?? kinds.new) === kinds.new;
}

async function create(kinds: Sides<ServerKind>, table: string, { types }: ColumnCase): Promise<void> {
  for (const side of SIDES) {
    for (const name of side === 'new' ? [table, `${table}_wanted`] : [table])
      await stage
        .writer(kinds[side], side)
        .query(
          `CREATE TABLE ${name} (g INT NOT NULL, id INT NOT NULL, v ${types[side]}, PRIMARY KEY (g, id)) ENGINE ${name === table && side === 'new' ? 'InnoDB' : 'MyISAM'}`,
        );
  }
}

/** `shift`: how far each row's value stands from its own. */
async function fill(
  kinds: Sides<ServerKind>,
  side: 'old' | 'new',
  table: string,
  { values }: ColumnCase,
  shift: number,
): Promise<void> {
  const literals = values.map((value) => (typeof value === 'string' ? value : value[side === 'old' ? 0 : 1]));
  const rows = literals.map((_, id) => `(1, ${id}, ${literals[(id + shift) % literals.length]})`);
  await stage
    .writer(kinds[side], side)
    .query(`INSERT IGNORE INTO ${table} (g, id, v) VALUES ${rows.join(', ')}`);
}

async function* allDifferent(rows: number): AsyncGenerator<RowDifference> {
  for (let id = 0; id < rows; id++) yield { kind: 'different', identity: ['1', String(id)], copies: 1 };
}

async function repair(
  kinds: Sides<ServerKind>,
  pair: TablePair,
  differences: AsyncIterable<RowDifference>,
): Promise<void> {
  const servers = stage.servers(kinds);
  await new RowRepair({
    sql: new RepairSql(pair, OLD_TO_NEW, servers),
    orders: pair.identity.map(({ order }) => order),
    source: servers.old,
    target: servers.new,
    rowsPerTransaction: 100,
  }).repair('1', differences);
}

async function sumsOf(kinds: Sides<ServerKind>, pair: TablePair, side: 'old' | 'new'): Promise<unknown> {
  const server = stage.servers(kinds)[side];
  const reader = openGroupReader({ pair, server, method: DEFAULT_HASH, force: false });
  return (await reader.sums(ALL_KEYS, 10)).groups;
}

/** The text of each value, and its bytes; of JSON what it says, as MariaDB keeps the text that it was given. */
async function textsOf(
  kinds: Sides<ServerKind>,
  table: string,
  { title, types }: ColumnCase,
): Promise<unknown> {
  const number = /^(?:FLOAT|DOUBLE)/.test(types.new) ? ', v * 1e0 AS number' : '';
  const [rows] = await stage.writer(kinds.new, 'new').query<RowDataPacket[]>({
    sql: `SELECT id, v, HEX(v) AS bytes${number} FROM ${table} ORDER BY id`,
    typeCast: (field) => field.buffer()?.toString() ?? null,
  });
  // A FLOAT is carried as the number that it is, of which another text may have been cut off.
  if (types.old === 'FLOAT' && types.new === 'DOUBLE')
    return rows.map(({ v }) => (v === null ? null : Math.fround(v)));
  return title.startsWith('JSON') ? rows.map(({ v }) => documentOf(v)) : rows;
}

/** Numbers as JSON can print them, which has no zero below zero. */
function documentOf(text: string | null): unknown {
  return text === null ? 'NULL' : JSON.parse(JSON.stringify(JSON.parse(text)));
}
