/** MariaDB's bulk execution through the proxy: its rows on the new server, of either kind, or in doubt. */
import { createConnection as connectMariadb, type Connection as MariadbConnection } from 'mariadb';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readJournal } from '../harness/journal-entries.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { addedBy, mirrored, NEW_DATABASE, OLD_DATABASE, SHARD, startStageProxy } from './stage.ts';

const TABLES = `CREATE TABLE messages (folderid BIGINT, itemid BIGINT, title VARCHAR(80), price DECIMAL(9,2), at DATETIME(3),
    PRIMARY KEY (folderid, itemid)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
  CREATE TABLE numbered (id BIGINT AUTO_INCREMENT PRIMARY KEY, folderid BIGINT)`;
const INSERT = 'INSERT INTO messages VALUES (?, ?, ?, ?, ?)';

let old: SqlServer;
beforeAll(async () => {
  old = await startMariadb({ name: 'old' });
});
afterAll(() => old?.destroy());

describe.each([
  ['MariaDB', startMariadb],
  ['MySQL 9', startMysql],
] as const)('to %s', (_kind, startFresh) => {
  let fresh: SqlServer;
  let proxy: RunningProxy;
  beforeAll(async () => {
    fresh = await startFresh({ name: 'new' });
    for (const [server, name] of [
      [old, OLD_DATABASE],
      [fresh, NEW_DATABASE],
    ] as const)
      await server.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name}; USE ${name}; ${TABLES}`);
    const key = { key: 'folderid' };
    proxy = await startStageProxy({ old, fresh }, { tables: { messages: key, numbered: key } });
  });
  beforeEach(async () => {
    await old.query(`DELETE FROM ${OLD_DATABASE}.messages`);
    await fresh.query(`DELETE FROM ${NEW_DATABASE}.messages`);
  });
  afterAll(async () => {
    await proxy?.kill9();
    await fresh?.destroy();
  });

  const counts = async () => ({
    mirrored: await mirrored(proxy, { outcome: 'mirrored' }),
    failed: await mirrored(proxy, { outcome: 'failed' }),
    skipped: await mirrored(proxy, { outcome: 'skipped_unsupported' }),
    doubts: await proxy.metric('understudy_mirror_doubts_total'),
    partial: await proxy.metric('understudy_mirror_doubts_total', { reason: 'partial' }),
  });
  const through = (work: (client: MariadbConnection) => Promise<unknown>) =>
    addedBy(proxy, counts, async () => {
      const client = await connectMariadb({
        ...{ host: '127.0.0.1', port: proxy.port(SHARD), user: 'root', database: OLD_DATABASE, bulk: true },
      });
      await work(client);
      await client.end();
    });
  const rows = (server: SqlServer, database: string) =>
    server.query<RowDataPacket[]>(`SELECT *, HEX(title) AS hex FROM ${database}.messages ORDER BY 1, 2`);

  const COMMANDS = "SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'";

  it('the rows of a bulk execution are replayed as one INSERT', async () => {
    // Of one type in all rows: the client sends another batch where a type changes.
    const row = (item: number) => [
      ...[item % 7, item, item % 3 === 0 ? null : `ü ${item} '海'`, item + 0.25],
      `2026-01-01 00:00:${10 + (item % 50)}.${100 + (item % 900)}`,
    ];
    const batch = Array.from({ length: 500 }, (_, item) => row(item));
    const before = await old.query<RowDataPacket[]>(COMMANDS);
    const added = await through(async (client) => {
      await client.batch(INSERT, batch);
      await client.beginTransaction();
      await client.batch(INSERT.replace('INSERT', 'REPLACE'), [row(1), row(8), row(1000)]);
      await client.query('UPDATE messages SET title = CONCAT(title, 1) WHERE folderid = 1');
      await client.batch(`${INSERT} ON DUPLICATE KEY UPDATE title = VALUES(title)`, [row(1), row(15)]);
      await client.commit();
      await client.beginTransaction();
      await client.batch(INSERT, [row(5000)]);
      await client.rollback();
    });
    // Each batch was one command.
    expect(Number((await old.query<RowDataPacket[]>(COMMANDS))[0]?.Value) - Number(before[0]?.Value)).toBe(4);
    expect(added).toEqual({ mirrored: 4, failed: 0, skipped: 0, doubts: 0, partial: 0 });
    const stored = await rows(old, OLD_DATABASE);
    expect(stored).toHaveLength(501);
    expect(await rows(fresh, NEW_DATABASE)).toEqual(stored);
  });

  it('numbers of AUTO_INCREMENT in a bulk execution are doubts', async () => {
    const added = await through((client) =>
      client.batch('INSERT INTO numbered (folderid) VALUES (?)', [[1], [2], [3]]),
    );
    expect(added).toEqual({ mirrored: 1, failed: 0, skipped: 0, doubts: 3, partial: 0 });
  });

  const UPDATE = 'UPDATE messages SET price = price + ? WHERE folderid = ? AND itemid = ?';
  const fill = (folder: number) =>
    through((client) =>
      client.batch(
        INSERT,
        [1, 2, 3].map((item) => [folder, item, 'a', 1, null]),
      ),
    );

  it('an UPDATE or DELETE in a bulk execution is replayed row by row, in order', async () => {
    await fill(9);
    const added = await through(async (client) => {
      await client.batch('UPDATE messages SET title = CONCAT(title, ?) WHERE folderid = ? AND itemid = ?', [
        ['b', 9, 1],
        ['c', 9, 1],
        ['d', 9, 3],
        ['e', 10, 3],
      ]);
      await client.beginTransaction();
      await client.batch(UPDATE, [
        [1, 9, 1],
        [2, 9, 2],
      ]);
      await client.batch('UPDATE messages SET folderid = ? WHERE folderid = ? AND itemid = 3', [
        [11, 9],
        [12, 11],
      ]);
      await client.batch('DELETE FROM messages WHERE folderid = ? AND itemid IN (?, ?)', [
        [9, 2, 7],
        [10, 2, 7],
      ]);
      await client.commit();
      await client.beginTransaction();
      await client.batch('DELETE FROM messages WHERE folderid = ?', [[9], [12]]);
      await client.rollback();
    });
    expect(added).toEqual({ mirrored: 10, failed: 0, skipped: 0, doubts: 0, partial: 0 });
    const stored = await rows(old, OLD_DATABASE);
    expect(stored).toMatchObject([
      { title: 'abc', price: '2.00' },
      { folderid: 12, title: 'ad' },
    ]);
    expect(await rows(fresh, NEW_DATABASE)).toEqual(stored);
  });

  it('what the rows of a bulk execution change together is compared', async () => {
    await fill(9);
    await fresh.query(`DELETE FROM ${NEW_DATABASE}.messages WHERE itemid = 2`);
    const added = await through((client) =>
      client.batch('DELETE FROM messages WHERE folderid = ? AND itemid = ?', [
        [9, 1],
        [9, 2],
      ]),
    );
    expect(added).toMatchObject({ mirrored: 2, doubts: 2 });
    expect(await proxy.metric('understudy_mirror_doubts_total', { reason: 'affected_rows' })).toBe(2);
  });

  it('a bulk execution that failed half-way is a doubt on the keys of its rows', async () => {
    await fill(9);
    const update = 'UPDATE messages SET itemid = ? WHERE folderid = ? AND itemid = ?';
    const failed = await through(async (client) => {
      await expect(
        client.batch(update, [
          [11, 9, 1],
          [3, 9, 2],
          [13, 8, 3],
        ]),
      ).rejects.toMatchObject({ errno: 1062 });
    });
    // What it had changed until then stays, so that it is not enough to leave out what failed.
    expect((await rows(old, OLD_DATABASE)).map(({ itemid }) => Number(itemid))).toEqual([2, 3, 11]);
    expect(failed).toEqual({ mirrored: 0, failed: 0, skipped: 0, doubts: 3, partial: 3 });
    const { entries } = await readJournal(proxy, SHARD);
    const keys = entries.filter(({ reason }) => reason === 'partial').map(({ key }) => key);
    expect(keys.sort()).toEqual(['8', '9']);
  });
});
