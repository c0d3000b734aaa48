/** The whole proxy: who serves the shards, the live ratios, the admin port, and an orderly end. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ALL_SHARDS } from '../base/incident-reasons.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { ControlSnapshot } from '../config/ratios.ts';
import type { Control } from '../control/control.ts';
import { createControl } from '../control/create-control.ts';
import { EtcdCertificates } from '../control/etcd-certificates.ts';
import { createRegistration, type Registration } from '../control/registration.ts';
import { type Admin, type Readiness, startAdmin } from '../observe/admin.ts';
import { IncidentDesk } from '../observe/incident-desk.ts';
import { Metrics } from '../observe/metrics.ts';
import type { StatusReport } from '../observe/status.ts';
import type { CertificateInUse } from '../observe/tls-metrics.ts';
import { OneProcess } from './one-process.ts';
import { reread } from './process-tls.ts';
import type { ShardHost } from './shard-host.ts';
import { ShardServer } from './shard-server.ts';
import { shareOut } from './shard-shares.ts';
import { WorkerPool } from './worker-pool.ts';
import type { Launch } from './worker-process.ts';

export interface ProxyOptions {
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
  /** Starts a worker process, where the configuration wants more than one. */
  readonly launch: Launch;
  /** Makes what is to run beside the clients' path for as long as the proxy serves. Left out: nothing. */
  readonly watch?: (metrics: Metrics) => Watch;
}

/** Neither of the two throws or rejects. */
export interface Watch {
  start(): void;
  stop(): Promise<void>;
}

type Phase = 'starting' | 'serving' | 'draining' | 'stopped';

export class ProxyServer {
  readonly #options: ProxyOptions;
  readonly #id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  readonly #startedAtMs = Date.now();
  readonly #metrics: Metrics;
  readonly #incidents: IncidentDesk;
  readonly #control: Control;
  readonly #host: ShardHost;
  /** Null: etcd is not asked, or by no certificates. */
  readonly #etcdCertificates: EtcdCertificates | null;
  readonly #watch: Watch | null;
  #registration: Registration | null = null;
  #admin: Admin | null = null;
  #phase: Phase = 'starting';

  constructor(options: ProxyOptions) {
    const { config, log, version } = options;
    const names = config.shards.map((shard) => shard.name);
    const shares = shareOut(names, config.workers);
    const alone = shares.length === 1;
    this.#options = options;
    this.#metrics = new Metrics({
      service: config.service,
      version,
      ...(alone ? { shards: names } : { role: 'supervisor', worker: 'supervisor', shards: [] }),
      limits: {
        connections: config.maxConnections,
        queueStatements: config.queue.statements,
        queueBytes: config.queue.bytes,
      },
      workers: () => this.#host.workers(),
    });
    this.#incidents = new IncidentDesk({
      service: config.service,
      proxy: this.#id,
      shards: names,
      settings: config.incidents,
      metrics: this.#metrics.incidents,
      log,
      literals: config.logLiterals,
      clock: Date.now,
    });
    this.#control = createControl({ config, log, metrics: this.#metrics.control });
    this.#metrics.control.onRejected = (what) =>
      this.#incidents.report({ reason: 'control_rejected', shard: ALL_SHARDS, message: what });
    this.#etcdCertificates = config.etcd === undefined ? null : EtcdCertificates.of(config.etcd);
    this.#watch = options.watch?.(this.#metrics) ?? null;
    this.#host = alone ? this.#ownProcess(names) : this.#workerPool(shares);
    this.#control.onChange((changed) => this.#host.apply(changed));
    const ofShards = this.#metrics.tls.certificates;
    this.#metrics.tls.certificates = () => [...ofShards(), ...this.#etcdCertificate()];
  }

  /** Serves; rejects with UsageError when an address can't be listened on, and leaves nothing open then. */
  async start(): Promise<void> {
    const { config, log } = this.#options;
    this.#incidents.start();
    try {
      await this.#startAdmin();
      await this.#control.start();
      await this.#host.start();
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.#register();
    this.#watch?.start();
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
    await this.#host.drain();
    await this.#release();
    this.#phase = 'stopped';
    this.#options.log.info('stopped');
  }

  /** Ends the sessions that are left, whatever they are doing. */
  hurry(): void {
    this.#host.hurry();
  }

  /** Reads again what may change on disk while the proxy runs; connections that are open keep what they have. */
  reload(): void {
    this.#host.reload();
    this.#rereadEtcd();
  }

  /** An exception that nobody caught. */
  faulted(error: unknown): void {
    this.#host.faulted(error);
  }

  async status(): Promise<StatusReport> {
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
      ...(await this.#host.report()),
    };
  }

  #etcdCertificate(): CertificateInUse[] {
    const expiresAtMs = this.#etcdCertificates?.expiresAtMs ?? null;
    return expiresAtMs === null ? [] : [{ place: 'etcd', expiresAtMs }];
  }

  #rereadEtcd(): void {
    const certificates = this.#etcdCertificates;
    if (certificates === null) return;
    reread('etcd', this.#options.log, this.#metrics.tls, () => {
      const renewed = certificates.reread();
      this.#control.renew(renewed);
      this.#registration?.renew(renewed);
      return certificates.expiresAtMs;
    });
  }

  #ownProcess(shards: readonly string[]): ShardHost {
    const { config, log } = this.#options;
    const snapshot = this.#control.current();
    const server = new ShardServer({
      config,
      shards,
      snapshot,
      metrics: this.#metrics,
      incidents: this.#incidents,
      log,
    });
    return new OneProcess({ server, shards, applied: (applied) => this.#applied(applied) });
  }

  #workerPool(shares: readonly (readonly string[])[]): ShardHost {
    return new WorkerPool({
      ...this.#options,
      shares,
      snapshot: this.#control.current(),
      incidents: this.#incidents,
      applied: (applied) => this.#applied(applied),
    });
  }

  #readiness(): Readiness {
    if (this.#phase !== 'serving') return { ready: false, reasons: [`the proxy is ${this.#phase}`] };
    const reasons = this.#host.unready();
    return { ready: reasons.length === 0, reasons };
  }

  /** The registration tells others which ratios are in force here, so it waits until they are. */
  #applied(snapshot: ControlSnapshot): void {
    this.#registration?.applied(snapshot);
  }

  async #startAdmin(): Promise<void> {
    const { config, log } = this.#options;
    const metrics = this.#metrics;
    this.#admin = await startAdmin({
      ...config.admin,
      unauthorized: () => {
        metrics.adminUnauthorized += 1;
      },
      metrics: {
        contentType: metrics.contentType,
        text: async () => metrics.text(await this.#host.documents()),
      },
      health: () => ({ id: this.#id, phase: this.#phase }),
      ready: () => this.#readiness(),
      status: () => this.status(),
      incidents: (query) => this.#incidents.answer(query, this.#host.silentShards()),
      journal: (shard, request) => this.#host.journal(shard, request),
      log,
    });
  }

  #register(): void {
    const { config, log, version } = this.#options;
    this.#registration = createRegistration({
      config,
      log,
      id: this.#id,
      version,
      admin: this.#admin?.url ?? '',
      startedAtMs: this.#startedAtMs,
      snapshot: this.#control.current(),
    });
    this.#registration.start();
  }

  async #release(): Promise<void> {
    await this.#watch?.stop();
    await this.#host.release();
    this.#incidents.stop();
    await this.#registration?.stop();
    await this.#control.stop();
    await this.#admin?.close();
  }
}
