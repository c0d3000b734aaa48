/** Waiting for a replica, by its own words: GTIDs, positions in the binary log, or not at all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitForReplica } from '../../src/sync/catch-up.ts';
import type { SyncServer } from '../../src/sync/sync-server.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { follow, loggedRows } from '../harness/replication.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { openServer } from '../harness/sync-servers.ts';

const MOMENT_MS = 1000;
const LONG_MS = 20_000;

async function read(server: SqlServer): Promise<SyncServer> {
  return (await openServer(server, null, { access: 'read' })).server;
}

describe('a replica of MariaDB', () => {
  let primary: Mariadb;
  let replica: Mariadb;
  let alone: Mariadb;

  beforeAll(async () => {
    [primary, replica, alone] = await Promise.all([
      startMariadb({ name: 'primary', extra: loggedRows(1) }),
      startMariadb({ name: 'replica', extra: loggedRows(2) }),
      startMariadb({ name: 'alone' }),
    ]);
    await follow(replica, primary);
    await primary.query('CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)');
  });

  afterAll(async () => {
    await Promise.all([primary?.destroy(), replica?.destroy(), alone?.destroy()]);
  });

  it('is waited for until it has what the primary had', async () => {
    const servers = [await read(primary), await read(replica)] as const;
    await replica.query('STOP SLAVE SQL_THREAD');
    await primary.query('INSERT INTO d.t VALUES (1)');
    expect(await waitForReplica(...servers, MOMENT_MS)).toBe('late');
    const waiting = waitForReplica(...servers, LONG_MS);
    await replica.query('START SLAVE SQL_THREAD');
    expect(await waiting).toBe('caught_up');
    expect(await replica.query('SELECT id FROM d.t')).toEqual([{ id: 1 }]);
    // What comes later is not waited for.
    await replica.query('STOP SLAVE SQL_THREAD');
    expect(await waitForReplica(...servers, MOMENT_MS)).toBe('caught_up');
  });

  it('of a primary without a binary log can’t be told', async () => {
    expect(await waitForReplica(await read(alone), await read(primary), MOMENT_MS)).toBe('untold');
  });
});

describe('a replica of MySQL', () => {
  let primary: SqlServer;
  let replica: SqlServer;

  beforeAll(async () => {
    const gtid = ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'];
    [primary, replica] = await Promise.all([
      startMysql({ name: 'primary', extra: [...loggedRows(1), ...gtid] }),
      startMysql({ name: 'replica', extra: [...loggedRows(2), ...gtid] }),
    ]);
    await primary.query("CREATE USER repl@'%' IDENTIFIED BY 'repl'");
    await primary.query("GRANT REPLICATION SLAVE ON *.* TO repl@'%'");
    await replica.query(`CHANGE REPLICATION SOURCE TO source_host = '127.0.0.1', source_port = ${primary.port},
      source_user = 'repl', source_password = 'repl', source_auto_position = 1, get_source_public_key = 1`);
    await replica.query('START REPLICA');
    await primary.query('CREATE DATABASE d');
    await primary.query('CREATE TABLE d.t (id INT PRIMARY KEY)');
  });

  afterAll(async () => {
    await Promise.all([primary?.destroy(), replica?.destroy()]);
  });

  it('is waited for until it has what the primary had', async () => {
    const servers = [await read(primary), await read(replica)] as const;
    expect(await waitForReplica(...servers, LONG_MS)).toBe('caught_up');
    await replica.query('STOP REPLICA SQL_THREAD');
    await primary.query('INSERT INTO d.t VALUES (1)');
    expect(await waitForReplica(...servers, MOMENT_MS)).toBe('late');
    await replica.query('START REPLICA SQL_THREAD');
    expect(await waitForReplica(...servers, LONG_MS)).toBe('caught_up');
    expect(await replica.query('SELECT id FROM d.t')).toEqual([{ id: 1 }]);
  });
});
