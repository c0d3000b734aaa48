/** A pass's ranges in this process alone. What is done of them is told to a listener, who may write it down. */
import { addOutcomes, NO_OUTCOME, type RangeOutcome } from './range-outcome.ts';
import type { LeasedRange, PassTotals, RangeQueue, SyncRange } from './range-queue.ts';
import type { Value } from './value.ts';

interface Entry {
  work: SyncRange;
  state: 'waiting' | 'leased' | 'done';
}

/** As it can be written down, and begun again. */
export interface RangeRecord {
  readonly work: SyncRange;
  readonly done: boolean;
}

export interface PassRecord {
  readonly ranges: readonly RangeRecord[];
  readonly outcome: RangeOutcome;
}

export class MemoryRangeQueue implements RangeQueue {
  readonly #entries: Entry[];
  readonly #changed: () => void;
  #outcome: RangeOutcome;
  #waiters: (() => void)[] = [];

  /** `changed`: what `record` tells is another from now on. */
  constructor(begin: PassRecord, changed: () => void = () => {}) {
    this.#entries = begin.ranges.map(({ work, done }) => ({ work, state: done ? 'done' : 'waiting' }));
    this.#outcome = begin.outcome;
    this.#changed = changed;
  }

  static of(ranges: readonly SyncRange[], changed?: () => void): MemoryRangeQueue {
    return new MemoryRangeQueue(
      { ranges: ranges.map((work) => ({ work, done: false })), outcome: NO_OUTCOME },
      changed,
    );
  }

  /** What is leased is as much done as its worker has told. */
  record(): PassRecord {
    const ranges = this.#entries.map(({ work, state }) => ({ work, done: state === 'done' }));
    return { ranges, outcome: this.#outcome };
  }

  async take(): Promise<LeasedRange | null> {
    for (;;) {
      const entry = this.#entries.find(({ state }) => state === 'waiting');
      if (entry !== undefined) return this.#lease(entry);
      if (this.#entries.every(({ state }) => state === 'done')) return null;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  totals(): Promise<PassTotals> {
    const rangesDone = this.#entries.filter(({ state }) => state === 'done').length;
    return Promise.resolve({ outcome: this.#outcome, ranges: this.#entries.length, rangesDone });
  }

  #lease(entry: Entry): LeasedRange {
    entry.state = 'leased';
    const { work } = entry;
    return {
      work,
      orphaned: false,
      fence: null,
      progressed: (through: Value | undefined, outcome: RangeOutcome) => {
        this.#outcome = addOutcomes(this.#outcome, outcome);
        entry.work = { ...work, range: { after: through, through: work.range.through } };
        this.#changed();
        return Promise.resolve(true);
      },
      done: (outcome: RangeOutcome) => {
        this.#outcome = addOutcomes(this.#outcome, outcome);
        return this.#leave(entry, 'done');
      },
      giveBack: () => this.#leave(entry, 'waiting'),
    };
  }

  #leave(entry: Entry, state: 'waiting' | 'done'): Promise<void> {
    entry.state = state;
    this.#changed();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
    return Promise.resolve();
  }
}
