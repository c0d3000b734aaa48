/** The rights that docs/sync.md lists: `understudy sync` repairs with these, and with any taken away it says that it can't. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { runSyncCommand, writeSyncConfig } from './sync-command-stage.ts';

const NEW_RIGHTS = ['SELECT', 'INSERT', 'DELETE'] as const;
const TABLE = 'messages (folderid BIGINT, itemid BIGINT, title VARCHAR(20), PRIMARY KEY (folderid, itemid))';
const STARTS = { MariaDB: startMariadb, 'MySQL 9': startMysql } as const;

describe.each(['MariaDB', 'MySQL 9'] as const)('on %s', (kind) => {
  let server: SqlServer;
  beforeAll(async () => {
    server = await STARTS[kind]();
  });
  afterAll(() => server?.destroy());

  /** Both sides on one server, with accounts and databases of `name`. */
  async function stage(name: string, oldRights: string, newRights: string): Promise<string> {
    await server.query(`CREATE DATABASE ${name}_old; CREATE DATABASE ${name}_new;
      CREATE TABLE ${name}_old.${TABLE}; CREATE TABLE ${name}_new.${TABLE};
      INSERT INTO ${name}_old.messages VALUES (1, 1, 'same'), (2, 1, 'missing'), (3, 1, 'right');
      INSERT INTO ${name}_new.messages VALUES (1, 1, 'same'), (3, 1, 'wrong'), (4, 1, 'extra');
      CREATE USER ${name}_o@'%' IDENTIFIED BY 'ours'; CREATE USER ${name}_n@'%' IDENTIFIED BY 'ours'`);
    if (oldRights !== '') await server.query(`GRANT ${oldRights} ON ${name}_old.* TO ${name}_o@'%'`);
    await server.query(`GRANT ${newRights} ON ${name}_new.* TO ${name}_n@'%'`);
    const { host, port } = server;
    return writeSyncConfig({
      tables: { messages: { key: 'folderid' } },
      shards: {
        s00: { old: { host, port, database: `${name}_old` }, new: { host, port, database: `${name}_new` } },
      },
      more: {
        oldUser: { user: `${name}_o`, password: 'ours' },
        newUser: { user: `${name}_n`, password: 'ours' },
      },
    });
  }

  it('repairs with all of them', async () => {
    const config = await stage('every', 'SELECT', NEW_RIGHTS.join(', '));
    const { code, report } = await runSyncCommand(config, '--full');
    expect([code, report?.passes[0]?.failures, report?.passes[0]?.counts.settled.repaired]).toEqual([
      0,
      [],
      3,
    ]);
  });

  it('only looks with SELECT alone', async () => {
    const config = await stage('looks', 'SELECT', 'SELECT');
    const { code, report } = await runSyncCommand(config, '--full', '--check');
    expect([code, report?.passes[0]?.failed, report?.passes[0]?.counts.mismatched]).toEqual([1, 0, 3]);
  });

  it.each(NEW_RIGHTS)('says that it can’t repair without %s on the new side', async (missing) => {
    const rights = NEW_RIGHTS.filter((right) => right !== missing).join(', ');
    const config = await stage(`no_${missing.toLowerCase()}`, 'SELECT', rights);
    const { code, stdout } = await runSyncCommand(config, '--full', '--passes', '1');
    expect(code).toBe(1);
    // Without SELECT information_schema shows columns of tables that no query may read.
    expect(stdout).toMatch(/denied/i);
  });

  it('says that it can’t look without SELECT on the old side', async () => {
    const config = await stage('no_old', '', NEW_RIGHTS.join(', '));
    const { code, stdout, stderr } = await runSyncCommand(config, '--full', '--passes', '1');
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/denied/i);
  });
});
