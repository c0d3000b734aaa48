/** Plays one test file on the server, statement by statement. Errors are taken as they come. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { charsetOfName } from '../../src/sql/charset.ts';
import { DEFAULT_SQL_MODE, type SqlMode } from '../../src/sql/sql-mode.ts';
import type { SuiteServer } from './suite-server.ts';
import { readScript, type Step } from './test-script.ts';
import { Variables } from './variables.ts';

/** A statement that waits for another session is given up after this long. */
const ANSWER_MS_MAX = 3500;
const FILE_MS_MAX = 15_000;
const SOURCES_DEEP_MAX = 6;
const SESSIONS_MAX = 40;
/** What would end the server, or another session. */
const UNPLAYED = /^\W*(shutdown|restart|kill)\b|_log_file\b/i;
/** What may change how the next statements are to be read. */
const CHANGES_MODE = /sql_mode|names|char|collation|execute|call/i;
/** Modes that change the grammar itself, which docs/sql.md says are not followed. */
const GRAMMAR_MODES = /ORACLE|MSSQL|DB2|MAXDB|POSTGRESQL/;

/** One command that was sent, and what came back. */
export interface Sent {
  readonly session: PlayedSession;
  readonly text: Buffer;
  readonly mode: SqlMode;
  /** In a sql_mode with a grammar of its own. */
  readonly foreignGrammar: boolean;
  outcome: 'waiting' | 'answered' | 'refused' | 'lost';
  /** Columns of each result; null for an OK without rows. */
  results: readonly (readonly string[] | null)[];
  firstRow: readonly string[] | null;
}

export interface Unplayed {
  readonly text: string;
  readonly why: 'variables' | 'dangerous' | 'late';
}

/** `sent`: in the order of sending, of all sessions. */
export interface Played {
  readonly sent: readonly Sent[];
  readonly unplayed: readonly Unplayed[];
  /** The file has taken the accounts of its server away, say: nobody can play on it any more. */
  readonly brokeOff: boolean;
}

export interface PlayedSession {
  readonly connection: Connection;
  readonly threadId: number;
  mode: SqlMode;
  foreignGrammar: boolean;
  /** The reply that a `send` has not waited for. */
  pending: Promise<void> | null;
  alive: boolean;
}

class NoSession extends Error {}

export class Player {
  readonly #server: SuiteServer;
  readonly #suite: string;
  readonly #sessions = new Map<string, PlayedSession>();
  readonly #variables: Variables;
  readonly #sent: Sent[] = [];
  readonly #unplayed: Unplayed[] = [];
  #current = 'default';
  #deadline = 0;

  constructor(server: SuiteServer, suite: string) {
    this.#server = server;
    this.#suite = suite;
    this.#variables = new Variables(server.folder);
  }

  /** Plays `main/<file>`. The sessions stay open, so that the server can be asked about them. */
  async play(file: string): Promise<Played> {
    this.#deadline = Date.now() + FILE_MS_MAX;
    const brokeOff = await this.#playFile(join(this.#suite, 'main', file), 0).then(
      () => false,
      (error: unknown) => {
        if (!(error instanceof NoSession)) throw error;
        return true;
      },
    );
    for (const session of this.#sessions.values()) await session.pending;
    return { sent: this.#sent, unplayed: this.#unplayed, brokeOff };
  }

  end(): void {
    for (const { connection } of this.#sessions.values()) connection.destroy();
  }

  async #playFile(path: string, depth: number): Promise<void> {
    for (const step of readScript(readFileSync(path, 'latin1'))) await this.#step(step, depth);
  }

  async #step(step: Step, depth: number): Promise<void> {
    switch (step.what) {
      case 'query':
        return this.#query(step.text, step.expands, step.waits);
      case 'reap':
        return (await this.#session())?.pending ?? undefined;
      case 'let':
        return this.#variables.set(step.name, step.value, (text) => this.#value(text));
      case 'source':
        return this.#source(step.path, depth);
      case 'connect':
        return this.#connect(step.args);
      case 'connection':
        this.#current = this.#variables.expand(step.name) ?? this.#current;
        return;
      case 'disconnect':
        this.#disconnect(this.#variables.expand(step.name) ?? '');
    }
  }

  async #source(written: string, depth: number): Promise<void> {
    const path = this.#variables.expand(written);
    if (path === null || depth === SOURCES_DEEP_MAX) return;
    const full = path.startsWith('/') ? path : join(this.#suite, path);
    const beside = join(this.#suite, 'main', path);
    const found = [full, beside].find((each) => each.startsWith(this.#suite) && existsSync(each));
    if (found !== undefined) await this.#playFile(found, depth + 1);
  }

  async #query(written: string, expands: boolean, waits: boolean): Promise<void> {
    const text = expands ? this.#variables.expand(written) : written;
    if (text === null) this.#unplayed.push({ text: written, why: 'variables' });
    else if (UNPLAYED.test(text)) this.#unplayed.push({ text, why: 'dangerous' });
    else if (Date.now() > this.#deadline) this.#unplayed.push({ text, why: 'late' });
    else await this.#send(text, waits);
  }

  async #send(text: string, waits: boolean): Promise<Sent | null> {
    const session = await this.#session();
    if (session === null) return null;
    await session.pending;
    const { mode, foreignGrammar } = session;
    const bytes = Buffer.from(text, 'latin1');
    const sent: Sent = {
      session,
      text: bytes,
      mode,
      foreignGrammar,
      outcome: 'waiting',
      results: [],
      firstRow: null,
    };
    this.#sent.push(sent);
    session.pending = this.#answer(sent, text).finally(() => {
      session.pending = null;
    });
    if (waits) await session.pending;
    return sent;
  }

  /** Each command is followed by a ping, which parts them in what the server remembers. */
  async #answer(sent: Sent, text: string): Promise<void> {
    const { session } = sent;
    const answered = session.connection
      .query({ sql: text, rowsAsArray: true, typeCast: false })
      .then(([rows, fields]) => {
        sent.outcome = 'answered';
        sent.results = columnsOf(fields);
        sent.firstRow = firstRowOf(rows);
      })
      .catch(() => {
        sent.outcome = 'refused';
      })
      .then(() => (CHANGES_MODE.test(text) ? readMode(session) : undefined))
      .then(() => session.connection.ping())
      .catch(() => {
        session.alive = false;
      });
    const inTime = await settlesWithin(answered, ANSWER_MS_MAX);
    if (inTime && session.alive) return;
    sent.outcome = 'lost';
    session.alive = false;
    session.connection.destroy();
    await this.#server.ask(`KILL ${session.connection.threadId}`).catch(() => []);
  }

  /** What mysqltest makes of a query in backticks: the first row, its columns parted by tabs. */
  async #value(text: string): Promise<string | null> {
    if (UNPLAYED.test(text)) return null;
    const sent = await this.#send(text, true);
    return sent?.firstRow?.join('\t') ?? null;
  }

  async #session(): Promise<PlayedSession | null> {
    const found = this.#sessions.get(this.#current);
    if (found?.alive === true) return found;
    return this.#open(this.#current, {});
  }

  async #connect(args: readonly string[]): Promise<void> {
    const [name = 'default', , user = 'root', password = '', database = 'test'] = args.map(
      (arg) => this.#variables.expand(arg) ?? '',
    );
    this.#current = name;
    const options = { user: user === '' ? 'root' : user, password, database: named(database) };
    await this.#open(name, options);
  }

  async #open(
    name: string,
    options: { user?: string; password?: string; database?: string },
  ): Promise<PlayedSession | null> {
    this.#sessions.get(name)?.connection.destroy();
    this.#sessions.delete(name);
    if (this.#sessions.size >= SESSIONS_MAX) return null;
    const connection = await this.#server
      .connect({ database: 'test', ...options })
      .catch(() => this.#server.connect({ database: 'test' }))
      .catch(() => this.#server.connect({}))
      .catch(() => {
        throw new NoSession();
      });
    connection.on('error', () => {});
    const [thread] = await this.#server.ask<{ id: number }>(
      `SELECT THREAD_ID AS id FROM performance_schema.threads WHERE PROCESSLIST_ID = ${connection.threadId}`,
    );
    const session: PlayedSession = {
      connection,
      threadId: thread?.id ?? -1,
      mode: DEFAULT_SQL_MODE,
      foreignGrammar: false,
      pending: null,
      alive: true,
    };
    await readMode(session);
    this.#sessions.set(name, session);
    return session;
  }

  #disconnect(name: string): void {
    this.#sessions.get(name)?.connection.destroy();
    this.#sessions.delete(name);
    if (this.#current === name) this.#current = 'default';
  }
}

/** Asked on the session itself, and left out of what the server remembers of it. */
export const MODE_QUERY = 'SELECT @@sql_mode, @@character_set_client';

async function readMode(session: PlayedSession): Promise<void> {
  const [rows] = await session.connection.query({ sql: MODE_QUERY, rowsAsArray: true });
  const [sqlMode = '', charset = ''] = firstRowOf(rows) ?? [];
  session.foreignGrammar = GRAMMAR_MODES.test(sqlMode);
  session.mode = {
    noBackslashEscapes: sqlMode.includes('NO_BACKSLASH_ESCAPES'),
    ansiQuotes: sqlMode.includes('ANSI_QUOTES'),
    charset: charsetOfName(charset),
  };
}

/** mysql2 gives one list of columns for one result, and a list of lists for several. */
function columnsOf(fields: unknown): (readonly string[] | null)[] {
  if (!Array.isArray(fields)) return [null];
  const isSeveral = fields.some((each) => each === undefined || Array.isArray(each));
  return (isSeveral ? fields : [fields]).map((each) =>
    Array.isArray(each) ? each.map((field: { readonly name: string }) => field.name) : null,
  );
}

/** The first row of a single result, as text. */
function firstRowOf(rows: unknown): string[] | null {
  const first: unknown = Array.isArray(rows) ? rows[0] : null;
  return Array.isArray(first) ? first.map(String) : null;
}

/** False where the promise has not settled in time; it may yet, and then nobody listens. */
function settlesWithin(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** `*NO-ONE*` and the like stand for no database. */
function named(database: string): string {
  return /^\w+$/.test(database) ? database : '';
}
