/** One look at the proxy: its metrics and its status, taken together. */

import type { StatusReport } from '../../src/observe/status.ts';
import type { Proxy as RunningProxy } from '../../test/harness/proxy.ts';

export type Labels = Readonly<Record<string, string>>;

interface Series {
  readonly labels: Labels;
  readonly value: number;
}

export class Scrape {
  /** On the clock of performance.now(). */
  readonly atMs: number;
  readonly status: StatusReport;
  readonly #families = new Map<string, Series[]>();

  constructor(atMs: number, samples: ReadonlyMap<string, number>, status: StatusReport) {
    this.atMs = atMs;
    this.status = status;
    for (const [key, value] of samples) {
      const brace = key.indexOf('{');
      const name = brace < 0 ? key : key.slice(0, brace);
      const family = this.#families.get(name) ?? [];
      family.push({ labels: brace < 0 ? {} : readLabels(key.slice(brace)), value });
      this.#families.set(name, family);
    }
  }

  /** The sum over the series of `name` that carry all of `labels`; 0 where there is none. */
  sum(name: string, labels: Labels = {}): number {
    let sum = 0;
    for (const series of this.#matching(name, labels)) sum += series.value;
    return sum;
  }

  /** The sums of `name` by the values of `label`; values without a count are left out. */
  sumBy(name: string, label: string, labels: Labels = {}): Map<string, number> {
    const sums = new Map<string, number>();
    for (const series of this.#matching(name, labels)) {
      const value = series.labels[label];
      if (value !== undefined && series.value !== 0) sums.set(value, (sums.get(value) ?? 0) + series.value);
    }
    return sums;
  }

  /** Cumulative counts by upper bound in seconds, ascending: a histogram's buckets. */
  buckets(name: string, labels: Labels): [bound: number, count: number][] {
    const sums = new Map<number, number>();
    for (const series of this.#matching(`${name}_bucket`, labels)) {
      const bound = series.labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(series.labels.le);
      sums.set(bound, (sums.get(bound) ?? 0) + series.value);
    }
    return [...sums].sort(([a], [b]) => a - b);
  }

  *#matching(name: string, labels: Labels): Iterable<Series> {
    const wanted = Object.entries(labels);
    for (const series of this.#families.get(name) ?? []) {
      if (wanted.every(([label, value]) => series.labels[label] === value)) yield series;
    }
  }
}

/** Asks a running proxy. Throws where it does not answer. */
export async function scrape(proxy: RunningProxy): Promise<Scrape> {
  const [samples, status] = await Promise.all([proxy.metrics(), proxy.status()]);
  return new Scrape(performance.now(), samples, status);
}

function readLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const [, label = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[label] = value;
  return labels;
}
