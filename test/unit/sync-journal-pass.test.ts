/** A pass over the journals: what is right or repaired is settled, what is not or is written meanwhile stays. */
import { describe, expect, it } from 'vitest';
import type { Doubt, JournalPage } from '../../src/journal/journal.ts';
import type { JournalPassTools, ProxyJournal } from '../../src/sync/journal-pass.ts';
import { runJournalPass } from '../../src/sync/journal-pass.ts';
import { NO_COUNTS, type PassCounts } from '../../src/sync/pass-counts.ts';
import { type FakeSyncedTable, fakeSyncedTable, rowsOf } from '../harness/fake-synced-table.ts';

/** Keys that are written while the reader looks stay. */
class FakeProxy implements ProxyJournal {
  held: Doubt[];
  readonly writtenMeanwhile: ReadonlySet<string>;
  readonly cursors: string[] = [];

  constructor(doubts: readonly Doubt[], writtenMeanwhile: readonly string[] = []) {
    this.held = [...doubts];
    this.writtenMeanwhile = new Set(writtenMeanwhile);
  }

  states() {
    return Promise.resolve(
      new Map([['s00', { keys: this.held.length, reset: false, epoch: 1, lagSeconds: 0 }]]),
    );
  }

  async *pages(): AsyncGenerator<JournalPage> {
    const all = [...this.held];
    for (let start = 0; start < all.length; start += 2)
      yield { entries: all.slice(start, start + 2), cursor: `c${start}`, reset: false };
  }

  settle(_shard: string, seen: readonly Doubt[], cursor: string) {
    this.cursors.push(cursor);
    const good = seen.filter(({ key }) => !this.writtenMeanwhile.has(String(key)));
    this.held = this.held.filter((doubt) => !good.includes(doubt));
    return Promise.resolve({ settled: good.length, kept: seen.length - good.length, stale: false });
  }
}

function doubt(key: string | null, table = 'messages'): Doubt {
  return { table, key, reason: 'failed', count: 1 };
}

interface Given {
  readonly tables: readonly FakeSyncedTable[];
  readonly whole?: Readonly<Record<string, PassCounts>>;
  readonly settles?: boolean;
  readonly selected?: readonly string[];
  /** Of these tables a part can't be looked at. */
  readonly unseen?: readonly string[];
}

function toolsOf(
  journals: readonly ProxyJournal[],
  { tables, whole = {}, settles = true, selected, unseen }: Given,
) {
  const failed: string[] = [];
  const wholes: string[] = [];
  const tools: JournalPassTools = {
    journals,
    shards: ['s00', 's01'],
    selected: selected ?? null,
    tables: () => tables.map(({ table }) => table),
    open: (_shard, table) => Promise.resolve(tables.find((each) => each.table === table)!),
    wholeTable: (_shard, table) => {
      wholes.push(table);
      return Promise.resolve({
        counts: whole[table] ?? NO_COUNTS,
        unseen: unseen?.includes(table) === true ? 'something' : 'nothing',
      });
    },
    turn: () => Promise.resolve(),
    settles,
    stop: new AbortController().signal,
    told: {
      looked: () => {},
      settled: () => {},
      failed: (_shard, table, error) => failed.push(`${table}: ${(error as Error).message}`),
    },
  };
  return { tools, failed, wholes };
}

const MOVING: PassCounts = { ...NO_COUNTS, mismatched: 1, settled: { ...NO_COUNTS.settled, moving: 1 } };

describe('a pass over the journals', () => {
  it('repairs what is wrong and settles all of it, each page by its own cursor', async () => {
    const table = fakeSyncedTable({
      table: 'messages',
      old: rowsOf([1, 2, 3]),
      fresh: [...rowsOf([1]), ...rowsOf([2], 'other')],
    });
    const proxies = [
      new FakeProxy([doubt('1'), doubt('2'), doubt('3'), doubt('4')]),
      new FakeProxy([doubt('1')]),
    ];
    const { tools } = toolsOf(proxies, { tables: [table] });
    const result = await runJournalPass(tools);
    expect(result).toMatchObject({ entries: 5, settled: 5, kept: 0 });
    expect(result.counts).toMatchObject({ groups: 5, mismatched: 2, settled: { repaired: 2 } });
    expect(proxies.flatMap(({ held }) => held)).toEqual([]);
    expect(proxies[0]?.cursors).toEqual(['c0', 'c2']);
    expect(table.fresh.stored.map(({ key }) => key).sort()).toEqual(['1', '2', '3']);
  });

  it('keeps what could not be made the same, however its key is written', async () => {
    const table = fakeSyncedTable({
      table: 'messages',
      old: rowsOf([1, 2]),
      fresh: rowsOf([1]),
      result: () => 'moving',
    });
    const proxy = new FakeProxy([doubt('1'), doubt('002')]);
    const { tools } = toolsOf([proxy], { tables: [table] });
    expect(await runJournalPass(tools)).toMatchObject({ settled: 1, kept: 1 });
    expect(proxy.held).toEqual([doubt('002')]);
  });

  it('goes on with the other proxies where one can’t be asked, or does not settle', async () => {
    const away = new FakeProxy([doubt('1')]);
    away.states = () => Promise.reject(new Error('it is away'));
    const restarting = new FakeProxy([doubt('1')]);
    restarting.settle = () => Promise.reject(new Error('it went'));
    const well = new FakeProxy([doubt('1')]);
    const table = fakeSyncedTable({ table: 'messages', old: rowsOf([1]), fresh: rowsOf([1]) });
    const { tools, failed } = toolsOf([away, restarting, well], { tables: [table] });
    expect(await runJournalPass(tools)).toMatchObject({ entries: 2, settled: 1, kept: 1 });
    expect(failed).toEqual([': it is away', ': it went']);
    expect([away.held.length, restarting.held.length, well.held.length]).toEqual([1, 1, 0]);
  });

  it('comes to its end, although more is noted than it can settle', async () => {
    const table = fakeSyncedTable({ table: 'messages', old: rowsOf([1]), fresh: rowsOf([1]) });
    const proxy = new FakeProxy([doubt('1'), doubt('2'), doubt('3')]);
    let given = 0;
    proxy.pages = async function* (): AsyncGenerator<JournalPage> {
      for (; given < 100; given += 2)
        yield { entries: [doubt(String(given)), doubt(String(given + 1))], cursor: '', reset: false };
    };
    const { tools } = toolsOf([proxy], { tables: [table] });
    expect(await runJournalPass(tools)).toMatchObject({ entries: 4 });
    expect(given).toBe(2);
  });

  it('keeps what was written meanwhile', async () => {
    const table = fakeSyncedTable({ table: 'messages', old: rowsOf([1, 2]), fresh: rowsOf([1, 2]) });
    const proxy = new FakeProxy([doubt('1'), doubt('2')], ['2']);
    const { tools } = toolsOf([proxy], { tables: [table] });
    expect(await runJournalPass(tools)).toMatchObject({ settled: 1, kept: 1 });
    expect(proxy.held).toEqual([doubt('2')]);
  });

  it('goes through a whole table where the key is not known, and keeps the doubt unless all of it is right', async () => {
    const tables = ['messages', 'likes'].map((table) => fakeSyncedTable({ table, old: [], fresh: [] }));
    const proxy = new FakeProxy([doubt(null), doubt(null, 'likes')]);
    const { tools, wholes } = toolsOf([proxy], { tables, whole: { likes: MOVING } });
    await runJournalPass(tools);
    expect([wholes, proxy.held]).toEqual([['messages', 'likes'], [doubt(null, 'likes')]]);
    const any = new FakeProxy([doubt(null, '*')]);
    const { tools: others, wholes: all } = toolsOf([any], { tables });
    await runJournalPass(others);
    expect([all, any.held]).toEqual([['messages', 'likes'], []]);
  });

  it('goes through a whole table where the sides take other spellings for one key', async () => {
    const table = {
      ...fakeSyncedTable({ table: 'messages', old: [], fresh: [] }),
      spellings: 'unlike' as const,
    };
    const proxy = new FakeProxy([doubt('1')]);
    const { tools, wholes } = toolsOf([proxy], { tables: [table] });
    await runJournalPass(tools);
    expect([wholes, proxy.held]).toEqual([['messages'], []]);
  });

  it('goes through a table once for all pages, and settles each by its own cursor', async () => {
    const tables = ['messages', 'likes'].map((table) => ({
      ...fakeSyncedTable({ table, old: [], fresh: [] }),
      spellings: 'unlike' as const,
    }));
    const proxy = new FakeProxy([doubt('1'), doubt('2', 'likes'), doubt('3'), doubt('4'), doubt('5')]);
    const { tools, wholes } = toolsOf([proxy], { tables });
    expect(await runJournalPass(tools)).toMatchObject({ entries: 5, settled: 5, kept: 0 });
    expect([wholes, proxy.cursors, proxy.held]).toEqual([['messages', 'likes'], ['c0', 'c2', 'c4'], []]);
  });

  it('keeps the doubts of a table of which a part could not be looked at, and of any table with it', async () => {
    const tables = ['messages', 'likes'].map((table) => fakeSyncedTable({ table, old: [], fresh: [] }));
    const proxy = new FakeProxy([doubt(null), doubt(null, 'likes'), doubt(null, '*')]);
    await runJournalPass(toolsOf([proxy], { tables, unseen: ['likes'] }).tools);
    expect(proxy.held).toEqual([doubt(null, 'likes'), doubt(null, '*')]);
  });

  it('leaves alone what is of no table that was asked for, or of any', async () => {
    const tables = [fakeSyncedTable({ table: 'messages', old: rowsOf([1]), fresh: rowsOf([1]) })];
    const proxy = new FakeProxy([doubt('1'), doubt('1', 'likes'), doubt(null, '*')]);
    const { tools, failed, wholes } = toolsOf([proxy], { tables, selected: ['messages'] });
    expect(await runJournalPass(tools)).toMatchObject({ entries: 3, settled: 1, kept: 2 });
    expect([failed, wholes, proxy.held]).toEqual([[], [], [doubt('1', 'likes'), doubt(null, '*')]]);
  });

  it('settles nothing where it may only look', async () => {
    const table = fakeSyncedTable({ table: 'messages', old: rowsOf([1]), fresh: rowsOf([1]) });
    const proxy = new FakeProxy([doubt('1')]);
    const { tools } = toolsOf([proxy], { tables: [table], settles: false });
    expect(await runJournalPass(tools)).toMatchObject({ entries: 1, settled: 0, kept: 1 });
    expect([proxy.held, proxy.cursors]).toEqual([[doubt('1')], []]);
  });

  it('keeps the doubts of a table that it does not know, and goes on with the others', async () => {
    const table = fakeSyncedTable({ table: 'messages', old: rowsOf([1]), fresh: rowsOf([1]) });
    const proxy = new FakeProxy([doubt('1', 'gone'), doubt('1')]);
    const { tools, failed } = toolsOf([proxy], { tables: [table] });
    await runJournalPass(tools);
    expect(proxy.held).toEqual([doubt('1', 'gone')]);
    expect(failed).toEqual(['gone: it is in the journal, but not among the tables that are synced']);
  });
});
