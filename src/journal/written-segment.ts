/** A file of the written log, and the parts of it by which it is told what was written since a cursor was given. */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import type { WriteMark } from './journal.ts';
import { encodeHeader } from './segment-header.ts';

/** A second of a segment or so: as fine as it is told which writes were under way when a cursor was given. */
export interface WrittenSlice extends WriteMark {
  readonly start: number;
  readonly end: number;
  readonly pending: number;
  /** The number of cursors that were given when it last changed. */
  readonly touched: number;
}

export interface WrittenSegment {
  readonly id: number;
  readonly path: string;
  readonly fd: number;
  /** Where its records begin. */
  readonly headerBytes: number;
  readonly slices: readonly WrittenSlice[];
}

/** What a slice tells of its marks. */
export interface MarkKeeper {
  /** Cursors that were given. */
  readonly cursors: number;
  released(): void;
}

export class Slice implements WrittenSlice {
  readonly #keeper: MarkKeeper;
  readonly start: number;
  end: number;
  pending = 0;
  touched: number;

  constructor(keeper: MarkKeeper, start: number) {
    this.#keeper = keeper;
    this.start = start;
    this.end = start;
    this.touched = keeper.cursors;
  }

  release(): void {
    this.pending -= 1;
    this.touched = this.#keeper.cursors;
    this.#keeper.released();
  }
}

export interface Segment {
  readonly id: number;
  readonly path: string;
  readonly fd: number;
  readonly headerBytes: number;
  readonly slices: Slice[];
  /** Of its first record. */
  beganAtMs: number;
  bytes: number;
  /** Of these the medium was told to keep so many. */
  syncedBytes: number;
  /** Since when every write in it was settled. */
  settledAtMs: number;
}

/** What the header of a segment says beside its number. */
export interface SegmentIdentity {
  readonly shard: string;
  readonly incarnation: string;
  readonly generation: number;
}

/** A new file with its header alone. Rejects with the disk's errors. */
export async function createSegment(
  disk: Disk,
  directory: string,
  identity: SegmentIdentity,
  id: number,
  nowMs: number,
): Promise<Segment> {
  const path = join(directory, `written-${identity.generation}-${id}.log`);
  const header = encodeHeader({ kind: 'written', ...identity, id });
  await disk.remove(path);
  const fd = await disk.create(path);
  try {
    await disk.append(fd, header);
  } catch (error) {
    await disk.close(fd);
    throw error;
  }
  return {
    id,
    path,
    fd,
    headerBytes: header.length,
    slices: [],
    beganAtMs: nowMs,
    bytes: header.length,
    syncedBytes: 0,
    settledAtMs: nowMs,
  };
}

/** Writes of it that are under way. */
export function pendingOf(segment: { readonly slices: readonly WrittenSlice[] }): number {
  return segment.slices.reduce((sum, { pending }) => sum + pending, 0);
}

export function sumBytes(segments: Iterable<{ readonly bytes: number }>): number {
  let sum = 0;
  for (const { bytes } of segments) sum += bytes;
  return sum;
}
