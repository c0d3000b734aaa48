/** What a shard's journal is made of, and the bounds that follow from the configured one. */
import type { Log } from '../base/log.ts';
import type { Disk } from './disk.ts';

export interface JournalOptions {
  /** The shard's own folder. */
  readonly directory: string;
  readonly shard: string;
  /** Of everything in the folder, about. */
  readonly maxBytes: number;
  /** How long a written key stays after its write was settled. */
  readonly writtenRetentionMs: number;
  /** Whether the medium is told to keep what was appended, once a second. */
  readonly sync: 'second' | 'never';
  readonly disk: Disk;
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Each append's seconds. */
  took(seconds: number): void;
  /** The disk fails: once, until the journal is written again. */
  failed(reason: string): void;
  /** Entries were lost, and a full pass is owed from now on. */
  lost(reason: string): void;
}

/** An append that takes so long shows a slow disk: those to come are not waited for. */
export const SLOW_APPEND_MS = 100;
/** What may wait for a slow disk. */
export const BACKLOG_BYTES_MAX = 1024 * 1024;

export const TICK_MS = 1000;
export const RETRY_MIN_MS = 1000;
export const RETRY_MAX_MS = 60_000;
export const SLOW_TOLD_EVERY_MS = 60_000;
/** A start waits no longer for a disk; the journal opens behind it. */
export const OPEN_TIMEOUT_MS = 5000;
/** Numbers that a start leaves out: of notes that a machine without power lost after a reader had seen them. */
export const NUMBERS_SKIPPED = 2 ** 24;

export const SEGMENT_BYTES = 1024 * 1024;
export const SEGMENT_MS = 10_000;

/** Half is for the written log; the rest for snapshot and log, each twice while a new snapshot is written. */
export function boundsOf(maxBytes: number): {
  readonly written: number;
  readonly segment: number;
  readonly doubts: number;
  readonly index: number;
} {
  const written = maxBytes / 2;
  return {
    written,
    segment: Math.min(SEGMENT_BYTES, written / 8),
    doubts: maxBytes / 2,
    index: maxBytes / 8,
  };
}
