/**
 * Whether a journal's disk can be written: from the first opening on, through failures and the tries after them,
 * to the end. A slow disk is written to aside; to one that fails nothing is written before it is opened again.
 */
import type { Log } from '../base/log.ts';
import { RETRY_MAX_MS, RETRY_MIN_MS, SLOW_TOLD_EVERY_MS } from './journal-options.ts';

type Life =
  | { readonly at: 'opening' | 'open' | 'closed' }
  | { readonly at: 'failing'; readonly reason: string; readonly retryAtMs: number };

export class JournalHealth {
  readonly #log: Log;
  readonly #now: () => number;
  #life: Life = { at: 'opening' };
  /** Since it last failed. */
  #retries = 0;
  /** Null: the disk is as quick as it should be. */
  #slow: string | null = null;
  #slowToldAtMs = Number.NEGATIVE_INFINITY;

  /** `now`: monotonic milliseconds. */
  constructor({ log, now }: { readonly log: Log; readonly now: () => number }) {
    this.#log = log;
    this.#now = now;
  }

  get at(): Life['at'] {
    return this.#life.at;
  }

  get slow(): boolean {
    return this.#slow !== null;
  }

  /** What is wrong with the disk just now, in words; null: nothing. */
  get fault(): string | null {
    return this.#life.at === 'failing' ? this.#life.reason : this.#slow;
  }

  /** A disk that fails is to be tried again now. */
  get retryDue(): boolean {
    return this.#life.at === 'failing' && this.#now() >= this.#life.retryAtMs;
  }

  /** Also after a failure. */
  opened(): void {
    if (this.#life.at !== 'closed') this.#life = { at: 'open' };
    this.#slow = null;
  }

  closed(): void {
    this.#life = { at: 'closed' };
  }

  /** False: it failed before and was not opened since, or it is closed, so that nobody has to be told. */
  failed(reason: string): boolean {
    if (this.#life.at === 'closed' || this.#life.at === 'failing') return false;
    this.#retries = 0;
    this.#life = { at: 'failing', reason, retryAtMs: this.#now() + RETRY_MIN_MS };
    this.#log.error(
      { incident: 'journal_failed', reason },
      'the journal can’t be written: clients are served on, and a full pass of the sync is owed',
    );
    return true;
  }

  /** Also where it had come as far as to be open. Each wait for the next try is twice as long, to a bound. */
  retryFailed(reason: string): void {
    if (this.#life.at === 'closed') return;
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#retries);
    this.#retries += 1;
    this.#life = { at: 'failing', reason, retryAtMs: this.#now() + waitMs };
  }

  /** One slow append may be the machine's; only a disk that stays so is told of again. */
  slowed(seconds: number): void {
    this.#slow = `the disk is slow: an append took ${Math.round(seconds * 1000)} ms`;
    if (this.#now() < this.#slowToldAtMs + SLOW_TOLD_EVERY_MS) return;
    this.#slowToldAtMs = this.#now();
    this.#log.warn(
      { reason: this.#slow },
      'the journal’s disk is slow: it is not waited for until it is quick again',
    );
  }

  quick(): void {
    this.#slow = null;
  }
}
