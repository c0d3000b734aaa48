/**
 * Gathers the answered statements of one session into units: alone, or with their transaction once it is
 * committed. What is rolled back never leaves here but as a count.
 */

import type { ShardMetrics } from '../observe/metrics.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import { STATUS } from '../wire/protocol.ts';
import { CommitsUnderWay } from './commits-under-way.ts';
import { HeldStatements } from './held-statements.ts';
import { LingeringMarks } from './lingering-marks.ts';
import type { Outlet, Recorded } from './outlet.ts';
import type { Statement } from './statement.ts';
import { withNumbers } from './target.ts';
import type { Timing } from './timing.ts';
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
import { REPLAY_OVERHEAD_BYTES } from './unit.ts';
import type { WriteSpan } from './write-span.ts';
import type { WritesUnderWay } from './writes-under-way.ts';
import type { XaBranches } from './xa-branches.ts';

/** The same for all sessions of a shard. */
export interface RecorderOptions {
  readonly unitBytes: number;
  readonly writes: WritesUnderWay;
  readonly metrics: ShardMetrics;
  readonly outlet: Outlet;
  readonly branches: XaBranches;
}

/** Statements held of one transaction; with `unitBytes` it bounds what an open transaction can cost. */
const HELD_STATEMENTS_MAX = 10_000;

export class TransactionRecorder {
  readonly #options: RecorderOptions;
  readonly #held: HeldStatements<Recorded>;
  #state: TransactionState;
  readonly #commits: CommitsUnderWay;
  readonly #lingering = new LingeringMarks();
  /** All that a distributed transaction's branch has done is among the held. */
  #branchTold = false;
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
    const spans: WriteSpan[] = [];
    for (const { statement: held } of this.#held.items) if (held.span !== null) spans.push(held.span);
    this.#commits.sent(statement, spans);
  }

  /** It was sent behind another statement of the same text that failed, and so not carried out. */
  notReached(statement: Statement): void {
    this.#commits.answered(statement);
    this.#options.outlet.over(statement);
  }

  /** Something was carried out that can't be seen into: while its transaction is open, what it did is nobody else's to see. */
  unseen(): void {
    if (this.#state.inTransaction) this.#lingering.addAny(() => this.#options.writes.unreadSent());
  }

  /** A statement was answered, with success or without. */
  answered(statement: Statement, result: ResultSummary, timing: Timing): void {
    this.#follow(statement, result, timing);
    this.#commits.answered(statement);
  }

  #follow(statement: Statement, result: ResultSummary, timing: Timing): void {
    if (result.ok && stepOf(statement) === 'none' && standsAlone(this.#state, result.status)) {
      if (statement.target !== null) this.#place('alone', statement, result, timing);
      return;
    }
    const followed = follow(this.#state, {
      step: stepOf(statement),
      setsAutocommit: setsAutocommit(statement),
      ok: result.ok,
      errno: result.errno,
      status: result.status,
    });
    this.#branches(statement, result.ok);
    this.#state = followed.state;
    const { held } = followed;
    if (!this.#state.inTransaction || held === 'commit' || held === 'discard') this.#lingering.release();
    this.#settleHeld(followed.held, timing.answeredAtMs);
    if (result.ok) this.#savepoint(statement);
    if (statement.target !== null) this.#place(followed.own, statement, result, timing);
  }

  /** What a branch has written is kept for its commit, which may come of another session, and much later. */
  #branches(statement: Statement, ok: boolean): void {
    const { plan, branch } = statement;
    const { branches } = this.#options;
    const what = plan?.xa?.what;
    if (what === undefined) {
      if (stepOf(statement) === 'opaque') this.#branchTold = false;
      return;
    }
    if (!ok) return;
    if (what === 'start') this.#branchTold = !this.#state.inTransaction;
    else if (what === 'prepare') {
      const targets = this.#held.items.flatMap(({ statement: held }) => held.target ?? []);
      if (branch !== null && this.#branchTold && this.#held.isWhole)
        branches.prepared(
          branch.name,
          targets.filter(({ tables, reached }) => tables.length + reached.length > 0),
        );
      this.#branchTold = false;
    } else if (branch !== null && (what === 'commit' || what === 'rollback')) branches.ended(branch.name);
  }

  /** These were carried out, or some of them, and which is not known; `status` is what the server said last. */
  lostTrack(statements: readonly Statement[], status: number): void {
    this.#settleHeld('uncertain', 0);
    for (const statement of statements) {
      if (statement.target !== null) this.#uncertain(statement);
    }
    this.#commits.clear();
    this.#state = initialTransaction(status === 0 ? STATUS.AUTOCOMMIT : status);
    if (!this.#state.inTransaction) this.#lingering.release();
  }

  /** The session is over, these statements without an answer: the server rolls back what is open. */
  closed(unanswered: readonly Statement[]): void {
    this.#settleHeld(afterSession(this.#state, unanswered.some(mayCommit)), 0);
    for (const statement of unanswered) {
      if (statement.target !== null) this.#uncertain(statement);
    }
    this.#commits.clear();
    this.#state = initialTransaction(STATUS.AUTOCOMMIT);
    this.#lingering.release();
  }

  #uncertain(statement: Statement): void {
    this.#options.outlet.uncertain(statement);
    this.#noted(statement);
  }

  /** What it may have left wrong is in the journal: it is over, unless its transaction is still to be committed. */
  #noted(statement: Statement): void {
    if (!this.#state.inTransaction) {
      this.#options.outlet.over(statement);
      return;
    }
    const mark = statement.span && this.#options.writes.lingering(statement.span);
    if (mark !== null) this.#lingering.add(mark);
  }

  #settleHeld(verdict: HeldVerdict, answeredAtMs: number): void {
    switch (verdict) {
      case 'keep':
        return;
      case 'commit':
        this.#options.outlet.committed(this.#held.takeAll(true), answeredAtMs);
        return;
      case 'discard':
        for (const recorded of this.#held.takeAll(true)) this.#options.outlet.undone(recorded.statement);
        return;
      case 'uncertain':
        for (const { statement } of this.#held.takeAll(true)) this.#uncertain(statement);
    }
  }

  #savepoint({ plan }: Statement): void {
    if (plan === null) return;
    const { transaction, savepoint } = plan;
    if (transaction === 'rollback_to') this.#rollbackTo(savepoint);
    else if (transaction !== 'savepoint' && transaction !== 'release') return;
    else if (savepoint === null) this.#held.forgetSavepoints();
    else if (transaction === 'savepoint') this.#held.savepoint(savepoint);
    else this.#held.release(savepoint);
  }

  #rollbackTo(savepoint: string | null): void {
    const undone = savepoint === null ? null : this.#held.rollbackTo(savepoint);
    if (undone !== null) {
      for (const { statement } of undone) this.#options.outlet.undone(statement);
      return;
    }
    // Set where it could not be seen, or too long ago, or by another spelling: what stood before it is not known.
    this.#held.forgetSavepoints();
    for (const { statement } of this.#held.takeAll(false)) this.#uncertain(statement);
  }

  #place(verdict: OwnVerdict, statement: Statement, result: ResultSummary, timing: Timing): void {
    const { span } = statement;
    if (result.ok && statement.target?.numbered) this.#takeNumbers(statement, result);
    const held = verdict === 'hold' && statement.target?.transactional !== 'no';
    // What its locks do not protect may be changed by others until the transaction ends.
    if (span !== null && (!held || this.locksHold)) this.#options.writes.answered(span);
    if (verdict === 'failed' && statement.routines?.leavesPart !== true) {
      this.#options.outlet.failed(statement);
      this.#noted(statement);
    } else if (verdict === 'failed' || verdict === 'uncertain') {
      this.#uncertain(statement);
    } else if (statement.kind === 'read' && statement.selection.at === 'not_sampled') {
      this.#options.metrics.notSampled('read');
    } else {
      const recorded = { statement, result, timing, bytes: sizeOf(statement) };
      if (held) this.#hold(recorded);
      // Done for good, whatever becomes of the transaction around it.
      else this.#options.outlet.committed([recorded], timing.answeredAtMs);
    }
  }

  /** The server has told the keys that it gave to the statement's rows. */
  #takeNumbers(statement: Statement, { insertId }: ResultSummary): void {
    const { target, span } = statement;
    const numbered = target === null ? null : withNumbers(target, insertId);
    if (numbered !== null) statement.target = numbered;
    if (span !== null) this.#options.writes.numbered(span, numbered);
  }

  #hold(recorded: Recorded): void {
    if (this.#held.hold(recorded)) {
      const { span } = recorded.statement;
      if (span !== null) this.#commits.join(span);
      return;
    }
    for (const { statement } of [...this.#held.takeAll(false), recorded]) {
      this.#options.outlet.tooLarge(statement);
      this.#noted(statement);
    }
  }
}

/** What can't be seen into, or not even be read, may do anything to the transaction. */
function stepOf({ plan, routines }: Statement): FollowedStep {
  if (plan === null || plan.opaque) return 'opaque';
  const isOpen = plan.anyResults && (routines === null || routines.endsTransactions);
  return isOpen ? 'opaque' : plan.transaction;
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
