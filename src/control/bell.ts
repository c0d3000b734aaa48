/**
 * A wait that ends at a ring or at a time limit, whichever comes first. A ring while nobody waits is
 * kept, and any number of them count as one: what is woken reads the whole truth anyway.
 */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves to `rung` when someone rang (also before the wait began), else to `timeout` after `ms`. */
  wait(ms: number): Promise<'rung' | 'timeout'> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        const outcome = this.#rung ? 'rung' : 'timeout';
        this.#rung = false;
        resolve(outcome);
      };
      const timer = setTimeout(finish, ms);
      this.#wake = finish;
      if (this.#rung) finish();
    });
  }
}
