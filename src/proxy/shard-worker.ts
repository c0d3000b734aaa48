/**
 * A worker process: serves the shards that its supervisor gives it. It obeys the supervisor alone, and when
 * that is gone it drains and ends by itself, so that no listener is left without a master.
 */
import { messageOf, UsageError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { IncidentGatherer } from '../observe/incident-gatherer.ts';
import { Metrics } from '../observe/metrics.ts';
import { refusal } from './journal-answers.ts';
import { ShardServer } from './shard-server.ts';
import { type News, type Order, orderSchema, type Question, type StartOrder } from './worker-messages.ts';

/** The supervisor's end of the channel. */
export interface SupervisorChannel {
  /** `taken` is called when the channel has taken the news, or never will. */
  send(news: News, taken: () => void): void;
  /** `listener` hears every message, also those that came before. */
  onMessage(listener: (value: unknown) => void): void;
  onGone(listener: () => void): void;
}

export interface ShardWorkerOptions {
  readonly channel: SupervisorChannel;
  /** Of the program that this process runs. */
  readonly version: string;
  createLog(level: string): Log;
}

type JournalOrder = Extract<Order, { type: 'journal' }>;

const BEAT_MS = 1000;

interface Running {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly incidents: IncidentGatherer;
  readonly server: ShardServer;
  /** Resolves when the start has succeeded or failed. */
  readonly started: Promise<'serving' | 'failed'>;
}

export class ShardWorker {
  readonly #options: ShardWorkerOptions;
  readonly #over: Promise<number>;
  #end: (code: number) => void = () => {};
  #running: Running | null = null;
  #beats: NodeJS.Timeout | null = null;
  #beat: 'sent' | 'taken' = 'taken';
  #told: 'sent' | 'taken' = 'taken';
  #phase: 'starting' | 'serving' | 'draining' = 'starting';

  constructor(options: ShardWorkerOptions) {
    this.#options = options;
    this.#over = new Promise((resolve) => {
      this.#end = resolve;
    });
    options.channel.onMessage((value) => this.#hear(value));
    options.channel.onGone(() => this.#orphaned());
  }

  /** Serves until it has drained; the exit code. */
  async run(): Promise<number> {
    const code = await this.#over;
    if (this.#beats !== null) clearInterval(this.#beats);
    await this.#running?.server.release();
    return code;
  }

  /** An exception that nobody caught; see `ShardServer.faulted`. Throws it on where nothing is served yet. */
  faulted(error: unknown): void {
    if (this.#running === null) throw error;
    this.#running.server.faulted(error);
  }

  #hear(value: unknown): void {
    const parsed = orderSchema.safeParse(value);
    if (parsed.success) this.#obey(parsed.data);
    else
      this.#running?.log.warn(
        { reason: parsed.error.message },
        'the supervisor said what can’t be understood',
      );
  }

  #obey(order: Order): void {
    if (order.type === 'start') {
      this.#start(order);
      return;
    }
    const running = this.#running;
    if (running === null) return;
    switch (order.type) {
      case 'ratios':
        running.server.apply(order.snapshot);
        this.#send({ type: 'applied', number: order.number });
        return;
      case 'ask':
        void this.#answer(running, order.about);
        return;
      case 'journal':
        void this.#askJournal(running, order);
        return;
      case 'drain':
        void this.#drain(running, 0);
        return;
      case 'hurry':
        running.server.hurry();
        return;
      case 'reload':
        running.server.reload();
        return;
    }
  }

  #start(order: StartOrder): void {
    const { worker, config, shards, snapshot } = order;
    const log = this.#options.createLog(config.logLevel).child({ worker });
    if (order.version !== this.#options.version) {
      const versions = { supervisor: order.version, worker: this.#options.version };
      log.warn(versions, 'the program’s files were replaced under a running proxy: restart it');
    }
    const metrics = new Metrics({
      service: config.service,
      version: this.#options.version,
      role: 'worker',
      worker: String(worker),
      shards,
    });
    const incidents = new IncidentGatherer({ clock: Date.now, literals: config.logLiterals });
    this.#beats = setInterval(() => {
      this.#sendBeat();
      void this.#sendIncidents(incidents);
    }, BEAT_MS);
    try {
      const server = new ShardServer({ config, shards, snapshot, metrics, incidents, log });
      this.#running = { log, metrics, incidents, server, started: this.#serve(server) };
    } catch (error) {
      void this.#fail(error);
    }
  }

  async #serve(server: ShardServer): Promise<'serving' | 'failed'> {
    try {
      await server.start();
      this.#phase = 'serving';
      await this.#send({ type: 'serving' });
      return 'serving';
    } catch (error) {
      await this.#fail(error);
      return 'failed';
    }
  }

  /** It can't serve: the supervisor is told why, and the process ends. */
  async #fail(error: unknown): Promise<void> {
    const usage = error instanceof UsageError;
    const message = usage || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
    await this.#send({ type: 'failed', fault: usage ? 'usage' : 'bug', message });
    this.#end(usage ? 2 : 1);
  }

  /** Waits for the end of a start: what it opens last would otherwise stay open. */
  async #drain({ started, server, metrics, incidents }: Running, code: number): Promise<void> {
    if (this.#phase === 'draining' || (await started) === 'failed' || this.#phase !== 'serving') return;
    this.#phase = 'draining';
    await server.drain();
    // The supervisor shows what was counted to the very end.
    await this.#sendIncidents(incidents);
    await this.#send({ type: 'figures', document: await metrics.document() });
    this.#end(code);
  }

  /** What is not served yet has no clients, and must not begin to have some. */
  #orphaned(): void {
    if (this.#running === null || this.#phase === 'starting') {
      this.#end(1);
      return;
    }
    this.#running.log.error('the supervisor is gone: draining');
    void this.#drain(this.#running, 1);
  }

  async #answer({ server, metrics }: Running, about: Question): Promise<void> {
    try {
      if (about === 'status') this.#send({ type: 'status', shards: server.status() });
      else this.#send({ type: 'figures', document: await metrics.document() });
    } catch (error) {
      this.#send({ type: 'unable', about, reason: messageOf(error) });
    }
  }

  async #askJournal({ server }: Running, { number, shard, request }: JournalOrder): Promise<void> {
    const answer = await server.journal(shard, request);
    const { code, body } =
      answer ?? refusal(404, 'not_found', `shard: ${shard} is not served by this worker`);
    await this.#send({ type: 'journal', number, code, body });
  }

  /** A supervisor that is paused finds one beat waiting, not thousands. */
  #sendBeat(): void {
    if (this.#beat === 'sent') return;
    this.#beat = 'sent';
    void this.#send({ type: 'beat' }).then(() => {
      this.#beat = 'taken';
    });
  }

  /** While the supervisor does not read they go on being gathered, which is bounded. */
  async #sendIncidents(incidents: IncidentGatherer): Promise<void> {
    if (this.#told === 'sent') return;
    const entries = incidents.take();
    if (entries.length === 0) return;
    this.#told = 'sent';
    await this.#send({ type: 'incidents', entries });
    this.#told = 'taken';
  }

  #send(news: News): Promise<void> {
    return new Promise((resolve) => this.#options.channel.send(news, resolve));
  }
}
