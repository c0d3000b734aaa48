/**
 * The proxy at the configuration's own address, where none answered when the sync began. That may be as it should; or
 * it is in the middle of a restart, and its journal and its mirror count from the moment that it answers.
 */
import type { JournalClient, JournalState } from './journal-client.ts';

export interface AbsentProxyOptions {
  readonly journal: Pick<JournalClient, 'states'>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** An address that takes longer than this to say nothing is left alone for a while: each repair would wait for it. */
const SLOW_MS = 250;
const LEFT_ALONE_MS = 10_000;
const NOTHING: ReadonlyMap<string, JournalState> = new Map();

export class AbsentProxy {
  readonly #options: AbsentProxyOptions;
  #state: 'absent' | 'there' = 'absent';
  #askedAgainAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AbsentProxyOptions) {
    this.#options = options;
  }

  /** Empty while nobody answers; one that has answered is asked as any other, and rejects as that does. */
  async states(): Promise<ReadonlyMap<string, JournalState>> {
    const { journal, now } = this.#options;
    if (this.#state === 'there') return journal.states();
    const askedAtMs = now();
    if (askedAtMs < this.#askedAgainAtMs) return NOTHING;
    try {
      const states = await journal.states('once');
      this.#state = 'there';
      return states;
    } catch {
      if (now() - askedAtMs > SLOW_MS) this.#askedAgainAtMs = now() + LEFT_ALONE_MS;
      return NOTHING;
    }
  }

  async isThere(): Promise<boolean> {
    if (this.#state === 'absent') await this.states();
    return this.#state === 'there';
  }
}
