/** Reads the Prometheus text format. */

export type Labels = Readonly<Record<string, string>>;

/** Every sample by its key: `name{a="b",c="d"}` with the labels in alphabetical order, or the bare name. */
export function parseMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null) throw new Error(`not a metric line: ${line}`);
    const [, name = '', labels = '', value = ''] = match;
    samples.set(metricKey(name, parseLabels(labels)), parseValue(value));
  }
  return samples;
}

export function metricKey(name: string, labels: Labels = {}): string {
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return name;
  return `${name}{${entries.map(([label, value]) => `${label}="${value}"`).join(',')}}`;
}

/** The sum of the samples of `name` that carry all of `labels`; 0 where there is none. */
export function sumMetric(samples: ReadonlyMap<string, number>, name: string, labels: Labels = {}): number {
  let sum = 0;
  for (const [key, value] of samples) {
    const brace = key.indexOf('{');
    if ((brace < 0 ? key : key.slice(0, brace)) !== name) continue;
    const found = brace < 0 ? {} : parseLabels(key.slice(brace + 1, -1));
    if (Object.entries(labels).every(([label, wanted]) => found[label] === wanted)) sum += value;
  }
  return sum;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, label = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[label] = value;
  return labels;
}

function parseValue(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}
