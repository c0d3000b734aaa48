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
import { settledBatches } from './settled-batches.ts';

export interface JournalPassTools {
  readonly journals: readonly ProxyJournal[];
  /** In which the journals are read. */
  readonly shards: readonly string[];
  /** Null: all tables; else doubts of others, or of any table, are left alone. */
  readonly selected: readonly string[] | null;
  /** Names of the tables that are synced. */
  readonly tables: (shard: string) => readonly string[];
  readonly open: (shard: string, table: string) => Promise<SyncedTable>;
  /** Goes through all groups of a table. */
  readonly wholeTable: (shard: string, table: string) => Promise<LookedThrough>;
  readonly turn: (shard: string) => Promise<void>;
  /** False: nothing is written, and so nothing settled. */
  readonly settles: boolean;
  readonly stop: AbortSignal;
  readonly told: JournalPassListener;
}

export interface LookedThrough {
  readonly counts: PassCounts;
  /** `something`: it was told why a part of the table, or all of it, could not be looked at. */
  readonly unseen: 'nothing' | 'something';
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

const NO_RESULT: JournalPassResult = { counts: NO_COUNTS, entries: 0, settled: 0, kept: 0 };
/** Stands for any table of the shard. */
const ANY_TABLE = '*';
/** Keys that are compared and settled together. */
const KEYS_AT_ONCE = 200;
/** Doubts that are held until the tables that they take a look at are gone through, all by one crawl. */
const WAITING_MAX = 20_000;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** A journal that can't be read, or settled, is told of: what it has in doubt stays in it. */
export async function runJournalPass(tools: JournalPassTools): Promise<JournalPassResult> {
  let result = NO_RESULT;
  for (const journal of tools.journals) {
    for (const [shard, held] of await servedBy(journal, tools)) {
      result = addResults(result, await settleShard(journal, shard, held, tools));
      if (tools.stop.aborted) return result;
    }
  }
  return result;
}

/** Those of the shards that the proxy serves, with how many entries it holds of each. */
async function servedBy(
  journal: ProxyJournal,
  { shards, told }: JournalPassTools,
): Promise<readonly (readonly [string, number])[]> {
  try {
    const served = await journal.states();
    return shards.flatMap((shard) => {
      const state = served.get(shard);
      return state === undefined ? [] : [[shard, state.keys] as const];
    });
  } catch (error) {
    told.failed('', '', error);
    return [];
  }
}

/**
 * `held`: entries when the pass began. Those that are noted since stand behind them: under load there are always
 * some, which are the next pass's.
 */
async function settleShard(
  journal: ProxyJournal,
  shard: string,
  held: number,
  tools: JournalPassTools,
): Promise<JournalPassResult> {
  let result = NO_RESULT;
  let waiting: PageOfDoubts[] = [];
  const settle = async ({ doubts, cursor }: PageOfDoubts): Promise<void> => {
    if (doubts.length === 0 || !tools.settles) return;
    const { settled } = await journal.settle(shard, doubts, cursor);
    result = { ...result, settled: result.settled + settled, kept: result.kept - settled };
  };
  const seeToWaiting = async (): Promise<void> => {
    const pages = waiting;
    waiting = [];
    const { counts, good } = await lookAtTables(shard, pages, tools);
    result = { ...result, counts: addCounts(result.counts, counts) };
    for (const page of good) await settle(page);
  };
  try {
    for await (const { entries, cursor } of journal.pages(shard)) {
      if (tools.stop.aborted || entries.length === 0) break;
      const { counts, good, ofTables } = await look(shard, entries, tools);
      const looked = { counts, entries: entries.length, settled: 0, kept: entries.length };
      result = addResults(result, looked);
      await settle({ doubts: good, cursor });
      waiting.push({ doubts: ofTables, cursor });
      if (waiting.reduce((sum, { doubts }) => sum + doubts.length, 0) >= WAITING_MAX) await seeToWaiting();
      if (result.entries >= held) break;
    }
    await seeToWaiting();
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
  /** What takes a look at whole tables, which is still to be done. */
  readonly ofTables: readonly Doubt[];
}

/** With the cursor by which they can be settled: it was given before anything of theirs was looked at. */
interface PageOfDoubts {
  readonly doubts: readonly Doubt[];
  readonly cursor: string;
}

async function look(shard: string, entries: readonly Doubt[], tools: JournalPassTools): Promise<Looked> {
  let counts = NO_COUNTS;
  const good: Doubt[] = [];
  const ofTables: Doubt[] = [];
  for (const [table, doubts] of byTable(entries)) {
    try {
      const looked = await lookAtTable(shard, table, doubts, tools);
      counts = addCounts(counts, looked.counts);
      good.push(...looked.good);
      ofTables.push(...looked.ofTables);
    } catch (error) {
      // One table that can't be read must not keep the others in doubt.
      tools.told.failed(shard, table, error);
    }
  }
  return { counts, good, ofTables };
}

/** Each of the tables once, however many doubts and pages there are of it. `good`: what can be settled of each page. */
async function lookAtTables(
  shard: string,
  pages: readonly PageOfDoubts[],
  tools: JournalPassTools,
): Promise<{ readonly counts: PassCounts; readonly good: readonly PageOfDoubts[] }> {
  const named = new Set(pages.flatMap(({ doubts }) => doubts.map(({ table }) => table)));
  const all = tools.tables(shard);
  let counts = NO_COUNTS;
  const right = new Set<string>();
  for (const table of named.has(ANY_TABLE) ? all : named) {
    if (tools.stop.aborted) break;
    try {
      const found = await tools.wholeTable(shard, table);
      counts = addCounts(counts, found.counts);
      const isRight = found.unseen === 'nothing' && openGroups(found.counts) === 0;
      if (isRight && !tools.stop.aborted) right.add(table);
    } catch (error) {
      tools.told.failed(shard, table, error);
    }
  }
  if (all.every((table) => right.has(table))) right.add(ANY_TABLE);
  const good = pages.map(({ doubts, cursor }) => ({
    doubts: doubts.filter(({ table }) => right.has(table)),
    cursor,
  }));
  return { counts, good };
}

/** A doubt of the whole table has every key of it looked at, those of the other doubts among them. */
async function lookAtTable(
  shard: string,
  table: string,
  doubts: readonly Doubt[],
  tools: JournalPassTools,
): Promise<Looked> {
  if (tools.selected?.includes(table) === false) return { counts: NO_COUNTS, good: [], ofTables: [] };
  if (table === ANY_TABLE) return { counts: NO_COUNTS, good: [], ofTables: doubts };
  if (!tools.tables(shard).includes(table))
    throw new Error('it is in the journal, but not among the tables that are synced');
  const synced = await tools.open(shard, table);
  const { order } = synced.crawled;
  // A spelling that only one side takes for the key would go unseen.
  const isSure = synced.spellings === 'alike';
  if (doubts.some(({ key }) => key === null || !isSure || !isPlain(order, key)))
    return { counts: NO_COUNTS, good: [], ofTables: doubts };
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
  return { counts, good, ofTables: [] };
}

async function lookAtKeys(
  { shard, table, crawled, primaries, settler, size }: SyncedTable,
  doubts: readonly Doubt[],
  { turn, told }: JournalPassTools,
): Promise<Pick<Looked, 'counts' | 'good'>> {
  const { order } = crawled;
  const keys = new Set(doubts.map(({ key }) => key));
  const outcomes: GroupOutcome[] = [];
  const batches = settledBatches(compareKeys({ readers: primaries, order }, keys, size), {
    settler,
    turn: () => turn(shard),
    // Keys of which neither side has a row are told of too, at the end.
    looked: () => {},
    settled: (outcome) => told.settled(shard, table, outcome),
  });
  for await (const batch of batches) outcomes.push(...batch.outcomes);
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
