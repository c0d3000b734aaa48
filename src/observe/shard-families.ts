/** Which metrics a shard exports, and where each is read: the contract as a table. */
import type { MetricFamily, Sample } from './exposition.ts';
import { CONNECTION_STATES } from './outcomes.ts';
import type { ShardGauges, ShardMetrics } from './shard-metrics.ts';

/** Tables and reasons beyond this many, a shard, are summed up as `(others)`. */
const JOURNAL_SERIES_MAX = 500;

export interface ShardFamily extends MetricFamily {
  samples(shard: ShardMetrics): Iterable<Sample>;
}

function counter(name: string, help: string, samples: ShardFamily['samples']): ShardFamily {
  return { name, help, type: 'counter', aggregator: 'sum', samples };
}

function gauge(
  name: string,
  help: string,
  aggregator: ShardFamily['aggregator'],
  samples: ShardFamily['samples'],
): ShardFamily {
  return { name, help, type: 'gauge', aggregator, samples };
}

/** One figure a shard. Only the worker that owns the shard has it: the others' zeros must not win. */
function figure(name: string, help: string, read: (gauges: ShardGauges) => number): ShardFamily {
  return gauge(name, help, 'max', ({ name: shard, gauges }) => [
    { labels: { shard }, value: gauges === null ? 0 : read(gauges) },
  ]);
}

/** The relay's own figures: they are there whatever becomes of the mirror. */
const RELAY: readonly ShardFamily[] = [
  counter('understudy_statements_total', 'Statements relayed to the primary, by its answer.', (shard) =>
    shard.statements.samples(),
  ),
  counter('understudy_relayed_bytes_total', 'Bytes relayed, both ways.', (shard) => [
    { labels: { shard: shard.name, direction: 'to_old' }, value: shard.relayedToOld },
    { labels: { shard: shard.name, direction: 'to_client' }, value: shard.relayedToClient },
  ]),
  counter('understudy_connections_refused_total', 'Clients sent away at or before their login.', (shard) =>
    shard.refusals.samples(),
  ),
  counter('understudy_relay_blind_total', 'Sessions that went on as blind relays, unmirrored.', (shard) =>
    shard.blinded.samples(),
  ),
  gauge('understudy_connections', 'Client connections, by state.', 'sum', connections),
];

const MIRROR: readonly ShardFamily[] = [
  counter('understudy_mirror_statements_total', 'Selected statements, each under one outcome.', (shard) =>
    shard.mirrored.samples(),
  ),
  counter(
    'understudy_mirror_ddl_total',
    'Changes of definitions on moved tables, each under one outcome.',
    (shard) => shard.definitions.samples(),
  ),
  counter('understudy_mirror_not_sampled_total', 'Statements that the ratio left out.', (shard) =>
    shard.unsampled.samples(),
  ),
  counter('understudy_mirror_retries_total', 'Units run once more after a deadlock.', (shard) => [
    { labels: { shard: shard.name }, value: shard.retries },
  ]),
  counter('understudy_mirror_compared_total', 'Statements whose two answers were compared.', (shard) =>
    shard.comparisons.samples(),
  ),
  counter(
    'understudy_mirror_incomparable_total',
    'Statements left uncompared, as the kinds of the servers alone make their answers differ.',
    (shard) => shard.incomparables.samples(),
  ),
  counter('understudy_mirror_mismatch_total', 'Differences between the two answers.', (shard) =>
    shard.mismatched.samples(),
  ),
  counter('understudy_mirror_doubts_total', 'Keys that came to be in doubt on the shadow.', (shard) =>
    shard.doubts.samples(),
  ),
  gauge('understudy_mirror_ratio', 'Share mirrored, in percent, as it was set.', 'max', ratios),
  figure('understudy_mirror_queue_statements', 'Statements that wait for the shadow.', (gauges) =>
    gauges.queueStatements(),
  ),
  figure('understudy_mirror_queue_bytes', 'Bytes of the statements that wait for the shadow.', (gauges) =>
    gauges.queueBytes(),
  ),
  figure('understudy_mirror_lag_seconds', 'Age of the oldest unit the shadow has not finished.', (gauges) =>
    gauges.lagSeconds(),
  ),
  figure('understudy_shadow_up', 'Whether the shadow takes units (1) or its breaker is open (0).', (gauges) =>
    gauges.shadowUp(),
  ),
  figure('understudy_shadow_lanes', 'Connections to the shadow that are logged in.', (gauges) =>
    gauges.lanes(),
  ),
];

const JOURNAL: readonly ShardFamily[] = [
  gauge('understudy_journal_keys', 'Unsettled keys in the journal.', 'sum', journalKeys),
  figure('understudy_journal_reset', 'Whether entries were lost, so that a full pass is owed.', (gauges) =>
    gauges.journal().reset ? 1 : 0,
  ),
  figure('understudy_journal_failing', 'Whether the journal can’t be written just now.', (gauges) =>
    gauges.journal().failing === null ? 0 : 1,
  ),
  figure('understudy_journal_bytes', 'Bytes of the journal on disk.', (gauges) => gauges.journal().bytes),
  figure('understudy_journal_segments', 'Files of written keys.', (gauges) => gauges.journal().segments),
  figure(
    'understudy_journal_pending_writes',
    'Writes whose end is not known yet.',
    (gauges) => gauges.journal().pending,
  ),
  counter('understudy_journal_written_keys_total', 'Keys put on record before their writes.', (shard) => [
    { labels: { shard: shard.name }, value: shard.gauges?.journal().writtenKeys ?? 0 },
  ]),
  {
    name: 'understudy_journal_append_seconds',
    help: 'Seconds of an append to the journal.',
    type: 'histogram',
    aggregator: 'sum',
    samples: (shard) => shard.journalAppends.samples('understudy_journal_append_seconds'),
  },
];

export const SHARD_FAMILIES: readonly ShardFamily[] = [...RELAY, ...MIRROR, ...JOURNAL];

function connections(shard: ShardMetrics): Sample[] {
  const states = shard.gauges?.connections();
  return CONNECTION_STATES.map((state) => ({
    labels: { shard: shard.name, state },
    value: states?.[state] ?? 0,
  }));
}

function ratios({ name: shard, gauges }: ShardMetrics): Sample[] {
  const { reads, writes, deletes } = gauges?.ratios() ?? { reads: 0, writes: 0, deletes: 0 };
  return [
    { labels: { shard, kind: 'read' }, value: reads },
    { labels: { shard, kind: 'write' }, value: writes },
    { labels: { shard, kind: 'delete' }, value: deletes },
  ];
}

function journalKeys({ name: shard, gauges }: ShardMetrics): Sample[] {
  const samples: Sample[] = [];
  let overflow = 0;
  for (const { table, reason, count } of gauges?.journalKeys() ?? []) {
    if (samples.length < JOURNAL_SERIES_MAX) samples.push({ labels: { shard, table, reason }, value: count });
    else overflow += count;
  }
  if (overflow > 0)
    samples.push({ labels: { shard, table: '(others)', reason: '(others)' }, value: overflow });
  return samples;
}
