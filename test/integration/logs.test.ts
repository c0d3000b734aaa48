/** Passwords never show; statement literals only where the configuration lets them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { shardBetween } from '../harness/shard-databases.ts';
import { waitFor } from '../harness/wait.ts';

const SECRET = 'pw-9f2c41d7';
const LITERAL = 'a-very-private-word';

let mariadb: Mariadb;

beforeAll(async () => {
  mariadb = await startMariadb();
  await mariadb.query(`CREATE DATABASE mc_00; CREATE TABLE mc_00.messages (folderid BIGINT PRIMARY KEY, word TEXT);
    CREATE DATABASE shard_00;
    CREATE USER understudy@'%' IDENTIFIED BY '${SECRET}'; GRANT ALL ON *.* TO understudy@'%'`);
});

afterAll(() => mariadb?.destroy());

/** Runs statements that the shadow refuses (it has no such table), and gives all that the proxy said. */
async function everythingSaid(more: Record<string, unknown>, env: Record<string, string>): Promise<string> {
  const account = { user: 'understudy', password: { env: 'TEST_SECRET' } };
  const proxy = await startProxy({
    env: { TEST_SECRET: env.TEST_SECRET },
    config: {
      shards: [await shardBetween(mariadb)],
      newUser: account,
      oldUser: account,
      mirror: { reads: 100, writes: 100, deletes: 100 },
      logLevel: 'debug',
      ...more,
    },
  });
  const answers = await refusedOnTheShadow(proxy).finally(() => proxy.stop());
  // What is told once a second is told at the end as well.
  return proxy.logs() + answers.join('\n');
}

/** What the admin port answers once the shadow has refused statements. */
async function refusedOnTheShadow(proxy: RunningProxy): Promise<string[]> {
  const client = await mariadb.connect({ port: proxy.port('s00'), database: 'mc_00' });
  await client.query(`REPLACE INTO messages VALUES (77, '${LITERAL}')`);
  await client.execute('REPLACE INTO messages VALUES (?, ?)', [78, LITERAL]);
  await client.query(`SELECT * FROM messages WHERE word = '${LITERAL}'`);
  client.destroy();
  await waitFor(async () => (await proxy.metric('understudy_mirror_statements_total')) >= 3, {
    what: 'three statements to be settled',
  });
  return Promise.all(
    ['/metrics', '/healthz', '/readyz', '/api/status'].map(async (path) =>
      (await fetch(`${proxy.adminUrl}${path}`)).text(),
    ),
  );
}

describe('what the proxy says', () => {
  it('holds no password and no literal, though statements failed on the shadow', async () => {
    const said = await everythingSaid({}, { TEST_SECRET: SECRET });
    expect(said).toContain('SELECT * FROM messages WHERE word = ?');
    expect(said).not.toContain(LITERAL);
    expect(said).not.toContain(SECRET);
  });

  it('holds literals in the log with logLiterals on, and still no password', async () => {
    const said = await everythingSaid({ logLiterals: true }, { TEST_SECRET: SECRET });
    expect(said).toContain(LITERAL);
    expect(said).not.toContain(SECRET);
  });

  it('holds no password when the account is refused', async () => {
    const said = await everythingSaid({}, { TEST_SECRET: `${SECRET}-wrong` });
    expect(said).toContain('Access denied');
    expect(said).not.toContain(SECRET);
  });
});
