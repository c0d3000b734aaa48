/** The shards that one process serves, under the ratios that it was last told. */
import { cpuMs } from '../base/cpu-time.ts';
import { messageOf } from '../base/errors.ts';
import { ALL_SHARDS } from '../base/incident-reasons.ts';
import type { Log } from '../base/log.ts';
import { openFilesMax } from '../base/open-files.ts';
import type { Config } from '../config/load.ts';
import type { ControlSnapshot, Ratios } from '../config/ratios.ts';
import type { Incidents } from '../observe/incident.ts';
import type { JournalAnswer, JournalRequest } from '../observe/journal-routes.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ShardStatus } from '../observe/status.ts';
import { loadParser, parserAnswers, watchParser } from '../sql/parse.ts';
import { SqlReader } from '../sql/plan-cache.ts';
import { ClientRoom } from './client-room.ts';
import { answerForJournal, refusal } from './journal-answers.ts';
import { ProcessTls } from './process-tls.ts';
import { ServedShard } from './served-shard.ts';

export interface ShardServerOptions {
  readonly config: Config;
  /** The names of those of `config.shards` that this process owns. */
  readonly shards: readonly string[];
  readonly snapshot: ControlSnapshot;
  readonly metrics: Metrics;
  readonly incidents: Incidents;
  readonly log: Log;
}

/** After the last session is over the mirror may still send what it holds, for so long. */
export const FLUSH_MS = 5000;
const POLL_MS = 20;

const NOTHING: Ratios = { reads: 0, writes: 0, deletes: 0 };

export class ShardServer {
  readonly #options: ShardServerOptions;
  readonly #shards: readonly ServedShard[];
  readonly #tls: ProcessTls;
  readonly #room: ClientRoom;
  #ratios: ControlSnapshot['shards'];

  constructor(options: ShardServerOptions) {
    const { config, metrics, incidents, log } = options;
    this.#options = options;
    this.#ratios = options.snapshot.shards;
    const tls = new ProcessTls(config);
    this.#tls = tls;
    metrics.tls.certificates = () => tls.certificates();
    const room = new ClientRoom({
      filesMax: openFilesMax(),
      shards: options.shards.length,
      clientsMax: config.maxConnections,
      lanes: config.lanes.perShard,
      log,
      now: () => performance.now(),
    });
    this.#room = room;
    const sql = new SqlReader({ maxPlans: config.plans, clock: () => performance.now(), cpu: cpuMs });
    metrics.plans = () => ({
      ...sql.stats,
      entries: sql.stats.misses - sql.stats.evicted,
      parser: parserAnswers() ? 1 : 0,
    });
    watchParser((digest) => this.#parserBroke(digest));
    this.#shards = config.shards
      .filter(({ name }) => options.shards.includes(name))
      .map(
        (shard) =>
          new ServedShard({
            shard,
            config,
            ratios: () => this.#ratios[shard.name] ?? NOTHING,
            sql,
            tls,
            room,
            metrics: metrics.shard(shard.name),
            incidents,
            log: log.child({ shard: shard.name }),
          }),
      );
  }

  /** Listens; rejects with UsageError when a port can't be had, and then `release` must be called. */
  async start(): Promise<void> {
    await loadParser();
    this.#room.warn();
    await Promise.all(this.#shards.map((shard) => shard.start()));
  }

  /** These ratios are in force from the next statement on. */
  apply(snapshot: ControlSnapshot): void {
    this.#ratios = snapshot.shards;
  }

  /**
   * Takes no new connections; sessions outside of a transaction end at once, others at its end or after
   * `drainTimeoutMs`; then the mirror has a few seconds to send what it holds.
   */
  async drain(): Promise<void> {
    const { config, log } = this.#options;
    log.info({ sessions: this.#sessions(), drainTimeoutMs: config.drainTimeoutMs }, 'draining');
    const timer = setTimeout(() => this.hurry(), config.drainTimeoutMs);
    await Promise.all(this.#shards.map((shard) => shard.drain()));
    clearTimeout(timer);
    await this.#flush();
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
    this.#options.incidents.report({
      reason: 'exception',
      shard: ALL_SHARDS,
      message: () => messageOf(error),
    });
    for (const shard of this.#shards) shard.faulted();
  }

  /** Reads again what may change on disk while the process runs; connections that are open keep what they have. */
  reload(): void {
    this.#options.log.info('reading again what may change while the proxy runs');
    this.#tls.reload(this.#options.log, this.#options.metrics.tls);
  }

  status(): ShardStatus[] {
    return this.#shards.map((shard) => shard.status());
  }

  /** Asks a shard's journal; null: none of the shards here has this name. */
  async journal(name: string, request: JournalRequest): Promise<JournalAnswer | null> {
    const shard = this.#shards.find((each) => each.name === name);
    if (shard === undefined) return null;
    try {
      return await answerForJournal(shard.journal, request);
    } catch (error) {
      this.#options.log.error({ err: error, shard: name }, 'the journal could not be asked');
      return refusal(500, 'internal', 'The journal could not be read; the log says why.');
    }
  }

  /** Ends everything now; what the mirror still holds is dropped and counted. */
  async release(): Promise<void> {
    for (const shard of this.#shards) shard.terminate();
    await Promise.all(this.#shards.map((shard) => shard.stop()));
  }

  #parserBroke(digest: string): void {
    const { log, incidents } = this.#options;
    log.error(
      { digest },
      'the SQL parser broke, and is not asked again before a restart: please report this',
    );
    incidents.report({
      reason: 'parser_failed',
      shard: ALL_SHARDS,
      message: 'new digests are planned without the parser until the process is started again',
    });
  }

  #sessions(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.sessions, 0);
  }

  async #flush(): Promise<void> {
    const untilMs = performance.now() + FLUSH_MS;
    while (performance.now() < untilMs && this.#shards.some((shard) => shard.unsettled > 0)) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
