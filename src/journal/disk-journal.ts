/**
 * A shard's journal on local disk. Nothing that the disk does reaches a client, beyond the one append that a
 * write waits for: where it can't be written the journal goes on in memory, says that a full pass is owed, and
 * tries again.
 */
import { randomBytes } from 'node:crypto';
import { messageOf, UsageError } from '../base/errors.ts';
import { Appender } from './appender.ts';
import { parseCursor } from './cursor.ts';
import { DoubtIndex, doubtOf } from './doubt-index.ts';
import { DoubtLog } from './doubt-log.ts';
import { KEY_LENGTH_MAX, TABLE_LENGTH_MAX } from './frame-writer.ts';
import type { Doubt, DoubtReason, Journal, JournalPage, JournalPart, Settled, WriteMark } from './journal.ts';
import type { JournalFigures } from './journal-figures.ts';
import { JournalFolder } from './journal-folder.ts';
import { JournalHealth } from './journal-health.ts';
import {
  BACKLOG_BYTES_MAX,
  boundsOf,
  type JournalOptions,
  OPEN_TIMEOUT_MS,
  SEGMENT_MS,
  SLOW_APPEND_MS,
  TICK_MS,
} from './journal-options.ts';
import { JournalReader } from './journal-reader.ts';
import { LossRecord } from './loss-record.ts';
import { OneByOne } from './one-by-one.ts';
import type { JournalState } from './state-file.ts';
import { WrittenLog } from './written-log.ts';

export class DiskJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #index: DoubtIndex;
  readonly #writtenAppender: Appender;
  readonly #doubtAppender: Appender;
  readonly #written: WrittenLog;
  readonly #doubts: DoubtLog;
  readonly #folder: JournalFolder;
  readonly #reader: JournalReader;
  readonly #losses: LossRecord;
  readonly #turns = new OneByOne();
  readonly #health: JournalHealth;
  #incarnation = randomBytes(8).toString('hex');
  #generation = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Appends when the medium was last told to keep them. */
  #synced = 0;
  #ticking: 'idle' | 'busy' = 'idle';

  constructor(options: JournalOptions) {
    const { disk, directory, shard, maxBytes, now, writtenRetentionMs } = options;
    const bounds = boundsOf(maxBytes);
    const identity = () => ({ shard, incarnation: this.#incarnation, generation: this.#generation });
    this.#options = options;
    this.#health = new JournalHealth(options);
    this.#index = new DoubtIndex(bounds.index);
    this.#losses = new LossRecord({
      wallClock: options.wallClock,
      nextNumber: () => this.#index.next,
      lost: (reason) => options.lost(reason),
    });
    this.#writtenAppender = this.#appender();
    this.#doubtAppender = this.#appender();
    this.#doubts = new DoubtLog({
      disk,
      directory,
      index: this.#index,
      appender: this.#doubtAppender,
      identity,
      bytesMax: bounds.doubts,
    });
    this.#written = new WrittenLog({
      disk,
      directory,
      appender: this.#writtenAppender,
      identity,
      segmentBytes: bounds.segment,
      segmentMs: SEGMENT_MS,
      retentionMs: writtenRetentionMs,
      bytesMax: bounds.written,
      now,
      wantsSegment: () => void this.#tick(),
      stuck: () => this.#failed('the disk does not give a new file'),
      lost: () => this.lost('the written log reached its bound with writes under way'),
      notesKept: () => this.#keepNotes(),
    });
    this.#folder = new JournalFolder({ disk, directory, shard });
    this.#reader = new JournalReader({
      disk,
      index: this.#index,
      doubts: this.#doubts,
      written: this.#written,
      identity,
      lostBefore: () => this.#losses.reset?.number ?? null,
      notesKept: () => this.#keepNotes(),
    });
  }

  /**
   * Opens the folder; resolves also where that failed or takes too long: then it is tried again. Rejects with
   * UsageError where another process has the folder, or another version wrote it.
   */
  async open(): Promise<void> {
    if (this.#closed()) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), OPEN_TIMEOUT_MS);
    });
    const opened = this.#turns.run(() => this.#openFolder());
    try {
      const how = await Promise.race([opened, late]);
      if (how === 'late') this.#failed('the disk did not answer in time');
    } catch (error) {
      if (error instanceof UsageError) throw error;
      this.#failed(messageOf(error));
    } finally {
      clearTimeout(timer);
    }
    opened.catch((error: unknown) => this.#failed(messageOf(error)));
    if (this.#closed()) return;
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  written(table: string, key: string | null): void {
    this.#written.written(table, key);
  }

  mark(): WriteMark {
    return this.#written.mark();
  }

  flush(): void {
    this.#written.flush();
  }

  inDoubt(table: string, key: string | null): boolean {
    return this.#index.has(table, key);
  }

  note(table: string, key: string | null, reason: DoubtReason, count = 1): void {
    const named = table.length > TABLE_LENGTH_MAX ? '*' : table;
    const kept = named === '*' || (key !== null && key.length > KEY_LENGTH_MAX) ? null : key;
    this.#doubts.changed(this.#index.note(named, kept, reason, count));
    if (this.#index.overfull) this.#loseOldest();
    if (!this.#doubts.wantsSnapshot || this.#health.at !== 'open') return;
    if (this.#doubts.overfull) this.#failed('more is noted than the disk has taken');
    else void this.#tick();
  }

  get size(): number {
    return this.#index.size;
  }

  get reset(): boolean {
    return this.#losses.reset !== null;
  }

  get pending(): number {
    return this.#written.pending;
  }

  counts(): Iterable<{ table: string; reason: DoubtReason; count: number }> {
    return this.#index.counts();
  }

  *entries(): Iterable<Doubt> {
    for (const entry of this.#index.entries()) yield doubtOf(entry);
  }

  figures(): JournalFigures {
    return {
      bytes: this.#written.bytes + this.#doubts.bytes,
      segments: this.#written.files,
      appends: this.#writtenAppender.appends + this.#doubtAppender.appends,
      pending: this.#written.pending,
      writtenKeys: this.#written.keys,
      reset: this.#losses.reset !== null,
      epoch: this.#losses.epoch,
      resetReason: this.#losses.reset?.reason ?? null,
      failing: this.#health.fault,
    };
  }

  /** Something was lost that this journal can't name: a full pass is owed from now on. */
  lost(reason: string): void {
    this.#losses.lost(reason);
    this.#saveState();
  }

  /**
   * A full pass that began when `epoch` was in force has found or repaired everything: what was lost before it
   * is made good. False where more was lost meanwhile, or the journal can't be written just now.
   */
  fullPassDone(epoch: number): boolean {
    if (this.#health.at !== 'open' || !this.#losses.madeGood(epoch)) return false;
    this.#saveState();
    return true;
  }

  read(cursor: string, limit: number, part: JournalPart = 'all'): Promise<JournalPage> {
    const from = parseCursor(cursor);
    return this.#turns.run(() => this.#reader.read(from, limit, part));
  }

  settle(seen: readonly Doubt[], asOf: string): Promise<Settled> {
    const cursor = parseCursor(asOf);
    return this.#turns.run(() => this.#reader.settle(seen, cursor));
  }

  async close(): Promise<void> {
    this.#health.closed();
    if (this.#timer !== null) clearInterval(this.#timer);
    const tell = (error: unknown): void =>
      this.#options.log.error({ reason: messageOf(error) }, 'the journal could not be closed in order');
    await this.#turns.run(async () => {
      await this.#closeLogs().catch(tell);
      this.#writtenAppender.close();
      this.#doubtAppender.close();
      await this.#folder.close().catch(tell);
    });
  }

  /** Also while it opens it may come to be so. */
  #closed(): boolean {
    return this.#health.at === 'closed';
  }

  #appender(): Appender {
    const { disk, now, took } = this.#options;
    return new Appender({
      disk,
      now,
      slowMs: SLOW_APPEND_MS,
      backlogBytesMax: BACKLOG_BYTES_MAX,
      took,
      slowed: (seconds) => this.#health.slowed(seconds),
      // The first one says on disk that the journal is exposed.
      probe: () => this.#folder.writeState(this.#state()),
      caughtUp: () => this.#caughtUp(),
      failed: (reason) => this.#failed(reason),
    });
  }

  /** In the journal's turn. */
  async #openFolder(): Promise<void> {
    const found = await this.#folder.open(this.#index);
    if (found !== null) this.#take(found);
    await this.#doubts.snapshot();
    await this.#written.start();
    await this.#folder.removeRecovered();
    this.#health.opened();
    await this.#folder.writeState(this.#state());
  }

  /** What a first opening found. */
  #take({
    state,
    generation,
    nextId,
    losses,
  }: NonNullable<Awaited<ReturnType<JournalFolder['open']>>>): void {
    this.#incarnation = state?.incarnation ?? this.#incarnation;
    this.#generation = Math.max(generation, state?.generation ?? 0) + 1;
    this.#doubts.begin(nextId);
    const found = state?.exposed === true ? [...losses, 'the process ended while its disk was slow'] : losses;
    for (const reason of found) this.#options.log.warn({ reason }, 'the journal is damaged');
    this.#losses.take(state, found);
  }

  #failed(reason: string): void {
    if (!this.#health.failed(reason)) return;
    this.#writtenAppender.close();
    this.#doubtAppender.close();
    this.lost(`the journal could not be written: ${reason}`);
    this.#options.failed(reason);
  }

  #caughtUp(): void {
    if (this.#writtenAppender.isSlow || this.#doubtAppender.isSlow) return;
    this.#health.quick();
    this.#saveState();
  }

  #loseOldest(): void {
    this.#doubts.lost(this.#index.loseOldest());
    this.lost('the journal reached its bound, journal.maxBytes');
  }

  #state(): Omit<JournalState, 'turn'> {
    return {
      incarnation: this.#incarnation,
      generation: this.#generation,
      epoch: this.#losses.epoch,
      reset: this.#losses.reset,
      exposed: this.#health.slow,
    };
  }

  /** At once, where the disk lets it; a disk that fails has its next chance when it is opened again. */
  #saveState(): void {
    if (this.#health.slow || this.#health.at === 'opening') return;
    try {
      this.#folder.writeStateSync(this.#state());
    } catch (error) {
      this.#failed(messageOf(error));
    }
  }

  async #tick(): Promise<void> {
    if (this.#ticking === 'busy') return;
    this.#ticking = 'busy';
    try {
      await this.#turns.run(() => this.#work());
    } catch (error) {
      this.#failed(messageOf(error));
    } finally {
      this.#ticking = 'idle';
    }
  }

  /** Once a second, in the journal's turn. Rejects with the disk's errors. */
  async #work(): Promise<void> {
    if (this.#health.retryDue) await this.#retry();
    else if (this.#health.at === 'open') await this.#keep();
  }

  async #keep(): Promise<void> {
    await this.#folder.check([this.#written.currentPath, this.#doubts.currentPath]);
    if (this.#health.slow) return;
    await this.#written.tick();
    const { appends } = this.figures();
    if (this.#options.sync === 'second' && appends !== this.#synced) await this.#sync();
    this.#synced = appends;
    if (this.#doubts.wantsSnapshot) await this.#doubts.snapshot();
  }

  async #retry(): Promise<void> {
    try {
      await this.#written.abandonSpare();
      await this.#openFolder();
      this.#options.log.info('the journal is written again');
    } catch (error) {
      this.#health.retryFailed(messageOf(error));
    }
  }

  async #sync(): Promise<void> {
    await this.#doubts.sync();
    await this.#written.sync();
  }

  /** What was noted and settled is on disk as surely as `sync` has it. */
  async #keepNotes(): Promise<void> {
    if (this.#options.sync === 'second') await this.#doubts.sync();
    else this.#doubts.flush();
  }

  async #closeLogs(): Promise<void> {
    this.#doubts.flush();
    await this.#written.close();
    await this.#doubts.close();
    await this.#folder.writeState(this.#state());
  }
}
