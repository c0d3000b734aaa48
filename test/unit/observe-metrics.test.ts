import { AggregatorRegistry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { CounterSet } from '../../src/observe/counters.ts';
import { Metrics, MIRROR_OUTCOMES, type ShardGauges } from '../../src/observe/metrics.ts';
import { parseMetrics, sumMetric } from '../harness/metrics-text.ts';

const SHARDS = ['s00', 's01'];

function createMetrics(): Metrics {
  return new Metrics({
    service: 'message-center',
    version: '9.8.7',
    shards: SHARDS,
    limits: { connections: 50, queueStatements: 60, queueBytes: 70 },
  });
}

async function samplesOf(metrics: Metrics): Promise<Map<string, number>> {
  return parseMetrics(await metrics.text());
}

function gauges(more: Partial<ShardGauges> = {}): ShardGauges {
  return {
    ratios: () => ({ reads: 12.5, writes: 100, deletes: 7 }),
    queueStatements: () => 3,
    queueBytes: () => 4096,
    lagSeconds: () => 0.25,
    connections: () => ({ login: 1, idle: 2, busy: 3, transaction: 4, blind: 5, closing: 6 }),
    shadowUp: () => 1,
    lanes: () => 4,
    journalKeys: () => [{ table: 'messages', reason: 'not_sampled', count: 9 }],
    journal: () => ({
      bytes: 5000,
      segments: 2,
      pending: 3,
      writtenKeys: 70,
      reset: true,
      failing: 'ENOSPC',
    }),
    ...more,
  };
}

const products = (...lists: readonly (readonly string[])[]): string[][] =>
  lists.reduce<string[][]>((rows, list) => rows.flatMap((row) => list.map((value) => [...row, value])), [[]]);

describe('metrics before any traffic', () => {
  const mirrored = ['read', 'write', 'delete'];
  const kinds = [...mirrored, 'other'];
  const mismatches = ['affected_rows', 'error', 'row_count', 'row_hash', 'row_order'];
  const states = ['login', 'idle', 'busy', 'transaction', 'blind', 'closing'];
  const refusals = [
    'max_connections',
    'old_unreachable',
    'open_files',
    'local_limit',
    'access_denied',
    'old_refused',
    'login_timeout',
    'bad_handshake',
    'bad_proxy_header',
    'client_tls',
    'old_tls',
    'tls_required',
    'client_certificate',
    'tls_mixed',
  ];

  const blind = ['tls', 'compression', 'stream', 'lost_step_command', 'lost_step_reply'];

  it.each([
    ['statements_total', ['kind', 'outcome'], [kinds, ['ok', 'error', 'lost']]],
    ['mirror_statements_total', ['kind', 'outcome'], [mirrored, MIRROR_OUTCOMES]],
    ['mirror_not_sampled_total', ['kind'], [mirrored]],
    ['mirror_compared_total', ['kind'], [mirrored]],
    ['mirror_mismatch_total', ['kind', 'reason'], [mirrored, mismatches]],
    ['mirror_incomparable_total', ['kind', 'reason'], [mirrored, ['json', 'sql_mode']]],
    ['mirror_ratio', ['kind'], [mirrored]],
    ['mirror_queue_statements', [], []],
    ['mirror_queue_bytes', [], []],
    ['mirror_lag_seconds', [], []],
    ['shadow_up', [], []],
    ['shadow_lanes', [], []],
    ['connections', ['state'], [states]],
    ['connections_refused_total', ['reason'], [refusals]],
    ['relay_blind_total', ['reason'], [blind]],
    ['relayed_bytes_total', ['direction'], [['to_old', 'to_client']]],
  ])('every series of understudy_%s is there, as 0', async (name, labels, values) => {
    const text = await createMetrics().text();
    for (const [shard, ...row] of products(SHARDS, ...values)) {
      const written = ['shard', ...labels].map((label, index) => `${label}="${[shard, ...row][index]}"`);
      const lines = text.split('\n').filter((line) => line.startsWith(`understudy_${name}{`));
      expect(
        lines.filter((line) => written.every((label) => line.includes(label))),
        written.join(),
      ).toEqual([expect.stringMatching(/} 0$/)]);
      expect(lines).toHaveLength(products(SHARDS, ...values).length);
    }
  });

  it.each(['statement', 'mirrored_statement'])(
    'both clusters have a %s histogram of every kind',
    async (name) => {
      const samples = await samplesOf(createMetrics());
      for (const [cluster, kind] of products(['old', 'new'], kinds)) {
        const series = `understudy_${name}_duration_seconds_count{cluster="${cluster}",kind="${kind}"}`;
        expect(samples.get(series), series).toBe(0);
      }
    },
  );

  it('the journal has no series, the control none connected and nothing rejected', async () => {
    const samples = await samplesOf(createMetrics());
    expect([...samples.keys()].filter((key) => key.startsWith('understudy_journal_keys'))).toEqual([]);
    expect(samples.get('understudy_control_connected')).toBe(0);
    expect(samples.get('understudy_control_rejected_total')).toBe(0);
  });

  it('the build, the limits, the event loop and the process show', async () => {
    const samples = await samplesOf(createMetrics());
    const node = process.versions.node;
    const build = `understudy_build_info{node="${node}",service="message-center",version="9.8.7",worker="0"}`;
    expect(samples.get(build)).toBe(1);
    expect(samples.get('understudy_connections_limit')).toBe(50);
    expect(samples.get('understudy_mirror_queue_statements_limit')).toBe(60);
    expect(samples.get('understudy_mirror_queue_bytes_limit')).toBe(70);
    expect(samples.get('understudy_event_loop_lag_seconds{stat="p99",worker="0"}')).toBeGreaterThanOrEqual(0);
    expect(samples.get('understudy_event_loop_lag_seconds{stat="max",worker="0"}')).toBeGreaterThanOrEqual(0);
    expect(samples.get('process_resident_memory_bytes{worker="0"}')).toBeGreaterThan(0);
    expect(samples.get('process_open_fds{worker="0"}')).toBeGreaterThan(0);
  });

  it('no series stands twice', async () => {
    const metrics = createMetrics();
    metrics.shard('s00').gauges = gauges();
    const lines = (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(series).toHaveLength(new Set(series).size);
  });
});

describe('counting', () => {
  it('a statement counts under its shard, kind and outcome, and in the old cluster’s histogram', async () => {
    const metrics = createMetrics();
    metrics.shard('s01').statement('write', 'ok', 0.003);
    metrics.shard('s01').statement('write', 'error', 0.004);
    const samples = await samplesOf(metrics);
    expect(samples.get('understudy_statements_total{kind="write",outcome="ok",shard="s01"}')).toBe(1);
    expect(samples.get('understudy_statements_total{kind="write",outcome="error",shard="s01"}')).toBe(1);
    expect(sumMetric(samples, 'understudy_statements_total')).toBe(2);
    const name = 'understudy_statement_duration_seconds';
    const labels = { cluster: 'old', kind: 'write' };
    expect(sumMetric(samples, `${name}_bucket`, { ...labels, le: '0.002' })).toBe(0);
    expect(sumMetric(samples, `${name}_bucket`, { ...labels, le: '0.005' })).toBe(2);
    expect(sumMetric(samples, `${name}_bucket`, { ...labels, le: '+Inf' })).toBe(2);
    expect(sumMetric(samples, `${name}_sum`, labels)).toBeCloseTo(0.007, 12);
    expect(sumMetric(samples, `${name}_count`)).toBe(2);
  });

  it('a lost statement counts but has no duration', async () => {
    const metrics = createMetrics();
    metrics.shard('s00').statement('read', 'lost', 30);
    const samples = await samplesOf(metrics);
    expect(sumMetric(samples, 'understudy_statements_total', { outcome: 'lost' })).toBe(1);
    expect(sumMetric(samples, 'understudy_statement_duration_seconds_count')).toBe(0);
  });

  it('a replay shows both sides of the same statement, and the new cluster among all statements', async () => {
    const metrics = createMetrics();
    metrics.shard('s00').replay('read', 0.001, 0.3);
    metrics.shard('s01').replay('read', 0.001, 0.3);
    const samples = await samplesOf(metrics);
    const sums = (name: string, cluster: string) =>
      sumMetric(samples, `understudy_${name}_duration_seconds_sum`, { cluster, kind: 'read' });
    expect(sums('mirrored_statement', 'old')).toBeCloseTo(0.002, 12);
    expect(sums('mirrored_statement', 'new')).toBeCloseTo(0.6, 12);
    expect(sums('statement', 'old')).toBe(0);
    expect(sums('statement', 'new')).toBeCloseTo(0.6, 12);
  });

  it('the mirror’s counters each count in their own series', async () => {
    const metrics = createMetrics();
    const shard = metrics.shard('s00');
    shard.mirror('read', 'mirrored');
    shard.mirror('delete', 'dropped_queue_full');
    shard.mirror('delete', 'dropped_queue_full');
    shard.notSampled('write');
    shard.compared('read');
    shard.mismatch('read', 'row_hash');
    shard.doubt('clock');
    shard.blind('compression');
    shard.refused('max_connections');
    shard.relayed('to_old', 10);
    shard.relayed('to_client', 100);
    shard.relayed('to_client', 100);
    metrics.control.rejected('a key');
    metrics.control.connected = true;
    const samples = await samplesOf(metrics);
    const nonzero = [...samples].filter(([key, value]) => value !== 0 && key.startsWith('understudy_'));
    expect(Object.fromEntries(nonzero.filter(([key]) => !/build_info|_limit$|event_loop/.test(key)))).toEqual(
      {
        'understudy_mirror_statements_total{kind="read",outcome="mirrored",shard="s00"}': 1,
        'understudy_mirror_statements_total{kind="delete",outcome="dropped_queue_full",shard="s00"}': 2,
        'understudy_mirror_not_sampled_total{kind="write",shard="s00"}': 1,
        'understudy_mirror_compared_total{kind="read",shard="s00"}': 1,
        'understudy_mirror_mismatch_total{kind="read",reason="row_hash",shard="s00"}': 1,
        'understudy_mirror_doubts_total{reason="clock",shard="s00"}': 1,
        'understudy_relay_blind_total{reason="compression",shard="s00"}': 1,
        'understudy_connections_refused_total{reason="max_connections",shard="s00"}': 1,
        'understudy_relayed_bytes_total{direction="to_old",shard="s00"}': 10,
        'understudy_relayed_bytes_total{direction="to_client",shard="s00"}': 200,
        understudy_control_rejected_total: 1,
        understudy_control_connected: 1,
      },
    );
  });

  it('outcomes and mismatches sum the kinds of one shard for the status', () => {
    const shard = createMetrics().shard('s00');
    shard.mirror('read', 'mirrored');
    shard.mirror('write', 'mirrored');
    shard.mirror('other', 'skipped_unsupported');
    shard.mismatch('read', 'row_count');
    expect(shard.outcomes()).toMatchObject({ mirrored: 2, skipped_unsupported: 1, failed: 0 });
    expect(Object.keys(shard.outcomes()).sort()).toEqual([...MIRROR_OUTCOMES].sort());
    expect(shard.mismatches()).toEqual({
      row_count: 1,
      row_order: 0,
      row_hash: 0,
      affected_rows: 0,
      error: 0,
    });
  });

  it('an unknown shard is an error', () => {
    expect(() => createMetrics().shard('s99')).toThrow(RangeError);
  });
});

describe('gauges', () => {
  it('are read at the scrape', async () => {
    const metrics = createMetrics();
    metrics.shard('s00').gauges = gauges({});
    const samples = await samplesOf(metrics);
    const own = [...samples].filter(([key, value]) => value !== 0 && key.includes('shard="s00"'));
    expect(Object.fromEntries(own)).toEqual({
      'understudy_mirror_ratio{kind="read",shard="s00"}': 12.5,
      'understudy_mirror_ratio{kind="write",shard="s00"}': 100,
      'understudy_mirror_ratio{kind="delete",shard="s00"}': 7,
      'understudy_mirror_queue_statements{shard="s00"}': 3,
      'understudy_mirror_queue_bytes{shard="s00"}': 4096,
      'understudy_mirror_lag_seconds{shard="s00"}': 0.25,
      'understudy_shadow_up{shard="s00"}': 1,
      'understudy_shadow_lanes{shard="s00"}': 4,
      'understudy_journal_keys{reason="not_sampled",shard="s00",table="messages"}': 9,
      'understudy_journal_reset{shard="s00"}': 1,
      'understudy_journal_failing{shard="s00"}': 1,
      'understudy_journal_bytes{shard="s00"}': 5000,
      'understudy_journal_segments{shard="s00"}': 2,
      'understudy_journal_pending_writes{shard="s00"}': 3,
      'understudy_journal_written_keys_total{shard="s00"}': 70,
      'understudy_connections{shard="s00",state="login"}': 1,
      'understudy_connections{shard="s00",state="idle"}': 2,
      'understudy_connections{shard="s00",state="busy"}': 3,
      'understudy_connections{shard="s00",state="transaction"}': 4,
      'understudy_connections{shard="s00",state="blind"}': 5,
      'understudy_connections{shard="s00",state="closing"}': 6,
    });
  });

  it('those of the plans stand once for each process, whose shards share them', async () => {
    const metrics = createMetrics();
    metrics.plans = () => ({ entries: 5, hits: 6, misses: 7, deferred: 1, parser: 1 });
    const plans = [...(await samplesOf(metrics))].filter(([key]) => key.startsWith('understudy_plan_'));
    expect(Object.fromEntries(plans)).toEqual({
      'understudy_plan_cache_deferred_total{worker="0"}': 1,
      'understudy_plan_cache_entries{worker="0"}': 5,
      'understudy_plan_cache_hits_total{worker="0"}': 6,
      'understudy_plan_cache_misses_total{worker="0"}': 7,
      'understudy_plan_parser_up{worker="0"}': 1,
    });
  });

  it('a table name is escaped', async () => {
    const metrics = createMetrics();
    const table = 'a"b\\c\nd';
    metrics.shard('s00').gauges = gauges({ journalKeys: () => [{ table, reason: 'r', count: 1 }] });
    expect(await metrics.text()).toContain(
      'understudy_journal_keys{shard="s00",table="a\\"b\\\\c\\nd",reason="r"} 1',
    );
  });

  it('the journal’s series are bounded, and the rest is summed up', async () => {
    const metrics = createMetrics();
    const journalKeys = () =>
      Array.from({ length: 2000 }, (_, index) => ({ table: `t${index}`, reason: 'r', count: 2 }));
    metrics.shard('s00').gauges = gauges({ journalKeys });
    const samples = await samplesOf(metrics);
    const keys = [...samples.keys()].filter((key) => key.startsWith('understudy_journal_keys'));
    expect(keys).toHaveLength(501);
    expect(sumMetric(samples, 'understudy_journal_keys')).toBe(4000);
  });

  it('a gauge that throws fails the scrape, not the process', async () => {
    const metrics = createMetrics();
    const lagSeconds = () => {
      throw new Error('no clock');
    };
    metrics.shard('s00').gauges = gauges({ lagSeconds });
    await expect(metrics.text()).rejects.toThrow('no clock');
  });
});

describe('reasons without a closed list', () => {
  it('are bounded: what comes after the limit counts as other', () => {
    const reasons = new CounterSet<string>({}, 'reason', ['known'], 3);
    for (const reason of ['known', 'a', 'b', 'c', 'd', 'a']) reasons.add(reason);
    expect(reasons.totals()).toEqual({ known: 1, a: 2, b: 1, other: 2 });
  });
});

describe('the cluster aggregator', () => {
  it('joins two workers: counters add up, gauges take the owner’s figure, buckets stay apart', async () => {
    const workers = [createMetrics(), createMetrics()] as const;
    for (const worker of workers) {
      worker.shard('s00').statement('read', 'ok', 0.0015);
      worker.control.connected = worker === workers[0];
    }
    workers[1].shard('s00').gauges = gauges();
    const answers = await Promise.all(workers.map((worker) => worker.registry.getMetricsAsJSON()));
    // The answers of real workers come as JSON.
    const overIpc = JSON.parse(JSON.stringify(answers)) as object[];
    const samples = parseMetrics(await AggregatorRegistry.aggregate(overIpc).metrics());
    expect(samples.get('understudy_statements_total{kind="read",outcome="ok",shard="s00"}')).toBe(2);
    expect(samples.get('understudy_mirror_ratio{kind="read",shard="s00"}')).toBe(12.5);
    expect(samples.get('understudy_shadow_up{shard="s00"}')).toBe(1);
    expect(samples.get('understudy_control_connected')).toBe(0);
    const bucket = (le: string) =>
      samples.get(`understudy_statement_duration_seconds_bucket{cluster="old",kind="read",le="${le}"}`);
    expect([bucket('0.001'), bucket('0.002'), bucket('+Inf')]).toEqual([0, 2, 2]);
    const alone = (await samplesOf(createMetrics())).keys();
    const missing = [...alone].filter((key) => !samples.has(key) && key.startsWith('understudy_'));
    expect(missing).toEqual([]);
  });
});
