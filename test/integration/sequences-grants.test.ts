/** The rights that docs/sequences.md lists: `understudy sequences` works with these, and with each taken away something does not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentencesOf } from '../../src/commands/sequences-text.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { check } from './sequences-stage.ts';

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
      expect(shard.faults.join('\n') + shard.check.sequences.flatMap(sentencesOf).join('\n')).toMatch(
        /denied/i,
      );
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
