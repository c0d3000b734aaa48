/** Questions about journals that a worker has not answered yet. */
import type { JournalAnswer } from '../observe/journal-routes.ts';
import { refusal } from './journal-answers.ts';

const OPEN_MAX = 16;
const TIMEOUT_MS = 8000;

interface Call {
  readonly timer: NodeJS.Timeout;
  resolve(answer: JournalAnswer): void;
}

export class WorkerCalls {
  readonly #open = new Map<number, Call>();
  #next = 1;

  /** `send` is given the question's number. Resolves in bounded time, also where no answer comes. */
  ask(send: (number: number) => void): Promise<JournalAnswer> {
    if (this.#open.size >= OPEN_MAX)
      return Promise.resolve(refusal(503, 'busy', 'the worker has too many questions: ask again later'));
    const number = this.#next;
    this.#next += 1;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.answered(number, refusal(503, 'busy', 'the worker of this shard did not answer in time'));
      }, TIMEOUT_MS);
      this.#open.set(number, { timer, resolve });
      send(number);
    });
  }

  /** A late answer is nobody's. */
  answered(number: number, answer: JournalAnswer): void {
    const call = this.#open.get(number);
    if (call === undefined) return;
    this.#open.delete(number);
    clearTimeout(call.timer);
    call.resolve(answer);
  }

  /** The process has ended. */
  gone(): void {
    for (const number of this.#open.keys())
      this.answered(number, refusal(503, 'down', 'the worker of this shard ended: ask again later'));
  }
}
