/** The metrics of one process as data, and how those of several processes become one exposition. */
import { type Aggregator, AggregatorRegistry, type PrometheusContentType, type Registry } from 'prom-client';
import { z } from 'zod';

const AGGREGATORS = [
  'omit',
  'sum',
  'first',
  'min',
  'max',
  'average',
] as const satisfies readonly Aggregator[];

/** One line of the exposition; its number may be NaN or infinite. */
interface MetricValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string | undefined;
}

/** By hand: they are thousands, some of them made at each scrape on the event loop that serves the clients. */
const valuesSchema = z.custom<MetricValue[]>(
  (values) => Array.isArray(values) && values.every(isMetricValue),
  'must be a list of values with their labels',
);

const familySchema = z.object({
  name: z.string(),
  help: z.string(),
  type: z.enum(['counter', 'gauge', 'histogram', 'summary']),
  aggregator: z.enum(AGGREGATORS),
  values: valuesSchema,
});

/** Holds a document against its form, where it comes from another process. */
export const metricDocumentSchema = z.array(familySchema);

export type MetricDocument = z.output<typeof metricDocumentSchema>;

/** What a registry's families hold now. */
export async function documentOf(registry: Registry): Promise<MetricDocument> {
  const families = metricDocumentSchema.parse(await registry.getMetricsAsJSON());
  // The series of a process carry its label and meet no others: none of them has to be left out.
  return families.map((family) =>
    family.aggregator === 'omit' ? { ...family, aggregator: 'first' } : family,
  );
}

/** One text of several documents: the same series of several processes joined as their family says. */
export function textOf(documents: readonly MetricDocument[]): Promise<string> {
  return aggregate(documents).metrics();
}

/**
 * The figures of a worker through all of its processes. What a process had counted when it was last heard is
 * kept when it ends, so that no counter goes back; gauges are true of a living process alone.
 */
export class LastingFigures {
  #base: MetricDocument = [];
  #last: MetricDocument = [];

  /** The process's newest figures. */
  heard(document: MetricDocument): void {
    this.#last = document;
  }

  /** The process has ended; another begins to count from 0. */
  ended(): void {
    const counted = this.#last.filter(({ type }) => type !== 'gauge');
    this.#last = [];
    // What the aggregator registers are the joined families themselves.
    this.#base = metricDocumentSchema.parse(aggregate([this.#base, counted]).getMetricsAsArray());
  }

  documents(): readonly MetricDocument[] {
    return [this.#base, this.#last];
  }
}

function aggregate(documents: readonly MetricDocument[]): Registry<PrometheusContentType> {
  return AggregatorRegistry.aggregate<PrometheusContentType>([...documents]);
}

function isMetricValue(value: unknown): value is MetricValue {
  if (!isObject(value) || typeof value.value !== 'number' || !isObject(value.labels)) return false;
  if (value.metricName !== undefined && typeof value.metricName !== 'string') return false;
  for (const name in value.labels) {
    const label = value.labels[name];
    if (typeof label !== 'string' && typeof label !== 'number') return false;
  }
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
