/** The new server's tables held against the old one's: what is the same on both kinds of servers, and what is not. */
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Doubt } from '../../src/journal/journal.ts';
import type { DatabaseSchema, OldSchema } from '../../src/mirror/old-schema.ts';
import { compareSchemas } from '../../src/mirror/schema-comparison.ts';
import { readNewSchema } from '../../src/mirror/schema-queries.ts';
import { loadParser } from '../../src/sql/parse.ts';
import { readJournal } from '../harness/journal-entries.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { planOf } from '../harness/mirror-kit.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePorts } from '../harness/ports.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import { COLUMN_CASES } from './column-cases.ts';
import { SCENES, type Scene, TABLE_START } from './new-schema-scenes.ts';
import { SHARD, startStageProxy, untilMirrorIsIdle } from './stage.ts';

type Kind = 'mariadb' | 'mysql';
const KINDS: readonly Kind[] = ['mariadb', 'mysql'];
const TIMEOUT_MS = 30_000;

/** Each in a column of its own. */
const DEFINITIONS: readonly string[] = [
  'INT DEFAULT NULL',
  'INT NOT NULL DEFAULT 5',
  "INT NOT NULL DEFAULT '7'",
  'INT UNSIGNED NOT NULL',
  'DECIMAL(10,2) DEFAULT 1.5',
  'FLOAT DEFAULT 1.5',
  'DOUBLE DEFAULT 1e3',
  "BIT(5) DEFAULT b'101'",
  'BOOLEAN NOT NULL DEFAULT TRUE',
  "VARCHAR(20) DEFAULT 'it''s \\\\ \"q\" NULL'",
  "VARCHAR(20) NOT NULL DEFAULT ''",
  "VARCHAR(30) DEFAULT 'current_timestamp()'",
  "CHAR(4) DEFAULT 'NULL'",
  "BINARY(4) DEFAULT 'ab'",
  "VARBINARY(4) NOT NULL DEFAULT 'ab'",
  "ENUM('a','b''c','D') NOT NULL DEFAULT 'b''c'",
  "SET('x','y') DEFAULT 'x,y'",
  'DATETIME DEFAULT CURRENT_TIMESTAMP',
  'DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)',
  'TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP',
  'TIMESTAMP NULL DEFAULT NULL',
  "DATETIME(6) NOT NULL DEFAULT '2020-01-02 03:04:05.500000'",
  "DATE DEFAULT '2020-01-02'",
  "TIME(2) DEFAULT '01:02:03.50'",
  'YEAR DEFAULT 2020',
  'YEAR NOT NULL',
  'INT DEFAULT (1 + 2 * 3)',
  'INT DEFAULT ((1 + 2) * 3)',
  'VARCHAR(40) DEFAULT (UUID())',
  "VARCHAR(40) DEFAULT (CONCAT('a', 'b'))",
  "VARCHAR(40) DEFAULT ('abc')",
  'INT GENERATED ALWAYS AS (id + 1) STORED',
  'INT GENERATED ALWAYS AS (id MOD 10 + MOD(g, 3)) STORED',
  'INT GENERATED ALWAYS AS ((id + 1) * (g - 2)) VIRTUAL',
  "VARCHAR(50) AS (CONCAT(LOWER(v), '-', id))",
  "VARCHAR(50) AS (IF(id > 3, 'x', v))",
  "VARCHAR(50) AS (JSON_UNQUOTE(JSON_EXTRACT(j, '$.a')))",
  'INT INVISIBLE DEFAULT 1',
  'JSON',
  'SERIAL',
];

let servers: Record<Kind, SqlServer>;

beforeAll(async () => {
  await loadParser();
  const [mariadb, mysql] = await Promise.all([
    startMariadb({ name: 'mariadb' }),
    startMysql({ name: 'mysql' }),
  ]);
  servers = { mariadb, mysql };
});
afterAll(async () => {
  await Promise.all(Object.values(servers ?? {}).map((server) => server.destroy()));
});

async function schemaOf(kind: Kind, database: string): Promise<DatabaseSchema> {
  const { host, port } = servers[kind];
  const connection = await createConnection({ host, port, user: 'root', charset: 'utf8mb4' });
  try {
    return await readNewSchema(connection, {
      database,
      timeoutMs: TIMEOUT_MS,
      server: { isMariadb: kind === 'mariadb', explicitTimestamps: true },
      planOf,
    });
  } finally {
    await connection.end();
  }
}

const asOld = (schema: DatabaseSchema): OldSchema => ({ ...schema, outside: [], views: [], routines: [] });
const differences = (old: DatabaseSchema, fresh: DatabaseSchema) =>
  compareSchemas(asOld(old), fresh, () => true).differences;

describe('the same statement', () => {
  const schemas = new Map<Kind, DatabaseSchema>();
  beforeAll(async () => {
    const types = [
      ...new Set(COLUMN_CASES.flatMap(({ types, kinds }) => (kinds === undefined ? [types.old] : []))),
    ];
    for (const kind of KINDS) {
      const tables = [...types, ...DEFINITIONS].map(
        (definition, index) =>
          `CREATE TABLE t${index} (g INT, id INT, v VARCHAR(20), j JSON, c ${definition} COMMENT 'of ${index}', PRIMARY KEY (g, id))`,
      );
      // MySQL's own default, which MariaDB does not have.
      const collation = kind === 'mysql' ? "SET default_collation_for_utf8mb4 = 'utf8mb4_general_ci';" : '';
      await servers[kind].query(
        `${collation} CREATE DATABASE same CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci; USE same; SET sql_mode = ''; ${tables.join('; ')};
          CREATE TRIGGER made BEFORE INSERT ON t0 FOR EACH ROW SET NEW.v = 'a'; SELECT 1`,
      );
      schemas.set(kind, await schemaOf(kind, 'same'));
    }
  });

  it.each(KINDS.flatMap((old) => KINDS.map((fresh) => [old, fresh] as const)))(
    'makes the same tables: %s and %s',
    (old, fresh) => {
      expect(schemas.get(old)?.tables.size).toBeGreaterThan(DEFINITIONS.length);
      expect(differences(schemas.get(old)!, schemas.get(fresh)!)).toEqual([]);
    },
  );
});

const PAIRINGS = KINDS.flatMap((old) => KINDS.map((fresh) => [old, fresh] as const));
const KEY = { key: 'folderid' };
const created = (side: 'old' | 'fresh'): string =>
  SCENES.flatMap(({ name, besides, [side]: columns }) => [
    `CREATE TABLE ${name} (${TABLE_START}, ${columns}) ENGINE=InnoDB`,
    ...(side === 'fresh' && besides !== undefined ? [besides.replaceAll('{t}', name)] : []),
  ]).join('; ');

describe.each(PAIRINGS)('what differs, from %s to %s', (oldKind, freshKind) => {
  const databases = { old: `o_${oldKind}_${freshKind}`, fresh: `n_${oldKind}_${freshKind}` };
  let proxy: RunningProxy;
  let doubts: readonly Doubt[];

  beforeAll(async () => {
    const [old, fresh] = [servers[oldKind], servers[freshKind]];
    const make = (name: string) =>
      `SET sql_mode = ''; CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci; USE ${name}`;
    await old.query(`${make(databases.old)}; ${created('old')}`);
    await fresh.query(`${make(databases.fresh)}; ${created('fresh')}`);
    const [port = 0] = await freePorts(1);
    proxy = await startStageProxy(
      { old, fresh },
      {
        tables: Object.fromEntries(SCENES.map(({ name }) => [name, KEY])),
        shards: [
          {
            name: SHARD,
            port,
            old: { host: old.host, port: old.port, database: databases.old },
            new: { host: fresh.host, port: fresh.port, database: databases.fresh },
          },
        ],
      },
    );
    await waitFor(async () => (await schemaStatus()).newKnown, { what: 'the new tables to be read' });
    await run(...SCENES.flatMap(({ name, writes }) => writes.map((sql) => sql.replaceAll('{t}', name))));
    doubts = (await readEntries()).filter(({ reason }) => reason !== 'written');
  });
  afterAll(() => proxy?.kill9());

  const run = async (...statements: readonly string[]): Promise<void> => {
    const client = await servers[oldKind].connect({ port: proxy.port(SHARD), database: databases.old });
    await client.query("SET sql_mode = ''");
    for (const sql of statements) await client.query(sql);
    await client.end();
    await untilMirrorIsIdle(proxy);
  };
  const readEntries = async (): Promise<readonly Doubt[]> => (await readJournal(proxy, SHARD)).entries;
  const schemaStatus = async () => {
    const schema = (await proxy.status()).shards[0]?.schema;
    if (schema === undefined) throw new Error('the proxy tells of no shard');
    return schema;
  };
  const rows = async (side: 'old' | 'fresh', { name, old: columns }: Scene): Promise<string> => {
    const server = side === 'old' ? servers[oldKind] : servers[freshKind];
    const names = [...`${TABLE_START}, ${columns}`.matchAll(/(?:^|, )\s*([a-z]+) [A-Z]/g)].map(
      ([, one]) => one,
    );
    return JSON.stringify(
      await server.query(`SELECT ${names.join(', ')} FROM ${databases[side]}.${name} ORDER BY folderid, id`),
    );
  };

  it.each(SCENES.map((scene) => [scene.name, scene] as const))('%s', async (name, scene) => {
    const found = doubts.filter(({ table }) => table === name);
    const [old, fresh] = [await rows('old', scene), await rows('fresh', scene)];
    expect([old === fresh, found.length > 0]).toEqual([scene.doubt === 'none', scene.doubt !== 'none']);
  });

  it('is told of in the status and by incidents, table by table', async () => {
    const { differences } = await schemaStatus();
    const tables = [...new Set(differences.map(({ table }) => table))];
    const alike = ['same', 'roomier', 'cut_on_old', 'children'];
    expect(tables.sort()).toEqual(
      SCENES.map((scene) => scene.name)
        .filter((name) => !alike.includes(name))
        .sort(),
    );
  });

  it('ends with the difference, and begins with it', async () => {
    const fresh = servers[freshKind];
    await fresh.query(
      `ALTER TABLE ${databases.fresh}.other_default ALTER n SET DEFAULT 1; ALTER TABLE ${databases.fresh}.same ALTER n SET DEFAULT 8`,
    );
    // A change of definitions has both servers read.
    await run("ALTER TABLE default_unused COMMENT 'another'");
    await waitFor(
      async () => {
        const tables = (await schemaStatus()).differences.map(({ table }) => table);
        return tables.includes('same') && !tables.includes('other_default');
      },
      { what: 'the new tables to be read again' },
    );
    const before = await readEntries();
    expect(before.filter(({ table, reason }) => table === 'same' && reason === 'table')).toHaveLength(1);
    await run('INSERT INTO other_default (folderid) VALUES (99)', 'INSERT INTO same (folderid) VALUES (99)');
    const found = (await readEntries()).filter(({ key, reason }) => key === '99' && reason !== 'written');
    expect(found.map(({ table }) => table)).toEqual(['same']);
  });
});
