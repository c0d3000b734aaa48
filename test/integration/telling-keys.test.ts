/**
 * A statement’s keys are those of the rows that it changes, whatever the server makes of what is written: each row that
 * comes out otherwise on the new server has its key, or its table, in the journal.
 */
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJournal } from '../harness/journal-entries.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { compareDatabases } from '../harness/row-differences.ts';
import { shardBetween } from '../harness/shard-databases.ts';
import { untilMirrorIsIdle } from './stage.ts';

const SHARD = 's00';
const OLD = 'mc_00';
const NEW = 'shard_00';
const REST = 'n INT NOT NULL DEFAULT 0, s VARCHAR(40)';
const TABLES = {
  plain: `k BIGINT PRIMARY KEY, ${REST}`,
  smalls: `k TINYINT PRIMARY KEY, ${REST}`,
  years: `k YEAR PRIMARY KEY, ${REST}`,
  days: `k DATE PRIMARY KEY, ${REST}`,
  moments: `k DATETIME PRIMARY KEY, ${REST}`,
  amounts: `k DECIMAL(6,2) PRIMARY KEY, ${REST}`,
  short: `k VARCHAR(4) PRIMARY KEY, ${REST}`,
  latin: `k VARCHAR(4) CHARACTER SET latin1 PRIMARY KEY, ${REST}`,
  words: `k VARCHAR(20) CHARACTER SET utf8mb4 PRIMARY KEY, ${REST}`,
  made: `id BIGINT PRIMARY KEY, ${REST}, k BIGINT AS (id + n) STORED`,
  raised: `k BIGINT PRIMARY KEY, ${REST}`,
  hidden: `k BIGINT INVISIBLE PRIMARY KEY DEFAULT 7, ${REST}`,
  uniques: `k BIGINT PRIMARY KEY, ${REST}, UNIQUE (s)`,
  numbered: `id BIGINT AUTO_INCREMENT PRIMARY KEY, k BIGINT, ${REST}`,
  queued: `k BIGINT, id BIGINT, ${REST}, PRIMARY KEY (k, id)`,
  grouped: `id BIGINT AUTO_INCREMENT PRIMARY KEY, k BIGINT, ${REST}`,
  dated: `id BIGINT PRIMARY KEY, k BIGINT, y YEAR, ${REST}`,
};
type Table = keyof typeof TABLES;
const NAMES = Object.keys(TABLES) as Table[];
const TRIGGER = 'CREATE TRIGGER raises BEFORE INSERT ON raised FOR EACH ROW SET NEW.n = 1, NEW.k = NEW.k + 1';

let server: Mariadb;
beforeAll(async () => {
  server = await startMariadb();
  const schema = NAMES.map((name) => `CREATE TABLE ${name} (${TABLES[name]}) CHARACTER SET utf8mb4`);
  for (const database of [OLD, NEW])
    await server.query(`CREATE DATABASE ${database}; USE ${database}; ${schema.join('; ')}; ${TRIGGER}`);
});
afterAll(() => server?.destroy());

async function startAt(percent: number): Promise<RunningProxy> {
  return startProxy({
    config: {
      tables: Object.fromEntries(NAMES.map((name) => [name, { key: 'k' }])),
      shards: [await shardBetween(server)],
      mirror: { writes: percent, deletes: percent },
    },
  });
}

/** Runs statements on one connection through the proxy, and lets the mirror finish. */
async function run(
  proxy: RunningProxy,
  sql: readonly string[],
  options: ConnectionOptions = {},
): Promise<void> {
  const client: Connection = await server.connect({ port: proxy.port(SHARD), database: OLD, ...options });
  for (const text of sql) await client.query(text);
  await client.end();
  await untilMirrorIsIdle(proxy);
}

/** Keys of a table, as text, whose rows are not the same on both sides. */
async function differing(table: Table): Promise<string[]> {
  const found = await compareDatabases({ server, database: OLD }, { server, database: NEW }, () => 'k', [
    table,
  ]);
  return [...new Set(found.differing.map(({ key }) => key))].sort();
}

/** The keys of a table that are in doubt; `*`: all of them. */
async function doubts(proxy: RunningProxy, table: Table): Promise<string[]> {
  const { entries } = await readJournal(proxy, SHARD);
  const found = entries.filter((entry) => entry.table === table && entry.reason !== 'written');
  return [...new Set(found.map(({ key }) => key ?? '*'))].sort();
}

describe('a statement that is left out', () => {
  let proxy: RunningProxy;
  beforeAll(async () => {
    proxy = await startAt(0);
  });
  afterAll(() => proxy?.kill9());

  it('keys that the server stores as another value are not told by the text', async () => {
    const cases: readonly (readonly [Table, string, ConnectionOptions?])[] = [
      ['smalls', 'INSERT INTO smalls (k) VALUES (300)'],
      ['years', 'INSERT INTO years (k) VALUES (5)'],
      ['days', "INSERT INTO days (k) VALUES ('2026/01/03')"],
      ['moments', "INSERT INTO moments (k) VALUES ('2026-01-03')"],
      ['amounts', "INSERT INTO amounts (k) VALUES ('99999')"],
      ['short', "INSERT INTO short (k) VALUES ('abcdef')"],
      ['latin', "INSERT INTO latin (k) VALUES ('日')"],
      ['words', "INSERT INTO words (k) VALUES ('é')", { charset: 'latin1' }],
      ['made', 'INSERT INTO made (id, n) VALUES (1, 2)'],
      ['raised', 'INSERT INTO raised (k) VALUES (5)'],
      ['hidden', 'INSERT INTO hidden VALUES (3, NULL)'],
    ];
    for (const [table, sql, options] of cases) {
      await run(proxy, ["SET sql_mode = ''", sql], options);
      expect.soft(await differing(table), sql).toHaveLength(1);
      expect.soft(await doubts(proxy, table), sql).toEqual(['*']);
    }
  });

  it('keys that lose characters on their way tell nothing', async () => {
    const cases = [
      ['SET character_set_connection = greek', 'é', '?'],
      ["SET collation_connection = 'greek_bin'", 'aé', 'a?'],
    ] as const;
    for (const [set, sent, stored] of cases) {
      await run(proxy, ["SET sql_mode = ''", set, `REPLACE INTO words (k) VALUES ('${sent}')`]);
      const keys = await differing('words');
      expect.soft(keys, set).toContain(stored);
      expect.soft(await doubts(proxy, 'words'), set).toContain('*');
    }
  });

  it('keys that it stores as they are written are told', async () => {
    const cases: readonly (readonly [Table, string, string])[] = [
      ['plain', '-5', '-5'],
      ['smalls', '127', '127'],
      ['years', '2005', '2005'],
      ['days', "'2026-01-03'", '2026-01-03'],
      ['amounts', '42', '42'],
      ['short', "'abcd'", 'abcd'],
      ['latin', "'é'", 'é'],
    ];
    for (const [table, key, expected] of cases) {
      await run(proxy, [`REPLACE INTO ${table} (k) VALUES (${key})`]);
      expect.soft(await doubts(proxy, table), key).toContain(expected);
    }
  });

  it('an upsert may touch a row of another key, by a unique index that lacks it', async () => {
    const both = async (sql: string): Promise<void> => {
      for (const database of [OLD, NEW]) await server.query(`USE ${database}; ${sql}`);
    };
    await both(
      "INSERT INTO uniques VALUES (1, 1, 'a'), (2, 1, 'b'); INSERT INTO grouped VALUES (1, 1, 1, 'a')",
    );
    await run(proxy, ["REPLACE INTO uniques VALUES (3, 1, 'a')"]);
    expect(await differing('uniques')).toEqual(['1', '3']);
    expect(await doubts(proxy, 'uniques')).toEqual(['*', '3']);
    await run(proxy, ['INSERT INTO grouped (k, n) VALUES (7, 1) ON DUPLICATE KEY UPDATE n = 2']);
    expect(await doubts(proxy, 'grouped')).toEqual(['7']);
    await run(proxy, ['INSERT INTO grouped (id, k) VALUES (1, 7) ON DUPLICATE KEY UPDATE n = 2']);
    expect(await differing('grouped')).toEqual(['1', '7']);
    expect(await doubts(proxy, 'grouped')).toEqual(['*', '7']);
  });
});

describe('a statement that is replayed', () => {
  let proxy: RunningProxy;
  beforeAll(async () => {
    await server.query(`DELETE FROM ${OLD}.uniques; DELETE FROM ${OLD}.grouped`);
    await server.query(`DELETE FROM ${NEW}.uniques; DELETE FROM ${NEW}.grouped`);
    proxy = await startAt(100);
  });
  afterAll(() => proxy?.kill9());

  it('rows that get another key take the doubts of the one that they had with them', async () => {
    const rows = 'INSERT INTO grouped (id, k) VALUES (1, 1), (2, 2), (3, 3), (4, 4)';
    await run(proxy, [rows, 'UPDATE grouped SET k = 5 WHERE k = 4']);
    expect(await doubts(proxy, 'grouped')).toEqual([]);
    await run(proxy, ['UPDATE grouped SET s = UUID() WHERE k = 2', 'UPDATE grouped SET k = 1 WHERE k = 2']);
    expect(await differing('grouped')).toEqual(['1']);
    expect(await doubts(proxy, 'grouped')).toEqual(['1', '2']);
    await run(proxy, ['UPDATE grouped SET k = k + 10 WHERE k = 1']);
    expect(await differing('grouped')).toEqual(['11']);
    expect(await doubts(proxy, 'grouped')).toEqual(['*', '1', '2']);
  });

  it('the numbers of an INSERT that answers in rows are not told, so that they are a doubt', async () => {
    await server.query(`ALTER TABLE ${NEW}.numbered AUTO_INCREMENT = 1000`);
    await run(proxy, [
      'INSERT INTO numbered (k) VALUES (1) RETURNING id',
      'INSERT INTO numbered (k) VALUES (2)',
    ]);
    expect(await differing('numbered')).toEqual(['1']);
    expect(await doubts(proxy, 'numbered')).toEqual(['1']);
    await server.query(`INSERT INTO ${NEW}.plain (k, n) VALUES (1, 1), (2, 2)`);
    await run(proxy, [
      'DELETE FROM plain WHERE k = 1 RETURNING n',
      'DELETE FROM plain WHERE k = 3 RETURNING n',
    ]);
    expect(await doubts(proxy, 'plain')).toEqual(['1']);
  });

  it('which rows a LIMIT takes is a doubt, unless its ORDER BY tells each two of them apart', async () => {
    await server.query(`ALTER TABLE ${OLD}.queued ENGINE=MyISAM`);
    await run(proxy, [
      'INSERT INTO queued (k, id) VALUES (1, 3), (1, 2), (1, 1), (2, 3), (2, 2), (2, 1), (3, 1)',
      'DELETE FROM queued WHERE k = 1 ORDER BY n LIMIT 1',
      'DELETE FROM queued WHERE k = 2 ORDER BY n, id LIMIT 1',
      'UPDATE queued SET n = 5 WHERE k = 3 AND id = 1 LIMIT 1',
    ]);
    expect((await differing('queued')).filter((key) => key !== '1')).toEqual([]);
    expect(await doubts(proxy, 'queued')).toEqual(['1', '3']);
  });

  it('which rows a YEAR in a condition picks is a doubt', async () => {
    await run(proxy, [
      'INSERT INTO dated (id, k, y) VALUES (1, 1, 2009), (2, 2, 2009), (3, 3, 2009)',
      'UPDATE dated SET n = 1 WHERE k = 1 AND y IN (8, 09)',
      'UPDATE dated SET n = 1, y = 10 WHERE k = 2',
      'DELETE FROM dated WHERE k = 3 ORDER BY y, id LIMIT 1',
    ]);
    expect(await differing('dated')).toEqual([]);
    expect(await doubts(proxy, 'dated')).toEqual(['1']);
  });

  it('what IGNORE passes over is seen by how many rows were changed, or is a doubt', async () => {
    await server.query(`INSERT INTO ${NEW}.uniques VALUES (1, 1, 'a'), (10, 1, 'y'), (11, 1, 'z')`);
    const matching = { flags: ['+FOUND_ROWS'] };
    await run(proxy, ["INSERT IGNORE INTO uniques VALUES (2, 1, 'a')"], matching);
    expect(await doubts(proxy, 'uniques')).toEqual(['2']);
    await run(
      proxy,
      ["INSERT INTO uniques VALUES (3, 1, 'b')", "UPDATE IGNORE uniques SET s = 'y' WHERE k = 3"],
      {
        flags: ['-FOUND_ROWS'],
      },
    );
    expect(await doubts(proxy, 'uniques')).toEqual(['2', '3']);
    await run(
      proxy,
      ["INSERT INTO uniques VALUES (4, 1, 'c')", "UPDATE IGNORE uniques SET s = 'z' WHERE k = 4"],
      matching,
    );
    expect(await doubts(proxy, 'uniques')).toEqual(['2', '3', '4']);
  });
});
