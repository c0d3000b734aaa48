/** The whole proxy: every shard, the live ratios, the admin port, and an orderly end. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { Ratios } from '../config/ratios.ts';
import type { Control } from '../control/control.ts';
import { createControl } from '../control/create-control.ts';
import { createRegistration, type Registration } from '../control/registration.ts';
import { type Admin, startAdmin } from '../observe/admin.ts';
import { Metrics } from '../observe/metrics.ts';
import type { StatusReport } from '../observe/status.ts';
import { SqlReader } from '../sql/plan-cache.ts';
import { ServedShard } from './served-shard.ts';

export interface ProxyOptions {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
}

type Phase = 'starting' | 'serving' | 'draining' | 'stopped';

/** After the last session is over the mirror may still send what it holds, for so long. */
const FLUSH_MS = 5000;
const POLL_MS = 20;

export class ProxyServer {
  readonly #options: ProxyOptions;
  readonly #id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  readonly #startedAtMs = Date.now();
  readonly #metrics: Metrics;
  readonly #control: Control;
  readonly #shards: readonly ServedShard[];
  #registration: Registration | null = null;
  #admin: Admin | null = null;
  #phase: Phase = 'starting';

  constructor(options: ProxyOptions) {
    const { config, log, version } = options;
    this.#options = options;
    this.#metrics = new Metrics({
      service: config.service,
      version,
      shards: config.shards.map((shard) => shard.name),
      limits: {
        connections: config.maxConnections,
        queueStatements: config.queue.statements,
        queueBytes: config.queue.bytes,
      },
    });
    this.#control = createControl({ config, log, metrics: this.#metrics.control });
    const sql = new SqlReader({ maxPlans: config.plans });
    this.#shards = config.shards.map(
      (shard) =>
        new ServedShard({
          shard,
          config,
          ratios: () => this.#ratios(shard.name),
          sql,
          metrics: this.#metrics.shard(shard.name),
          log: log.child({ shard: shard.name }),
        }),
    );
  }

  /** Serves; rejects with UsageError when an address can't be listened on, and leaves nothing open then. */
  async start(): Promise<void> {
    const { config, log } = this.#options;
    try {
      await this.#startAdmin();
      await this.#control.start();
      await Promise.all(this.#shards.map((shard) => shard.start()));
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.#register();
    this.#phase = 'serving';
    log.info({ id: this.#id, shards: config.shards.length, admin: this.#admin?.url }, 'the proxy is serving');
  }

  /**
   * Takes no new connections; sessions outside of a transaction end at once, others at its end or after
   * `drainTimeoutMs`; then the mirror has a few seconds to send what it holds.
   */
  async drain(): Promise<void> {
    if (this.#phase === 'draining' || this.#phase === 'stopped') return;
    this.#phase = 'draining';
    const { config, log } = this.#options;
    log.info({ sessions: this.#sessions(), drainTimeoutMs: config.drainTimeoutMs }, 'draining');
    const timer = setTimeout(() => this.hurry(), config.drainTimeoutMs);
    await Promise.all(this.#shards.map((shard) => shard.drain()));
    clearTimeout(timer);
    await this.#flush();
    await this.#release();
    this.#phase = 'stopped';
    log.info('stopped');
  }

  /** Ends the sessions that are left, whatever they are doing. */
  hurry(): void {
    const left = this.#sessions();
    if (left > 0) this.#options.log.warn({ sessions: left }, 'ending the sessions that are left');
    for (const shard of this.#shards) shard.terminate();
  }

  /**
   * An exception that nobody caught. The relay of a session does not depend on what the mirror does, so the
   * sessions go on; but nothing that was mirrored until now can be vouched for.
   */
  faulted(error: unknown): void {
    this.#options.log.error({ err: error }, 'an exception went uncaught: please report this');
    for (const shard of this.#shards) shard.faulted();
  }

  status(): StatusReport {
    const snapshot = this.#control.current();
    return {
      id: this.#id,
      service: this.#options.config.service,
      version: this.#options.version,
      pid: process.pid,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      draining: this.#phase === 'draining',
      phase: 'mirroring',
      control: {
        source: snapshot.source,
        connected: snapshot.connected,
        revision: snapshot.revision,
        appliedAt: new Date(snapshot.appliedAtMs).toISOString(),
      },
      shards: this.#shards.map((shard) => shard.status()),
    };
  }

  #ratios(shard: string): Ratios {
    return this.#control.current().shards[shard] ?? { reads: 0, writes: 0, deletes: 0 };
  }

  #sessions(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.sessions, 0);
  }

  async #startAdmin(): Promise<void> {
    const { config, log } = this.#options;
    this.#admin = await startAdmin({
      ...config.admin,
      metrics: this.#metrics,
      health: () => ({ id: this.#id, phase: this.#phase }),
      ready: () => ({
        ready: this.#phase === 'serving',
        reasons: this.#phase === 'serving' ? [] : [`the proxy is ${this.#phase}`],
      }),
      status: () => this.status(),
      log,
    });
  }

  #register(): void {
    const { config, log, version } = this.#options;
    const registration = createRegistration({
      config,
      log,
      id: this.#id,
      version,
      admin: this.#admin?.url ?? '',
      startedAtMs: this.#startedAtMs,
      snapshot: this.#control.current(),
    });
    this.#control.onChange((snapshot) => registration.applied(snapshot));
    registration.start();
    this.#registration = registration;
  }

  async #flush(): Promise<void> {
    const untilMs = performance.now() + FLUSH_MS;
    while (performance.now() < untilMs && this.#shards.some((shard) => shard.unsettled > 0)) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #release(): Promise<void> {
    for (const shard of this.#shards) shard.terminate();
    for (const shard of this.#shards) shard.stop();
    await this.#registration?.stop();
    await this.#control.stop();
    await this.#admin?.close();
  }
}
