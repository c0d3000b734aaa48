/** A new cluster that is wrong in every way: the sync counts just what is, repairs it, and leaves nothing behind. */
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerKind } from '../../src/sync/side.ts';
import type { SyncReport } from '../../src/sync/sync-report.ts';
import { startMariadb } from '../harness/mariadb.ts';
import {
  createSchema,
  folderId,
  MESSAGE_CENTRE_TABLES,
  MOVED_TABLES,
  seed,
} from '../harness/message-centre.ts';
import { startMysql } from '../harness/mysql.ts';
import type { Random } from '../harness/random.ts';
import { compareDatabases } from '../harness/row-differences.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { runSyncCommand, writeSyncConfig } from '../integration/sync-command-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { casesOf, corruptEveryType, createEveryType, EVERY_TYPE, everyTypeRows } from './every-type.ts';
import { corruptFolder, corruptRows } from './row-corruption.ts';

const run = chaosRun('sync-corruption');
/** Of a full run two million rows, and a folder of 200,000 in one table of each shard. */
const SHARDS = run.full ? 4 : 2;
const FOLDERS = run.full ? 2500 : 40;
const FOLDER_ROWS_MAX = run.full ? 20_000 : 200;
const FOLDER_ROWS_MIN = run.full ? 40 : 8;
/** More than one look at a group takes. */
const LARGE_ROWS = run.full ? 200_000 : 10_500;
const TIMES = run.full ? 20 : 3;
const ROWS_AN_INSERT = 5000;

const EMPTY = 'badges';
const EMPTY_ON_NEW = 'gifts';
const EMPTY_ON_OLD = 'shares';
const LARGE = 'comments';
/** Behind those that are seeded. */
const LARGE_FOLDER = folderId(FOLDERS);
const ENGINES = { old: 'MyISAM', new: 'InnoDB' } as const;
const KINDS: readonly ServerKind[] = ['mysql', 'mariadb'];
const CORRUPTED = MOVED_TABLES.filter((table) => ![EMPTY, EMPTY_ON_NEW, EMPTY_ON_OLD].includes(table));
const FOUND = { 'missing on new': 'missing', 'missing on old': 'extra', differs: 'different' } as const;
const KEY = { key: 'folderid' };
const TABLES = { ...MESSAGE_CENTRE_TABLES, [EVERY_TYPE]: KEY };
const SHARD_NAMES = Array.from({ length: SHARDS }, (_, index) => `s0${index}`);

let old: SqlServer;
const news = new Map<ServerKind, SqlServer>();
/** Of the old side, those of every type left out. */
let rows = 0;

beforeAll(async () => {
  const [first, ...others] = await Promise.all([
    startMariadb({ name: 'old' }),
    startMysql({ name: 'new' }),
    startMariadb({ name: 'new' }),
  ]);
  old = first;
  for (const [index, kind] of KINDS.entries()) news.set(kind, others[index]!);
  for (const shard of SHARD_NAMES) rows += await fill(old, shard, 'old');
}, run.timeoutMs * 4);
afterAll(() => Promise.all([old, ...news.values()].map((server) => server?.destroy())));

/** The tables of the message centre, and one that the other side lacks; answers how many rows there are. */
async function fill(server: SqlServer, shard: string, side: 'old' | 'new'): Promise<number> {
  await createSchema(server, shard, { engine: ENGINES[side], unmoved: false });
  const seeded = await seed(server, shard, {
    seed: run.seed + SHARD_NAMES.indexOf(shard),
    folders: FOLDERS,
    rowsMin: FOLDER_ROWS_MIN,
    rowsMax: FOLDER_ROWS_MAX,
  });
  const connection = await server.connect({ database: shard, charset: 'utf8mb4' });
  for (const table of MOVED_TABLES) {
    // What latin1 can hold.
    await connection.query(
      `UPDATE ${table} SET title = REPLACE(REPLACE(title, '海', 'été'), 'кот', 'gâteau')`,
    );
    if (side === 'old')
      await connection.query(`ALTER TABLE ${table} MODIFY title VARCHAR(120) CHARACTER SET latin1`);
  }
  for (let first = 0; first < LARGE_ROWS; first += ROWS_AN_INSERT) {
    const values = Array.from(
      { length: Math.min(ROWS_AN_INSERT, LARGE_ROWS - first) },
      (_, index) => `(${LARGE_FOLDER}, 1, ${first + index}, ${index}, ${first}, 'é ${index}')`,
    );
    await connection.query(`INSERT INTO ${LARGE} VALUES ${values.join(', ')}`);
  }
  const empty = [EMPTY, side === 'old' ? EMPTY_ON_OLD : EMPTY_ON_NEW];
  for (const table of empty) await connection.query(`TRUNCATE TABLE ${table}`);
  await connection.query(`CREATE TABLE ${side}_alone (folderid BIGINT PRIMARY KEY)`);
  await connection.query(`INSERT INTO ${side}_alone VALUES (1)`);
  await connection.end();
  return seeded + LARGE_ROWS;
}

describe.each(KINDS)(`a new cluster of %s, ${run.title}`, (kind) => {
  const cases = casesOf({ old: 'mariadb', new: kind });
  let fresh: SqlServer;
  /** By shard, before anything went wrong. */
  const wanted = new Map<string, unknown>();
  /** What differs, by the rows that the servers' own protocol gives. */
  const groups = new Set<string>();
  const rowCounts = { missing: 0, extra: 0, different: 0 };

  beforeAll(async () => {
    fresh = news.get(kind)!;
    for (const [index, shard] of SHARD_NAMES.entries()) {
      await fill(fresh, shard, 'new');
      for (const side of ['old', 'new'] as const) {
        const connection = await connect(side, shard);
        await createEveryType(connection, side, cases, ENGINES[side]);
        await connection.end();
      }
      await corrupt(shard, run.random(index));
      for (const { table, key, found } of await differences(shard)) {
        groups.add(`${shard} ${table} ${key}`);
        rowCounts[FOUND[found]] += 1;
      }
      // Of each type the value of one row.
      for (const column of cases.keys()) groups.add(`${shard} ${EVERY_TYPE} ${column}`);
      rowCounts.different += cases.length;
    }
    run.say(`${rows} rows, ${groups.size} groups that differ, rows ${JSON.stringify(rowCounts)}`);
  }, run.timeoutMs * 4);

  function connect(side: 'old' | 'new', shard: string): Promise<Connection> {
    return (side === 'old' ? old : fresh).connect({ database: shard, charset: 'utf8mb4' });
  }

  async function corrupt(shard: string, random: Random): Promise<void> {
    const connection = await connect('new', shard);
    wanted.set(shard, await everyTypeRows(connection, cases));
    await corruptEveryType(connection, cases);
    await corruptRows(connection, CORRUPTED, { folders: FOLDERS, times: TIMES, random });
    await corruptFolder(connection, LARGE, LARGE_FOLDER, { rows: LARGE_ROWS, times: TIMES, random });
    await connection.query(`DELETE FROM ${LARGE} WHERE folderid = ${LARGE_FOLDER} AND itemid % 1000 = 7`);
    await connection.query(
      `UPDATE ${LARGE} SET title = 'e' WHERE folderid = ${LARGE_FOLDER} AND itemid % 5000 = 11`,
    );
    await connection.end();
  }

  async function differences(shard: string) {
    const sides = [old, fresh].map((server) => ({ server, database: shard }));
    return (await compareDatabases(sides[0]!, sides[1]!, () => 'folderid', [...MOVED_TABLES])).differing;
  }

  function config(tables: unknown): Promise<string> {
    const shards = SHARD_NAMES.map((shard) => {
      const place = ({ host, port }: SqlServer) => ({ host, port, database: shard });
      return [shard, { old: place(old), new: place(fresh) }] as const;
    });
    return writeSyncConfig({ tables, shards: Object.fromEntries(shards) });
  }

  function expectAlone(report: SyncReport | null): void {
    expect(report?.passes[0]?.failures.map(({ shard, table }) => `${shard} ${table}`).sort()).toEqual(
      SHARD_NAMES.flatMap((shard) => [`${shard} new_alone`, `${shard} old_alone`]).sort(),
    );
  }

  it(
    'is counted, and left as it is, by a sync that may only look',
    async () => {
      if (run.full) expect(rows).toBeGreaterThan(2_000_000);
      const { code, report } = await runSyncCommand(
        await config({ ...TABLES, old_alone: KEY, new_alone: KEY }),
        ...['--full', '--check'],
      );
      expectAlone(report);
      expect([code, report?.passes[0]?.counts]).toMatchObject([
        1,
        {
          mismatched: groups.size,
          settled: { equal: 0, repaired: 0, differs: groups.size, moving: 0, failed: 0 },
          rows: rowCounts,
        },
      ]);
    },
    run.timeoutMs * 4,
  );

  it(
    'is repaired, but for the tables that one side alone has',
    async () => {
      const { code, report } = await runSyncCommand(
        await config({ ...TABLES, old_alone: KEY, new_alone: KEY }),
        // By one pass: as long as a table can't be looked at none is the last.
        ...['--full', '--passes', '1'],
      );
      expectAlone(report);
      expect([code, report?.passes[0]?.counts]).toMatchObject([
        1,
        { settled: { equal: 0, repaired: groups.size, differs: 0, moving: 0, failed: 0 }, rows: rowCounts },
      ]);
      for (const shard of SHARD_NAMES) {
        expect(await differences(shard)).toEqual([]);
        const connection = await connect('new', shard);
        expect(await everyTypeRows(connection, cases)).toEqual(wanted.get(shard));
        await connection.end();
      }
    },
    run.timeoutMs * 4,
  );

  it(
    'has nothing left to find',
    async () => {
      const { code, report } = await runSyncCommand(await config(TABLES), '--full');
      expect(report?.passes).toMatchObject([{ failed: 0, counts: { mismatched: 0 } }]);
      expect([code, report?.verdict]).toEqual([0, 'clean']);
    },
    run.timeoutMs * 4,
  );
});
