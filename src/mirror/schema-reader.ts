/**
 * Keeps a shard's catalog true to the old server: reads its schema, its settings and its clock at start, after
 * DDL, and now and then.
 */
import type { Connection } from 'mysql2/promise';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { Plan } from '../sql/plan.ts';
import type { ShardCatalog } from './catalog.ts';
import { ClockKeeper } from './clock-keeper.ts';
import { CollationIds } from './collation-ids.ts';
import {
  BEGINNING_VARIABLES,
  beginningOf,
  isUnsaid,
  type ReadStatement,
  type ServerZone,
  zoneMoments,
} from './global-settings.ts';
import { eventsOfConcern } from './old-events.ts';
import type { OldSchema } from './old-schema.ts';
import { OutsideReader } from './outside-reader.ts';
import { type ClockReading, PrimaryClock } from './primary-clock.ts';
import { readOldSchema } from './schema-queries.ts';
import {
  type AskedServer,
  asking,
  clockSamples,
  globalVariables,
  namesSeen,
  zoneOf,
} from './server-questions.ts';

export interface SchemaSource extends AskedServer {
  /** Null: every database but the server's own. */
  readonly database: string | null;
  /** The new server, of which nothing but its time zone is asked. */
  readonly shadow: AskedServer;
  readonly read: ReadStatement;
  /** Of changes of definitions; see `DefinitionsUnderWay`. */
  readonly calm: () => number | null;
  /** The schema was read; `calm`: what that was when the reading began. */
  readonly learned: (schema: OldSchema, calm: number | null) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
}

const REFRESH_MS = 60_000;
/** Between two readings where one change follows another. */
const AGAIN_MS = 50;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
const CLOCK_SAMPLES = 5;
/** A schema that was read so long ago may be wrong by now; a restart of the old server takes less. */
const OUTDATED_MS = 300_000;

/** Whether the server runs events at all. */
const SCHEDULER = 'event_scheduler';
/** Whether the server looks at the case of table names: 0, or not at all. */
const NAME_CASE = 'lower_case_table_names';

export class SchemaReader {
  readonly #source: SchemaSource;
  readonly #catalog: ShardCatalog;
  readonly #log: Log;
  readonly #clock = new PrimaryClock();
  readonly #keeper: ClockKeeper;
  readonly #outside: OutsideReader;
  readonly #collations = new CollationIds();
  #timer: NodeJS.Timeout | null = null;
  #reading = false;
  #again = false;
  #stopped = false;
  /** What was warned of last, by kind: the same is told once. */
  readonly #warned = new Map<string, string>();
  #retryMs = RETRY_MIN_MS;
  /** Null: never. */
  #readAtMs: number | null = null;
  readonly #incidents: ShardIncidents;

  constructor(source: SchemaSource, catalog: ShardCatalog, log: Log, incidents: ShardIncidents) {
    this.#source = source;
    this.#catalog = catalog;
    this.#log = log;
    this.#outside = new OutsideReader({ now: source.now, random: source.random });
    this.#incidents = incidents;
    this.#keeper = new ClockKeeper(source, this.#clock, () => this.#warnOfClock());
  }

  /** The primary's clock against our monotonic one, now. Null: not read yet. */
  clock(): ClockReading | null {
    return this.#clock.at(this.#source.now());
  }

  /** A statement changed definitions, in whichever database: the next reading looks for ties of others anew. */
  redefined(): void {
    this.#outside.changed();
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
    this.#keeper.postpone();
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const delayMs = this.#again ? AGAIN_MS : waitMs;
    this.#again = false;
    this.#timer = setTimeout(() => void this.refresh(), delayMs).unref();
  }

  stop(): void {
    this.#stopped = true;
    this.#keeper.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #attempt(): Promise<number> {
    try {
      this.#catalog.beginReading();
      const zoneKnown = await asking(this.#source, (connection) => this.#read(connection));
      this.#readAtMs = this.#source.now();
      // A table that is not there may be on its way: dropped to be made anew.
      if (!zoneKnown || this.#catalog.missing().length > 0) return this.#retryInMs();
      this.#retryMs = RETRY_MIN_MS;
      return REFRESH_MS;
    } catch (error) {
      const retryInMs = this.#retryInMs();
      this.#log.warn(
        { reason: messageOf(error), retryInMs },
        'the old server’s schema could not be read with oldUser',
      );
      this.#tellOfOutdated(messageOf(error));
      return retryInMs;
    }
  }

  /** Nobody may look at the log, and writes are doubts on whole tables meanwhile, or are taken for what they were. */
  #tellOfOutdated(reason: string): void {
    const isOutdated = this.#readAtMs === null || this.#source.now() - this.#readAtMs > OUTDATED_MS;
    if (isOutdated && !this.#stopped) this.#incidents.report({ reason: 'schema_unread', message: reason });
  }

  #retryInMs(): number {
    const retryInMs = this.#retryMs;
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    return retryInMs;
  }

  /** False: the old server's time zone could not be put in words that the new one understands. */
  async #read(connection: Connection): Promise<boolean> {
    const { database, timeoutMs, read, now, wallClock, learned } = this.#source;
    const calm = this.#source.calm();
    // Views are shown with the quotes of the session that asks.
    await connection.query({ sql: "SET SESSION sql_mode = ''", timeout: timeoutMs });
    const asked = [...BEGINNING_VARIABLES, NAME_CASE, SCHEDULER];
    const variables = await globalVariables(connection, asked, timeoutMs);
    const planOf = (text: string): Plan => read(Buffer.from(text), 0).plan;
    const version = variables.get('version') ?? '';
    const server = {
      isMariadb: /mariadb/i.test(version),
      explicitTimestamps: variables.get('explicit_defaults_for_timestamp') === 'ON',
    };
    const schema = await readOldSchema(connection, {
      database,
      timeoutMs,
      server,
      planOf,
      outside: this.#outside,
    });
    this.#catalog.learn(schema);
    learned(schema, calm);
    this.#catalog.learnNames(variables.get(NAME_CASE) !== '0');
    const moments = zoneMoments(wallClock() / 1000);
    const zone = await zoneOf(connection, moments, timeoutMs);
    const shadow = isUnsaid(zone) ? await this.#shadowZone(moments) : null;
    const collations = await this.#collations.of(connection, version, now(), timeoutMs);
    const names = await namesSeen(connection, database, collations, timeoutMs);
    const beginning = beginningOf(variables, { zone, shadow, names }, read);
    this.#catalog.learnBeginning(beginning, variables.get('sql_mode') ?? '');
    const steady = this.#clock.learn(await clockSamples(connection, CLOCK_SAMPLES, now, timeoutMs));
    if (!steady) this.#warnOfClock();
    this.#warnOfMissing();
    this.#warnOfNames(variables.get(NAME_CASE) ?? '');
    this.#warnOfHidden(schema);
    this.#warnOfOutside(schema);
    const isMoved = (name: string): boolean => this.#catalog.moves(name);
    const runs = variables.get(SCHEDULER) === 'ON';
    this.#warnOfEvents(runs ? await eventsOfConcern(connection, { database, timeoutMs, isMoved }) : []);
    this.#warnOfBeginning(variables.get('init_connect') ?? '', beginning.unknown);
    return !beginning.unknown.includes('time_zone');
  }

  async #shadowZone(moments: readonly number[]): Promise<ServerZone | null> {
    const { shadow } = this.#source;
    try {
      return await asking(shadow, (connection) => zoneOf(connection, moments, shadow.timeoutMs));
    } catch {
      // A shadow that is down is the lanes' affair.
      return null;
    }
  }

  #warnOfClock(): void {
    this.#log.warn('the old server’s clock was set: what it filled in meanwhile may differ');
  }

  /** A table that is misspelt here would move without its writes. */
  #warnOfMissing(): void {
    this.#warn(
      'missing',
      { tables: this.#catalog.missing().join(', ') },
      'the configuration names tables that oldUser does not see in the old database: misspelt, or no rights on them?',
    );
  }

  #warnOfNames(setting: string): void {
    this.#warn(
      'names',
      { lower_case_table_names: setting === '0' ? '' : setting },
      'the old server does not look at the case of table names: a write that names a table in another case than the configuration is not mirrored, and a doubt on any table',
    );
  }

  #warnOfHidden({ tables, triggersSeen, views }: OldSchema): void {
    const missing: string[] = [];
    if (triggersSeen !== 'all' && [...tables.keys()].some((name) => !triggersSeen.has(name)))
      missing.push('TRIGGER');
    if (views.some(({ definition }) => definition === null)) missing.push('SHOW VIEW');
    this.#warn(
      'hidden',
      { rights: missing.join(', ') },
      'oldUser lacks rights to see triggers or views of the old database: writes that they may touch are doubts on any table',
    );
  }

  #warnOfOutside({ outside }: OldSchema): void {
    this.#warn(
      'outside',
      { database: outside === null ? String(this.#source.database) : '' },
      'other databases of the old server have more triggers, views and foreign keys that may reach this one than are read: what a client writes to any of them is a doubt on any table',
    );
  }

  /** What it writes comes past the proxy, and nobody notes it. */
  #warnOfEvents(events: readonly string[]): void {
    this.#warn(
      'events',
      { events: events.join(', ') },
      'events of the old server’s scheduler may write tables that move, past the proxy: what they write is not mirrored and no doubt. Disable them, or send their statements through the proxy',
    );
  }

  #warnOfBeginning(initConnect: string, unknown: readonly string[]): void {
    this.#warn(
      'init_connect',
      { initConnect },
      'the old server has an init_connect, which accounts with SUPER or CONNECTION ADMIN do not run: replays take it as run',
    );
    this.#warn(
      'unknown',
      { variables: unknown.join(', ') },
      'sessions of the old server begin with settings that can’t be told to the new one: until a session sets them itself it is not replayed',
    );
  }

  /** Once for each value; an empty one says that there is nothing to warn of. */
  #warn(kind: string, fields: Readonly<Record<string, string>>, message: string): void {
    const told = Object.values(fields).join();
    if (told !== '' && told !== this.#warned.get(kind)) this.#log.warn(fields, message);
    this.#warned.set(kind, told);
  }
}
