/** Keeps a shard's catalog true to the old server: reads its schema at start, after DDL, and now and then. */
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account } from '../config/load.ts';
import type { Plan } from '../sql/plan.ts';
import type { ShardCatalog } from './catalog.ts';
import { LoginStream, loginOptions, type ServerAddress } from './login-stream.ts';
import type { OldSchema } from './old-schema.ts';
import { readOldSchema } from './schema-queries.ts';

export interface SchemaSource extends ServerAddress {
  /** Null: every database but the server's own. */
  readonly database: string | null;
  readonly account: Account;
  readonly timeoutMs: number;
  /** Reads a statement as the house reads any. */
  readonly planOf: (sql: string) => Plan;
}

interface VariableRow extends RowDataPacket {
  readonly Variable_name: string;
  readonly Value: string;
}

const REFRESH_MS = 60_000;
/** Between two readings where one change follows another. */
const AGAIN_MS = 50;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
export class SchemaReader {
  readonly #source: SchemaSource;
  readonly #catalog: ShardCatalog;
  readonly #log: Log;
  #timer: NodeJS.Timeout | null = null;
  #reading = false;
  #again = false;
  #stopped = false;
  #warnedOf = '';
  #warnedOfHidden = '';
  #retryMs = RETRY_MIN_MS;

  constructor(source: SchemaSource, catalog: ShardCatalog, log: Log) {
    this.#source = source;
    this.#catalog = catalog;
    this.#log = log;
  }

  /** Reads now, and goes on refreshing until `stop`. Never rejects; resolves behind the first attempt. */
  async refresh(): Promise<void> {
    if (this.#stopped) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    const waitMs = await this.#attempt();
    this.#reading = false;
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const delayMs = this.#again ? AGAIN_MS : waitMs;
    this.#again = false;
    this.#timer = setTimeout(() => void this.refresh(), delayMs).unref();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #attempt(): Promise<number> {
    try {
      this.#catalog.beginReading();
      const { schema, sqlMode } = await readSchema(this.#source);
      this.#catalog.learn(schema);
      this.#catalog.learnSqlMode(sqlMode);
      this.#warnOfMissing();
      this.#warnOfHidden(schema);
      this.#retryMs = RETRY_MIN_MS;
      return REFRESH_MS;
    } catch (error) {
      const retryInMs = this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      this.#log.warn(
        { reason: messageOf(error), retryInMs },
        'the old server’s schema could not be read with oldUser',
      );
      return retryInMs;
    }
  }

  /** Once for each set of names: a table that is misspelt here would move without its writes. */
  #warnOfMissing(): void {
    const missing = this.#catalog.missing().join(', ');
    if (missing !== '' && missing !== this.#warnedOf) {
      this.#log.warn(
        { tables: missing },
        'the configuration names tables that oldUser does not see in the old database: misspelt, or no rights on them?',
      );
    }
    this.#warnedOf = missing;
  }

  /** Once for each set of rights that are missing: what they hide leaves doubts on every write. */
  #warnOfHidden({ tables, triggersSeen, views }: OldSchema): void {
    const missing: string[] = [];
    if (triggersSeen !== 'all' && [...tables.keys()].some((name) => !triggersSeen.has(name)))
      missing.push('TRIGGER');
    if (views.some(({ definition }) => definition === null)) missing.push('SHOW VIEW');
    const rights = missing.join(', ');
    if (rights !== '' && rights !== this.#warnedOfHidden) {
      this.#log.warn(
        { rights },
        'oldUser lacks rights to see triggers or views of the old database: writes that they may touch are doubts on any table',
      );
    }
    this.#warnedOfHidden = rights;
  }
}

interface Reading {
  readonly schema: OldSchema;
  /** What a new session begins with. */
  readonly sqlMode: string;
}

/** One reading; rejects when the server does not answer within the time-out. */
async function readSchema(source: SchemaSource): Promise<Reading> {
  const stream: LoginStream = new LoginStream(source, (error) => stream.destroy(error));
  const timeout = source.timeoutMs;
  try {
    const connection = await createConnection({
      stream,
      user: source.account.user,
      password: source.account.password,
      connectTimeout: source.timeoutMs,
      ...loginOptions(source.tls, source.account.password),
    });
    // A connection that breaks between two queries reports by event, which unheard would end the process.
    connection.on('error', () => {});
    // Views are shown with the quotes of the session that asks.
    await connection.query({ sql: "SET SESSION sql_mode = ''", timeout });
    const [rows] = await connection.query<VariableRow[]>({
      sql: "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('sql_mode', 'version', 'explicit_defaults_for_timestamp')",
      timeout,
    });
    const variables = new Map(rows.map((row) => [row.Variable_name, row.Value]));
    const schema = await readOldSchema(connection, {
      database: source.database,
      timeoutMs: timeout,
      server: {
        isMariadb: /mariadb/i.test(variables.get('version') ?? ''),
        explicitTimestamps: variables.get('explicit_defaults_for_timestamp') === 'ON',
      },
      planOf: source.planOf,
    });
    return { schema, sqlMode: variables.get('sql_mode') ?? '' };
  } finally {
    // mysql2 would only end what it writes to, and the server would keep the connection for hours.
    stream.destroy();
  }
}
