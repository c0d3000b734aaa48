/** Work of which only one piece may go on at a time; more than a few that wait are turned away. */

const WAITING_MAX = 16;

/** Too many wait already: to be tried again later. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
}

export class OneByOne {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** What the work gives, once those before it are done. Rejects with BusyError, or as the work does. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= WAITING_MAX)
      return Promise.reject(new BusyError('the journal is busy: ask again later'));
    this.#waiting += 1;
    const result = this.#last.then(work).finally(() => {
      this.#waiting -= 1;
    });
    this.#last = result.catch(() => {});
    return result;
  }
}
