/** What goes wrong on the mirror, from a shadow that lacks tables to the API, the command, the metrics and a webhook. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentsAnswer, IncidentView } from '../../src/observe/incident-report.ts';
import { type CliResult, runCli } from '../harness/cli.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import {
  connectTo,
  logLines,
  makeDatabases,
  startWorkers,
  untilLine,
  untilWorker,
  workerPid,
} from './workers-stage.ts';

const TOKEN = 'Bearer of-the-webhook-0123';

let mariadb: Mariadb;
let proxy: RunningProxy;
let hook: Server;
const called: { authorization: string | undefined; body: Record<string, unknown> }[] = [];

beforeAll(async () => {
  mariadb = await startMariadb();
  await makeDatabases(mariadb);
  hook = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization } = request.headers;
      called.push({ authorization, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => hook.once('listening', resolve));
  proxy = await startWorkers(mariadb, {
    incidents: {
      thresholds: [{ reason: 'replay_error', moreThan: 2, within: '1h' }],
      webhook: {
        url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`,
        headers: { authorization: TOKEN },
      },
    },
  });
});

afterAll(async () => {
  await proxy?.kill9();
  hook?.close();
  await mariadb?.destroy();
});

async function ask(query = ''): Promise<IncidentsAnswer> {
  const response = await fetch(`${proxy.adminUrl}/api/incidents${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as IncidentsAnswer;
}

async function untilIncidents(what: string, found: (all: readonly IncidentView[]) => boolean): Promise<void> {
  await waitFor(async () => found((await ask()).incidents), { what });
}

const command = (...args: string[]): Promise<CliResult> =>
  runCli(['incidents', '--config', proxy.configFile, ...args]);

async function write(shard: 's00' | 's01', rows: number): Promise<void> {
  const client = await connectTo(mariadb, proxy, shard);
  for (let row = 0; row < rows; row++) await client.query(`REPLACE INTO messages VALUES (${row}, 4711)`);
  await client.end();
}

describe('a proxy of two workers', () => {
  it('has none while all goes well', async () => {
    expect(await ask()).toMatchObject({ matching: 0, incidents: [], exceeded: [] });
    expect(await command()).toMatchObject({ code: 0, stdout: 'no incidents\n' });
  });

  it('groups what the shadow refuses, of both workers', async () => {
    for (const shard of ['s00', 's01']) await mariadb.query(`DROP TABLE new_${shard}.messages`);
    await write('s00', 3);
    await write('s01', 1);
    const sum = (all: readonly IncidentView[]): number => all.reduce((total, one) => total + one.total, 0);
    await untilIncidents('four incidents', (all) => sum(all) === 4);
    const { incidents } = await ask('?reason=replay_error');
    const brief = incidents.map(({ shard, code, total, lastHour, shards }) => ({
      ...{ shard, code, total, lastHour, shards },
    }));
    const shards = { s00: 3, s01: 1 };
    expect(brief.sort((one, other) => one.shard.localeCompare(other.shard))).toEqual([
      { shard: 's00', code: 1146, total: 3, lastHour: 3, shards },
      { shard: 's01', code: 1146, total: 1, lastHour: 1, shards },
    ]);
    const first = incidents.find(({ shard }) => shard === 's00');
    expect(first?.digest?.text).toContain('REPLACE INTO messages');
    expect(first?.latest.map(({ key }) => key).sort()).toEqual(['0', '1', '2']);
    expect(first?.latest[0]).toMatchObject({ table: 'messages', message: 'error 1146', sql: null });
    expect(JSON.stringify(incidents)).not.toContain('4711');
  });

  it('says when there are too many: in the metrics, and once to the webhook', async () => {
    const exceeded = (shard: string): Promise<number> =>
      proxy.metric('understudy_incident_threshold_exceeded', { reason: 'replay_error', shard });
    await waitFor(async () => (await exceeded('s00')) === 1, { what: 'the threshold to be exceeded' });
    expect(await exceeded('s01')).toBe(0);
    expect(await proxy.metric('understudy_incidents_total', { reason: 'replay_error', shard: 's00' })).toBe(
      3,
    );
    const delivered = { outcome: 'delivered' };
    await waitFor(
      async () => (await proxy.metric('understudy_incident_webhook_calls_total', delivered)) === 1,
      { what: 'the webhook’s call' },
    );
    expect(called).toEqual([
      {
        authorization: TOKEN,
        body: expect.objectContaining({ service: 'test', reason: 'replay_error', shard: 's00', count: 3 }),
      },
    ]);
    expect(proxy.logs()).not.toContain(TOKEN);
    await untilLine(proxy, ({ incident }) => incident === 'replay_error', 2);
    const lines = logLines(proxy).filter(({ incident }) => incident === 'replay_error');
    expect(lines.map(({ shard, code }) => [shard, code]).sort()).toEqual([
      ['s00', 1146],
      ['s01', 1146],
    ]);
  });

  it('is asked by the command, whose code says whether there are any', async () => {
    const all = await command('--json');
    expect(all.code).toBe(1);
    expect(JSON.parse(all.stdout)).toMatchObject({
      incidents: [{}, {}],
      exceeded: [{ shard: 's00' }],
      faults: [],
    });
    const table = await command('--shard', 's00', '--since', '1h');
    expect(table.code).toBe(1);
    expect(table.stdout).toMatch(/^LAST SEEN .*\n\S+ +s00 +replay_error +1146 +3 +3 +REPLACE INTO messages/);
    expect(table.stdout).not.toContain('s01');
    expect(await command('--reason', 'ddl')).toMatchObject({ code: 0, stdout: 'no incidents\n' });
  });

  it('refuses bad usage, and says all that is wrong with it', async () => {
    const { code, stderr } = await command('--shard', 's99', '--reason', 'bad_luck', '--since', 'yesterday');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /s99 is no shard[\s\S]*bad_luck is none of replay_error[\s\S]*yesterday is no time/,
    );
    expect(await command('--nonsense')).toMatchObject({ code: 2 });
  });

  it('answers a bad query with the parameter', async () => {
    const response = await fetch(`${proxy.adminUrl}/api/incidents?reason=bad_luck`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ message: expect.stringMatching(/^reason: /) });
  });

  it('has an incident of each shard of a worker that was killed, and keeps those before', async () => {
    process.kill(await workerPid(proxy, 0), 'SIGKILL');
    await untilIncidents('the end of the worker', (all) =>
      all.some(({ reason }) => reason === 'worker_ended'),
    );
    await untilWorker(proxy, 0, 'serving');
    const { incidents } = await ask();
    const ended = incidents.filter(({ reason }) => reason === 'worker_ended');
    expect(ended.map(({ shard, latest }) => [shard, latest[0]?.message]).sort()).toEqual([
      ['s00', 'worker 0: SIGKILL'],
      ['s02', 'worker 0: SIGKILL'],
    ]);
    expect(incidents).toContainEqual(
      expect.objectContaining({ reason: 'replay_error', shard: 's00', total: 3 }),
    );
    await write('s00', 1);
    await untilIncidents('another of the same group', (all) =>
      all.some(({ reason, shard, total }) => reason === 'replay_error' && shard === 's00' && total === 4),
    );
    expect(called).toHaveLength(1);
  });

  it('has an incident of a definition that changed', async () => {
    const client = await connectTo(mariadb, proxy, 's03');
    await client.query('ALTER TABLE messages ADD COLUMN extra INT');
    await client.end();
    await untilIncidents('the change of the table', (all) => all.some(({ reason }) => reason === 'ddl'));
    // The new server's table differs from then on, which is told of once it is read again.
    const { incidents } = await ask('?shard=s03&reason=ddl');
    expect(incidents).toMatchObject([{ reason: 'ddl', total: 1, latest: [{ table: 'messages' }] }]);
  });

  it('is unreachable to the command once it is gone, which is no zero', async () => {
    await proxy.stop();
    expect(await command()).toMatchObject({ code: 1, stderr: expect.stringMatching(/is unreachable/) });
  });
});
