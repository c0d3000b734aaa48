/**
 * A tap that can't hurt the session: whatever is thrown inside ends the mirroring of that session alone. What goes
 * through the session from then on may change anything.
 */
import type { Log } from '../base/log.ts';
import type { Exchange } from '../wire/exchange.ts';
import type { Statement } from './statement.ts';
import type { SessionTap } from './tap.ts';

export class GuardedTap implements SessionTap {
  #tap: SessionTap | null;
  readonly #log: Log;
  readonly #failed: (error: unknown) => void;
  readonly #unseen: () => void;

  /**
   * `failed` is called once, when the tap has thrown: its shard owes a full pass. `unseen`: before each command that
   * is sent afterwards, and behind each answer.
   */
  constructor(tap: SessionTap, log: Log, failed: (error: unknown) => void, unseen: () => void) {
    this.#tap = tap;
    this.#log = log;
    this.#failed = failed;
    this.#unseen = unseen;
  }

  command(exchange: Exchange<Statement>): void {
    if (this.#tap === null) this.#unseen();
    try {
      this.#tap?.command(exchange);
    } catch (error) {
      this.#drop(error);
    }
  }

  ready(): boolean {
    try {
      return this.#tap?.ready() === true;
    } catch (error) {
      this.#drop(error);
      return true;
    }
  }

  reply(exchange: Exchange<Statement>): void {
    if (this.#tap === null) this.#unseen();
    try {
      this.#tap?.reply(exchange);
    } catch (error) {
      this.#drop(error);
    }
  }

  lostStep(): void {
    try {
      this.#tap?.lostStep();
    } catch (error) {
      this.#drop(error);
    }
  }

  closed(unanswered: readonly Exchange<Statement>[]): void {
    try {
      this.#tap?.closed(unanswered);
    } catch (error) {
      this.#drop(error);
    }
  }

  #drop(error: unknown): void {
    const tap = this.#tap;
    this.#tap = null;
    try {
      // What it holds of the shard's memory is given back, if it still can.
      tap?.closed([]);
    } catch {
      // It has failed already, and that is told.
    }
    this.#log.error(
      { err: error },
      'the mirror failed inside a session, which goes on unmirrored: please report this',
    );
    this.#failed(error);
  }
}
