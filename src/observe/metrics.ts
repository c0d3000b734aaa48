/** All metrics of one process: the contract of `docs/metrics.md`. */
import { Registry } from 'prom-client';
import { ControlMetrics } from './control-metrics.ts';
import { Durations } from './durations.ts';
import { expose, type Sample } from './exposition.ts';
import { exposeIncidents, IncidentMetrics } from './incident-metrics.ts';
import { documentOf, type MetricDocument, textOf } from './metric-documents.ts';
import { exposePlans, type PlanFigures } from './plan-metrics.ts';
import { exposeProcess } from './process-metrics.ts';
import { exposeSequences, SequenceMetrics } from './sequence-metrics.ts';
import { SHARD_FAMILIES } from './shard-families.ts';
import { ShardMetrics } from './shard-metrics.ts';
import { exposeTls, TlsMetrics } from './tls-metrics.ts';
import { exposeWorkers, type WorkerFigures } from './worker-metrics.ts';

export type {
  BlindReason,
  ConnectionState,
  DdlOutcome,
  MirrorOutcome,
  MismatchReason,
  StatementKind,
  StatementOutcome,
} from './outcomes.ts';
export { MIRROR_OUTCOMES } from './outcomes.ts';
export type { JournalKeys, ShardGauges } from './shard-metrics.ts';
export { ControlMetrics, ShardMetrics };

/** The configured bounds, exported beside what they bound so that alerts need no number of their own. */
export interface Limits {
  /** Client connections, a shard. */
  readonly connections: number;
  /** Statements and their bytes in a shard's mirror queue. */
  readonly queueStatements: number;
  readonly queueBytes: number;
}

/** A proxy of one process is `whole`; else one process is its `supervisor`, and each other a `worker`. */
export type ProcessRole = 'whole' | 'supervisor' | 'worker';

export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  /** Left out: `whole`. */
  readonly role?: ProcessRole;
  /** The `worker` label of what is true of this process alone. Left out: `0`. */
  readonly worker?: string;
  /** Those that this process serves. */
  readonly shards: readonly string[];
  readonly limits?: Limits;
  /** Asked at each scrape, of all but a worker. */
  readonly workers?: () => readonly WorkerFigures[];
}

export class Metrics {
  readonly registry = new Registry();
  readonly control = new ControlMetrics();
  /** Requests of the admin port without its token. */
  adminUnauthorized = 0;
  readonly tls = new TlsMetrics();
  /** The plans of this process; asked at each scrape. */
  plans: () => PlanFigures | null = () => null;
  readonly incidents = new IncidentMetrics();
  readonly sequences = new SequenceMetrics();
  readonly contentType = this.registry.contentType;
  readonly #shards: ReadonlyMap<string, ShardMetrics>;

  constructor(options: MetricsOptions) {
    const { role = 'whole', worker = '0', limits, workers } = options;
    const all = new Durations();
    const sideBySide = new Durations();
    this.#shards = new Map(options.shards.map((name) => [name, new ShardMetrics(name, all, sideBySide)]));
    this.#exposeBuild(options, worker);
    if (role !== 'supervisor') {
      this.#exposeShards();
      this.#exposeDurations(all, sideBySide);
      exposePlans(this.registry, worker, () => this.plans());
    }
    if (role !== 'worker') {
      this.#exposeControl();
      this.#exposeAdmin();
      exposeIncidents(this.registry, this.incidents);
      exposeSequences(this.registry, this.sequences);
      exposeWorkers(this.registry, workers ?? (() => []));
      if (limits !== undefined) this.#exposeLimits(limits);
    }
    exposeTls(this.registry, this.tls);
    exposeProcess(this.registry, worker);
  }

  /** Throws RangeError for a name that was not among the constructor's `shards`. */
  shard(name: string): ShardMetrics {
    const shard = this.#shards.get(name);
    if (shard === undefined) throw new RangeError(`no shard is named "${name}"`);
    return shard;
  }

  /**
   * The exposition, in the form that `contentType` names, joined with the figures of other processes. Rejects
   * where a gauge throws.
   */
  async text(others: readonly MetricDocument[] = []): Promise<string> {
    if (others.length === 0) return this.registry.metrics();
    return textOf([await this.document(), ...others]);
  }

  /** The same figures as data, for the process that joins them. */
  document(): Promise<MetricDocument> {
    return documentOf(this.registry);
  }

  #exposeBuild({ service, version }: MetricsOptions, worker: string): void {
    const sample = { labels: { service, version, node: process.versions.node, worker }, value: 1 };
    const help = 'Always 1; the labels say what runs here.';
    expose(this.registry, { name: 'understudy_build_info', help, type: 'gauge', aggregator: 'first' }, () => [
      sample,
    ]);
  }

  #exposeShards(): void {
    for (const { samples, ...family } of SHARD_FAMILIES) {
      expose(this.registry, family, () => {
        const lines: Sample[] = [];
        for (const shard of this.#shards.values()) lines.push(...samples(shard));
        return lines;
      });
    }
  }

  #exposeDurations(all: Durations, sideBySide: Durations): void {
    const histograms = [
      ['understudy_statement_duration_seconds', 'Seconds from a statement to the end of its answer.', all],
      [
        'understudy_mirrored_statement_duration_seconds',
        'The same for mirrored statements alone: each is in the series of both clusters.',
        sideBySide,
      ],
    ] as const;
    for (const [name, help, durations] of histograms) {
      expose(this.registry, { name, help, type: 'histogram', aggregator: 'sum' }, () =>
        durations.samples(name),
      );
    }
  }

  #exposeControl(): void {
    const name = 'understudy_control_connected';
    const help = 'Whether the source of the ratios can be reached.';
    expose(this.registry, { name, help, type: 'gauge', aggregator: 'min' }, () => [
      { labels: {}, value: this.control.connected ? 1 : 0 },
    ]);
    expose(
      this.registry,
      {
        name: 'understudy_control_rejected_total',
        help: 'Values of the control refused as invalid.',
        type: 'counter',
        aggregator: 'sum',
      },
      () => [{ labels: {}, value: this.control.rejections }],
    );
  }

  #exposeAdmin(): void {
    const name = 'understudy_admin_unauthorized_total';
    const help = 'Requests of the admin port refused for want of the right token.';
    expose(this.registry, { name, help, type: 'counter', aggregator: 'sum' }, () => [
      { labels: {}, value: this.adminUnauthorized },
    ]);
  }

  #exposeLimits(limits: Limits): void {
    const limit = (name: string, help: string, value: number) =>
      expose(this.registry, { name, help, type: 'gauge', aggregator: 'first' }, () => [
        { labels: {}, value },
      ]);
    limit('understudy_connections_limit', 'Client connections that a shard may have.', limits.connections);
    limit(
      'understudy_mirror_queue_statements_limit',
      'Statements that may wait, a shard.',
      limits.queueStatements,
    );
    limit(
      'understudy_mirror_queue_bytes_limit',
      'Bytes of statements that may wait, a shard.',
      limits.queueBytes,
    );
  }
}
