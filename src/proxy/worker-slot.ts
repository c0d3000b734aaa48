/**
 * One worker through all of its processes: `starting → serving → draining → ended`, and back to `starting` by
 * way of `down` whenever a process ends that was not told to.
 */
import { UsageError } from '../base/errors.ts';
import type { IncidentReason } from '../base/incident-reasons.ts';
import type { Log } from '../base/log.ts';
import type { IncidentDesk } from '../observe/incident-desk.ts';
import type { JournalAnswer, JournalRequest } from '../observe/journal-routes.ts';
import { LastingFigures, type MetricDocument } from '../observe/metric-documents.ts';
import type { ShardStatus, WorkerState, WorkerStatus } from '../observe/status.ts';
import type { WorkerFigures } from '../observe/worker-metrics.ts';
import { Heartbeat } from './heartbeat.ts';
import { refusal } from './journal-answers.ts';
import { WorkerCalls } from './worker-calls.ts';
import { WorkerLink } from './worker-link.ts';
import { type News, newsSchema, type Order, type StartOrder } from './worker-messages.ts';
import type { Launch, WorkerEnd, WorkerProcess } from './worker-process.ts';

export interface WorkerSlotOptions {
  readonly worker: number;
  /** The names of the shards that it owns. */
  readonly shards: readonly string[];
  readonly launch: Launch;
  readonly log: Log;
  /** What a process is told first, with the ratios of now, and the number of their change. */
  firstOrder(): { readonly order: StartOrder; readonly number: number };
  /** Its process has put ratios in force, or there is none any more that should. */
  applied(): void;
  /** Takes what the worker tells of, and what becomes of the worker itself. */
  readonly incidents: Pick<IncidentDesk, 'report' | 'take'>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5000;
/** A process that served so long starts the backoff anew. */
const STEADY_MS = 60_000;

type Life =
  | { readonly at: 'down'; readonly timer: NodeJS.Timeout | null }
  | {
      readonly at: 'starting' | 'serving' | 'draining';
      readonly process: WorkerProcess;
      readonly link: WorkerLink;
    }
  | { readonly at: 'ended' };

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  readonly #log: Log;
  readonly #figures = new LastingFigures();
  readonly #calls = new WorkerCalls();
  #life: Life = { at: 'down', timer: null };
  #sinceMs = Date.now();
  #heartbeat = new Heartbeat();
  #restarts = 0;
  /** Starts since one served for long. */
  #failures = 0;
  #servingFromMs = 0;
  #appliedNumber = 0;
  #heard: 'now' | 'before' = 'before';
  #heardAtMs: number;
  /** When it told of its shards. */
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #shards: readonly ShardStatus[] = [];
  /** Of the proxy's start: the worker serves, or the whole start has failed. */
  #first: Waiter | null = null;
  #whenEnded: (() => void)[] = [];
  /** Said by a process that could not serve, until it ends. */
  #fault: { readonly usage: boolean; readonly message: string } | null = null;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
    this.#log = options.log.child({ worker: options.worker });
    this.#heardAtMs = options.now();
  }

  /** Resolves when the shards are served. Rejects with UsageError where their ports can't be had. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
      this.#launch();
    });
  }

  /** The change of the ratios that is in force; Infinity where no process has to be told. */
  get appliedNumber(): number {
    return 'process' in this.#life ? this.#appliedNumber : Infinity;
  }

  get state(): WorkerState {
    const { at } = this.#life;
    if (at === 'ended') return 'down';
    return at !== 'down' && this.#heartbeat.state === 'silent' ? 'silent' : at;
  }

  send(order: Order): void {
    if ('link' in this.#life) this.#life.link.send(order);
  }

  /** Lets the worker drain; resolves when its process has ended, by itself or by `kill`. */
  drain(): Promise<void> {
    const life = this.#life;
    if (life.at === 'down') {
      if (life.timer !== null) clearTimeout(life.timer);
      this.#enter({ at: 'ended' });
    } else if (life.at !== 'ended') {
      life.link.send({ type: 'drain' });
      this.#enter({ ...life, at: 'draining' });
    }
    return this.#untilEnded();
  }

  /** Ends the process at once, for good. */
  kill(): Promise<void> {
    const life = this.#life;
    if (life.at === 'down' || life.at === 'ended') return this.drain();
    this.#enter({ ...life, at: 'draining' });
    life.process.kill();
    return this.#untilEnded();
  }

  /** To be called every second. */
  tick(): void {
    const life = this.#life;
    if (life.at === 'down' || life.at === 'ended') return;
    const beat = this.#heartbeat.tick();
    if (beat === 'as_before') return;
    const about = { incident: `worker_${beat}`, pid: life.process.pid, shards: this.#options.shards };
    if (beat === 'silent') {
      this.#sinceMs = Date.now();
      this.#incident('worker_silent', `pid ${life.process.pid}`);
      this.#log.error(about, 'a worker does not answer: the clients of its shards may wait');
      return;
    }
    this.#incident('worker_hung', `pid ${life.process.pid}`);
    this.#log.error(about, 'a worker has not answered for too long, and is ended');
    life.process.kill();
  }

  /** Its newest metrics, if it gives them in time, and otherwise those before. */
  async documents(): Promise<readonly MetricDocument[]> {
    const life = this.#life;
    this.#heard = 'before';
    if (life.at === 'serving' || life.at === 'draining') await life.link.ask('figures');
    return this.#figures.documents();
  }

  /**
   * Its shards as it last told of them, after a bounded wait for news; none while no process serves them. The lag of
   * one that stays silent grows with its silence: whatever it had replayed by its last news, it may have nothing since.
   */
  async shardStatuses(): Promise<readonly ShardStatus[]> {
    const life = this.#life;
    if (life.at !== 'serving' && life.at !== 'draining') return [];
    const askedAtMs = this.#options.now();
    await life.link.ask('status');
    if (this.#toldAtMs >= askedAtMs) return this.#shards;
    const silentSeconds = (this.#options.now() - this.#toldAtMs) / 1000;
    return this.#shards.map((shard) => ({ ...shard, lagSeconds: shard.lagSeconds + silentSeconds }));
  }

  serves(shard: string): boolean {
    return this.#options.shards.includes(shard);
  }

  /** Asks the journal of one of its shards. */
  journal(shard: string, request: JournalRequest): Promise<JournalAnswer> {
    const life = this.#life;
    if (life.at !== 'serving' && life.at !== 'draining')
      return Promise.resolve(
        refusal(503, 'down', 'the worker of this shard does not serve: ask again later'),
      );
    return this.#calls.ask((number) => life.link.send({ type: 'journal', number, shard, request }));
  }

  figures(): WorkerFigures {
    const { state } = this;
    return {
      worker: String(this.#options.worker),
      up: state === 'serving' || state === 'draining' ? 1 : 0,
      restarts: this.#restarts,
      ageSeconds: this.#heard === 'now' ? 0 : (this.#options.now() - this.#heardAtMs) / 1000,
    };
  }

  status(): WorkerStatus {
    const { worker, shards } = this.#options;
    return {
      worker,
      pid: 'process' in this.#life ? this.#life.process.pid : null,
      state: this.state,
      since: new Date(this.#sinceMs).toISOString(),
      restarts: this.#restarts,
      shards,
    };
  }

  #launch(): void {
    const { order, number } = this.#options.firstOrder();
    const process = this.#options.launch({
      message: (value) => this.#hear(value),
      ended: (end) => this.#ended(end),
    });
    const link = new WorkerLink(process);
    this.#appliedNumber = number;
    this.#heartbeat = new Heartbeat();
    this.#fault = null;
    this.#shards = [];
    this.#enter({ at: 'starting', process, link });
    link.send(order);
  }

  #hear(value: unknown): void {
    const life = this.#life;
    if (life.at === 'down' || life.at === 'ended') return;
    const parsed = newsSchema.safeParse(value);
    if (!parsed.success) {
      this.#log.warn(
        { pid: life.process.pid, reason: parsed.error.message },
        'a worker said what can’t be understood: were the program’s files replaced?',
      );
      return;
    }
    if (this.#heartbeat.heard() === 'silent') {
      this.#sinceMs = Date.now();
      this.#log.info({ pid: life.process.pid }, 'the worker answers again');
    }
    this.#take(parsed.data, life.link);
  }

  #take(news: News, link: WorkerLink): void {
    switch (news.type) {
      case 'beat':
        return;
      case 'serving':
        this.#serving();
        return;
      case 'failed':
        this.#fault = { usage: news.fault === 'usage', message: news.message };
        return;
      case 'applied':
        this.#appliedNumber = news.number;
        this.#options.applied();
        return;
      case 'figures':
        this.#figures.heard(news.document);
        this.#heard = 'now';
        this.#heardAtMs = this.#options.now();
        link.answered('figures');
        return;
      case 'status':
        this.#shards = news.shards;
        this.#toldAtMs = this.#options.now();
        link.answered('status');
        return;
      case 'incidents':
        this.#options.incidents.take(news.entries);
        return;
      case 'journal':
        this.#calls.answered(news.number, { code: news.code, body: news.body });
        return;
      case 'unable':
        this.#log.error({ about: news.about, reason: news.reason }, 'a worker could not answer');
        link.answered(news.about);
        return;
    }
  }

  #serving(): void {
    this.#servingFromMs = this.#options.now();
    const { pid } = this.status();
    this.#log.info({ pid, shards: this.#options.shards }, 'a worker is serving');
    if (this.#life.at === 'starting') this.#enter({ ...this.#life, at: 'serving' });
    this.#first?.resolve();
    this.#first = null;
  }

  #ended(end: WorkerEnd): void {
    const life = this.#life;
    if (life.at === 'down' || life.at === 'ended') return;
    life.link.gone();
    this.#calls.gone();
    this.#figures.ended();
    if (this.#first !== null) {
      this.#enter({ at: 'ended' });
      this.#first.reject(this.#startFault(end));
      this.#first = null;
    } else if (life.at === 'draining') {
      if (end.code !== 0) this.#tellOfEnd(end, life.process, 'a worker ended before it had drained');
      this.#enter({ at: 'ended' });
    } else {
      this.#tellOfEnd(
        end,
        life.process,
        'a worker ended: its shards’ connections are lost; it is started again',
      );
      this.#startAgainLater(life.at);
    }
    this.#options.applied();
  }

  #startAgainLater(was: 'starting' | 'serving'): void {
    const steady = was === 'serving' && this.#options.now() - this.#servingFromMs >= STEADY_MS;
    this.#failures = steady ? 0 : this.#failures;
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures);
    this.#failures += 1;
    const timer = setTimeout(() => {
      this.#restarts += 1;
      this.#launch();
    }, delayMs);
    this.#enter({ at: 'down', timer });
  }

  #tellOfEnd(end: WorkerEnd, process: WorkerProcess, message: string): void {
    const reason = this.#fault?.message ?? end.error;
    this.#incident('worker_ended', reason ?? end.signal ?? `code ${end.code}`);
    this.#log.error(
      {
        incident: 'worker_ended',
        pid: process.pid,
        code: end.code,
        signal: end.signal,
        shards: this.#options.shards,
        ...(reason === null ? {} : { reason }),
      },
      message,
    );
  }

  /** Clients know shards, not workers: each of them has the incident. */
  #incident(reason: IncidentReason, message: string): void {
    const { worker, shards, incidents } = this.#options;
    for (const shard of shards) incidents.report({ reason, shard, message: `worker ${worker}: ${message}` });
  }

  #startFault(end: WorkerEnd): Error {
    const fault = this.#fault;
    if (fault !== null) return fault.usage ? new UsageError(fault.message) : new Error(fault.message);
    const how = end.error ?? end.signal ?? `code ${end.code}`;
    return new Error(`worker ${this.#options.worker} ended before it served its shards: ${how}`);
  }

  #enter(life: Life): void {
    this.#life = life;
    this.#sinceMs = Date.now();
    if (life.at !== 'ended') return;
    for (const resolve of this.#whenEnded.splice(0)) resolve();
  }

  #untilEnded(): Promise<void> {
    if (this.#life.at === 'ended') return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEnded.push(resolve);
    });
  }
}
