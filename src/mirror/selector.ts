/** Decides of a statement on moved tables whether the ratios pick it, and makes the draft of its replay. */

import type { StatementKind } from '../observe/metrics.ts';
import type { KeysFound } from '../sql/keys.ts';
import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import { canNarrow, type DatabaseMap, rewrite } from '../sql/rewrite.ts';
import type { ExecutePacket } from '../wire/execute-packet.ts';
import { affectedCount, passesOver } from './affected-rows.ts';
import type { BoundPlan } from './bound-plan.ts';
import { valuesDiffer } from './kind-differences.ts';
import { keepsWhole, type PreparedStatement, type PreparedText } from './prepared-statements.ts';
import { sameNumbers } from './replay-needs.ts';
import { RowHash } from './row-hash.ts';
import type { Sampler } from './sampler.ts';
import type { SessionState } from './session-state.ts';
import { NOT_SAMPLED, type ReplayDraft, type Selection } from './statement.ts';
import { fillsByWord } from './table-effects.ts';
import type { TableKey } from './table-key.ts';
import type { Target } from './target.ts';
import type { PreparedReplay } from './unit.ts';
import { type PreparedIn, saysTheSame } from './words-since.ts';

export interface SelectorOptions {
  readonly sampler: Sampler;
  /** Old database to new one; null: names stay. */
  readonly databases: DatabaseMap | null;
  /** A larger statement is not replayed. */
  readonly statementBytes: number;
}

/** One execution of a prepared statement. */
export interface Execution {
  readonly statement: PreparedStatement;
  /** Null: it could not be read. */
  readonly packet: ExecutePacket | null;
  /** False: some of the packet's values, or what the text means, are a guess. */
  readonly known: boolean;
  /** Whether rows that AUTO_INCREMENT numbers have numbers one after the other, of which the answer tells the first. */
  readonly numbers: 'in_step' | 'unsure';
  /** False: its rows come later, by COM_STMT_FETCH, or as text. */
  readonly rowsAsReplayed: boolean;
}

/** A statement where it stands: in a command's text, or among a session's prepared ones. */
export interface Candidate {
  readonly plan: Plan;
  readonly bound: BoundPlan;
  readonly sql: Buffer;
  readonly lexed: Lexed;
  readonly execution: Execution | null;
  readonly found: KeysFound;
  readonly target: Target;
  /** False: only the beginning of its text is at hand. */
  readonly complete: boolean;
  /** What `compares` said of it. */
  readonly compared: boolean;
}

/** Of a statement that was picked. `isCut`: not with all of its keys. */
interface WhatIsReplayed {
  readonly sql: Buffer;
  readonly prepared: PreparedReplay | null;
  readonly keys: readonly TableKey[];
  readonly isCut: boolean;
}

type Obstacle = 'skipped_straddle' | 'dropped_too_large' | 'skipped_unsupported';

/** Which of the keys are sampled: all, none, or for each whether it is. */
type Picked = 'all' | 'none' | readonly boolean[];

/** What `Lexed` says of a literal outside of VALUES. */
const NO_ROW = -1;
const NO_KEYS: readonly TableKey[] = [];
const NO_SETTINGS: readonly string[] = [];

export class Selector {
  readonly #options: SelectorOptions;

  constructor(options: SelectorOptions) {
    this.#options = options;
  }

  /** Does the ratio leave out this kind's next statement, whatever its keys? Reads by dice are drawn here, once each. */
  passesOver(kind: StatementKind): boolean {
    if (kind !== 'read') return false;
    const { sampler } = this.#options;
    const percent = sampler.percent(kind);
    return (
      percent === 0 || (percent < 100 && !sampler.byKey(kind) && !sampler.byDice(percent, sampler.draw()))
    );
  }

  /** Is a read's result to be held against the primary's, should it be picked? Drawn here, once each. */
  compares(plan: Plan, { replayability }: BoundPlan, execution: Execution | null): boolean {
    if (plan.kind !== 'read' || replayability !== 'faithful' || plan.limitWithoutOrder) return false;
    return execution?.rowsAsReplayed !== false && this.#options.sampler.compares();
  }

  /**
   * Does it matter which keys a statement touches? Of a read, only if they pick it, or its place in the order of
   * writes counts.
   */
  asksForKeys(kind: StatementKind, compared: boolean): boolean {
    return kind !== 'read' || compared || this.#options.sampler.byKey(kind);
  }

  /** Of a statement that is not passed over: `dice`, drawn once a transaction, picks writes and deletes whose keys are not known. */
  select(candidate: Candidate, session: SessionState, dice: number): Selection {
    const picked = this.#pick(candidate, dice);
    if (picked === 'none') return NOT_SAMPLED;
    const obstacle = this.#obstacle(candidate, session);
    if (obstacle !== null) return { at: 'skipped', outcome: obstacle };
    return picked === 'all' ? this.#whole(candidate, session) : this.#cut(candidate, session, picked);
  }

  #pick({ plan, target }: Candidate, dice: number): Picked {
    const { sampler } = this.#options;
    const percent = sampler.percent(plan.kind);
    if (percent === 0) return 'none';
    if (percent >= 100) return 'all';
    if (!sampler.byKey(plan.kind)) return 'all';
    if (!target.keysComplete || target.keys.length === 0) {
      return sampler.byDice(percent, plan.kind === 'read' ? sampler.draw() : dice) ? 'all' : 'none';
    }
    const keep = target.keys.map((key) => sampler.hasKey(key, percent));
    if (!keep.includes(true)) return 'none';
    return keep.includes(false) ? keep : 'all';
  }

  /** Why a statement that the ratio picked can't be replayed; null: it can. */
  #obstacle({ bound, sql, execution, complete }: Candidate, session: SessionState): Obstacle | null {
    if (bound.binding.scope === 'mixed') return 'skipped_straddle';
    if (!complete || sql.length > this.#options.statementBytes) return 'dropped_too_large';
    if (bound.replayability === 'never' || !session.contextKnown) return 'skipped_unsupported';
    if (execution === null) return null;
    const { packet, known, statement } = execution;
    const isWhole = packet !== null && known && statement.longData.complete;
    return isWhole && isAtHome(statement, session) ? null : 'skipped_unsupported';
  }

  #whole(candidate: Candidate, session: SessionState): Selection {
    const { execution, target } = candidate;
    const text = execution === null ? null : this.#preparedText(candidate, execution.statement);
    const sql = text === null ? this.#rewritten(candidate, null) : text.sql;
    if (sql === null) return NOT_SAMPLED;
    const prepared = execution === null ? null : preparedReplay(execution, text?.name ?? nameOf(sql), null);
    const draft = this.#draft(candidate, session, { sql, prepared, keys: target.keys, isCut: false });
    return { at: 'selected', draft, leftOut: NO_KEYS };
  }

  /** The same for all executions out of which nothing is cut; null: too long to be kept. */
  #preparedText(candidate: Candidate, statement: PreparedStatement): PreparedText | null {
    if (statement.whole === null && keepsWhole(statement)) {
      const sql = this.#rewritten(candidate, null);
      if (sql !== null) statement.whole = { sql, name: nameOf(sql) };
    }
    return statement.whole;
  }

  #rewritten({ sql, lexed, bound, found }: Candidate, keep: readonly boolean[] | null): Buffer | null {
    const isKept = keep === null ? null : (index: number) => keep[index]!;
    return rewrite(sql, lexed, bound.binding, found, isKept, this.#options.databases);
  }

  /** Some keys are sampled and some are not: the others are cut out, or where that can't be, none is replayed. */
  #cut(candidate: Candidate, session: SessionState, keep: readonly boolean[]): Selection {
    const { plan, lexed, bound, found, target, execution } = candidate;
    if (plan.kind === 'read' || !canNarrow(bound.binding, lexed, found)) return NOT_SAMPLED;
    const sql = this.#rewritten(candidate, keep);
    if (sql === null) return NOT_SAMPLED;
    const prepared =
      execution === null ? null : preparedReplay(execution, nameOf(sql), parametersLeft(candidate, keep));
    const keys = target.keys.filter((_, index) => keep[index]);
    return {
      at: 'selected',
      draft: this.#draft(candidate, session, { sql, prepared, keys, isCut: true }),
      leftOut: target.keys.filter((_, index) => !keep[index]),
    };
  }

  #draft(
    { plan, bound, sql: text, lexed, execution, found, compared }: Candidate,
    session: SessionState,
    { sql, prepared, keys, isCut }: WhatIsReplayed,
  ): ReplayDraft {
    const isRead = plan.kind === 'read';
    const affected = isRead || isCut ? null : affectedCount(plan, lexed.rowCount, session.foundRows);
    const isDoubtful =
      bound.replayability !== 'faithful' ||
      bound.needs.numbers === 'untold' ||
      fillsByWord(text, lexed, bound.tables);
    return {
      sql,
      prepared,
      context: session.context,
      reads: bound.reads,
      settings: NO_SETTINGS,
      fixedTime: null,
      clock: bound.needs.clock,
      // Rows that were cut out have used up numbers.
      sameNumbers: !isCut && inStep(execution, lexed.rowCount) && sameNumbers(bound.needs, lexed.rowCount),
      // A trigger may ask for numbers of its own.
      bringsNumbers: found.bringsNumbers && !bound.traces.runsTriggers,
      keys,
      rowHash: compared ? new RowHash() : null,
      affected,
      tally: null,
      moves: bound.moves,
      byKind:
        !isRead &&
        (bound.differences.always || valuesDiffer(bound.differences, text, lexed, execution?.packet ?? null)),
      isWhole: !isCut,
      adjusted: bound.differences.adjusted,
      doubtful: !isRead && (isDoubtful || (affected === null && passesOver(plan))),
      doubtfulIfWarned: !isRead && bound.tables.some(({ effects }) => effects.warned),
    };
  }
}

/** A lane reads a text, and looks for its tables, as its session does now; the primary as that did when it was prepared. */
export function isAtHome(
  prepared: PreparedIn & Pick<PreparedStatement, 'database'>,
  session: SessionState,
): boolean {
  if (!saysTheSame(prepared, session.words)) return false;
  const { plan, database } = prepared;
  return database === session.database || plan.tables.every((table) => table.database !== null);
}

/** Rows that AUTO_INCREMENT numbers have numbers one after the other. */
export function inStep(execution: Execution | null, rows: number): boolean {
  return rows <= 1 || execution?.numbers !== 'unsure';
}

/** What lanes know a prepared statement's text by. */
function nameOf(sql: Buffer): string {
  return sql.toString('latin1');
}

/** `left`: the parameters left of a statement that was cut; null: no key was cut out of it. */
function preparedReplay(
  { packet, statement }: Execution,
  text: string,
  left: readonly number[] | null,
): PreparedReplay | null {
  if (packet === null) return null;
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
function parametersLeft({ lexed, bound, found }: Candidate, keep: readonly boolean[]): number[] {
  const cutLiterals = new Set(found.literals.filter((_, index) => !keep[index]));
  const cutRows = new Set([...cutLiterals].map((literal) => lexed.literalRow(literal)));
  cutRows.delete(NO_ROW);
  const byRow = bound.binding.prune === 'rows';
  const left: number[] = [];
  for (let literal = 0; literal < lexed.literalCount; literal++) {
    const ordinal = lexed.literalOrdinal(literal);
    const cut = byRow ? cutRows.has(lexed.literalRow(literal)) : cutLiterals.has(literal);
    if (ordinal >= 0 && !cut) left.push(ordinal);
  }
  return left;
}
