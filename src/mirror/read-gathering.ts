/**
 * When reads that no other unit waits for go out together, and when each goes out at once. To send a read and to
 * read its answer by itself costs more than the read: where they come thick, some milliseconds of lateness, which
 * nobody sees, halve that.
 */

/** Reads a millisecond from which on they are held back, and below which no more. */
const THICK = 3;
const THIN = 2;
/** Over which they are counted. */
const WINDOW_MS = 16;
const TICK_MS = 2;

export class ReadGathering {
  readonly #now: () => number;
  readonly #tick: () => void;
  #reads = 0;
  #windowSinceMs = 0;
  /** Null: reads come too thinly. */
  #ticker: NodeJS.Timeout | null = null;
  #sent: 'no' | 'since the last tick' = 'no';

  /** `tick` is called every few milliseconds while reads are held back, unless `sent` was in between. */
  constructor(now: () => number, tick: () => void) {
    this.#now = now;
    this.#tick = tick;
  }

  /** A read has come, in milliseconds of the clock that was passed in. Is it to wait for others? */
  holds(atMs: number): boolean {
    this.#reads++;
    if (atMs - this.#windowSinceMs >= WINDOW_MS) this.#look(atMs);
    return this.isOn;
  }

  /** Another tick will come. */
  get isOn(): boolean {
    return this.#ticker !== null;
  }

  /** What was held back went out. */
  sent(): void {
    this.#sent = 'since the last tick';
  }

  stop(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#ticker = null;
  }

  #look(atMs: number): void {
    const rate = this.#reads / (atMs - this.#windowSinceMs);
    this.#reads = 0;
    this.#windowSinceMs = atMs;
    if (rate < THIN && this.#ticker !== null) {
      this.stop();
      // What was held back waits for no other tick.
      this.#tick();
    } else if (rate >= THICK) this.#ticker ??= setInterval(() => this.#ticked(), TICK_MS);
  }

  #ticked(): void {
    if (this.#sent === 'no') this.#tick();
    this.#sent = 'no';
    const nowMs = this.#now();
    if (nowMs - this.#windowSinceMs >= WINDOW_MS) this.#look(nowMs);
  }
}
