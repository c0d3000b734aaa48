/** Reads the primary's clock between two readings of the schema: what is known of it grows less certain by the second. */
import type { PrimaryClock } from './primary-clock.ts';
import { type AskedServer, asking, clockSamples } from './server-questions.ts';

const EVERY_MS = 5000;
const SAMPLES = 3;

export interface ClockSource extends AskedServer {
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class ClockKeeper {
  readonly #source: ClockSource;
  readonly #clock: PrimaryClock;
  /** The primary's clock was set, so that what was read of it before was wrong for some time. */
  readonly #onSet: () => void;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(source: ClockSource, clock: PrimaryClock, onSet: () => void) {
    this.#source = source;
    this.#clock = clock;
    this.#onSet = onSet;
  }

  /** A reading was made just now, or tried: the next is due in a while. */
  postpone(): void {
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), EVERY_MS).unref();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #read(): Promise<void> {
    const { now, timeoutMs } = this.#source;
    try {
      const samples = await asking(this.#source, (connection) =>
        clockSamples(connection, SAMPLES, now, timeoutMs),
      );
      if (!this.#clock.learn(samples)) this.#onSet();
    } catch {
      // Whoever reads the schema says that the server does not answer; the clock's error only grows meanwhile.
    }
    this.postpone();
  }
}
