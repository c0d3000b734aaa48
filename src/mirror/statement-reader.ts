/** Turns a client's command into statements: what each touches, and whether and how it would be replayed. */
import { DefinitionReader } from '../sql/definition.ts';
import { NO_KEYS, readKeys } from '../sql/keys.ts';
import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import type { SqlReader } from '../sql/plan-cache.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import { ownBytes } from '../wire/own-bytes.ts';
import { type BoundDefinition, bindDefinition } from './bound-definition.ts';
import { type BoundPlan, misspells, PlanBinder } from './bound-plan.ts';
import type { BulkReplay } from './bulk-execution.ts';
import type { ShardCatalog } from './catalog.ts';
import { executedBy, namedExecution, usedValue } from './executed-text.ts';
import { executedUsing, executedWith } from './executed-values.ts';
import { numberedRows, parameters, readsKeys, targetOf } from './keyed-target.ts';
import { LongData } from './long-data.ts';
import type { NamedStatement } from './named-statements.ts';
import { nameBranch, withRoutines } from './out-of-sight.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import { Routines } from './routines.ts';
import { type Execution, inStep, isAtHome, Selector, type SelectorOptions } from './selector.ts';
import type { SessionEffect } from './session-effect.ts';
import { preparingValue, readEffects } from './session-effects.ts';
import type { SessionState } from './session-state.ts';
import { changesSession, forgetAssigned } from './session-values-followed.ts';
import { mayRunRoutines, NOT_MIRRORED, NOT_SAMPLED, plainStatement, Statement } from './statement.ts';
import { touchesTemporary, writtenBeside } from './temporary-reach.ts';
import { tracesOf } from './traces.ts';
import type { XaBranches } from './xa-branches.ts';

export interface StatementReaderOptions extends SelectorOptions {
  readonly sql: SqlReader;
  readonly catalog: ShardCatalog;
  /** What becomes of changes of definitions. */
  readonly ddl: 'incident' | 'mirror';
  /** A statement is under way that changes what routines do. */
  readonly routinesChange: () => boolean;
  readonly branches: XaBranches;
}

/** Statements of one text beyond these are read as one that can't be followed. */
const STATEMENTS_MAX = 1000;
const NO_EFFECTS: readonly SessionEffect[] = [];
const NOTHING_REDEFINED: ReadonlySet<string> = new Set();

/** Where a statement stands. */
interface Place {
  readonly session: SessionState;
  /** In which the server looks for its tables. */
  readonly database: string | null;
  readonly dice: number;
  /** All of its text is at hand. */
  readonly complete: boolean;
  /** Names of tables that statements before it in its text change: their columns may stand elsewhere by then. */
  readonly redefined: ReadonlySet<string>;
}

export class StatementReader {
  readonly #sql: SqlReader;
  readonly #binder: PlanBinder;
  readonly #selector: Selector;
  readonly #definitions = new DefinitionReader();
  readonly #options: StatementReaderOptions;
  readonly #routines: Routines;

  constructor(options: StatementReaderOptions) {
    this.#options = options;
    this.#sql = options.sql;
    this.#binder = new PlanBinder(options.catalog);
    const { catalog, routinesChange: changing } = options;
    this.#routines = new Routines({ catalog, binder: this.#binder, changing });
    this.#selector = new Selector(options);
  }

  /**
   * Reads the statements of a text, in order; the answer's `next` leads through them. Null where there are
   * more than can be followed. `complete` is false when only the beginning of the text is at hand.
   */
  readText(
    text: Buffer,
    from: number,
    session: SessionState,
    dice: number,
    complete: boolean,
  ): Statement | null {
    let first: Statement | null = null;
    let last: Statement | null = null;
    let count = 0;
    let state = session;
    let redefined: ReadonlySet<string> = NOTHING_REDEFINED;
    let wrote = false;
    for (let at = from; at >= 0; ) {
      if (count++ === STATEMENTS_MAX) return null;
      const plan = this.#sql.read(text, at, text.length, state.sqlMode);
      const { lexed } = this.#sql;
      at = lexed.next;
      const effects = hasEffects(plan) ? readEffects(plan, text, lexed) : NO_EFFECTS;
      const place = { session: state, database: state.database, dice, complete, redefined };
      const statement = this.#statement(plan, text, lexed, null, effects, place);
      if (last === null) first = statement;
      else last.next = statement;
      last = statement;
      wrote ||= statement.kind === 'write';
      const isDefinition = statement.plan?.ddl === true;
      if (at < 0 || !(isDefinition || changesSession(statement))) continue;
      if (state === session) state = session.fork();
      // Which number it gave out, only its answer tells.
      if (wrote) state.values.lastInsertId = null;
      state.applyAll(statement.effects);
      forgetAssigned(statement, state);
      if (isDefinition) {
        state.temporary.follow(statement.plan, state.database);
        if (!statement.plan.temporary)
          redefined = new Set([...redefined, ...statement.plan.tables.map(({ name }) => name)]);
      }
      if (statement.effects.some(setsMode) && !state.expectMode()) {
        // It changes how the rest is to be read, in ways that only the server's reply tells.
        last.next = plainStatement('other', null);
        return first;
      }
    }
    return first;
  }

  /** Reads the text of COM_STMT_PREPARE. */
  readPrepare(payload: Buffer, session: SessionState): PreparedStatement {
    const text = ownBytes(payload);
    const plan = this.#sql.read(text, 0, text.length, session.sqlMode);
    const lexed = this.#sql.lexed.clone();
    return this.#preparedStatement(plan, text, lexed, readEffects(plan, text, lexed), session);
  }

  /** Reads one execution of a prepared statement. */
  readExecution(execution: Execution, session: SessionState, dice: number, complete: boolean): Statement {
    const { plan, lexed, sql, effects, database } = execution.statement;
    const { packet } = execution;
    const place = { session, database, dice, complete, redefined: NOTHING_REDEFINED };
    const isBound = effects.length > 0 && lexed.parameterCount > 0 && packet !== null;
    const own = isBound ? readEffects(plan, sql, lexed, executedWith(packet)) : effects;
    return this.#statement(plan, sql, lexed, execution, own, place);
  }

  /** Reads a bulk execution: one statement, or one for each row; `bulk` null: it is not replayed, and its keys are not known. */
  readBulk(
    statement: PreparedStatement,
    bulk: BulkReplay | null,
    session: SessionState,
    dice: number,
  ): Statement {
    const shared = { known: bulk !== null, numbers: 'unsure', rowsAsReplayed: false } as const;
    const read = (of: PreparedStatement, packet: ExecutePacket | null): Statement =>
      this.readExecution({ ...shared, statement: of, packet }, session, dice, true);
    if (bulk?.as === 'insert') {
      const { text, values } = bulk;
      const plan = this.#sql.read(text, 0, text.length, statement.lexed.mode);
      return read(this.#preparedStatement(plan, text, this.#sql.lexed, NO_EFFECTS, statement), values);
    }
    const rows = (bulk?.rows ?? [null]).map((packet) => read(statement, packet));
    rows.forEach((row, index) => {
      row.byRows = true;
      row.next = rows[index + 1] ?? null;
    });
    return rows[0]!;
  }

  /** Forgets what is known of the routines of a statement where it may not have held when it ran. */
  checkRoutines(statement: Statement): void {
    const { routines } = statement;
    if (routines !== null && !this.#routines.hold(routines)) statement.routines = null;
  }

  #statement(
    plan: Plan,
    sql: Buffer,
    lexed: Lexed,
    execution: Execution | null,
    effects: readonly SessionEffect[],
    place: Place,
  ): Statement {
    const made = this.#ownStatement(plan, sql, lexed, execution, effects, place);
    if (made.plan !== plan || !place.complete) return made;
    if (plan.xa !== null) nameBranch(made, sql, lexed, this.#options.branches);
    if (!mayRunRoutines(plan)) return made;
    const text = sql.subarray(Math.max(0, lexed.start), lexed.end);
    return withRoutines(made, this.#routines.effects(plan, text, lexed.mode, place.database));
  }

  #ownStatement(
    plan: Plan,
    sql: Buffer,
    lexed: Lexed,
    execution: Execution | null,
    effects: readonly SessionEffect[],
    place: Place,
  ): Statement {
    const { session, database, complete, redefined } = place;
    const prepared = execution?.statement ?? null;
    if (plan.kind === 'other') {
      const named = this.#named(plan, sql, lexed, place);
      if (named !== null) return named;
      const other = new Statement(plan.kind, plan, null, false, NOT_MIRRORED, effects, prepared);
      other.definition = this.#definition(plan, { sql, database }, lexed, session, complete);
      other.blind = plan.ddl && misspells(plan, database, this.#options.catalog);
      return other;
    }
    const bound = this.#binder.bind(plan, database);
    const traces = tracesOf(bound.traces, sql, lexed, complete);
    if (touchesTemporary(plan, session, database)) {
      const lasting = writtenBeside(bound, session, database);
      return new Statement(plan.kind, plan, lasting, false, NOT_MIRRORED, effects, prepared);
    }
    const { scope } = bound.binding;
    if (scope === 'none' || scope === 'unmoved') {
      // What it reaches of the tables that move is a doubt, although it is nothing to be mirrored.
      const aside = reachesMoved(bound) ? bound.keyless : null;
      const { astray } = bound;
      const unmoved = new Statement(plan.kind, plan, aside, astray, NOT_MIRRORED, effects, prepared, traces);
      unmoved.blind = bound.misspelt;
      return unmoved;
    }
    if (this.#selector.passesOver(plan.kind)) {
      const mixed = scope === 'mixed';
      return new Statement(plan.kind, plan, bound.keyless, mixed, NOT_SAMPLED, effects, prepared);
    }
    const compared = this.#selector.compares(plan, bound, execution);
    const keyed = this.#selector.asksForKeys(plan.kind, compared);
    const found = keyed ? readKeys(bound.binding, sql, lexed, parameters(execution, session)) : NO_KEYS;
    const isRead = session.quotesKnown && readsKeys(found, session);
    const isSure = complete && isRead && !plan.tables.some(({ name }) => redefined.has(name));
    const target = keyed
      ? targetOf(
          bound,
          found,
          isSure,
          inStep(execution, found.numbered) ? numberedRows(bound, found, session) : null,
        )
      : bound.keyless;
    const candidate = { plan, bound, sql, lexed, execution, found, target, complete, compared };
    const selection = this.#selector.select(candidate, session, place.dice);
    const mixed = scope === 'mixed';
    const moved = new Statement(plan.kind, plan, target, mixed, selection, effects, prepared, traces);
    moved.blind = bound.misspelt;
    return moved;
  }

  /** Null: it is about no table of the shard's database that lasts. */
  #definition(
    plan: Plan,
    { sql, database }: Pick<NamedStatement, 'sql' | 'database'>,
    lexed: Lexed,
    session: SessionState,
    complete: boolean,
  ): BoundDefinition | null {
    if (plan.temporary || !(plan.ddl || DEFINES.test(plan.digest))) return null;
    const definition = this.#definitions.read(sql, lexed);
    if (definition === null) return null;
    const { catalog, ddl: mode, databases, statementBytes } = this.#options;
    const { start: from, end: to, parameterCount } = lexed;
    const text = { definition, sql, database, from, to, complete: complete && parameterCount === 0 };
    return bindDefinition(text, session, { catalog, mode, databases, statementBytes });
  }

  /** EXECUTE, where the text that was prepared is known: what that text does. Null: anything may be executed. */
  #named(plan: Plan, sql: Buffer, lexed: Lexed, place: Place): Statement | null {
    const { prepare } = plan;
    const { session, complete } = place;
    if (prepare === null || prepare.using === null || !complete) return null;
    const named = executedBy(prepare, sql, lexed, session);
    if (named === null) return null;
    const used = prepare.using.map((value) => preparingValue(value, sql, lexed));
    const values = used.map((value) => usedValue(value, session));
    const inner = this.#sql.read(named.sql, 0, named.sql.length, named.mode);
    const own = this.#sql.lexed;
    if (own.next >= 0 || inner.prepare !== null) return null;
    const bound = executedUsing(used);
    const effects = hasEffects(inner) ? readEffects(inner, named.sql, own, bound) : NO_EFFECTS;
    const text = this.#preparedStatement(inner, named.sql, own, effects, named);
    const known =
      isAtHome({ ...named, plan: inner, lexed: own }, session) && own.parameterCount === values.length;
    const execution = inner.kind === 'other' ? null : namedExecution(text, values, known);
    const there = { ...place, database: named.database };
    const statement = this.#statement(inner, named.sql, own, execution, effects, there);
    statement.byName = true;
    return statement;
  }

  #preparedStatement(
    plan: Plan,
    sql: Buffer,
    lexed: Lexed,
    effects: readonly SessionEffect[],
    { database, words }: Pick<PreparedStatement, 'database' | 'words'>,
  ): PreparedStatement {
    const { parameterCount } = lexed;
    return {
      plan,
      sql,
      lexed,
      effects,
      database,
      words,
      parameterCount,
      boundTypes: null,
      longData: new LongData(),
      whole: null,
    };
  }
}

function setsMode(effect: SessionEffect): boolean {
  return effect.what === 'variable' && effect.name === 'sql_mode';
}

function hasEffects({ session, prepare }: Plan): boolean {
  return session.length > 0 || prepare !== null;
}

/** What is defined may be a procedure, a function or an event, which are no DDL of tables. */
const DEFINES = /^(?:CREATE|ALTER|DROP (?:PROCEDURE|FUNCTION|PACKAGE)) /i;

function reachesMoved({ keyless, binding }: BoundPlan): boolean {
  return binding.plan.kind !== 'read' && (keyless.tables.length > 0 || keyless.reached.length > 0);
}
