/** One client that sends random statements, in whatever way a client may, and does not mind being refused. */
import { Readable } from 'node:stream';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import type { Random } from '../harness/random.ts';
import { byConnector, type Connector, sendBulk, shown } from './statement-connector.ts';
import type { StatementGrammar } from './statement-grammar.ts';
import { withParameters } from './statement-parameters.ts';
import {
  AUTOCOMMIT,
  ISOLATION,
  LOADED,
  LOCKS,
  SAVEPOINTS,
  SETTINGS,
  TEMPORARY,
  TRANSACTIONS,
} from './statement-texts.ts';

/** How a round's clients behave, beside what their statements say. */
export const WAYS = [
  'transactions',
  'savepoints',
  'autocommit_off',
  'prepared',
  'named',
  'several',
  'settings',
  'user_variables',
  'temporary',
  'locks',
  'isolation',
  'routines',
  'functions',
  'xa',
  'ends',
  'resets',
  'load',
  'connector',
  'use',
  'hidden',
  'pipelined',
] as const;
export type Way = (typeof WAYS)[number];

export interface ClientOptions {
  readonly name: string;
  readonly random: Random;
  readonly grammar: StatementGrammar;
  readonly ways: ReadonlySet<Way>;
  readonly address: ConnectionOptions & {
    readonly host: string;
    readonly port: number;
    readonly database: string;
  };
  readonly connect: (options: ConnectionOptions) => Promise<Connection>;
  /** Everything that is sent, and what came of it. */
  readonly log: (line: string) => void;
}

type Step = () => Promise<unknown>;

export class StatementClient {
  readonly #options: ClientOptions;
  readonly #random: Random;
  #connection: Connection | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#random = options.random;
  }

  /** Sends so many steps, over as many connections as they last. */
  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#connection ??= await this.#connect();
      await this.#random.pick(this.#steps())();
    }
    if (this.#random.chance(0.7)) await this.#connection?.end().catch(() => this.#drop());
    else this.#drop();
  }

  #connect(): Promise<Connection> {
    const { connect, address } = this.#options;
    const flags = this.#random.chance(0.3) ? ['-FOUND_ROWS'] : [];
    const charset = this.#has('settings', 0.2) ? this.#random.pick(['latin1', 'utf8', 'gbk']) : 'utf8mb4';
    this.#say(`connect ${flags.join()} ${charset}`);
    return connect({ ...address, multipleStatements: true, flags, charset });
  }

  #has(way: Way, share: number): boolean {
    return this.#options.ways.has(way) && this.#random.chance(share);
  }

  #say(text: string): void {
    this.#options.log(`${this.#options.name}: ${text}`);
  }

  #steps(): Step[] {
    const { grammar, ways } = this.#options;
    const write: Step = () => this.#send(grammar.write());
    const steps: Step[] = [write, write, write, write, () => this.#send(grammar.read())];
    const add = (way: Way, ...more: Step[]): void => void (ways.has(way) && steps.push(...more));
    add(
      'transactions',
      () => this.#sendAny(TRANSACTIONS),
      () => this.#sendAny(['COMMIT', 'ROLLBACK']),
      () => this.#transaction(),
    );
    add('savepoints', () => this.#sendAny(SAVEPOINTS));
    add('autocommit_off', () => this.#sendAny(AUTOCOMMIT));
    add(
      'prepared',
      () => this.#execute(),
      () => this.#execute(),
    );
    add('named', () => this.#named());
    add('several', () => this.#several());
    add('settings', () => this.#sendAny(SETTINGS));
    add('user_variables', () => this.#sendAny(this.#variables()));
    add('temporary', () => this.#sendAny(TEMPORARY));
    add('locks', () => this.#sendAny(LOCKS));
    add('isolation', () => this.#sendAny(ISOLATION));
    add('routines', () =>
      this.#sendAny(['CALL only_reads()', `CALL writes_pairs(${this.#random.integer(1, 9)})`]),
    );
    add('functions', () =>
      this.#sendAny(['SELECT adds(1)', 'DO adds(3)', 'UPDATE pairs SET n = adds(n) WHERE k = 3']),
    );
    add('xa', () => this.#xa());
    add('ends', () => this.#end());
    add('resets', () => this.#reset());
    add('load', () => this.#load());
    add('connector', () => this.#connector());
    add('use', () =>
      this.#sendAny([
        'USE mysql',
        `USE ${this.#options.address.database}`,
        `USE \`${this.#options.address.database}\``,
      ]),
    );
    if (this.#random.chance(0.05))
      add('hidden', () =>
        this.#sendAny([
          'CALL absent()',
          "EXECUTE IMMEDIATE CONCAT('UPDATE pairs SET n = 1 ', 'WHERE k = 3')",
        ]),
      );
    add('pipelined', () => this.#pipelined());
    return steps;
  }

  #sendAny(texts: readonly string[]): Promise<void> {
    return this.#send(this.#random.pick(texts));
  }

  async #send(sql: string): Promise<void> {
    await this.#try(sql, (connection) =>
      connection.query({
        sql,
        infileStreamFactory: () => Readable.from(LOADED.map((line) => Buffer.from(line))),
      }),
    );
  }

  async #try(what: string, work: (connection: Connection) => Promise<unknown>): Promise<void> {
    const connection = this.#connection;
    if (connection === null) return;
    try {
      await work(connection);
      this.#say(`${what} → ok`);
    } catch (error) {
      const { errno, fatal, message } = error as { errno?: number; fatal?: boolean; message: string };
      this.#say(`${what} → ${errno} ${message.slice(0, 60)}`);
      if (fatal === true) this.#drop();
    }
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#connection = null;
  }

  async #transaction(): Promise<void> {
    await this.#send('BEGIN');
    for (let left = this.#random.integer(1, 4); left > 0; left--) {
      await this.#send(this.#options.grammar.write());
      if (this.#has('savepoints', 0.4)) await this.#sendAny(SAVEPOINTS);
    }
    await this.#sendAny(['COMMIT', 'COMMIT', 'ROLLBACK']);
  }

  /** The literals of a plain statement as parameters of all types. */
  async #execute(): Promise<void> {
    const { sql, values } = this.#withParameters(this.#options.grammar.write());
    const times = this.#random.integer(1, 2);
    for (let left = times; left > 0; left--)
      await this.#try(`execute ${sql} with ${shown(values)}`, (connection) =>
        connection.execute(sql, values as never[]),
      );
  }

  #withParameters(text: string): { sql: string; values: unknown[] } {
    const { sql, literals } = withParameters(text, this.#random);
    return { sql, values: literals.map((literal) => this.#bound(literal)) };
  }

  #bound(text: string): unknown {
    const forms: ((bare: string) => unknown)[] = [
      String,
      String,
      Number,
      Number,
      (bare) => Buffer.from(bare),
    ];
    if (/^\d+$/.test(text))
      forms.push(
        BigInt,
        (bare) => Number(bare) + 0.5,
        (bare) => `${bare} `,
        (bare) => `0${bare}`,
      );
    if (/^\d{4}-\d\d-\d\d$/.test(text))
      forms.push(
        (bare) => new Date(`${bare}T00:00:00Z`),
        (bare) => new Date(`${bare}T10:00:00Z`),
      );
    if (this.#random.chance(0.05))
      forms.push(
        () => null,
        () => true,
      );
    const value = this.#random.pick(forms)(text);
    return Number.isNaN(value) ? text : value;
  }

  async #named(): Promise<void> {
    const sql = this.#options.grammar.write();
    const text = `'${sql.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
    const key = this.#random.integer(1, 9);
    await this.#sendAny([
      `PREPARE p FROM ${text}`,
      `SET @q = ${text}`,
      "PREPARE p FROM 'UPDATE pairs SET n = ? WHERE k = ?'",
      `SET @v = ${key}`,
    ]);
    await this.#sendAny([
      'EXECUTE p',
      'PREPARE p FROM @q',
      `EXECUTE p USING @v, @v`,
      'DEALLOCATE PREPARE p',
      `SET @v = ${key}`,
      `EXECUTE IMMEDIATE ${text}`,
    ]);
    await this.#sendAny(['EXECUTE p', 'EXECUTE p', `EXECUTE p USING @v, @v`]);
  }

  async #several(): Promise<void> {
    const { grammar } = this.#options;
    const parts = Array.from({ length: this.#random.integer(2, 4) }, () => {
      if (this.#has('transactions', 0.2)) return this.#random.pick(TRANSACTIONS);
      if (this.#has('settings', 0.2)) return this.#random.pick(SETTINGS);
      if (this.#has('user_variables', 0.2)) return this.#random.pick(this.#variables());
      return grammar.write().replace(/;$/, '');
    });
    await this.#send(parts.join(this.#random.pick(['; ', ';', ' ;; '])));
  }

  #variables(): string[] {
    const number = this.#random.integer(1, 9);
    return [
      ...[
        `SET @v = ${number}`,
        `SET @v = '${number}'`,
        'SET @v = @v + 1',
        'SELECT @v := 3',
        'SELECT MAX(n) INTO @v FROM pairs',
        'SET @t = @v',
      ],
      ...[
        "SET @t = 'it''s'",
        'SET @v = NULL',
        'SET @v = LAST_INSERT_ID()',
        'SELECT LAST_INSERT_ID(7)',
        `SET @v := ${number}, @t = 'x'`,
        'SET @v = 1.5',
      ],
      ...[
        `UPDATE pairs SET n = (@v := n + 1) WHERE k = ${number}`,
        `UPDATE pairs SET n = @v WHERE k = ${number}`,
        'SET insert_id = 50',
        'SET LAST_INSERT_ID = 3',
      ],
    ];
  }

  async #xa(): Promise<void> {
    const branch = `'${this.#options.name}${this.#random.integer(1, 1000)}'`;
    await this.#send(`XA START ${branch}`);
    await this.#send(this.#options.grammar.write());
    await this.#send(`XA END ${branch}`);
    if (this.#random.chance(0.5)) {
      await this.#sendAny([`XA COMMIT ${branch} ONE PHASE`, `XA ROLLBACK ${branch}`]);
      return;
    }
    await this.#send(`XA PREPARE ${branch}`);
    await this.#sendAny([`XA COMMIT ${branch}`, `XA ROLLBACK ${branch}`, `XA COMMIT ${branch}`]);
    await this.#send(`XA ROLLBACK ${branch}`);
  }

  /** The connection ends at a bad moment, by its own hand or the server's. */
  async #end(): Promise<void> {
    const connection = this.#connection!;
    const sql = this.#options.grammar.write();
    const way = this.#random.integer(0, 3);
    this.#say(`end ${way} with ${sql}`);
    if (way === 0) this.#drop();
    else if (way === 1) {
      const sent = connection.query(sql).catch(() => null);
      this.#drop();
      await sent;
    } else {
      const killer = await this.#connect();
      const sent = connection.query(sql).catch(() => null);
      await killer.query(`KILL ${way === 2 ? 'QUERY ' : ''}${connection.threadId}`).catch(() => null);
      await Promise.all([sent, killer.end().catch(() => null)]);
      if (way === 3) this.#drop();
    }
  }

  async #reset(): Promise<void> {
    const { database, user } = this.#options.address;
    if (this.#random.chance(0.5))
      await this.#try('change user', (connection) => connection.changeUser({ user, database } as never));
    else
      await this.#try('reset', (connection) => (connection as unknown as { reset(): Promise<void> }).reset());
  }

  async #load(): Promise<void> {
    await this.#send(
      this.#random.pick([
        "LOAD DATA LOCAL INFILE 'x' INTO TABLE pairs (k, i, n, s)",
        "LOAD DATA LOCAL INFILE 'x' REPLACE INTO TABLE pairs (k, i, n, s)",
        "LOAD DATA LOCAL INFILE 'x' IGNORE INTO TABLE isam (k, i, n, @x) SET s = @x",
      ]),
    );
  }

  /** As MariaDB's connector sends it: many rows at once, or values of types of their own. */
  async #connector(): Promise<void> {
    const { sql, values } = this.#withParameters(this.#options.grammar.write());
    const work = this.#random.chance(0.6)
      ? sendBulk(this.#random)
      : { title: `typed ${sql} ${shown(values)}`, run: (client: Connector) => client.execute(sql, values) };
    this.#say(`${work.title} → ${await byConnector(this.#options.address, work.run)}`);
  }

  /** Several commands before the first is answered. */
  async #pipelined(): Promise<void> {
    const { grammar } = this.#options;
    const first = this.#random.chance(0.5)
      ? grammar.write()
      : this.#random.pick(this.#options.ways.has('settings') ? SETTINGS : ['BEGIN']);
    await Promise.all([this.#send(first), this.#send(grammar.write()), this.#send(grammar.write())]);
  }
}
