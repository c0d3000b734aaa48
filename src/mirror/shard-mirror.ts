/** One shard's mirror: its catalog, queue, lanes and record of doubts, put together. */
import type { ClusterTls } from '../base/cluster-tls.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/load.ts';
import type { Ratios } from '../config/ratios.ts';
import type { ShardConfig } from '../config/schema.ts';
import type { DoubtReason, Journal } from '../journal/journal.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { ShardMetrics } from '../observe/metrics.ts';
import { Mismatches } from '../observe/mismatches.ts';
import type { ShardStatus } from '../observe/status.ts';
import type { Plan } from '../sql/plan.ts';
import type { SqlReader } from '../sql/plan-cache.ts';
import type { DatabaseMap } from '../sql/rewrite.ts';
import { DEFAULT_SQL_MODE } from '../sql/sql-mode.ts';
import type { Agreement } from '../wire/login.ts';
import { ByteRoom } from './byte-room.ts';
import { ShardCatalog } from './catalog.ts';
import { Definitions, type FailedDefinition } from './definitions.ts';
import { DoubtCauses } from './doubt-causes.ts';
import type { ReadStatement } from './global-settings.ts';
import { GuardedTap } from './guarded-tap.ts';
import { LaneSet } from './lane-set.ts';
import { NewSchemaReader, type NewSchemaSource } from './new-schema-reader.ts';
import { Outlet } from './outlet.ts';
import { secondOf } from './primary-clock.ts';
import { Sampler } from './sampler.ts';
import { Scheduler } from './scheduler.ts';
import { NOT_COMPARED } from './schema-comparison.ts';
import { SchemaReader, type SchemaSource } from './schema-reader.ts';
import { ANY_TABLE } from './schema-relations.ts';
import type { AskedServer } from './server-questions.ts';
import { MirrorTap, type SessionTapOptions } from './session-tap.ts';
import { Settlement } from './settlement.ts';
import { databasePair, laneDatabase, siblingsOf } from './shard-databases.ts';
import { StatementReader } from './statement-reader.ts';
import { Straddles } from './straddles.ts';
import type { TableKey } from './table-key.ts';
import type { SessionTap, TapSource } from './tap.ts';
import { type RecorderOptions, TransactionRecorder } from './transaction-recorder.ts';
import type { Replay, Unit } from './unit.ts';
import { WritesUnderWay } from './writes-under-way.ts';
import { XaBranches } from './xa-branches.ts';

export interface ShardMirrorOptions {
  readonly shard: ShardConfig;
  readonly config: Config;
  readonly ratios: () => Ratios;
  readonly sql: SqlReader;
  readonly journal: Journal;
  readonly metrics: ShardMetrics;
  readonly incidents: ShardIncidents;
  readonly log: Log;
  /** TLS to the clusters; null: none. */
  readonly oldTls: ClusterTls | null;
  readonly newTls: ClusterTls | null;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
}

type Dropped = Extract<FailedDefinition, `dropped_${string}`>;

/** What the sessions of a shard have prepared, together: a thousand sessions of a session's bound would be too much. */
const PREPARED_BYTES_MAX = 256 * 1024 * 1024;

/** A start waits so long for the new server's tables: until they are read, writes are doubts. */
const NEW_SCHEMA_WAIT_MS = 1000;

/** A report names no more. */
const DIFFERENCES_MAX = 100;

const WHOLE_NUMBER = /^-?\d+$/;

export class ShardMirror implements TapSource {
  readonly mismatches = new Mismatches();
  readonly straddles = new Straddles();
  readonly doubtCauses = new DoubtCauses();
  readonly #options: ShardMirrorOptions;
  readonly #scheduler: Scheduler;
  readonly #lanes: LaneSet;
  readonly #writes: WritesUnderWay;
  readonly #branches = new XaBranches();
  readonly #settlement: Settlement;
  readonly #definitions: Definitions;
  readonly #schema: SchemaReader;
  readonly #newSchema: NewSchemaReader;
  readonly #catalog: ShardCatalog;
  /** The old database's name and the new one's; null: names stay. */
  readonly #databases: DatabaseMap | null;
  readonly #recording: RecorderOptions;
  readonly #tapping: SessionTapOptions;
  readonly #tapFailed = (error: unknown): void => {
    this.unseen();
    this.#options.incidents.report({ reason: 'tap_failed', message: () => messageOf(error) });
  };
  #stopping = false;

  constructor(options: ShardMirrorOptions) {
    const { shard, config, metrics, incidents, log, now, random } = options;
    this.#options = options;
    this.#databases = databasePair(shard);
    const oldDatabase = shard.old.database ?? null;
    this.#catalog = new ShardCatalog(config.tables, oldDatabase, siblingsOf(shard, config.shards));
    this.#catalog.compare(NOT_COMPARED);
    this.#scheduler = new Scheduler(config.queue);
    this.#writes = new WritesUnderWay(options.journal);
    this.#newSchema = new NewSchemaReader(this.#newSchemaSource());
    this.#schema = new SchemaReader(this.#schemaSource(), this.#catalog, log, incidents);
    this.#settlement = new Settlement({
      metrics,
      mismatches: this.mismatches,
      incidents,
      wallClock: options.wallClock,
      doubt: (replay, reason) =>
        this.#doubt(replay.tables, replay.keys, replay.keysComplete, reason, replay.plan),
      inDoubt: (replay) => this.#inDoubt(replay),
      over: ({ span }) => {
        if (span !== null) this.#writes.settled(span);
      },
    });
    this.#definitions = new Definitions({
      catalog: this.#catalog,
      writes: this.#writes,
      metrics,
      incidents,
      offer: (unit) => this.#offer(unit),
      doubt: (table, reason) => this.#note(table, null, reason),
      refresh: () => void this.#schema.refresh(),
    });
    this.#lanes = new LaneSet({
      target: {
        ...shard.new,
        tls: options.newTls,
        account: config.newUser,
        connectTimeoutMs: config.lanes.connectTimeoutMs,
      },
      lanes: config.lanes,
      breaker: config.breaker,
      scheduler: this.#scheduler,
      incidents,
      log,
      now,
      random,
      retried: () => metrics.retried(),
      settled: (unit, result) => {
        if (unit.definition === null) this.#settlement.ran(unit, result);
        else this.#definitions.ran(unit, result);
      },
      back: () => void this.#newSchema.refresh(),
      dropped: (units) => {
        for (const unit of units) this.#drop(unit, this.#dropOutcome());
      },
    });
    const reader = new StatementReader({
      sql: options.sql,
      catalog: this.#catalog,
      ddl: config.ddl,
      routinesChange: () => this.#writes.definitions.programs(),
      branches: this.#branches,
      sampler: new Sampler({
        ratios: options.ratios,
        readsByKey: config.sampling.reads === 'key',
        comparePercent: config.compare,
        random,
      }),
      databases: this.#databases,
      statementBytes: config.queue.statementBytes,
    });
    this.#recording = this.#recorderOptions();
    this.#tapping = this.#tapOptions(reader);
  }

  /** Reads the schema; resolves behind the first attempt, whether it succeeded or not. The new server may be slow. */
  async start(): Promise<void> {
    await this.#schema.refresh();
    await this.#newSchema.settled(NEW_SCHEMA_WAIT_MS);
  }

  record(): void {
    this.#writes.record();
  }

  /** Something was done, or went wrong, that may have changed any table unseen. */
  unseen(): void {
    const { journal } = this.#options;
    journal.written(ANY_TABLE, null);
    this.#note(ANY_TABLE, null, 'opaque');
    journal.flush();
  }

  /** Lets go of everything; what was not replayed is dropped, and a doubt. */
  stop(): void {
    this.#stopping = true;
    this.#schema.stop();
    this.#newSchema.stop();
    this.#lanes.close();
    for (const unit of this.#scheduler.clear('all')) this.#drop(unit, 'dropped_shutdown');
  }

  tap(agreement: Agreement): SessionTap {
    const recorder = new TransactionRecorder(this.#recording, agreement.status);
    const tap = new MirrorTap(agreement, recorder, this.#tapping);
    return new GuardedTap(tap, this.#options.log, this.#tapFailed, () => this.unseen());
  }

  get lagSeconds(): number {
    const oldest = this.#scheduler.oldestAnsweredAtMs();
    return oldest === null ? 0 : Math.max(0, (this.#options.now() - oldest) / 1000);
  }

  get schema(): ShardStatus['schema'] {
    const { differences } = this.#catalog.comparison;
    return {
      known: this.#catalog.schemaKnown,
      missing: this.#catalog.missing(),
      newKnown: this.#newSchema.known,
      differences: differences.slice(0, DIFFERENCES_MAX),
      differencesInAll: differences.length,
    };
  }

  get queue(): { statements: number; bytes: number } {
    return { statements: this.#scheduler.statements, bytes: this.#scheduler.bytes };
  }

  get shadow(): LaneSet['status'] & { lanes: number } {
    return { ...this.#lanes.status, lanes: this.#lanes.size };
  }

  #recorderOptions(): RecorderOptions {
    const { config, metrics, incidents } = this.#options;
    const writes = this.#writes;
    const outlet = new Outlet({
      metrics,
      incidents,
      writes,
      secondOf: (fromMs, toMs) => secondOf(this.#schema.clock(), fromMs, toMs),
      offer: (unit) => this.#offer(unit),
      doubt: (tables, keys, complete, reason, plan) => this.#doubt(tables, keys, complete, reason, plan),
    });
    const branches = this.#branches;
    return { writes, unitBytes: config.queue.unitBytes, metrics, outlet, branches };
  }

  #tapOptions(reader: StatementReader): SessionTapOptions {
    const { shard, config, metrics, random } = this.#options;
    return {
      reader,
      metrics,
      statementBytes: config.queue.statementBytes,
      preparedRoom: new ByteRoom(PREPARED_BYTES_MAX),
      mapDatabase: laneDatabase(shard),
      random,
      server: this.#catalog,
      opaque: (when, plan) => {
        this.unseen();
        if (when === 'done' && plan !== null) this.doubtCauses.add('opaque', plan);
      },
      definitions: this.#definitions,
      writes: this.#writes,
      globalsSet: () => {
        this.#catalog.forgetBeginning();
        void this.#schema.refresh();
      },
      redefined: () => this.#schema.redefined(),
      straddled: (plan) => this.straddles.add(plan),
    };
  }

  #offer(unit: Unit): void {
    if (this.#stopping) {
      this.#drop(unit, 'dropped_shutdown');
    } else if (!this.#isAdmitted(unit)) {
      this.#drop(unit, 'dropped_shadow_down');
    } else if (!this.#lanes.offer(unit)) {
      this.#drop(unit, 'dropped_queue_full');
    }
  }

  /** A shadow that is on its way back gets a share of the traffic, and every change of definitions. */
  #isAdmitted({ definition }: Unit): boolean {
    return definition === null ? this.#lanes.admits() : this.#lanes.status.state !== 'down';
  }

  #drop(unit: Unit, outcome: Dropped): void {
    if (unit.definition === null) this.#settlement.all(unit, outcome, 'dropped');
    else this.#definitions.failed(unit, outcome);
  }

  #dropOutcome(): 'dropped_shutdown' | 'dropped_shadow_down' {
    return this.#stopping ? 'dropped_shutdown' : 'dropped_shadow_down';
  }

  #doubt(
    tables: readonly string[],
    keys: readonly TableKey[],
    complete: boolean,
    reason: DoubtReason,
    plan: Plan | null,
  ): void {
    if (plan !== null) this.doubtCauses.add(reason, plan);
    for (const { table, key } of keys) this.#note(table, key, reason);
    if (complete && keys.length > 0) return;
    for (const table of tables) this.#note(table, null, reason);
  }

  /** A key that is no number may be in doubt under another spelling. */
  #inDoubt({ tables, keys, keysComplete }: Replay): boolean {
    const { journal } = this.#options;
    if (!keysComplete || keys.length === 0) return tables.some((table) => journal.inDoubt(table, null));
    return keys.some(({ table, key }) => journal.inDoubt(table, WHOLE_NUMBER.test(key) ? key : null));
  }

  #note(table: string, key: string | null, reason: DoubtReason): void {
    this.#options.journal.note(table, key, reason);
    this.#options.metrics.doubt(reason);
  }

  #schemaSource(): SchemaSource {
    const { shard, config, oldTls, now, wallClock, random } = this.#options;
    const { host, port, database = null } = shard.old;
    return {
      host,
      port,
      database,
      tls: oldTls,
      account: config.oldUser,
      timeoutMs: config.connectTimeoutMs,
      shadow: this.#askedShadow(),
      read: (text, from) => this.#read(text, from),
      calm: () => this.#writes.definitions.calm,
      learned: (schema, calm) => this.#newSchema.learned(schema, calm),
      now,
      wallClock,
      random,
    };
  }

  #newSchemaSource(): NewSchemaSource {
    const { shard, log, incidents, now, random } = this.#options;
    const oldDatabase = shard.old.database ?? null;
    return {
      server: this.#askedShadow(),
      database: shard.new.database ?? oldDatabase,
      oldDatabase,
      planOf: (text) => this.#read(Buffer.from(text), 0).plan,
      calm: () => this.#writes.definitions.calm,
      catalog: this.#catalog,
      doubt: (table) => this.#note(table, null, 'table'),
      incidents,
      log,
      now,
      random,
    };
  }

  #askedShadow(): AskedServer {
    const { shard, config, newTls } = this.#options;
    const { host, port } = shard.new;
    return { host, port, tls: newTls, account: config.newUser, timeoutMs: config.lanes.connectTimeoutMs };
  }

  #read(text: Buffer, from: number): ReturnType<ReadStatement> {
    const { sql } = this.#options;
    const plan = sql.read(text, from, text.length, DEFAULT_SQL_MODE);
    return { plan, lexed: sql.lexed };
  }
}
