/** A whole sync of one process: the passes over its tables and journals, one after the other. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { messageOf, UsageError } from '../base/errors.ts';
import { CheckpointFile } from './checkpoint.ts';
import { type PassListener, runPass } from './full-pass.ts';
import { crawlWays } from './group-crawl.ts';
import { type GroupOutcome, unreadOutcomes } from './group-outcome.ts';
import { runJournalPass } from './journal-pass.ts';
import { compareKeys } from './key-comparison.ts';
import { canonicalKey } from './key-order.ts';
import { ALL_KEYS } from './key-range.ts';
import { MemoryRangeQueue, type RangeRecord } from './memory-range-queue.ts';
import { addCounts, countsOf, NO_COUNTS, type PassCounts } from './pass-counts.ts';
import { PassLog } from './pass-log.ts';
import { type JournalStates, journalLeft, journalStates, makeGood } from './proxy-journals.ts';
import type { SyncRange } from './range-queue.ts';
import { splitKeys } from './range-split.ts';
import { runJob } from './sync-job.ts';
import {
  type JournalLeft,
  leftNothing,
  type PassKind,
  type PassReport,
  type SyncReport,
} from './sync-report.ts';
import { type SyncRunOptions, SyncTools } from './sync-tools.ts';

/** Ranges of a table: small enough that no worker is left with the last one for long. */
const PARTS = 16;

/** Rejects with what no pass can go on without, such as a server that can't be reached any more. */
export async function runSync(options: SyncRunOptions): Promise<SyncReport> {
  const run = new Run(options);
  try {
    const { told, stop } = options;
    await run.checkSelection();
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
  readonly #tools: SyncTools;
  readonly #checkpoint: CheckpointFile;
  /** By which a checkpoint of the same work is known. */
  readonly #job: string;
  #log: PassLog;

  constructor(options: SyncRunOptions) {
    const { config, plan, method, told } = options;
    this.#options = options;
    const { service, shards, tables } = config;
    this.#job = JSON.stringify([shards, tables, options.selection, method, plan.check]);
    // Another sync of the same service has a file of its own.
    const name = `${service}-${createHash('sha256').update(this.#job).digest('hex').slice(0, 12)}.json`;
    this.#checkpoint = new CheckpointFile(join(config.sync.checkpoint, name), (reason) =>
      told.warns(`where the sync is could not be written down, so that it would begin anew: ${reason}`),
    );
    this.#tools = new SyncTools(options, (side, seconds) => {
      this.#log.times.record(seconds);
      told.took(side, seconds);
    });
    this.#log = new PassLog(this.#tools.now);
  }

  /** Rejects with UsageError where tables or keys were asked for that are none: nothing would be looked at. */
  async checkSelection(): Promise<void> {
    const { selection, plan, told } = this.#options;
    if (selection.tables === null && plan.mode !== 'keys') return;
    const names = new Map<string, readonly string[]>();
    for (const shard of selection.shards) names.set(shard, await this.#tools.tablesOf(shard));
    const known = new Set([...names.values()].flat());
    const faults = (selection.tables ?? []).filter((table) => !known.has(table));
    if (faults.length > 0)
      throw new UsageError(`--table: ${faults.join(', ')}: no shard that was asked for has such a table`);
    if (plan.mode !== 'keys') return;
    for (const [shard, tables] of names)
      for (const table of tables) await this.#checkKeys(shard, table, (text) => told.warns(text));
  }

  async #checkKeys(shard: string, table: string, warns: (text: string) => void): Promise<void> {
    const { selection } = this.#options;
    // A table that can't be compared is told of by its pass.
    const opened = await this.#tools.tables.open(shard, table).catch(() => null);
    if (opened === null) return;
    if (opened.grouped === 'not') {
      const text = `--keys: ${table} of shard ${shard} has no group column, and so no keys`;
      if (selection.tables !== null) throw new UsageError(`${text}: leave it out of --table`);
      warns(text);
    }
    try {
      for (const key of selection.keys) canonicalKey(opened.crawled.order, key);
    } catch (error) {
      throw new UsageError(`--keys: of ${table}: ${messageOf(error)}; name other tables by --table`);
    }
  }

  async full(pass: number): Promise<PassReport> {
    const log = this.#begin('full', pass);
    const { selection, plan, told } = this.#options;
    const states = await this.#statesOrNone();
    for (const shard of selection.shards) await this.#caughtUp(shard);
    const found = pass === 1 ? await this.#checkpoint.read(this.#job) : null;
    if (found !== null) told.warns('goes on where the sync before this one ended');
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
    if (found === null && !plan.check && leftNothing(report) && selection.tables === null)
      await makeGood(states, selection.shards, (text) => told.warns(text));
    return report;
  }

  async journal(pass: number): Promise<PassReport | null> {
    const { silent, plan, selection, stop, told } = this.#options;
    const journals = await this.#tools.journals();
    if (journals.length === 0 && silent.length === 0) return null;
    const log = this.#begin('journal', pass);
    for (const { name } of silent) log.failed('', '', `${name} can’t be asked for its journal`);
    const names = new Map<string, readonly string[]>();
    for (const shard of selection.shards) names.set(shard, await this.#tools.tablesOf(shard));
    const result = await runJournalPass({
      journals,
      shards: selection.shards,
      tables: (shard) => names.get(shard) ?? [],
      open: (shard, table) => this.#tools.tables.open(shard, table),
      selected: selection.tables,
      wholeTable: async (shard, table) => {
        const before = log.failures;
        const counts = await this.#through(MemoryRangeQueue.of(await this.#rangesOf(shard, table)));
        return { counts, unseen: log.failures === before ? 'nothing' : 'something' };
      },
      turn: (shard) => this.#tools.throttle.turn(shard),
      settles: !plan.check,
      stop,
      told: {
        looked: (shard, _table, { groups }) => told.looked(shard, groups, 0),
        settled: (shard, table, outcome) => this.#settled(shard, table, outcome),
        failed: (shard, table, error) => log.failed(shard, table, messageOf(error)),
      },
    });
    const { counts, ...journal } = result;
    return log.report('journal', pass, counts, journal);
  }

  async keys(pass: number): Promise<PassReport> {
    const log = this.#begin('keys', pass);
    const { selection, stop } = this.#options;
    let counts = NO_COUNTS;
    for (const shard of selection.shards) {
      for (const table of await this.#tools.tablesOf(shard)) {
        if (stop.aborted) break;
        counts = addCounts(counts, await this.#keysOf(shard, table, log));
      }
    }
    return log.report('keys', pass, counts, null);
  }

  async left(): Promise<JournalLeft | null> {
    const { silent, selection } = this.#options;
    if (silent.length > 0) return null;
    const states = await this.#statesOrNone();
    return states.length === 0 ? null : journalLeft(states, selection.shards);
  }

  close(): void {
    this.#tools.close();
  }

  #begin(kind: PassKind, pass: number): PassLog {
    this.#log = new PassLog(this.#tools.now);
    this.#options.told.begins(kind, pass);
    return this.#log;
  }

  #settled(shard: string, table: string, outcome: GroupOutcome): void {
    this.#log.settled(shard, table, outcome);
    this.#options.told.settled(shard, outcome);
  }

  async #allRanges(): Promise<readonly RangeRecord[]> {
    const ranges: SyncRange[] = [];
    for (const shard of this.#options.selection.shards) {
      for (const table of await this.#tools.tablesOf(shard))
        ranges.push(...(await this.#rangesOf(shard, table)));
    }
    return ranges.map((work) => ({ work, done: false }));
  }

  /** A table that can't be compared is told of, and is none of the pass. */
  async #rangesOf(shard: string, table: string): Promise<SyncRange[]> {
    try {
      const { crawled, bounds, estimatedRows } = await this.#tools.tables.open(shard, table);
      const ways = crawlWays(crawled.order, crawled.direction);
      const ranges = crawled.order === 'numeric' ? splitKeys(await bounds(), PARTS) : [ALL_KEYS];
      this.#options.told.expects(shard, await estimatedRows());
      return ways.flatMap((way) => ranges.map((range) => ({ shard, table, way, range })));
    } catch (error) {
      this.#log.failed(shard, table, messageOf(error));
      return [];
    }
  }

  async #through(queue: MemoryRangeQueue): Promise<PassCounts> {
    const { workers, stop, told } = this.#options;
    const log = this.#log;
    for (const { work, done } of queue.record().ranges) told.ranges(work.shard, 1, done ? 1 : 0);
    const listener: PassListener = {
      batch: ({ shard }, { groups, rows }) => told.looked(shard, groups, rows),
      settled: ({ shard, table }, outcome) => this.#settled(shard, table, outcome),
      done: ({ shard }) => told.rangeDone(shard),
      failed: ({ shard, table }, reason) => log.failed(shard, table, reason),
    };
    await runPass({
      queue,
      workers,
      open: ({ shard, table }) => this.#tools.tables.open(shard, table),
      turn: (shard) => this.#tools.throttle.turn(shard),
      stop,
      told: listener,
    });
    return (await queue.totals()).counts;
  }

  async #keysOf(shard: string, table: string, log: PassLog): Promise<PassCounts> {
    const { selection, told } = this.#options;
    const { tables, throttle } = this.#tools;
    try {
      const { crawled, primaries, size, settler } = await tables.open(shard, table);
      let counts = NO_COUNTS;
      const compared = { readers: primaries, order: crawled.order };
      await throttle.turn(shard);
      for await (const { groups, rows, mismatches, unread } of compareKeys(compared, selection.keys, size)) {
        told.looked(shard, groups, rows);
        const settled = mismatches.length === 0 ? [] : await settler.settle(mismatches);
        const outcomes = [...unreadOutcomes(unread), ...settled];
        for (const outcome of outcomes) this.#settled(shard, table, outcome);
        counts = addCounts(counts, countsOf(groups, outcomes));
        await throttle.turn(shard);
      }
      return counts;
    } catch (error) {
      log.failed(shard, table, messageOf(error));
      return NO_COUNTS;
    }
  }

  /**
   * A sync that was killed may have repaired groups of which a write was still on its way to the new side: before that
   * is done, such a group looks as it should.
   */
  async #caughtUp(shard: string): Promise<void> {
    if (!(await this.#tools.replayed(shard)))
      this.#log.failed(shard, '', 'the mirror has not replayed in time what was written before the pass');
    await this.#tools.catchUp(shard);
  }

  /** None where a proxy does not answer, which is told. */
  async #statesOrNone(): Promise<readonly JournalStates[]> {
    try {
      return await journalStates(await this.#tools.journals());
    } catch (error) {
      this.#options.told.warns(messageOf(error));
      return [];
    }
  }
}
