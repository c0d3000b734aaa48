/** The process: prom-client's defaults, less what a proxy with thousands of sockets can't pay at each scrape. */
import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import { expose, type Labels } from './exposition.ts';

/** Coarser than the default, since each sample is a wake-up of the loop. */
const LOOP_RESOLUTION_MS = 20;

/**
 * Defaults that walk over every handle of the process on the event loop; the last of each pair also has a
 * counter's name for a gauge. The connections are counted by state elsewhere. The descriptors come back below,
 * read without blocking.
 */
const COSTLY_DEFAULTS = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'process_open_fds',
];

/** `worker` is the label that tells the processes of one proxy apart. */
export function exposeProcess(registry: Registry, worker: string): void {
  const labels = { worker };
  collectDefaultMetrics({ register: registry, labels, eventLoopMonitoringPrecision: LOOP_RESOLUTION_MS });
  for (const name of COSTLY_DEFAULTS) registry.removeSingleMetric(name);
  exposeOpenFiles(registry, labels);
  exposeLoopLag(registry, labels);
}

function exposeOpenFiles(registry: Registry, labels: Labels): void {
  const family = {
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    type: 'gauge',
    aggregator: 'sum',
  } as const;
  expose(registry, family, async () => {
    // Only Linux has the directory; elsewhere the family stays empty.
    const names = await readdir('/proc/self/fd').catch(() => null);
    // One of them was the directory itself.
    return names === null ? [] : [{ labels, value: names.length - 1 }];
  });
}

/** How late the event loop was since the scrape before: the delay that every session had on top. */
function exposeLoopLag(registry: Registry, labels: Labels): void {
  const delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delays.enable();
  // The monitor reports the time between two ticks of its timer, which is the resolution when nothing is late.
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000);
  const p99 = { ...labels, stat: 'p99' };
  const max = { ...labels, stat: 'max' };
  const family = {
    name: 'understudy_event_loop_lag_seconds',
    help: 'Lateness of the event loop since the last scrape: 99th percentile and maximum.',
    type: 'gauge',
    aggregator: 'max',
  } as const;
  expose(registry, family, () => {
    const samples = [
      { labels: p99, value: late(delays.percentile(99)) },
      { labels: max, value: late(delays.max) },
    ];
    delays.reset();
    return samples;
  });
}
