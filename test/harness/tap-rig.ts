/** A session's tap with what is around it, for tests that make its commands and replies by hand. */
import { ByteRoom } from '../../src/mirror/byte-room.ts';
import { ShardCatalog } from '../../src/mirror/catalog.ts';
import { Definitions } from '../../src/mirror/definitions.ts';
import { schemaOfTables, type TableSchema } from '../../src/mirror/old-schema.ts';
import { Sampler } from '../../src/mirror/sampler.ts';
import { PLAIN_BEGINNING } from '../../src/mirror/session-beginning.ts';
import { MirrorTap } from '../../src/mirror/session-tap.ts';
import type { Statement } from '../../src/mirror/statement.ts';
import { StatementReader } from '../../src/mirror/statement-reader.ts';
import { TransactionRecorder } from '../../src/mirror/transaction-recorder.ts';
import type { Unit } from '../../src/mirror/unit.ts';
import { WritesUnderWay } from '../../src/mirror/writes-under-way.ts';
import { XaBranches } from '../../src/mirror/xa-branches.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { Exchange } from '../../src/wire/exchange.ts';
import { COM } from '../../src/wire/protocol.ts';
import { FakeJournal } from './fake-journal.ts';
import { KeptIncidents } from './kept-incidents.ts';
import { outcomesOf, recording, STATUS_AUTOCOMMIT, shardMetrics, TABLES } from './mirror-kit.ts';

export interface TapRigOptions {
  readonly writes?: number;
  readonly reads?: number;
  readonly compare?: number;
  readonly base?: number;
  readonly collation?: number;
  readonly database?: string | null;
  readonly statementBytes?: number;
  readonly isMariadb?: boolean;
  readonly ddl?: 'incident' | 'mirror';
}

const column = (name: string, type: string) => ({ name, type });
const SCHEMA: readonly TableSchema[] = [
  {
    name: 'messages',
    engine: 'InnoDB',
    columns: [column('folderid', 'bigint'), column('t', 'varchar')],
    primaryKey: ['folderid'],
  },
  { name: 'notes', engine: 'MyISAM', columns: [column('folderid', 'bigint')], primaryKey: ['folderid'] },
];

export class TapRig {
  readonly metrics = shardMetrics();
  readonly incidents = new KeptIncidents();
  readonly units: Unit[] = [];
  /** What was told before a statement was sent. */
  readonly announced: string[] = [];
  readonly journal = new FakeJournal();
  readonly writes = new WritesUnderWay(this.journal);
  readonly doubts: string[] = [];
  readonly events: string[] = [];
  redefined = 0;
  /** Between which moments, in milliseconds, the primary's second was asked for. */
  readonly askedSpans: (readonly [number, number])[] = [];
  readonly tap: MirrorTap;
  /** Another session's. */
  readonly newTap: () => MirrorTap;
  readonly definitions: Definitions;
  readonly catalog = new ShardCatalog(TABLES, 'old', new Set(['sibling']));

  constructor(options: TapRigOptions = {}) {
    const { catalog } = this;
    catalog.learn(schemaOfTables(SCHEMA));
    const { reads = 100, writes = 100, compare = 0, statementBytes = 10_000 } = options;
    const sampler = new Sampler({
      ratios: () => ({ reads, writes, deletes: 100 }),
      readsByKey: false,
      comparePercent: compare,
      random: () => 0.5,
    });
    const reader = new StatementReader({
      sql: new SqlReader({ maxPlans: 100, seed: 1 }),
      catalog,
      ddl: options.ddl ?? 'incident',
      routinesChange: () => this.writes.definitions.programs(),
      branches: new XaBranches(),
      sampler,
      databases: { from: 'old', to: 'new' },
      statementBytes,
    });
    const recorded = recording({
      writes: this.writes,
      unitBytes: 1_000_000,
      metrics: this.metrics,
      incidents: this.incidents,
      offer: (unit) => this.units.push(unit),
      secondOf: (...span) => {
        this.askedSpans.push(span);
        return null;
      },
      doubt: (tables, keys, complete, reason) =>
        this.doubts.push(
          `${reason} ${keys.map(({ key }) => key).join(',')}${complete ? '' : ` ${tables.join(',')}`}`,
        ),
    });
    this.definitions = new Definitions({
      ...{ catalog, writes: this.writes, metrics: this.metrics, incidents: this.incidents },
      offer: (unit) => this.units.push(unit),
      doubt: (table, reason) => this.doubts.push(`${reason} ${table}`),
      refresh: () => this.events.push('schema'),
    });
    const agreement = {
      greeting: { isMariadb: options.isMariadb ?? true } as never,
      mixed: null,
      capabilities: { base: options.base ?? 0, mariadb: 0 },
      collation: options.collation ?? 45,
      database: options.database === undefined ? 'old' : options.database,
      status: STATUS_AUTOCOMMIT,
    };
    this.newTap = () =>
      new MirrorTap(agreement, new TransactionRecorder(recorded, STATUS_AUTOCOMMIT), {
        reader,
        metrics: this.metrics,
        statementBytes,
        preparedRoom: new ByteRoom(1 << 20),
        mapDatabase: (name) => (name === 'old' ? 'new' : name),
        random: () => 0.5,
        server: { sqlMode: null, quotes: 'off', beginning: PLAIN_BEGINNING },
        definitions: this.definitions,
        opaque: (when) => (when === 'sending' ? this.announced : this.events).push('opaque'),
        writes: this.writes,
        globalsSet: () => this.events.push('globals'),
        redefined: () => {
          this.redefined++;
        },
        straddled: (plan) => this.events.push(`straddled ${plan.tables.map(({ name }) => name)}`),
      });
    this.tap = this.newTap();
  }

  /** As a session does before it sends what it has told of. */
  send(tap = this.tap): void {
    if (tap.ready()) this.writes.record();
  }

  /** Sends a command; the answer comes with `reply`. `length`: of the whole payload, where it was cut. */
  command(payload: Buffer, length = payload.length): Exchange<Statement> {
    const exchange = new Exchange<Statement>(payload[0]!, payload, length);
    this.tap.command(exchange);
    return exchange;
  }

  reply(exchange: Exchange<Statement>, fields: Partial<Exchange<Statement>> = {}): void {
    this.tap.reply(
      Object.assign(exchange, { ok: true, status: STATUS_AUTOCOMMIT, affectedRows: 1, ...fields }),
    );
  }

  /** A command and its answer. */
  say(payload: Buffer, fields: Partial<Exchange<Statement>> = {}): Exchange<Statement> {
    const exchange = this.command(payload);
    this.reply(exchange, fields);
    return exchange;
  }

  query(text: string | Buffer, fields: Partial<Exchange<Statement>> = {}): Exchange<Statement> {
    return this.say(query(text), fields);
  }

  prepare(text: string, id: number, parameterCount: number): void {
    this.say(Buffer.concat([Buffer.of(COM.STMT_PREPARE), Buffer.from(text)]), {
      statementId: id,
      parameterCount,
    });
  }

  /** The texts that were offered, unit by unit. */
  get texts(): string[][] {
    return this.units.map(({ replays }) => replays.map(({ sql }) => sql.toString()));
  }

  get keys(): string[][] {
    return this.units.map(({ replays }) => replays.flatMap(({ keys }) => keys.map(({ key }) => key)));
  }

  get outcomes(): Record<string, number> {
    return outcomesOf(this.metrics);
  }
}

/** COM_QUERY. */
export const query = (text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.of(COM.QUERY), Buffer.from(text)]);
