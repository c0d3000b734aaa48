/** Journals for tests: on a real folder, with a clock and a disk that a test can turn against them. */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { type Disk, realDisk } from '../../src/journal/disk.ts';
import { DiskJournal } from '../../src/journal/disk-journal.ts';
import type { Doubt } from '../../src/journal/journal.ts';
import { temporaryDirectory } from './temp.ts';

export interface TestJournal {
  readonly journal: DiskJournal;
  readonly directory: string;
  readonly failures: string[];
  readonly losses: string[];
  /** Another folder with what a process that ends at this moment leaves behind. */
  crash(): string;
}

export interface TestJournalOptions {
  readonly directory?: string;
  readonly disk?: Disk;
  readonly maxBytes?: number;
  readonly writtenRetentionMs?: number;
  readonly shard?: string;
  readonly now?: () => number;
  readonly sync?: 'second' | 'never';
}

export function makeJournal(options: TestJournalOptions = {}): TestJournal {
  const directory = options.directory ?? temporaryDirectory('journal');
  const failures: string[] = [];
  const losses: string[] = [];
  const journal = new DiskJournal({
    directory,
    shard: options.shard ?? 's00',
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    writtenRetentionMs: options.writtenRetentionMs ?? 60_000,
    sync: options.sync ?? 'never',
    disk: options.disk ?? realDisk,
    log: silentLog(),
    now: options.now ?? (() => performance.now()),
    wallClock: Date.now,
    took: () => {},
    failed: (reason) => failures.push(reason),
    lost: (reason) => losses.push(reason),
  });
  return {
    journal,
    directory,
    failures,
    losses,
    crash: () => leftBehind(directory),
  };
}

export async function openJournal(options: TestJournalOptions = {}): Promise<TestJournal> {
  const made = makeJournal(options);
  await made.journal.open();
  return made;
}

/** A copy of a journal's folder without its lock, whose owner this process is and which would so be alive. */
export function leftBehind(directory: string): string {
  const copy = temporaryDirectory('journal-left');
  cpSync(directory, copy, { recursive: true });
  rmSync(join(copy, 'lock'), { force: true });
  return copy;
}

/** The end of a turn: what was noted is on disk. */
export function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Every page from a cursor on. */
export async function readAll(
  journal: DiskJournal,
  limit = 10_000,
  from = '',
): Promise<{ entries: Doubt[]; cursor: string; reset: boolean }> {
  const entries: Doubt[] = [];
  let cursor = from;
  let reset = false;
  for (;;) {
    const page = await journal.read(cursor, limit);
    entries.push(...page.entries);
    cursor = page.cursor;
    reset ||= page.reset;
    if (page.entries.length < limit) return { entries, cursor, reset };
  }
}

/** As text, so that a test can compare whole sets of them. */
export function texts(doubts: Iterable<Doubt>): string[] {
  return [...doubts].map(({ table, key, reason, count }) => `${table}/${key}/${reason} ${count}`).sort();
}

export function filesOf(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

/** The disk, with faults that can be turned on and off. */
export interface FaultyDisk extends Disk {
  fault: null | { readonly error: string; readonly on: 'appends' | 'everything' };
  /** Appends wait for so long, by the clock that `advance` moves. */
  slowMs: number;
}

export function faultyDisk(advance: (ms: number) => void = () => {}): FaultyDisk {
  const check = (): void => {
    if (disk.fault?.on === 'everything') throw errorOf(disk.fault.error);
  };
  const checkAppend = (): void => {
    if (disk.fault !== null) throw errorOf(disk.fault.error);
  };
  const guarded = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      check();
      return call(...args);
    };
  };
  const disk: FaultyDisk = {
    ...realDisk,
    fault: null,
    slowMs: 0,
    makeDirectory: guarded(realDisk.makeDirectory),
    list: guarded(realDisk.list),
    create: guarded(realDisk.create),
    open: guarded(realDisk.open),
    rename: guarded(realDisk.rename),
    sync: guarded(realDisk.sync),
    appendSync: (fd, bytes, length) => {
      checkAppend();
      advance(disk.slowMs);
      realDisk.appendSync(fd, bytes, length);
    },
    append: async (fd, bytes) => {
      checkAppend();
      advance(disk.slowMs);
      await realDisk.append(fd, bytes);
    },
    writeAtSync: (fd, bytes, position) => {
      check();
      realDisk.writeAtSync(fd, bytes, position);
    },
    writeAt: async (fd, bytes, position) => {
      check();
      advance(disk.slowMs);
      await realDisk.writeAt(fd, bytes, position);
    },
  };
  return disk;
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code}: as the test has it`), { code });
}
