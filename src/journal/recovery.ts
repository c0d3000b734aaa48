/** What a start finds on disk: the doubts of before, and the keys of writes that nobody saw the end of. */
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import type { Disk } from './disk.ts';
import type { DoubtIndex } from './doubt-index.ts';
import { DOUBTS_FILE } from './doubt-log.ts';
import { type FramesRead, readFrames } from './frame-reader.ts';
import { NUMBERS_SKIPPED } from './journal-options.ts';
import { type RecordVisitor, readRecords } from './record-reader.ts';
import { readHeader } from './segment-header.ts';

export interface Recovered {
  /** For files to come. */
  readonly nextId: number;
  /** The highest that a file's name has; 0: none. */
  readonly generation: number;
  /** Paths of the written segments whose keys are in the index now. */
  readonly written: readonly string[];
  /** What is lost, a sentence each. */
  readonly losses: readonly string[];
}

const WRITTEN_FILE = /^written-([0-9]+)-([0-9]+)\.log$/;

/** Reads a shard's folder into the index. Rejects with UsageError for another version's or another shard's files. */
export async function recover(
  disk: Disk,
  directory: string,
  shard: string,
  index: DoubtIndex,
): Promise<Recovered> {
  const names = await disk.list(directory);
  const losses: string[] = [];
  const nextId = await readDoubts({ disk, directory, shard, index, losses }, names);
  index.sort();
  // Also for the keys of writes: a reader may stand behind notes that were lost with the machine's power.
  index.skipTo(index.next + NUMBERS_SKIPPED);
  const segments = names
    .flatMap((name) => {
      const match = WRITTEN_FILE.exec(name);
      return match === null ? [] : [{ name, generation: Number(match[1]), id: Number(match[2]) }];
    })
    .sort((left, right) => left.generation - right.generation || left.id - right.id);
  const visitor: RecordVisitor = {
    written: (table, key) => {
      index.note(table, key, 'written', 1);
    },
  };
  for (const { name } of segments) {
    const read = await readFile({ disk, directory, shard, index, losses }, name, visitor);
    // One that was not filled any more when an append failed ends in a torn frame, and its keys were given up then.
    if (read === 'broken') losses.push(`${name} is damaged`);
  }
  return {
    nextId,
    generation: Math.max(0, ...segments.map(({ generation }) => generation)),
    written: segments.map(({ name }) => join(directory, name)),
    losses,
  };
}

interface Folder {
  readonly disk: Disk;
  readonly directory: string;
  readonly shard: string;
  readonly index: DoubtIndex;
  readonly losses: string[];
}

/** The latest snapshot, and the logs from it on; the number of the next file. */
async function readDoubts(folder: Folder, names: readonly string[]): Promise<number> {
  const files = names.flatMap((name) => {
    const match = DOUBTS_FILE.exec(name);
    return match === null ? [] : [{ name, id: Number(match[1]), kind: match[2] }];
  });
  const snapshot = files
    .filter(({ kind }) => kind === 'snapshot')
    .sort((left, right) => right.id - left.id)[0];
  const logs = files
    .filter(({ id, kind }) => kind === 'log' && id >= (snapshot?.id ?? 0))
    .sort((left, right) => left.id - right.id);
  if (snapshot !== undefined) await readSnapshot(folder, snapshot.name);
  checkFirst(folder, snapshot?.id ?? null, logs[0]?.id ?? null);
  await readLogs(folder, logs);
  return Math.max(0, ...files.map(({ id }) => id)) + 1;
}

/** The first log of all needs no snapshot; every snapshot has its log, which was there before it. */
function checkFirst({ losses }: Folder, snapshot: number | null, log: number | null): void {
  if (snapshot === null && log !== null && log > 1)
    losses.push(`the snapshot before doubts-${log}.log is missing`);
  if (snapshot !== null && log !== snapshot) losses.push(`doubts-${snapshot}.log is missing`);
}

async function readSnapshot(folder: Folder, name: string): Promise<void> {
  const { index } = folder;
  let whole = false;
  const how = await readFile(folder, name, {
    entry: (table, reason, key, count, number) => index.restore(table, key, reason, count, number),
    end: (next) => {
      index.skipTo(next);
      whole = true;
    },
  });
  if (how !== 'end' || !whole) folder.losses.push(`${name} is damaged`);
}

/** Only the last that holds records may end in a torn frame: those before it were left when the next began. */
async function readLogs(
  folder: Folder,
  logs: readonly { readonly name: string; readonly id: number }[],
): Promise<void> {
  const { index, losses } = folder;
  let torn: string | null = null;
  let before = logs[0]?.id ?? 0;
  for (const { name, id } of logs) {
    if (id > before + 1) losses.push(`a log between doubts-${before}.log and ${name} is missing`);
    before = id;
    const tornBefore: string | null = torn;
    const told = (): void => {
      if (tornBefore !== null && torn === tornBefore) {
        losses.push(`${tornBefore} is damaged`);
        torn = null;
      }
    };
    const how = await readFile(folder, name, {
      entry: (table, reason, key, count, number) => {
        told();
        index.restore(table, key, reason, count, number);
      },
      lost: (through) => index.loseThrough(through),
    });
    if (how === 'broken') losses.push(`${name} is damaged`);
    if (how === 'torn') torn = name;
  }
}

/** Behind a damaged header, too, what can be read is kept. */
async function readFile(folder: Folder, name: string, visitor: RecordVisitor): Promise<FramesRead['how']> {
  const { disk, directory, shard } = folder;
  const path = join(directory, name);
  const fd = await disk.open(path);
  try {
    const found = await readHeader(disk, fd, path);
    if (typeof found === 'object' && found.header.shard !== shard)
      throw new UsageError(
        `journal.directory: ${path} is of shard ${found.header.shard}, not of ${shard}: every shard needs a folder of its own`,
      );
    let headless = found === 'damaged';
    let malformed = false;
    const start = typeof found === 'object' ? found.end : 0;
    const { how } = await readFrames(disk, fd, start, Infinity, (bytes, payload, end) => {
      try {
        readRecords(bytes, payload, end, visitor);
        // One that was being made has no records yet.
        headless ||= found === 'unmade';
      } catch {
        malformed = true;
      }
      return 'more';
    });
    if (headless) return 'broken';
    if (found === 'unmade') return 'torn';
    return malformed ? 'broken' : how;
  } finally {
    await disk.close(fd);
  }
}
