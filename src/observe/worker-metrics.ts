/** How the worker processes fare, as the proxy's main process sees them. */
import type { Registry } from 'prom-client';
import { expose, type MetricFamily, type Sample } from './exposition.ts';

export interface WorkerFigures {
  /** Its number, as the `worker` label has it. */
  readonly worker: string;
  /** 1 while it serves its shards and answers, else 0. */
  readonly up: 0 | 1;
  /** How often a process was started in place of one that ended. */
  readonly restarts: number;
  /** Age of the figures that this scrape shows of it; 0: they are of this scrape. */
  readonly ageSeconds: number;
}

const FAMILIES: readonly (Omit<MetricFamily, 'aggregator'> & { read(worker: WorkerFigures): number })[] = [
  {
    name: 'understudy_worker_up',
    help: 'Whether the worker serves its shards and answers.',
    type: 'gauge',
    read: ({ up }) => up,
  },
  {
    name: 'understudy_worker_restarts_total',
    help: 'Worker processes started in place of one that ended.',
    type: 'counter',
    read: ({ restarts }) => restarts,
  },
  {
    name: 'understudy_worker_figures_age_seconds',
    help: 'Age of the figures shown of the worker: above 0 where it did not answer in time.',
    type: 'gauge',
    read: ({ ageSeconds }) => ageSeconds,
  },
];

export function exposeWorkers(registry: Registry, workers: () => readonly WorkerFigures[]): void {
  for (const { read, ...family } of FAMILIES) {
    const sample = (worker: WorkerFigures): Sample => ({
      labels: { worker: worker.worker },
      value: read(worker),
    });
    expose(registry, { ...family, aggregator: 'first' }, () => workers().map(sample));
  }
}
