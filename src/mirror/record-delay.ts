/**
 * Tells of one session which of its writes may be sent before their keys are on record. Inside a transaction that the
 * server is known to hold open, a write to tables with transactions is undone when the proxy's connection ends: so its
 * keys have time until something is about to be sent that may make it last. One append then has those of the whole
 * transaction.
 */
import type { Exchange } from '../wire/exchange.ts';
import { COM, STATUS } from '../wire/protocol.ts';
import { mayRunRoutines, type Statement } from './statement.ts';

/** Commands that begin and end nothing. */
const IDLE: ReadonlySet<number> = new Set([
  COM.PING,
  COM.STMT_PREPARE,
  COM.STMT_CLOSE,
  COM.STMT_RESET,
  COM.STMT_FETCH,
  COM.STMT_SEND_LONG_DATA,
]);

export class RecordDelay {
  #unanswered = 0;
  /** The latest answer says that a transaction is open. An error tells nothing, and may have ended it. */
  #open = false;
  /** How often the shard had put keys on record when the latest write was told that may wait. */
  #waitsSince = -1;

  /** A write that is about to be sent, alone in its command: `records` as of now, should it wait. */
  mayWait(statement: Statement, records: number): boolean {
    if (!this.#open || this.#unanswered > 0 || !staysInside(statement) || !isUndone(statement)) return false;
    this.#waitsSince = records;
    return true;
  }

  /** The command was read, and is about to be sent: true where keys that have waited must be on record first. */
  sent({ type, note }: Exchange<Statement>, records: number): boolean {
    this.#unanswered++;
    if (this.#waitsSince !== records) return false;
    return !IDLE.has(type) && (note === null || !staysInside(note));
  }

  answered({ type, ok, status }: Exchange<Statement>): void {
    this.#unanswered--;
    if (!IDLE.has(type)) this.#open = ok && (status & STATUS.IN_TRANS) !== 0;
  }
}

/** It reads or writes rows and does nothing else: whatever transaction is open stands when it was carried out. */
function staysInside({ kind, plan, next, rest, byRows, blind, effects, routines }: Statement): boolean {
  if (plan === null || kind === 'other' || next !== null || rest !== null || byRows || blind) return false;
  if (plan.transaction !== 'none' || plan.ddl || plan.opaque || effects.length > 0) return false;
  return routines === null && !mayRunRoutines(plan);
}

/** All moved tables that it changes are known, and known to roll back. */
function isUndone({ target, definition, straddles }: Statement): boolean {
  if (target === null || definition !== null || straddles) return false;
  return target.transactional === 'yes' && target.reached.length === 0;
}
