/**
 * Orders and questions on their way to one worker process. A worker that reads nothing leaves at most one order
 * of each kind waiting here, the newest, and one question of each kind open.
 */
import type { Order, Question } from './worker-messages.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A scrape waits so long for one worker; what it said before stands in then. */
const ANSWER_TIMEOUT_MS = 1000;

interface OpenQuestion {
  readonly answered: Promise<void>;
  settle(): void;
}

export class WorkerLink {
  readonly #process: WorkerProcess;
  readonly #waiting = new Map<string, Order>();
  readonly #questions = new Map<Question, OpenQuestion>();
  #channel: 'free' | 'busy' = 'free';

  constructor(process: WorkerProcess) {
    this.#process = process;
  }

  send(order: Order): void {
    const kind = kindOf(order);
    this.#waiting.set(kind, order);
    this.#sendNext();
  }

  /** Resolves when the worker has answered, is gone, or a second is over; an open question is not asked again. */
  async ask(about: Question): Promise<void> {
    const open = this.#questions.get(about) ?? this.#open(about);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ANSWER_TIMEOUT_MS);
    });
    await Promise.race([open.answered, late]);
    clearTimeout(timer);
  }

  /** The worker has answered; what it said is the caller's. */
  answered(about: Question): void {
    this.#questions.get(about)?.settle();
    this.#questions.delete(about);
  }

  /** The process has ended: nobody needs to wait for it. */
  gone(): void {
    for (const { settle } of this.#questions.values()) settle();
    this.#questions.clear();
    this.#waiting.clear();
  }

  #open(about: Question): OpenQuestion {
    let settle = (): void => {};
    const answered = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const question = { answered, settle };
    this.#questions.set(about, question);
    this.send({ type: 'ask', about });
    return question;
  }

  #sendNext(): void {
    if (this.#channel === 'busy') return;
    const [next] = this.#waiting;
    if (next === undefined) return;
    const [kind, order] = next;
    this.#waiting.delete(kind);
    this.#channel = 'busy';
    this.#process.send(order, () => {
      this.#channel = 'free';
      this.#sendNext();
    });
  }
}

/** Of questions to journals, whose number is bounded elsewhere, none takes another's place. */
function kindOf(order: Order): string {
  if (order.type === 'ask') return `ask ${order.about}`;
  return order.type === 'journal' ? `journal ${order.number}` : order.type;
}
