/** One connection of the sync: logged in, its session pinned, every query bounded in time. */
import {
  type Connection,
  createConnection,
  type FieldPacket,
  type QueryOptions,
  type ResultSetHeader,
} from 'mysql2';
import { LoginStream, loginOptions } from '../mirror/login-stream.ts';
import { type AskedServer, asking } from '../mirror/server-questions.ts';
import { ASK_VARIABLES, kindOf, type Purpose, sessionSettings, timeLimit } from './session-settings.ts';
import type { ServerKind } from './side.ts';
import type { Row, Value } from './value.ts';

export interface WriteStatement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** A query was ended, by the server or by us, because it took longer than it may. */
export class QueryTimedOut extends Error {
  override readonly name = 'QueryTimedOut';
}

/** The connection broke; what it was asked may or may not have been done. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  /** A COMMIT was under way: whether it was done can't be known. */
  readonly committing: boolean;

  constructor(message: string, committing: boolean) {
    super(message);
    this.committing = committing;
  }
}

/** Past the server's own limit, for its answer to arrive. */
const GRACE_MS = 2000;
/** Rows of a stream that are held before the server is made to wait. */
const STREAM_ROWS = 128;
const NO_CHARACTER_SET = 63;
/** Types of the protocol whose bytes are no text though they have no character set: BIT, VECTOR, BLOBs, strings, geometry. */
const BYTE_TYPES: ReadonlySet<number> = new Set([15, 16, 242, 249, 250, 251, 252, 253, 254, 255]);
/** ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL. */
const TIMEOUT_ERRORS: ReadonlySet<number> = new Set([1969, 3024]);
/** A server that is going down, or that ended the connection of its own accord. */
const LOST_ERRORS: ReadonlySet<number> = new Set([
  1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031,
]);

interface ServerError extends Error {
  readonly errno?: number;
  readonly code?: string;
  readonly fatal?: boolean;
}

export class SyncConnection {
  readonly kind: ServerKind;
  readonly version: string;
  readonly purpose: Purpose;
  readonly #server: AskedServer;
  readonly #core: Connection;
  readonly #stream: LoginStream;
  readonly #variables: ReadonlyMap<string, string>;
  #database: string | null = null;
  #limitMs = 0;
  #broken = false;

  private constructor(
    server: AskedServer,
    purpose: Purpose,
    link: { readonly core: Connection; readonly stream: LoginStream },
    variables: ReadonlyMap<string, string>,
  ) {
    this.#server = server;
    this.purpose = purpose;
    this.#core = link.core;
    this.#stream = link.stream;
    this.#variables = variables;
    this.kind = kindOf(variables);
    this.version = variables.get('version') ?? '';
    link.core.on('error', () => {
      this.#broken = true;
    });
    link.stream.on('close', () => {
      this.#broken = true;
    });
  }

  /** Rejects where the server can't be reached in `server.timeoutMs`, or refuses the account. */
  static async open(server: AskedServer, purpose: Purpose): Promise<SyncConnection> {
    const stream: LoginStream = new LoginStream(server, (error) => stream.destroy(error));
    try {
      const core = createConnection({
        stream,
        user: server.account.user,
        password: server.account.password,
        connectTimeout: server.timeoutMs,
        charset: 'utf8mb4',
        // Affected rows are those that were changed; no server can ask for our files.
        flags: ['-FOUND_ROWS', '-LOCAL_FILES', '-MULTI_STATEMENTS'],
        connectAttributes: { program_name: 'understudy sync' },
        ...loginOptions(server.tls, server.account.password),
      });
      // A connection that breaks between two queries reports by event, which unheard would end the process.
      core.on('error', () => {});
      const first = await query(core, ASK_VARIABLES, [], server.timeoutMs);
      const variables = new Map(first.map(([name, value]) => [String(name), String(value)]));
      for (const sql of sessionSettings(variables, purpose)) await query(core, sql, [], server.timeoutMs);
      return new SyncConnection(server, purpose, { core, stream }, variables);
    } catch (error) {
      stream.destroy();
      throw error;
    }
  }

  /** It can't be used any more. */
  get broken(): boolean {
    return this.#broken;
  }

  async use(database: string | null): Promise<void> {
    if (database === null || database === this.#database) return;
    await this.#ask('USE ??', [database], this.#server.timeoutMs);
    this.#database = database;
  }

  async rows(sql: string, values: readonly unknown[], limitMs: number): Promise<Row[]> {
    await this.#limit(limitMs);
    return await this.#ask(sql, values, limitMs + GRACE_MS);
  }

  /**
   * Rows as they come: at most some hundred are held, and a consumer that is slow makes the server wait. A consumer
   * that leaves before the end costs the connection.
   */
  async *stream(sql: string, values: readonly unknown[], limitMs: number): AsyncGenerator<Row> {
    await this.#limit(limitMs);
    const asked = this.#core.query({ sql, values: [...values], rowsAsArray: true, typeCast: false });
    let decode = (row: readonly (Buffer | null)[]): Row => row;
    asked.on('fields', (fields: unknown) => {
      decode = decoderOf(fields as readonly FieldPacket[]);
    });
    const rows = asked.stream({ highWaterMark: STREAM_ROWS });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#giveUp();
    }, limitMs + GRACE_MS);
    let ended = false;
    try {
      for await (const row of rows) yield decode(row as (Buffer | null)[]);
      ended = true;
    } catch (error) {
      ended = !isLost(error);
      throw timedOut ? new QueryTimedOut(tooLong(limitMs)) : this.#told(error, false);
    } finally {
      clearTimeout(timer);
      if (!ended) this.destroy();
    }
  }

  /** Runs them as one transaction, and returns the rows that were changed. */
  async transact(statements: readonly WriteStatement[], limitMs: number): Promise<number> {
    let changed = 0;
    await this.#limit(limitMs);
    await this.#ask('START TRANSACTION', [], limitMs + GRACE_MS);
    try {
      for (const { sql, values } of statements)
        changed += await this.#change(sql, values, limitMs + GRACE_MS);
    } catch (error) {
      if (!this.#broken) await this.#ask('ROLLBACK', [], limitMs + GRACE_MS).catch(() => this.destroy());
      throw error;
    }
    await this.#ask('COMMIT', [], limitMs + GRACE_MS, true);
    return changed;
  }

  destroy(): void {
    this.#broken = true;
    // mysql2 would only end what it writes to, and the server would keep the connection for hours.
    this.#stream.destroy();
  }

  async #limit(limitMs: number): Promise<void> {
    if (limitMs === this.#limitMs) return;
    const sql = timeLimit(this.#variables, limitMs);
    if (sql !== null) await this.#ask(sql, [], this.#server.timeoutMs);
    this.#limitMs = limitMs;
  }

  async #ask(sql: string, values: readonly unknown[], timeoutMs: number, committing = false): Promise<Row[]> {
    try {
      return await query(this.#core, sql, values, timeoutMs);
    } catch (error) {
      throw this.#told(error, committing);
    }
  }

  async #change(sql: string, values: readonly unknown[], timeout: number): Promise<number> {
    try {
      const { found } = await answerOf(this.#core, { sql, values: [...values], timeout });
      return (found as Partial<ResultSetHeader>).affectedRows ?? 0;
    } catch (error) {
      throw this.#told(error, false);
    }
  }

  /** What a caller can tell apart, of what mysql2 threw. A query that mysql2 gave up still runs: it is ended. */
  #told(error: unknown, committing: boolean): Error {
    const { errno, code, message } = error as ServerError;
    if (code === 'PROTOCOL_SEQUENCE_TIMEOUT') this.#giveUp();
    if (isLost(error)) this.destroy();
    if (code === 'PROTOCOL_SEQUENCE_TIMEOUT' || TIMEOUT_ERRORS.has(errno ?? 0))
      return committing ? new ConnectionLost(message, true) : new QueryTimedOut(message);
    return this.#broken ? new ConnectionLost(message, committing) : (error as Error);
  }

  /** Leaves the connection, and ends on the server what it was asked. */
  #giveUp(): void {
    const { threadId } = this.#core;
    this.destroy();
    // Where the server can't be reached it has nothing to end, or its own limit must do.
    asking(this.#server, (connection) => connection.query(`KILL ${threadId}`)).catch(() => {});
  }
}

function tooLong(limitMs: number): string {
  return `the query took more than ${limitMs} ms`;
}

function isLost(error: unknown): boolean {
  const { fatal, errno, code } = error as ServerError;
  return (
    fatal === true || LOST_ERRORS.has(errno ?? 0) || /^(?:PROTOCOL_|ECONN|EPIPE|ERR_STREAM)/.test(code ?? '')
  );
}

interface Answer {
  /** Rows, or what became of a statement that has none. */
  readonly found: unknown;
  readonly fields: readonly FieldPacket[] | undefined;
}

/** Not by mysql2's own promises: each of these takes down the stack, which costs more than the question itself. */
function answerOf(core: Connection, asked: QueryOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    core.query(asked, (error, found, fields) =>
      error === null ? resolve({ found, fields }) : reject(error),
    );
  });
}

async function query(
  core: Connection,
  sql: string,
  values: readonly unknown[],
  timeout: number,
): Promise<Row[]> {
  const asked = { sql, values: [...values], timeout, rowsAsArray: true, typeCast: false };
  const { found: rows, fields } = await answerOf(core, asked);
  if (!Array.isArray(rows) || fields === undefined) return [];
  return (rows as (Buffer | null)[][]).map(decoderOf(fields));
}

/** Names are in utf8mb4, and so is all that has a character set. */
function decoderOf(fields: readonly FieldPacket[]): (row: readonly (Buffer | null)[]) => Row {
  const asBytes = fields.map(
    ({ characterSet, columnType }) => characterSet === NO_CHARACTER_SET && BYTE_TYPES.has(columnType ?? 0),
  );
  return (row) =>
    row.map((value, column): Value => {
      if (value === null) return null;
      // What a row's packet holds is a view of a larger buffer, which would be kept with it.
      return asBytes[column] === true ? Buffer.from(value) : value.toString('utf8');
    });
}
