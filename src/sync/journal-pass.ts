/**
 * Goes through what the proxies' journals have in doubt: each key is looked at on the primaries, seen to where it is
 * not the same, and settled in the journal that it came from. A key that is written meanwhile stays in it: its cursor
 * is from before anything was looked at.
 */
import type { Doubt } from '../journal/journal.ts';
import type { SyncedTable } from './full-pass.ts';
import type { GroupOutcome } from './group-outcome.ts';
import type { JournalClient } from './journal-client.ts';
import { compareKeys } from './key-comparison.ts';
import { canonicalKey, type KeyOrder } from './key-order.ts';
import { addCounts, countsOf, NO_COUNTS, openGroups, type PassCounts } from './pass-counts.ts';

export interface JournalPassTools {
  readonly journals: readonly ProxyJournal[];
  /** In which the journals are read. */
  readonly shards: readonly string[];
  /** Names of the tables that are synced. */
  readonly tables: (shard: string) => readonly string[];
  readonly open: (shard: string, table: string) => Promise<SyncedTable>;
  /** Goes through all groups of a table; rejects where that can't be done. */
  readonly wholeTable: (shard: string, table: string) => Promise<PassCounts>;
  readonly turn: (shard: string) => Promise<void>;
  /** False: nothing is written, and so nothing settled. */
  readonly settles: boolean;
  readonly stop: AbortSignal;
  readonly told: JournalPassListener;
}

/** The journals of one proxy. */
export type ProxyJournal = Pick<JournalClient, 'states' | 'pages' | 'settle'>;

export interface JournalPassListener {
  looked(shard: string, table: string, counts: PassCounts): void;
  settled(shard: string, table: string, outcome: GroupOutcome): void;
  failed(shard: string, table: string, error: unknown): void;
}

export interface JournalPassResult {
  readonly counts: PassCounts;
  /** Entries that were read, that are settled, and that stay. */
  readonly entries: number;
  readonly settled: number;
  readonly kept: number;
}

/** Stands for any table of the shard. */
const ANY_TABLE = '*';
/** Keys that are compared and settled together. */
const KEYS_AT_ONCE = 200;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** A journal that can't be read, or settled, is told of: what it has in doubt stays in it. */
export async function runJournalPass(tools: JournalPassTools): Promise<JournalPassResult> {
  let result: JournalPassResult = { counts: NO_COUNTS, entries: 0, settled: 0, kept: 0 };
  for (const journal of tools.journals) {
    for (const shard of await servedBy(journal, tools)) {
      result = addResults(result, await settleShard(journal, shard, tools));
      if (tools.stop.aborted) return result;
    }
  }
  return result;
}

async function servedBy(
  journal: ProxyJournal,
  { shards, told }: JournalPassTools,
): Promise<readonly string[]> {
  try {
    const served = await journal.states();
    return shards.filter((shard) => served.has(shard));
  } catch (error) {
    told.failed('', '', error);
    return [];
  }
}

async function settleShard(
  journal: ProxyJournal,
  shard: string,
  tools: JournalPassTools,
): Promise<JournalPassResult> {
  let result: JournalPassResult = { counts: NO_COUNTS, entries: 0, settled: 0, kept: 0 };
  try {
    for await (const { entries, cursor } of journal.pages(shard)) {
      if (tools.stop.aborted || entries.length === 0) break;
      const { counts, good } = await look(shard, entries, tools);
      const looked = { counts, entries: entries.length, settled: 0, kept: entries.length };
      result = addResults(result, looked);
      if (good.length === 0 || !tools.settles) continue;
      const { settled } = await journal.settle(shard, good, cursor);
      result = { ...result, settled: result.settled + settled, kept: result.kept - settled };
    }
  } catch (error) {
    // The proxy may be in the middle of a restart: what was not settled is there for the next pass.
    tools.told.failed(shard, '', error);
  }
  return result;
}

interface Looked {
  readonly counts: PassCounts;
  /** What is the same on both sides now. */
  readonly good: readonly Doubt[];
}

async function look(shard: string, entries: readonly Doubt[], tools: JournalPassTools): Promise<Looked> {
  let counts = NO_COUNTS;
  const good: Doubt[] = [];
  for (const [table, doubts] of byTable(entries)) {
    try {
      const looked =
        table === ANY_TABLE
          ? await lookAtTables(shard, tools.tables(shard), doubts, tools)
          : await lookAtTable(shard, table, doubts, tools);
      counts = addCounts(counts, looked.counts);
      good.push(...looked.good);
    } catch (error) {
      // One table that can't be read must not keep the others in doubt.
      tools.told.failed(shard, table, error);
    }
  }
  return { counts, good };
}

async function lookAtTables(
  shard: string,
  tables: readonly string[],
  doubts: readonly Doubt[],
  tools: JournalPassTools,
): Promise<Looked> {
  let counts = NO_COUNTS;
  for (const table of tables) counts = addCounts(counts, await tools.wholeTable(shard, table));
  return { counts, good: openGroups(counts) === 0 && !tools.stop.aborted ? doubts : [] };
}

/** A doubt of the whole table has every key of it looked at, those of the other doubts among them. */
async function lookAtTable(
  shard: string,
  table: string,
  doubts: readonly Doubt[],
  tools: JournalPassTools,
): Promise<Looked> {
  if (!tools.tables(shard).includes(table))
    throw new Error('it is in the journal, but not among the tables that are synced');
  const synced = await tools.open(shard, table);
  const { order } = synced.crawled;
  // A spelling that only one side takes for the key would go unseen.
  const isSure = synced.spellings === 'alike';
  if (doubts.some(({ key }) => key === null || !isSure || !isPlain(order, key)))
    return lookAtTables(shard, [table], doubts, tools);
  let counts = NO_COUNTS;
  const good: Doubt[] = [];
  // Where a key has several spellings, which of them an outcome is of can be told of one key alone.
  const atOnce = order === 'numeric' ? KEYS_AT_ONCE : 1;
  for (let start = 0; start < doubts.length && !tools.stop.aborted; start += atOnce) {
    const some = doubts.slice(start, start + atOnce);
    const looked = await lookAtKeys(synced, some, tools);
    counts = addCounts(counts, looked.counts);
    good.push(...looked.good);
  }
  return { counts, good };
}

async function lookAtKeys(
  { shard, table, crawled, primaries, settler, size }: SyncedTable,
  doubts: readonly Doubt[],
  { turn, told }: JournalPassTools,
): Promise<Looked> {
  const { order } = crawled;
  const keys = new Set(doubts.map(({ key }) => key));
  const outcomes: GroupOutcome[] = [];
  await turn(shard);
  for await (const { mismatches } of compareKeys({ readers: primaries, order }, keys, size)) {
    if (mismatches.length === 0) continue;
    await turn(shard);
    outcomes.push(...(await settler.settle(mismatches)));
  }
  for (const outcome of outcomes) told.settled(shard, table, outcome);
  const counts = countsOf(Math.max(keys.size, outcomes.length), outcomes);
  told.looked(shard, table, counts);
  return { counts, good: openGroups(counts) === 0 ? doubts : doubts.filter(isGood(order, outcomes)) };
}

function isGood(order: KeyOrder, outcomes: readonly GroupOutcome[]): (doubt: Doubt) => boolean {
  if (order !== 'numeric') return () => false;
  const open = outcomes.filter(({ result }) => result !== 'equal' && result !== 'repaired');
  const keys = new Set(open.map(({ key }) => canonicalKey(order, key)));
  return ({ key }) => !keys.has(canonicalKey(order, key));
}

/** The journal has a key as the statement's text had it: beyond ASCII that depends on the client's character set. */
function isPlain(order: KeyOrder, key: string): boolean {
  return order === 'numeric' || PRINTABLE_ASCII.test(key);
}

function byTable(entries: readonly Doubt[]): ReadonlyMap<string, Doubt[]> {
  const tables = new Map<string, Doubt[]>();
  for (const entry of entries) {
    const known = tables.get(entry.table);
    if (known === undefined) tables.set(entry.table, [entry]);
    else known.push(entry);
  }
  return tables;
}

function addResults(left: JournalPassResult, right: JournalPassResult): JournalPassResult {
  return {
    counts: addCounts(left.counts, right.counts),
    entries: left.entries + right.entries,
    settled: left.settled + right.settled,
    kept: left.kept + right.kept,
  };
}
