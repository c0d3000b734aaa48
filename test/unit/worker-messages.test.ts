import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { LastingFigures, type MetricDocument, textOf } from '../../src/observe/metric-documents.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { newsSchema, orderSchema } from '../../src/proxy/worker-messages.ts';
import { parseMetrics } from '../harness/metrics-text.ts';

/** As the channel between two processes does it. */
const overTheChannel = (value: unknown): unknown => deserialize(serialize(value));

function workerMetrics(worker: string, shards: readonly string[]): Metrics {
  return new Metrics({ service: 'test', version: '1', role: 'worker', worker, shards });
}

describe('what the two sides hear', () => {
  it.each([
    { type: 'ask', about: 'everything' },
    { type: 'ratios', number: 1, snapshot: { source: 'etcd', shards: { s00: { reads: 'all' } } } },
    { type: 'start', worker: 0, config: null },
    { type: 'stop' },
    'drain',
    null,
  ])('is refused where it is no order: %j', (value) => {
    expect(orderSchema.safeParse(value).success).toBe(false);
  });

  it.each([
    { type: 'applied' },
    { type: 'figures', document: [{ name: 'a', values: [{ value: '1', labels: {} }] }] },
    { type: 'status', shards: [{ name: 's00' }] },
    { type: 'failed', fault: 'weather', message: '' },
    undefined,
  ])('is refused where it is no news: %j', (value) => {
    expect(newsSchema.safeParse(value).success).toBe(false);
  });

  it.each([
    [],
    null,
    { labels: {} },
    { value: '1', labels: {} },
    { value: 1 },
    { value: 1, labels: null },
    { value: 1, labels: ['s00'] },
    { value: 1, labels: { shard: null } },
    { value: 1, labels: {}, metricName: 5 },
  ])('is refused where a figure is none: %j', (value) => {
    const news = (values: unknown): unknown => ({
      type: 'figures',
      document: [{ name: 'a', help: 'h', type: 'gauge', aggregator: 'max', values }],
    });
    const good = { value: 1, labels: { shard: 's00', le: 1 }, metricName: 'a_bucket' };
    expect(newsSchema.safeParse(news([good, good])).success).toBe(true);
    expect(newsSchema.safeParse(news([good, value])).success).toBe(false);
    expect(newsSchema.safeParse(news(good)).success).toBe(false);
  });

  it('is the figures of a worker as they were, those that are no number too', async () => {
    const document = await workerMetrics('0', ['s00']).document();
    const nothing: MetricDocument[number] = {
      name: 'nothing_yet',
      help: 'h',
      type: 'gauge',
      aggregator: 'max',
      values: [
        { value: Number.NaN, labels: {} },
        { value: Number.POSITIVE_INFINITY, labels: { more: 1 } },
      ],
    };
    const news = { type: 'figures', document: [...document, nothing] };
    expect(newsSchema.parse(overTheChannel(news))).toEqual(news);
  });
});

describe('the figures of several workers', () => {
  it('are line for line what each tells by itself', async () => {
    const metrics = workerMetrics('0', ['s00', 's01']);
    metrics.shard('s00').statement('read', 'ok', 0.001);
    metrics.shard('s01').mismatch('write', 'row_count');
    metrics.shard('s01').refusals.add('open_files');
    // How late the event loop was is told once, and the process's own figures change as it is asked.
    const lines = (text: string): string[] =>
      text.split('\n').filter((line) => /^(# \w+ )?understudy_(?!event_loop)/.test(line));
    const own = lines(await metrics.text());
    expect(own.length).toBeGreaterThan(200);
    const series = (text: readonly string[]) => [...parseMetrics(text.join('\n'))].sort();
    const joined = lines(await textOf([await metrics.document()]));
    expect(series(joined)).toEqual(series(own));
    expect(joined.filter((line) => line.startsWith('#'))).toEqual(own.filter((line) => line.startsWith('#')));
  });

  it('are one text: shards side by side, durations added up, processes by their label', async () => {
    const supervisor = new Metrics({
      service: 'test',
      version: '1',
      role: 'supervisor',
      worker: 'supervisor',
      shards: [],
    });
    const workers = [workerMetrics('0', ['s00']), workerMetrics('1', ['s01'])];
    for (const [index, worker] of workers.entries())
      worker.shard(`s0${index}`).statement('read', 'ok', 0.001);
    const documents = await Promise.all(workers.map((worker) => worker.document()));
    const samples = parseMetrics(await supervisor.text(documents));
    const statements = (shard: string) =>
      samples.get(`understudy_statements_total{kind="read",outcome="ok",shard="${shard}"}`);
    expect([statements('s00'), statements('s01')]).toEqual([1, 1]);
    expect(samples.get('understudy_statement_duration_seconds_count{cluster="old",kind="read"}')).toBe(2);
    for (const worker of ['supervisor', '0', '1']) {
      expect(samples.get(`process_start_time_seconds{worker="${worker}"}`)).toBeGreaterThan(0);
    }
    const whole = new Metrics({ service: 'test', version: '1', shards: ['s00', 's01'] });
    const families = (text: string) =>
      [...text.matchAll(/^# TYPE (\S+ \S+)$/gm)].map(([, family]) => family).sort();
    expect(families(await supervisor.text(documents))).toEqual(families(await whole.text()));
  });
});

describe('a worker’s figures through all of its processes', () => {
  const text = async (figures: LastingFigures) => parseMetrics(await textOf(figures.documents()));

  it('never go back, however many processes there were', async () => {
    const figures = new LastingFigures();
    for (let life = 1; life <= 3; life += 1) {
      const metrics = workerMetrics('0', ['s00']);
      metrics.shard('s00').statement('write', 'ok', 0.003);
      metrics.shard('s00').doubt(`life_${life}`);
      figures.heard(await metrics.document());
      figures.heard(await metrics.document());
      const samples = await text(figures);
      expect(samples.get('understudy_statements_total{kind="write",outcome="ok",shard="s00"}')).toBe(life);
      const bucket = 'understudy_statement_duration_seconds_bucket{cluster="old",kind="write",le="0.005"}';
      expect(samples.get(bucket)).toBe(life);
      expect(samples.get('understudy_mirror_doubts_total{reason="life_1",shard="s00"}')).toBe(1);
      expect(samples.get('understudy_mirror_ratio{kind="write",shard="s00"}')).toBe(0);
      figures.ended();
      expect((await text(figures)).get('understudy_mirror_ratio{kind="write",shard="s00"}')).toBeUndefined();
    }
  });
});
