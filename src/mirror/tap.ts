/** What a session tells the mirror. Every call returns at once: the client path waits for none of them. */
import type { Exchange } from '../wire/exchange.ts';
import type { Agreement } from '../wire/login.ts';
import type { Statement } from './statement.ts';

export interface SessionTap {
  /** A command is about to be sent to the primary. */
  command(exchange: Exchange<Statement>): void;
  /** The commands that were told so far are about to be sent on. True: not before the source's next `record`. */
  ready(): boolean;
  /** Its reply is complete, and has been relayed. */
  reply(exchange: Exchange<Statement>): void;
  /** The readers lost step: what became of the statements so far is not known, nor what comes. */
  lostStep(): void;
  /** The session is over; these commands were never answered. */
  closed(unanswered: readonly Exchange<Statement>[]): void;
}

/** One a shard. */
export interface TapSource {
  tap(agreement: Agreement): SessionTap;
  /** What must be on record before commands are sent is so when it returns, of all sessions. */
  record(): void;
  /** A session that can't be followed goes on, or is about to send something: it may change anything. */
  unseen(): void;
}
