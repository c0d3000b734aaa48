/**
 * Where a session's statements leave for the mirror, once it is known what the primary made of them: replays go to
 * the scheduler, doubts to the journal, and each is counted once. One for all sessions of a shard.
 */
import type { DoubtReason } from '../journal/journal.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { MirrorOutcome, ShardMetrics } from '../observe/metrics.ts';
import type { Plan } from '../sql/plan.ts';
import type { ResultSummary } from '../wire/exchange.ts';
import { expectedCount } from './affected-rows.ts';
import { ANY_MOMENT, type Moment } from './lane-moment.ts';
import { makeUnit } from './make-unit.ts';
import { ANY_TABLE } from './schema-relations.ts';
import type { ReplayDraft, Statement } from './statement.ts';
import type { TableKey } from './table-key.ts';
import type { Timing } from './timing.ts';
import { mayKeepTornTexts } from './torn-texts.ts';
import type { Replay, Unit } from './unit.ts';
import { type PrimaryWarnings, primaryWarnings } from './warnings.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

export interface OutletOptions {
  readonly metrics: ShardMetrics;
  readonly incidents: ShardIncidents;
  readonly writes: WritesUnderWay;
  /**
   * The second, since 1970, that the primary's clock showed between two moments of ours, in milliseconds of the
   * proxy's monotonic clock; null: it changed meanwhile, or that clock is not known.
   */
  readonly secondOf: (fromMs: number, toMs: number) => number | null;
  /** Takes a unit for the mirror. */
  readonly offer: (unit: Unit) => void;
  readonly doubt: (
    tables: readonly string[],
    keys: readonly TableKey[],
    complete: boolean,
    reason: DoubtReason,
    plan: Plan | null,
  ) => void;
}

/** A statement that the primary has carried out. */
export interface Recorded {
  readonly statement: Statement;
  readonly result: ResultSummary;
  readonly timing: Timing;
  readonly bytes: number;
}

const NO_KEYS: readonly TableKey[] = [];
const NO_TABLES: readonly string[] = [];

export class Outlet {
  readonly #options: OutletOptions;

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  /** Committed: what was selected goes to the mirror, what was left out is in doubt. */
  committed(recorded: readonly Recorded[], answeredAtMs: number): void {
    const replays: Replay[] = [];
    for (const entry of recorded) {
      const { statement } = entry;
      const { selection } = statement;
      if (selection.at === 'selected') {
        replays.push(this.#replay(entry, selection.draft, selection.leftOut));
      } else {
        this.#leftOut(statement);
        this.over(statement);
      }
    }
    if (replays.length > 0) this.#options.offer(makeUnit(replays, answeredAtMs));
  }

  /** Rolled back: nothing is left of it, unless a table among its tables keeps what was done. */
  undone(statement: Statement): void {
    this.#count(statement, 'skipped_rolled_back');
    if (statement.target?.transactional === 'unknown') this.#doubt(statement, 'uncertain');
    this.over(statement);
  }

  /** Whether the primary kept it is not known. It is not over yet, as also in the two below: its transaction may be open. */
  uncertain(statement: Statement): void {
    this.#count(statement, 'skipped_uncertain');
    this.#doubt(statement, 'uncertain');
  }

  failed(statement: Statement): void {
    this.#count(statement, 'skipped_failed');
    if (statement.byRows || statement.target?.transactional !== 'yes') this.#doubt(statement, 'partial');
  }

  /** Of a transaction that is too large to be held. */
  tooLarge(statement: Statement): void {
    this.#count(statement, 'dropped_too_large');
    this.#doubt(statement, 'dropped');
  }

  /** What became of it is known, and noted where it is a doubt. */
  over({ span }: Statement): void {
    if (span !== null) this.#options.writes.settled(span);
  }

  #replay(entry: Recorded, draft: ReplayDraft, leftOut: readonly TableKey[]): Replay {
    const { statement, result } = entry;
    const target = statement.target!;
    const { plan } = statement;
    const { doubt } = this.#options;
    const moment = this.#moment(entry, draft);
    if (leftOut.length > 0) doubt(target.tables, leftOut, true, 'not_sampled', plan);
    if (target.reached.length > 0) doubt(target.reached, NO_KEYS, false, 'hazard', plan);
    const affected = draft.affected && expectedCount(draft.affected, result);
    const isTold = draft.affected === null || affected !== null;
    const isSame = isTold && isExact(moment, draft) && !isTorn(entry, draft);
    const isWarned = draft.doubtfulIfWarned && result.warnings > 0;
    const isDoubted = draft.doubtful || isWarned || !isSame;
    if (isDoubted) this.#doubt(statement, 'hazard');
    this.#noteOverlap(statement);
    this.#noteDefinitions(statement);
    return {
      kind: statement.kind,
      plan: statement.plan!,
      sql: draft.sql,
      prepared: draft.prepared,
      context: draft.context,
      moment,
      tables: target.tables,
      keys: draft.keys.length > 0 ? draft.keys : target.keys,
      keysComplete: target.keysComplete,
      moves: draft.moves,
      byKind: draft.byKind,
      barriers: target.barriers,
      span: statement.span,
      primary: {
        seconds: entry.timing.seconds,
        rows: result.rows,
        affected,
        tally: draft.tally,
        warnings: isDoubted ? null : warningsOf(entry, draft),
        rowHash: draft.rowHash,
      },
      bytes: entry.bytes,
    };
  }

  #moment({ statement, result, timing }: Recorded, draft: ReplayDraft): Moment {
    const { clock, settings, fixedTime } = draft;
    // The server names a number that the statement brought too, and would keep one that was set for it for another.
    const insertId = draft.bringsNumbers ? 0 : result.insertId;
    if (statement.kind === 'read') return ANY_MOMENT;
    if (clock === 'none' && insertId === 0 && settings.length === 0) return ANY_MOMENT;
    if (clock === 'none') return { timestamp: null, insertId, settings };
    const timestamp = fixedTime ?? this.#options.secondOf(timing.sentAtMs, timing.answeredAtMs) ?? 'own';
    return { timestamp, insertId, settings };
  }

  /** Where the primary may have taken another session's write of the same rows before or after this one. */
  #noteOverlap({ span, plan }: Statement): void {
    if (span === null) return;
    const { writes, doubt } = this.#options;
    writes.answered(span);
    const { keys, tables } = writes.unordered(span);
    if (keys.length > 0) doubt(NO_TABLES, keys, true, 'overlap', plan);
    if (tables.length > 0) doubt(tables, NO_KEYS, false, 'overlap', plan);
  }

  /**
   * Where a change of definitions was under way at the same time, its rows may be in any of the tables that this names,
   * and where no columns are named their keys may stand elsewhere.
   */
  #noteDefinitions({ span, plan }: Statement): void {
    if (span === null) return;
    const { writes, doubt } = this.#options;
    const { tables, keys, keysComplete } = span.target;
    const met = writes.definitions.met(tables, span.sentAt, span.writer);
    if (met === null) doubt([ANY_TABLE], NO_KEYS, false, 'overlap', plan);
    if (met === null || met.length === 0) return;
    const among = [...new Set([...tables, ...met.flatMap((definition) => definition.tables)])];
    const isSure = keysComplete && plan !== null && (plan.rows === null || plan.rows.columns !== null);
    const everywhere = among.flatMap((table) => keys.map((key) => ({ ...key, table })));
    doubt(among, everywhere, isSure, 'overlap', plan);
  }

  #leftOut(statement: Statement): void {
    const { selection, kind } = statement;
    if (selection.at === 'skipped') {
      this.#count(statement, selection.outcome);
      this.#doubt(statement, selection.outcome === 'dropped_too_large' ? 'dropped' : 'hazard');
    } else if (selection.at === 'not_sampled') {
      this.#options.metrics.notSampled(kind);
      this.#doubt(statement, 'not_sampled');
    } else {
      // Of tables that stay, whose triggers or foreign keys reach tables that move.
      this.#doubt(statement, 'hazard');
    }
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

  #doubt(statement: Statement, reason: DoubtReason): void {
    const { kind, target, plan } = statement;
    if (kind === 'read' || target === null) return;
    this.#noteDefinitions(statement);
    this.#options.doubt(target.tables, target.keys, target.keysComplete, reason, plan);
    if (target.reached.length > 0) this.#options.doubt(target.reached, NO_KEYS, false, reason, plan);
  }
}

function isTorn({ statement, result }: Recorded, draft: ReplayDraft): boolean {
  return statement.kind !== 'read' && mayKeepTornTexts(draft, result.warnings);
}

/** Those of an execution over many rows are told for all of them together. */
function warningsOf({ statement, result }: Recorded, draft: ReplayDraft): PrimaryWarnings | null {
  if (statement.kind === 'read' || statement.plan === null) return null;
  return primaryWarnings(statement.plan, result.warnings, draft.isWhole && !statement.byRows, draft);
}

/** With its moment set, the replay gives what the primary has. */
function isExact({ timestamp, insertId }: Moment, { clock, sameNumbers }: ReplayDraft): boolean {
  if (clock === 'unsure' || timestamp === 'own') return false;
  return insertId === 0 || sameNumbers;
}
