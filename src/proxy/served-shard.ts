/** One shard as the proxy serves it: its listener in front, its mirror aside, and what both report. */
import { join } from 'node:path';
import { type IpNetwork, parseNetwork } from '../base/ip-network.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { Ratios } from '../config/ratios.ts';
import type { ShardConfig } from '../config/schema.ts';
import { realDisk } from '../journal/disk.ts';
import { DiskJournal } from '../journal/disk-journal.ts';
import { ShardMirror } from '../mirror/shard-mirror.ts';
import { type Incidents, incidentsOf } from '../observe/incident.ts';
import type { ShardMetrics } from '../observe/metrics.ts';
import type { ShardStatus } from '../observe/status.ts';
import type { SqlReader } from '../sql/plan-cache.ts';
import type { ClientRoom } from './client-room.ts';
import { Listener } from './listener.ts';
import type { ProcessTls } from './process-tls.ts';
import { WriteTurn } from './write-turn.ts';

export interface ServedShardOptions {
  readonly shard: ShardConfig;
  readonly config: Config;
  readonly ratios: () => Ratios;
  readonly sql: SqlReader;
  readonly tls: ProcessTls;
  readonly room: ClientRoom;
  readonly metrics: ShardMetrics;
  readonly incidents: Incidents;
  readonly log: Log;
}

const now = (): number => performance.now();

export class ServedShard {
  readonly #options: ServedShardOptions;
  readonly #journal: DiskJournal;
  readonly #mirror: ShardMirror;
  readonly #listener: Listener;

  constructor(options: ServedShardOptions) {
    const { shard, config, metrics, log } = options;
    const incidents = incidentsOf(options.incidents, shard.name);
    this.#options = options;
    const { directory, ...bounds } = config.journal;
    this.#journal = new DiskJournal({
      ...bounds,
      directory: join(directory, shard.name),
      shard: shard.name,
      disk: realDisk,
      log,
      now,
      wallClock: Date.now,
      took: (seconds) => metrics.journalAppends.observe(seconds),
      failed: (reason) => incidents.report({ reason: 'journal_failed', message: reason }),
      lost: (reason) => incidents.report({ reason: 'journal_reset', message: reason }),
    });
    this.#mirror = new ShardMirror({
      ...options,
      incidents,
      oldTls: options.tls.old,
      newTls: options.tls.fresh,
      journal: this.#journal,
      now,
      wallClock: Date.now,
      random: Math.random,
    });
    this.#listener = new Listener({
      shard: shard.name,
      listen: { host: config.listen.host, port: shard.port },
      old: shard.old,
      oldProxyProtocol: config.oldProxyProtocol,
      trusted: networksOf(config.listen.proxyProtocol?.trusted ?? []),
      maxConnections: config.maxConnections,
      room: options.room,
      connectTimeoutMs: config.connectTimeoutMs,
      loginTimeoutMs: config.loginTimeoutMs,
      lingerTimeoutMs: config.lingerTimeoutMs,
      tls: options.tls.sessions,
      keepBytes: config.queue.statementBytes + 1,
      taps: this.#mirror,
      turn: new WriteTurn(() => this.#mirror.record()),
      metrics,
      incidents,
      log,
      now,
    });
    this.#report();
  }

  /**
   * Opens the journal, reads the schema, then listens. Rejects with UsageError when the journal is another
   * process's, or the port can't be had.
   */
  async start(): Promise<void> {
    await this.#journal.open();
    await this.#mirror.start();
    await this.#listener.listen();
  }

  /** Resolves when every session is over. */
  drain(): Promise<void> {
    return this.#listener.drain();
  }

  /** Statements on their way to the shadow. */
  get unsettled(): number {
    return this.#mirror.queue.statements;
  }

  get sessions(): number {
    return this.#listener.size;
  }

  /** Something went wrong in the house: the mirror may have missed any statement. */
  faulted(): void {
    this.#mirror.unseen();
  }

  /** Ends every session that is left. */
  terminate(): void {
    this.#listener.terminate();
  }

  /** Ends the mirror; what it still holds is dropped, counted and noted before the journal is closed. */
  async stop(): Promise<void> {
    this.#mirror.stop();
    await this.#journal.close();
  }

  get journal(): DiskJournal {
    return this.#journal;
  }

  get name(): string {
    return this.#options.shard.name;
  }

  status(): ShardStatus {
    const { shard, config, metrics, ratios } = this.#options;
    const shadow = this.#mirror.shadow;
    return {
      name: shard.name,
      listen: `${config.listen.host}:${shard.port}`,
      old: address(shard.old),
      new: address(shard.new),
      ratios: ratios(),
      connections: this.#listener.size,
      shadow: {
        state: shadow.state,
        since: isoTime(shadow.sinceMs),
        lastError: shadow.lastError,
        lastErrorAt: shadow.lastErrorMs === null ? null : isoTime(shadow.lastErrorMs),
      },
      queue: this.#mirror.queue,
      lagSeconds: this.#mirror.lagSeconds,
      schema: this.#mirror.schema,
      journal: this.#journalStatus(),
      outcomes: metrics.outcomes(),
      mismatches: metrics.mismatches(),
      latestMismatches: this.#mirror.mismatches.latest(),
      doubtCauses: this.#mirror.doubtCauses.list(),
      straddles: this.#mirror.straddles.list(),
    };
  }

  #journalStatus(): ShardStatus['journal'] {
    const { bytes, pending, reset, resetReason, epoch, failing } = this.#journal.figures();
    return {
      keys: this.#journal.size,
      reset,
      byReason: this.#doubtsByReason(),
      bytes,
      pending,
      resetReason,
      epoch,
      failing,
    };
  }

  #doubtsByReason(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { reason, count } of this.#journal.counts()) sums[reason] = (sums[reason] ?? 0) + count;
    return sums;
  }

  #report(): void {
    const { metrics, ratios } = this.#options;
    metrics.gauges = {
      ratios,
      queueStatements: () => this.#mirror.queue.statements,
      queueBytes: () => this.#mirror.queue.bytes,
      lagSeconds: () => this.#mirror.lagSeconds,
      connections: () => this.#listener.connections(),
      shadowUp: () => (this.#mirror.shadow.state === 'down' ? 0 : 1),
      lanes: () => this.#mirror.shadow.lanes,
      journalKeys: () => this.#journal.counts(),
      journal: () => this.#journal.figures(),
    };
  }
}

/** `atMs` is of the clock that only goes forward, so its distance from now is what counts. */
function isoTime(atMs: number): string {
  return new Date(Date.now() - (now() - atMs)).toISOString();
}

function address(side: { host: string; port: number; database?: string | undefined }): string {
  return `${side.host}:${side.port}${side.database === undefined ? '' : `/${side.database}`}`;
}

/** The configuration was validated, so none is left out here. */
function networksOf(texts: readonly string[]): IpNetwork[] {
  return texts.map(parseNetwork).filter((network) => network !== null);
}
