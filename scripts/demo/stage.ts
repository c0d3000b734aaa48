/** The hands of the acts: what they can do to the running clusters, and the figures that are kept of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { RATIO_KINDS, type RatioKind } from '../../src/config/ratios.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { type Cluster, PREFIX } from './cluster.ts';
import type { Display } from './display.ts';
import { compareScrapes, droppedOf } from './figures.ts';
import type { RunningLoad } from './load.ts';
import type { RunningProbe } from './probe.ts';
import { type Scrape, scrape } from './scrape.ts';
import { count, duration } from './text.ts';

const TICK_MS = 1000;
const CONDITION_TIMEOUT_MS = 30_000;

/** One change of a ratio, and how long it took until the proxy had applied it. */
export interface Turn {
  readonly change: string;
  /** From the start of etcdctl until every shard had the ratio. */
  readonly appliedMs: number;
  /** What etcdctl itself took, from its start to its end. */
  readonly commandMs: number;
}

export interface Act {
  readonly title: string;
  /** Its share of the demo's time. */
  readonly weight: number;
  /** The name under which the control group's timings of this act are summed up. */
  readonly period: string;
  play(stage: Stage, seconds: number): Promise<void>;
}

export interface StageOptions {
  readonly cluster: Cluster;
  readonly load: RunningLoad;
  readonly probe: RunningProbe;
  readonly display: Display;
  readonly signal: AbortSignal;
}

export class Stage {
  readonly turns: Turn[] = [];
  readonly #options: StageOptions;
  readonly #startedMs = performance.now();
  #notes: string[] = [];
  #last: Scrape;

  private constructor(options: StageOptions, first: Scrape) {
    this.#options = options;
    this.#last = first;
  }

  static async open(options: StageOptions): Promise<Stage> {
    return new Stage(options, await scrape(options.cluster.proxy));
  }

  get clientErrors(): number {
    return this.#options.load.figures().errors + this.#options.probe.figures().errors;
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Plays the acts one after the other, in about `seconds`, while the table is kept up to date. */
  async play(acts: readonly Act[], seconds: number): Promise<void> {
    const { display, probe } = this.#options;
    const weights = acts.reduce((sum, act) => sum + act.weight, 0);
    const over = new AbortController();
    const ticking = this.#tick(over.signal);
    try {
      for (const [index, act] of acts.entries()) {
        const heading = { number: index + 1, of: acts.length, title: act.title };
        const before = await scrape(this.#options.cluster.proxy);
        this.#notes = [];
        probe.period(act.period);
        display.beginAct(heading);
        await Promise.race([act.play(this, (seconds * act.weight) / weights), ticking]);
        const figures = compareScrapes(before, await scrape(this.#options.cluster.proxy));
        display.endAct(heading, { notes: this.#notes, figures });
      }
    } finally {
      over.abort();
      await ticking.catch(() => {});
    }
  }

  /** Lets the load go on. */
  async hold(seconds: number): Promise<void> {
    await delay(seconds * 1000, undefined, { signal: this.#options.signal });
  }

  /** `etcdctl put` of a ratio; resolves once every shard has it. `key` stands behind the prefix. */
  async turn(key: string, value: number): Promise<void> {
    const kind = RATIO_KINDS.find((known) => key.endsWith(known)) ?? 'reads';
    const shard = /^shards\/([^/]+)\//.exec(key)?.[1];
    const put = () => this.#options.cluster.etcd.put(`${PREFIX}${key}`, String(value));
    await this.#change(`etcdctl put ${PREFIX}${key} ${value}`, put, kind, value, shard);
  }

  /** `etcdctl del` of a ratio; `value` is what counts again then. */
  async unset(key: string, kind: RatioKind, value: number): Promise<void> {
    const del = () => this.#options.cluster.etcd.del(`${PREFIX}${key}`);
    await this.#change(`etcdctl del ${PREFIX}${key}`, del, kind, value, undefined);
  }

  /** SIGKILL to the last new host; resolves once the breaker of each of its shards is open. */
  async killNewHost(): Promise<void> {
    const { server, shards } = this.#victim();
    const startedMs = performance.now();
    await server.kill9();
    this.#note(`kill -9 of ${server.name}, which holds ${shards.join(' and ')}`);
    await this.#untilShadows(shards, (state) => state === 'down');
    this.#note(
      `breakers open after ${duration(performance.now() - startedMs)}: what these shards select is dropped, ` +
        'counted, and noted as doubts',
    );
  }

  /** Starts it again on its own data; resolves once its shards get all their units again. */
  async reviveNewHost(): Promise<void> {
    const { server, shards } = this.#victim();
    const before = await scrape(this.#options.cluster.proxy);
    const startedMs = performance.now();
    await server.restart();
    this.#note(`${server.name} recovered from its own log in ${duration(performance.now() - startedMs)}`);
    await this.#untilShadows(shards, (state) => state === 'up');
    const dropped = droppedOf(await scrape(this.#options.cluster.proxy)) - droppedOf(before);
    this.#note(
      `all units are let in again ${duration(performance.now() - startedMs)} after the restart began ` +
        `(${count(dropped)} more were dropped on the way)`,
    );
  }

  async #change(
    change: string,
    make: () => Promise<void>,
    kind: RatioKind,
    value: number,
    shard: string | undefined,
  ): Promise<void> {
    const startedMs = Date.now();
    await make();
    const commandMs = Date.now() - startedMs;
    const { proxy } = this.#options.cluster;
    const status = await waitFor(
      async () => {
        const report = await proxy.status();
        const shards = report.shards.filter(({ name }) => shard === undefined || name === shard);
        return shards.every(({ ratios }) => ratios[kind] === value) ? report : null;
      },
      { what: `the proxy to apply ${change}`, timeoutMs: CONDITION_TIMEOUT_MS },
    );
    const appliedMs = Math.max(0, Date.parse(status.control.appliedAt) - startedMs);
    this.turns.push({ change, appliedMs, commandMs });
    this.#note(`${change}   applied in ${duration(appliedMs)}`);
  }

  #victim(): { server: Cluster['newHosts'][number]; shards: string[] } {
    const { newHosts, shards } = this.#options.cluster;
    const server = newHosts.at(-1);
    if (server === undefined) throw new Error('there is no new host');
    return {
      server,
      shards: shards.filter((shard) => shard.new.server === server).map(({ name }) => name),
    };
  }

  async #untilShadows(shards: readonly string[], wanted: (state: string) => boolean): Promise<void> {
    await waitFor(
      async () => {
        const { shards: all } = await this.#options.cluster.proxy.status();
        return all.filter(({ name }) => shards.includes(name)).every(({ shadow }) => wanted(shadow.state));
      },
      { what: `the shadows of ${shards.join(', ')}`, timeoutMs: CONDITION_TIMEOUT_MS },
    );
  }

  /** Runs until `over`; throws where something that the demo stands on has ended. */
  async #tick(over: AbortSignal): Promise<void> {
    const { cluster, load, probe, display, signal } = this.#options;
    const until = AbortSignal.any([over, signal]);
    while (!until.aborted) {
      await delay(TICK_MS, undefined, { signal: until }).catch(() => {});
      if (until.aborted) return;
      load.check();
      probe.check();
      const now = await scrape(cluster.proxy);
      const figures = compareScrapes(this.#last, now);
      this.#last = now;
      display.tick({ seconds: this.elapsedSeconds, figures, clientErrors: this.clientErrors });
    }
  }

  #note(text: string): void {
    this.#notes.push(text);
    this.#options.display.note(text);
  }
}
