/** Who serves the shards: the proxy's own process (`OneProcess`) or several workers of it (`WorkerPool`). */
import type { ControlSnapshot } from '../config/ratios.ts';
import type { JournalAnswer, JournalRequest } from '../observe/journal-routes.ts';
import type { MetricDocument } from '../observe/metric-documents.ts';
import type { ShardStatus, WorkerStatus } from '../observe/status.ts';
import type { WorkerFigures } from '../observe/worker-metrics.ts';

export interface HostReport {
  readonly workers: readonly WorkerStatus[];
  /** In the configuration's order; the shards of a worker that is down are missing. */
  readonly shards: readonly ShardStatus[];
}

export interface ShardHost {
  /** Serves; rejects with UsageError when an address can't be listened on, and then `release` must be called. */
  start(): Promise<void>;
  /** Puts ratios in force, before this returns or, in other processes, soon. */
  apply(snapshot: ControlSnapshot): void;
  /** Resolves, within a bounded time, when no session is left and the mirror has sent what it could. */
  drain(): Promise<void>;
  /** Ends the sessions that are left, whatever they are doing. */
  hurry(): void;
  /** Reads again what may change on disk while the process runs. */
  reload(): void;
  /** An exception went uncaught in this process. */
  faulted(error: unknown): void;
  /** Never rejects, and takes a bounded time. */
  report(): Promise<HostReport>;
  /** Asks a shard's journal; null: no shard has this name. Never rejects, and takes a bounded time. */
  journal(shard: string, request: JournalRequest): Promise<JournalAnswer | null>;
  /** Why not every shard is served just now, one phrase a reason. */
  unready(): readonly string[];
  /** Shards whose process does not answer: what is known of them may be old. */
  silentShards(): ReadonlySet<string>;
  /** The metrics of other processes; never rejects, and takes a bounded time. */
  documents(): Promise<readonly MetricDocument[]>;
  workers(): readonly WorkerFigures[];
  /** Ends whatever is left, at once. */
  release(): Promise<void>;
}
