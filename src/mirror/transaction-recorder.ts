/**
 * Gathers the answered statements of one session into units: alone, or with their transaction once it is
 * committed. What is rolled back never leaves here but as a count.
 */

import type { DoubtReason } from '../journal/journal.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { MirrorOutcome, ShardMetrics } from '../observe/metrics.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import { STATUS } from '../wire/protocol.ts';
import { CommitsUnderWay } from './commits-under-way.ts';
import { HeldStatements } from './held-statements.ts';
import { makeUnit } from './make-unit.ts';
import type { Statement } from './statement.ts';
import type { TableKey } from './table-key.ts';
import {
  afterSession,
  type FollowedStep,
  follow,
  type HeldVerdict,
  initialTransaction,
  type OwnVerdict,
  standsAlone,
  type TransactionState,
} from './transaction-follower.ts';
import { REPLAY_OVERHEAD_BYTES, type Replay, type Unit } from './unit.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

/** The same for all sessions of a shard. */
export interface RecorderOptions {
  readonly unitBytes: number;
  readonly metrics: ShardMetrics;
  readonly incidents: ShardIncidents;
  readonly writes: WritesUnderWay;
  /** Takes a unit for the mirror. */
  readonly offer: (unit: Unit) => void;
  readonly doubt: (
    tables: readonly string[],
    keys: readonly TableKey[],
    complete: boolean,
    reason: DoubtReason,
  ) => void;
}

/** A statement that the primary has carried out. */
interface Recorded {
  readonly statement: Statement;
  readonly result: ResultSummary;
  readonly seconds: number;
  readonly bytes: number;
}

/** Statements held of one transaction; with `unitBytes` it bounds what an open transaction can cost. */
const HELD_STATEMENTS_MAX = 10_000;
const NO_KEYS: readonly TableKey[] = [];

export class TransactionRecorder {
  readonly #options: RecorderOptions;
  readonly #held: HeldStatements<Recorded>;
  #state: TransactionState;
  readonly #commits: CommitsUnderWay;
  /** False: a transaction's locks do not keep others from its keys until it ends (READ COMMITTED, or not known). */
  locksHold = true;

  /** `initialStatus`: the status flags of the login. */
  constructor(options: RecorderOptions, initialStatus: number) {
    this.#options = options;
    this.#held = new HeldStatements({ bytes: options.unitBytes, statements: HELD_STATEMENTS_MAX });
    this.#commits = new CommitsUnderWay(options.writes, this);
    this.#state = initialTransaction(initialStatus);
  }

  get inTransaction(): boolean {
    return this.#state.inTransaction;
  }

  /** A statement is about to be sent: if it may commit, the order of what it commits is open until it is answered. */
  sending(statement: Statement): void {
    if (!mayCommit(statement)) return;
    this.#commits.sent(
      statement,
      this.#held.items.flatMap((held) => held.statement.span ?? []),
    );
  }

  /** It was sent behind another statement of the same text that failed, and so not carried out. */
  notReached(statement: Statement): void {
    this.#commits.answered(statement);
    this.#over(statement);
  }

  /** A statement was answered, with success or without. */
  answered(statement: Statement, result: ResultSummary, seconds: number, answeredAtMs: number): void {
    this.#follow(statement, result, seconds, answeredAtMs);
    this.#commits.answered(statement);
  }

  #follow(statement: Statement, result: ResultSummary, seconds: number, answeredAtMs: number): void {
    if (result.ok && stepOf(statement) === 'none' && standsAlone(this.#state, result.status)) {
      if (statement.target !== null) this.#place('alone', statement, result, seconds, answeredAtMs);
      return;
    }
    const followed = follow(this.#state, {
      step: stepOf(statement),
      setsAutocommit: setsAutocommit(statement),
      ok: result.ok,
      errno: result.errno,
      status: result.status,
    });
    this.#state = followed.state;
    this.#settleHeld(followed.held, answeredAtMs);
    if (result.ok) this.#savepoint(statement);
    if (statement.target !== null) this.#place(followed.own, statement, result, seconds, answeredAtMs);
  }

  /** These were carried out, or some of them, and which is not known; `status` is what the server said last. */
  lostTrack(statements: readonly Statement[], status: number): void {
    this.#settleHeld('uncertain', 0);
    for (const statement of statements) {
      if (statement.target !== null) this.#uncertain(statement);
    }
    this.#commits.clear();
    this.#state = initialTransaction(status === 0 ? STATUS.AUTOCOMMIT : status);
  }

  /** The session is over, these statements without an answer: the server rolls back what is open. */
  closed(unanswered: readonly Statement[]): void {
    this.#settleHeld(afterSession(this.#state, unanswered.some(mayCommit)), 0);
    for (const statement of unanswered) {
      if (statement.target !== null) this.#uncertain(statement);
    }
    this.#commits.clear();
    this.#state = initialTransaction(STATUS.AUTOCOMMIT);
  }

  #settleHeld(verdict: HeldVerdict, answeredAtMs: number): void {
    switch (verdict) {
      case 'keep':
        return;
      case 'commit':
        this.#emit(this.#held.takeAll(true), answeredAtMs);
        return;
      case 'discard':
        for (const recorded of this.#held.takeAll(true)) this.#undone(recorded.statement);
        return;
      case 'uncertain':
        for (const { statement } of this.#held.takeAll(true)) this.#uncertain(statement);
    }
  }

  #savepoint({ plan }: Statement): void {
    if (plan === null || plan.savepoint === null) return;
    if (plan.transaction === 'savepoint') this.#held.savepoint(plan.savepoint);
    else if (plan.transaction === 'release') this.#held.release(plan.savepoint);
    else if (plan.transaction === 'rollback_to') this.#rollbackTo(plan.savepoint);
  }

  #rollbackTo(savepoint: string): void {
    const undone = this.#held.rollbackTo(savepoint);
    if (undone !== null) {
      for (const { statement } of undone) this.#undone(statement);
      return;
    }
    // Set where it could not be seen, or too long ago: which statements stood before it is not known.
    for (const { statement } of this.#held.takeAll(false)) this.#uncertain(statement);
  }

  #place(
    verdict: OwnVerdict,
    statement: Statement,
    result: ResultSummary,
    seconds: number,
    answeredAtMs: number,
  ): void {
    const { span } = statement;
    const held = verdict === 'hold' && statement.target?.transactional !== 'no';
    // What its locks do not protect may be changed by others until the transaction ends.
    if (span !== null && (!held || this.locksHold)) this.#options.writes.answered(span);
    if (verdict === 'failed') {
      this.#failed(statement);
    } else if (verdict === 'uncertain') {
      this.#uncertain(statement);
    } else if (statement.kind === 'read' && statement.selection.at === 'not_sampled') {
      this.#options.metrics.notSampled('read');
    } else {
      const recorded = { statement, result, seconds, bytes: sizeOf(statement) };
      if (held) this.#hold(recorded);
      // Done for good, whatever becomes of the transaction around it.
      else this.#emit([recorded], answeredAtMs);
    }
  }

  #hold(recorded: Recorded): void {
    if (this.#held.hold(recorded)) {
      const { span } = recorded.statement;
      if (span !== null) this.#commits.join(span);
      return;
    }
    for (const { statement } of [...this.#held.takeAll(false), recorded]) {
      this.#count(statement, 'dropped_too_large');
      this.#doubt(statement, 'dropped');
      this.#over(statement);
    }
  }

  /** Rolled back: nothing is left of it, unless a table among its tables keeps what was done. */
  #undone(statement: Statement): void {
    this.#count(statement, 'skipped_rolled_back');
    if (statement.target?.transactional === 'unknown') this.#doubt(statement, 'uncertain');
    this.#over(statement);
  }

  #uncertain(statement: Statement): void {
    this.#count(statement, 'skipped_uncertain');
    this.#doubt(statement, 'uncertain');
    this.#over(statement);
  }

  #failed(statement: Statement): void {
    this.#count(statement, 'skipped_failed');
    if (statement.target?.transactional !== 'yes') this.#doubt(statement, 'partial');
    this.#over(statement);
  }

  /** Committed: what was selected goes to the mirror, what was left out is in doubt. */
  #emit(recorded: readonly Recorded[], answeredAtMs: number): void {
    const replays: Replay[] = [];
    for (const entry of recorded) {
      const { statement } = entry;
      const { selection, target } = statement;
      // By a trigger or a foreign key, which the shadow may not have: whatever becomes of the statement itself.
      if (target !== null && target.reached.length > 0)
        this.#options.doubt(target.reached, NO_KEYS, false, 'hazard');
      if (selection.at === 'selected' && target !== null) {
        if (selection.leftOut.length > 0)
          this.#options.doubt(target.tables, selection.leftOut, true, 'not_sampled');
        // The shadow hands out auto-increment values of its own.
        if (selection.draft.doubtful || entry.result.insertId !== 0) this.#doubt(statement, 'hazard');
        this.#noteOverlap(statement);
        replays.push(replayOf(entry, selection.draft));
        continue;
      }
      if (selection.at === 'skipped') {
        this.#count(statement, selection.outcome);
        this.#doubt(statement, selection.outcome === 'dropped_too_large' ? 'dropped' : 'hazard');
      } else if (selection.at === 'not_sampled') {
        this.#options.metrics.notSampled(statement.kind);
        this.#doubt(statement, 'not_sampled');
      } else {
        // Of tables that stay, whose triggers or foreign keys reach tables that move.
        this.#doubt(statement, 'hazard');
      }
      this.#over(statement);
    }
    if (replays.length > 0) this.#options.offer(makeUnit(replays, answeredAtMs));
  }

  /** Where the primary may have taken another session's write of the same rows before or after this one. */
  #noteOverlap({ span }: Statement): void {
    if (span === null) return;
    const { writes, doubt } = this.#options;
    writes.answered(span);
    const keys = writes.unordered(span);
    if (keys.length > 0) doubt(span.target.tables, keys, true, 'overlap');
    if (span.overlappedTables.length > 0) doubt(span.overlappedTables, [], false, 'overlap');
  }

  /** What became of it is known, and noted where it is a doubt. */
  #over({ span }: Statement): void {
    if (span !== null) this.#options.writes.settled(span);
  }

  /** Only what was picked by the ratio is counted, each under one outcome. */
  #count(statement: Statement, outcome: MirrorOutcome): void {
    const { metrics, incidents } = this.#options;
    if (outcome === 'dropped_too_large') {
      const digest = (): string => statement.plan?.digest ?? '';
      incidents.report({
        reason: 'too_large',
        table: statement.target?.tables[0],
        message: () => `above queue.statementBytes, or its transaction above queue.unitBytes: ${digest()}`,
      });
    }
    if (statement.selection.at === 'selected' || statement.selection.at === 'skipped')
      metrics.mirror(statement.kind, outcome);
    else if (statement.selection.at === 'not_sampled') metrics.notSampled(statement.kind);
  }

  #doubt({ kind, target }: Statement, reason: DoubtReason): void {
    if (kind === 'read' || target === null) return;
    this.#options.doubt(target.tables, target.keys, target.keysComplete, reason);
    if (target.reached.length > 0) this.#options.doubt(target.reached, NO_KEYS, false, reason);
  }
}

/** What can't be seen into, or not even be read, may do anything to the transaction. */
function stepOf({ plan }: Statement): FollowedStep {
  return plan === null || plan.opaque || plan.anyResults ? 'opaque' : plan.transaction;
}

function setsAutocommit({ effects }: Statement): boolean {
  return effects.some(({ what }) => what === 'autocommit');
}

/** Under way when the session ended, it may have committed, or may not have come to it. */
function mayCommit(statement: Statement): boolean {
  const step = stepOf(statement);
  return (step !== 'none' && step !== 'rollback') || setsAutocommit(statement);
}

function sizeOf({ selection }: Statement): number {
  if (selection.at !== 'selected') return REPLAY_OVERHEAD_BYTES;
  const { sql, prepared } = selection.draft;
  let bytes = REPLAY_OVERHEAD_BYTES + sql.length;
  if (prepared !== null) {
    bytes += prepared.packet.bytes;
    if (prepared.longData.size > 0) for (const value of prepared.longData.values()) bytes += value.length;
  }
  return bytes;
}

function replayOf(
  entry: Recorded,
  draft: Extract<Statement['selection'], { at: 'selected' }>['draft'],
): Replay {
  const { statement, result, seconds, bytes } = entry;
  return {
    kind: statement.kind,
    plan: statement.plan!,
    sql: draft.sql,
    prepared: draft.prepared,
    context: draft.context,
    tables: statement.target!.tables,
    keys: draft.keys,
    keysComplete: statement.target!.keysComplete,
    span: statement.span,
    primary: {
      seconds,
      rows: result.rows,
      affectedRows: result.affectedRows,
      compareAffected: draft.compareAffected,
      rowHash: draft.rowHash,
    },
    bytes,
  };
}
