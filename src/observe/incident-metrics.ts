/** Incidents as metrics: of the process where they come together. */
import type { Registry } from 'prom-client';
import type { IncidentReason } from '../base/incident-reasons.ts';
import { CounterSet } from './counters.ts';
import { expose } from './exposition.ts';

/** What became of a call of the webhook, or of one attempt at it. */
export const WEBHOOK_OUTCOMES = ['delivered', 'retried', 'given_up', 'dropped'] as const;
export type WebhookOutcome = (typeof WEBHOOK_OUTCOMES)[number];

export interface IncidentFigure {
  readonly reason: IncidentReason;
  readonly shard: string;
  /** Since the start. */
  readonly total: number;
  /** 1 while there are too many of them. */
  readonly exceeded: 0 | 1;
}

export class IncidentMetrics {
  readonly webhook = new CounterSet<WebhookOutcome>({}, 'outcome', WEBHOOK_OUTCOMES);
  /** Asked at each scrape. */
  figures: () => readonly IncidentFigure[] = () => [];
}

export function exposeIncidents(registry: Registry, metrics: IncidentMetrics): void {
  const families = [
    ['understudy_incidents_total', 'What went wrong on the mirror.', 'counter', 'total'],
    [
      'understudy_incident_threshold_exceeded',
      'Whether there are more incidents than the configuration allows.',
      'gauge',
      'exceeded',
    ],
  ] as const;
  for (const [name, help, type, field] of families) {
    expose(registry, { name, help, type, aggregator: 'sum' }, () =>
      metrics.figures().map((figure) => ({
        labels: { reason: figure.reason, shard: figure.shard },
        value: figure[field],
      })),
    );
  }
  expose(
    registry,
    {
      name: 'understudy_incident_webhook_calls_total',
      help: 'Calls of the webhook, by what became of them.',
      type: 'counter',
      aggregator: 'sum',
    },
    () => metrics.webhook.samples(),
  );
}
