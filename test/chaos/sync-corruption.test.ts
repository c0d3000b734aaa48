/** A new cluster that is wrong in every way: the sync counts just what is, repairs it, and leaves nothing behind. */
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
import { compareDatabases } from '../harness/row-differences.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { runSyncCommand, writeSyncConfig } from '../integration/sync-command-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { casesOf, corruptEveryType, createEveryType, EVERY_TYPE, everyTypeRows } from './every-type.ts';
import { corruptRows } from './row-corruption.ts';

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
const CORRUPTED = MOVED_TABLES.filter((table) => ![EMPTY, EMPTY_ON_NEW, EMPTY_ON_OLD].includes(table));
const KEY = { key: 'folderid' };
const TABLES = { ...MESSAGE_CENTRE_TABLES, [EVERY_TYPE]: KEY };
const SHARD_NAMES = Array.from({ length: SHARDS }, (_, index) => `s0${index}`);

let old: SqlServer;

beforeAll(async () => {
  old = await startMariadb({ name: 'old' });
});
afterAll(() => old?.destroy());

async function fill(
  server: SqlServer,
  shard: string,
  side: 'old' | 'new',
  kind: ServerKind,
): Promise<number> {
  const database = `${kind}_${shard}`;
  const engine = side === 'old' ? 'MyISAM' : 'InnoDB';
  await createSchema(server, database, { engine, unmoved: false });
  const rows = await seed(server, database, {
    seed: run.seed + SHARD_NAMES.indexOf(shard),
    folders: FOLDERS,
    rowsMin: FOLDER_ROWS_MIN,
    rowsMax: FOLDER_ROWS_MAX,
  });
  const connection = await server.connect({ database, charset: 'utf8mb4' });
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
      (_, index) => `(${folderId(FOLDERS)}, 1, ${first + index}, ${index}, ${first}, 'é ${index}')`,
    );
    await connection.query(`INSERT INTO ${LARGE} VALUES ${values.join(', ')}`);
  }
  const empty = [EMPTY, side === 'old' ? EMPTY_ON_OLD : EMPTY_ON_NEW];
  for (const table of empty) await connection.query(`TRUNCATE TABLE ${table}`);
  await createEveryType(connection, side, casesOf({ old: 'mariadb', new: kind }), engine);
  await connection.query(`CREATE TABLE ${side}_alone (folderid BIGINT PRIMARY KEY)`);
  await connection.query(`INSERT INTO ${side}_alone VALUES (1)`);
  await connection.end();
  return rows + LARGE_ROWS;
}

describe.each(['mysql', 'mariadb'] as const)(`a new cluster of %s, ${run.title}`, (kind) => {
  const cases = casesOf({ old: 'mariadb', new: kind });
  const side = (server: SqlServer, shard: string) => ({ server, database: `${kind}_${shard}` });
  let fresh: SqlServer;
  /** By shard, before anything went wrong. */
  const wanted = new Map<string, unknown>();
  /** Groups that differ, by the rows that the servers' own protocol gives. */
  const differing = new Set<string>();

  beforeAll(async () => {
    fresh = await (kind === 'mysql' ? startMysql : startMariadb)({ name: 'new' });
    let rows = 0;
    for (const [index, shard] of SHARD_NAMES.entries()) {
      const [filled] = await Promise.all([fill(old, shard, 'old', kind), fill(fresh, shard, 'new', kind)]);
      rows += filled;
      const connection = await fresh.connect({ database: `${kind}_${shard}`, charset: 'utf8mb4' });
      wanted.set(shard, await everyTypeRows(connection, cases));
      await corruptEveryType(connection, cases);
      await corruptRows(connection, CORRUPTED, {
        folders: FOLDERS,
        times: TIMES,
        random: run.random(index),
      });
      await connection.query(
        `DELETE FROM ${LARGE} WHERE folderid = ${folderId(FOLDERS)} AND itemid % 1000 = 7`,
      );
      await connection.query(
        `UPDATE ${LARGE} SET title = 'e' WHERE folderid = ${folderId(FOLDERS)} AND itemid % 5000 = 11`,
      );
      await connection.end();
      for (const { table, key } of await differences(shard)) differing.add(`${shard} ${table} ${key}`);
    }
    run.say(`${rows} rows, ${differing.size + cases.length * SHARDS} groups that differ`);
  }, run.timeoutMs * 4);

  afterAll(() => fresh?.destroy());

  async function differences(shard: string) {
    const tables = [...MOVED_TABLES];
    return (await compareDatabases(side(old, shard), side(fresh, shard), () => 'folderid', tables)).differing;
  }

  function config(tables: unknown): Promise<string> {
    const shards = SHARD_NAMES.map((shard) => {
      const database = `${kind}_${shard}`;
      const place = ({ host, port }: SqlServer) => ({ host, port, database });
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
      const groups = differing.size + cases.length * SHARDS;
      const { code, report } = await runSyncCommand(
        await config({ ...TABLES, old_alone: KEY, new_alone: KEY }),
        ...['--full', '--check'],
      );
      expectAlone(report);
      expect([code, report?.passes[0]?.counts.mismatched]).toEqual([1, groups]);
      expect(report?.passes[0]?.counts.settled).toMatchObject({ differs: groups, repaired: 0, failed: 0 });
    },
    run.timeoutMs * 4,
  );

  it(
    'is repaired, but for the tables that one side alone has',
    async () => {
      const groups = differing.size + cases.length * SHARDS;
      const { code, report } = await runSyncCommand(
        await config({ ...TABLES, old_alone: KEY, new_alone: KEY }),
        '--full',
      );
      expectAlone(report);
      expect([code, report?.passes[0]?.counts.settled]).toEqual([
        1,
        { equal: 0, repaired: groups, differs: 0, moving: 0, failed: 0 },
      ]);
      for (const shard of SHARD_NAMES) {
        expect(await differences(shard)).toEqual([]);
        const connection = await fresh.connect({ database: `${kind}_${shard}`, charset: 'utf8mb4' });
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
