/** A client without a library: parameters of all types, rows by the hundred, commands ahead of answers, sudden ends. */
import type { Random } from '../harness/random.ts';
import { COM } from '../harness/recorder.ts';
import { type BoundParameter, bindText } from './bound-parameter.ts';
import { bulkExecution } from './bulk-payload.ts';
import { CHARSETS } from './charset-texts.ts';
import { type Address, type RawCommand, RawStatementSession } from './raw-statement-session.ts';
import { SessionDuel } from './session-duel.ts';
import type { StatementGrammar } from './statement-grammar.ts';
import { withParameters } from './statement-parameters.ts';
import {
  AUTOCOMMIT,
  BULK,
  IMPLICIT_COMMITS,
  ISOLATION,
  SAVEPOINTS,
  SETTINGS,
  TRANSACTIONS,
} from './statement-texts.ts';

export const RAW_WAYS = [
  ...['transactions', 'savepoints', 'autocommit_off', 'settings', 'isolation', 'implicit_commits'],
  ...['charsets', 'long_data', 'again', 'bulk', 'last', 'pipelined', 'vanish', 'duel'],
  ...['resets', 'odd_flags', 'use', 'several'],
] as const;
export type RawWay = (typeof RAW_WAYS)[number];

export interface RawClientOptions {
  readonly name: string;
  readonly random: Random;
  readonly grammar: StatementGrammar;
  readonly ways: ReadonlySet<string>;
  readonly address: Address;
  readonly log: (line: string) => void;
}

interface Held {
  readonly id: number;
  readonly sql: string;
  readonly literals: readonly string[];
  readonly count: number;
  /** Of the last execution that sent its types. */
  bound: readonly BoundParameter[] | null;
}

type Step = (session: RawStatementSession) => Promise<unknown>;

/** MariaDB 10.11 crashes where it executes one again behind an execution that failed. */
const WINDOW = / OVER \(/;
/** A cursor over what a write returns crashes it too. */
const CURSORED = /^SELECT /;
const HELD_MAX = 3;
const LAST_PREPARED = 0xffff_ffff;

export class RawStatementClient {
  readonly #options: RawClientOptions;
  readonly #random: Random;
  #session: RawStatementSession | null = null;
  #held: Held[] = [];

  constructor(options: RawClientOptions) {
    this.#options = options;
    this.#random = options.random;
  }

  /** Sends so many steps, over as many connections as they last. */
  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#session ??= await this.#open();
      const session = this.#session;
      await this.#random
        .pick(this.#steps())(session)
        .catch(() => this.#drop(session));
    }
    await this.#session?.end(this.#random.chance(0.7));
  }

  #open(): Promise<RawStatementSession> {
    this.#held = [];
    const { address, ways } = this.#options;
    return RawStatementSession.open({
      ...{ address, random: this.#random, oddFlags: ways.has('odd_flags'), log: (line) => this.#say(line) },
    });
  }

  async #drop(session: RawStatementSession): Promise<void> {
    await session.end(false);
    this.#session = null;
  }

  #say(line: string): void {
    this.#options.log(`${this.#options.name}: ${line}`);
  }

  #write(): string {
    return this.#options.grammar.write();
  }

  #steps(): Step[] {
    const { ways } = this.#options;
    const steps: Step[] = [
      (session) => session.send(session.query(this.#write())),
      (session) => this.#typed(session),
      (session) => this.#typed(session),
      (session) => this.#executeHeld(session),
    ];
    const add = (way: RawWay, ...more: Step[]): void => void (ways.has(way) && steps.push(...more));
    const any =
      (texts: readonly string[]): Step =>
      (session) =>
        session.send(session.query(this.#random.pick(texts)));
    add('transactions', any(TRANSACTIONS), any(['COMMIT', 'ROLLBACK', 'BEGIN']));
    add('savepoints', any(SAVEPOINTS));
    add('autocommit_off', any(AUTOCOMMIT));
    add('settings', any(SETTINGS));
    add('isolation', any(ISOLATION));
    add('implicit_commits', any(IMPLICIT_COMMITS), any(['BEGIN', 'SET autocommit = 0']));
    add('charsets', (session) => this.#setCharset(session));
    add('bulk', (session) => this.#bulk(session));
    add('last', (session) => this.#prepareAndExecute(session));
    add('pipelined', (session) => this.#pipelined(session));
    add('vanish', (session) => this.#vanish(session));
    add('duel', (session) => this.#duel(session));
    add('resets', (session) => this.#reset(session));
    add('use', (session) => this.#use(session));
    add('several', (session) =>
      session.send(session.query(`${this.#write()}; ${this.#random.pick(SETTINGS)}; ${this.#write()}`)),
    );
    return steps;
  }

  async #typed(session: RawStatementSession): Promise<void> {
    const held = await this.#prepare(session);
    if (held !== null) await session.send(...this.#execution(session, held));
  }

  async #prepare(session: RawStatementSession): Promise<Held | null> {
    const text = this.#random.chance(0.1) ? this.#options.grammar.read() : this.#write();
    if (WINDOW.test(text)) {
      await session.send(session.query(text));
      return null;
    }
    const { sql, literals } = withParameters(text, this.#random);
    return this.#prepareText(session, sql, literals);
  }

  async #prepareText(
    session: RawStatementSession,
    sql: string,
    literals: readonly string[],
  ): Promise<Held | null> {
    if (this.#held.length === HELD_MAX) {
      const [oldest] = this.#held.splice(this.#random.integer(0, HELD_MAX - 1), 1);
      await session.send(session.ofStatement(COM.STMT_CLOSE, oldest!.id, null));
    }
    const [reply] = await session.send(session.prepare(sql));
    if (reply?.statement == null) return null;
    const held = { id: reply.statement.id, sql, literals, count: reply.statement.parameters, bound: null };
    this.#held.push(held);
    return held;
  }

  async #executeHeld(session: RawStatementSession): Promise<void> {
    if (this.#held.length > 0) await session.send(...this.#execution(session, this.#random.pick(this.#held)));
  }

  /** An execution, with the pieces of values that go ahead of it. */
  #execution(session: RawStatementSession, held: Held): RawCommand[] {
    const { id, count, bound } = held;
    const commands: RawCommand[] = [];
    const isAgain = bound !== null && this.#options.ways.has('again') && this.#random.chance(0.6);
    const parameters = Array.from({ length: count }, (_, at) => {
      const literal = held.literals[at] ?? '3';
      const text = this.#random.chance(0.5)
        ? literal
        : literal.replace(/\d/, `${this.#random.integer(1, 9)}`);
      const type = isAgain ? bound[at]!.type : undefined;
      const parameter = bindText(text, this.#random, type);
      if (!this.#options.ways.has('long_data') || this.#random.chance(0.7)) return parameter;
      const half = this.#random.integer(0, text.length);
      commands.push(
        session.longData(id, at, text.slice(0, half)),
        session.longData(id, at, text.slice(half)),
      );
      if (this.#random.chance(0.1)) commands.push(session.ofStatement(COM.STMT_RESET, id, 'ok'));
      return { ...parameter, value: this.#random.chance(0.9) ? Buffer.alloc(0) : parameter.value };
    });
    if (!isAgain) held.bound = parameters;
    const hasCursor = CURSORED.test(held.sql) && this.#random.chance(0.4);
    commands.push(session.execute(id, parameters, !isAgain, hasCursor));
    return commands;
  }

  async #setCharset(session: RawStatementSession): Promise<void> {
    const charset = this.#random.pick(CHARSETS);
    const text = this.#random.pick([
      `SET NAMES ${charset}`,
      `SET NAMES ${charset}`,
      `SET NAMES '${charset}'`,
      `SET character_set_client = ${charset}`,
      `SET CHARACTER SET ${charset}`,
      `SET @@session.character_set_client = '${charset}', sql_mode = ''`,
    ]);
    const [reply] = await session.send(session.query(text));
    if (reply?.error === null) session.charset = charset;
  }

  async #bulk(session: RawStatementSession): Promise<void> {
    if (!session.takesBulk) return this.#typed(session);
    const { sql, literals } = this.#random.chance(0.6)
      ? { sql: this.#random.pick(BULK), literals: [] }
      : withParameters(this.#write(), this.#random, 1);
    const held = await this.#prepareText(session, sql, literals);
    if (held === null || held.count === 0) return;
    const { payload, shown } = bulkExecution(held.id, held.count, this.#random, literals);
    await session.send(session.bulk(payload, shown));
    if (this.#random.chance(0.3)) await session.send(...this.#execution(session, held));
  }

  /** MariaDB: the execution goes out before the statement's number has come. */
  async #prepareAndExecute(session: RawStatementSession): Promise<void> {
    const { sql, literals } = withParameters(this.#write(), this.#random);
    const parameters = literals.map((text) => bindText(text, this.#random));
    const [prepared] = await session.send(
      session.prepare(sql),
      session.execute(LAST_PREPARED, parameters, true, false),
    );
    const id = prepared?.statement?.id;
    if (id !== undefined) await session.send(session.ofStatement(COM.STMT_CLOSE, id, null));
  }

  async #pipelined(session: RawStatementSession): Promise<void> {
    const commands = Array.from({ length: this.#random.integer(2, 6) }, (): RawCommand[] => {
      const held = this.#held.length === 0 ? null : this.#random.pick(this.#held);
      if (held !== null && this.#random.chance(0.4)) return this.#execution(session, held);
      const { ways } = this.#options;
      if (ways.has('transactions') && this.#random.chance(0.3))
        return [session.query(this.#random.pick(TRANSACTIONS))];
      if (ways.has('settings') && this.#random.chance(0.3))
        return [session.query(this.#random.pick(SETTINGS))];
      return [session.query(this.#write())];
    });
    await session.send(...commands.flat());
  }

  async #vanish(session: RawStatementSession): Promise<void> {
    if (this.#random.chance(0.5)) {
      await session.send(session.query('BEGIN'));
      await session.send(session.query(this.#write()));
    }
    const last = this.#random.chance(0.3) ? 'COMMIT' : this.#write();
    session.sendAndVanish(session.query(last), this.#random.pick(['close', 'reset', 'end']));
    this.#session = null;
  }

  async #duel(session: RawStatementSession): Promise<void> {
    const { address } = this.#options;
    const second = await RawStatementSession.open({
      ...{ address, random: this.#random, oddFlags: false, log: (line) => this.#say(`(2) ${line}`) },
    });
    try {
      await new SessionDuel(session, second, this.#random, () => this.#write()).play();
    } finally {
      await second.end(this.#random.chance(0.7));
    }
  }

  async #reset(session: RawStatementSession): Promise<void> {
    this.#held = [];
    if (this.#random.chance(0.5)) {
      const { error } = await session.changeUser();
      this.#say(`change user → ${error === null ? 'ok' : error.message}`);
    } else await session.send(session.resetConnection());
    session.charset = 'utf8mb4';
  }

  async #use(session: RawStatementSession): Promise<void> {
    const { database } = this.#options.address;
    await session.send(session.useDatabase(this.#random.pick([database, database, 'mysql', 'absent'])));
  }
}
