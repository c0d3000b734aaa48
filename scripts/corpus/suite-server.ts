/** The server that the suite's statements run on: one that tells afterwards what each statement was to it. */
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { type Mariadb, startMariadb } from '../../test/harness/mariadb.ts';

/** Statements of one file, and table locks of theirs, that the server remembers. */
const STATEMENTS_KEPT = 60_000;
const LOCKS_KEPT = 300_000;
const STATEMENT_SECONDS_MAX = 2;
const SYSTEM_DATABASES = new Set(['mysql', 'information_schema', 'performance_schema', 'sys']);
/** What a test leaves in these would change the tests after it. */
const WATCHED =
  'mysql.db, mysql.func, mysql.plugin, mysql.proc, mysql.event, mysql.servers, mysql.tables_priv, ' +
  'mysql.procs_priv, mysql.columns_priv, mysql.roles_mapping, mysql.proxies_priv';

const OPTIONS: readonly string[] = [
  '--performance-schema=ON',
  `--performance-schema-events-statements-history-long-size=${STATEMENTS_KEPT}`,
  `--performance-schema-events-waits-history-long-size=${LOCKS_KEPT}`,
  '--performance-schema-max-sql-text-length=64',
  '--performance-schema-max-digest-length=0',
  '--performance-schema-instrument=wait/%=OFF',
  '--performance-schema-instrument=wait/lock/table/sql/handler=ON',
  '--performance-schema-instrument=statement/%=ON',
  '--performance-schema-consumer-events-statements-current=ON',
  '--performance-schema-consumer-events-statements-history-long=ON',
  '--performance-schema-consumer-events-waits-current=ON',
  '--performance-schema-consumer-events-waits-history-long=ON',
  '--performance-schema-consumer-statements-digest=OFF',
  // As the suite's own runner sets them.
  '--character-set-server=latin1',
  '--default-storage-engine=MyISAM',
  // A statement that waits is of no use here.
  `--max-statement-time=${STATEMENT_SECONDS_MAX}`,
  '--lock-wait-timeout=1',
  '--innodb-lock-wait-timeout=1',
  '--innodb-flush-log-at-trx-commit=0',
  '--net-read-timeout=10',
  // Files are read and written below the temporary folder alone.
  '--local-infile=0',
  '--skip-symbolic-links',
];

interface Baseline {
  readonly variables: ReadonlyMap<string, string>;
  readonly watched: string;
}

export class SuiteServer {
  readonly #suite: string;
  #server: Mariadb | null = null;
  #admin: Connection | null = null;
  #baseline: Baseline | null = null;
  /** Servers that had to be started, the first included. */
  starts = 0;

  /** `suite`: the folder of the test suite, whose data files statements may load. */
  constructor(suite: string) {
    this.#suite = suite;
  }

  /** Where the server's files are; tests call it their own folder. */
  get folder(): string {
    return dirname(dirname(this.#running().dataDir));
  }

  /** An empty `test` database, and all else as after a start. */
  async reset(): Promise<void> {
    if (this.#server !== null && (await this.#clean().catch(() => false))) return;
    await this.#startAnew();
  }

  /** A connection as the suite's tests have them: by the socket, so that accounts at localhost fit. */
  connect(options: ConnectionOptions): Promise<Connection> {
    return this.#running().connect({
      socketPath: join(dirname(this.#running().dataDir), 'socket'),
      charset: 'latin1_swedish_ci',
      multipleStatements: true,
      ...options,
    });
  }

  async ask<Row>(sql: string): Promise<Row[]> {
    if (this.#admin === null) throw new Error('the server is not running');
    const [rows] = await this.#admin.query<RowDataPacket[]>(sql);
    return rows as Row[];
  }

  async destroy(): Promise<void> {
    this.#admin?.destroy();
    await this.#server?.destroy();
    this.#server = this.#admin = null;
  }

  #running(): Mariadb {
    if (this.#server === null) throw new Error('the server is not running');
    return this.#server;
  }

  async #startAnew(): Promise<void> {
    await this.destroy();
    // The temporary folder of this process: the server's own folder stands in it, and its data below that.
    this.#server = await startMariadb({ name: 'corpus', extra: OPTIONS });
    this.starts++;
    cpSync(join(this.#suite, 'std_data'), join(this.folder, 'std_data'), { recursive: true });
    this.#admin = await this.connect({ multipleStatements: false });
    await this.ask('SET SESSION max_statement_time = 0');
    await this.ask('CREATE DATABASE test');
    this.#baseline = { variables: await this.#variables(), watched: await this.#watched() };
  }

  /** False where something of the last file stays behind. */
  async #clean(): Promise<boolean> {
    const baseline = this.#baseline!;
    for (const [name, value] of await this.#variables()) {
      const before = baseline.variables.get(name);
      if (before !== undefined && before !== value) await this.ask(`SET GLOBAL ${name} = ${literal(before)}`);
    }
    const databases = await this.ask<{ Database: string }>('SHOW DATABASES');
    for (const { Database: name } of databases) {
      if (!SYSTEM_DATABASES.has(name)) await this.ask(`DROP DATABASE ${quoted(name)}`);
    }
    await this.ask('CREATE DATABASE test');
    await this.#dropUsers();
    await this.ask('TRUNCATE performance_schema.events_statements_history_long');
    await this.ask('TRUNCATE performance_schema.events_waits_history_long');
    return (await this.#watched()) === baseline.watched;
  }

  async #dropUsers(): Promise<void> {
    const users = await this.ask<{ User: string; Host: string; role: string }>(
      "SELECT User, Host, JSON_VALUE(Priv, '$.is_role') AS role FROM mysql.global_priv",
    );
    for (const { User, Host, role } of users) {
      if (['root', 'mariadb.sys', 'PUBLIC'].includes(User) && Host !== '%') continue;
      await this.ask(
        role === '1' ? `DROP ROLE ${quoted(User)}` : `DROP USER ${literal(User)}@${literal(Host)}`,
      );
    }
  }

  async #variables(): Promise<Map<string, string>> {
    const rows = await this.ask<{ name: string; value: string }>(
      'SELECT VARIABLE_NAME AS name, GLOBAL_VALUE AS value FROM information_schema.SYSTEM_VARIABLES ' +
        "WHERE READ_ONLY = 'NO' AND VARIABLE_SCOPE <> 'SESSION ONLY' AND GLOBAL_VALUE IS NOT NULL " +
        "AND VARIABLE_NAME NOT LIKE 'gtid%' AND VARIABLE_NAME NOT LIKE '%replicate%'",
    );
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  async #watched(): Promise<string> {
    const sums = await this.ask<Record<string, unknown>>(`CHECKSUM TABLE ${WATCHED}`);
    const tables = await this.ask<{ n: number }>(
      "SELECT COUNT(*) AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'mysql'",
    );
    return JSON.stringify([sums, tables]);
  }
}

function literal(text: string): string {
  return /^-?\d+(\.\d+)?$/.test(text) ? text : `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
