/** Holds the shadow's answers against the primary's, and says what came of each statement. */
import type { IncidentReason } from '../base/incident-reasons.ts';
import type { DoubtReason } from '../journal/journal.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { MirrorOutcome, MismatchReason, ShardMetrics } from '../observe/metrics.ts';
import type { Mismatches } from '../observe/mismatches.ts';
import { isExpected } from './affected-rows.ts';
import type { ReplayResult, UnitResult } from './lane.ts';
import { type RowHash, rowDifference } from './row-hash.ts';
import type { Replay, Unit } from './unit.ts';

export interface SettlementOptions {
  readonly metrics: ShardMetrics;
  readonly mismatches: Mismatches;
  readonly incidents: ShardIncidents;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly doubt: (replay: Replay, reason: DoubtReason) => void;
  /** Is one of its keys in doubt, or where they are not known, anything of its tables? */
  readonly inDoubt: (replay: Replay) => boolean;
  /** It is known what became of the replay, and every doubt of it is noted. */
  readonly over: (replay: Replay) => void;
}

/** What of the drops is an incident: the end of the proxy is none. */
const DROPS: Partial<Record<MirrorOutcome, { reason: IncidentReason; message: string }>> = {
  dropped_queue_full: { reason: 'queue_full', message: 'the queue was at queue.statements or queue.bytes' },
  dropped_shadow_down: { reason: 'shadow_down', message: 'the breaker was open or on its way back' },
};

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
    this.#tellOfUnit(unit, result);
    // What is in a transaction stands or falls with it.
    const undone =
      result.outcome === 'rolled_back' ||
      (unit.transaction && (result.outcome !== 'answered' || result.errno !== 0));
    for (let index = 0; index < unit.replays.length; index++) {
      const replay = unit.replays[index]!;
      const answered = result.results[index];
      if (result.outcome === 'lost' && (undone || answered === undefined || answered.answer === null)) {
        this.#end(replay, 'lost', 'failed');
      } else if (undone || answered === undefined || answered.answer?.ok !== true) {
        this.#refused(replay, answered, result.errno);
      } else {
        this.#mirrored(replay, answered);
      }
      this.#options.over(replay);
    }
  }

  /** A unit that was not sent, or whose answers are worth nothing. */
  all(unit: Unit, outcome: MirrorOutcome, reason: DoubtReason): void {
    for (const replay of unit.replays) {
      this.#end(replay, outcome, reason);
      this.#options.over(replay);
    }
    const drop = DROPS[outcome];
    if (drop !== undefined) this.#options.incidents.report({ ...drop, times: unit.replays.length });
  }

  /** An error of what stands around the statements (their context, the COMMIT) is none of their own answers. */
  #tellOfUnit(unit: Unit, { outcome, results, errno }: UnitResult): void {
    if (outcome === 'lost' || errno === 0 || results.some((ran) => ran?.answer?.ok === false)) return;
    const [replay] = unit.replays;
    if (replay !== undefined)
      this.#incident(replay, 'replay_error', () => `error ${errno} around the statement`, errno);
  }

  #refused(replay: Replay, answered: ReplayResult | undefined, unitErrno: number): void {
    this.#end(replay, 'failed', 'failed');
    const own = answered?.answer ?? null;
    if (own !== null && !own.ok) {
      const errno = own.errno || unitErrno;
      this.#mismatch(replay, 'error', `error ${errno}`, errno);
    }
  }

  #mirrored(replay: Replay, { answer, rowHash, unfaithful }: ReplayResult): void {
    const { metrics } = this.#options;
    if (answer === null) return;
    metrics.mirror(replay.kind, 'mirrored');
    metrics.replay(replay.kind, replay.primary.seconds, (answer.answeredAtMs - answer.sentAtMs) / 1000);
    if (unfaithful === true && replay.kind !== 'read') this.#options.doubt(replay, 'hazard');
    if (replay.moves && this.#options.inDoubt(replay)) this.#options.doubt(replay, 'hazard');
    const { rowHash: primaryHash } = replay.primary;
    if (primaryHash !== null && rowHash !== null)
      this.#compare(replay, primaryHash, rowHash, unfaithful === true);
    const { affected, rows, tally } = replay.primary;
    const apart = tally?.add(replay, answer.affectedRows) ?? [];
    for (const one of apart) this.#options.doubt(one, 'affected_rows');
    if (apart.length > 0)
      this.#mismatch(replay, 'affected_rows', `affected rows of all of its rows: old ${tally?.expected}`);
    // With RETURNING the rows that were changed are those of the answer.
    if (affected !== null && (!isExpected(affected, answer.affectedRows) || answer.rows !== rows)) {
      const [old, fresh] = answer.rows === rows ? [affected.rows, answer.affectedRows] : [rows, answer.rows];
      const detail = `affected rows: old ${old}, new ${fresh}`;
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
    if (outcome === 'timed_out') this.#incident(replay, outcome, 'no answer within lanes.timeoutMs');
    if (outcome === 'lost') this.#incident(replay, outcome, 'the connection ended before the answer');
  }

  #mismatch(replay: Replay, reason: MismatchReason, detail: string, code?: number): void {
    this.#options.metrics.mismatch(replay.kind, reason);
    this.#incident(replay, reason === 'error' ? 'replay_error' : reason, detail, code);
    this.#options.mismatches.add({
      at: new Date(this.#options.wallClock()).toISOString(),
      kind: replay.kind,
      reason,
      digestId: replay.plan.id,
      digest: replay.plan.digest,
      detail,
    });
  }

  #incident(replay: Replay, reason: IncidentReason, message: string | (() => string), code?: number): void {
    const { plan, sql, tables, keys } = replay;
    this.#options.incidents.report({
      reason,
      digest: { id: plan.id, text: plan.digest },
      code,
      table: keys[0]?.table ?? tables[0],
      key: keys[0]?.key,
      message,
      sql,
    });
  }
}
