/**
 * The proxy's entry in etcd, under a lease, so that it goes away with the proxy. One loop keeps it true:
 * each beat renews the lease or takes a new one, and writes the entry where it is missing or out of date.
 */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config, EtcdSettings } from '../config/load.ts';
import type { ControlSnapshot } from '../config/ratios.ts';
import { Bell } from './bell.ts';
import { proxiesPrefix } from './control-keys.ts';
import type { EtcdClient } from './etcd-client.ts';
import { renewLease } from './etcd-lease.ts';
import { EtcdLink } from './etcd-link.ts';
import type { ProxyRecord } from './proxy-record.ts';

const RETRY_MS = 1000;
/** Bounds how often a storm of ratio changes is written to etcd. */
const WRITE_GAP_MS = 20;
/** The proxy's exit does not wait longer than this for etcd to take the entry away. */
const STOP_WAIT_MS = 2000;

export interface Registration {
  /** Begins to register; returns at once. */
  start(): void;
  /** The proxy has applied `snapshot`: the entry follows soon. */
  applied(snapshot: ControlSnapshot): void;
  /** etcd is to be reached by these settings from now on. */
  renew(etcd: EtcdSettings): void;
  /** Takes the entry away, within a bounded time. */
  stop(): Promise<void>;
}

export interface RegistrationOptions {
  readonly config: Config;
  readonly log: Log;
  /** Unique among the proxies of the prefix; no "/". */
  readonly id: string;
  readonly version: string;
  /** Base URL of the admin HTTP, as other hosts reach it. */
  readonly admin: string;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly snapshot: ControlSnapshot;
}

/** Without etcd in the configuration there is nowhere to register, and the calls do nothing. */
export function createRegistration(options: RegistrationOptions): Registration {
  const { etcd } = options.config;
  if (etcd !== undefined) return new EtcdRegistration(options, etcd);
  return {
    start: () => undefined,
    applied: () => undefined,
    renew: () => undefined,
    stop: () => Promise.resolve(),
  };
}

class EtcdRegistration implements Registration {
  readonly #log: Log;
  readonly #options: RegistrationOptions;
  readonly #etcd: EtcdSettings;
  readonly #bell = new Bell();
  readonly #key: string;
  readonly #link: EtcdLink;
  #phase: 'idle' | 'running' | 'stopped' = 'idle';
  #loop: Promise<void> | undefined;
  #lease: string | undefined;
  #lastFailure: string | undefined;
  #snapshot: ControlSnapshot;
  /** Settings that the next beat is to begin with. */
  #renewal: EtcdSettings | undefined;

  constructor(options: RegistrationOptions, etcd: EtcdSettings) {
    this.#options = options;
    this.#log = options.log;
    this.#etcd = etcd;
    this.#key = `${proxiesPrefix(etcd.prefix)}${options.id}`;
    this.#link = new EtcdLink(etcd);
    this.#snapshot = options.snapshot;
  }

  start(): void {
    if (this.#phase !== 'idle') return;
    this.#phase = 'running';
    this.#loop = this.#run();
  }

  applied(snapshot: ControlSnapshot): void {
    this.#snapshot = snapshot;
    this.#bell.ring();
  }

  renew(etcd: EtcdSettings): void {
    this.#renewal = etcd;
    this.#bell.ring();
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#bell.ring();
    if (this.#loop === undefined) return;
    await Promise.race([this.#loop, delay(STOP_WAIT_MS, undefined, { ref: false })]);
    this.#link.close();
  }

  async #run(): Promise<void> {
    const beatMs = (this.#etcd.leaseTtlSeconds * 1000) / 3;
    while (this.#phase === 'running') {
      const outcome = await this.#beat();
      await delay(WRITE_GAP_MS);
      await this.#bell.wait(outcome === 'registered' ? beatMs : Math.min(beatMs, RETRY_MS));
    }
    await this.#revoke();
  }

  async #beat(): Promise<'registered' | 'failed'> {
    if (this.#renewal !== undefined) this.#link.renew(this.#renewal);
    this.#renewal = undefined;
    try {
      await this.#link.use(`to keep ${this.#key}`, (client) => this.#register(client));
      if (this.#lastFailure !== undefined)
        this.#log.info({ id: this.#options.id }, 'registered in etcd again');
      this.#lastFailure = undefined;
      return 'registered';
    } catch (error) {
      const reason = messageOf(error);
      if (this.#phase === 'running' && reason !== this.#lastFailure) {
        this.#log.warn({ reason }, 'the registration in etcd failed; it is tried again');
      }
      this.#lastFailure = reason;
      return 'failed';
    }
  }

  /** The lease's number outlives a failure: when etcd was away for a moment the lease may be alive still. */
  async #register(client: EtcdClient): Promise<void> {
    if (this.#lease !== undefined && !(await renewLease(client, this.#lease))) this.#lease = undefined;
    this.#lease ??= (await client.etcd.leaseClient.leaseGrant({ TTL: this.#etcd.leaseTtlSeconds })).ID;
    await putIfDifferent(client, this.#key, this.#record(), this.#lease);
  }

  async #revoke(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    try {
      await this.#link.use(`to take ${this.#key} away`, (client) =>
        client.etcd.leaseClient.leaseRevoke({ ID: lease }),
      );
    } catch (error) {
      this.#log.debug(
        { reason: messageOf(error) },
        'the registration could not be taken away; its lease will end it',
      );
    }
  }

  #record(): string {
    const { id, version, admin, startedAtMs } = this.#options;
    const record: ProxyRecord = {
      id,
      host: hostname(),
      pid: process.pid,
      version,
      admin,
      startedAt: new Date(startedAtMs).toISOString(),
      shards: this.#snapshot.shards,
      revision: this.#snapshot.revision,
      appliedAt: new Date(this.#snapshot.appliedAtMs).toISOString(),
      source: this.#snapshot.source,
    };
    return JSON.stringify(record);
  }
}

/** Writes only what differs, so that watchers of the prefix are not woken by each beat. */
async function putIfDifferent(client: EtcdClient, key: string, value: string, lease: string): Promise<void> {
  const name = Buffer.from(key);
  const content = Buffer.from(value);
  await client.etcd.kv.txn({
    compare: [
      { key: name, target: 'Value', result: 'Equal', value: content },
      { key: name, target: 'Lease', result: 'Equal', lease },
    ],
    failure: [{ request_put: { key: name, value: content, lease } }],
  });
}
