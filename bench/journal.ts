/**
 * What the journal costs a statement, and what a doubt takes in memory. `npm run bench -- --journal`. Medians of
 * several rounds, in CPU time of this process, on a real folder of the machine's temporary directory.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../src/base/log.ts';
import { realDisk } from '../src/journal/disk.ts';
import { DiskJournal } from '../src/journal/disk-journal.ts';
import { DoubtIndex } from '../src/journal/doubt-index.ts';
import { boundsOf } from '../src/journal/journal-options.ts';

const ROUNDS = 9;
const WRITES = 20_000;
const NOTES = 50_000;
/** A turn of the event loop on a busy proxy. */
const A_TURN = 50;
const DOUBTS = 200_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** Median CPU nanoseconds of one of `count`; the first two rounds only warm up. */
async function measure(count: number, work: (index: number) => void): Promise<number> {
  const times: number[] = [];
  let index = 0;
  for (let round = -2; round < ROUNDS; round++) {
    const begin = process.cpuUsage();
    for (let done = 0; done < count; done++) {
      work(index);
      index += 1;
      if (index % A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const { user, system } = process.cpuUsage(begin);
    if (round >= 0) times.push(((user + system) * 1000) / count);
  }
  return times.sort((left, right) => left - right)[ROUNDS >> 1] ?? 0;
}

async function measureJournal(directory: string): Promise<void> {
  const journal = new DiskJournal({
    directory,
    shard: 'bench',
    maxBytes: MAX_BYTES,
    writtenRetentionMs: 1000,
    sync: 'second',
    disk: realDisk,
    log: silentLog(),
    now: () => performance.now(),
    wallClock: Date.now,
    took: () => {},
    failed: () => {},
    lost: () => {},
  });
  await journal.open();
  const write = await measure(WRITES, (index) => {
    journal.written('messages', `${1_000_000 + (index % NOTES)}`);
    const mark = journal.mark();
    journal.flush();
    mark.release();
  });
  print('written, mark, flush, release', `${write.toFixed(0)} ns`);
  const batch = await measure(WRITES, (index) => {
    journal.written('messages', `${1_000_000 + (index % NOTES)}`);
    const mark = journal.mark();
    if (index % A_TURN === 0) journal.flush();
    mark.release();
  });
  print(`the same, ${A_TURN} to a flush`, `${batch.toFixed(0)} ns`);
  const note = await measure(NOTES, (index) =>
    journal.note('messages', `${1_000_000 + (index % NOTES)}`, 'not_sampled'),
  );
  print('note', `${note.toFixed(0)} ns`);
  await journal.close();
}

/** Bytes of the heap for each doubt of a short key that was noted twice, against what the bound counts for it. */
function measureMemory(): void {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run it with node --expose-gc');
  collect();
  const before = process.memoryUsage().heapUsed;
  const index = new DoubtIndex(Number.POSITIVE_INFINITY);
  for (let count = 0; count < 2 * DOUBTS; count++)
    index.note('messages', `${100_000 + (count % DOUBTS)}`, 'not_sampled', 1);
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / index.size;
  const share = (bytes / (index.bytes / index.size)) * (boundsOf(MAX_BYTES).index / MAX_BYTES);
  print('a doubt in memory', `${bytes.toFixed(0)} bytes`);
  print('as many as there may be', `${share.toFixed(2)} of journal.maxBytes`);
}

function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(34)} ${figure}\n`);
}

const directory = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
try {
  await measureJournal(directory);
  measureMemory();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
