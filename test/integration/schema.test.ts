/** What the proxy learns of the old schema, and what it says where the configuration does not fit it. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentsAnswer } from '../../src/observe/incident-report.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { shardBetween } from '../harness/shard-databases.ts';
import { waitFor } from '../harness/wait.ts';

let mariadb: Mariadb;

beforeAll(async () => {
  mariadb = await startMariadb();
  await mariadb.query(`CREATE DATABASE mc_00; CREATE DATABASE shard_00;
    CREATE TABLE mc_00.messages (folderid BIGINT PRIMARY KEY) ENGINE=MyISAM`);
});

afterAll(() => mariadb?.destroy());

async function start(more: Readonly<Record<string, unknown>>): Promise<RunningProxy> {
  return startProxy({ config: { shards: [await shardBetween(mariadb)], ...more } });
}

describe('the schema of the old server', () => {
  it('is read by a connection that is gone when it was read', async () => {
    await mariadb.query("CREATE USER reader@'%'; GRANT SELECT ON mc_00.* TO reader@'%'");
    const proxy = await start({ tables: '*', oldUser: { user: 'reader' } });
    try {
      // It was read once before the proxy was ready.
      const left = async (): Promise<number> => {
        const sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'reader'";
        return (await mariadb.query<RowDataPacket[]>(sql)).length;
      };
      await waitFor(async () => (await left()) === 0, { what: 'the reader to be gone' });
      expect(proxy.logs()).not.toContain('could not be read');
    } finally {
      await proxy.stop();
    }
  });

  it('is held against the configuration: a table that it lacks is named in the log, once', async () => {
    const proxy = await start({ tables: { messages: { key: 'folderid' }, mesages: { key: 'folderid' } } });
    try {
      const warnings = () => proxy.logs().match(/"tables":"[^"]*"/g) ?? [];
      await waitFor(() => warnings().length > 0, { what: 'the misspelt table to be named' });
      const client = await mariadb.connect({ port: proxy.port('s00'), database: 'mc_00' });
      await client.query('ALTER TABLE messages ADD COLUMN ts INT');
      await client.query('CREATE TABLE mesages (folderid BIGINT PRIMARY KEY)');
      await client.query('INSERT INTO mesages VALUES (1)');
      client.destroy();
      expect(warnings()).toEqual(['"tables":"mesages"']);
      await waitFor(async () => (await proxy.status()).shards[0]!.journal.byReason.not_sampled === 1, {
        what: 'the write to be in the journal',
      });
      expect((await proxy.status()).shards[0]!.journal.byReason).toMatchObject({ table: 2, not_sampled: 1 });
    } finally {
      await proxy.stop();
    }
  });

  it('that can’t be read is an incident, with what the server answered', async () => {
    const proxy = await start({ tables: '*', oldUser: { user: 'nobody' } });
    try {
      const incidents = async () => {
        const answer = await fetch(`${proxy.adminUrl}/api/incidents?reason=schema_unread`);
        return ((await answer.json()) as IncidentsAnswer).incidents;
      };
      await waitFor(async () => (await incidents()).length > 0, { what: 'the incident' });
      expect((await incidents())[0]).toMatchObject({
        shard: 's00',
        latest: [{ message: expect.stringContaining("Access denied for user 'nobody'") }],
      });
    } finally {
      await proxy.stop();
    }
  });
});
