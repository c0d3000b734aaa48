/**
 * Which keys were about to be written: short segments, which go some time after every write in them was settled.
 * Nothing of it is in memory but the buffer of the turn and, for each segment, how many of its writes are under
 * way. What a start finds of these segments are keys of writes that nobody saw the end of.
 */
import type { Appender } from './appender.ts';
import type { Disk } from './disk.ts';
import { FrameWriter, KEY_LENGTH_MAX, TABLE_LENGTH_MAX } from './frame-writer.ts';
import type { WriteMark } from './journal.ts';
import {
  createSegment,
  pendingOf,
  type Segment,
  type SegmentIdentity,
  Slice,
  sumBytes,
  type WrittenSegment,
} from './written-segment.ts';

export interface WrittenLogOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly appender: Appender;
  readonly identity: () => SegmentIdentity;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** How long a segment stays after its last write was settled. */
  readonly retentionMs: number;
  /** Of all segments: beyond it the oldest goes. */
  readonly bytesMax: number;
  readonly now: () => number;
  /** `tick` is wanted soon, for the next segment. */
  wantsSegment(): void;
  /** The next segment does not come. */
  stuck(): void;
  /** A segment goes although what became of its writes is not known. */
  lost(): void;
  /** What was noted of writes is on disk when it resolves. */
  notesKept(): Promise<void>;
}

export interface WrittenWatch {
  written(table: string, key: string | null): void;
}

const SLICE_MS = 1000;

export class WrittenLog {
  readonly #options: WrittenLogOptions;
  readonly #frame = new FrameWriter();
  /** Oldest first; the last one is written to. */
  #segments: Segment[] = [];
  #spare: Segment | null = null;
  #cursors = 0;
  #slice: Slice = new Slice(this, 0);
  #sliceAtMs = 0;
  #nextId = 1;
  #pending = 0;
  #keys = 0;
  /** Slices with writes whose keys could not be appended. */
  readonly #unrecorded = new Set<Slice>();
  /** Sees what is written while a reader's entries are settled. */
  #watch: WrittenWatch | null = null;
  /** Cursors up to this number can't tell any more what was written since. */
  #staleThrough = 0;

  constructor(options: WrittenLogOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Keys put into it since the start. */
  get keys(): number {
    return this.#keys;
  }

  get cursors(): number {
    return this.#cursors;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, this.#spare?.bytes ?? 0);
  }

  get files(): number {
    return this.#segments.length + (this.#spare === null ? 0 : 1);
  }

  get segments(): readonly WrittenSegment[] {
    return this.#segments;
  }

  get #current(): Segment | undefined {
    return this.#segments.at(-1);
  }

  written(table: string, key: string | null): void {
    if (table.length > TABLE_LENGTH_MAX) {
      this.written('*', null);
      return;
    }
    const kept = key !== null && key.length > KEY_LENGTH_MAX ? null : key;
    this.#watch?.written(table, kept);
    if (!this.#frame.fits(table, kept)) this.#append();
    this.#frame.written(table, kept);
    this.#keys += 1;
  }

  mark(): WriteMark {
    this.#pending += 1;
    this.#slice.pending += 1;
    return this.#slice;
  }

  flush(): void {
    if (this.#frame.empty) return;
    this.#append();
    const { appender, segmentBytes } = this.#options;
    const current = this.#current;
    if (current !== undefined && current.bytes >= segmentBytes) this.#rotate();
    else if (appender.atMs - this.#sliceAtMs >= SLICE_MS) this.#newSlice();
  }

  released(): void {
    this.#pending -= 1;
  }

  /** Numbers a cursor: what is under way now, or is written from now on, was written since it was given. */
  newCursor(): number {
    this.flush();
    if (this.#slice.end > this.#slice.start) this.#newSlice();
    this.#cursors += 1;
    return this.#cursors;
  }

  /** Null: nobody watches any more. */
  watch(watch: WrittenWatch | null): void {
    this.#watch = watch;
  }

  isStale(cursor: number): boolean {
    if (cursor <= this.#staleThrough || this.#options.appender.state !== 'quick') return true;
    for (const { pending, touched } of this.#unrecorded) if (pending > 0 || touched >= cursor) return true;
    return false;
  }

  /** Where the records stand of writes that were under way when the cursor was given, or began since. */
  since(
    cursor: number,
  ): { readonly segment: WrittenSegment; readonly start: number; readonly end: number }[] {
    return this.#segments.flatMap((segment) =>
      segment.slices
        .filter(({ start, end, pending, touched }) => end > start && (pending > 0 || touched >= cursor))
        .map(({ start, end }) => ({ segment, start, end })),
    );
  }

  /** The end of what can be read, in the newest segment. */
  end(): { readonly id: number; readonly offset: number } {
    const current = this.#current;
    return current === undefined
      ? { id: 0, offset: 0 }
      : { id: current.id, offset: this.#options.appender.onDisk };
  }

  /** Makes the first segment. Rejects with the disk's errors. */
  async start(): Promise<void> {
    // What a disk that failed did not keep, a full pass is owed for; it is not asked again.
    for (const segment of this.#segments) segment.syncedBytes = segment.bytes;
    await this.#prepareSpare();
    // What is in the buffer has its mark on a slice of the file before.
    if (!this.#frame.empty) this.#append();
    this.#rotate();
    await this.#prepareSpare();
  }

  /** Once a second: makes the next segment ready, begins it in time, removes those that have done their work. */
  async tick(): Promise<void> {
    if (this.#options.appender.state !== 'quick') return;
    const current = this.#current;
    if (current !== undefined && current.bytes > current.headerBytes) {
      const age = this.#options.now() - current.beganAtMs;
      // What is in the buffer has its mark on the slice that it will stand in.
      if (this.#frame.empty && age >= this.#options.segmentMs) this.#rotate();
    }
    await this.#prepareSpare();
    await this.#sweep();
    for (const slice of this.#unrecorded) {
      if (slice.pending > 0) continue;
      this.#staleThrough = Math.max(this.#staleThrough, slice.touched);
      this.#unrecorded.delete(slice);
    }
  }

  /** The medium keeps what was appended, also to segments that others have followed, when it resolves. */
  async sync(): Promise<void> {
    for (const segment of this.#segments) {
      const { bytes } = segment;
      if (segment.syncedBytes === bytes) continue;
      await this.#options.disk.sync(segment.fd);
      segment.syncedBytes = bytes;
    }
  }

  get currentPath(): string | null {
    return this.#current?.path ?? null;
  }

  /** The segment made ready is given up: it may be on a disk that failed, or in a folder that is gone. */
  async abandonSpare(): Promise<void> {
    const spare = this.#spare;
    this.#spare = null;
    if (spare === null) return;
    await this.#options.disk.close(spare.fd).catch(() => {});
    await this.#options.disk.remove(spare.path).catch(() => {});
  }

  /** What was settled is removed; rejects with the disk's errors. */
  async close(): Promise<void> {
    this.flush();
    await this.#options.notesKept();
    for (const segment of this.#segments) {
      await this.#options.disk.close(segment.fd);
      if (pendingOf(segment) === 0) await this.#options.disk.remove(segment.path);
    }
    const spare = this.#spare;
    this.#segments = [];
    this.#spare = null;
    if (spare === null) return;
    await this.#options.disk.close(spare.fd);
    await this.#options.disk.remove(spare.path);
  }

  #append(): void {
    const length = this.#frame.seal();
    const taken = this.#options.appender.append(this.#frame.bytes, length);
    this.#frame.clear();
    const current = this.#current;
    if (!taken || current === undefined) {
      this.#slice.touched = this.#cursors;
      this.#unrecorded.add(this.#slice);
      return;
    }
    if (current.bytes === current.headerBytes) current.beganAtMs = this.#options.appender.atMs;
    current.bytes += length;
    this.#slice.end = current.bytes;
    this.#slice.touched = this.#cursors;
  }

  #rotate(): void {
    const spare = this.#spare;
    const { appender, now } = this.#options;
    if (spare === null || appender.isSlow) {
      this.#overdue();
      return;
    }
    const before = this.#current;
    if (before !== undefined) before.settledAtMs = now();
    this.#spare = null;
    this.#segments.push(spare);
    appender.use(spare.fd, spare.bytes);
    this.#newSlice();
  }

  /** The segment grows on until the next one is ready, but not beyond all bounds. */
  #overdue(): void {
    const { bytesMax, wantsSegment, stuck } = this.#options;
    if ((this.#current?.bytes ?? 0) > bytesMax) stuck();
    else wantsSegment();
  }

  #newSlice(): void {
    const current = this.#current;
    this.#slice = new Slice(this, current?.bytes ?? 0);
    this.#sliceAtMs = this.#options.now();
    current?.slices.push(this.#slice);
  }

  async #prepareSpare(): Promise<void> {
    if (this.#spare !== null) return;
    const { disk, directory, identity, now } = this.#options;
    const id = this.#nextId;
    this.#nextId += 1;
    this.#spare = await createSegment(disk, directory, identity(), id, now());
  }

  /** Keeps to `bytesMax` in any case; that is when a segment may go before its time. */
  async #sweep(): Promise<void> {
    const { now, retentionMs, bytesMax, lost } = this.#options;
    const nowMs = now();
    const old = this.#segments.slice(0, -1);
    for (const segment of old) if (pendingOf(segment) > 0) segment.settledAtMs = nowMs;
    const gone = new Set(
      old.filter((segment) => pendingOf(segment) === 0 && nowMs - segment.settledAtMs >= retentionMs),
    );
    const settledFirst = [...old].sort(
      (left, right) => Math.sign(pendingOf(left)) - Math.sign(pendingOf(right)) || left.id - right.id,
    );
    let bytes = this.bytes - sumBytes(gone);
    for (const segment of settledFirst) {
      if (bytes <= bytesMax) break;
      if (gone.has(segment)) continue;
      gone.add(segment);
      bytes -= segment.bytes;
    }
    if (gone.size === 0) return;
    // While the disk works, a mark may not come to a segment that is not the last one.
    if ([...gone].some((segment) => pendingOf(segment) > 0)) lost();
    await this.#options.notesKept();
    await this.#remove(gone);
  }

  async #remove(gone: ReadonlySet<Segment>): Promise<void> {
    this.#segments = this.#segments.filter((segment) => !gone.has(segment));
    for (const { slices, fd, path } of gone) {
      this.#staleThrough = Math.max(this.#staleThrough, ...slices.map(({ touched }) => touched));
      await this.#options.disk.close(fd);
      await this.#options.disk.remove(path);
    }
  }
}
