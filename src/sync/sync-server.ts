/** One server of a side, as the sync asks it: bounded in time and connections, and steadfast. */
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { ServerKind, Side } from './side.ts';
import { ConnectionLost, type SyncConnection, type WriteStatement } from './sync-connection.ts';
import type { Loan, SyncPool } from './sync-pool.ts';
import type { Row } from './value.ts';
import { behindFence, type WriteFence } from './write-fence.ts';

export type ServerRole = 'primary' | 'replica';

export interface SyncServer {
  /** `old s00 127.0.0.1:3310`, for messages. */
  readonly name: string;
  readonly side: Side;
  readonly role: ServerRole;
  readonly kind: ServerKind;
  /** As the server says it: `10.11.6-MariaDB-log`. */
  readonly version: string;
  /** MySQL has lost the function in 9.6, and gives NULL where it runs by FIPS. */
  readonly hasMd5: boolean;
  /** The whole answer. Reads alone. Rejects with QueryTimedOut past the time that one query may take. */
  rows(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /**
   * Row by row, with some hundred in memory; the server waits for a slow reader. It fails past the time that a stream
   * may take, or when the connection breaks behind its first row.
   */
  stream(sql: string, values?: readonly unknown[]): AsyncIterable<Row>;
  /**
   * One transaction; resolves to the rows that it changed. Rejects with ConnectionLost where the connection broke in
   * the COMMIT, so that it may have been done. Rejects on a server that was opened for reading alone, and with RangeLost
   where the fence does not hold any more.
   */
  write(statements: readonly WriteStatement[], fence?: WriteFence): Promise<number>;
  /** Lets go of it. The pool, and its connections, are the caller's. */
  close(): Promise<void>;
}

export interface SyncServerOptions {
  readonly shard: string;
  readonly side: Side;
  readonly role: ServerRole;
  /** Null: none is chosen. */
  readonly database: string | null;
  readonly pool: SyncPool;
  /** What is repaired is; all else can't be written by mistake. */
  readonly access: 'read' | 'write';
  /** What one query, and one statement of a transaction, may take. */
  readonly queryLimitMs: number;
  readonly streamLimitMs: number;
}

/** It could not be connected to, or would not let the account in; `cause` says why. */
export class ServerUnreachable extends Error {
  override readonly name = 'ServerUnreachable';
  readonly place: Pick<SyncServerOptions, 'shard' | 'side' | 'role' | 'database'>;

  constructor(message: string, place: ServerUnreachable['place'], cause: unknown) {
    super(message, { cause });
    this.place = place;
  }
}

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 100;
const MD5_OF_NOTHING = 'd41d8cd98f00b204e9800998ecf8427e';
/** ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT: the transaction was, or can be, undone and made again. */
const LOCK_ERRORS: ReadonlySet<number> = new Set([1213, 1205]);

/** Connects once, to learn what it is. Rejects with ServerUnreachable, naming the server, where that fails. */
export async function openSyncServer(options: SyncServerOptions): Promise<SyncServer> {
  const { pool, shard, side, database } = options;
  const name = `${side} ${shard} ${pool.server.host}:${pool.server.port}`;
  try {
    const connection = await pool.borrow('read', database);
    const { kind, version } = connection;
    const hasMd5 = await knowsMd5(connection, options.queryLimitMs);
    pool.giveBack(connection);
    return new PooledServer(options, { name, kind, version, hasMd5 });
  } catch (error) {
    throw new ServerUnreachable(`${name}: ${messageOf(error)}`, options, error);
  }
}

class PooledServer implements SyncServer {
  readonly name: string;
  readonly side: Side;
  readonly role: ServerRole;
  readonly kind: ServerKind;
  readonly version: string;
  readonly hasMd5: boolean;
  readonly #options: SyncServerOptions;
  #closed = false;

  constructor(options: SyncServerOptions, facts: Pick<SyncServer, 'name' | 'kind' | 'version' | 'hasMd5'>) {
    this.#options = options;
    this.side = options.side;
    this.role = options.role;
    this.name = facts.name;
    this.kind = facts.kind;
    this.version = facts.version;
    this.hasMd5 = facts.hasMd5;
  }

  rows(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    const { queryLimitMs } = this.#options;
    return this.#steadily(
      () => this.#with('read', (connection) => connection.rows(sql, values, queryLimitMs)),
      (error) => error instanceof ConnectionLost,
    );
  }

  async *stream(sql: string, values: readonly unknown[] = []): AsyncGenerator<Row> {
    // Only while nothing was handed on can it be begun anew.
    const { connection, first, rest } = await this.#steadily(
      () => this.#beginStream(sql, values),
      (error) => error instanceof ConnectionLost,
    );
    try {
      if (first !== null) yield first;
      yield* rest;
    } finally {
      await rest.return(undefined);
      this.#options.pool.giveBack(connection);
    }
  }

  write(statements: readonly WriteStatement[], fence?: WriteFence): Promise<number> {
    const { access, queryLimitMs } = this.#options;
    if (access === 'read') return Promise.reject(new Error(`${this.name} is there to be read alone`));
    return this.#steadily(
      () =>
        this.#with('write', (connection) => {
          const transact = (): Promise<number> => connection.transact(statements, queryLimitMs);
          return fence === undefined ? transact() : behindFence(connection, fence, transact);
        }),
      (error) => (error instanceof ConnectionLost ? !error.committing : LOCK_ERRORS.has(errnoOf(error))),
    );
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #beginStream(
    sql: string,
    values: readonly unknown[],
  ): Promise<{ connection: SyncConnection; first: Row | null; rest: AsyncGenerator<Row> }> {
    const { pool, database, streamLimitMs } = this.#options;
    const connection = await pool.borrow('stream', database);
    try {
      const rest = connection.stream(sql, values, streamLimitMs);
      const { value, done } = await rest.next();
      return { connection, first: done === true ? null : value, rest };
    } catch (error) {
      pool.giveBack(connection);
      throw error;
    }
  }

  async #with<T>(loan: Loan, work: (connection: SyncConnection) => Promise<T>): Promise<T> {
    const { pool, database } = this.#options;
    const connection = await pool.borrow(loan, database);
    try {
      return await work(connection);
    } finally {
      pool.giveBack(connection);
    }
  }

  /** Again after a pause that doubles, where what went wrong may pass; what it throws names the server. */
  async #steadily<T>(work: () => Promise<T>, mayPass: (error: unknown) => boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (this.#closed) throw new Error('it was closed');
        return await work();
      } catch (error) {
        if (attempt < ATTEMPTS && (mayPass(error) || isUnreachable(error)) && !this.#closed) {
          await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
          continue;
        }
        if (error instanceof Error) error.message = `${this.name}: ${error.message}`;
        throw error;
      }
    }
  }
}

async function knowsMd5(connection: SyncConnection, limitMs: number): Promise<boolean> {
  try {
    const [row] = await connection.rows("SELECT MD5('')", [], limitMs);
    return row?.[0] === MD5_OF_NOTHING;
  } catch (error) {
    if (connection.broken) throw error;
    return false;
  }
}

/** It could not be connected to: nothing was asked. */
function isUnreachable(error: unknown): boolean {
  return /^(?:ECONNREFUSED|ECONNRESET|EPIPE|PROTOCOL_CONNECTION_LOST)$/.test(
    String((error as { code?: unknown }).code),
  );
}

function errnoOf(error: unknown): number {
  return Number((error as { errno?: unknown }).errno ?? 0);
}
