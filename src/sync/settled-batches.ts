/** The way through a table's batches that every pass takes: look, see to what is not the same, and tell of it. */
import type { ComparedGroups } from './compared-batch.ts';
import { type GroupOutcome, type GroupSettler, unreadOutcomes } from './group-outcome.ts';

export interface SettledBatchesOptions<Batch> {
  readonly settler: GroupSettler;
  /** Waits for the moment at which the servers may be asked again. */
  turn(): Promise<void>;
  /** A batch was looked at; what is not the same in it is seen to next. */
  looked(batch: Batch): void;
  settled(outcome: GroupOutcome): void;
}

export interface SettledBatch<Batch> {
  readonly batch: Batch;
  /** Of the groups that are not the same, and of those that could not be compared. */
  readonly outcomes: readonly GroupOutcome[];
}

/** Waits for its turn before each batch is looked at, and before what it found is seen to. Rejects as `batches` does. */
export async function* settledBatches<Batch extends ComparedGroups>(
  batches: AsyncIterable<Batch>,
  { settler, turn, looked, settled }: SettledBatchesOptions<Batch>,
): AsyncGenerator<SettledBatch<Batch>> {
  await turn();
  for await (const batch of batches) {
    looked(batch);
    let outcomes = unreadOutcomes(batch.unread);
    if (batch.mismatches.length > 0) {
      await turn();
      outcomes = [...outcomes, ...(await settler.settle(batch.mismatches))];
    }
    for (const outcome of outcomes) settled(outcome);
    yield { batch, outcomes };
    await turn();
  }
}
