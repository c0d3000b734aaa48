/**
 * How much time the parser may take. It runs on the client path and takes milliseconds for what the lexer reads
 * in microseconds, so new digests without end would leave the clients no core. Time that was saved up may be
 * spent at once, for the many new digests of a start; a parse that took longer is paid off by those after it.
 * Time is the processor's: on a machine that is busy with other things a parse may stand still for seconds, which
 * would leave the keys of all new digests unknown for minutes.
 */

/** Milliseconds of parsing that may be saved up, and that come in a second. */
const SAVED_MS_MAX = 1000;
const MS_A_SECOND = 100;

export class ParserBudget {
  readonly #clock: () => number;
  readonly #cpu: () => number;
  #savedMs = SAVED_MS_MAX;
  #atMs: number;

  /** `clock`: milliseconds, monotonic. `cpu`: milliseconds that this process has had of the processor. */
  constructor(clock: () => number, cpu: () => number = clock) {
    this.#clock = clock;
    this.#cpu = cpu;
    this.#atMs = clock();
  }

  /** False: too much was spent lately. */
  get allows(): boolean {
    const nowMs = this.#clock();
    this.#savedMs = Math.min(SAVED_MS_MAX, this.#savedMs + ((nowMs - this.#atMs) * MS_A_SECOND) / 1000);
    this.#atMs = nowMs;
    return this.#savedMs > 0;
  }

  /** Runs it, and takes the time it took off what is saved. */
  spend<T>(work: () => T): T {
    const beganMs = this.#cpu();
    try {
      return work();
    } finally {
      this.#savedMs -= this.#cpu() - beganMs;
    }
  }
}
