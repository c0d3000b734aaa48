/** One shard's part of a journal pass: the journals of all proxies, by whoever has the shard's unit. */
import { messageOf } from '../base/errors.ts';
import type { JournalClient } from './journal-client.ts';
import { type ProxyJournal, runJournalPass } from './journal-pass.ts';
import type { LeasedTables } from './leased-tables.ts';
import { addOutcomes, failureOf, NO_OUTCOME, outcomeOf, type RangeOutcome } from './range-outcome.ts';
import type { LeasedRange } from './range-queue.ts';
import type { SyncRunOptions, SyncTools } from './sync-tools.ts';
import { RangeLost } from './write-fence.ts';

export interface JournalUnit {
  readonly leased: LeasedRange;
  readonly tools: Pick<SyncTools, 'journals' | 'tablesOf' | 'throttle'>;
  readonly tables: Pick<LeasedTables, 'open'>;
  readonly wholeTable: (shard: string, table: string) => Promise<RangeOutcome>;
}

export async function settleJournals(
  options: SyncRunOptions,
  { leased, tools, tables, wholeTable }: JournalUnit,
): Promise<RangeOutcome> {
  const { silent, plan, selection, stop, told } = options;
  const journals = await tools.journals();
  const { shard } = leased.work;
  const names = await tools.tablesOf(shard);
  let failures = NO_OUTCOME;
  const failed = (where: string, table: string, reason: string): void => {
    told.failed(shard);
    failures = addOutcomes(failures, failureOf(where, table, reason));
  };
  for (const { name } of silent) failed(shard, '', `${name} can’t be asked for its journal`);
  if (journals.length + silent.length === 0) failed(shard, '', 'no proxy can be asked for its journal');
  const { counts, ...journal } = await runJournalPass({
    journals: journals.map((each) => settledByHolder(each, leased)),
    shards: [shard],
    tables: () => names,
    selected: selection.tables,
    open: (_shard, table) => tables.open(shard, table),
    wholeTable: async (_shard, table) => {
      const outcome = await wholeTable(shard, table);
      failures = addOutcomes(failures, { ...outcome, counts: NO_OUTCOME.counts });
      return { counts: outcome.counts, unseen: outcome.failed === 0 ? 'nothing' : 'something' };
    },
    turn: () => tools.throttle.turn(shard),
    settles: !plan.check,
    stop,
    told: {
      looked: (_shard, _table, { groups }) => told.looked(shard, groups, 0),
      settled: (_shard, table, outcome) => {
        told.settled(shard, outcome);
        const one = outcomeOf({ shard, table }, 0, [outcome]);
        failures = addOutcomes(failures, { ...one, counts: NO_OUTCOME.counts });
      },
      failed: (where, table, error) => failed(where, table, messageOf(error)),
    },
  });
  return addOutcomes(failures, { ...NO_OUTCOME, counts, journal });
}

/** What another has by now that one looks at and settles. What comes too late all the same is told by its marks. */
function settledByHolder(journal: JournalClient, { fence }: LeasedRange): ProxyJournal {
  return {
    states: () => journal.states(),
    pages: (shard) => journal.pages(shard),
    settle: async (shard, seen, cursor) => {
      if (fence !== null && !(await fence.holds())) throw new RangeLost();
      return journal.settle(shard, seen, cursor);
    },
  };
}
