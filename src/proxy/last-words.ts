/**
 * What the other side of a connection had sent before it dropped it: often the very error that says why. A write
 * that fails tells of the drop before that was read. Nothing more can arrive, so the kernel's buffer bounds the
 * bytes; a reader that does not take them gets a time limit.
 */

const WAIT_MS = 10_000;

export class LastWords {
  readonly error: Error;
  readonly #timer: NodeJS.Timeout;

  /** `error` is what the write failed with; `overdue` is called with it when the time is up. */
  constructor(error: Error, overdue: (error: Error) => void) {
    this.error = error;
    this.#timer = setTimeout(() => overdue(error), WAIT_MS);
  }

  /**
   * The connection was reset. The kernel says so once, to the write that failed: whoever reads on sees an end.
   * Where the other side had ended the connection before, the write fails with EPIPE, and the end is one.
   */
  get isReset(): boolean {
    return (this.error as NodeJS.ErrnoException).code !== 'EPIPE';
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
