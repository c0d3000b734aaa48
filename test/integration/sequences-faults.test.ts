/**
 * What is not as `understudy sequences` needs it, one thing at a time: rights (it works with those that
 * docs/sequences.md lists, and with each taken away something does not), names, tables, columns, values, servers.
 */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentencesOf } from '../../src/commands/sequences-text.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePort } from '../harness/ports.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type ConfigOptions, check, runSequences, writeConfig } from './sequences-stage.ts';

const KINDS = ['MariaDB', 'MySQL 9'] as const;
type Kind = (typeof KINDS)[number];
const RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'ALTER'] as const;
const MONITOR: Readonly<Record<Kind, string>> = {
  MariaDB: 'SLAVE MONITOR',
  'MySQL 9': 'REPLICATION CLIENT',
};
const SEQUENCES = { tables: { sequences: {} } };
const FILLED = `INSERT INTO t (x) VALUES (1), (2), (3); INSERT INTO sequences VALUES ('a', 5), ('b', 5)`;

const servers = new Map<Kind, SqlServer>();
const at = (kind: Kind): SqlServer => {
  const server = servers.get(kind);
  if (server === undefined) throw new Error(`${kind} does not run`);
  return server;
};

beforeAll(async () => {
  await Promise.all([
    startMariadb().then((server) => servers.set('MariaDB', server)),
    startMysql().then((server) => servers.set('MySQL 9', server)),
  ]);
});
afterAll(() => Promise.all([...servers.values()].map((server) => server.destroy())));

async function tables(server: SqlServer, name: string, filling: string): Promise<void> {
  await server.query(`CREATE DATABASE ${name}; USE ${name};
    CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, x INT);
    CREATE TABLE sequences (name VARCHAR(20) PRIMARY KEY, value BIGINT); ${filling}`);
}

async function account(server: SqlServer, user: string, grant: string): Promise<void> {
  await server.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'ours'; ${grant}`);
}

const ours = (oldUser: string, newUser: string) => ({
  oldUser: { user: oldUser, password: 'ours' },
  newUser: { user: newUser, password: 'ours' },
});

describe.each(KINDS)('on %s', (kind) => {
  const prefix = kind === 'MariaDB' ? 'm' : 'y';

  it.each(['', ...RIGHTS])('bumping with all rights but %j', async (missing) => {
    const name = `${prefix}_${missing === '' ? 'all' : missing.toLowerCase()}`;
    const server = at(kind);
    await tables(server, `${name}_old`, FILLED);
    await tables(server, `${name}_new`, "INSERT INTO sequences VALUES ('a', 1)");
    const rights = RIGHTS.filter((right) => right !== missing);
    await account(server, `${name}_o`, `GRANT SELECT ON ${name}_old.* TO ${name}_o@'%'`);
    await account(server, `${name}_n`, `GRANT ${rights.join(', ')} ON ${name}_new.* TO ${name}_n@'%'`);
    const shard = await check(
      { old: server, fresh: server },
      {
        ...{ database: `${name}_old`, newDatabase: `${name}_new`, sequences: SEQUENCES, bumpMargin: 0n },
        accounts: ours(`${name}_o`, `${name}_n`),
      },
    );
    if (missing === '') {
      expect(shard.raised).toHaveLength(3);
      expect([shard.faults, shard.check.sequences.flatMap(sentencesOf)]).toEqual([[], []]);
    } else {
      const told = [...shard.faults, ...shard.check.sequences.flatMap(sentencesOf)].join('\n');
      expect(told).toMatch(/denied.*\(grant the account SELECT/i);
    }
  });

  it('asking a replica for its replication', async () => {
    const server = at(kind);
    const primary = at(kind === 'MariaDB' ? 'MySQL 9' : 'MariaDB');
    const name = `${prefix}_replica`;
    await tables(primary, name, FILLED);
    await tables(server, name, '');
    for (const one of [primary, server]) await account(one, name, `GRANT SELECT ON ${name}.* TO ${name}@'%'`);
    const told = async (): Promise<string | undefined> => {
      const shard = await check(
        { old: primary, oldReplica: server, fresh: primary },
        { database: name, accounts: ours(name, name), table: 't' },
      );
      return shard.check.sequences.flatMap(sentencesOf)[0];
    };
    expect(await told()).toMatch(/behind old by 3.*how far its replication is can't be asked \(.*denied/);
    await server.query(`GRANT ${MONITOR[kind]} ON *.* TO ${name}@'%'`);
    expect(await told()).toMatch(/behind old by 3.*; it follows no server$/);
  });
});

interface Fault {
  /** On old, and, where `fresh` is left out, on new. */
  readonly old: string;
  readonly fresh?: string;
  readonly options?: Partial<ConfigOptions>;
  readonly args?: readonly string[];
  readonly code: 0 | 1 | 2;
  /** Each has to be in a line of either output. */
  readonly told: readonly RegExp[];
  /** The rows of the new sequence table afterwards, its numbers as texts. */
  readonly after?: readonly (readonly [string | null, string | null])[];
}

const T = 'CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, x INT);';
const NUMBERS = 'CREATE TABLE sequences (name VARCHAR(20), value BIGINT);';
const TEXTS = 'CREATE TABLE sequences (name VARCHAR(20), value VARCHAR(20));';
const BIG = 'CREATE TABLE sequences (name VARCHAR(20), value DECIMAL(30));';
const FLOATS = 'CREATE TABLE sequences (name VARCHAR(20), value FLOAT);';
const put = (rows: string): string => `INSERT INTO sequences VALUES ${rows};`;
const bumped = { options: { sequences: SEQUENCES }, args: ['--bump'] } as const;
const named = (columns: Readonly<Record<string, string | null>>) => ({
  sequences: { tables: { sequences: columns } },
});

const FAULTS: Readonly<Record<string, Fault>> = {
  'a table of the configuration that is nowhere': {
    ...{ old: T, options: { tables: { t: { key: 'id' }, u: { key: 'id' } } }, code: 1 },
    told: [
      /^s00: old: the table u is not there, or the account may not see it: see "tables"$/,
      /^s00: new: the/,
    ],
  },
  'a table of the configuration that old has not': {
    ...{ old: 'SELECT 1', fresh: T, options: { tables: { t: { key: 'id' } } }, code: 1 },
    told: [/^s00: old: the table t is not there/],
  },
  'a sequence table that new has not': {
    ...{ old: `${NUMBERS} ${put("('a', 5)")}`, fresh: 'SELECT 1', ...bumped, code: 1 },
    told: [
      /^s00: new: the sequence table sequences is not there, or the account may not see it/,
      /^s00: could not raise sequences 'a' to 6: .*\(make it as the old side has it\)$/,
    ],
  },
  'a sequence table that old has not': {
    ...{ old: 'SELECT 1', fresh: `${NUMBERS} ${put("('a', 5)")}`, ...bumped, code: 1, after: [['a', '5']] },
    told: [/^s00: old: the sequence table sequences is not there/],
  },
  'a column for the numbers that is none': {
    ...{ old: `${NUMBERS} ${put("('a', 5)")}`, options: named({ value: 'last' }), code: 1 },
    told: [/^s00: nothing could be compared$/, /it has no column last; see sequences\.tables\.sequences$/],
  },
  'a column for the names that is none': {
    ...{ old: `${NUMBERS} ${put("('a', 5)")}`, options: named({ name: 'nam' }), code: 1 },
    told: [/^s00: new: .* it has no column nam; see sequences\.tables\.sequences$/],
  },
  'rows that no column tells apart': {
    ...{ old: `${NUMBERS} ${put("('a', 5), ('b', 6)")}`, options: named({ name: null }), code: 1 },
    told: [/^s00: old: .* it has 2 rows; name the column that tells them apart$/],
  },
  'two rows of one name on old': {
    ...{ old: `${NUMBERS} ${put("('a', 5), ('a', 6)")}`, fresh: `${NUMBERS} ${put("('a', 1)")}`, ...bumped },
    ...{ code: 1, after: [['a', '1']] },
    told: [
      /: old can't be compared: several rows have this name$/,
      /: new can't be compared with old, which can't be read: several rows have this name$/,
    ],
  },
  'two rows of one name on new': {
    ...{ old: `${NUMBERS} ${put("('a', 5)")}`, fresh: `${NUMBERS} ${put("('a', 1), ('a', 9)")}`, ...bumped },
    ...{ code: 1, told: [/: new can't be compared: several rows have this name$/] },
    after: [
      ['a', '1'],
      ['a', '9'],
    ],
  },
  'a row without a name': {
    ...{ old: `${NUMBERS} ${put('(NULL, 5)')}`, fresh: `${NUMBERS} ${put('(NULL, 1)')}`, ...bumped },
    ...{ code: 1, told: [/: old can't be compared: its name is NULL/], after: [[null, '1']] },
  },
  'numbers that are NULL, and negative ones': {
    old: `${NUMBERS} ${put("('a', -5), ('b', NULL), ('c', 5), ('d', NULL)")}`,
    fresh: `${NUMBERS} ${put("('a', -9), ('b', NULL), ('c', -3), ('d', 7)")}`,
    ...{
      ...bumped,
      code: 0,
      told: [/raised sequences 'a' from -8 to -4$/, /raised sequences 'c' from -2 to 6$/],
    },
    after: [
      ['a', '-5'],
      ['b', null],
      ['c', '5'],
      ['d', '7'],
    ],
  },
  'a number beyond BIGINT': {
    ...{
      old: `${BIG} ${put("('a', 100000000000000000000)")}`,
      fresh: `${BIG} ${put("('a', 1)")}`,
      ...bumped,
    },
    ...{ code: 0, told: [/raised sequences 'a' from 2 to 100000000000000000001$/] },
    after: [['a', '100000000000000000000']],
  },
  'a number that the column of new can’t hold': {
    ...{
      old: `${BIG} ${put("('a', 100000000000000000000)")}`,
      fresh: NUMBERS,
      ...bumped,
      code: 1,
      after: [],
    },
    told: [
      /could not raise sequences 'a' to 100000000000000000001: .*Out of range.*\(give the column a larger type\)$/,
    ],
  },
  'numbers in texts, which are ordered otherwise': {
    ...{
      old: `${TEXTS} ${put("('a', '10'), ('b', '9')")}`,
      fresh: `${TEXTS} ${put("('a', '9'), ('b', '10')")}`,
    },
    ...{ ...bumped, code: 0, told: [/raised sequences 'a' from 10 to 11$/] },
    after: [
      ['a', '10'],
      ['b', '10'],
    ],
  },
  'a text that is no number': {
    ...{ old: `${TEXTS} ${put("('a', 'ten')")}`, fresh: `${TEXTS} ${put("('a', '9')")}`, ...bumped },
    ...{ code: 1, told: [/: old can't be compared: "ten" is no whole number$/], after: [['a', '9']] },
  },
  'a FLOAT, which shows six digits alone': {
    ...{ old: `${FLOATS} ${put("('a', 1234564)")}`, fresh: `${FLOATS} ${put("('a', 9)")}`, ...bumped },
    ...{ code: 0, told: [/raised sequences 'a' from 10 to 1234565$/], after: [['a', '1234564']] },
  },
  'a row that can’t be made of a name and a number': {
    old: `CREATE TABLE sequences (name VARCHAR(20), value BIGINT, what INT NOT NULL); ${put("('a', 5, 1)")}`,
    fresh: 'CREATE TABLE sequences (name VARCHAR(20), value BIGINT, what INT NOT NULL);',
    ...{ ...bumped, code: 1, after: [] },
    told: [/could not raise sequences 'a' to 6: .*default value \(put the row there by hand\)$/],
  },
  'a password that is wrong': {
    ...{ old: T, options: { accounts: ours('nobody', 'nobody') }, code: 2 },
    told: [
      /^s00: nothing could be compared$/,
      /^s00: old can't be asked: .*Access denied.*\(see oldUser in .*proxy\.config\.json, and the accounts of that server\)$/,
      /^s00: new can't be asked: .*\(see newUser in /,
    ],
  },
};

describe.each(KINDS)('on %s', (kind) => {
  const prefix = kind === 'MariaDB' ? 'mf' : 'yf';

  it.each(Object.entries(FAULTS))('%s', async (title, { old, fresh, options, args, code, told, after }) => {
    const server = at(kind);
    const name = `${prefix}${Object.keys(FAULTS).indexOf(title)}`;
    await server.query(`CREATE DATABASE ${name}_old; USE ${name}_old; ${old}`);
    await server.query(`CREATE DATABASE ${name}_new; USE ${name}_new; ${fresh ?? old}`);
    const databases = { database: `${name}_old`, newDatabase: `${name}_new` };
    const file = writeConfig({ old: server, fresh: server }, { ...databases, ...options });
    const run = await runSequences(['--config', file, ...(args ?? [])]);
    const lines = `${run.stdout}\n${run.stderr}`.split('\n');
    for (const one of told) expect(lines).toContainEqual(expect.stringMatching(one));
    expect(run.code).toBe(code);
    if (after === undefined) return;
    const rows = await server.query<RowDataPacket[]>(
      `SELECT name, CAST(value${/FLOAT/.test(old) ? ' + 0E0' : ''} AS CHAR) AS value FROM ${name}_new.sequences ORDER BY name, value`,
    );
    expect(rows.map((row) => [row.name, row.value])).toEqual(after);
  });

  it('a database that is misspelt, on either side', async () => {
    const server = at(kind);
    const name = `${prefix}_there`;
    await server.query(`CREATE DATABASE ${name}; USE ${name}; ${T}`);
    for (const [side, options] of [
      ['old', { database: 'misspelt', newDatabase: name }],
      ['new', { database: name, newDatabase: 'misspelt' }],
    ] as const) {
      const run = await runSequences(['--config', writeConfig({ old: server, fresh: server }, options)]);
      expect(run).toMatchObject({
        code: 1,
        stderr: `s00: ${side}: the database misspelt is not there, or the account may not see it: see ${side}.database of the shard\n`,
      });
    }
  });

  it('a server that is down is told of as one that was not asked, and the others are compared', async () => {
    const server = at(kind);
    const name = `${prefix}_down`;
    await server.query(`CREATE DATABASE ${name}; USE ${name}; ${T}`);
    const nowhere = { host: '127.0.0.1', port: await freePort() };
    const file = writeConfig(
      { old: server, oldReplica: server, fresh: server, freshReplica: nowhere },
      { database: name },
    );
    expect(await runSequences(['--config', file])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('s00 t.id: in order, but for who can’t be asked (next'),
      stderr: expect.stringMatching(
        /^s00: new replica can't be asked: .*ECONNREFUSED.* \(is it running, and can it be reached from here\?\)\n$/,
      ),
    });
  });
});
