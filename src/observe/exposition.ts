/**
 * The seam to prom-client. Its own counters and histograms hash a label object at every increment; ours are
 * plain numbers, and become prom-client's form only when somebody scrapes. A registry needs of a metric just
 * `name`, `help`, `type`, `aggregator` and `get()`; `getForPromString()` is its shorter way to text.
 */
import type { Aggregator, Metric, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string | number>>;

/** One line of the exposition. */
export interface Sample {
  /** The series' labels. Kept by its owner from scrape to scrape: prom-client caches their text by identity. */
  readonly labels: Labels;
  readonly value: number;
  /** Set where the line's name is not the metric's: `_bucket`, `_sum`, `_count`. */
  readonly metricName?: string;
  /** A bucket's label, beside those of its series. */
  readonly bucket?: { readonly le: number | '+Inf' };
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the cluster aggregator joins the same series of several workers. */
  readonly aggregator: Aggregator;
}

const NO_LABELS: Labels = {};

/**
 * Registers a family whose samples are asked for at every scrape. Throws where the name is taken. `collect`
 * must be quick: it runs on the event loop that serves the clients.
 */
export function expose(
  registry: Registry,
  family: MetricFamily,
  collect: () => Iterable<Sample> | Promise<Iterable<Sample>>,
): void {
  const metric = {
    ...family,
    async get() {
      const values = [...(await collect())].map(({ labels, bucket, value, metricName }) => ({
        labels: bucket === undefined ? labels : { ...bucket, ...labels },
        value,
        ...(metricName === undefined ? {} : { metricName }),
      }));
      return { ...family, values };
    },
    async getForPromString() {
      const values = [...(await collect())].map(({ labels, bucket, value, metricName }) => ({
        labels: bucket ?? NO_LABELS,
        sharedLabels: labels,
        value,
        ...(metricName === undefined ? {} : { metricName }),
      }));
      return { ...family, values };
    },
    /** The figures are their owners', who count from the start of the process and never go back. */
    reset() {},
  };
  // The declaration asks for one of prom-client's four classes, the registry only for the members above.
  registry.registerMetric(metric as unknown as Metric);
}
