/** A whole sync of one process: its servers, tables and journals, put together, and the passes over them. */
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { Config } from '../config/load.ts';
import { CheckpointFile } from './checkpoint.ts';
import { type PassListener, runPass } from './full-pass.ts';
import { crawlWays } from './group-crawl.ts';
import type { MirrorGate } from './group-settling.ts';
import type { HashMethod } from './hash-method.ts';
import type { JournalClient, JournalState } from './journal-client.ts';
import { runJournalPass } from './journal-pass.ts';
import { compareKeys } from './key-comparison.ts';
import { ALL_KEYS } from './key-range.ts';
import { MemoryRangeQueue, type RangeRecord } from './memory-range-queue.ts';
import { addCounts, countsOf, NO_COUNTS, type PassCounts } from './pass-counts.ts';
import { PassLog } from './pass-log.ts';
import { ProxiesGate } from './proxies-gate.ts';
import type { RangeQueue, SyncRange } from './range-queue.ts';
import { splitKeys } from './range-split.ts';
import { ServerLoad } from './server-load.ts';
import { databaseOf, Servers } from './shard-servers.ts';
import { OLD_TO_NEW } from './side.ts';
import { type JobPlan, runJob } from './sync-job.ts';
import { type JournalLeft, leftNothing, type PassReport, type SyncReport } from './sync-report.ts';
import { catchUpBoth, SyncedTables } from './synced-tables.ts';
import { Throttle } from './throttle.ts';

export interface SyncSelection {
  readonly shards: readonly string[];
  /** Null: all of the configuration. */
  readonly tables: readonly string[] | null;
  /** Of the mode `keys`. */
  readonly keys: readonly string[];
}

export interface SyncRunOptions {
  readonly config: Config;
  readonly plan: JobPlan;
  readonly selection: SyncSelection;
  readonly method: HashMethod;
  readonly force: boolean;
  readonly workers: number;
  /** The proxies whose journals and mirrors count. */
  readonly journals: readonly JournalClient[];
  /** Proxies that should be there, and can't be asked: what they have in doubt is not known. */
  readonly silent: readonly string[];
  readonly paused: () => Promise<string | null>;
  readonly told: SyncListener;
  readonly stop: AbortSignal;
}

export interface SyncListener {
  pass(report: PassReport): void;
  /** A shard waits, for this reason; null: it goes on. */
  waits(shard: string, reason: string | null): void;
  warns(text: string): void;
}

/** Of one proxy, by shard. */
interface JournalStates {
  readonly journal: JournalClient;
  readonly shards: ReadonlyMap<string, JournalState>;
}

/** Ranges of a table: small enough that no worker is left with the last one for long. */
const PARTS = 16;
/** How long a mirror may take to replay what stands before a repair. */
const GATE_TIMEOUT_MS = 30_000;

/** Rejects with what no pass can go on without, such as a journal that can't be read any more. */
export async function runSync(options: SyncRunOptions): Promise<SyncReport> {
  const run = new Run(options);
  try {
    const { told, stop } = options;
    return await runJob(options.plan, {
      full: (pass) => run.full(pass),
      journal: (pass) => run.journal(pass),
      keys: (pass) => run.keys(pass),
      left: () => run.left(),
      told: (report) => told.pass(report),
      stop,
    });
  } finally {
    run.close();
  }
}

class Run {
  readonly #options: SyncRunOptions;
  readonly #servers: Servers;
  readonly #tables: SyncedTables;
  readonly #throttle: Throttle;
  readonly #loads = new Map<string, Promise<readonly ServerLoad[]>>();
  readonly #now = (): number => performance.now();
  readonly #checkpoint: CheckpointFile;
  /** By which a checkpoint of the same work is known. */
  readonly #job: string;
  #log = new PassLog(this.#now);

  constructor(options: SyncRunOptions) {
    const { config, plan, method, force, paused, told, stop } = options;
    this.#options = options;
    const { service, shards, tables } = config;
    this.#checkpoint = new CheckpointFile(join(config.sync.checkpoint, `${service}.json`));
    this.#job = JSON.stringify([shards, tables, options.selection, method, plan.check]);
    this.#servers = new Servers(config, OLD_TO_NEW);
    this.#throttle = new Throttle({
      serversOf: (shard) => this.#loadsOf(shard),
      paused,
      told: (shard, reason) => told.waits(shard, reason),
      stop,
    });
    this.#tables = new SyncedTables({
      serversOf: (shard) => this.#servers.of(shard),
      databaseOf: (shard, side) => databaseOf(this.#shard(shard), side) ?? '',
      tables: config.tables,
      direction: OLD_TO_NEW,
      method,
      force,
      repairs: !plan.check,
      gateOf: (shard) => this.#gateOf(shard),
      settings: config.sync,
      took: (seconds) => this.#log.times.record(seconds),
      stop,
    });
  }

  async full(pass: number): Promise<PassReport> {
    const log = this.#begin();
    const { selection, plan } = this.#options;
    const states = await this.#states();
    for (const shard of selection.shards) await this.#catchUp(shard);
    const found = pass === 1 ? await this.#checkpoint.read(this.#job) : null;
    if (found !== null) this.#options.told.warns('goes on where the sync before this one ended');
    const record = found?.record ?? { ranges: await this.#allRanges(), counts: NO_COUNTS };
    const queue: MemoryRangeQueue = new MemoryRangeQueue(record, () =>
      this.#checkpoint.changed(() => ({ job: this.#job, pass, record: queue.record() })),
    );
    const counts = await this.#through(queue);
    const report = log.report('full', pass, counts, null);
    if (this.#options.stop.aborted) {
      await this.#checkpoint.flush();
      return report;
    }
    await this.#checkpoint.remove();
    // What the pass before had looked at was looked at too early to make good what was lost since.
    if (found === null && !plan.check && leftNothing(report)) await this.#madeGood(states);
    return report;
  }

  async #allRanges(): Promise<readonly RangeRecord[]> {
    const ranges: SyncRange[] = [];
    for (const shard of this.#options.selection.shards) {
      for (const table of await this.#tablesOf(shard)) ranges.push(...(await this.#rangesOf(shard, table)));
    }
    return ranges.map((work) => ({ work, done: false }));
  }

  async journal(pass: number): Promise<PassReport | null> {
    const { journals, silent, plan, selection, stop } = this.#options;
    if (journals.length === 0 && silent.length === 0) return null;
    const log = this.#begin();
    for (const name of silent) log.failed('', '', `${name} can’t be asked for its journal`);
    const names = new Map<string, readonly string[]>();
    for (const shard of selection.shards) names.set(shard, await this.#tablesOf(shard));
    const result = await runJournalPass({
      journals,
      shards: selection.shards,
      tables: (shard) => names.get(shard) ?? [],
      open: (shard, table) => this.#tables.open(shard, table),
      wholeTable: async (shard, table) =>
        this.#through(MemoryRangeQueue.of(await this.#rangesOf(shard, table))),
      turn: (shard) => this.#throttle.turn(shard),
      settles: !plan.check,
      stop,
      told: {
        looked: () => {},
        settled: (shard, table, outcome) => log.settled(shard, table, outcome),
        failed: (shard, table, error) => log.failed(shard, table, messageOf(error)),
      },
    });
    const { counts, ...journal } = result;
    return log.report('journal', pass, counts, journal);
  }

  async keys(pass: number): Promise<PassReport> {
    const log = this.#begin();
    const { selection, stop } = this.#options;
    let counts = NO_COUNTS;
    for (const shard of selection.shards) {
      for (const table of await this.#tablesOf(shard)) {
        if (stop.aborted) break;
        counts = addCounts(counts, await this.#keysOf(shard, table, log));
      }
    }
    return log.report('keys', pass, counts, null);
  }

  async left(): Promise<JournalLeft | null> {
    const { silent, journals, selection } = this.#options;
    if (silent.length > 0 || journals.length === 0) return null;
    const states = await this.#states();
    const chosen = states.flatMap(({ shards }) =>
      [...shards].filter(([name]) => selection.shards.includes(name)),
    );
    return {
      keys: chosen.reduce((sum, [, { keys }]) => sum + keys, 0),
      reset: [...new Set(chosen.filter(([, { reset }]) => reset).map(([name]) => name))],
    };
  }

  close(): void {
    this.#servers.close();
  }

  #begin(): PassLog {
    this.#log = new PassLog(this.#now);
    return this.#log;
  }

  #shard(name: string) {
    return this.#options.config.shards.find((shard) => shard.name === name)!;
  }

  async #tablesOf(shard: string): Promise<readonly string[]> {
    const { tables } = this.#options.selection;
    const names = await this.#tables.names(shard);
    return tables === null ? names : names.filter((name) => tables.includes(name));
  }

  /** A table that can't be compared is told of, and is none of the pass. */
  async #rangesOf(shard: string, table: string): Promise<SyncRange[]> {
    try {
      const { crawled, bounds } = await this.#tables.open(shard, table);
      const ways = crawlWays(crawled.order, crawled.direction);
      const ranges = crawled.order === 'numeric' ? splitKeys(await bounds(), PARTS) : [ALL_KEYS];
      return ways.flatMap((way) => ranges.map((range) => ({ shard, table, way, range })));
    } catch (error) {
      this.#log.failed(shard, table, messageOf(error));
      return [];
    }
  }

  async #through(queue: RangeQueue): Promise<PassCounts> {
    const { workers, stop } = this.#options;
    const log = this.#log;
    const told: PassListener = {
      batch: () => {},
      settled: ({ shard, table }, outcome) => log.settled(shard, table, outcome),
      failed: ({ shard, table }, reason) => log.failed(shard, table, reason),
    };
    await runPass({
      queue,
      workers,
      open: ({ shard, table }) => this.#tables.open(shard, table),
      turn: (shard) => this.#throttle.turn(shard),
      stop,
      told,
    });
    return (await queue.totals()).counts;
  }

  async #keysOf(shard: string, table: string, log: PassLog): Promise<PassCounts> {
    const { selection } = this.#options;
    try {
      const { crawled, primaries, size, settler } = await this.#tables.open(shard, table);
      let counts = NO_COUNTS;
      const compared = { readers: primaries, order: crawled.order };
      await this.#throttle.turn(shard);
      for await (const { groups, mismatches } of compareKeys(compared, selection.keys, size)) {
        const outcomes = mismatches.length === 0 ? [] : await settler.settle(mismatches);
        for (const outcome of outcomes) log.settled(shard, table, outcome);
        counts = addCounts(counts, countsOf(groups, outcomes));
        await this.#throttle.turn(shard);
      }
      return counts;
    } catch (error) {
      log.failed(shard, table, messageOf(error));
      return NO_COUNTS;
    }
  }

  /** What was lost before now is on the replicas by then, if it is on the primaries. */
  async #catchUp(shard: string): Promise<void> {
    const { config, told } = this.#options;
    const end = await catchUpBoth(await this.#servers.of(shard), config.sync.catchUpTimeoutMs);
    if (end === 'late') told.warns(`${shard}: a replica has not come to where its primary was`);
    if (end === 'untold') told.warns(`${shard}: a replica does not tell how far it is`);
  }

  async #states(): Promise<JournalStates[]> {
    const { journals } = this.#options;
    return await Promise.all(journals.map(async (journal) => ({ journal, shards: await journal.states() })));
  }

  /** Every group of a shard was looked at: what its journals had lost before that is made good. */
  async #madeGood(states: readonly JournalStates[]): Promise<void> {
    const { selection, told } = this.#options;
    if (selection.tables !== null) return;
    for (const { journal, shards } of states) {
      for (const [shard, { reset, epoch }] of shards) {
        if (!reset || !selection.shards.includes(shard)) continue;
        if (!(await journal.fullPassDone(shard, epoch)))
          told.warns(`${shard}: proxy ${journal.name} has lost more meanwhile, so that a full pass is owed`);
      }
    }
  }

  #gateOf(shard: string): MirrorGate {
    const { journals } = this.#options;
    return new ProxiesGate({
      shard,
      proxies: journals.map((journal) => () => journal.states()),
      now: this.#now,
      timeoutMs: GATE_TIMEOUT_MS,
    });
  }

  #loadsOf(shard: string): Promise<readonly ServerLoad[]> {
    const known = this.#loads.get(shard);
    if (known !== undefined) return known;
    const opened = this.#openLoads(shard);
    this.#loads.set(shard, opened);
    opened.catch(() => this.#loads.delete(shard));
    return opened;
  }

  async #openLoads(shard: string): Promise<readonly ServerLoad[]> {
    const { config, told } = this.#options;
    const { readers, primaries } = await this.#servers.of(shard);
    const servers = new Set([primaries.old, primaries.new, readers.old, readers.new]);
    return [...servers].map(
      (server) =>
        new ServerLoad({
          server,
          limits: config.sync,
          now: this.#now,
          blind: (name, reason) => told.warns(`${name} does not say how far it is behind: ${reason}`),
        }),
    );
  }
}
