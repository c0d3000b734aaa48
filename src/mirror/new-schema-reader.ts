/**
 * Keeps what a shard's catalog knows of the new server's tables true: reads them at start, behind changes of
 * definitions, when the shadow is back, and now and then, and tells of what differs. No client and no lane waits for it.
 */
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { Plan } from '../sql/plan.ts';
import type { ShardCatalog } from './catalog.ts';
import type { DatabaseSchema, OldSchema } from './old-schema.ts';
import { ANY_CHANGE } from './row-change.ts';
import { compareSchemas, type SchemaComparison } from './schema-comparison.ts';
import { readNewSchema } from './schema-queries.ts';
import { ANY_TABLE } from './schema-relations.ts';
import { type AskedServer, asking, globalVariables } from './server-questions.ts';

export interface NewSchemaSource {
  readonly server: AskedServer;
  /** Null: every database but the server's own. */
  readonly database: string | null;
  /** The old server's, in which the catalog looks tables up. */
  readonly oldDatabase: string | null;
  /** Reads a statement as the house reads any. */
  readonly planOf: (sql: string) => Plan;
  /** Of changes of definitions; see `DefinitionsUnderWay`. */
  readonly calm: () => number | null;
  readonly catalog: ShardCatalog;
  /** Of a whole table. */
  readonly doubt: (table: string) => void;
  readonly incidents: ShardIncidents;
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
  readonly read?: (source: NewSchemaSource) => Promise<DatabaseSchema>;
}

/** The old server's schema, and what `calm` said when its reading began. */
interface OldReading {
  readonly schema: OldSchema;
  readonly calm: number | null;
}

/** The shards of a process read their old servers in one second: what is not urgent is spread over this. */
const SPREAD_MS = 20_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
/** What was read so long ago may be wrong by now. */
const OUTDATED_MS = 300_000;
/** Of one reading: the rest is counted. */
const TOLD_MAX = 50;

export class NewSchemaReader {
  readonly #source: NewSchemaSource;
  #old: OldReading | null = null;
  /** What `calm` was at the newest comparison; undefined: there was none yet. */
  #comparedAt: number | null | undefined;
  #readAtMs: number;
  #told: ReadonlyMap<string, string> = new Map();
  #reading: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  #timer: NodeJS.Timeout | null = null;
  #retryMs = RETRY_MIN_MS;
  #outdatedTold = false;
  /** Why the latest readings failed, as it was told; null: the latest did not. */
  #failure: string | null = null;

  constructor(source: NewSchemaSource) {
    this.#source = source;
    this.#readAtMs = source.now();
  }

  /** False: writes are in doubt, as nothing is known of the new server's tables. */
  get known(): boolean {
    return this.#comparedAt !== undefined;
  }

  /** The old server's schema was read; `calm`: what that was when the reading began. */
  learned(schema: OldSchema, calm: number | null): void {
    this.#old = { schema, calm };
    if (this.#comparedAt === undefined || this.#comparedAt !== calm) void this.refresh();
    else if (this.#reading === null) this.#plan(this.#source.random() * SPREAD_MS);
  }

  /** Reads now, or again where it is being read. Never rejects. */
  refresh(): Promise<void> {
    if (this.#stopped || this.#old === null) return Promise.resolve();
    this.#again = this.#reading !== null;
    this.#reading ??= this.#run();
    return this.#reading;
  }

  /** Resolves when nothing is being read, or behind so many milliseconds. */
  async settled(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.#reading ?? Promise.resolve(), late]);
    clearTimeout(timer);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #plan(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.refresh(), delayMs).unref();
  }

  async #run(): Promise<void> {
    try {
      await this.#compare();
    } catch (error) {
      this.#failed(messageOf(error));
    }
    this.#reading = null;
    if (this.#again) this.#plan(RETRY_MIN_MS);
    this.#again = false;
  }

  /** Both readings hold together where no definition was on its way from one server to the other meanwhile. */
  async #compare(): Promise<void> {
    const { calm, catalog, now, read = readDefinitions } = this.#source;
    const old = this.#old;
    if (old === null || old.calm === null || old.calm !== calm()) return;
    const fresh = await read(this.#source);
    // Behind the change the old server is read again, and this is called for.
    if (this.#stopped || old.calm !== calm()) return;
    const comparison = compareSchemas(old.schema, fresh, (table) => catalog.moves(table));
    catalog.compare(comparison);
    this.#readAtMs = now();
    this.#outdatedTold = false;
    this.#failure = null;
    this.#tell(comparison);
    this.#comparedAt = old.calm;
    // A table that is not there may be on its way: dropped to be made anew.
    if (comparison.absent.size > 0) this.#plan(this.#retryInMs());
    else this.#retryMs = RETRY_MIN_MS;
  }

  /** What is new of it may have been so since the reading before: what was replayed since is in doubt. */
  #tell({ differences, forms, absent }: SchemaComparison): void {
    const { catalog, oldDatabase, doubt, incidents, log } = this.#source;
    const changed = new Set(
      [...forms].flatMap(([name, form]) => (this.#told.get(name) === form ? [] : [name])),
    );
    const news = differences.filter(({ table }) => changed.has(table));
    const settled = [...this.#told.keys()].filter((table) => !forms.has(table));
    this.#told = forms;
    if (this.known) {
      const there = [...changed].filter((table) => !absent.has(table));
      const reached = there.flatMap((table) =>
        oldDatabase === null ? [ANY_TABLE] : catalog.reached(oldDatabase, table, ANY_CHANGE),
      );
      for (const table of new Set([...there, ...reached])) doubt(table);
    }
    for (const { table, column, old, new: fresh, follows } of news.slice(0, TOLD_MAX)) {
      const at = column === null ? table : `${table}.${column}`;
      const message = `${at}: old has ${old}; new has ${fresh}. In doubt: ${follows}. Give both servers the same definition`;
      log.warn(
        { table, column, old, new: fresh, inDoubt: follows },
        'a table of the new server differs from the old one',
      );
      incidents.report({ reason: 'schema_differs', table, message });
    }
    if (news.length > TOLD_MAX)
      log.warn({ more: news.length - TOLD_MAX }, 'tables of the new server differ in more than is logged');
    if (settled.length > 0)
      log.info(
        { tables: settled.slice(0, TOLD_MAX).join(', ') },
        'tables of the new server are as the old ones again',
      );
  }

  #retryInMs(): number {
    const retryInMs = this.#retryMs;
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    return retryInMs;
  }

  #failed(reason: string): void {
    if (this.#stopped) return;
    const { log, incidents, now } = this.#source;
    const retryInMs = this.#retryInMs();
    // A shadow that is down may stay so for hours: once is enough.
    if (reason !== this.#failure)
      log.warn({ reason, retryInMs }, 'the new server’s tables could not be read with newUser');
    this.#failure = reason;
    this.#plan(retryInMs);
    if (this.#outdatedTold || now() - this.#readAtMs < OUTDATED_MS) return;
    this.#outdatedTold = true;
    incidents.report({
      reason: 'schema_differs',
      message: `the new server’s tables can’t be read: ${reason}`,
    });
  }
}

function readDefinitions({ server, database, planOf }: NewSchemaSource): Promise<DatabaseSchema> {
  return asking(server, async (connection) => {
    const { timeoutMs } = server;
    await connection.query({ sql: "SET SESSION sql_mode = ''", timeout: timeoutMs });
    const variables = await globalVariables(
      connection,
      ['version', 'explicit_defaults_for_timestamp'],
      timeoutMs,
    );
    const facts = {
      isMariadb: /mariadb/i.test(variables.get('version') ?? ''),
      explicitTimestamps: variables.get('explicit_defaults_for_timestamp') === 'ON',
    };
    return await readNewSchema(connection, { database, timeoutMs, server: facts, planOf });
  });
}
