/** A crawl that goes past a group which can't be summed up in time, and says which it was. */
import type { BatchSize } from './batch-size.ts';
import { type ComparedBatch, unreadGroups } from './compared-batch.ts';
import { type CrawledTable, type CrawlWay, crawlGroups } from './group-crawl.ts';
import type { KeyRange } from './key-range.ts';
import { earlier } from './range-crawl.ts';
import { onBoth } from './side.ts';
import { QueryTimedOut } from './sync-connection.ts';
import type { Value } from './value.ts';

/** As `crawlGroups`; rejects with QueryTimedOut where not even the keys are told in time. */
export async function* crawlPatiently(
  table: CrawledTable,
  way: CrawlWay,
  range: KeyRange,
  size: BatchSize,
): AsyncGenerator<ComparedBatch> {
  let { after } = range;
  for (;;) {
    const rest = { after, through: range.through };
    try {
      for await (const batch of crawlGroups(table, way, rest, size)) {
        yield batch;
        after = batch.range.through;
      }
      return;
    } catch (error) {
      if (!(error instanceof QueryTimedOut)) throw error;
      const { keys, last } = await firstKey(table, way, { after, through: range.through });
      if (last === undefined) throw error;
      yield { range: { after, through: last }, ...unreadGroups(keys, error) };
      after = last;
    }
  }
}

/** In all its spellings. `last`: undefined where there is none. */
async function firstKey(
  { readers, order }: CrawledTable,
  way: CrawlWay,
  range: KeyRange,
): Promise<{ readonly keys: readonly Value[]; readonly last: Value | undefined }> {
  if (way !== 'both') return await readers[way].keys(range, 1);
  if (order === 'own') throw new TypeError('these sides share no order of keys');
  const found = await onBoth((side) => readers[side].keys(range, 1));
  const last = earlier(order, found.old.last, found.new.last);
  return { keys: last === undefined ? [] : [last], last };
}
