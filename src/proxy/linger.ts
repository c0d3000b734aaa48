/** Waits for one side of a session that is over, and drops it when it neither leaves nor takes what is left for it. */
import type { ByteStream } from './byte-stream.ts';

export class Linger {
  readonly #stream: Pick<ByteStream, 'unsentBytes' | 'destroy'>;
  readonly #limitMs: number;
  #timer: NodeJS.Timeout;

  /** Some of it must be taken in each `limitMs`. */
  constructor(stream: Pick<ByteStream, 'unsentBytes' | 'destroy'>, limitMs: number) {
    this.#stream = stream;
    this.#limitMs = limitMs;
    this.#timer = this.#wait(Number.POSITIVE_INFINITY);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #wait(unsentBefore: number): NodeJS.Timeout {
    return setTimeout(() => {
      const unsent = this.#stream.unsentBytes;
      if (unsent > 0 && unsent < unsentBefore) this.#timer = this.#wait(unsent);
      else this.#stream.destroy();
    }, this.#limitMs);
  }
}
