/** What a journal lost and can't name: from then on a full pass is owed, until one was done that began behind it. */
import type { JournalState, Reset } from './state-file.ts';

export interface LossRecordOptions {
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Of the next note: readers that stand before it may have missed what was lost. */
  readonly nextNumber: () => number;
  /** Nothing was lost before. */
  lost(reason: string): void;
}

export class LossRecord {
  readonly #options: LossRecordOptions;
  #epoch = 0;
  #reset: Reset | null = null;

  constructor(options: LossRecordOptions) {
    this.#options = options;
  }

  /** Counts the losses. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Null: no full pass is owed. */
  get reset(): Reset | null {
    return this.#reset;
  }

  lost(reason: string): void {
    const { wallClock, nextNumber, lost } = this.#options;
    this.#epoch += 1;
    const was = this.#reset;
    this.#reset = { reason, atMs: wallClock(), number: nextNumber() };
    if (was === null) lost(reason);
  }

  /** What a start found on disk, beside what was lost since the process began. */
  take(state: JournalState | null, losses: readonly string[]): void {
    const { wallClock, nextNumber, lost } = this.#options;
    this.#epoch += state?.epoch ?? 0;
    const older = this.#reset ?? state?.reset ?? null;
    if (older !== null) this.#reset = { ...older, number: nextNumber() };
    const first = losses[0];
    if (first === undefined) return;
    this.#epoch += 1;
    this.#reset ??= { reason: first, atMs: wallClock(), number: nextNumber() };
    lost(first);
  }

  /** A full pass that began when `epoch` was in force is done; false where more was lost meanwhile. */
  madeGood(epoch: number): boolean {
    if (epoch !== this.#epoch) return false;
    this.#reset = null;
    return true;
  }
}
