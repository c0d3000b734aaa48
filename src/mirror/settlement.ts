/** Holds the shadow's answers against the primary's, and says what came of each statement. */
import type { DoubtReason } from '../journal/journal.ts';
import type { MirrorOutcome, MismatchReason, ShardMetrics } from '../observe/metrics.ts';
import type { Mismatches } from '../observe/mismatches.ts';
import type { FailureLog } from './failure-log.ts';
import type { ReplayResult, UnitResult } from './lane.ts';
import { type RowHash, rowDifference } from './row-hash.ts';
import type { Replay, Unit } from './unit.ts';

export interface SettlementOptions {
  readonly metrics: ShardMetrics;
  readonly mismatches: Mismatches;
  readonly failures: FailureLog;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly doubt: (replay: Replay, reason: DoubtReason) => void;
}

export class Settlement {
  readonly #options: SettlementOptions;

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  /** A unit that was sent to the shadow. */
  ran(unit: Unit, result: UnitResult | 'timed_out'): void {
    if (result === 'timed_out') {
      this.all(unit, 'timed_out', 'failed');
      return;
    }
    // What is in a transaction stands or falls with it.
    const undone = unit.transaction && (result.outcome !== 'answered' || result.errno !== 0);
    unit.replays.forEach((replay, index) => {
      const answered = result.results[index];
      if (result.outcome === 'lost' && (undone || answered === undefined || answered.answer === null)) {
        this.#end(replay, 'lost', 'failed');
      } else if (undone || answered === undefined || answered.answer?.ok !== true) {
        this.#refused(replay, answered, result.errno);
      } else {
        this.#mirrored(replay, answered);
      }
    });
  }

  /** A unit that was not sent, or whose answers are worth nothing. */
  all(unit: Unit, outcome: MirrorOutcome, reason: DoubtReason): void {
    for (const replay of unit.replays) this.#end(replay, outcome, reason);
  }

  #refused(replay: Replay, answered: ReplayResult | undefined, unitErrno: number): void {
    this.#end(replay, 'failed', 'failed');
    const own = answered?.answer ?? null;
    if (own !== null && !own.ok) this.#mismatch(replay, 'error', `error ${own.errno || unitErrno}`);
  }

  #mirrored(replay: Replay, { answer, rowHash, unfaithful }: ReplayResult): void {
    const { metrics } = this.#options;
    if (answer === null) return;
    metrics.mirror(replay.kind, 'mirrored');
    metrics.replay(replay.kind, replay.primary.seconds, (answer.answeredAtMs - answer.sentAtMs) / 1000);
    if (unfaithful === true && replay.kind !== 'read') this.#options.doubt(replay, 'hazard');
    const { rowHash: primaryHash } = replay.primary;
    if (primaryHash !== null && rowHash !== null)
      this.#compare(replay, primaryHash, rowHash, unfaithful === true);
    if (replay.primary.compareAffected && answer.affectedRows !== replay.primary.affectedRows) {
      const detail = `affected rows: old ${replay.primary.affectedRows}, new ${answer.affectedRows}`;
      this.#mismatch(replay, 'affected_rows', detail);
      this.#options.doubt(replay, 'affected_rows');
    }
  }

  /** The kinds of the servers alone may make rows differ; how many there are is comparable all the same. */
  #compare(replay: Replay, primary: RowHash, shadow: RowHash, unfaithful: boolean): void {
    const { metrics } = this.#options;
    const reason = unfaithful ? 'sql_mode' : primary.json !== shadow.json ? 'json' : null;
    if (reason === 'sql_mode' || (reason === 'json' && primary.rows === shadow.rows)) {
      metrics.incomparable(replay.kind, reason);
      return;
    }
    metrics.compared(replay.kind);
    const difference = rowDifference(primary, shadow, replay.plan.ordered);
    if (difference !== null) {
      this.#mismatch(replay, difference, `rows: old ${primary.rows}, new ${shadow.rows}`);
    }
  }

  #end(replay: Replay, outcome: MirrorOutcome, reason: DoubtReason): void {
    this.#options.metrics.mirror(replay.kind, outcome);
    if (replay.kind !== 'read') this.#options.doubt(replay, reason);
  }

  #mismatch(replay: Replay, reason: MismatchReason, detail: string): void {
    this.#options.metrics.mismatch(replay.kind, reason);
    this.#options.failures.add(replay, reason, detail);
    this.#options.mismatches.add({
      at: new Date(this.#options.wallClock()).toISOString(),
      kind: replay.kind,
      reason,
      digestId: replay.plan.id,
      digest: replay.plan.digest,
      detail,
    });
  }
}
