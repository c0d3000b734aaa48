/**
 * Commands under way that change how what comes behind them is to be read: the database, the character set, the
 * quotes, what a prepared name stands for, which tables there are and where their keys stand; and those that may set
 * user variables. A client that does not wait for their answers is read in a state that may be over by then.
 */
import type { Exchange } from '../wire/exchange.ts';
import { COM } from '../wire/protocol.ts';
import type { SessionEffect } from './session-effect.ts';
import { changesSession } from './session-values-followed.ts';
import type { Statement } from './statement.ts';

const COMMANDS: readonly number[] = [COM.INIT_DB, COM.RESET_CONNECTION, COM.CHANGE_USER];
const STATEMENTS: readonly number[] = [COM.QUERY, COM.STMT_EXECUTE];

export class ChangesAhead {
  #unanswered = 0;
  #assigning = 0;

  get some(): boolean {
    return this.#unanswered > 0;
  }

  /** What user variables hold is open. */
  get values(): boolean {
    return this.#unanswered > 0 || this.#assigning > 0;
  }

  /** Once its statements are read. */
  sent(exchange: Exchange<Statement>): void {
    this.#count(exchange, 1);
  }

  answered(exchange: Exchange<Statement>): void {
    this.#count(exchange, -1);
  }

  #count(exchange: Exchange<Statement>, by: 1 | -1): void {
    if (changes(exchange)) this.#unanswered += by;
    if (assigns(exchange)) this.#assigning += by;
  }
}

function changes({ type, note }: Exchange<Statement>): boolean {
  if (COMMANDS.includes(type)) return true;
  if (!STATEMENTS.includes(type)) return false;
  for (let statement = note; statement !== null; statement = statement.next) {
    if (statement.plan?.ddl === true) return true;
    if (statement.effects.length > 0 && statement.effects.some(changesReading)) return true;
  }
  return false;
}

function assigns({ note }: Exchange<Statement>): boolean {
  for (let statement = note; statement !== null; statement = statement.next)
    if (changesSession(statement)) return true;
  return false;
}

function changesReading(effect: SessionEffect): boolean {
  if (effect.what === 'variable') return /^(?:sql_mode|character_set_|collation_)/.test(effect.name);
  return ['use', 'names', 'prepare', 'deallocate'].includes(effect.what);
}

/** What it changes, or whether it does, may have been read wrong; a read is at worst not compared. */
export function mattersBehind({ kind, plan, byName }: Statement): boolean {
  if (byName) return true;
  if (plan === null || kind === 'read') return false;
  return kind !== 'other' || plan.ddl;
}
