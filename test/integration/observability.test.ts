/** What the dashboard and the alerts ask for, a running proxy exports and a real Prometheus finds. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runCli } from '../harness/cli.ts';
import { dashboardQueries, dashboardVariables, shippedPrometheusConfig } from '../harness/deploy-files.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePort } from '../harness/ports.ts';
import { type Child, startChild } from '../harness/process.ts';
import { type Prometheus, startPrometheus } from '../harness/prometheus.ts';
import { selectorsOf } from '../harness/promql.ts';
import { MAIN, type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';

const ROUNDS = 60;
const TOKEN = 'a-token-of-the-tests';
/** Series that exist only once something went wrong; of these Prometheus must know the family at least. */
const UPON_TROUBLE = new Set(['understudy_journal_keys', 'understudy_mirror_doubts_total']);

const alertsSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          name: z.string(),
          query: z.string(),
          health: z.string(),
          lastError: z.string().optional(),
        }),
      ),
    }),
  ),
});

let mariadb: Mariadb;
let proxy: RunningProxy;
let prometheus: Prometheus;
let sync: Child;

beforeAll(async () => {
  mariadb = await startMariadb({ name: 'both-clusters' });
  for (const database of ['mc_00', 'shard_00']) {
    await mariadb.query(`CREATE DATABASE ${database};
      CREATE TABLE ${database}.messages (folderid BIGINT, itemid BIGINT, PRIMARY KEY (folderid, itemid));
      CREATE TABLE ${database}.works (id BIGINT AUTO_INCREMENT PRIMARY KEY)`);
  }
  const endpoint = { host: mariadb.host, port: mariadb.port };
  const shard = {
    name: 's00',
    port: await freePort(),
    old: { ...endpoint, database: 'mc_00', replica: endpoint },
    new: { ...endpoint, database: 'shard_00', replica: endpoint },
  };
  // With certificates, so that their figures are there too.
  const { server } = await makeCertificates();
  proxy = await startProxy({
    config: {
      listen: { host: '127.0.0.1', tls: { certificate: server.certificate, key: server.key } },
      tables: { messages: { key: 'folderid' }, works: { key: 'id' } },
      sequences: { intervalMs: 1000 },
      shards: [shard],
      mirror: { reads: 100, writes: 50, deletes: 100 },
      compare: 100,
      admin: { token: TOKEN },
    },
  });
  const tokenFile = join(temporaryDirectory('token'), 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const configText = shippedPrometheusConfig(
    { proxy: new URL(proxy.adminUrl).host, sync: await startPausedSync() },
    tokenFile,
  );
  prometheus = await startPrometheus({ configText });
  await runTraffic();
  await waitFor(async () => (await sampled('understudy_mirror_compared_total > 0')).length > 0, {
    what: 'Prometheus to see compared reads',
  });
  await waitFor(async () => (await sampled('understudy_sequence_behind')).length > 0, {
    what: 'Prometheus to see compared sequences',
  });
});

afterAll(async () => {
  await prometheus?.stop();
  await sync?.stop();
  await proxy?.stop();
  await mariadb?.destroy();
});

/** One that stands before its first query: its figures are there for as long as they are wanted. Host and port. */
async function startPausedSync(): Promise<string> {
  const pause = join(temporaryDirectory('pause'), 'pause');
  writeFileSync(pause, '');
  const port = await freePort();
  sync = await startChild({
    name: 'sync',
    command: process.execPath,
    cwd: dirname(proxy.configFile),
    args: [
      ...[MAIN, 'sync', '--full', '--config', proxy.configFile],
      ...['--pause-file', pause, '--admin-port', String(port)],
    ],
    ready: async () => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
      return text.includes('understudy_sync_throttled{shard="s00"} 1');
    },
  });
  return `127.0.0.1:${port}`;
}

async function runTraffic(): Promise<void> {
  const client = await mariadb.connect({ port: proxy.port('s00'), database: 'mc_00' });
  for (let folder = 0; folder < ROUNDS; folder += 1) {
    await client.query(`INSERT INTO messages VALUES (${folder}, 1), (${folder}, 2)`);
    await client.query(`SELECT itemid FROM messages WHERE folderid = ${folder} ORDER BY itemid`);
    await client.query(`DELETE FROM messages WHERE folderid = ${folder} AND itemid = 2`);
  }
  await client.end();
}

/** The labels of every series that an instant query gives. */
async function sampled(expression: string): Promise<Readonly<Record<string, string>>[]> {
  return (await prometheus.query(expression)).map(({ metric }) => metric);
}

/** Every selector of the expression that finds no series. */
async function missingFrom(expression: string): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, matchers } of selectorsOf(expression)) {
    const selector = `${name}{${matchers}}`;
    if ((await sampled(selector)).length > 0) continue;
    const families = z
      .record(z.string(), z.unknown())
      .parse(await prometheus.api(`/api/v1/metadata?metric=${name}`));
    if (!UPON_TROUBLE.has(name) || families[name] === undefined) missing.push(selector);
  }
  return missing;
}

it('a sync tells its figures to those with the token alone', async () => {
  const [labels] = await waitFor(
    async () => {
      const found = await sampled('understudy_sync_throttled == 1');
      return found.length > 0 && found;
    },
    { what: 'the sync’s figures in Prometheus' },
  );
  expect(labels).toMatchObject({ job: 'understudy-sync', shard: 's00' });
  const url = `http://${labels?.instance}`;
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

describe('a running proxy', () => {
  it('exports what promtool finds no fault with', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const input = await (await fetch(`${proxy.adminUrl}/metrics`, { headers })).text();
    const done = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect(done.stdout + done.stderr).toBe('');
    expect(done.status).toBe(0);
  });

  it('is scraped without an error', async () => {
    expect(await sampled('up{job="understudy"} == 1')).toHaveLength(1);
  });

  it('tells its status to those with the token alone, and counts the others', async () => {
    const withToken = await runCli(['status', '--config', proxy.configFile]);
    expect(withToken).toMatchObject({ code: 0, stderr: '' });
    const config = JSON.parse(readFileSync(proxy.configFile, 'utf8')) as { admin: { token?: string } };
    for (const [token, fault] of [
      ['another-token-of-the-tests', /unreachable: it asks for another token: see admin\.token/],
      [undefined, /unreachable: it asks for a token: see admin\.token/],
    ] as const) {
      const before = await proxy.metric('understudy_admin_unauthorized_total');
      const file = join(temporaryDirectory('config'), 'proxy.config.json');
      writeFileSync(file, JSON.stringify({ ...config, admin: { ...config.admin, token } }));
      const refused = await runCli(['status', '--config', file]);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(fault) });
      expect(await proxy.metric('understudy_admin_unauthorized_total')).toBe(before + 1);
    }
    expect(proxy.logs()).not.toContain(TOKEN);
  });
});

describe('the dashboard', () => {
  const queries = dashboardQueries();

  it('has expressions', () => {
    expect(queries.length).toBeGreaterThan(40);
  });

  it.each(queries)('$place reads series that exist', async ({ expression }) => {
    expect(await missingFrom(expression)).toEqual([]);
  });

  it.each(queries.filter(({ labels }) => labels.length > 0))(
    '$place has the labels of its legend',
    async (query) => {
      const results = await sampled(query.expression);
      expect(results.filter((metric) => query.labels.some((label) => metric[label] === undefined))).toEqual(
        [],
      );
    },
  );

  it.each(dashboardVariables())('its variables have values: %s', async (selector) => {
    expect(await missingFrom(selector)).toEqual([]);
  });

  it('shows both clusters’ latency of the same statements', async () => {
    const series = 'understudy_mirrored_statement_duration_seconds_count{kind="read"} > 0';
    expect((await sampled(series)).map(({ cluster }) => cluster).sort()).toEqual(['new', 'old']);
  });
});

describe('the alerts', () => {
  it('are evaluated without an error, on series that exist', async () => {
    const rules = await waitFor(
      async () => {
        const { groups } = alertsSchema.parse(await prometheus.api('/api/v1/rules?type=alert'));
        const all = groups.flatMap((group) => group.rules);
        return all.length > 0 && all.every(({ health }) => health !== 'unknown') && all;
      },
      { what: 'every alert to be evaluated' },
    );
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    for (const rule of rules) expect(await missingFrom(rule.query), rule.name).toEqual([]);
  });
});
