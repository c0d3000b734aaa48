/** `understudy sequences` on real servers: MariaDB as old cluster with a real replica, MySQL 9 and MariaDB as new. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckedShard } from '../../src/commands/sequences-check.ts';
import { sentencesOf } from '../../src/commands/sequences-text.ts';
import type { Place, Reading } from '../../src/sync/sequence.ts';
import { runCli } from '../harness/cli.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePort } from '../harness/ports.ts';
import { follow, untilCaughtUp } from '../harness/replication.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { waitFor } from '../harness/wait.ts';
import {
  bumpFrom,
  type CheckOptions,
  check,
  runSequences,
  type ShardServers,
  writeConfig,
} from './sequences-stage.ts';

let old: Mariadb;
let replica: Mariadb;
/** Of MariaDB, and nobody's replica. */
let other: Mariadb;
let mysql: SqlServer;
const running: SqlServer[] = [];

beforeAll(async () => {
  [old, replica, other, mysql] = await Promise.all([
    kept(startMariadb({ name: 'old', extra: ['--log-bin', '--server-id=1'] })),
    kept(startMariadb({ name: 'old-replica', extra: ['--server-id=2'] })),
    kept(startMariadb({ name: 'other' })),
    kept(startMysql({ name: 'new' })),
  ]);
  await follow(replica, old);
});
afterAll(() => Promise.all(running.map((server) => server.destroy())));

async function kept<T extends SqlServer>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  running.push(server);
  return server;
}

let made = 0;
/** A database of its own on every server but the replica, which gets it from its primary. */
async function database(sql: string): Promise<string> {
  made += 1;
  const name = `d${made}`;
  for (const server of [old, other, mysql]) await on(server, name, sql);
  await untilCaughtUp(replica, old);
  return name;
}

async function on(server: SqlServer, name: string, sql: string): Promise<void> {
  await server.query(`CREATE DATABASE IF NOT EXISTS ${name}; USE ${name}; ${sql}`);
}

function readingOf(shard: CheckedShard, place: Place, table = 't'): Reading | undefined {
  return shard.check.sequences.find(({ sequence }) => sequence.table === table)?.readings[place];
}

const sentences = (shard: CheckedShard): string[] => shard.check.sequences.flatMap(sentencesOf);
const plain = (shard: CheckedShard): (readonly [string, string])[] =>
  shard.check.sequences.flatMap(({ sequence, verdicts }) =>
    Object.entries(verdicts).map(
      ([place, { type }]) => [`${place} ${sequence.table} ${sequence.part}`.trim(), type] as const,
    ),
  );

/** The number that the server gives out now. */
async function insertInto(server: SqlServer, table: string): Promise<string> {
  const connection = await server.connect({ supportBigNumbers: true, bigNumberStrings: true });
  try {
    await connection.query(`INSERT INTO ${table} (x) VALUES (1)`);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT CAST(LAST_INSERT_ID() AS CHAR) AS id');
    return String(rows[0]?.id);
  } finally {
    await connection.end();
  }
}

const TABLE = 'CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, x INT) ENGINE=InnoDB';

describe.each(['MySQL 9', 'MariaDB'] as const)('from MariaDB to %s', (kind) => {
  const servers = (): ShardServers => ({
    ...{ old, oldReplica: replica, fresh: kind === 'MariaDB' ? other : mysql },
  });
  const fresh = (): SqlServer => (kind === 'MariaDB' ? other : mysql);
  const look = (options: CheckOptions): Promise<CheckedShard> => check(servers(), options);

  it('tables without a row are in order', async () => {
    const name = await database(`${TABLE}; CREATE TABLE m (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM`);
    const shard = await look({ database: name });
    expect(plain(shard)).toEqual([
      ['old_replica m id', 'in_order'],
      ['new m id', 'in_order'],
      ['old_replica t id', 'in_order'],
      ['new t id', 'in_order'],
    ]);
    expect(shard.faults).toEqual([]);
    expect(readingOf(shard, 'new')).toMatchObject({ next: 1n, given: 0n, held: null });
  });

  it('rows that the new side has not are told by number, and bumped over', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1), (2), (3)`);
    await on(old, name, 'INSERT INTO t (x) VALUES (4), (5)');
    // MySQL keeps what it answers, for a day, for sessions that don't ask it not to.
    await fresh().query(
      `SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = '${name}'`,
    );
    await untilCaughtUp(replica, old);
    expect(sentences(await look({ database: name }))).toEqual([
      'new is behind old by 2: its next number is 4, and old has given out 5',
    ]);
    const bumped = await look({ database: name, bumpMargin: 10n });
    expect(bumped.raised).toEqual(['raised t.id from 4 to 16']);
    expect(sentences(bumped)).toEqual([]);
    expect(await insertInto(fresh(), `${name}.t`)).toBe('16');
    // What is higher stays so.
    const again = await look({ database: name, bumpMargin: 0n });
    expect(again.raised).toEqual([]);
    expect(readingOf(again, 'new')).toMatchObject({ next: 17n });
  });

  it('top rows that were deleted were given out all the same, also across a restart of the new server', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1), (2), (3); DELETE FROM t`);
    await fresh().query(`DROP TABLE ${name}.t; USE ${name}; ${TABLE}`);
    expect(sentences(await look({ database: name }))).toEqual([
      'new is behind old by 3: its next number is 1, and old has given out 3 (none of these numbers is in a row there now)',
    ]);
    expect((await look({ database: name, bumpMargin: 0n })).raised).toEqual(['raised t.id from 1 to 4']);
    await fresh().restart();
    expect(sentences(await look({ database: name }))).toEqual([]);
    expect(await insertInto(fresh(), `${name}.t`)).toBe('4');
  });

  it('BIGINT UNSIGNED near its end, and a type that is used up', async () => {
    const name = await database(
      `${TABLE}; CREATE TABLE tiny (id TINYINT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO tiny VALUES (127)`,
    );
    await on(old, name, 'INSERT INTO t VALUES (18446744073709551600, 1)');
    await untilCaughtUp(replica, old);
    const shard = await look({ database: name, bumpMargin: 5n });
    expect(shard.raised).toEqual(['raised t.id from 1 to 18446744073709551606']);
    expect(await insertInto(fresh(), `${name}.t`)).toBe('18446744073709551606');
    expect(sentences(shard)).toEqual([
      'old has given out 127, and the column of old replica holds 127 at most: no number is left above',
      'old has given out 127, and the column of new holds 127 at most: no number is left above',
    ]);
  });

  it('rows of sequence tables: behind, absent, empty, of one row', async () => {
    const name = await database(
      `CREATE TABLE sequences (name VARCHAR(40) CHARACTER SET utf8mb4 PRIMARY KEY, value BIGINT UNSIGNED);
       CREATE TABLE single (id BIGINT NOT NULL);`,
    );
    await on(
      old,
      name,
      "INSERT INTO sequences VALUES ('users', 41), ('Übung', 7), ('none', NULL); INSERT INTO single VALUES (9)",
    );
    await untilCaughtUp(replica, old);
    await on(
      fresh(),
      name,
      "INSERT INTO sequences VALUES ('users', 40), ('none', NULL); INSERT INTO single VALUES (12)",
    );
    await old.query(`UPDATE ${name}.sequences SET value = LAST_INSERT_ID(value + 1) WHERE name = 'users'`);
    await untilCaughtUp(replica, old);
    const sequences = { tables: { sequences: {}, single: { name: null, value: 'id' } } };
    const shard = await look({ database: name, sequences });
    expect(sentences(shard)).toEqual([
      'new is behind old by 2: its next number is 41, and old has given out 42',
      'new has none, and old has',
    ]);
    const bumped = await look({ database: name, sequences, bumpMargin: 0n });
    expect(bumped.raised).toEqual([
      "raised sequences 'users' from 41 to 43",
      "made sequences 'Übung', next number 8",
    ]);
    expect(sentences(bumped)).toEqual([]);
    expect(
      await fresh().query(
        `SELECT name, CAST(value AS CHAR) AS value FROM ${name}.sequences ORDER BY value DESC`,
      ),
    ).toEqual([
      { name: 'Übung', value: '7' },
      { name: 'users', value: '42' },
      { name: 'none', value: null },
    ]);
    expect(await fresh().query(`SELECT id FROM ${name}.single`)).toEqual([{ id: 12 }]);
  });

  it('a sequence table that is not as the configuration says', async () => {
    const name = await database('CREATE TABLE sequences (name VARCHAR(40), last BIGINT)');
    const shard = await look({ database: name, sequences: { tables: { sequences: {}, gone: {} } } });
    expect(shard.faults.filter((fault) => fault.startsWith('s00: new:'))).toEqual([
      "s00: new: the sequence table sequences can't be read: it has no column value; see sequences.tables.sequences",
      's00: new: the sequence table gone is not there, or the account may not see it',
    ]);
    expect(shard.faults).toHaveLength(6);
  });

  it('a sequence table in which a name stands twice', async () => {
    const name = await database(
      "CREATE TABLE sequences (name VARCHAR(40), value BIGINT); INSERT INTO sequences VALUES ('a', 1), ('a', 5)",
    );
    const shard = await look({ database: name, sequences: { tables: { sequences: {} } }, bumpMargin: 9n });
    expect(sentences(shard)).toEqual([
      "old can't be compared: several rows have this name",
      "old replica can't be compared: several rows have this name",
      "new can't be compared: several rows have this name",
    ]);
    expect(shard.raised).toEqual([]);
  });

  it('a view of a numbered table is none itself', async () => {
    const name = await database(`${TABLE}; CREATE VIEW w AS SELECT * FROM t`);
    const shard = await look({ database: name });
    expect(shard.check.sequences.map(({ sequence }) => sequence.table)).toEqual(['t']);
  });

  it('what was raised since the look stays as high', async () => {
    const name = await database(
      `${TABLE}; INSERT INTO t (x) VALUES (1), (2), (3);
       CREATE TABLE sequences (name VARCHAR(40) PRIMARY KEY, value BIGINT); INSERT INTO sequences VALUES ('a', 5)`,
    );
    await fresh().query(
      `DROP TABLE ${name}.t; USE ${name}; ${TABLE}; UPDATE sequences SET value = 1; DELETE FROM t`,
    );
    const options = { database: name, sequences: { tables: { sequences: {} } } };
    const before = await look(options);
    await fresh().query(
      `ALTER TABLE ${name}.t AUTO_INCREMENT = 100; UPDATE ${name}.sequences SET value = 100`,
    );
    const after = await bumpFrom(servers(), options, before.check);
    expect(after).toEqual(["raised sequences 'a' from 2 to 6"]);
    expect(await insertInto(fresh(), `${name}.t`)).toBe('100');
    expect(await fresh().query(`SELECT value FROM ${name}.sequences`)).toEqual([{ value: 100 }]);
  });

  it('what old gives out meanwhile is raised over too, three times at most', async () => {
    const name = await database(TABLE);
    const options = { database: name };
    await insertInto(old, `${name}.t`);
    const before = await look(options);
    const raised = await bumpFrom(servers(), options, before.check, () => insertInto(old, `${name}.t`));
    expect(raised).toEqual([1, 2, 3].map((from) => `raised t.id from ${from} to ${from + 1}`));
  });

  it('a column that the new side does not number', async () => {
    const name = await database(TABLE);
    await fresh().query(`ALTER TABLE ${name}.t MODIFY id BIGINT UNSIGNED`);
    expect(sentences(await look({ database: name, bumpMargin: 0n }))).toEqual(['new has none, and old has']);
  });

  it('MyISAM that counts for each prefix is told of, and is no fault', async () => {
    const name = await database(
      'CREATE TABLE p (g INT, h INT, id INT AUTO_INCREMENT, PRIMARY KEY (g, h, id)) ENGINE=MyISAM; INSERT INTO p (g, h) VALUES (1, 1), (1, 1)',
    );
    const shard = await look({ database: name, bumpMargin: 5n });
    expect(sentences(shard)[1]).toBe('it is counted by itself for each value of g, h: the rows alone decide');
    expect([shard.raised, shard.faults]).toEqual([[], []]);
  });

  it('servers that share the numbers out', async () => {
    const name = await database(TABLE);
    try {
      await old.query('SET GLOBAL auto_increment_increment = 2, auto_increment_offset = 1');
      await fresh().query('SET GLOBAL auto_increment_increment = 2; SET GLOBAL auto_increment_offset = 2');
      await insertInto(old, `${name}.t`);
      expect(await insertInto(old, `${name}.t`)).toBe('3');
      await untilCaughtUp(replica, old);
      expect(sentences(await look({ database: name }))).toEqual([
        'new is behind old by 2: its next number is 2, and old has given out 3',
      ]);
      await look({ database: name, bumpMargin: 0n });
      expect(await insertInto(fresh(), `${name}.t`)).toBe('4');
    } finally {
      await old.query('SET GLOBAL auto_increment_increment = 1, auto_increment_offset = 1');
      await fresh().query('SET GLOBAL auto_increment_increment = 1; SET GLOBAL auto_increment_offset = 1');
    }
  });

  it('only moved tables, and of those the one that is asked for', async () => {
    const name = await database(
      `${TABLE}; CREATE TABLE u (id INT AUTO_INCREMENT PRIMARY KEY); CREATE TABLE v (id INT AUTO_INCREMENT PRIMARY KEY)`,
    );
    const tables = { t: { key: 'id' }, u: { key: 'id' } };
    const looked = await look({ database: name, tables });
    expect(looked.check.sequences.map(({ sequence }) => sequence.table)).toEqual(['t', 'u']);
    const one = await look({ database: name, tables, table: 'u' });
    expect(one.check.sequences.map(({ sequence }) => sequence.table)).toEqual(['u']);
  });

  it('a new database of another name, and every database by its own', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1)`);
    await on(fresh(), `${name}_new`, TABLE);
    const looked = await look({ database: name, newDatabase: `${name}_new`, bumpMargin: 0n });
    expect(looked.raised).toEqual(['raised t.id from 1 to 2']);
    const all = await look({ database: null, table: 't' });
    const own = all.check.sequences.find(({ sequence }) => sequence.database === name);
    expect(own?.verdicts.new).toEqual({ type: 'in_order' });
  });
});

describe('SEQUENCEs of MariaDB', () => {
  const look = (options: CheckOptions) => check({ old, oldReplica: replica, fresh: other }, options);
  const nextOf = async (server: SqlServer, name: string): Promise<string> => {
    const [row] = await server.query<RowDataPacket[]>(`SELECT CAST(NEXTVAL(${name}) AS CHAR) AS next`);
    return String(row?.next);
  };

  it('are bumped over all that may be in a server’s memory, and never lowered', async () => {
    made += 1;
    const name = `d${made}`;
    for (const server of [old, other])
      await on(server, name, 'CREATE SEQUENCE s CACHE 10; CREATE SEQUENCE n NOCACHE');
    for (const sequence of ['s', 'n', 'n']) await nextOf(old, `${name}.${sequence}`);
    // In step by its row, and yet the new server would give out 2 next.
    await nextOf(other, `${name}.s`);
    await untilCaughtUp(replica, old);
    expect(sentences(await look({ database: name }))).toEqual([
      'new is behind old by 2: its next number may be 1, and old has given out 2',
      'new is behind old by 10: its next number may be 1, and old has given out 10',
    ]);
    const bumped = await look({ database: name, bumpMargin: 0n });
    expect(bumped.raised).toEqual(['raised n from 1 to 3', 'raised s from 1 to 11']);
    expect(sentences(bumped)).toEqual([]);
    expect(await nextOf(other, `${name}.n`)).toBe('3');
    expect(Number(await nextOf(other, `${name}.s`))).toBeGreaterThan(10);
    const before = await nextOf(other, `${name}.s`);
    await look({ database: name, bumpMargin: 0n });
    expect(await nextOf(other, `${name}.s`)).toBe(String(Number(before) + 1));
  });

  it('may stay where not every table moves, and are missing where all do', async () => {
    made += 1;
    const name = `d${made}`;
    await on(old, name, 'CREATE SEQUENCE s');
    await on(other, name, '');
    await untilCaughtUp(replica, old);
    expect(plain(await look({ database: name }))).toEqual([
      ['old_replica s', 'in_order'],
      ['new s', 'missing'],
    ]);
    expect(plain(await look({ database: name, tables: { t: { key: 'id' } } }))).toEqual([]);
  });
});

describe('a replica', () => {
  const look = (name: string, more: Partial<CheckOptions> = {}) =>
    check({ old, oldReplica: replica, fresh: mysql }, { database: name, ...more });

  it('whose SQL thread was stopped is behind, and says why; it is in order once it runs again', async () => {
    const name =
      await database(`${TABLE}; CREATE TABLE sequences (name VARCHAR(40) PRIMARY KEY, value BIGINT);
      INSERT INTO sequences VALUES ('users', 1)`);
    const sequences = { tables: { sequences: {} } };
    try {
      await replica.query('STOP SLAVE SQL_THREAD');
      await old.query(`INSERT INTO ${name}.t (x) VALUES (1), (2); UPDATE ${name}.sequences SET value = 4`);
      const told = sentences(await look(name, { sequences })).filter((line) =>
        line.startsWith('old replica'),
      );
      expect(told).toEqual([
        'old replica is behind old by 3: its next number is 2, and old has given out 4; its SQL thread does not run',
        'old replica is behind old by 2: its next number is 1, and old has given out 2; its SQL thread does not run',
      ]);
    } finally {
      await replica.query('START SLAVE SQL_THREAD');
    }
    await untilCaughtUp(replica, old);
    const told = sentences(await look(name, { sequences })).filter((line) => line.startsWith('old replica'));
    expect(told).toEqual([]);
  });

  it('is looked at again before it is said to be behind', async () => {
    const name = await database(TABLE);
    await replica.query('STOP SLAVE SQL_THREAD');
    let looking: Promise<CheckedShard>;
    try {
      await old.query(`INSERT INTO ${name}.t (x) VALUES (1)`);
      const seen = [await selectsOf(replica)];
      looking = check(
        { old, oldReplica: replica, fresh: old },
        { database: name, sequences: { graceMs: 60_000 } },
      );
      await waitFor(
        async () => {
          seen.push(await selectsOf(replica));
          // It rests between the first look and the next.
          const rested = seen.findIndex((count, at) => at > 0 && count === seen[at - 1] && count > seen[0]!);
          return rested > 0 && seen.at(-1)! > seen[rested]!;
        },
        { what: 'the replica to be looked at again' },
      );
    } finally {
      await replica.query('START SLAVE SQL_THREAD');
    }
    expect(sentences(await looking)).toEqual([]);
  });

  it('whose lag explains it is not behind', async () => {
    const name = await database(TABLE);
    const lock = await replica.connect();
    try {
      await lock.query(`LOCK TABLES ${name}.t READ`);
      await old.query(`INSERT INTO ${name}.t (x) VALUES (1), (2)`);
      await waitFor(
        async () => {
          const [row] = await replica.query<RowDataPacket[]>('SHOW SLAVE STATUS');
          return Number(row?.Seconds_Behind_Master) >= 1;
        },
        { what: 'the replica to lag' },
      );
      const shard = await look(name);
      expect(shard.check.sequences[0]?.verdicts.old_replica).toMatchObject({ type: 'lagging', by: 2n });
      expect(sentences(shard)[0]).toMatch(
        /^old replica is behind old by 2, and its replication by \d+ s, which explains it$/,
      );
    } finally {
      await lock.end();
    }
  });

  it('that follows nobody is behind', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1), (2)`);
    await on(other, name, 'DROP TABLE t');
    await on(other, name, `${TABLE}; INSERT INTO t (x) VALUES (1)`);
    const shard = await check({ old, fresh: mysql, freshReplica: other }, { database: name });
    expect(sentences(shard)).toEqual([
      'new replica is behind new by 1: its next number is 2, and new has given out 2; it follows no server',
    ]);
    // What a replica has given out, the new side must not give out again.
    const ahead = await check({ old: other, oldReplica: old, fresh: other }, { database: name });
    expect(sentences(ahead)).toEqual([
      'new is behind old replica by 1: its next number is 2, and old replica has given out 2',
    ]);
  });
});

describe('the command', () => {
  const run = (file: string, ...args: string[]) => runSequences(['--config', file, ...args]);
  const servers = (): ShardServers => ({ old, oldReplica: replica, fresh: mysql, freshReplica: mysql });

  it('ends with 0, 1 or 2, in lines and in JSON', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1)`);
    const file = writeConfig(servers(), { database: name });
    expect(await runCli(['sequences', '--config', file])).toEqual({
      code: 0,
      stdout: `s00 t.id: in order (next / highest in a row: old 2 / 1, old replica 2 / 1, new 2 / 1, new replica 2 / 1)\n`,
      stderr: '',
    });
    await old.query(`INSERT INTO ${name}.t (x) VALUES (1)`);
    await untilCaughtUp(replica, old);
    const { code, stdout } = await run(file, '--json', '--shard', 's00', '--table', 't');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      inOrder: false,
      shards: [
        {
          shard: 's00',
          servers: { old: { reachable: true }, new_replica: { reachable: true } },
          sequences: [
            {
              name: 't.id',
              kind: 'auto_increment',
              readings: { old: { next: '3', given: '2', held: '2', limit: '18446744073709551615' } },
              verdicts: { new: { type: 'behind', by: '1', of: 'old' }, old_replica: { type: 'in_order' } },
            },
          ],
          faults: [],
        },
      ],
    });
    expect(await run(file, '--bump', '--margin', '7')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('s00: raised t.id from 2 to 10\n'),
    });
    expect(await insertInto(mysql, `${name}.t`)).toBe('10');
  });

  it('prints a table on a terminal', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1)`);
    const file = writeConfig({ old, fresh: mysql }, { database: name });
    expect((await runSequences(['--config', file], 80)).stdout.split('\n')).toEqual([
      'shard s00: next number / highest in a row',
      'SEQUENCE  OLD    NEW    STATE',
      't.id      2 / 1  2 / 1  in order',
      '',
    ]);
  });

  it.each([
    [['--shard', 's99'], /--shard: s99 is no shard/],
    [['--table', 'nothing'], /--table: nothing is no moved table/],
    [['--margin', '5'], /--margin: goes with --bump/],
    [['--bump', '--margin', '-5'], /--margin: -5 is no whole number/],
    [['--raise'], /unknown option '--raise'/],
  ])('refuses %j', async (args, message) => {
    const name = await database(TABLE);
    const { code, stderr } = await run(writeConfig(servers(), { database: name }), ...args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  it('names a server that can’t be reached, compares the others, and raises nothing without the old primary', async () => {
    const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1)`);
    const nowhere = { host: '127.0.0.1', port: await freePort() };
    const lost = await run(writeConfig({ ...servers(), oldReplica: nowhere }, { database: name }));
    expect(lost.code).toBe(1);
    expect(lost.stdout).toContain('old replica ?');
    expect(lost.stderr).toMatch(
      new RegExp(`^s00: old replica can't be asked: old s00 127\\.0\\.0\\.1:${nowhere.port}: .*ECONNREFUSED`),
    );
    const unheard = await run(writeConfig({ ...servers(), fresh: nowhere }, { database: name }), '--bump');
    expect([unheard.code, unheard.stderr.split('\n')]).toEqual([
      1,
      [expect.stringMatching(/^s00: new can't be asked: /), ''],
    ]);
    await mysql.query(`DROP TABLE ${name}.t; USE ${name}; ${TABLE}`);
    const blind = await run(writeConfig({ ...servers(), old: nowhere }, { database: name }), '--bump');
    expect(blind.code).toBe(1);
    expect(blind.stdout).not.toContain('raised');
    expect(await insertInto(mysql, `${name}.t`)).toBe('1');
  });
});

it('a server that hangs is named, and keeps nobody waiting for long', async () => {
  const name = await database(`${TABLE}; INSERT INTO t (x) VALUES (1)`);
  other.pause();
  try {
    const shard = await check(
      { old, oldReplica: replica, fresh: mysql, freshReplica: other },
      { database: name, sequences: { timeoutMs: 300 } },
    );
    expect(shard.faults).toEqual([
      expect.stringMatching(/^s00: new replica can't be asked: new s00 .*ETIMEDOUT/),
    ]);
    expect(shard.check.sequences[0]?.verdicts).toMatchObject({ new: { type: 'in_order' } });
  } finally {
    other.resume();
  }
});

/** Whether more queries come in than our own one of asking so. */
async function selectsOf(server: Mariadb): Promise<number> {
  const [row] = await server.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Com_select'");
  return Number(row?.Value);
}
