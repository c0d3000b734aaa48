/** A whole sync: the passes over its tables and journals, one after the other. */

import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { SharedStoreLost } from '../control/shared-store.ts';
import { type PassListener, runPass } from './full-pass.ts';
import { crawlWays } from './group-crawl.ts';
import { settleJournals } from './journal-unit.ts';
import { compareKeys } from './key-comparison.ts';
import { ALL_KEYS } from './key-range.ts';
import { LeasedTables } from './leased-tables.ts';
import { MemoryRangeQueue } from './memory-range-queue.ts';
import type { PassKeeper, PassPlan, PassStep } from './pass-keeper.ts';
import { type JournalStates, journalLeft, journalStates, makeGood, owedPasses } from './proxy-journals.ts';
import { QueryTimes } from './query-times.ts';
import { addOutcomes, failureOf, NO_OUTCOME, outcomeOf, type RangeOutcome } from './range-outcome.ts';
import type { LeasedRange, RangeQueue, SyncRange } from './range-queue.ts';
import { splitKeys } from './range-split.ts';
import { checkSelection } from './selection-check.ts';
import { settledBatches } from './settled-batches.ts';
import { runJob } from './sync-job.ts';
import {
  type JournalLeft,
  journalLeftSchema,
  leftNothing,
  type PassReport,
  type SyncReport,
} from './sync-report.ts';
import { type SyncRunOptions, SyncTools } from './sync-tools.ts';

/** Ranges of a table: small enough that no worker is left with the last one for long. */
const PARTS_MAX = 16;
/** Of a pass, where tables are many: each range is a key in etcd. */
const RANGES_AIM = 4096;
/** Stands for all tables of a shard that its journals speak of. */
const ALL_TABLES = '*';

/** Rejects with what no pass can go on without, such as a server that can't be reached any more. */
export async function runSync(options: SyncRunOptions, keeper: PassKeeper): Promise<SyncReport> {
  const run = new Run(options, keeper);
  try {
    const { told, stop } = options;
    await run.check();
    const report = await runJob(options.plan, {
      full: (pass) => run.full(pass),
      journal: (pass) => run.journal(pass),
      keys: (pass) => run.keys(pass),
      left: () => run.left(),
      told: (each) => told.pass(each),
      stop,
    });
    await keeper.end(report.verdict === 'stopped' ? 'left' : 'finished');
    return report;
  } catch (error) {
    // Others need not wait for what this process had.
    await keeper.end('left').catch(() => undefined);
    throw error;
  } finally {
    run.close();
  }
}

class Run {
  readonly #options: SyncRunOptions;
  readonly #keeper: PassKeeper;
  readonly #tools: SyncTools;
  #times = new QueryTimes();

  constructor(options: SyncRunOptions, keeper: PassKeeper) {
    this.#options = options;
    this.#keeper = keeper;
    this.#tools = new SyncTools(options, (side, seconds) => {
      this.#times.record(seconds);
      options.told.took(side, seconds);
    });
  }

  /** Rejects with UsageError where tables or keys were asked for that are none. */
  check(): Promise<void> {
    return checkSelection(this.#options, this.#tools);
  }

  full(pass: number): Promise<PassReport> {
    const { selection, plan, told, workers } = this.#options;
    return this.#pass('full', pass, {
      catchUp: async () => {
        const failures: RangeOutcome[] = [];
        for (const shard of selection.shards) failures.push(await this.#caughtUp(shard));
        return failures.reduce(addOutcomes, NO_OUTCOME);
      },
      prepare: () => this.#wholePlan(),
      work: (queue) => this.#crawl(queue, workers, (leased) => this.#tablesOf(leased)),
      finish: async ({ owed }, report) => {
        if (!plan.check && leftNothing(report) && selection.tables === null)
          await makeGood(owed, await this.#tools.journals(), (text) => told.warns(text));
      },
    });
  }

  async journal(pass: number): Promise<PassReport | null> {
    const { silent, selection } = this.#options;
    const isAny = async (): Promise<boolean> =>
      silent.length > 0 || (await this.#tools.journals()).length > 0;
    if (!(await this.#keeper.agree(z.boolean(), isAny))) return null;
    return this.#pass('journal', pass, {
      prepare: () => Promise.resolve(planOf(selection.shards.map((shard) => wholeOf(shard, ALL_TABLES)))),
      work: (queue) =>
        this.#inTurn(queue, (leased) => {
          const tables = this.#tablesOf(leased);
          const wholeTable = (shard: string, table: string) => this.#wholeTable(shard, table, tables);
          return settleJournals(this.#options, { leased, tools: this.#tools, tables, wholeTable });
        }),
    });
  }

  keys(pass: number): Promise<PassReport> {
    const { selection } = this.#options;
    return this.#pass('keys', pass, {
      prepare: async () => {
        const units: SyncRange[] = [];
        for (const shard of selection.shards)
          for (const table of await this.#tools.tablesOf(shard)) units.push(wholeOf(shard, table));
        return planOf(units);
      },
      work: (queue) => this.#inTurn(queue, (leased) => this.#keysOf(leased)),
    });
  }

  left(): Promise<JournalLeft | null> {
    const { silent, selection } = this.#options;
    return this.#keeper.agree(journalLeftSchema.nullable(), async () => {
      if (silent.length > 0) return null;
      const states = await this.#statesOrNone();
      return states.length === 0 ? null : journalLeft(states, selection.shards);
    });
  }

  close(): void {
    this.#tools.close();
  }

  #pass(
    kind: PassStep['kind'],
    pass: number,
    steps: Pick<PassStep, 'prepare' | 'work'> & Partial<Pick<PassStep, 'catchUp' | 'finish'>>,
  ): Promise<PassReport> {
    this.#times = new QueryTimes();
    this.#options.told.begins(kind, pass);
    const nothing = { catchUp: () => Promise.resolve(NO_OUTCOME), finish: () => Promise.resolve() };
    return this.#keeper.pass({ kind, pass, times: this.#times, ...nothing, ...steps });
  }

  async #wholePlan(): Promise<PassPlan> {
    const { selection } = this.#options;
    const states = await this.#statesOrNone();
    const tables: { readonly shard: string; readonly table: string }[] = [];
    for (const shard of selection.shards)
      for (const table of await this.#tools.tablesOf(shard)) tables.push({ shard, table });
    const parts = Math.max(1, Math.min(PARTS_MAX, Math.floor(RANGES_AIM / tables.length)));
    let plan = planOf([]);
    for (const { shard, table } of tables) plan = joined(plan, await this.#rangesOf(shard, table, parts));
    return { ...plan, owed: owedPasses(states, selection.shards) };
  }

  /** A table that can't be compared is told of, and is none of the pass. */
  async #rangesOf(shard: string, table: string, parts = PARTS_MAX): Promise<PassPlan> {
    try {
      const { crawled, bounds, estimatedRows } = await this.#tools.tables.open(shard, table);
      const ways = crawlWays(crawled.order, crawled.direction);
      const ranges = crawled.order === 'numeric' ? splitKeys(await bounds(), parts) : [ALL_KEYS];
      this.#options.told.expects(shard, await estimatedRows());
      return planOf(ways.flatMap((way) => ranges.map((range) => ({ shard, table, way, range }))));
    } catch (error) {
      this.#options.told.failed(shard);
      return { ...planOf([]), outcome: failureOf(shard, table, messageOf(error)) };
    }
  }

  #tablesOf(leased: LeasedRange): LeasedTables {
    return new LeasedTables({
      leased,
      open: (shard, table) => this.#tools.tables.open(shard, table),
      caughtUp: async (shard) => {
        const { failures } = await this.#caughtUp(shard);
        if (failures[0] !== undefined) throw new Error(failures[0].reason);
      },
    });
  }

  #crawl(queue: RangeQueue, workers: number, tablesOf: (leased: LeasedRange) => LeasedTables): Promise<void> {
    const { stop, told } = this.#options;
    const listener: PassListener = {
      batch: ({ shard }, { groups, rows }) => told.looked(shard, groups, rows),
      settled: ({ shard }, outcome) => told.settled(shard, outcome),
      failed: ({ shard }) => told.failed(shard),
      done: ({ shard }) => told.rangeDone(shard),
    };
    return runPass({
      queue,
      workers,
      open: (leased) => tablesOf(leased).open(leased.work.shard, leased.work.table),
      turn: (shard) => this.#tools.throttle.turn(shard),
      stop,
      told: listener,
    });
  }

  /** Units that are no ranges of keys, one after the other. */
  async #inTurn(queue: RangeQueue, work: (leased: LeasedRange) => Promise<RangeOutcome>): Promise<void> {
    const { stop } = this.#options;
    while (!stop.aborted) {
      const leased = await queue.take();
      if (leased === null) return;
      const outcome = await this.#unit(leased, work);
      if (!stop.aborted) await leased.done(outcome);
      // What was done of it is told, and the unit is begun anew by whoever goes on.
      else if (await leased.progressed(leased.work.range.after, outcome)) await leased.giveBack();
    }
  }

  async #unit(
    leased: LeasedRange,
    work: (leased: LeasedRange) => Promise<RangeOutcome>,
  ): Promise<RangeOutcome> {
    try {
      return await work(leased);
    } catch (error) {
      if (error instanceof SharedStoreLost) throw error;
      this.#options.told.failed(leased.work.shard);
      return failureOf(leased.work.shard, leased.work.table, messageOf(error));
    }
  }

  async #wholeTable(shard: string, table: string, tables: LeasedTables): Promise<RangeOutcome> {
    const { workers, told } = this.#options;
    const { ranges, outcome } = await this.#rangesOf(shard, table);
    told.ranges(shard, ranges.length, 0);
    const queue = MemoryRangeQueue.of(ranges);
    await this.#crawl(queue, workers, () => tables);
    return addOutcomes(outcome, (await queue.totals()).outcome);
  }

  async #keysOf(leased: LeasedRange): Promise<RangeOutcome> {
    const { selection, told, stop } = this.#options;
    const { shard, table } = leased.work;
    const { crawled, primaries, size, settler } = await this.#tablesOf(leased).open(shard, table);
    const compared = compareKeys({ readers: primaries, order: crawled.order }, selection.keys, size);
    const batches = settledBatches(compared, {
      settler,
      turn: () => this.#tools.throttle.turn(shard),
      looked: ({ groups, rows }) => told.looked(shard, groups, rows),
      settled: (one) => told.settled(shard, one),
    });
    let outcome = NO_OUTCOME;
    for await (const { batch, outcomes } of batches) {
      outcome = addOutcomes(outcome, outcomeOf({ shard, table }, batch.groups, outcomes));
      if (stop.aborted) break;
    }
    return outcome;
  }

  /**
   * A sync that was killed may have repaired groups of which a write was still on its way to the new side: before that
   * is done, such a group looks as it should.
   */
  async #caughtUp(shard: string): Promise<RangeOutcome> {
    const isReplayed = await this.#tools.replayed(shard);
    await this.#tools.catchUp(shard);
    if (isReplayed) return NO_OUTCOME;
    return failureOf(shard, '', 'the mirror has not replayed in time what was written before the pass');
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

function wholeOf(shard: string, table: string): SyncRange {
  return { shard, table, way: 'both', range: ALL_KEYS };
}

function planOf(ranges: readonly SyncRange[]): PassPlan {
  return { ranges, outcome: NO_OUTCOME, owed: [] };
}

function joined(left: PassPlan, right: PassPlan): PassPlan {
  return {
    ranges: [...left.ranges, ...right.ranges],
    outcome: addOutcomes(left.outcome, right.outcome),
    owed: [...left.owed, ...right.owed],
  };
}
