/** Compares the sequences of every shard now and then, one shard at a time, for the metrics of a proxy. */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import type { SequenceFigures, SequenceMetrics } from '../observe/sequence-metrics.ts';
import { PLACE_NAMES, type Place, sequenceTitle } from './sequence.ts';
import { checkSequences, type ShardCheck } from './sequence-check.ts';
import { type ComparedSequence, faultyPlaces } from './sequence-comparison.ts';
import { OpenedSequenceServers } from './sequence-servers.ts';
import { sequenceScope } from './sequence-shard.ts';
import type { Verdict } from './sequence-verdict.ts';

export interface SequenceWatchOptions {
  readonly config: Config;
  readonly metrics: SequenceMetrics;
  readonly log: Log;
}

export class SequenceWatch {
  readonly #options: SequenceWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  #asked: OpenedSequenceServers | null = null;
  #stopped = false;
  /** What was told of each shard last: the same is told once. */
  readonly #told = new Map<string, string>();

  constructor(options: SequenceWatchOptions) {
    this.#options = options;
  }

  /** The first comparison is one interval away: a start has other things to do. */
  start(): void {
    const { intervalMs } = this.#options.config.sequences;
    if (intervalMs === 0 || this.#stopped) return;
    this.#timer = setTimeout(() => {
      void this.#compareAll().finally(() => this.start());
    }, intervalMs).unref();
  }

  /** Breaks off what is under way, and does not wait for a server that is slow to be left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#asked?.close();
  }

  async #compareAll(): Promise<void> {
    for (const shard of this.#options.config.shards) {
      if (this.#stopped) return;
      await this.#compare(shard);
    }
  }

  async #compare(shard: ShardConfig): Promise<void> {
    const { config, metrics, log } = this.#options;
    const servers = new OpenedSequenceServers(config, shard);
    this.#asked = servers;
    try {
      const check = await checkSequences({
        servers,
        scope: sequenceScope(config, shard, undefined),
        someStay: config.tables !== '*',
        graceMs: config.sequences.graceMs,
      });
      if (this.#stopped) return;
      metrics.checked(shard.name, findingsOf(check));
      this.#tell(shard.name, check);
    } catch (error) {
      // A certificate that can't be read, say: the numbers of the last comparison grow old, which is told of.
      log.warn({ shard: shard.name, reason: messageOf(error) }, 'the sequences could not be compared');
    } finally {
      this.#asked = null;
      await servers.close();
    }
  }

  #tell(shard: string, { sequences }: ShardCheck): void {
    const behind = sequences.flatMap((compared) =>
      faultyPlaces(compared).map((place) => `${PLACE_NAMES[place]}: ${sequenceTitle(compared.sequence)}`),
    );
    const text = behind.join(', ');
    if (text !== (this.#told.get(shard) ?? '') && behind.length > 0)
      this.#options.log.warn(
        { shard, sequences: behind.slice(0, 20), count: behind.length },
        'servers are behind in the numbers that they give out: see "understudy sequences"',
      );
    this.#told.set(shard, text);
  }
}

/** Pure but for the time. */
export function findingsOf({ answers, sequences }: ShardCheck): {
  figures: SequenceFigures[];
  servers: ReadonlyMap<string, boolean>;
  atMs: number;
} {
  const servers = new Map([...answers].map(([place, { type }]) => [place, type === 'read'] as const));
  return { figures: figuresOf(sequences), servers, atMs: Date.now() };
}

/** Of a table's sequences (the rows of a sequence table above all) the one that is furthest behind counts. */
function figuresOf(sequences: readonly ComparedSequence[]): SequenceFigures[] {
  const figures = new Map<string, SequenceFigures>();
  for (const { sequence, verdicts } of sequences) {
    const { database, table: name } = sequence;
    const table = database === null ? name : `${database}.${name}`;
    for (const [server, verdict] of Object.entries(verdicts) as [Place, Verdict][]) {
      if (verdict.type === 'unreadable' || verdict.type === 'incomparable') continue;
      const { behind, behindRows } = sizeOf(verdict);
      const known = figures.get(`${server} ${table}`);
      figures.set(`${server} ${table}`, {
        ...{ table, server },
        behind: Math.max(behind, known?.behind ?? 0),
        behindRows: Math.max(behindRows, known?.behindRows ?? 0),
      });
    }
  }
  return [...figures.values()];
}

/** What has no number is behind by one: the alert needs something above 0. */
function sizeOf(verdict: Verdict): { behind: number; behindRows: number } {
  switch (verdict.type) {
    case 'behind':
      return { behind: Number(verdict.by), behindRows: Number(verdict.byRows) };
    case 'missing':
    case 'used_up':
      return { behind: 1, behindRows: 1 };
    default:
      return { behind: 0, behindRows: 0 };
  }
}
