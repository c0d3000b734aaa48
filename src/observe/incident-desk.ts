/** Where the incidents of a proxy come together: its own, and those that its workers send. One a proxy. */
import { ALL_SHARDS, INCIDENT_REASON_NAMES, type IncidentReason } from '../base/incident-reasons.ts';
import type { Log } from '../base/log.ts';
import type { IncidentSettings } from '../config/incidents-schema.ts';
import type { IncidentEntry, IncidentReport, Incidents, ShardIncident } from './incident.ts';
import { IncidentGatherer } from './incident-gatherer.ts';
import { IncidentLog } from './incident-log.ts';
import type { IncidentFigure, IncidentMetrics } from './incident-metrics.ts';
import { answerIncidents, type IncidentsAnswer, readIncidentQuery } from './incident-report.ts';
import { IncidentStore } from './incident-store.ts';
import { type Crossing, IncidentThresholds } from './incident-thresholds.ts';
import { IncidentWebhook } from './incident-webhook.ts';

export interface IncidentDeskOptions {
  readonly service: string;
  /** The proxy's id. */
  readonly proxy: string;
  readonly shards: readonly string[];
  readonly settings: IncidentSettings;
  readonly metrics: IncidentMetrics;
  readonly log: Log;
  /** Statement texts are kept. */
  readonly literals: boolean;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** How often what was gathered is taken in. */
const GATHERING_MS = 1000;

/** Reasons that are of the whole proxy; the others are of its shards. */
const OF_ALL_SHARDS: ReadonlySet<IncidentReason> = new Set([
  'exception',
  'control_rejected',
  'parser_failed',
]);

export class IncidentDesk implements Incidents {
  readonly #options: IncidentDeskOptions;
  readonly #gatherer: IncidentGatherer;
  readonly #store: IncidentStore;
  readonly #log: IncidentLog;
  readonly #thresholds: IncidentThresholds;
  readonly #webhook: IncidentWebhook | null;
  #ticking: NodeJS.Timeout | null = null;

  constructor(options: IncidentDeskOptions) {
    const { settings, metrics, log } = options;
    this.#options = options;
    this.#gatherer = new IncidentGatherer(options);
    this.#store = new IncidentStore(options);
    this.#log = new IncidentLog(log);
    this.#thresholds = new IncidentThresholds(settings.thresholds);
    this.#webhook =
      settings.webhook === undefined
        ? null
        : new IncidentWebhook({
            settings: settings.webhook,
            log,
            counted: (outcome) => metrics.webhook.add(outcome),
          });
    metrics.figures = () => this.#figures();
  }

  start(): void {
    this.#ticking = setInterval(() => this.tick(), GATHERING_MS);
  }

  /** Takes in what is left. */
  stop(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking);
    this.tick();
    this.#webhook?.stop();
  }

  report(report: IncidentReport): void {
    this.#gatherer.report(report);
  }

  reportOf(shard: string, report: ShardIncident): void {
    this.#gatherer.reportOf(shard, report);
  }

  /** Entries of another process. */
  take(entries: readonly IncidentEntry[]): void {
    for (const entry of entries) this.#log.tell(this.#store.add(entry), entry);
  }

  /** What `start` has done every second. */
  tick(): void {
    this.take(this.#gatherer.take());
    for (const crossing of this.#thresholds.check(this.#store, this.#options.clock()))
      this.#crossed(crossing);
  }

  /** `query` is a request's; throws RequestFault. `silent`: shards whose worker does not answer. */
  answer(query: unknown, silent: ReadonlySet<string>): IncidentsAnswer {
    this.tick();
    const nowMs = this.#options.clock();
    return answerIncidents(readIncidentQuery(query, nowMs), {
      groups: [...this.#store.groups()],
      exceeded: this.#thresholds.exceeded(),
      silent,
      nowMs,
    });
  }

  #crossed(crossing: Crossing): void {
    const { log, service, proxy } = this.#options;
    const { atMs, ...facts } = crossing;
    log.warn(facts, 'there are more incidents than incidents.thresholds allows');
    this.#webhook?.tell({
      event: 'incident_threshold_exceeded',
      service,
      proxy,
      at: new Date(atMs).toISOString(),
      ...facts,
    });
  }

  /** Every reason of every shard is there from the start, so that `rate()` sees the first. */
  #figures(): IncidentFigure[] {
    const exceeded = new Set(this.#thresholds.exceeded().map(({ reason, shard }) => `${reason} ${shard}`));
    const totals = new Map<string, { reason: IncidentReason; shard: string; total: number }>();
    for (const reason of INCIDENT_REASON_NAMES) {
      for (const shard of OF_ALL_SHARDS.has(reason) ? [ALL_SHARDS] : this.#options.shards)
        totals.set(`${reason} ${shard}`, { reason, shard, total: 0 });
    }
    for (const { reason, shard, total } of this.#store.totals())
      totals.set(`${reason} ${shard}`, { reason, shard, total });
    return [...totals].map(([name, figure]) => ({ ...figure, exceeded: exceeded.has(name) ? 1 : 0 }));
  }
}
