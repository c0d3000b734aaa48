/** How the plans of a process fare: its shards share one cache. */
import type { Registry } from 'prom-client';
import { expose, type MetricFamily } from './exposition.ts';

/** All but `entries` count from the start of the process. */
export interface PlanFigures {
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  /** Plans made in a hurry, without the parser. */
  readonly deferred: number;
  /** 1: the parser answers; 0: plans rest on our own reading alone. */
  readonly parser: 0 | 1;
}

const FAMILIES: readonly (Omit<MetricFamily, 'aggregator'> & { readonly field: keyof PlanFigures })[] = [
  {
    name: 'understudy_plan_cache_entries',
    help: 'Digests whose plans are kept.',
    type: 'gauge',
    field: 'entries',
  },
  {
    name: 'understudy_plan_cache_hits_total',
    help: 'Statements whose plan was at hand.',
    type: 'counter',
    field: 'hits',
  },
  {
    name: 'understudy_plan_cache_misses_total',
    help: 'Statements whose plan had to be made.',
    type: 'counter',
    field: 'misses',
  },
  {
    name: 'understudy_plan_cache_deferred_total',
    help: 'Plans made without the parser, which had used up its time: their keys are unknown at first.',
    type: 'counter',
    field: 'deferred',
  },
  {
    name: 'understudy_plan_parser_up',
    help: '1 while the SQL parser answers; at 0 plans rest on our own reading alone.',
    type: 'gauge',
    field: 'parser',
  },
];

/** `figures` is asked at each scrape; null: there is no cache yet. */
export function exposePlans(registry: Registry, worker: string, figures: () => PlanFigures | null): void {
  for (const { field, ...family } of FAMILIES) {
    expose(registry, { ...family, aggregator: 'sum' }, () => {
      const found = figures();
      return found === null ? [] : [{ labels: { worker }, value: found[field] }];
    });
  }
}
