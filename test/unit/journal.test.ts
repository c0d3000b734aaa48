import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DiskJournal } from '../../src/journal/disk-journal.ts';
import type { Doubt } from '../../src/journal/journal.ts';
import {
  endOfTurn,
  faultyDisk,
  filesOf,
  makeJournal,
  openJournal,
  readAll,
  type TestJournal,
  type TestJournalOptions,
  texts,
} from '../harness/journal.ts';
import { MemoryDisk } from '../harness/memory-disk.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';

const opened: DiskJournal[] = [];
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
});

async function open(options: TestJournalOptions = {}): Promise<TestJournal> {
  const made = await openJournal(options);
  opened.push(made.journal);
  return made;
}

/** What a process that ends now leaves, as the next one finds it. */
async function afterCrash(of: TestJournal): Promise<TestJournal> {
  return open({ directory: of.crash() });
}

function withoutMark({ table, key, reason, count }: Doubt): Doubt {
  return { table, key, reason, count };
}

function write(journal: DiskJournal, ...keys: (string | null)[]) {
  for (const key of keys) journal.written('messages', key);
  const mark = journal.mark();
  journal.flush();
  return mark;
}

describe('invariant 4: a write’s key is on record before the write is sent', () => {
  it('a process that ends behind the flush leaves the keys, as doubts', async () => {
    const before = await open();
    write(before.journal, '1', 'ž', null);
    before.journal.written('notes', '');
    before.journal.flush();
    const { journal } = await afterCrash(before);
    expect(texts(journal.entries())).toEqual([
      'messages/1/written 1',
      'messages/null/written 1',
      'messages/ž/written 1',
      'notes//written 1',
    ]);
    expect(journal.reset).toBe(false);
  });

  it('what was released and not let go of yet is a doubt too, and only once', async () => {
    const before = await open();
    write(before.journal, '1').release();
    const after = await afterCrash(before);
    expect(texts(after.journal.entries())).toEqual(['messages/1/written 1']);
    const again = await afterCrash(after);
    expect(texts(again.journal.entries())).toEqual(['messages/1/written 1']);
  });

  it('an orderly end with nothing under way leaves nothing of the written log', async () => {
    const { journal, directory } = await openJournal();
    write(journal, '1', '2').release();
    await journal.close();
    expect(filesOf(directory)).toEqual(['doubts-1.log', 'doubts-1.snapshot', 'state']);
    expect(texts((await open({ directory })).journal.entries())).toEqual([]);
  });

  it('an orderly end leaves the keys of writes that are under way', async () => {
    const { journal, directory } = await openJournal();
    write(journal, '1');
    await journal.close();
    expect(texts((await open({ directory })).journal.entries())).toEqual(['messages/1/written 1']);
  });

  it('a frame’s worth of keys in one write is kept whole', async () => {
    const before = await open();
    const keys = Array.from({ length: 20_000 }, (_, index) => `key ${index}`);
    write(before.journal, ...keys);
    const { journal } = await afterCrash(before);
    expect([...journal.entries()].map(({ key }) => key)).toEqual(keys);
  });

  it('a key too long to be told apart stands for its table, a table for any', async () => {
    const before = await open();
    write(before.journal, 'x'.repeat(8193));
    before.journal.written('t'.repeat(513), '5');
    before.journal.flush();
    before.journal.note('t'.repeat(513), '5', 'failed');
    await endOfTurn();
    const { journal } = await afterCrash(before);
    expect(texts(journal.entries())).toEqual([
      '*/null/failed 1',
      '*/null/written 1',
      'messages/null/written 1',
    ]);
  });

  it('keeps every text as it is', async () => {
    const before = await open();
    const odd = ['\ud800', '\udfff x', '\u0000', '🐬', 'ÿ', 'null', 'a/b', '\\'];
    for (const key of odd) before.journal.note('ta ble/ž', key, 'hazard');
    write(before.journal, ...odd);
    await endOfTurn();
    const { journal } = await afterCrash(before);
    const found = [...journal.entries()];
    expect(found.filter(({ reason }) => reason === 'hazard').map(({ key }) => key)).toEqual(odd);
    expect(found.filter(({ reason }) => reason === 'written').map(({ key }) => key)).toEqual(odd);
    expect(found[0]?.table).toBe('ta ble/ž');
  });
});

describe('doubts', () => {
  it('are counted by key and reason; null is no key', async () => {
    const before = await open();
    for (const reason of ['failed', 'failed', 'dropped'] as const)
      before.journal.note('messages', '1', reason);
    before.journal.note('messages', 'null', 'failed', 3);
    before.journal.note('messages', null, 'failed');
    await endOfTurn();
    const expected = [
      'messages/1/dropped 1',
      'messages/1/failed 2',
      'messages/null/failed 1',
      'messages/null/failed 3',
    ];
    expect(texts(before.journal.entries())).toEqual(expected);
    const { journal } = await afterCrash(before);
    expect(texts(journal.entries())).toEqual(expected);
    expect(journal.size).toBe(4);
    expect([...journal.counts()]).toEqual([
      { table: 'messages', reason: 'failed', count: 3 },
      { table: 'messages', reason: 'dropped', count: 1 },
    ]);
  });

  it('are settled by the count that was seen, for good', async () => {
    const before = await open();
    before.journal.note('messages', '1', 'failed', 2);
    before.journal.note('messages', '2', 'failed');
    const { entries, cursor } = await readAll(before.journal);
    before.journal.note('messages', '1', 'failed');
    expect(await before.journal.settle(entries.map(withoutMark), cursor)).toEqual({
      settled: 2,
      kept: 0,
      stale: false,
    });
    expect(texts(before.journal.entries())).toEqual(['messages/1/failed 1']);
    const { journal } = await afterCrash(before);
    expect(texts(journal.entries())).toEqual(['messages/1/failed 1']);
  });

  it('with their marks are settled once, however late and often it is asked', async () => {
    const { journal } = await open();
    for (const key of ['1', '2', '3']) journal.note('messages', key, 'failed', 2);
    const seen = (await readAll(journal)).entries;
    journal.note('messages', '1', 'failed', 2);
    const partly = seen.map((doubt) => ({ ...doubt, count: 1 }));
    // Given since: by it alone nothing would be kept.
    const { cursor } = await journal.read('', 1);
    expect(await journal.settle(partly, cursor)).toEqual({ settled: 2, kept: 1, stale: false });
    const left = ['messages/1/failed 4', 'messages/2/failed 1', 'messages/3/failed 1'];
    expect(texts(journal.entries())).toEqual(left);
    expect(await journal.settle(partly, cursor)).toEqual({ settled: 0, kept: 3, stale: false });
    expect(texts(journal.entries())).toEqual(left);
    const again = (await readAll(journal)).entries;
    for (let round = 0; round < 2; round++)
      expect(await journal.settle(again, cursor)).toEqual({ settled: 3, kept: 0, stale: false });
    journal.note('messages', '2', 'failed');
    expect(await journal.settle(again, cursor)).toEqual({ settled: 2, kept: 1, stale: false });
    expect(texts(journal.entries())).toEqual(['messages/2/failed 1']);
  });

  it('at the bound the oldest go, and a full pass is owed until one was done that saw it all', async () => {
    const before = await open({ maxBytes: 4 * 1024 * 1024 });
    const { journal } = before;
    const early = (await journal.read('', 10)).cursor;
    for (let key = 0; key < 30_000; key++) journal.note('messages', `${key}`, 'not_sampled');
    expect(journal.reset).toBe(true);
    expect(before.losses).toHaveLength(1);
    const keys = [...journal.entries()].map(({ key }) => Number(key));
    expect(keys[0]).toBeGreaterThan(0);
    expect(keys).toEqual(Array.from({ length: keys.length }, (_, index) => 30_000 - keys.length + index));
    expect((await journal.read(early, 10)).reset).toBe(true);
    const { cursor } = await readAll(journal);
    expect((await journal.read(cursor, 10)).reset).toBe(false);
    await endOfTurn();
    const after = (await afterCrash(before)).journal;
    expect([after.reset, after.size]).toEqual([true, journal.size]);
    const { epoch } = after.figures();
    expect(after.fullPassDone(epoch - 1)).toBe(false);
    expect(after.fullPassDone(epoch)).toBe(true);
    expect(after.reset).toBe(false);
  });

  it('keep to the bound on disk while they come and go', async () => {
    const maxBytes = 4 * 1024 * 1024;
    const { journal } = await open({ maxBytes });
    let peak = 0;
    for (let round = 0; round < 150; round++) {
      for (let key = 0; key < 500; key++) journal.note('messages', `${key}`, 'failed');
      await endOfTurn();
      peak = Math.max(peak, journal.figures().bytes);
    }
    expect(peak).toBeLessThan(maxBytes);
    expect([journal.size, journal.reset]).toEqual([500, false]);
    await waitFor(() => journal.figures().bytes < 1024 * 1024, { what: 'the log is short again' });
  });
});

describe('reading', () => {
  it('gives pages of any size, and nothing twice where nothing happens', async () => {
    const { journal } = await open();
    for (let key = 0; key < 57; key++) journal.note('messages', `${key}`, 'failed');
    write(journal, ...Array.from({ length: 31 }, (_, key) => `w${key}`));
    for (const limit of [1, 2, 7, 56, 57, 58, 87, 88, 89]) {
      const { entries, cursor } = await readAll(journal, limit);
      expect(entries.map(({ key }) => key)).toEqual([
        ...Array.from({ length: 57 }, (_, key) => `${key}`),
        ...Array.from({ length: 31 }, (_, key) => `w${key}`),
      ]);
      expect(await readAll(journal, limit, cursor)).toMatchObject({ entries: [], reset: false });
    }
  });

  it('goes on behind a restart where it was, and sees what the end of the process left', async () => {
    const before = await open();
    before.journal.note('messages', '1', 'failed');
    before.journal.note('messages', '2', 'failed');
    const { cursor } = await before.journal.read('', 1);
    write(before.journal, '3');
    const { journal } = await afterCrash(before);
    expect(await readAll(journal, 1, cursor)).toMatchObject({
      entries: [
        { key: '2', reason: 'failed' },
        { key: '3', reason: 'written' },
      ],
      reset: false,
    });
  });

  it('gives the keys that a start finds also to a reader of notes which a loss of power took back', async () => {
    const disk = new MemoryDisk();
    const { journal } = await open({ disk, directory: '/journal', sync: 'never' });
    const path = '/journal/doubts-1.log';
    const header = disk.files().find((file) => file.path === path)?.length ?? 0;
    for (const key of ['1', '2', '3']) journal.note('messages', key, 'failed');
    const { cursor } = await readAll(journal);
    write(journal, '4');
    const left = disk.copy();
    left.cut(path, header);
    const after = await open({ disk: left, directory: '/journal' });
    expect(texts((await readAll(after.journal, 10, cursor)).entries)).toEqual(['messages/4/written 1']);
  });

  it('says reset to the reader of another journal, and gives it all', async () => {
    const other = await (await open()).journal.read('', 10);
    const { journal } = await open();
    journal.note('messages', '1', 'failed');
    const page = await journal.read(other.cursor, 10);
    expect([page.reset, texts(page.entries)]).toEqual([true, ['messages/1/failed 1']]);
    expect((await journal.read(page.cursor, 10)).reset).toBe(false);
  });

  it('refuses what is no cursor', async () => {
    const { journal } = await open();
    const { cursor } = await journal.read('', 10);
    for (const text of [
      'x',
      '1',
      `${cursor}.1`,
      cursor.slice(0, -2),
      `${cursor}\n`,
      'ž'.repeat(50),
      'a'.repeat(10_000),
    ])
      expect(() => journal.read(text, 10), text).toThrow('cursor: is none that this journal gave');
  });
});

describe('invariant 8: nothing is settled that was written while the reader looked', () => {
  async function doubted(): Promise<TestJournal & { settle(cursor: string): Promise<unknown> }> {
    const made = await open();
    for (const key of ['1', '2']) made.journal.note('messages', key, 'failed');
    made.journal.note('messages', null, 'table');
    made.journal.note('notes', '1', 'failed');
    const entries = [...made.journal.entries()];
    return { ...made, settle: (cursor) => made.journal.settle(entries, cursor) };
  }

  const CASES: readonly [string, (journal: DiskJournal) => void, string[]][] = [
    ['nothing', () => {}, []],
    ['a key', (journal) => write(journal, '2').release(), ['messages/2/failed 1', 'messages/null/table 1']],
    [
      'a whole table',
      (journal) => write(journal, null).release(),
      ['messages/1/failed 1', 'messages/2/failed 1', 'messages/null/table 1'],
    ],
    ['another key', (journal) => write(journal, '3').release(), ['messages/null/table 1']],
    [
      'any table',
      (journal) => {
        journal.written('*', null);
        journal.mark().release();
        journal.flush();
      },
      ['messages/1/failed 1', 'messages/2/failed 1', 'messages/null/table 1', 'notes/1/failed 1'],
    ],
  ];
  it.each(CASES)('behind the cursor: %s', async (_, happen, kept) => {
    const { journal, settle } = await doubted();
    const { cursor } = await journal.read('', 1);
    happen(journal);
    await settle(cursor);
    expect(texts(journal.entries())).toEqual(kept);
  });

  it.each(CASES)('settled before the cursor was given: %s', async (_, happen) => {
    const { journal, settle } = await doubted();
    happen(journal);
    const { cursor } = await journal.read('', 1);
    await settle(cursor);
    expect(texts(journal.entries())).toEqual([]);
  });

  it('a write that was under way when the cursor was given', async () => {
    const { journal, settle } = await doubted();
    const mark = write(journal, '2');
    const { cursor } = await journal.read('', 1);
    mark.release();
    expect(await settle(cursor)).toEqual({ settled: 2, kept: 2, stale: false });
    expect(texts(journal.entries())).toEqual(['messages/2/failed 1', 'messages/null/table 1']);
  });

  it('a write that comes while the log is read', async () => {
    const { journal, settle } = await doubted();
    const { cursor } = await journal.read('', 1);
    const settling = settle(cursor);
    await Promise.resolve();
    write(journal, '1');
    await settling;
    expect(texts(journal.entries())).toContain('messages/1/failed 1');
  });

  it('a cursor of another start can’t tell, and keeps everything', async () => {
    const before = await doubted();
    const { cursor } = await before.journal.read('', 10);
    await endOfTurn();
    const { journal } = await afterCrash(before);
    expect(await journal.settle([...journal.entries()], cursor)).toMatchObject({
      settled: 0,
      kept: 4,
      stale: true,
    });
  });
});

describe('the written log', () => {
  it('lets settled keys go after their time, keeps those under way, and old cursors can’t settle then', async () => {
    let atMs = 0;
    const { journal, directory } = await open({ writtenRetentionMs: 1000, now: () => atMs });
    journal.note('messages', '1', 'failed');
    const { cursor } = await journal.read('', 10);
    write(journal, '1').release();
    const waiting = () => filesOf(directory).filter((name) => name.startsWith('written'));
    atMs += 10_000;
    await waitFor(() => waiting().length > 2, { what: 'the next segment is begun' });
    const mark = write(journal, '2');
    atMs += 10_000;
    await waitFor(() => !waiting().includes('written-1-1.log'), { what: 'the first segment is gone' });
    expect(await journal.settle([...journal.entries()], cursor)).toMatchObject({ settled: 0, stale: true });
    atMs += 60_000;
    expect(texts((await readAll(journal)).entries)).toEqual(['messages/1/failed 1', 'messages/2/written 1']);
    mark.release();
    await waitFor(
      async () => {
        atMs += 10_000;
        return !texts((await readAll(journal)).entries).includes('messages/2/written 1');
      },
      { what: 'the second is gone' },
    );
  });

  it('keeps to its bound, at the price of a full pass where writes were under way', async () => {
    const { journal, losses } = await open({ maxBytes: 4 * 1024 * 1024 });
    const marks = [];
    for (let round = 0; round < 150; round++) {
      marks.push(
        write(journal, ...Array.from({ length: 1000 }, (_, key) => `${round} ${key} and some more`)),
      );
      await waitFor(() => journal.figures().bytes < 3 * 1024 * 1024, { what: 'the journal keeps up' });
    }
    expect(losses).toHaveLength(1);
    expect(journal.reset).toBe(true);
    for (const mark of marks) mark.release();
    expect(journal.pending).toBe(0);
  });
});

describe('damage', () => {
  it('a log cut off at any byte keeps what was whole before, and owes nothing', async () => {
    const disk = new MemoryDisk();
    const before = await open({ disk, directory: '/journal' });
    for (const key of ['1', '2', '3']) {
      before.journal.note('messages', key, 'failed');
      await endOfTurn();
    }
    const path = '/journal/doubts-1.log';
    const whole = disk.files().find((file) => file.path === path)?.length ?? 0;
    let seen = 0;
    for (let length = 0; length <= whole; length++) {
      const left = disk.copy();
      left.cut(path, length);
      const { journal } = await openJournal({ disk: left, directory: '/journal' });
      const keys = [...journal.entries()].map(({ key }) => key);
      expect(keys, `${length} bytes`).toEqual(['1', '2', '3'].slice(0, keys.length));
      expect(journal.reset).toBe(false);
      expect(keys.length).toBeGreaterThanOrEqual(seen);
      seen = keys.length;
      await journal.close();
    }
    expect(seen).toBe(3);
  });

  it('a changed byte anywhere loses one frame at most, and a full pass is owed', async () => {
    const before = await open();
    const file = join(before.directory, 'doubts-1.log');
    for (const key of ['1', '2', '3']) {
      const { size } = statSync(file);
      before.journal.note('messages', key, 'failed');
      // On a busy machine an append may be made aside.
      await waitFor(() => statSync(file).size > size, { what: 'the frame' });
    }
    const log = readFileSync(file);
    // Its checksum may hold any byte, so that one alone does not tell where it ends.
    const end = '"id":1}';
    const header = log.indexOf(end) + end.length;
    const frame = (log.length - header) / 3;
    for (let at = header; at < log.length - frame; at += 3) {
      const left = makeJournal({ directory: before.crash() });
      const bytes = Buffer.from(log);
      bytes[at] = bytes[at]! ^ 0x55;
      writeFileSync(join(left.directory, 'doubts-1.log'), bytes);
      await left.journal.open();
      expect([...left.journal.entries()].length, `byte ${at}`).toBe(2);
      expect(left.journal.reset).toBe(true);
      await left.journal.close();
    }
  });

  it('zeros behind the last frame, as a machine without power leaves them, are nothing', async () => {
    const before = await open();
    before.journal.note('messages', '1', 'failed');
    await endOfTurn();
    const directory = before.crash();
    truncateSync(join(directory, 'doubts-1.log'), statSync(join(directory, 'doubts-1.log')).size + 5000);
    const { journal } = await open({ directory });
    expect([texts(journal.entries()), journal.reset]).toEqual([['messages/1/failed 1'], false]);
  });

  it.each(['state', 'doubts-1.snapshot'])('without its %s a full pass is owed', async (name) => {
    const before = await open();
    const directory = before.crash();
    rmSync(join(directory, name));
    // The first log of all needs no snapshot.
    expect((await open({ directory })).journal.reset).toBe(name === 'state');
  });

  it.each(['doubts-1.log', 'doubts-1.snapshot', 'state'])('another version’s %s is refused', async (name) => {
    const before = await open();
    const directory = before.crash();
    const bytes = readFileSync(join(directory, name));
    for (const at of [8, 1032]) if (at < bytes.length) bytes[at] = 9;
    writeFileSync(join(directory, name), bytes);
    const { journal } = makeJournal({ directory });
    opened.push(journal);
    await expect(journal.open()).rejects.toThrow(/was written in version 9 .* run the program that wrote it/);
  });

  it('another shard’s folder is refused', async () => {
    const before = await open({ shard: 's07' });
    const { journal } = makeJournal({ directory: before.crash() });
    opened.push(journal);
    await expect(journal.open()).rejects.toThrow('is of shard s07, not of s00');
  });

  it('a second process is refused', async () => {
    const { directory } = await open();
    const { journal } = makeJournal({ directory });
    opened.push(journal);
    await expect(journal.open()).rejects.toThrow(`is held by process ${process.pid}`);
  });

  it('a lock whose process is gone is taken over', async () => {
    const { directory } = await openJournal();
    const lock = readFileSync(join(directory, 'lock'), 'utf8');
    const left = temporaryDirectory('journal');
    writeFileSync(join(left, 'lock'), lock.replace(/"started":"\d+"/, '"started":"1"'));
    expect((await open({ directory: left })).journal.figures().failing).toBeNull();
  });

  it('a lock whose process has ended is taken over, also while nobody has asked for its end', async () => {
    // The shell becomes a program that never waits for the child that the shell had.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
      const stat = (): string[] => readFileSync(`/proc/${Number(pid)}/stat`, 'utf8').split(' ');
      await waitFor(() => stat()[2] === 'Z', { what: 'it to have ended' });
      const { directory } = await openJournal();
      const lock = JSON.parse(readFileSync(join(directory, 'lock'), 'utf8')) as object;
      const left = temporaryDirectory('journal');
      writeFileSync(join(left, 'lock'), JSON.stringify({ ...lock, pid: Number(pid), started: stat()[21] }));
      expect((await open({ directory: left })).journal.figures().failing).toBeNull();
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

it('a journal that is closed before it opens takes no lock', async () => {
  const { journal, directory } = makeJournal();
  await journal.close();
  await journal.open();
  expect((await open({ directory })).journal.figures().failing).toBeNull();
});

describe('a disk that fails', () => {
  it.each(['ENOSPC', 'EIO', 'EROFS'])(
    '%s never reaches the caller: a full pass is owed, and it comes back',
    async (error) => {
      const disk = faultyDisk();
      const before = await open({ disk });
      const { journal, failures } = before;
      journal.note('messages', '1', 'failed');
      await endOfTurn();
      disk.fault = { error, on: error === 'ENOSPC' ? 'appends' : 'everything' };
      const mark = write(journal, '2');
      journal.note('messages', '3', 'dropped');
      await endOfTurn();
      expect(journal.reset).toBe(true);
      expect(journal.figures().failing).toContain(error);
      expect(failures).toHaveLength(1);
      expect(texts(journal.entries())).toEqual(['messages/1/failed 1', 'messages/3/dropped 1']);
      mark.release();
      disk.fault = null;
      await waitFor(() => journal.figures().failing === null, { what: 'the journal is written again' });
      write(journal, '4');
      const after = (await afterCrash(before)).journal;
      expect(texts(after.entries())).toEqual([
        'messages/1/failed 1',
        'messages/3/dropped 1',
        'messages/4/written 1',
      ]);
      expect(after.reset).toBe(true);
    },
  );

  it('what a full disk took no more is owed also by the next process', async () => {
    const disk = faultyDisk();
    const before = await open({ disk });
    disk.fault = { error: 'ENOSPC', on: 'appends' };
    write(before.journal, '2');
    expect((await afterCrash(before)).journal.reset).toBe(true);
  });

  it('a folder that can’t be had at the start is tried again', async () => {
    const disk = faultyDisk();
    disk.fault = { error: 'EACCES', on: 'everything' };
    const { journal } = await open({ disk });
    expect([journal.reset, journal.figures().failing]).toEqual([true, expect.stringContaining('EACCES')]);
    journal.note('messages', '1', 'failed');
    disk.fault = null;
    await waitFor(() => journal.figures().failing === null, { what: 'the journal is written' });
    expect(texts(journal.entries())).toEqual(['messages/1/failed 1']);
  });

  it('a folder that vanishes is noticed, and made anew', async () => {
    const { journal, directory } = await open();
    journal.note('messages', '1', 'failed');
    rmSync(directory, { recursive: true });
    await waitFor(() => journal.reset, { what: 'it is noticed' });
    expect(journal.figures().resetReason).toMatch(/ is gone(, or can't be read any more)?$/);
    await waitFor(() => journal.figures().failing === null, { what: 'it is written again' });
    const after = await open({ directory: temporaryDirectory('unused') });
    expect(after.journal.size).toBe(0);
    expect(filesOf(directory)).toContain('state');
  });

  it('a slow disk is waited for once; nothing is lost once it is quick again', async () => {
    let atMs = 0;
    const disk = faultyDisk((ms) => {
      atMs += ms;
    });
    const before = await open({ disk, now: () => atMs });
    const { journal } = before;
    disk.slowMs = 500;
    write(journal, '1');
    await waitFor(() => journal.figures().failing?.includes('500 ms') === true, { what: 'it to be told' });
    await waitFor(async () => (await afterCrash(before)).journal.reset, { what: 'the disk to say so' });
    const waited = atMs;
    write(journal, '2');
    write(journal, '3');
    expect(atMs).toBe(waited);
    disk.slowMs = 0;
    await waitFor(() => journal.figures().failing === null, { what: 'the disk is quick' });
    expect(journal.reset).toBe(false);
    const after = (await afterCrash(before)).journal;
    expect(texts(after.entries())).toEqual([
      'messages/1/written 1',
      'messages/2/written 1',
      'messages/3/written 1',
    ]);
    expect(after.reset).toBe(false);
  });

  it('one slow append is nothing where the disk is quick a moment later', async () => {
    let atMs = 0;
    const disk = faultyDisk((ms) => {
      atMs += ms;
    });
    const before = await open({ disk, now: () => atMs });
    const { appendSync } = disk;
    disk.appendSync = (...about) => {
      atMs += 500;
      disk.appendSync = appendSync;
      appendSync(...about);
    };
    for (const key of ['1', '2']) write(before.journal, key);
    const states: (string | null)[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      states.push(before.journal.figures().failing);
      await endOfTurn();
    }
    expect(new Set(states)).toEqual(new Set([null]));
    const after = (await afterCrash(before)).journal;
    expect([after.reset, texts(after.entries())]).toEqual([
      false,
      ['messages/1/written 1', 'messages/2/written 1'],
    ]);
  });

  it('until a slow disk says so itself it is waited for', async () => {
    let atMs = 0;
    const disk = faultyDisk((ms) => {
      atMs += ms;
    });
    const before = await open({ disk, now: () => atMs });
    const { writeAt } = disk;
    let told: () => void = () => expect.fail('the state is not written');
    disk.writeAt = async (...about) => {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
      return writeAt(...about);
    };
    disk.slowMs = 500;
    for (const key of ['1', '2', '3']) write(before.journal, key);
    const after = (await afterCrash(before)).journal;
    expect([after.reset, texts(after.entries())]).toEqual([
      false,
      ['messages/1/written 1', 'messages/2/written 1', 'messages/3/written 1'],
    ]);
    Object.assign(disk, { writeAt, slowMs: 0 });
    told();
    write(before.journal, '4');
    await waitFor(() => before.journal.figures().failing === null, { what: 'the disk is quick' });
  });

  it('what waits for a slow disk is bounded, and a full pass is owed beyond it', async () => {
    let atMs = 0;
    const disk = faultyDisk((ms) => {
      atMs += ms;
    });
    const before = await open({ disk, now: () => atMs });
    const { journal, failures } = before;
    disk.slowMs = 500;
    write(journal, 'first');
    await waitFor(async () => (await afterCrash(before)).journal.reset, { what: 'the disk to say so' });
    for (let key = 0; key < 100; key++) write(journal, `${key}`.padEnd(8000));
    expect([journal.reset, failures]).toEqual([false, []]);
    for (let key = 0; key < 100; key++) write(journal, `${key}`.padEnd(8000));
    expect([journal.reset, failures]).toEqual([
      true,
      [expect.stringMatching(/^1\d{6} bytes wait for a slow disk$/)],
    ]);
    disk.slowMs = 0;
    atMs += 1000;
    await waitFor(() => journal.figures().failing === null, { what: 'the journal is written again' });
  });

  it('a process that ends while its disk is slow owes a full pass', async () => {
    let atMs = 0;
    const disk = faultyDisk((ms) => {
      atMs += ms;
    });
    const before = await open({ disk, now: () => atMs });
    disk.slowMs = 500;
    write(before.journal, '1');
    await waitFor(
      async () => {
        const found = (await afterCrash(before)).journal;
        return found.reset;
      },
      { what: 'the state says so' },
    );
    disk.slowMs = 0;
  });
});
