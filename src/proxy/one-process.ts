/** All shards in the proxy's own process. */
import type { ControlSnapshot } from '../config/ratios.ts';
import type { JournalAnswer, JournalRequest } from '../observe/journal-routes.ts';
import type { MetricDocument } from '../observe/metric-documents.ts';
import type { WorkerFigures } from '../observe/worker-metrics.ts';
import type { HostReport, ShardHost } from './shard-host.ts';
import type { ShardServer } from './shard-server.ts';

export interface OneProcessOptions {
  readonly server: ShardServer;
  readonly shards: readonly string[];
  /** The ratios of `snapshot` are in force. */
  applied(snapshot: ControlSnapshot): void;
}

type Phase = 'starting' | 'serving' | 'draining';

export class OneProcess implements ShardHost {
  readonly #options: OneProcessOptions;
  readonly #server: ShardServer;
  #phase: Phase = 'starting';
  #sinceMs = Date.now();

  constructor(options: OneProcessOptions) {
    this.#options = options;
    this.#server = options.server;
  }

  async start(): Promise<void> {
    await this.#server.start();
    this.#enter('serving');
  }

  apply(snapshot: ControlSnapshot): void {
    this.#server.apply(snapshot);
    this.#options.applied(snapshot);
  }

  async drain(): Promise<void> {
    this.#enter('draining');
    await this.#server.drain();
  }

  hurry(): void {
    this.#server.hurry();
  }

  reload(): void {
    this.#server.reload();
  }

  faulted(error: unknown): void {
    this.#server.faulted(error);
  }

  async report(): Promise<HostReport> {
    const worker = {
      worker: 0,
      pid: process.pid,
      state: this.#phase,
      since: new Date(this.#sinceMs).toISOString(),
      restarts: 0,
      shards: this.#options.shards,
    };
    return { workers: [worker], shards: this.#server.status() };
  }

  journal(shard: string, request: JournalRequest): Promise<JournalAnswer | null> {
    return this.#server.journal(shard, request);
  }

  unready(): readonly string[] {
    return [];
  }

  silentShards(): ReadonlySet<string> {
    return new Set();
  }

  async documents(): Promise<readonly MetricDocument[]> {
    return [];
  }

  workers(): readonly WorkerFigures[] {
    return [{ worker: '0', up: this.#phase === 'starting' ? 0 : 1, restarts: 0, ageSeconds: 0 }];
  }

  async release(): Promise<void> {
    await this.#server.release();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#sinceMs = Date.now();
  }
}
