/** Two sessions that want the same rows: one waits for the other, is killed while it waits, or both wait for each other. */
import type { Random } from '../harness/random.ts';
import type { RawCommand, RawStatementSession } from './raw-statement-session.ts';

const TABLES = ['pairs', 'parts', 'numbered', 'uniques', 'pairs'];

export class SessionDuel {
  readonly #first: RawStatementSession;
  readonly #second: RawStatementSession;
  readonly #random: Random;
  readonly #write: () => string;

  constructor(first: RawStatementSession, second: RawStatementSession, random: Random, write: () => string) {
    this.#first = first;
    this.#second = second;
    this.#random = random;
    this.#write = write;
  }

  async play(): Promise<void> {
    const [one, other] = [this.#random.integer(1, 4), this.#random.integer(5, 9)];
    const table = this.#random.pick(TABLES);
    await this.#second.send(this.#second.query('BEGIN'), this.#change(this.#second, table, one));
    if (this.#random.chance(0.5)) await this.#deadlock(table, one, other);
    else await this.#waitAndEnd(table, one);
  }

  #change(session: RawStatementSession, table: string, ...keys: readonly number[]): RawCommand {
    return session.query(
      `UPDATE ${table} SET n = n + ${this.#random.integer(1, 50)} WHERE k IN (${keys.join(', ')})`,
    );
  }

  async #deadlock(table: string, one: number, other: number): Promise<void> {
    const [first, second] = [this.#first, this.#second];
    await first.send(first.query('BEGIN'), this.#change(first, table, other));
    if (this.#random.chance(0.3)) await first.send(first.query(this.#write()));
    await Promise.all([
      first.send(this.#change(first, table, one)),
      second.send(this.#change(second, table, other)),
    ]);
    await first.send(first.query(this.#write()));
    await Promise.all([this.#end(second), this.#end(first)]);
  }

  async #waitAndEnd(table: string, one: number): Promise<void> {
    const [first, second] = [this.#first, this.#second];
    if (this.#random.chance(0.5)) await first.send(first.query('BEGIN'), first.query(this.#write()));
    const waiting = first.send(this.#change(first, table, one, 8, 9));
    // Its failure is looked at below; until then it is nobody's.
    waiting.catch(() => null);
    const kill = this.#random.pick([`KILL QUERY ${first.id}`, `KILL ${first.id}`, null]);
    if (kill !== null) await second.send(second.query(kill));
    await this.#end(second);
    await waiting;
    await first.send(first.query(this.#write()));
    await this.#end(first);
  }

  async #end(session: RawStatementSession): Promise<void> {
    const text = this.#random.pick(['COMMIT', 'COMMIT', 'ROLLBACK', null]);
    if (text !== null) await session.send(session.query(text));
  }
}
