/** Keeps a shard's catalog true to the old server: reads its schema at start, after DDL, and now and then. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account } from '../config/load.ts';
import type { ShardCatalog, TableColumn, TableSchema } from './catalog.ts';
import { LoginStream, loginOptions, type ServerAddress } from './login-stream.ts';

export interface SchemaSource extends ServerAddress {
  /** Null: every database but the server's own. */
  readonly database: string | null;
  readonly account: Account;
  readonly timeoutMs: number;
}

interface ColumnRow extends RowDataPacket {
  readonly table: string;
  readonly engine: string | null;
  readonly name: string;
  readonly type: string;
}

interface KeyRow extends RowDataPacket {
  readonly table: string;
  readonly name: string;
}

interface ModeRow extends RowDataPacket {
  readonly sqlMode: string;
}

const REFRESH_MS = 60_000;
/** Between two readings where one change follows another. */
const AGAIN_MS = 50;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** A table's column beyond these is not read: no schema of sense has as many, and memory is bounded. */
const COLUMNS_MAX = 500_000;

const OWN_DATABASES = "('mysql', 'information_schema', 'performance_schema', 'sys')";

export class SchemaReader {
  readonly #source: SchemaSource;
  readonly #catalog: ShardCatalog;
  readonly #log: Log;
  #timer: NodeJS.Timeout | null = null;
  #reading = false;
  #again = false;
  #stopped = false;
  #warnedOf = '';
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
      const { tables, sqlMode } = await readSchema(this.#source);
      this.#catalog.learn(tables);
      this.#catalog.learnSqlMode(sqlMode);
      this.#warnOfMissing();
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
}

interface Schema {
  readonly tables: ReadonlyMap<string, TableSchema>;
  /** What a new session begins with. */
  readonly sqlMode: string;
}

/** One reading; rejects when the server does not answer within the time-out. */
async function readSchema(source: SchemaSource): Promise<Schema> {
  const stream: LoginStream = new LoginStream(source, (error) => stream.destroy(error));
  const connection = await createConnection({
    stream,
    user: source.account.user,
    password: source.account.password,
    connectTimeout: source.timeoutMs,
    ...loginOptions(source.tls, source.account.password),
  });
  // A connection that breaks between two queries reports by event, which unheard would end the process.
  connection.on('error', () => {});
  try {
    const [modes] = await connection.query<ModeRow[]>({
      sql: 'SELECT @@GLOBAL.sql_mode AS sqlMode',
      timeout: source.timeoutMs,
    });
    return { tables: await readTables(connection, source), sqlMode: modes[0]?.sqlMode ?? '' };
  } finally {
    connection.destroy();
  }
}

async function readTables(
  connection: Connection,
  source: SchemaSource,
): Promise<ReadonlyMap<string, TableSchema>> {
  const [scope, values] =
    source.database === null ? [`NOT IN ${OWN_DATABASES}`, []] : ['= ?', [source.database]];
  const timeout = source.timeoutMs;
  const [columns] = await connection.query<ColumnRow[]>({
    sql: `SELECT c.TABLE_NAME AS \`table\`, t.ENGINE AS engine, c.COLUMN_NAME AS name, c.DATA_TYPE AS type
            FROM information_schema.COLUMNS c
            JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
           WHERE c.TABLE_SCHEMA ${scope}
           ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION LIMIT ${COLUMNS_MAX}`,
    values,
    timeout,
  });
  const [keys] = await connection.query<KeyRow[]>({
    sql: `SELECT TABLE_NAME AS \`table\`, COLUMN_NAME AS name
            FROM information_schema.STATISTICS
           WHERE TABLE_SCHEMA ${scope} AND INDEX_NAME = 'PRIMARY'
           ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX LIMIT ${COLUMNS_MAX}`,
    values,
    timeout,
  });
  return collect(columns, keys);
}

function collect(columns: readonly ColumnRow[], keys: readonly KeyRow[]): ReadonlyMap<string, TableSchema> {
  const tables = new Map<
    string,
    { name: string; engine: string | null; columns: TableColumn[]; primaryKey: string[] }
  >();
  for (const { table, engine, name, type } of columns) {
    const known = tables.get(table);
    if (known !== undefined) known.columns.push({ name, type });
    else tables.set(table, { name: table, engine, columns: [{ name, type }], primaryKey: [] });
  }
  for (const { table, name } of keys) tables.get(table)?.primaryKey.push(name);
  return tables;
}
