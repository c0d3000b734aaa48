/** What docker-compose.yml gives to its services, on the servers of the tests: settings, accounts, configuration. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import {
  makeSecrets,
  readCompose,
  readSecret,
  repositoryPath,
  runInitFiles,
  serviceOf,
  shippedProxyConfig,
  withSecretsAt,
} from '../harness/compose-files.ts';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePorts } from '../harness/ports.ts';
import { type ProxyConfig, type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const compose = readCompose();
let secrets: string;
let oldServer: SqlServer;
let newServer: SqlServer;
let etcd: Etcd;
let proxy: RunningProxy;

beforeAll(async () => {
  secrets = makeSecrets();
  [oldServer, newServer, etcd] = await Promise.all([
    startMariadb({ name: 'old', extra: serviceOf(compose, 'old').command ?? [] }),
    startMysql({ name: 'new', extra: serviceOf(compose, 'new').command ?? [] }),
    startEtcd(),
  ]);
  await runInitFiles('old', oldServer.port, secrets);
  await runInitFiles('new', newServer.port, secrets);
  const [admin = 0, ...shards] = await freePorts(3);
  const config = shippedProxyConfig({
    ...{ old: oldServer.port, new: newServer.port, etcd: etcd.port },
    ...{ admin, shards },
  });
  const placed = JSON.parse(withSecretsAt(JSON.stringify(config), secrets)) as ProxyConfig;
  proxy = await startProxy({ config: { ...placed, journal: { directory: temporaryDirectory('journal') } } });
});

afterAll(async () => {
  await proxy?.stop();
  await Promise.all([oldServer?.destroy(), newServer?.destroy(), etcd?.kill9()]);
});

function asApp(shard: string, database: string): Promise<Connection> {
  const password = readSecret(secrets, 'app-password');
  return oldServer.connect({ port: proxy.port(shard), user: 'app', password, database });
}

describe('the secrets', () => {
  it('are random, one for each that the file names, and stay what they are when they are made again', async () => {
    const names = Object.keys(compose.secrets);
    const before = names.map((name) => readSecret(secrets, name));
    expect(before.every((secret) => /^[0-9a-f]{48}$/.test(secret))).toBe(true);
    expect(new Set(before).size).toBe(names.length);
    expect(statSync(secrets).mode & 0o777).toBe(0o700);
    const again = await runCommand('sh', [repositoryPath('deploy/compose/make-secrets.sh'), secrets]);
    expect(again.code).toBe(0);
    expect(names.map((name) => readSecret(secrets, name))).toEqual(before);
  });
});

describe('the accounts', () => {
  it('carry a mirrored session of the application, with nothing refused', async () => {
    for (const kind of ['reads', 'writes', 'deletes']) {
      await etcd.put(`/understudy/message-center/mirror/${kind}`, '100');
    }
    await waitFor(
      async () => (await proxy.metric('understudy_mirror_ratio', { shard: 's01', kind: 'delete' })) === 100,
      { what: 'the ratios to be applied' },
    );
    for (const [shard, number] of [
      ['s00', '00'],
      ['s01', '01'],
    ] as const) {
      const app = await asApp(shard, `mc_${number}`);
      await app.query(
        "INSERT INTO comments VALUES (1, 1, 1, 2, 1700000000, 'a'), (1, 1, 2, 2, 1700000000, 'b')",
      );
      await app.query('SELECT * FROM comments WHERE folderid = 1');
      await app.query('DELETE FROM comments WHERE folderid = 1 AND type = 1 AND itemid = 1');
      await app.query('INSERT INTO likes VALUES (1, 1, 1, 2, 1700000000, NULL)');
      await app.query('TRUNCATE TABLE likes');
      await app.query('UPDATE users SET unread = unread + 1 WHERE id = 1');
      await app.end();
      const database = `shard_${number}`;
      await waitFor(() => titles(database, 'comments'), { what: `the rows of ${database}` });
      await waitFor(async () => (await proxy.metric('understudy_mirror_queue_statements', { shard })) === 0, {
        what: 'the queue to be empty',
      });
      expect(await titles(database, 'comments')).toBe('b');
      expect(await titles(database, 'likes')).toBeUndefined();
      const mirrored = { shard, outcome: 'mirrored' };
      await waitFor(async () => (await proxy.metric('understudy_mirror_statements_total', mirrored)) === 5, {
        what: 'five statements to be mirrored',
      });
    }
    expect(await proxy.metric('understudy_mirror_statements_total', { outcome: 'failed' })).toBe(0);
    expect(proxy.logs()).not.toContain('schema could not be read');
    expect(proxy.logs()).not.toContain('oldUser lacks rights');
  });

  it('have no right beyond what they need', async () => {
    const password = readSecret(secrets, 'new-user-password');
    const shadow = await newServer.connect({ user: 'understudy', password });
    await expect(shadow.query('CREATE TABLE shard_00.more (a INT)')).rejects.toThrow(/denied/);
    await expect(shadow.query('SELECT * FROM mysql.user')).rejects.toThrow(/denied/);
    await shadow.end();
    const reader = await oldServer.connect({
      user: 'understudy',
      password: readSecret(secrets, 'old-user-password'),
    });
    await expect(reader.query('DELETE FROM mc_00.comments')).rejects.toThrow(/denied/);
    await reader.end();
  });
});

describe('the health check of the image', () => {
  const script = repositoryPath('deploy/docker/healthcheck.mjs');
  const check = () => runCommand(process.execPath, [script, proxy.configFile]);

  it('is well while the proxy serves, and says what is wrong when it is gone', async () => {
    expect(await check()).toMatchObject({ code: 0, stderr: '' });
    await proxy.stop();
    const { code, stderr } = await check();
    expect(code).toBe(1);
    expect(stderr).toContain('ECONNREFUSED');
  });
});

describe('the Prometheus configuration', () => {
  it('is accepted by promtool, with its alerts and its secret in place', async () => {
    const folder = temporaryDirectory('prometheus');
    const text = readFileSync(repositoryPath('deploy/compose/prometheus.yml'), 'utf8');
    writeFileSync(join(folder, 'prometheus.yml'), withSecretsAt(text, secrets));
    writeFileSync(
      join(folder, 'alerts.yml'),
      readFileSync(repositoryPath('deploy/prometheus/alerts.yml'), 'utf8'),
    );
    const done = await runCommand('promtool', ['check', 'config', 'prometheus.yml'], { cwd: folder });
    expect(done.stdout + done.stderr).toContain('SUCCESS');
    expect(done.code).toBe(0);
  });
});

async function titles(database: string, table: string): Promise<string | undefined> {
  const rows = await newServer.query<RowDataPacket[]>(
    `SELECT title FROM ${database}.${table} ORDER BY itemid`,
  );
  return rows.length === 0 ? undefined : rows.map((row) => String(row.title)).join(',');
}
