/** The proxy compares the sequences of its shards by itself, apart from its clients, and exports what it found. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePort, freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';

let server: Mariadb;
beforeAll(async () => {
  server = await startMariadb();
});
afterAll(() => server?.destroy());

/** Two shards, of which the second's replica can't be reached. */
async function start(name: string, workers: number): Promise<RunningProxy> {
  const { host, port } = server;
  for (const database of [`${name}_old`, `${name}_new`])
    await server.query(`CREATE DATABASE ${database}; USE ${database};
      CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, x INT)`);
  await server.query(`INSERT INTO ${name}_old.t (x) VALUES (1), (2), (3)`);
  const ports = await freePorts(2);
  const nowhere = { host, port: await freePort() };
  return startProxy({
    config: {
      shards: ['s00', 's01'].map((shard, index) => ({
        ...{ name: shard, port: ports[index] ?? 0 },
        old: { host, port, database: `${name}_old`, ...(index === 1 ? { replica: nowhere } : {}) },
        new: { host, port, database: `${name}_new` },
      })),
      workers,
      sequences: { intervalMs: 1000, graceMs: 0 },
    },
  });
}

describe.each([
  ['one process', 1],
  ['workers', 2],
] as const)('in %s', (_, workers) => {
  it('exports who is behind, and who could not be asked', async () => {
    const proxy = await start(`w${workers}`, workers);
    try {
      const behind = (shard: string) =>
        proxy.metric('understudy_sequence_behind', { shard, table: 't', server: 'new' });
      const seen = async (shard: string, value: number): Promise<boolean> =>
        (await proxy.metric('understudy_sequence_check_timestamp_seconds', { shard })) > 0 &&
        (await behind(shard)) === value;
      await waitFor(async () => (await seen('s00', 3)) && (await seen('s01', 3)), {
        what: 'both shards to be compared',
      });
      const samples = await proxy.metrics();
      const up = (shard: string, place: string) =>
        samples.get(`understudy_sequence_server_up{server="${place}",shard="${shard}"}`);
      expect([up('s00', 'old'), up('s00', 'new'), up('s00', 'old_replica')]).toEqual([1, 1, undefined]);
      expect([up('s01', 'old'), up('s01', 'old_replica')]).toEqual([1, 0]);
      expect(samples.get('understudy_sequence_behind_rows{server="new",shard="s00",table="t"}')).toBe(3);
      await server.query(`ALTER TABLE w${workers}_new.t AUTO_INCREMENT = 4`);
      await waitFor(() => seen('s00', 0), { what: 'the new side to be in order' });
      // The same is told once.
      const told = (): number => proxy.logs().match(/servers are behind in the numbers/g)?.length ?? 0;
      await waitFor(() => told() >= 2, { what: 'both shards to be told of' });
      expect(told()).toBe(2);
    } finally {
      await proxy.stop();
    }
    await waitFor(
      async () => {
        const [left] = (await server.query<never[]>(
          "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep'",
        )) as { n: number }[];
        return Number(left?.n) === 0;
      },
      { what: 'its connections to be gone' },
    );
  });
});

it('ends at once while a server keeps it waiting', async () => {
  const proxy = await start('w9', 1);
  const lock = await server.connect({ database: 'w9_new' });
  await lock.query('LOCK TABLES t WRITE');
  try {
    await waitFor(
      async () => {
        const [row] = (await server.query<never[]>(
          "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT CAST(CAST(MAX%'",
        )) as { n: number }[];
        return Number(row?.n) > 0;
      },
      { what: 'a query that waits' },
    );
    expect((await proxy.stop()).code).toBe(0);
  } finally {
    await lock.end();
  }
});
