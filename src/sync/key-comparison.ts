/** Compares the groups of given keys, which need not be in any order: those of a journal, or of the command line. */
import { observeSums } from './batch-observation.ts';
import { BatchSize } from './batch-size.ts';
import { type ComparedGroups, unreadGroups } from './compared-batch.ts';
import type { CrawledTable } from './group-crawl.ts';
import { type GroupsByKey, groupsByKey, joinGroups } from './group-join.ts';
import type { GroupReader } from './group-reader.ts';
import { canonicalKey, type KeyOrder } from './key-order.ts';
import { onBoth } from './side.ts';
import { QueryTimedOut } from './sync-connection.ts';
import { tookTooLong } from './time-out-retry.ts';
import type { Value } from './value.ts';

export type ComparableTable = Pick<CrawledTable, 'readers' | 'order'>;

/**
 * A key stands for all spellings that a side takes for it and has rows of, each of which is a group; so a spelling
 * that only one side's collation takes for the key, and only the other side has, goes unseen: where the collations
 * differ it takes a crawl to be sure. Keys of which neither side has a row count as no group. A key that is given
 * twice is compared twice, unless it is in the same batch.
 */
export async function* compareKeys(
  table: ComparableTable,
  keys: Iterable<Value>,
  size: BatchSize = new BatchSize(),
): AsyncGenerator<ComparedGroups> {
  let batch = new Map<string, Value>();
  for (const key of keys) {
    batch.set(canonicalKey(table.order, key), key);
    if (batch.size < size.groups) continue;
    yield* compareInTime(table, batch, size);
    batch = new Map();
  }
  if (batch.size > 0) yield* compareInTime(table, batch, size);
}

/** By halves, where a batch takes longer than a query may. */
async function* compareInTime(
  table: ComparableTable,
  keys: ReadonlyMap<string, Value>,
  size: BatchSize,
): AsyncGenerator<ComparedGroups> {
  const compared = await compareBatch(table, keys, size).catch((error: unknown) => {
    if (error instanceof QueryTimedOut) return error;
    throw error;
  });
  if (!(compared instanceof QueryTimedOut)) {
    yield compared;
    return;
  }
  if (keys.size === 1) {
    yield unreadGroups([...keys.values()], compared);
    return;
  }
  tookTooLong(size);
  const all = [...keys];
  const half = Math.ceil(all.length / 2);
  yield* compareInTime(table, new Map(all.slice(0, half)), size);
  yield* compareInTime(table, new Map(all.slice(half)), size);
}

async function compareBatch(
  { readers, order }: ComparableTable,
  keys: ReadonlyMap<string, Value>,
  size: BatchSize,
): Promise<ComparedGroups> {
  const asked = [...keys.values()];
  const answers = await onBoth((side) => readers[side].sumsOf(asked));
  const found = {
    old: groupsByKey(order, answers.old.groups),
    new: groupsByKey(order, answers.new.groups),
  };
  const more = {
    old: await unasked(readers.old, order, found.new, found.old, keys),
    new: await unasked(readers.new, order, found.old, found.new, keys),
  };
  const seconds = { old: answers.old.seconds, new: answers.new.seconds };
  observeSums(size, answers, keys.size >= size.groups);
  return { ...joinGroups(more), seconds };
}

/** A side that tells more spellings apart than the other was not asked for those that only the other took for the key. */
async function unasked(
  reader: GroupReader,
  order: KeyOrder,
  theirs: GroupsByKey,
  ours: GroupsByKey,
  keys: ReadonlyMap<string, Value>,
): Promise<GroupsByKey> {
  const missing = [...theirs].filter(([key]) => !ours.has(key) && !keys.has(key));
  if (missing.length === 0) return ours;
  const wanted = new Set(missing.map(([key]) => key));
  const answer = await reader.sumsOf(missing.map(([, group]) => group.key));
  const found = [...groupsByKey(order, answer.groups)].filter(([key]) => wanted.has(key));
  return new Map([...ours, ...found]);
}
