/** Turns a client's command into a statement: what it touches, and whether and how it would be replayed. */
import { type Binding, bind, type KeysFound, type ParamReader, readKeys } from '../sql/keys.ts';
import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import type { SqlReader } from '../sql/plan-cache.ts';
import { canNarrow, type DatabaseMap, rewrite } from '../sql/rewrite.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import type { CatalogTable, ShardCatalog } from './catalog.ts';
import { LongData } from './long-data.ts';
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
  readonly databases: DatabaseMap | null;
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
      longData: new LongData(),
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
    const found = readKeys(binding, source.sql, source.lexed, parameters(execution));
    const target = targetOf(binding, found, this.#writtenTables(binding, session.database), complete);
    const selection = this.#select(binding, found, target, source, session, dice, complete);
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

  /** Of a read, the tables it reads; else those it changes. */
  #writtenTables({ plan, tables }: Binding, database: string | null): readonly CatalogTable[] {
    if (plan.kind === 'read') return tables as readonly CatalogTable[];
    const written = new Set<CatalogTable>();
    for (const table of plan.tables) {
      const known = table.written
        ? this.#options.catalog.table(table.database ?? database, table.name)
        : null;
      if (known !== null) written.add(known);
    }
    return [...written];
  }

  #select(
    binding: Binding,
    found: KeysFound,
    target: Target,
    source: Source,
    session: SessionState,
    dice: number,
    complete: boolean,
  ): Selection {
    const { sampler, databases } = this.#options;
    const { plan } = source;
    const percent = sampler.percent(plan.kind);
    if (percent === 0) return NOT_SAMPLED;
    const byKey = sampler.byKey(plan.kind) && target.keysComplete && target.keys.length > 0;
    const keep = target.keys.map((key) => !byKey || sampler.hasKey(key, percent));
    const drawn = plan.kind === 'read' ? sampler.draw() : dice;
    if (byKey ? !keep.includes(true) : !sampler.byDice(percent, drawn)) return NOT_SAMPLED;

    const obstacle = this.#obstacle(binding, source, session, complete);
    if (obstacle !== null) return { at: 'skipped', outcome: obstacle };
    const whole = !keep.includes(false);
    if (!whole && !narrowable(binding, source, found)) return NOT_SAMPLED;
    const kept = (index: number): boolean => keep[index]!;
    const text = rewrite(source.sql, source.lexed, binding, found, whole ? null : kept, databases);
    if (text === null) return NOT_SAMPLED;
    const keys = whole ? target.keys : target.keys.filter((_, index) => keep[index]);
    return {
      at: 'selected',
      draft: this.#draft(
        source,
        session,
        text,
        keys,
        whole ? null : parametersLeft(source.lexed, binding, found, keep),
      ),
      leftOut: whole ? [] : target.keys.filter((_, index) => !keep[index]),
    };
  }

  /** Why a statement that the ratio picked can't be replayed; null: it can. */
  #obstacle(binding: Binding, source: Source, session: SessionState, complete: boolean): Obstacle | null {
    if (binding.scope === 'mixed') return 'skipped_straddle';
    if (!complete || source.sql.length > this.#options.statementBytes) return 'dropped_too_large';
    if (replayability(source.plan) === 'never' || !session.contextKnown) return 'skipped_unsupported';
    const { execution } = source;
    return execution === null || replayable(execution) ? null : 'skipped_unsupported';
  }

  /** `parametersLeft`: of a prepared statement that was cut; null: no key was cut out of it. */
  #draft(
    source: Source,
    session: SessionState,
    sql: Buffer,
    keys: readonly TableKey[],
    left: readonly number[] | null,
  ): ReplayDraft {
    const { plan, execution } = source;
    const isRead = plan.kind === 'read';
    const faithful = replayability(plan) === 'faithful';
    const comparable = isRead && faithful && !plan.limitWithoutOrder && execution?.cursor !== true;
    return {
      sql,
      prepared: execution === null ? null : preparedReplay(execution, sql, left),
      context: session.context,
      keys,
      rowHash: comparable && this.#options.sampler.compares() ? new RowHash() : null,
      // With FOUND_ROWS the client was told of rows matched, not changed: a lane is told of rows changed.
      compareAffected: !isRead && left === null && (plan.kind === 'delete' || !session.foundRows),
      doubtful: !isRead && !faithful,
    };
  }
}

/** What `Lexed` says of a literal outside of VALUES. */
const NO_ROW = -1;

type Obstacle = 'skipped_straddle' | 'dropped_too_large' | 'skipped_unsupported';

/** As many as the plan cache may hold: both forget together. */
const BINDINGS_MAX = 20_000;

/** Of a text of which only the beginning is at hand (not `complete`) there may be more keys. */
function targetOf(
  binding: Binding,
  found: KeysFound,
  tables: readonly CatalogTable[],
  complete: boolean,
): Target {
  return {
    tables: tables.map(({ name }) => name),
    keys: found.keys.map((key, index) => ({ table: binding.tables[found.tables[index]!]!.name, key })),
    keysComplete: found.complete && complete,
    transactional: transactional(tables),
  };
}

function parameters(execution: Execution | null): ParamReader | undefined {
  const packet = execution?.packet ?? null;
  return packet === null ? undefined : { key: (ordinal) => packet.keyText(ordinal) };
}

function narrowable(binding: Binding, { plan, lexed }: Source, found: KeysFound): boolean {
  return plan.kind !== 'read' && canNarrow(binding, lexed, found);
}

function replayable(execution: Execution): boolean {
  return execution.packet !== null && execution.statement.longData.complete;
}

function preparedReplay(
  { packet, statement }: Execution,
  sql: Buffer,
  left: readonly number[] | null,
): PreparedReplay | null {
  if (packet === null) return null;
  const text = sql.toString('latin1');
  const longData = statement.longData.values();
  if (left === null) return { text, packet, longData };
  const moved = new Map<number, Buffer>();
  left.forEach((from, to) => {
    const value = longData.get(from);
    if (value !== undefined) moved.set(to, value);
  });
  return { text, packet: packet.pick(left), longData: moved };
}

/** The parameters that stand in what is left of a statement when the keys that are not kept are cut out. */
function parametersLeft(
  lexed: Lexed,
  binding: Binding,
  found: KeysFound,
  keep: readonly boolean[],
): number[] {
  const cutLiterals = new Set(found.literals.filter((_, index) => !keep[index]));
  const cutRows = new Set([...cutLiterals].map((literal) => lexed.literalRow(literal)));
  cutRows.delete(NO_ROW);
  const left: number[] = [];
  for (let literal = 0; literal < lexed.literalCount; literal++) {
    const ordinal = lexed.literalOrdinal(literal);
    const cut = binding.prune === 'rows' ? cutRows.has(lexed.literalRow(literal)) : cutLiterals.has(literal);
    if (ordinal >= 0 && !cut) left.push(ordinal);
  }
  return left;
}

function transactional(tables: readonly CatalogTable[]): Target['transactional'] {
  if (tables.length > 0 && tables.every((table) => table.transactional === true)) return 'yes';
  if (tables.length > 0 && tables.every((table) => table.transactional === false)) return 'no';
  return 'unknown';
}
