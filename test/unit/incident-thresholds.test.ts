/** When incidents are too many, who is told, and what the metrics and the API say of it. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { RequestFault } from '../../src/base/errors.ts';
import type { ThresholdSettings } from '../../src/config/incidents-schema.ts';
import type { IncidentReport } from '../../src/observe/incident.ts';
import { IncidentDesk } from '../../src/observe/incident-desk.ts';
import { IncidentMetrics } from '../../src/observe/incident-metrics.ts';
import { IncidentWebhook } from '../../src/observe/incident-webhook.ts';
import { waitFor } from '../harness/wait.ts';

const START_MS = Date.UTC(2024, 0, 1, 12);
const MINUTE_MS = 60_000;

function createDesk(thresholds: readonly ThresholdSettings[], url?: string) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const clock = { nowMs: START_MS };
  const metrics = new IncidentMetrics();
  const webhook = url === undefined ? undefined : { url, headers: { 'x-key': 'secret' }, timeoutMs: 5000 };
  const desk = new IncidentDesk({
    service: 'test',
    proxy: 'p1',
    shards: ['s00', 's01'],
    settings: { thresholds, webhook },
    metrics,
    log,
    literals: false,
    clock: () => clock.nowMs,
  });
  const report = (times: number, more: Partial<IncidentReport> = {}): void => {
    desk.report({ reason: 'lost', shard: 's00', message: 'm', times, ...more });
    desk.tick();
  };
  const later = (minutes: number): void => {
    clock.nowMs += minutes * MINUTE_MS;
    desk.tick();
  };
  const exceeded = (): string[] =>
    metrics
      .figures()
      .filter((figure) => figure.exceeded === 1)
      .map(({ reason, shard }) => `${reason} ${shard}`);
  return { desk, metrics, lines, clock, report, later, exceeded };
}

describe('a threshold', () => {
  const FORTY = { moreThan: 40, within: '1h' };

  it('is crossed by one more than it allows, and no earlier', () => {
    const { report, later, exceeded } = createDesk([FORTY]);
    report(20);
    later(59);
    report(20);
    expect(exceeded()).toEqual([]);
    report(1);
    expect(exceeded()).toEqual(['lost s00']);
  });

  it('looks at no more than its window', () => {
    const { report, later, exceeded } = createDesk([FORTY]);
    report(40);
    later(60);
    report(40);
    expect(exceeded()).toEqual([]);
  });

  it('stays exceeded until its window is empty, and is told of once', () => {
    const { report, later, exceeded, lines } = createDesk([FORTY]);
    const told = (): number => lines.filter(({ msg }) => `${msg}`.startsWith('there are more')).length;
    report(41);
    later(30);
    report(1);
    later(59);
    expect(exceeded()).toEqual(['lost s00']);
    expect(told()).toBe(1);
    later(1);
    expect(exceeded()).toEqual([]);
    report(41);
    expect(exceeded()).toEqual(['lost s00']);
    expect(told()).toBe(2);
  });

  it('counts each reason and shard by itself, all digests and errors of them together', () => {
    const { report, exceeded } = createDesk([FORTY]);
    report(40);
    report(40, { shard: 's01' });
    report(40, { reason: 'timed_out' });
    for (let digest = 0; digest < 41; digest++)
      report(1, { reason: 'replay_error', digest: { id: `${digest}`, text: 't' }, code: 1000 + digest });
    expect(exceeded()).toEqual(['replay_error s00']);
  });

  it('may be of one reason or one shard', () => {
    const { report, exceeded } = createDesk([
      { reason: 'lost', moreThan: 1, within: '1h' },
      { shard: 's01', moreThan: 3, within: '1h' },
    ]);
    for (const shard of ['s00', 's01']) {
      report(2, { shard });
      report(3, { shard, reason: 'ddl' });
    }
    expect(exceeded()).toEqual(['lost s00', 'lost s01']);
    for (const shard of ['s00', 's01']) report(1, { shard, reason: 'ddl' });
    expect(exceeded()).toEqual(['lost s00', 'lost s01', 'ddl s01']);
  });

  it('may reach over more time than there are minutes for', () => {
    const { report, later, exceeded } = createDesk([{ moreThan: 9, within: '1d' }]);
    for (let times = 0; times < 10; times++) {
      expect(exceeded()).toEqual([]);
      report(1);
      later(120);
    }
    expect(exceeded()).toEqual(['lost s00']);
    later(24 * 60);
    expect(exceeded()).toEqual([]);
  });
});

describe('the metrics', () => {
  it('have every reason of every shard from the start, and the whole proxy’s once', () => {
    const { metrics } = createDesk([]);
    const named = metrics.figures().map(({ reason, shard }) => `${reason} ${shard}`);
    expect(named).toContain('replay_error s01');
    expect(named.filter((name) => name.startsWith('exception'))).toEqual(['exception *']);
    expect(new Set(metrics.figures().map(({ total }) => total))).toEqual(new Set([0]));
  });

  it('count what came', () => {
    const { metrics, report } = createDesk([]);
    report(5);
    report(2);
    expect(metrics.figures().filter(({ total }) => total > 0)).toEqual([
      { reason: 'lost', shard: 's00', total: 7, exceeded: 0 },
    ]);
  });
});

describe('the answer', () => {
  const NONE: ReadonlySet<string> = new Set();
  const stage = () => {
    const staged = createDesk([{ moreThan: 2, within: '1h' }]);
    const digest = { id: 'abc', text: 'DELETE FROM messages' };
    const refused = { reason: 'replay_error', digest, code: 1146, table: 'messages', key: '7' } as const;
    staged.report(3, refused);
    staged.later(90);
    staged.report(2, { ...refused, shard: 's01' });
    staged.later(1);
    staged.report(1);
    return staged;
  };

  it('has the groups, the newest first, each with its shards', () => {
    const { desk, clock } = stage();
    const answer = desk.answer({}, new Set(['s01']));
    expect(answer.at).toBe(new Date(clock.nowMs).toISOString());
    expect(answer.matching).toBe(3);
    const brief = answer.incidents.map(({ reason, shard, code, total, lastHour, shards, stale }) => ({
      ...{ reason, shard, code, total, lastHour, shards, stale },
    }));
    const shards = { s00: 3, s01: 2 };
    expect(brief).toEqual([
      { reason: 'lost', shard: 's00', code: null, total: 1, lastHour: 1, shards: { s00: 1 }, stale: false },
      { reason: 'replay_error', shard: 's01', code: 1146, total: 2, lastHour: 2, shards, stale: true },
      { reason: 'replay_error', shard: 's00', code: 1146, total: 3, lastHour: 0, shards, stale: false },
    ]);
    const oldest = answer.incidents[2];
    expect(oldest?.minutes).toHaveLength(120);
    expect(oldest?.minutes[120 - 1 - 91]).toBe(3);
    expect(oldest?.hours.at(-2)).toBe(3);
    expect(oldest?.latest).toEqual([
      { at: '2024-01-01T12:00:00.000Z', table: 'messages', key: '7', message: 'm', sql: null },
    ]);
    expect(oldest?.firstSeen).toBe('2024-01-01T12:00:00.000Z');
  });

  it('lets through what the filters name', () => {
    const { desk } = stage();
    const names = (query: Record<string, string>): string[] =>
      desk.answer(query, NONE).incidents.map(({ reason, shard }) => `${reason} ${shard}`);
    expect(names({ shard: 's00' })).toEqual(['lost s00', 'replay_error s00']);
    expect(names({ reason: 'replay_error', shard: 's01' })).toEqual(['replay_error s01']);
    expect(names({ since: '30m' })).toEqual(['lost s00', 'replay_error s01']);
    expect(names({ since: '2024-01-01T13:31:00Z' })).toEqual(['lost s00']);
    expect(names({ limit: '1' })).toEqual(['lost s00']);
    expect(desk.answer({ limit: '1' }, NONE).matching).toBe(3);
    expect(desk.answer({ shard: 's01' }, NONE).exceeded).toEqual([]);
  });

  it('has the thresholds that are exceeded', () => {
    const { desk, report } = stage();
    report(2, { reason: 'timed_out' });
    report(1, { reason: 'timed_out' });
    const since = '2024-01-01T13:31:00.000Z';
    expect(desk.answer({}, NONE).exceeded).toEqual([
      { reason: 'timed_out', shard: 's00', since, count: 3, moreThan: 2, within: '1h' },
    ]);
  });

  it.each([
    [{ reason: 'nothing' }, /^reason: /],
    [{ limit: '0' }, /^limit: /],
    [{ limit: ['1', '2'] }, /^limit: /],
    [{ since: 'yesterday' }, /^since: must be a time such as "1h"/],
    [{ shards: 's00' }, /shards/],
  ])('refuses the query %j', (query, message) => {
    const { desk } = createDesk([]);
    expect(() => desk.answer(query, NONE)).toThrow(RequestFault);
    expect(() => desk.answer(query, NONE)).toThrow(message);
  });
});

describe('the webhook', () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  /** Answers with each of `statuses` once and then 200; null: with nothing, ever. */
  async function serve(statuses: readonly (number | null)[]) {
    const heard: { request: IncomingMessage; body: unknown }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const status = statuses[heard.length];
        heard.push({ request, body: JSON.parse(Buffer.concat(chunks).toString()) });
        if (status === null) return;
        response.writeHead(status ?? 200, status === 302 ? { location: '/elsewhere' } : {}).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/path-secret`, heard };
  }

  function createWebhook(url: string, timeoutMs = 5000) {
    const written: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => void written.push(line) });
    const metrics = new IncidentMetrics();
    const webhook = new IncidentWebhook({
      settings: { url, headers: { authorization: 'Bearer secret' }, timeoutMs },
      log,
      counted: (outcome) => metrics.webhook.add(outcome),
      pausesMs: [1, 1],
    });
    closing.push(() => webhook.stop());
    return { webhook, written, counted: () => metrics.webhook.totals() };
  }

  const until = (what: string, condition: () => boolean): Promise<unknown> =>
    waitFor(condition, { what, timeoutMs: 20_000 });

  it('is called once a crossing, with what was crossed', async () => {
    const { url, heard } = await serve([]);
    const { desk, metrics, report } = createDesk([{ moreThan: 1, within: '1h' }], url);
    report(2);
    report(2);
    report(2, { shard: 's01' });
    await until('both calls', () => metrics.webhook.totals().delivered === 2);
    desk.stop();
    expect(heard.map(({ body }) => body)).toMatchObject([
      {
        event: 'incident_threshold_exceeded',
        service: 'test',
        proxy: 'p1',
        at: '2024-01-01T12:00:00.000Z',
        reason: 'lost',
        shard: 's00',
        count: 2,
        moreThan: 1,
        within: '1h',
      },
      { shard: 's01' },
    ]);
    expect(heard[0]?.request.method).toBe('POST');
    expect(heard[0]?.request.headers).toMatchObject({
      'x-key': 'secret',
      'content-type': 'application/json',
    });
  });

  it('is tried again where it fails, and follows nobody elsewhere', async () => {
    const { url, heard } = await serve([500, 302]);
    const { webhook, counted } = createWebhook(url);
    webhook.tell({ n: 1 });
    await until('the delivery', () => counted().delivered === 1);
    expect(heard).toHaveLength(3);
    expect(counted()).toEqual({ delivered: 1, retried: 2, given_up: 0, dropped: 0 });
  });

  it('is given up after a few attempts, and the next call is made all the same', async () => {
    const { url, heard } = await serve([500, null, 404]);
    const { webhook, counted, written } = createWebhook(url, 1000);
    webhook.tell({ n: 1 });
    webhook.tell({ n: 2 });
    await until('the second delivery', () => counted().delivered === 1);
    expect(heard.map(({ body }) => body)).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }, { n: 2 }]);
    expect(counted()).toMatchObject({ given_up: 1, retried: 2 });
    expect(written.join('')).toContain('HTTP status 404');
    expect(written.join('')).not.toContain('secret');
  });

  it('holds a bounded number of calls, and none after its end', async () => {
    const { url, heard } = await serve([null]);
    const { webhook, counted } = createWebhook(url);
    webhook.tell({ n: 0 });
    await until('the first call', () => heard.length === 1);
    for (let n = 1; n <= 150; n++) webhook.tell({ n });
    expect(counted()).toMatchObject({ dropped: 50 });
    webhook.stop();
    await until('the end of the first call', () => counted().given_up === 1);
    webhook.tell({ n: 151 });
    expect(counted()).toEqual({ delivered: 0, retried: 0, given_up: 1, dropped: 150 });
    expect(heard).toHaveLength(1);
  });
});
