/** What the proxy learns of the old schema, and what it says where the configuration does not fit it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePort } from '../harness/ports.ts';
import { startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';

let mariadb: Mariadb;

beforeAll(async () => {
  mariadb = await startMariadb();
  await mariadb.query(`CREATE DATABASE mc_00; CREATE DATABASE shard_00;
    CREATE TABLE mc_00.messages (folderid BIGINT PRIMARY KEY) ENGINE=MyISAM`);
});

afterAll(() => mariadb?.destroy());

describe('the schema of the old server', () => {
  it('is held against the configuration: a table that it lacks is named in the log, once', async () => {
    const endpoint = { host: mariadb.host, port: mariadb.port };
    const proxy = await startProxy({
      config: {
        tables: { messages: { key: 'folderid' }, mesages: { key: 'folderid' } },
        shards: [
          {
            name: 's00',
            port: await freePort(),
            old: { ...endpoint, database: 'mc_00' },
            new: { ...endpoint, database: 'shard_00' },
          },
        ],
      },
    });
    try {
      const warnings = () => proxy.logs().match(/"tables":"[^"]*"/g) ?? [];
      await waitFor(() => warnings().length > 0, { what: 'the misspelt table to be named' });
      const client = await mariadb.connect({ port: proxy.port('s00'), database: 'mc_00' });
      await client.query('ALTER TABLE messages ADD COLUMN ts INT');
      await client.query('CREATE TABLE mesages (folderid BIGINT PRIMARY KEY)');
      await client.query('INSERT INTO mesages VALUES (1)');
      client.destroy();
      expect(warnings()).toEqual(['"tables":"mesages"']);
      const { shards } = await proxy.status();
      expect(shards[0]!.journal.byReason).toMatchObject({ table: 2, not_sampled: 1 });
    } finally {
      await proxy.stop();
    }
  });
});
