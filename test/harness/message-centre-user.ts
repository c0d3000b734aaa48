/** One visitor of the message centre after the other, on one connection at a time. */
import { type Connection, createConnection, type ResultSetHeader } from 'mysql2/promise';
import { messageOf } from '../../src/base/errors.ts';
import { withDeadline } from './deadline.ts';
import { type LoadFigures, type LoadShard, NO_LOAD } from './load-figures.ts';
import { createLoad, type Load, type Statement } from './message-centre-load.ts';

const HOST = '127.0.0.1';
const SAMPLES_MAX = 3;
/** A statement without an answer for so long is an error: a client that hangs must not pass for a happy one. */
const ANSWER_TIMEOUT_MS = 20_000;

export interface LoadUserOptions {
  readonly account: { readonly user: string; readonly password: string };
  readonly folders: number;
  readonly shard: LoadShard;
  readonly stream: number;
  /** Keeps its connection between sessions. */
  readonly stays: boolean;
  /** Hears how long each statement took, in milliseconds. */
  readonly answered?: (milliseconds: number) => void;
}

type Counts = { -readonly [field in keyof Omit<LoadFigures, 'errorSamples'>]: number };

export class LoadUser {
  readonly #options: LoadUserOptions;
  readonly #load: Load;
  readonly #errorSamples: string[] = [];
  readonly #counts: Counts;
  #connection: Connection | undefined;

  constructor(options: LoadUserOptions) {
    this.#options = options;
    const { errorSamples: _none, ...counts } = NO_LOAD;
    this.#counts = counts;
    this.#load = createLoad({ seed: 1, folders: options.folders, stream: options.stream });
  }

  get figures(): LoadFigures {
    return { ...this.#counts, errorSamples: this.#errorSamples };
  }

  /** Runs the next session and returns how many statements it had; errors are counted, never thrown. */
  async runSession(): Promise<number> {
    const { length, statements } = this.#load.next();
    try {
      this.#connection ??= await this.#connect();
      for (const statement of statements) await this.#run(this.#connection, statement);
      this.#counts.sessions += 1;
      if (length === 'long' || this.#options.stays) this.#counts.longSessions += 1;
      if (!this.#options.stays) await this.leave();
    } catch (error) {
      this.#countError(error);
      // A session that met an error is over, as a script that dies would be.
      this.#connection?.destroy();
      this.#connection = undefined;
    }
    return statements.length;
  }

  /** Says goodbye to the server, as a client that quits. */
  async leave(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end();
  }

  async #connect(): Promise<Connection> {
    const { shard, account } = this.#options;
    const connection = await createConnection({
      host: HOST,
      port: shard.port,
      database: shard.database,
      ...account,
      rowsAsArray: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      connectTimeout: ANSWER_TIMEOUT_MS,
    });
    // An error between two statements has no statement to fail; a later one then fails by itself.
    connection.on('error', () => {});
    return connection;
  }

  async #run(connection: Connection, statement: Statement): Promise<void> {
    const { sql, params, prepared } = statement;
    const sentAtMs = performance.now();
    const answer = prepared ? connection.execute(sql, [...params]) : connection.query(sql);
    const [result] = await withDeadline(answer, ANSWER_TIMEOUT_MS);
    this.#options.answered?.(performance.now() - sentAtMs);
    this.#counts.statements += 1;
    if (prepared) this.#counts.prepared += 1;
    if (sql === 'START TRANSACTION') this.#counts.transactions += 1;
    if (Array.isArray(result)) this.#counts.rowsRead += result.length;
    else this.#counts.rowsWritten += (result as ResultSetHeader).affectedRows;
  }

  #countError(error: unknown): void {
    this.#counts.errors += 1;
    const text = messageOf(error);
    if (this.#errorSamples.length < SAMPLES_MAX) {
      this.#errorSamples.push(`${this.#options.shard.name}: ${text.slice(0, 200)}`);
    }
  }
}
