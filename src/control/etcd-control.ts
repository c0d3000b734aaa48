/**
 * Live ratios from etcd. One loop reads the whole prefix: at a ring of the watch, every `rereadMs`
 * besides (watches have been seen to fall silent without an error), and again soon after a failure.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { EtcdSettings } from '../config/load.ts';
import type { ControlSnapshot } from '../config/ratios.ts';
import { Bell } from './bell.ts';
import type { Control, ControlMetrics, ControlOptions } from './control.ts';
import type { EtcdClient, EtcdRead } from './etcd-client.ts';
import { EtcdLink } from './etcd-link.ts';
import type { Watch } from './etcd-watch.ts';
import { LiveSnapshot } from './live-snapshot.ts';
import { EMPTY_LEDGER, foldRead, type RatioLedger } from './ratio-ledger.ts';
import { sanitize } from './sanitize.ts';
import { fileLayer, type RatioLayer, resolveRatios } from './snapshot.ts';

/** The proxy starts on the file's ratios when etcd has not answered by then. */
const START_WAIT_MS = 4000;
const RETRY_MS = 1000;
/** A storm of changes is read at most this often, and a watch that ends at once is reopened no faster. */
const READ_GAP_MS = 20;
const WATCH_GAP_MS = 500;
/** Foreign keys that are remembered as warned about. */
const WARNED_MAX = 1000;

export class EtcdControl implements Control {
  readonly #log: Log;
  readonly #metrics: ControlMetrics;
  readonly #clock: () => number;
  readonly #etcd: EtcdSettings;
  readonly #shards: readonly string[];
  readonly #file: RatioLayer;
  readonly #bell = new Bell();
  readonly #warned = new Set<string>();
  #phase: 'idle' | 'running' | 'stopped' = 'idle';
  #loop: Promise<void> | undefined;
  readonly #link: EtcdLink;
  /** Settings that the next read is to begin with. */
  #renewal: EtcdSettings | undefined;
  #watch: Watch | undefined;
  #watchOpenedAt = Number.NEGATIVE_INFINITY;
  #lastFailure: string | undefined;
  #ledger: RatioLedger = EMPTY_LEDGER;
  readonly #live: LiveSnapshot;

  constructor(options: ControlOptions, etcd: EtcdSettings) {
    this.#log = options.log;
    this.#metrics = options.metrics;
    this.#clock = options.clock ?? Date.now;
    this.#etcd = etcd;
    this.#link = new EtcdLink(etcd);
    this.#shards = options.config.shards.map((shard) => shard.name);
    this.#file = fileLayer(options.config.mirror);
    const first: ControlSnapshot = {
      source: 'etcd',
      connected: false,
      revision: 0,
      appliedAtMs: this.#clock(),
      shards: resolveRatios(this.#shards, [this.#file]),
    };
    this.#live = new LiveSnapshot(first, this.#log, this.#metrics);
  }

  current(): ControlSnapshot {
    return this.#live.current;
  }

  onChange(listener: (snapshot: ControlSnapshot) => void): void {
    this.#live.onChange(listener);
  }

  async start(): Promise<void> {
    if (this.#phase !== 'idle') return;
    this.#phase = 'running';
    const first = this.#refresh('timeout');
    this.#loop = first.then(() => this.#run());
    await Promise.race([first, delay(START_WAIT_MS, undefined, { ref: false })]);
  }

  renew(etcd: EtcdSettings): void {
    this.#renewal = etcd;
    this.#bell.ring();
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#bell.ring();
    this.#closeWatch();
    this.#link.close();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (this.#phase === 'running') {
      await delay(READ_GAP_MS);
      const why = await this.#bell.wait(this.#waitMs());
      if (this.#phase === 'running') await this.#refresh(why);
    }
  }

  #waitMs(): number {
    if (!this.#live.current.connected) return Math.min(this.#etcd.rereadMs, RETRY_MS);
    return this.#watch === undefined ? Math.min(this.#etcd.rereadMs, WATCH_GAP_MS) : this.#etcd.rereadMs;
  }

  async #refresh(why: 'rung' | 'timeout'): Promise<void> {
    this.#applyRenewal();
    try {
      await this.#link.use(`for the keys under ${this.#etcd.prefix}`, (client) => this.#sync(client, why));
    } catch (error) {
      this.#closeWatch();
      if (this.#phase === 'running') this.#lose(messageOf(error));
    }
  }

  /** Between two reads, so that none fails of it; the read that follows sees what no watch did. */
  #applyRenewal(): void {
    if (this.#renewal === undefined) return;
    this.#closeWatch();
    this.#link.renew(this.#renewal);
    this.#renewal = undefined;
  }

  async #sync(client: EtcdClient, why: 'rung' | 'timeout'): Promise<void> {
    const read = await client.read(this.#etcd.prefix);
    if (this.#phase !== 'running') return;
    const changed = this.#accept(read);
    if (this.#watch === undefined) {
      await this.#openWatch(client, read.revision);
    } else if (changed && why === 'timeout') {
      this.#log.debug('the watch on etcd missed a change and is opened anew');
      this.#closeWatch();
      this.#link.reset();
    }
  }

  /** Takes in a full read. Returns whether a ratio key had been written or deleted. */
  #accept(read: EtcdRead): boolean {
    const folded = foldRead(this.#ledger, read.keys, { prefix: this.#etcd.prefix, shards: this.#shards });
    this.#ledger = folded.ledger;
    for (const { key, value, reason } of folded.rejected) {
      this.#metrics.rejected(`${sanitize(key, 200)}: the value ${reason}`);
      this.#log.warn(
        { key: sanitize(key, 200), value: sanitize(value) },
        `a mirror ratio in etcd was refused: the value ${reason}`,
      );
    }
    for (const { key, reason } of folded.unknown) this.#warnOnce(key, reason);
    const found = !this.#live.current.connected;
    if (found) this.#log.info({ revision: read.revision }, 'etcd is connected');
    this.#lastFailure = undefined;
    if (found || folded.changed) {
      this.#live.publish({
        source: 'etcd',
        connected: true,
        revision:
          folded.changed || this.#live.current.revision === 0 ? read.revision : this.#live.current.revision,
        appliedAtMs: folded.changed ? this.#clock() : this.#live.current.appliedAtMs,
        shards: resolveRatios(this.#shards, [folded.ledger.layer, this.#file]),
      });
    }
    return folded.changed;
  }

  #warnOnce(key: string, reason: string): void {
    if (this.#warned.has(key) || this.#warned.size >= WARNED_MAX) return;
    this.#warned.add(key);
    this.#log.warn({ key: sanitize(key, 200) }, `a key in etcd is ignored: it ${reason}`);
  }

  async #openWatch(client: EtcdClient, revision: number): Promise<void> {
    if (performance.now() - this.#watchOpenedAt < WATCH_GAP_MS) return;
    this.#watchOpenedAt = performance.now();
    // With it etcd's library is loaded: see EtcdLink.
    const { openWatch } = await import('./etcd-watch.ts');
    const watch = await openWatch(client, this.#etcd.prefix, revision + 1, {
      onChange: () => this.#bell.ring(),
      onEnd: (reason) => {
        this.#log.debug({ reason }, 'the watch on etcd ended');
        this.#watch = undefined;
        this.#bell.ring();
      },
    });
    if (this.#phase === 'running') this.#watch = watch;
    else watch.close();
  }

  #lose(reason: string): void {
    if (reason !== this.#lastFailure) {
      this.#log.warn({ reason }, 'etcd is away; the last ratios stay in force');
    }
    this.#lastFailure = reason;
    if (this.#live.current.connected) this.#live.publish({ ...this.#live.current, connected: false });
  }

  #closeWatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }
}
