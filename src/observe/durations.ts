/** The duration histograms of one family: a series for each cluster and kind, over all shards. */
import type { Kind } from '../sql/plan.ts';
import type { Sample } from './exposition.ts';
import { DurationHistogram } from './histogram.ts';

export type Cluster = 'old' | 'new';

type ByKind = Readonly<Record<Kind, DurationHistogram>>;

export class Durations {
  readonly old: ByKind = byKind('old');
  readonly new: ByKind = byKind('new');

  *samples(name: string): Iterable<Sample> {
    for (const cluster of [this.old, this.new]) {
      for (const histogram of Object.values(cluster)) yield* histogram.samples(name);
    }
  }
}

function byKind(cluster: Cluster): ByKind {
  const histogram = (kind: Kind) => new DurationHistogram({ cluster, kind });
  return {
    read: histogram('read'),
    write: histogram('write'),
    delete: histogram('delete'),
    other: histogram('other'),
  };
}
