/** Turns a client's command into a statement: what it touches, and whether and how it would be replayed. */
import { type Binding, bind, mapDatabase, narrow, readKeys } from '../sql/keys.ts';
import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import type { SqlReader } from '../sql/plan-cache.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import type { CatalogTable, ShardCatalog } from './catalog.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import { replayability } from './replayability.ts';
import { RowHash } from './row-hash.ts';
import type { Sampler } from './sampler.ts';
import { readEffects } from './session-effects.ts';
import type { SessionState } from './session-state.ts';
import {
  NOT_MIRRORED,
  NOT_SAMPLED,
  type ReplayDraft,
  type Selection,
  type Statement,
  type Target,
} from './statement.ts';
import type { PreparedReplay, TableKey } from './unit.ts';

export interface StatementReaderOptions {
  readonly sql: SqlReader;
  readonly catalog: ShardCatalog;
  readonly sampler: Sampler;
  /** Old database to new one; null: names stay. */
  readonly databases: { readonly from: string; readonly to: string } | null;
  /** A larger statement is not replayed. */
  readonly statementBytes: number;
}

/** Where a statement stands: in a command's text, or among a session's prepared ones. */
interface Source {
  readonly plan: Plan;
  readonly lexed: Lexed;
  readonly sql: Buffer;
  readonly execution: Execution | null;
}

/** Null parts: the execution could not be read. */
export interface Execution {
  readonly statement: PreparedStatement;
  readonly packet: ExecutePacket | null;
  readonly longData: ReadonlyMap<number, Buffer>;
  /** Rows come later, by COM_STMT_FETCH. */
  readonly cursor: boolean;
}

/** Statements of one text beyond these are read as one that can't be followed. */
const STATEMENTS_MAX = 1000;

export class StatementReader {
  readonly #options: StatementReaderOptions;
  readonly #bindings = new Map<Plan, { version: number; database: string | null; binding: Binding }>();

  constructor(options: StatementReaderOptions) {
    this.#options = options;
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
    const read: Omit<Statement, 'next'>[] = [];
    for (let at = from; at >= 0; at = this.#options.sql.lexed.next) {
      if (read.length >= STATEMENTS_MAX) return null;
      const plan = this.#options.sql.read(text, at, text.length, session.sqlMode);
      const { lexed } = this.#options.sql;
      const next = lexed.next;
      const source = { plan, lexed, sql: text, execution: null };
      read.push(this.#statement(source, session, dice, complete));
      lexed.next = next;
    }
    return read.reduceRight<Statement | null>((next, statement) => ({ ...statement, next }), null);
  }

  /** Reads the text of COM_STMT_PREPARE. */
  readPrepare(text: Buffer, session: SessionState): PreparedStatement {
    const plan = this.#options.sql.read(text, 0, text.length, session.sqlMode);
    const lexed = this.#options.sql.lexed.clone();
    return {
      plan,
      sql: text,
      lexed,
      effects: readEffects(plan, text, lexed),
      parameterCount: lexed.parameterCount,
      boundTypes: null,
      longData: new Map(),
      longDataComplete: true,
    };
  }

  /** Reads one execution of a prepared statement. */
  readExecution(execution: Execution, session: SessionState, dice: number, complete: boolean): Statement {
    const { plan, lexed, sql } = execution.statement;
    return { ...this.#statement({ plan, lexed, sql, execution }, session, dice, complete), next: null };
  }

  #statement(
    source: Source,
    session: SessionState,
    dice: number,
    complete: boolean,
  ): Omit<Statement, 'next'> {
    const { plan, execution } = source;
    const prepared = execution?.statement ?? null;
    const effects =
      prepared?.effects ?? (plan.session.length > 0 ? readEffects(plan, source.sql, source.lexed) : []);
    const plain = {
      kind: plan.kind,
      plan,
      target: null,
      straddles: false,
      selection: NOT_MIRRORED,
      effects,
      prepared,
    };
    if (plan.kind === 'other' || this.#touchesTemporary(plan, session)) return plain;
    const binding = this.#bind(plan, session.database);
    if (binding.scope === 'none' || binding.scope === 'unmoved') return plain;
    const target = this.#target(binding, source);
    const selection = this.#select(binding, target, source, session, dice, complete);
    return { ...plain, target, straddles: binding.scope === 'mixed', selection };
  }

  #touchesTemporary(plan: Plan, session: SessionState): boolean {
    return session.hasTemporaryTables && plan.tables.some(({ name }) => session.isTemporary(name));
  }

  #bind(plan: Plan, database: string | null): Binding {
    const { catalog } = this.#options;
    const known = this.#bindings.get(plan);
    if (known !== undefined && known.version === catalog.version && known.database === database)
      return known.binding;
    const binding = bind(plan, database, catalog);
    if (this.#bindings.size >= BINDINGS_MAX) this.#bindings.clear();
    this.#bindings.set(plan, { version: catalog.version, database, binding });
    return binding;
  }

  #target(binding: Binding, source: Source): Target {
    const { plan, lexed, sql, execution } = source;
    const written = plan.kind === 'read' ? binding.tables : binding.writtenTables;
    const keys = readKeys(binding, sql, lexed, execution?.packet ?? null);
    return {
      tables: written.map(({ name }) => name),
      keys: keys.keys,
      keysComplete: keys.complete,
      transactional: transactional(written as readonly CatalogTable[]),
    };
  }

  #select(
    binding: Binding,
    target: Target,
    source: Source,
    session: SessionState,
    dice: number,
    complete: boolean,
  ): Selection {
    const { sampler, statementBytes } = this.#options;
    const { plan } = source;
    const percent = sampler.percent(plan.kind);
    if (percent === 0) return NOT_SAMPLED;
    const byKey = sampler.byKey(plan.kind) && target.keysComplete && target.keys.length > 0;
    const kept = byKey ? target.keys.filter((key) => sampler.hasKey(key, percent)) : target.keys;
    if (byKey ? kept.length === 0 : !sampler.byDice(percent, dice)) return NOT_SAMPLED;

    if (binding.scope === 'mixed') return skipped('skipped_straddle');
    if (!complete || source.sql.length > statementBytes) return skipped('dropped_too_large');
    const faith = replayability(plan);
    if (faith === 'never' || !session.contextKnown) return skipped('skipped_unsupported');
    if (source.execution !== null && !replayable(source.execution)) return skipped('skipped_unsupported');

    const whole = kept.length === target.keys.length;
    if (!whole && (plan.kind === 'read' || !this.#canNarrow(binding, source))) return NOT_SAMPLED;
    const sql = this.#replayText(source, binding, whole ? null : new Set(kept), target.keys, session);
    if (sql === null) return NOT_SAMPLED;
    const leftOut = whole ? [] : target.keys.filter((key) => !kept.includes(key));
    const draft = this.#draft(source, session, sql, kept, faith === 'doubtful');
    // With FOUND_ROWS the client was told of rows matched, not changed: a lane is told of rows changed.
    const compareAffected = whole && plan.kind !== 'read' && (plan.kind === 'delete' || !session.foundRows);
    return { at: 'selected', draft: { ...draft, compareAffected }, leftOut };
  }

  #canNarrow(binding: Binding, source: Source): boolean {
    return binding.prune !== 'no' && source.execution === null;
  }

  /** The text for the shadow: only the kept keys, and the new cluster's database names. */
  #replayText(
    source: Source,
    binding: Binding,
    kept: ReadonlySet<TableKey> | null,
    keys: readonly TableKey[],
    session: SessionState,
  ): Buffer | null {
    const { plan, lexed, sql } = source;
    if (kept === null) return this.#mapped(sql, lexed, plan);
    const narrowed = narrow(sql, lexed, binding, (index) => kept.has(keys[index]!));
    if (narrowed === null || lexed.qualifierCount === 0) return narrowed;
    // The cut text has its names elsewhere, so it is read again.
    const again = this.#options.sql.read(narrowed, 0, narrowed.length, session.sqlMode);
    return this.#mapped(narrowed, this.#options.sql.lexed, again);
  }

  #mapped(sql: Buffer, lexed: Lexed, plan: Plan): Buffer {
    const { databases } = this.#options;
    const mapped = databases === null ? sql : mapDatabase(sql, lexed, plan, databases.from, databases.to);
    // What stands beside the statement in a text of several belongs to the others.
    return mapped === sql ? sql.subarray(lexed.start, lexed.end) : mapped;
  }

  #draft(
    source: Source,
    session: SessionState,
    sql: Buffer,
    keys: readonly TableKey[],
    doubtful: boolean,
  ): ReplayDraft {
    const { plan, execution } = source;
    const comparable =
      plan.kind === 'read' && !doubtful && !plan.limitWithoutOrder && execution?.cursor !== true;
    return {
      sql,
      prepared: execution === null ? null : preparedReplay(execution, sql),
      context: session.context,
      keys,
      rowHash: comparable && this.#options.sampler.compares() ? new RowHash() : null,
      compareAffected: false,
      doubtful: doubtful && plan.kind !== 'read',
    };
  }
}

/** As many as the plan cache may hold: both forget together. */
const BINDINGS_MAX = 20_000;

function replayable(execution: Execution): boolean {
  return execution.packet !== null && execution.statement.longDataComplete;
}

function preparedReplay(execution: Execution, sql: Buffer): PreparedReplay | null {
  if (execution.packet === null) return null;
  return { text: sql.toString('latin1'), packet: execution.packet, longData: execution.longData };
}

function skipped(outcome: 'skipped_straddle' | 'dropped_too_large' | 'skipped_unsupported'): Selection {
  return { at: 'skipped', outcome };
}

function transactional(tables: readonly CatalogTable[]): Target['transactional'] {
  if (tables.length > 0 && tables.every((table) => table.transactional === true)) return 'yes';
  if (tables.length > 0 && tables.every((table) => table.transactional === false)) return 'no';
  return 'unknown';
}
