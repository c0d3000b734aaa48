/**
 * Follows one session: reads its commands as they are sent, and as each reply is complete decides what of
 * them goes to the mirror, now or at the end of the transaction.
 */
import type { ShardMetrics } from '../observe/metrics.ts';
import type { Plan } from '../sql/plan.ts';
import { CAPABILITY, type Capabilities } from '../wire/capabilities.ts';
import { readChangeUser } from '../wire/change-user-packet.ts';
import type { Exchange, ResultSummary } from '../wire/exchange.ts';
import { readExecute } from '../wire/execute-packet.ts';
import type { Agreement } from '../wire/login.ts';
import { ownBytes } from '../wire/own-bytes.ts';
import { COM } from '../wire/protocol.ts';
import { queryTextAt } from '../wire/query-packet.ts';
import { countTogether, readBulk } from './bulk-execution.ts';
import type { ByteRoom } from './byte-room.ts';
import { ChangesAhead, mattersBehind } from './changes-ahead.ts';
import type { Definitions } from './definitions.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { RecordDelay } from './record-delay.ts';
import { type ServerBeginning, setsGlobals } from './session-beginning.ts';
import { SessionState } from './session-state.ts';
import { followValues, settleSelection } from './session-values-followed.ts';
import { beginsPlainly, hidesEffects, inOrder, plainStatement, type Statement } from './statement.ts';
import type { StatementReader } from './statement-reader.ts';
import type { SessionTap } from './tap.ts';
import type { Timing } from './timing.ts';
import type { TransactionRecorder } from './transaction-recorder.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

/** The same for all sessions of a shard. */
export interface SessionTapOptions {
  readonly reader: StatementReader;
  readonly metrics: ShardMetrics;
  readonly statementBytes: number;
  /** Of the shard's sessions together, for what they have prepared. */
  readonly preparedRoom: ByteRoom;
  readonly mapDatabase: (database: string) => string;
  readonly random: () => number;
  readonly server: ServerBeginning;
  readonly definitions: Definitions;
  /** Something is about to be sent, or was done, that can't be seen into. */
  readonly opaque: (when: 'sending' | 'done', plan: Plan | null) => void;
  readonly writes: WritesUnderWay;
  /** Sessions begin with other settings from here on. */
  readonly globalsSet: () => void;
  /** Tables, views or triggers were changed, of whichever database. */
  readonly redefined: () => void;
  /** A statement mixed moved and unmoved tables. */
  readonly straddled: (plan: Plan) => void;
}

const CURSOR_FLAGS = 0x07;
/** Of a statement whose result can't be told from those around it. */
const UNTOLD = { ok: false, insertId: 0 };

export class MirrorTap implements SessionTap {
  readonly #options: SessionTapOptions;
  readonly #recorder: TransactionRecorder;
  readonly #capabilities: Capabilities;
  readonly #state: SessionState;
  readonly #prepared: PreparedStatements;
  readonly #ahead = new ChangesAhead();
  readonly #delay = new RecordDelay();
  /** A text may hold several statements. */
  #takesSeveral: boolean;
  /** Drawn once a transaction, for statements that have no key. */
  #dice: number;

  constructor(agreement: Agreement, recorder: TransactionRecorder, options: SessionTapOptions) {
    this.#options = options;
    this.#recorder = recorder;
    this.#capabilities = agreement.capabilities;
    const { database, collation, status, capabilities, greeting } = agreement;
    const foundRows = (capabilities.base & CAPABILITY.FOUND_ROWS) !== 0;
    const defaultQuotes = greeting.isMariadb ? null : options.server.quotes;
    const primary = greeting.isMariadb ? 'mariadb' : 'mysql';
    const { server } = options;
    const { sqlMode: defaultMode, beginning } = server;
    this.#state = new SessionState(
      { database, collation, status, foundRows, defaultQuotes, primary, defaultMode, beginning, server },
      options.mapDatabase,
    );
    this.#prepared = new PreparedStatements(options.statementBytes, options.preparedRoom);
    this.#takesSeveral = (capabilities.base & CAPABILITY.MULTI_STATEMENTS) !== 0;
    this.#dice = options.random();
    this.#followIsolation();
  }

  command(exchange: Exchange<Statement>): void {
    this.#state.valuesStand = !this.#ahead.values;
    if (exchange.type === COM.QUERY) this.#query(exchange);
    else this.#otherCommand(exchange);
    this.#ahead.sent(exchange);
    const { writes } = this.#options;
    if (this.#delay.sent(exchange, writes.records)) writes.owe();
  }

  #otherCommand(exchange: Exchange<Statement>): void {
    const payload = exchange.keep();
    switch (exchange.type) {
      case COM.SET_OPTION:
        this.#takesSeveral = true;
        return;
      case COM.STMT_EXECUTE:
        this.#execute(exchange);
        return;
      case COM.STMT_PREPARE:
        this.#prepare(exchange);
        return;
      case COM.STMT_BULK_EXECUTE:
        this.#bulkExecute(exchange);
        return;
      case COM.STMT_SEND_LONG_DATA:
        if (payload.length >= 7) this.#longData(payload, !exchange.truncated);
        return;
      case COM.STMT_RESET:
        if (payload.length >= 5) this.#prepared.reset(payload.readUInt32LE(1));
        return;
      case COM.STMT_CLOSE:
        if (payload.length >= 5) this.#prepared.close(payload.readUInt32LE(1));
        return;
      default:
        return;
    }
  }

  ready(): boolean {
    return this.#options.writes.ready();
  }

  reply(exchange: Exchange<Statement>): void {
    this.#ahead.answered(exchange);
    this.#delay.answered(exchange);
    switch (exchange.type) {
      case COM.QUERY:
      case COM.STMT_EXECUTE:
      case COM.STMT_BULK_EXECUTE:
        this.#answered(exchange);
        return;
      case COM.STMT_PREPARE:
        if (exchange.ok && exchange.note?.prepared) this.#prepared.answered(exchange.note.prepared, exchange);
        return;
      case COM.INIT_DB:
        if (exchange.ok) this.#state.apply({ what: 'use', database: exchange.payload.toString('utf8', 1) });
        return;
      case COM.RESET_CONNECTION:
        if (exchange.ok) this.#sessionEnded(exchange.status, () => this.#state.reset());
        return;
      case COM.CHANGE_USER:
        this.#userChanged(exchange);
        return;
      default:
        return;
    }
  }

  lostStep(): void {
    this.#recorder.lostTrack([], 0);
    this.#options.definitions.abandon(this.#recorder);
  }

  closed(unanswered: readonly Exchange<Statement>[]): void {
    const statements: Statement[] = [];
    for (const exchange of unanswered) {
      if (exchange.note?.rest) this.#options.opaque('done', null);
      exchange.note?.rest?.release();
      for (let statement = exchange.note; statement !== null; statement = statement.next) {
        if (exchange.type === COM.STMT_PREPARE) break;
        this.#options.metrics.statement(statement.kind, 'lost', 0);
        this.#options.reader.checkRoutines(statement);
        this.#reportUnseen(statement);
        this.#options.definitions.uncertain(statement);
        statements.push(statement);
      }
    }
    this.#recorder.closed(statements);
    this.#options.definitions.abandon(this.#recorder);
    this.#prepared.clear();
  }

  #query(exchange: Exchange<Statement>): void {
    const from = queryTextAt(exchange.payload, this.#capabilities);
    if (from < 0) {
      this.#unreadable(exchange);
      return;
    }
    const { reader } = this.#options;
    const statement = reader.readText(exchange.payload, from, this.#state, this.#dice, !exchange.truncated);
    exchange.note = statement ?? plainStatement('other', null);
    for (let sent: Statement | null = exchange.note; sent !== null; sent = sent.next)
      this.#sending(sent, exchange.truncated && sent.next === null);
    // More statements may stand where it is cut off; how many results come will tell.
    if (exchange.truncated && this.#takesSeveral) exchange.note.rest = this.#options.writes.unreadSent();
    // A text of several has one reply for all, so its rows can't be told apart.
    const only = exchange.note;
    if (only.next === null && only.selection.at === 'selected')
      exchange.rowSink = only.selection.draft.rowHash;
  }

  #prepare(exchange: Exchange<Statement>): void {
    const prepared =
      exchange.truncated || this.#ahead.some
        ? null
        : this.#options.reader.readPrepare(exchange.payload.subarray(1), this.#state);
    this.#prepared.sent(prepared);
    if (prepared !== null) exchange.note = plainStatement(prepared.plan.kind, prepared.plan, prepared);
  }

  #execute(exchange: Exchange<Statement>): void {
    const { payload } = exchange;
    const statement = payload.length >= 10 ? this.#prepared.find(payload.readUInt32LE(1)) : null;
    if (statement === null) {
      this.#unreadable(exchange);
      return;
    }
    const packet = exchange.truncated
      ? null
      : readExecute(payload, {
          parameterCount: statement.parameterCount,
          boundTypes: statement.boundTypes,
          longData: statement.longData,
          queryAttributes: (this.#capabilities.base & CAPABILITY.QUERY_ATTRIBUTES) !== 0,
        });
    // Types that could not be read must not be mistaken for those of an earlier execution.
    statement.boundTypes = packet === null ? null : ownBytes(packet.types);
    const rowsAsReplayed = (payload[5]! & CURSOR_FLAGS) === 0;
    const execution = { statement, packet, known: true, numbers: 'in_step', rowsAsReplayed } as const;
    const note = this.#options.reader.readExecution(execution, this.#state, this.#dice, !exchange.truncated);
    this.#prepared.clearLongData(statement);
    exchange.note = note;
    this.#sending(note);
    if (note.selection.at === 'selected') exchange.rowSink = note.selection.draft.rowHash;
  }

  /** Many rows of parameters at once. */
  #bulkExecute(exchange: Exchange<Statement>): void {
    const { payload } = exchange;
    const statement = payload.length >= 7 ? this.#prepared.find(payload.readUInt32LE(1)) : null;
    if (statement === null) {
      this.#unreadable(exchange);
      return;
    }
    const bulk = readBulk(exchange.truncated ? null : payload, statement);
    exchange.note = this.#options.reader.readBulk(statement, bulk, this.#state, this.#dice);
    for (const row of inOrder(exchange.note)) this.#sending(row);
  }

  #unreadable(exchange: Exchange<Statement>): void {
    exchange.note = plainStatement('other', null);
    this.#sending(exchange.note);
  }

  /** What the statement may leave wrong goes into the journal before the primary can make it last. `isCut`: its end is not at hand. */
  #sending(statement: Statement, isCut = false): void {
    const { plan, target, kind } = statement;
    const { writes } = this.#options;
    if (target !== null && kind !== 'read') {
      const mayWait = this.#delay.mayWait(statement, writes.records);
      statement.span = writes.sent(target, this.#recorder, mayWait);
    }
    statement.blind =
      statement.blind ||
      (this.#ahead.some && mattersBehind(statement)) ||
      (isCut && plan !== null && !beginsPlainly(plan));
    if (hidesEffects(statement)) this.#options.opaque('sending', plan);
    this.#options.definitions.sending(statement, this.#recorder);
    this.#recorder.sending(statement);
  }

  #answered(exchange: Exchange<Statement>): void {
    const first = exchange.note;
    if (first === null) return;
    if (first.next === null || first.byRows) this.#oneAnswered(first, exchange);
    else this.#severalAnswered(first, exchange);
    first.rest?.release();
  }

  #oneAnswered(first: Statement, exchange: Exchange<Statement>): void {
    // More results than statements: the text held more than was read in it.
    const holdsMore = exchange.results > 1 && first.plan?.anyResults !== true;
    if (holdsMore) {
      this.#options.opaque('done', first.plan);
      this.#state.hidden('anything');
    }
    const rows = inOrder(first);
    countTogether(rows, exchange);
    const timing = timingOf(exchange, rows.length);
    for (const row of rows) this.#statementAnswered(row, exchange, timing);
    if (holdsMore) this.#recorder.unseen();
    // Which of its many rows the number is of can't be told.
    if (exchange.type === COM.STMT_BULK_EXECUTE) this.#state.values.lastInsertId = null;
  }

  /** A text of several statements: each has one result, in order, up to the first that failed. */
  #severalAnswered(first: Statement, exchange: Exchange<Statement>): void {
    const results: ResultSummary[] = [...(exchange.earlier ?? []), exchange];
    const statements = inOrder(first);
    const inStep = exchange.ok ? results.length === statements.length : results.length <= statements.length;
    const timing = timingOf(exchange, inStep ? results.length : 1);
    if (!inStep || statements.some(({ plan }) => plan === null || plan.anyResults)) {
      // A procedure among them answers as it likes: which result is whose can't be told.
      this.#options.opaque('done', first.plan);
      this.#recorder.lostTrack(statements, exchange.status);
      this.#recorder.unseen();
      for (const statement of statements) {
        this.#options.metrics.statement(statement.kind, exchange.ok ? 'ok' : 'error', timing.seconds);
        this.#options.reader.checkRoutines(statement);
        if (exchange.ok) this.#succeeded(statement);
        followValues(statement, UNTOLD, this.#state);
        this.#reportUnseen(statement);
        this.#options.definitions.uncertain(statement);
      }
      // How far it came, and what it set on the way, is not known.
      if (!exchange.ok) this.#state.hidden('anything');
      for (const result of results) if (result.ok) this.#state.sawStatus(result.status);
      return;
    }
    statements.forEach((statement, index) => {
      const result = results[index];
      if (result === undefined) {
        this.#recorder.notReached(statement);
        this.#options.definitions.notReached(statement);
      } else this.#statementAnswered(statement, result, timing);
    });
  }

  #statementAnswered(statement: Statement, result: ResultSummary, timing: Timing): void {
    const { metrics } = this.#options;
    const recorder = this.#recorder;
    const { plan } = statement;
    metrics.statement(statement.kind, result.ok ? 'ok' : 'error', timing.seconds);
    this.#options.reader.checkRoutines(statement);
    settleSelection(statement, this.#state);
    if (result.ok) {
      this.#state.sawStatus(result.status);
      this.#succeeded(statement);
    }
    followValues(statement, result, this.#state);
    this.#reportUnseen(statement);
    if (plan !== null && statement.straddles) this.#options.straddled(plan);
    recorder.answered(statement, result, timing);
    if (hidesEffects(statement)) recorder.unseen();
    // What it committed first goes ahead of it.
    if (statement.definition !== null)
      this.#options.definitions.answered(statement, this.#state, result.ok, timing);
    if (!recorder.inTransaction) this.#dice = this.#options.random();
    this.#followIsolation();
  }

  /** A transaction that is open keeps the level that it began with. */
  #followIsolation(): void {
    const { locksHold } = this.#state;
    if (!locksHold || !this.#recorder.inTransaction) this.#recorder.locksHold = locksHold;
  }

  #succeeded({ plan, effects }: Statement): void {
    if (effects.length > 0) this.#state.applyAll(effects);
    if (plan?.ddl === true) this.#state.temporary.follow(plan, this.#state.database);
    if (plan !== null && setsGlobals(plan)) this.#options.globalsSet();
  }

  /** What a statement, carried out or not, may have changed beside the keys that it names. */
  #reportUnseen(statement: Statement): void {
    if (hidesEffects(statement)) this.#options.opaque('done', statement.plan);
    if (statement.plan?.ddl === true && !statement.plan.temporary) this.#options.redefined();
  }

  #longData(payload: Buffer, whole: boolean): void {
    this.#prepared.longData(payload.readUInt32LE(1), payload.readUInt16LE(5), payload.subarray(7), whole);
  }

  #userChanged(exchange: Exchange<Statement>): void {
    const asked = readChangeUser(exchange.payload);
    if (!exchange.ok) return;
    this.#sessionEnded(exchange.status, () =>
      this.#state.changeUser(asked?.database ?? null, asked?.collation ?? null),
    );
  }

  /** The server has rolled back, and forgotten what was prepared and set. */
  #sessionEnded(status: number, restart: () => void): void {
    this.#recorder.closed([]);
    this.#prepared.clear();
    restart();
    this.#state.sawStatus(status);
    this.#followIsolation();
  }
}

/** Of each statement in it, where it held `count`. */
function timingOf({ sentAtMs, answeredAtMs }: Exchange<Statement>, count: number): Timing {
  return { seconds: (answeredAtMs - sentAtMs) / 1000 / count, sentAtMs, answeredAtMs };
}
