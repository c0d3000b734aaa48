/** What a sync exports while it runs, made of its progress at each scrape. */
import { Registry } from 'prom-client';
import { expose, type Sample } from './exposition.ts';
import { DurationHistogram } from './histogram.ts';
import { exposeProcess } from './process-metrics.ts';

/** Of one shard. */
export interface SyncFigures {
  readonly groups: number;
  readonly mismatched: number;
  readonly repaired: { readonly missing: number; readonly extra: number; readonly different: number };
  readonly failed: { readonly groups: number; readonly ranges: number };
  readonly ranges: number;
  readonly rangesDone: number;
  readonly throttled: boolean;
}

export interface SyncMetricsOptions {
  /** Asked at each scrape. */
  readonly shards: () => ReadonlyMap<string, SyncFigures>;
  /** The pass that is under way; null: none yet. */
  readonly pass: () => { readonly kind: string; readonly pass: number } | null;
}

const ROW_KINDS = ['missing', 'extra', 'different'] as const;
const CHECKSUM_SECONDS = 'understudy_sync_checksum_seconds';

export class SyncMetrics {
  readonly registry = new Registry();
  readonly contentType = this.registry.contentType;
  readonly #checksums = {
    old: new DurationHistogram({ side: 'old' }),
    new: new DurationHistogram({ side: 'new' }),
  };
  readonly #options: SyncMetricsOptions;

  constructor(options: SyncMetricsOptions) {
    this.#options = options;
    this.#exposeCounts();
    this.#exposeGauges();
    const help = 'Seconds of a checksum query.';
    expose(this.registry, { name: CHECKSUM_SECONDS, help, type: 'histogram', aggregator: 'sum' }, () => [
      ...this.#checksums.old.samples(CHECKSUM_SECONDS),
      ...this.#checksums.new.samples(CHECKSUM_SECONDS),
    ]);
    exposeProcess(this.registry, '0');
  }

  took(side: 'old' | 'new', seconds: number): void {
    this.#checksums[side].observe(seconds);
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  #exposeCounts(): void {
    this.#expose('counter', 'groups_total', 'Groups that were compared.', ({ groups }) => groups);
    this.#expose(
      'counter',
      'mismatched_groups_total',
      'Groups that differed, and not because a replica was behind.',
      ({ mismatched }) => mismatched,
    );
    this.#family('counter', 'repaired_rows_total', 'Rows of repaired groups, by what was wrong.', () =>
      [...this.#options.shards()].flatMap(([shard, { repaired }]) =>
        ROW_KINDS.map((kind) => ({ labels: { shard, kind }, value: repaired[kind] })),
      ),
    );
    this.#family('counter', 'failures_total', 'What could not be read or repaired.', () =>
      [...this.#options.shards()].flatMap(([shard, { failed }]) => [
        { labels: { shard, kind: 'group' }, value: failed.groups },
        { labels: { shard, kind: 'range' }, value: failed.ranges },
      ]),
    );
  }

  #exposeGauges(): void {
    this.#expose('gauge', 'ranges', 'Ranges of the pass.', ({ ranges }) => ranges);
    this.#expose('gauge', 'ranges_done', 'Ranges of it that are over.', ({ rangesDone }) => rangesDone);
    this.#expose('gauge', 'throttled', 'Whether the shard is held up.', ({ throttled }) =>
      throttled ? 1 : 0,
    );
    this.#family('gauge', 'pass', 'The pass that is under way, from 1.', () => {
      const current = this.#options.pass();
      return current === null ? [] : [{ labels: { kind: current.kind }, value: current.pass }];
    });
  }

  #expose(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    read: (figures: SyncFigures) => number,
  ): void {
    this.#family(type, name, help, () =>
      [...this.#options.shards()].map(([shard, figures]) => ({ labels: { shard }, value: read(figures) })),
    );
  }

  #family(type: 'counter' | 'gauge', name: string, help: string, collect: () => Sample[]): void {
    const aggregator = type === 'counter' ? 'sum' : 'max';
    expose(this.registry, { name: `understudy_sync_${name}`, help, type, aggregator }, collect);
  }
}
