/** Whether there is what a sync was asked for by --table and --keys. */
import { messageOf, UsageError } from '../base/errors.ts';
import { canonicalKey } from './key-order.ts';
import type { SyncRunOptions, SyncTools } from './sync-tools.ts';

/** Rejects with UsageError where tables or keys were asked for that are none: nothing would be looked at. */
export async function checkSelection(options: SyncRunOptions, tools: SyncTools): Promise<void> {
  const { selection, plan } = options;
  if (selection.tables === null && plan.mode !== 'keys') return;
  const names = new Map<string, readonly string[]>();
  for (const shard of selection.shards) names.set(shard, await tools.tablesOf(shard));
  const known = new Set([...names.values()].flat());
  const faults = (selection.tables ?? []).filter((table) => !known.has(table));
  if (faults.length > 0)
    throw new UsageError(`--table: ${faults.join(', ')}: no shard that was asked for has such a table`);
  if (plan.mode !== 'keys') return;
  for (const [shard, all] of names)
    for (const table of all) await checkKeys(options, tools, { shard, table });
}

async function checkKeys(
  { selection, told }: SyncRunOptions,
  { tables }: SyncTools,
  { shard, table }: { readonly shard: string; readonly table: string },
): Promise<void> {
  // A table that can't be compared is told of by its pass.
  const opened = await tables.open(shard, table).catch(() => null);
  if (opened === null) return;
  if (opened.grouped === 'not') {
    const text = `--keys: ${table} of shard ${shard} has no group column, and so no keys`;
    if (selection.tables !== null) throw new UsageError(`${text}: leave it out of --table`);
    told.warns(text);
  }
  try {
    for (const key of selection.keys) canonicalKey(opened.crawled.order, key);
  } catch (error) {
    throw new UsageError(`--keys: of ${table}: ${messageOf(error)}; name other tables by --table`);
  }
}
