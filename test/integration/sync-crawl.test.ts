/** The crawl and the drill-down on real servers, against a look at all rows at once. */
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatchSize } from '../../src/sync/batch-size.ts';
import type { GroupSum } from '../../src/sync/group-sum.ts';
import type { RowDifference } from '../../src/sync/row-difference.ts';
import { onBoth, type Sides } from '../../src/sync/side.ts';
import type { SyncServer } from '../../src/sync/sync-server.ts';
import {
  differencesOf,
  findDifferences,
  lookTogether,
  openRepair,
  openTable,
  readDifferences,
  repairDifferences,
} from '../harness/compared-tables.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { createRandom, type Random } from '../harness/random.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type OpenedServer, openServer } from '../harness/sync-servers.ts';

/** A table that is filled by dice, nearly the same on both sides. */
interface Case {
  readonly table: string;
  /** Columns and keys; `$` stands for what differs between the sides. */
  readonly definition: string;
  readonly sides: Sides<string>;
  readonly key: string | null;
  /** SQL of a row's values. */
  readonly row: (random: Random) => string;
}

const TEXT_KEYS = [
  '',
  'a',
  'A',
  'å',
  'Å',
  'ä',
  'e',
  'é',
  'y',
  'ü',
  'ß',
  'ss',
  'z',
  'z ',
  'Z',
  '€',
  'ab',
  'a b',
  '~',
  'o\\\\',
  "q''",
];
const NUMBER_KEYS = [
  '0',
  '1',
  '42',
  '9007199254740993',
  '9007199254740994',
  '9223372036854775808',
  '18446744073709551615',
];
const text = (random: Random) => `'${random.pick(TEXT_KEYS)}'`;
const id = (random: Random) => String(random.integer(-20, 60));
const content = (random: Random) => `'${random.pick(['x', 'y'])}'`;
const SWEDISH = 'CHARACTER SET latin1 COLLATE latin1_swedish_ci';

const CASES: readonly Case[] = [
  {
    table: 'plain_numbers',
    definition: 'k BIGINT NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) =>
      `${random.pick(['-9223372036854775808', '-3', '-20', '0', '7', '42'])}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'large_numbers',
    definition: 'k BIGINT UNSIGNED $ NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: 'ZEROFILL', new: '' },
    key: 'k',
    row: (random) => `${random.pick(NUMBER_KEYS)}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'null_keys',
    definition: 'k INT NULL, id INT NOT NULL PRIMARY KEY, c VARCHAR(9), KEY (k)',
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) =>
      `${random.pick(['NULL', '-1', '0', '1', '2', '300'])}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'null_texts',
    definition: 'k VARCHAR(20) $ NULL, id INT NOT NULL PRIMARY KEY, c VARCHAR(9), KEY (k)',
    sides: { old: SWEDISH, new: 'COLLATE utf8mb4_0900_ai_ci' },
    key: 'k',
    row: (random) => `${random.chance(0.2) ? 'NULL' : text(random)}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'dates',
    definition: 'k DATE NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) =>
      `${random.pick(["'0000-00-00'", "'1000-01-01'", "'2026-02-03'", "'9999-12-31'", "'2026-00-00'"])}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'moments',
    definition: 'k DATETIME$ NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: '(1)', new: '(6)' },
    key: 'k',
    row: (random) =>
      `'2026-02-0${random.integer(1, 5)} 10:00:0${random.integer(0, 1)}.${random.integer(0, 2)}', ${id(random)}, ${content(random)}`,
  },
  {
    table: 'decimals',
    definition: 'k DECIMAL$ NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: '(20,2)', new: '(30,4)' },
    key: 'k',
    row: (random) =>
      `${random.pick(['-1.5', '-0.25', '0', '0.01', '1.1', '10', '9.99', '123456789012345678.99'])}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'bytes',
    definition: 'k VARBINARY(20) NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) =>
      `${random.pick(["X''", "X'00'", "X'0000'", "X'7f'", "X'80ff'", "X'27'", "'a'", "'A '"])}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'members',
    definition: "k ENUM('z','b','a','C') NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)",
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) => `'${random.pick(['z', 'b', 'a', 'C'])}', ${id(random)}, ${content(random)}`,
  },
  {
    table: 'swedish_to_german',
    definition: 'k VARCHAR(20) $ NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: SWEDISH, new: 'COLLATE utf8mb4_0900_ai_ci' },
    key: 'k',
    row: (random) => `${text(random)}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'swedish_to_binary',
    definition: 'k VARCHAR(20) $ NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: SWEDISH, new: 'COLLATE utf8mb4_bin' },
    key: 'k',
    row: (random) => `${text(random)}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'binary_to_caseless',
    definition: 'k VARCHAR(20) $ NOT NULL, id INT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, id)',
    sides: { old: 'COLLATE utf8mb4_bin', new: 'COLLATE utf8mb4_0900_ai_ci' },
    key: 'k',
    row: (random) => `${text(random)}, ${id(random)}, ${content(random)}`,
  },
  {
    table: 'named_rows',
    definition:
      'k INT NOT NULL, n VARCHAR(20) $ NOT NULL, t TINYINT NOT NULL, c VARCHAR(9), PRIMARY KEY (k, n, t)',
    sides: { old: SWEDISH, new: 'COLLATE utf8mb4_0900_ai_ci' },
    key: 'k',
    row: (random) => `${random.integer(1, 3)}, ${text(random)}, ${random.integer(0, 2)}, ${content(random)}`,
  },
  {
    table: 'texts_throughout',
    definition: 'k VARCHAR(20) $ NOT NULL, n VARCHAR(20) $ NOT NULL, c VARCHAR(9), PRIMARY KEY (k, n)',
    sides: { old: SWEDISH, new: 'COLLATE utf8mb4_bin' },
    key: null,
    row: (random) => `${text(random)}, ${text(random)}, ${content(random)}`,
  },
  {
    table: 'single_rows',
    definition: 'k BIGINT $ NOT NULL PRIMARY KEY, c VARCHAR(9)',
    sides: { old: '', new: 'UNSIGNED' },
    key: null,
    row: (random) => `${random.integer(0, 400)}, ${content(random)}`,
  },
  {
    table: 'single_names',
    definition: 'k VARCHAR(20) $ NOT NULL PRIMARY KEY, c VARCHAR(9)',
    sides: { old: SWEDISH, new: 'COLLATE utf8mb4_bin' },
    key: null,
    row: (random) => `'${random.pick(TEXT_KEYS)}${random.integer(1, 9)}', ${content(random)}`,
  },
  {
    table: 'no_primary_key',
    definition: 'k INT NOT NULL, n INT NULL, c VARCHAR(9), KEY (k)',
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) => `${random.integer(1, 9)}, ${random.pick(['NULL', '0', '1'])}, ${content(random)}`,
  },
  {
    table: 'no_key',
    definition: 'n INT NULL, c VARCHAR(9)',
    sides: { old: '', new: '' },
    key: null,
    row: (random) => `${random.pick(['NULL', '0', '1', '2', '3', '4'])}, ${content(random)}`,
  },
];

/** Whose keys and identities both servers order alike. */
const TOGETHER: readonly Case[] = [
  ...CASES.filter(({ table }) =>
    /^(?:plain_numbers|large_numbers|null_keys|dates|moments|decimals|bytes|single_rows)$/.test(table),
  ),
  {
    table: 'ordered_texts',
    definition:
      'k INT NOT NULL, n VARCHAR(20) $ NOT NULL, b BINARY(2) NOT NULL, c VARCHAR(9), PRIMARY KEY (k, n, b)',
    sides: { old: 'COLLATE utf8mb4_nopad_bin', new: 'COLLATE utf8mb4_0900_bin' },
    key: 'k',
    row: (random) =>
      `${random.integer(1, 3)}, ${text(random)}, ${random.pick(["X'0000'", "X'2c7c'", "X'ff00'"])}, ${content(random)}`,
  },
  {
    table: 'documents',
    definition: 'k INT NOT NULL, id INT NOT NULL, c VARCHAR(9), j JSON NULL, PRIMARY KEY (k, id)',
    sides: { old: '', new: '' },
    key: 'k',
    row: (random) =>
      `${random.integer(1, 9)}, ${id(random)}, ${content(random)}, ${random.pick(['NULL', `'{"a": 1}'`, `'[1, 2]'`])}`,
  },
];

describe('the crawl of an old MariaDB and a new MySQL', () => {
  const real: SqlServer[] = [];
  const opened: OpenedServer[] = [];
  let plain: Sides<Connection>;
  let servers: Sides<SyncServer>;

  beforeAll(async () => {
    real.push(...(await Promise.all([startMariadb({ name: 'old' }), startMysql({ name: 'new' })])));
    const [old, fresh] = real as [SqlServer, SqlServer];
    for (const server of real) await server.query('CREATE DATABASE d CHARACTER SET utf8mb4');
    plain = { old: await connect(old), new: await connect(fresh) };
    opened.push(await openServer(old, 'd'), await openServer(fresh, 'd', { side: 'new' }));
    servers = { old: opened[0]!.server, new: opened[1]!.server };
  });
  afterAll(async () => {
    for (const side of ['old', 'new'] as const) plain?.[side].destroy();
    for (const { pool } of opened) pool.close();
    await Promise.all(real.map((server) => server.destroy()));
  });

  async function onBothSides(sql: string): Promise<void> {
    await onBoth((side) => plain[side].query(sql));
  }

  it.each(CASES)('finds in $table what differs, and that alone', async (its) => {
    const random = createRandom(11);
    await create(its, plain);
    const rows = Array.from({ length: 200 }, () => `(${its.row(random)})`);
    await onBothSides(`INSERT IGNORE INTO ${its.table} VALUES ${rows.join(', ')}`);
    const table = await openTable(servers, 'd', its.table, its.key);
    expect(table.pair.identity.length > 0).toBe(!its.table.startsWith('no_'));
    for (const size of [3, 50]) {
      for (const side of ['old', 'new'] as const) await disturb(its, plain[side], random);
      const truth = await readDifferences(table.pair, plain);
      expect(truth.differences.length).toBeGreaterThan(3);
      const sizes = () => new BatchSize({ initial: size, max: size });
      const found = await findDifferences(table, sizes, { rangeRows: 20, lookedUpRows: 7 });
      expect(found).toEqual(truth);
    }
    // A collation of the new side that takes for one what the old side does not can't have both rows.
    if (its.sides.new.includes('_ai_ci')) return;
    await repairDifferences(table, servers);
    expect(await readDifferences(table.pair, plain)).toMatchObject({ mismatches: [], differences: [] });
  });

  it.each(TOGETHER)('looks at many groups of $table at once, and repairs them together', async (its) => {
    const random = createRandom(13);
    await create(its, plain);
    const rows = Array.from({ length: 200 }, () => `(${its.row(random)})`);
    await onBothSides(`INSERT IGNORE INTO ${its.table} VALUES ${rows.join(', ')}`);
    const table = await openTable(servers, 'd', its.table, its.key);
    for (const side of ['old', 'new'] as const) await disturb(its, plain[side], random);
    const truth = await readDifferences(table.pair, plain);
    const looks = (await lookTogether(table)) ?? [];
    expect(differencesOf(table, looks)).toEqual(truth.differences);
    expect(looks).toHaveLength(truth.mismatches.length);
    // What the checksums of the crawl are, so that one can be held against the other.
    const sums = await table.groups.old.sumsOf(looks.map(({ key }) => key));
    expect(looks.flatMap(({ old }) => old ?? []).sort(byKey)).toEqual([...sums.groups].sort(byKey));
    await openRepair(table.pair, servers).repairGroups(
      looks.map(({ key, differences }) => ({ key, differences: differences ?? [] })),
    );
    expect(await readDifferences(table.pair, plain)).toMatchObject({ mismatches: [], differences: [] });
  });

  it('leaves the rows of a group to be looked for by themselves where their text is too long', async () => {
    await onBothSides(
      'CREATE TABLE long_names (k INT NOT NULL, n VARBINARY(700) NOT NULL, PRIMARY KEY (k, n))',
    );
    const rows = Array.from({ length: 800 }, (_, row) => `(1, LPAD('${row}', 700, 'n'))`);
    await plain.old.query(`INSERT INTO long_names VALUES ${rows.join(', ')}, (2, 'short')`);
    const table = await openTable(servers, 'd', 'long_names', 'k');
    const looks = (await lookTogether(table)) ?? [];
    expect(looks.map(({ differences }) => differences?.length)).toEqual([undefined, 1]);
    expect(looks.map(({ old }) => old?.rows)).toEqual([800, 1]);
  });

  it('leaves a row alone that came to its right group after it was found in a wrong one', async () => {
    await onBothSides('CREATE TABLE movers (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, KEY (k))');
    await plain.old.query('INSERT INTO movers VALUES (1, 10), (2, 20)');
    await plain.new.query('INSERT INTO movers VALUES (1, 20), (2, 20)');
    const { pair } = await openTable(servers, 'd', 'movers', 'k');
    const repair = openRepair(pair, servers);
    await repair.repair('10', told({ kind: 'missing', identity: ['1'], copies: 1 }));
    await repair.repair('20', told({ kind: 'extra', identity: ['1'], copies: 1 }));
    expect(await readDifferences(pair, plain)).toEqual({ groups: 2, mismatches: [], differences: [] });
  });

  it.each(CASES)(
    'finds all of $table where the other side is empty, and nothing where both are',
    async (its) => {
      const random = createRandom(12);
      await create(its, plain);
      const table = await openTable(servers, 'd', its.table, its.key);
      expect(await findDifferences(table)).toEqual({ groups: 0, mismatches: [], differences: [] });
      for (const [side, kind] of [
        ['old', 'missing'],
        ['new', 'extra'],
      ] as const) {
        await onBothSides(`TRUNCATE TABLE ${its.table}`);
        const rows = Array.from({ length: 60 }, () => `(${its.row(random)})`);
        await plain[side].query(`INSERT IGNORE INTO ${its.table} VALUES ${rows.join(', ')}`);
        const found = await findDifferences(table, () => new BatchSize({ initial: 4, max: 4 }));
        expect(found).toEqual(await readDifferences(table.pair, plain));
        expect(found.differences.every((difference) => difference.startsWith(kind))).toBe(true);
        expect(found.mismatches).toHaveLength(found.groups);
      }
    },
  );

  it('finds single rows among 200,000 of one group, by short queries', async () => {
    await makeLarge(plain);
    const table = await openTable(servers, 'd', 'large', 'folderid');
    const asked = countStreamed(servers);
    const counted = await openTable(asked.servers, 'd', 'large', 'folderid');
    expect(await findDifferences(table)).toEqual({ groups: 301, mismatches: [], differences: [] });
    await plain.new.query('UPDATE large SET ts = 1 WHERE folderid = 7 AND itemid = 1234');
    await plain.new.query('DELETE FROM large WHERE folderid = 7 AND itemid IN (150000, 199999)');
    await plain.old.query('DELETE FROM large WHERE folderid = 7 AND itemid = 0');
    await plain.new.query('INSERT INTO large VALUES (7, 9, 5, 5, 5), (9000, 1, 1, 1, 1)');
    const found = await findDifferences(counted);
    expect(found.groups).toBe(302);
    expect(found.mismatches).toEqual(['n7', 'n9000']);
    expect(found.differences.map((difference) => difference.split(' ')[0])).toEqual([
      'different',
      'extra',
      'extra',
      'extra',
      'missing',
      'missing',
    ]);
    // Of twenty ranges of the group four differ: the rows of the others are never read.
    expect(asked.streamed()).toBeLessThan(2 * 50_000);
    expect(asked.streamed()).toBeGreaterThan(2 * 30_000);
  });

  it('is right about what stands still while rows come and go', async () => {
    await onBothSides(
      'CREATE TABLE busy (k VARCHAR(20) NOT NULL, id INT NOT NULL, c INT, PRIMARY KEY (k, id))',
    );
    const rows = Array.from({ length: 2000 }, (_, index) => `('k${index % 200}', ${index}, 0)`);
    await onBothSides(`INSERT INTO busy VALUES ${rows.join(', ')}`);
    await plain.new.query("UPDATE busy SET c = 1 WHERE k IN ('k3', 'k77', 'k199') AND id < 1000");
    const table = await openTable(servers, 'd', 'busy', 'k');
    const still = (findings: readonly string[]) => findings.filter((each) => !each.includes('moving'));
    const truth = await readDifferences(table.pair, plain);
    let done = false;
    const writing = onBoth(async (side) => {
      const writer = await connect(side === 'old' ? real[0]! : real[1]!);
      for (let step = 0; !done; step++) {
        await writer.query(`REPLACE INTO busy VALUES ('moving${step % 40}', ${step % 7}, ${step})`);
        if (step % 3 === 0) await writer.query(`DELETE FROM busy WHERE k = 'moving${(step + 20) % 40}'`);
      }
      writer.destroy();
    });
    try {
      for (const size of [1, 7, 60]) {
        const sizes = () => new BatchSize({ initial: size, max: size });
        const found = await findDifferences(table, sizes, { rangeRows: 5 });
        expect(still(found.mismatches)).toEqual(truth.mismatches);
        expect(still(found.differences)).toEqual(truth.differences);
      }
    } finally {
      done = true;
      await writing;
    }
  });
});

async function* told(difference: RowDifference): AsyncGenerator<RowDifference> {
  yield difference;
}

function connect(server: SqlServer): Promise<Connection> {
  return server.connect({
    database: 'd',
    charset: 'utf8mb4',
    dateStrings: true,
    jsonStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
}

async function create({ table, definition, sides }: Case, connections: Sides<Connection>): Promise<void> {
  await onBoth(async (side) => {
    await connections[side].query("SET sql_mode = ''");
    await connections[side].query(`DROP TABLE IF EXISTS ${table}`);
    await connections[side].query(`CREATE TABLE ${table} (${definition.replaceAll('$', sides[side])})`);
  });
}

/** A few rows go, some change, others come. */
function byKey(left: GroupSum, right: GroupSum): number {
  return String(left.key) < String(right.key) ? -1 : 1;
}

async function disturb({ table, row }: Case, connection: Connection, random: Random): Promise<void> {
  await connection.query(`DELETE FROM ${table} WHERE RAND(${random.integer(1, 99)}) < 0.02`);
  await connection.query(`UPDATE ${table} SET c = 'changed' WHERE RAND(${random.integer(1, 99)}) < 0.02`);
  const rows = Array.from({ length: 5 }, () => `(${row(random)})`);
  await connection.query(`INSERT IGNORE INTO ${table} VALUES ${rows.join(', ')}`);
}

/** A folder of 200,000 rows among 300 small ones. */
async function makeLarge(connections: Sides<Connection>): Promise<void> {
  const digits =
    'SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9';
  await onBoth(async (side) => {
    const connection = connections[side];
    await connection.query(`CREATE TABLE large (folderid BIGINT NOT NULL, type TINYINT NOT NULL, itemid BIGINT NOT NULL,
      senderid BIGINT NOT NULL, ts INT NOT NULL, PRIMARY KEY (folderid, type, itemid))`);
    await connection.query(`CREATE TABLE digit ${digits}`);
    await connection.query(`INSERT INTO large SELECT 7, i % 4, i, i * 7, 1700000000 + i FROM
      (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS i
       FROM digit a, digit b, digit c, digit d, digit e, digit f WHERE f.n < 2) AS numbers`);
    await connection.query(`INSERT INTO large SELECT 100 + a.n + 10 * b.n + 100 * c.n, d.n, d.n, 1, 1
      FROM digit a, digit b, digit c, digit d WHERE c.n < 3`);
  });
}

/** The same servers; counts the rows that streams gave. */
function countStreamed(servers: Sides<SyncServer>): { servers: Sides<SyncServer>; streamed(): number } {
  let rows = 0;
  const counted = (server: SyncServer): SyncServer => ({
    name: server.name,
    side: server.side,
    role: server.role,
    kind: server.kind,
    version: server.version,
    hasMd5: server.hasMd5,
    rows: (sql, values) => server.rows(sql, values),
    write: (statements) => server.write(statements),
    close: () => server.close(),
    async *stream(sql, values) {
      for await (const row of server.stream(sql, values)) {
        rows += 1;
        yield row;
      }
    },
  });
  return { servers: { old: counted(servers.old), new: counted(servers.new) }, streamed: () => rows };
}
