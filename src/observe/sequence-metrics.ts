/** Who is behind whom in the numbers that servers give out, as the proxy found it last. */
import type { Registry } from 'prom-client';
import { expose, type Sample } from './exposition.ts';

export interface SequenceFigures {
  readonly table: string;
  /** `old_replica`, `new` or `new_replica`. */
  readonly server: string;
  /** How many numbers it could give out a second time. */
  readonly behind: number;
  /** As many of them are up to the highest that stands in a row. */
  readonly behindRows: number;
}

/** What one check of a shard found. */
export interface SequenceFindings {
  readonly figures: readonly SequenceFigures[];
  /** By server; false where it could not be asked. */
  readonly servers: ReadonlyMap<string, boolean>;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Series of one shard and metric; what is beyond becomes one, for each server. */
const SERIES_MAX = 500;
const OTHERS = '(others)';

export class SequenceMetrics {
  readonly #shards = new Map<string, SequenceFindings>();

  checked(shard: string, findings: SequenceFindings): void {
    this.#shards.set(shard, { ...findings, figures: bounded(findings.figures) });
  }

  /** By shard. */
  get findings(): ReadonlyMap<string, SequenceFindings> {
    return this.#shards;
  }
}

/** Those that are behind come first, so that none of them is lost among the others for want of room. */
function bounded(figures: readonly SequenceFigures[]): readonly SequenceFigures[] {
  if (figures.length <= SERIES_MAX) return figures;
  const sorted = [...figures].sort((left, right) => right.behind - left.behind);
  const others = new Map<string, SequenceFigures>();
  for (const { server, behind, behindRows } of sorted.slice(SERIES_MAX)) {
    const known = others.get(server);
    others.set(server, {
      table: OTHERS,
      server,
      behind: Math.max(behind, known?.behind ?? 0),
      behindRows: Math.max(behindRows, known?.behindRows ?? 0),
    });
  }
  return [...sorted.slice(0, SERIES_MAX), ...others.values()];
}

export function exposeSequences(registry: Registry, metrics: SequenceMetrics): void {
  const gauge = (
    name: string,
    help: string,
    samples: (shard: string, findings: SequenceFindings) => Sample[],
  ): void =>
    expose(registry, { name, help, type: 'gauge', aggregator: 'max' }, () =>
      [...metrics.findings].flatMap(([shard, findings]) => samples(shard, findings)),
    );
  const ofFigures =
    (read: (figures: SequenceFigures) => number) =>
    (shard: string, { figures }: SequenceFindings): Sample[] =>
      figures.map((one) => ({
        labels: { shard, table: one.table, server: one.server },
        value: read(one),
      }));
  gauge(
    'understudy_sequence_behind',
    'How many numbers a server could give out a second time.',
    ofFigures(({ behind }) => behind),
  );
  gauge(
    'understudy_sequence_behind_rows',
    'As many of them are up to the highest that stands in a row.',
    ofFigures(({ behindRows }) => behindRows),
  );
  gauge(
    'understudy_sequence_server_up',
    'Whether the server could be asked for its numbers.',
    (shard, { servers }) =>
      [...servers].map(([server, up]) => ({ labels: { shard, server }, value: up ? 1 : 0 })),
  );
  gauge(
    'understudy_sequence_check_timestamp_seconds',
    'When the numbers were compared last, seconds since 1970.',
    (shard, { atMs }) => [{ labels: { shard }, value: atMs / 1000 }],
  );
}
