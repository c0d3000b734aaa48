/** The shards, shared out over worker processes, as their supervisor sees them. */
import { messageOf } from '../base/errors.ts';
import { ALL_SHARDS } from '../base/incident-reasons.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { ControlSnapshot } from '../config/ratios.ts';
import type { IncidentDesk } from '../observe/incident-desk.ts';
import type { JournalAnswer, JournalRequest } from '../observe/journal-routes.ts';
import type { MetricDocument } from '../observe/metric-documents.ts';
import type { WorkerFigures } from '../observe/worker-metrics.ts';
import type { HostReport, ShardHost } from './shard-host.ts';
import { FLUSH_MS } from './shard-server.ts';
import type { StartOrder } from './worker-messages.ts';
import type { Launch } from './worker-process.ts';
import { WorkerSlot } from './worker-slot.ts';

export interface WorkerPoolOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
  /** The names of each worker's shards. */
  readonly shares: readonly (readonly string[])[];
  readonly snapshot: ControlSnapshot;
  readonly launch: Launch;
  readonly incidents: Pick<IncidentDesk, 'report' | 'take'>;
  /** The ratios of `snapshot` are in force in every worker. */
  applied(snapshot: ControlSnapshot): void;
}

const TICK_MS = 1000;
/** What a worker may take beyond its drain before it is ended: it does not answer then. */
const GRACE_MS = 2000;
/** A killed process is gone at once, unless the kernel holds it. */
const KILL_TIMEOUT_MS = 2000;

export class WorkerPool implements ShardHost {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly WorkerSlot[];
  #wanted: { readonly number: number; readonly snapshot: ControlSnapshot };
  #told = 0;
  #ticking: NodeJS.Timeout | null = null;
  #deadline: NodeJS.Timeout | null = null;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#wanted = { number: 0, snapshot: options.snapshot };
    this.#slots = options.shares.map(
      (shards, worker) =>
        new WorkerSlot({
          worker,
          shards,
          launch: options.launch,
          log: options.log,
          incidents: options.incidents,
          firstOrder: () => ({
            order: this.#firstOrder(worker, shards),
            number: this.#wanted.number,
          }),
          applied: () => this.#checkApplied(),
          now: () => performance.now(),
        }),
    );
  }

  async start(): Promise<void> {
    this.#ticking = setInterval(() => {
      for (const slot of this.#slots) slot.tick();
    }, TICK_MS);
    await Promise.all(this.#slots.map((slot) => slot.start()));
  }

  apply(snapshot: ControlSnapshot): void {
    this.#wanted = { number: this.#wanted.number + 1, snapshot };
    for (const slot of this.#slots) slot.send({ type: 'ratios', ...this.#wanted });
    this.#checkApplied();
  }

  async drain(): Promise<void> {
    const { config, log } = this.#options;
    log.info({ workers: this.#slots.length, drainTimeoutMs: config.drainTimeoutMs }, 'draining');
    this.#endAfter(config.drainTimeoutMs + FLUSH_MS + GRACE_MS);
    await Promise.all(this.#slots.map((slot) => slot.drain()));
  }

  hurry(): void {
    for (const slot of this.#slots) slot.send({ type: 'hurry' });
    if (this.#deadline !== null) this.#endAfter(FLUSH_MS + GRACE_MS);
  }

  reload(): void {
    for (const slot of this.#slots) slot.send({ type: 'reload' });
  }

  /** The workers' mirrors have no part in what this process does. */
  faulted(error: unknown): void {
    this.#options.log.error(
      { err: error },
      'an exception went uncaught in the supervisor: please report this',
    );
    this.#options.incidents.report({
      reason: 'exception',
      shard: ALL_SHARDS,
      message: () => messageOf(error),
    });
  }

  async report(): Promise<HostReport> {
    const reports = await Promise.all(this.#slots.map((slot) => slot.shardStatuses()));
    const statuses = new Map(reports.flat().map((shard) => [shard.name, shard]));
    return {
      workers: this.#slots.map((slot) => slot.status()),
      shards: this.#options.config.shards.flatMap(({ name }) => statuses.get(name) ?? []),
    };
  }

  async journal(shard: string, request: JournalRequest): Promise<JournalAnswer | null> {
    const slot = this.#slots.find((each) => each.serves(shard));
    return slot === undefined ? null : slot.journal(shard, request);
  }

  unready(): readonly string[] {
    return this.#slots
      .map((slot) => slot.status())
      .filter(({ state }) => state !== 'serving')
      .map(({ worker, shards, state }) => `worker ${worker} (${shards.join(', ')}) is ${state}`);
  }

  silentShards(): ReadonlySet<string> {
    const silent = this.#slots.map((slot) => slot.status()).filter(({ state }) => state === 'silent');
    return new Set(silent.flatMap(({ shards }) => shards));
  }

  async documents(): Promise<readonly MetricDocument[]> {
    return (await Promise.all(this.#slots.map((slot) => slot.documents()))).flat();
  }

  workers(): readonly WorkerFigures[] {
    return this.#slots.map((slot) => slot.figures());
  }

  async release(): Promise<void> {
    if (this.#ticking !== null) clearInterval(this.#ticking);
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    const ended = Promise.all(this.#slots.map((slot) => slot.kill()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, KILL_TIMEOUT_MS);
    });
    await Promise.race([ended, late]);
    clearTimeout(timer);
  }

  #firstOrder(worker: number, shards: readonly string[]): StartOrder {
    const { config, version } = this.#options;
    const { snapshot } = this.#wanted;
    return { type: 'start', worker, version, config, shards: [...shards], snapshot };
  }

  /** A worker that is silent keeps this from being told until it has caught up or its process has ended. */
  #checkApplied(): void {
    const { number, snapshot } = this.#wanted;
    if (this.#told === number || this.#slots.some((slot) => slot.appliedNumber < number)) return;
    this.#told = number;
    this.#options.applied(snapshot);
  }

  #endAfter(ms: number): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      for (const slot of this.#slots) void slot.kill();
    }, ms);
  }
}
