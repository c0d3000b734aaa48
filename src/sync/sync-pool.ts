/** The connections of the sync to one host: a few, shared by the shards that live there. */
import type { AskedServer } from '../mirror/server-questions.ts';
import type { Purpose } from './session-settings.ts';
import { SyncConnection } from './sync-connection.ts';

export interface PoolLimits {
  /** At least 2: one is kept free of streams, so that a stream's reader can ask for something else. */
  readonly connections: number;
  /** How long a query waits for a connection to become free. */
  readonly waitMs: number;
}

/** What a connection is borrowed for. */
export type Loan = Purpose | 'stream';

interface Waiter {
  readonly loan: Loan;
  readonly admit: () => void;
}

export class SyncPool {
  readonly server: AskedServer;
  readonly #limits: PoolLimits;
  #idle: SyncConnection[] = [];
  readonly #lent = new Map<SyncConnection, Loan>();
  /** Places taken: those lent, and those that are being opened. */
  #taken = 0;
  #streams = 0;
  #waiters: Waiter[] = [];
  #closed = false;

  constructor(server: AskedServer, limits: PoolLimits) {
    this.server = server;
    this.#limits = limits;
  }

  /**
   * A connection for the caller alone, until `giveBack`. Rejects where none becomes free in time, or the server can't
   * be reached.
   */
  async borrow(loan: Loan, database: string | null): Promise<SyncConnection> {
    await this.#place(loan);
    let connection: SyncConnection | undefined;
    try {
      const purpose = loan === 'stream' ? 'read' : loan;
      connection = this.#takeIdle(purpose) ?? (await SyncConnection.open(this.server, purpose));
      await connection.use(database);
      // It may have been closed while the connection was opened.
      if (this.#closed) throw this.#closedError();
      this.#lent.set(connection, loan);
      return connection;
    } catch (error) {
      connection?.destroy();
      this.#leave(loan);
      throw error;
    }
  }

  giveBack(connection: SyncConnection): void {
    const loan = this.#lent.get(connection);
    if (loan === undefined) return;
    this.#lent.delete(connection);
    // A place that is free is not to be held by an idle connection of the other purpose for good.
    if (this.#closed || this.#idle.length >= this.#limits.connections) connection.destroy();
    if (!connection.broken) this.#idle.push(connection);
    this.#leave(loan);
  }

  /** Ends every connection, also those that are lent. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#idle, ...this.#lent.keys()]) connection.destroy();
    this.#idle = [];
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { admit } of waiters) admit();
  }

  #takeIdle(purpose: Purpose): SyncConnection | undefined {
    this.#idle = this.#idle.filter((connection) => !connection.broken);
    const found = this.#idle.findLast((connection) => connection.purpose === purpose);
    if (found !== undefined) this.#idle = this.#idle.filter((connection) => connection !== found);
    // At the limit one of the other purpose makes room.
    else if (this.#taken + this.#idle.length > this.#limits.connections) this.#idle.shift()?.destroy();
    return found;
  }

  async #place(loan: Loan): Promise<void> {
    const { waitMs, connections } = this.#limits;
    if (!this.#fits(loan)) {
      const { host, port } = this.server;
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = {
          loan,
          admit: () => {
            clearTimeout(timer);
            resolve();
          },
        };
        const timer = setTimeout(() => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          reject(
            new Error(`none of the ${connections} connections to ${host}:${port} was free in ${waitMs} ms`),
          );
        }, waitMs);
        this.#waiters.push(waiter);
      });
    } else this.#enter(loan);
    if (this.#closed) throw this.#closedError();
  }

  #closedError(): Error {
    return new Error(`the connections to ${this.server.host}:${this.server.port} are closed`);
  }

  #fits(loan: Loan): boolean {
    const { connections } = this.#limits;
    return this.#taken < connections && (loan !== 'stream' || this.#streams < connections - 1);
  }

  #enter(loan: Loan): void {
    this.#taken++;
    if (loan === 'stream') this.#streams++;
  }

  /** Those who wait come in by their turn; a stream that may not yet come in stops nobody behind it. */
  #leave(loan: Loan): void {
    this.#taken--;
    if (loan === 'stream') this.#streams--;
    const next = this.#waiters.find((waiter) => this.#fits(waiter.loan));
    if (next === undefined) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter !== next);
    this.#enter(next.loan);
    next.admit();
  }
}
