/** Invariant 7: a ratio change takes effect on every proxy within one second, without a restart or a dropped connection. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../harness/cli.ts';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { shardBetween } from '../harness/shard-databases.ts';
import { waitFor } from '../harness/wait.ts';

const PREFIX = '/understudy/live/';
/** Longer than any wait of a test, so that what is applied was told by etcd at once, and not found by a look. */
const REREAD_MS = 60_000;

let mariadb: Mariadb;
let etcd: Etcd;
const proxies: RunningProxy[] = [];
const clients: Connection[] = [];

beforeAll(async () => {
  [mariadb, etcd] = await Promise.all([startMariadb(), startEtcd()]);
  for (const database of ['mc_00', 'shard_00']) {
    await mariadb.query(`CREATE DATABASE ${database};
      CREATE TABLE ${database}.messages (folderid BIGINT PRIMARY KEY, ts INT)`);
  }
  for (const name of ['one', 'two']) {
    const proxy = await startProxy({
      name,
      config: await config({ etcd: { hosts: [etcd.url], prefix: PREFIX, rereadMs: REREAD_MS } }),
    });
    proxies.push(proxy);
    clients.push(await mariadb.connect({ port: proxy.port('s00'), database: 'mc_00' }));
  }
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await etcd?.stop();
  await mariadb?.destroy();
});

async function config(more: Record<string, unknown>) {
  const shard = await shardBetween(mariadb);
  return { service: 'live', tables: { messages: { key: 'folderid' } }, shards: [shard], ...more };
}

/** Waits until every proxy has the ratio. */
function applied(kind: string, percent: number, on: readonly RunningProxy[] = proxies) {
  return waitFor(
    async () => {
      const seen = await Promise.all(
        on.map((proxy) => proxy.metric('understudy_mirror_ratio', { shard: 's00', kind })),
      );
      return seen.every((ratio) => ratio === percent);
    },
    { what: `every proxy to have ${kind} at ${percent} %` },
  );
}

/** Reads through each proxy, and whether each reading was mirrored. */
async function mirroredReads(): Promise<number[]> {
  return Promise.all(
    proxies.map(async (proxy, index) => {
      const count = () =>
        proxy.metric('understudy_mirror_statements_total', { kind: 'read', outcome: 'mirrored' });
      const left = () => proxy.metric('understudy_mirror_not_sampled_total', { kind: 'read' });
      const before = [await count(), await left()] as const;
      for (let read = 0; read < 20; read++)
        await clients[index]!.query('SELECT ts FROM messages WHERE folderid = 1');
      await waitFor(async () => (await count()) + (await left()) - before[0] - before[1] === 20, {
        what: 'twenty reads to be accounted for',
      });
      return (await count()) - before[0];
    }),
  );
}

/** The command waits two seconds for the proxies, which a busy machine may need longer for: it is given again. */
async function setRatio(ratio: string, { configFile }: RunningProxy): Promise<void> {
  await waitFor(
    async () => {
      const { code, stdout, stderr } = await runCli(['ratio', 'set', ratio, '--config', configFile]);
      return code === 0 || Promise.reject(new Error(stdout + stderr));
    },
    { what: `${ratio} to be set` },
  );
}

describe('invariant 7: live ratios by etcd', () => {
  it('a plain etcdctl put takes effect at once on two proxies, on the connections that are open', async () => {
    expect(await mirroredReads()).toEqual([0, 0]);
    await etcd.put(`${PREFIX}mirror/reads`, '100');
    await applied('read', 100);
    expect(await mirroredReads()).toEqual([20, 20]);
    await etcd.put(`${PREFIX}mirror/reads`, '0');
    await applied('read', 0);
    expect(await mirroredReads()).toEqual([0, 0]);
  });

  it('a shard can differ, and falls back when its key is deleted', async () => {
    await etcd.put(`${PREFIX}shards/s00/mirror/writes`, '12.5');
    await applied('write', 12.5);
    await etcd.del(`${PREFIX}shards/s00/mirror/writes`);
    await applied('write', 0);
  });

  it.each(['101', '-1', '5.123', 'half', ''])(
    'the bad value "%s" is refused and the last good one stays',
    async (bad) => {
      const refused = () =>
        Promise.all(proxies.map((proxy) => proxy.metric('understudy_control_rejected_total')));
      await etcd.put(`${PREFIX}mirror/deletes`, '40');
      await applied('delete', 40);
      const before = await refused();
      await etcd.put(`${PREFIX}mirror/deletes`, bad);
      await waitFor(async () => (await refused()).every((count, index) => count === before[index]! + 1), {
        what: 'both proxies to refuse the value',
      });
      await applied('delete', 40);
      for (const proxy of proxies) await proxy.untilLogged(`${PREFIX}mirror/deletes`);
    },
  );

  it('status lists both proxies with the ratios that each has applied', async () => {
    const { code, stdout } = await runCli(['status', '--json', '--config', proxies[0]!.configFile]);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as {
      proxies: { report: { shards: { ratios: { deletes: number } }[] } }[];
    };
    expect(report.proxies.map((proxy) => proxy.report.shards[0]!.ratios.deletes)).toEqual([40, 40]);
  });

  it('`ratio set` says when every proxy has applied it', async () => {
    await setRatio('reads=7.25', proxies[0]!);
    await applied('read', 7.25);
  });

  it('etcd killed: the last values stay and clients notice nothing; back: changes are followed again', async () => {
    await etcd.put(`${PREFIX}mirror/reads`, '100');
    await applied('read', 100);
    await etcd.kill9();
    const connected = async (wanted: number) =>
      (await Promise.all(proxies.map((proxy) => proxy.metric('understudy_control_connected')))).every(
        (value) => value === wanted,
      );
    await waitFor(() => connected(0), { what: 'both proxies to miss etcd' });
    expect(await mirroredReads()).toEqual([20, 20]);
    await etcd.restart();
    await waitFor(() => connected(1), { what: 'both proxies to find etcd again' });
    await etcd.put(`${PREFIX}mirror/reads`, '3');
    await applied('read', 3);
  });
});

describe('invariant 7: live ratios by the file', () => {
  it('a change of the mirror section is applied, other changes are reported, a broken file is refused', async () => {
    const proxy = await startProxy({ name: 'by-file', config: await config({ mirror: { reads: 1 } }) });
    try {
      const text = readFileSync(proxy.configFile, 'utf8');
      const parsed = JSON.parse(text) as Record<string, unknown>;
      await applied('read', 1, [proxy]);
      writeFileSync(proxy.configFile, JSON.stringify({ ...parsed, mirror: { reads: 60 } }));
      await applied('read', 60, [proxy]);
      writeFileSync(proxy.configFile, '{ "mirror": ');
      await waitFor(async () => (await proxy.metric('understudy_control_rejected_total')) === 1, {
        what: 'the broken file to be refused',
      });
      await applied('read', 60, [proxy]);
      writeFileSync(
        proxy.configFile,
        JSON.stringify({ ...parsed, maxConnections: 7, mirror: { reads: 60 } }),
      );
      await waitFor(() => proxy.logs().includes('maxConnections'), {
        what: 'the log to name what needs a restart',
      });
      await setRatio('writes=50', proxy);
      await applied('write', 50, [proxy]);
    } finally {
      await proxy.stop();
    }
  });
});
