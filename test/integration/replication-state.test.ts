/** What a replica of MySQL says of its replication; MariaDB's is seen in sequences.test.ts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ReplicationState, replicationState } from '../../src/sync/replication-state.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { type OpenedServer, openServer } from '../harness/sync-servers.ts';
import { waitFor } from '../harness/wait.ts';

let primary: SqlServer;
let replica: SqlServer;
let opened: OpenedServer;

beforeAll(async () => {
  [primary, replica] = await Promise.all([
    startMysql({ name: 'primary', extra: ['--log-bin', '--server-id=1'] }),
    startMysql({ name: 'replica', extra: ['--server-id=2'] }),
  ]);
  opened = await openServer(replica, null, { access: 'read' });
});
afterAll(async () => {
  opened?.pool.close();
  await Promise.all([primary?.destroy(), replica?.destroy()]);
});

const state = (): Promise<ReplicationState> => replicationState(opened.server);

it('tells nothing, running, and stopped apart', async () => {
  expect(await state()).toEqual({ type: 'none' });
  await primary.query(
    `CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'`,
  );
  await replica.query(`CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${primary.port},
    SOURCE_USER = 'repl', SOURCE_PASSWORD = 'repl', SOURCE_SSL = 1, SOURCE_LOG_FILE = '', SOURCE_LOG_POS = 4`);
  expect(await state()).toEqual({ type: 'stopped', why: 'its SQL thread does not run' });
  await replica.query('START REPLICA');
  await waitFor(
    async () => {
      const now = await state();
      return now.type === 'running' && now.lagSeconds === 0;
    },
    { what: 'the replica to follow' },
  );
  await replica.query('STOP REPLICA IO_THREAD');
  expect(await state()).toEqual({ type: 'stopped', why: 'its I/O thread is not connected' });
});

it('says what ended it', async () => {
  await replica.query('START REPLICA IO_THREAD; SET GLOBAL super_read_only = OFF; CREATE DATABASE taken');
  await primary.query('CREATE DATABASE taken');
  await waitFor(
    async () => {
      const now = await state();
      return now.type === 'stopped' && /^its SQL thread does not run: .+/s.test(now.why);
    },
    { what: 'the replica to fail' },
  );
});
