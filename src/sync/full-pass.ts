/** One pass over ranges of groups: several workers, each with a range of its own at a time. */
import { messageOf } from '../base/errors.ts';
import { SharedStoreLost } from '../control/shared-store.ts';
import type { BatchSize } from './batch-size.ts';
import type { ComparedBatch } from './compared-batch.ts';
import type { CrawledTable } from './group-crawl.ts';
import type { GroupOutcome, GroupSettler } from './group-outcome.ts';
import type { GroupReader } from './group-reader.ts';
import { crawlPatiently } from './patient-crawl.ts';
import { failureOf, NO_OUTCOME, outcomeOf } from './range-outcome.ts';
import type { LeasedRange, RangeQueue, SyncRange } from './range-queue.ts';
import type { KeyBounds } from './range-split.ts';
import { settledBatches } from './settled-batches.ts';
import type { Sides } from './side.ts';
import type { WriteFence } from './write-fence.ts';

/** One table of one shard, made ready to be worked on. */
export interface SyncedTable {
  readonly shard: string;
  readonly table: string;
  /** Its replicas, where there are any. */
  readonly crawled: CrawledTable;
  readonly primaries: Sides<GroupReader>;
  /** `not`: it is one group, of no key. */
  readonly grouped: 'by column' | 'not';
  /** `unlike`: one side may take two spellings of a key for one that are two on the other. */
  readonly spellings: 'alike' | 'unlike';
  readonly settler: GroupSettler;
  /**
   * The same, whose writes go behind this fence. When it resolves, nothing that another had under way for the same
   * range can be written any more.
   */
  settlerBehind(fence: WriteFence): Promise<GroupSettler>;
  /** Where its keys begin and end. */
  bounds(): Promise<KeyBounds>;
  /** Of the side that has more of them, by what its server reckons: an InnoDB table's may be far off. */
  estimatedRows(): Promise<number>;
  /** Follows the seconds that the table's own queries take. */
  readonly size: BatchSize;
}

export interface PassTools {
  readonly queue: RangeQueue;
  readonly workers: number;
  /** For one range. Rejects where the table can't be compared (any more). */
  open(leased: LeasedRange): Promise<SyncedTable>;
  /** Waits for the moment at which the servers of a shard may be asked again. */
  turn(shard: string): Promise<void>;
  /** The operator wants an end: ranges are given back as they are. */
  readonly stop: AbortSignal;
  readonly told: PassListener;
}

/** Hears of what goes on, for the progress and the report. */
export interface PassListener {
  batch(work: SyncRange, batch: ComparedBatch): void;
  settled(work: SyncRange, outcome: GroupOutcome): void;
  /** What is left of a range can't be gone through; `done` follows. */
  failed(work: SyncRange): void;
  /** Nothing is left of a range. */
  done(work: SyncRange): void;
}

/** Resolves when every range is done or has failed, or the pass was stopped. */
export async function runPass(tools: PassTools): Promise<void> {
  await Promise.all(Array.from({ length: tools.workers }, () => work(tools)));
}

async function work(tools: PassTools): Promise<void> {
  while (!tools.stop.aborted) {
    const leased = await tools.queue.take();
    if (leased === null) return;
    await workOn(leased, tools);
  }
}

/** A table that can't be read must not keep the others from being looked at: its range is over, and told of. */
async function workOn(leased: LeasedRange, tools: PassTools): Promise<void> {
  const { shard, table } = leased.work;
  try {
    const opened = await tools.open(leased);
    const left = await crawl(leased, opened, tools);
    if (left === 'nothing') {
      await leased.done(NO_OUTCOME);
      tools.told.done(leased.work);
    }
    if (left === 'something') await leased.giveBack();
  } catch (error) {
    if (error instanceof SharedStoreLost) throw error;
    await leased.done(failureOf(shard, table, messageOf(error)));
    tools.told.failed(leased.work);
    tools.told.done(leased.work);
  }
}

/** `lost`: the range is another worker's by now. */
async function crawl(
  leased: LeasedRange,
  { crawled, settler, size, shard }: SyncedTable,
  { turn, stop, told }: PassTools,
): Promise<'nothing' | 'something' | 'lost'> {
  const { work: range } = leased;
  const batches = settledBatches(crawlPatiently(crawled, range.way, range.range, size), {
    settler,
    turn: () => turn(shard),
    looked: (batch) => told.batch(range, batch),
    settled: (outcome) => told.settled(range, outcome),
  });
  for await (const { batch, outcomes } of batches) {
    const outcome = outcomeOf(range, batch.groups, outcomes);
    if (!(await leased.progressed(batch.range.through, outcome))) return 'lost';
    if (stop.aborted) return 'something';
  }
  return 'nothing';
}
