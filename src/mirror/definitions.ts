/**
 * What becomes of changes of definitions (DDL) on tables that move: replayed in order where the configuration says
 * so, and otherwise told of and in doubt. One for all sessions of a shard.
 */
import type { DoubtReason } from '../journal/journal.ts';
import type { ShardIncidents } from '../observe/incident.ts';
import type { DdlOutcome, ShardMetrics } from '../observe/metrics.ts';
import type { BoundDefinition } from './bound-definition.ts';
import type { ShardCatalog } from './catalog.ts';
import type { UnitResult } from './lane.ts';
import { ANY_MOMENT } from './lane-moment.ts';
import { ANY_TABLE } from './schema-relations.ts';
import type { SessionState } from './session-state.ts';
import type { Statement } from './statement.ts';
import type { Timing } from './timing.ts';
import { REPLAY_OVERHEAD_BYTES, type Unit } from './unit.ts';
import type { Writer } from './writer.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

export interface DefinitionsOptions {
  readonly catalog: ShardCatalog;
  readonly writes: WritesUnderWay;
  readonly metrics: ShardMetrics;
  readonly incidents: ShardIncidents;
  readonly offer: (unit: Unit) => void;
  /** Of a whole table. */
  readonly doubt: (table: string, reason: DoubtReason) => void;
  /** The schema is to be read anew. */
  readonly refresh: () => void;
}

/** How a replay that did not succeed ended. */
export type FailedDefinition = Exclude<
  DdlOutcome,
  'mirrored' | 'skipped_by_config' | 'skipped_unsupported' | 'skipped_straddle' | 'dropped_too_large'
>;

const BY_HAND = 'run it on the new cluster by hand';

export class Definitions {
  readonly #options: DefinitionsOptions;

  constructor(options: DefinitionsOptions) {
    this.#options = options;
  }

  /** About to be sent: until it is known what became of it, its tables are on record. */
  sending({ definition: bound }: Statement, writer: Writer): void {
    if (bound === null) return;
    const { additive, form } = bound.definition;
    bound.span = this.#options.writes.definitionSent(inDoubt(bound), {
      additive,
      program: form === 'program',
      writer,
    });
  }

  /** The session is over, or can't be followed any more: nobody will tell of what it has under way. */
  abandon(writer: Writer): void {
    const { writes, catalog } = this.#options;
    if (writes.definitions.programs(writer)) catalog.unsettleRoutines();
    writes.definitions.abandon(writer);
  }

  /** The primary has carried it out, or refused it; `session`: as it was then. */
  answered(statement: Statement, session: SessionState, ok: boolean, timing: Timing): void {
    const { definition: bound } = statement;
    if (bound === null || bound.span === null) return;
    const { writes } = this.#options;
    writes.definitions.answered(bound.span);
    if (!ok && bound.definition.atomic) {
      this.#over(bound);
      return;
    }
    this.#follow(bound);
    const { replay } = bound;
    if (!bound.concerns) this.#over(bound);
    else if (!ok)
      this.#fallenShort(
        statement,
        bound,
        'skipped_uncertain',
        'it failed, and may have been carried out in part',
      );
    else if (replay.at === 'ready' && !stands(statement, replay, session))
      this.#fallenShort(statement, bound, 'skipped_uncertain', 'the session changed while it was under way');
    else if (replay.at === 'skipped')
      this.#fallenShort(statement, bound, replay.outcome, 'run on the old cluster alone');
    else {
      if (writes.definitions.meetsOther(bound.span)) this.#doubt(bound, 'overlap');
      this.#options.offer(unitOf(statement, bound, replay, timing));
    }
  }

  /** It was sent behind a statement of the same text that failed, and so not carried out. */
  notReached({ definition: bound }: Statement): void {
    if (bound === null || bound.span === null) return;
    this.#options.writes.definitions.answered(bound.span);
    this.#over(bound);
  }

  /** Whether the primary carried it out is not known. */
  uncertain(statement: Statement): void {
    const { definition: bound } = statement;
    if (bound === null || bound.span === null || bound.span.settled) return;
    this.#options.writes.definitions.answered(bound.span);
    this.#follow(bound);
    if (!bound.concerns) this.#over(bound);
    else
      this.#fallenShort(
        statement,
        bound,
        'skipped_uncertain',
        'the answer did not come, or could not be told',
      );
  }

  /** Its replay has come to an end on the shadow. */
  ran(unit: Unit, result: UnitResult | 'timed_out'): void {
    const bound = unit.definition;
    if (bound === null) return;
    if (result === 'timed_out') this.failed(unit, 'timed_out');
    else if (result.outcome === 'lost') this.failed(unit, 'lost');
    else if (result.errno !== 0) this.failed(unit, 'failed', result.errno);
    else {
      this.#options.metrics.ddl('mirrored');
      const isSure = bound.definition.rows === 'same' && result.results[0]?.unfaithful !== true;
      if (!isSure) this.#doubt(bound, 'hazard');
      this.#replayed(bound);
    }
  }

  /** Its replay came to nothing. */
  failed(unit: Unit, outcome: FailedDefinition, code?: number): void {
    const { definition: bound } = unit;
    const [replay] = unit.replays;
    if (bound === null || replay === undefined) return;
    const { metrics, incidents } = this.#options;
    metrics.ddl(outcome);
    this.#doubt(bound, 'table');
    incidents.report({
      reason: 'ddl_failed',
      digest: { id: replay.plan.id, text: replay.plan.digest },
      code,
      table: bound.tables[0],
      message: `${code === undefined ? outcome : `error ${code}`}: ${BY_HAND}`,
      sql: replay.sql,
    });
    this.#replayed(bound);
  }

  /** Not replayed, or not known to have been carried out: told of, and in doubt. */
  #fallenShort({ plan }: Statement, bound: BoundDefinition, outcome: DdlOutcome, why: string): void {
    this.#options.metrics.ddl(outcome);
    this.#doubt(bound, 'table');
    this.#options.incidents.report({
      reason: 'ddl',
      digest: plan === null ? undefined : { id: plan.id, text: plan.digest },
      table: inDoubt(bound)[0],
      message: `${outcome}, ${why}: ${BY_HAND}`,
    });
    this.#over(bound);
  }

  #doubt(bound: BoundDefinition, reason: DoubtReason): void {
    for (const table of inDoubt(bound)) this.#options.doubt(table, reason);
  }

  /** What is known of its tables, and of what stands on them, holds no longer. */
  #follow({ definition, tables }: BoundDefinition): void {
    const { catalog, refresh } = this.#options;
    const { form, names, parents, additive } = definition;
    if (form === 'program') catalog.unsettleRoutines();
    const named = definition.tables.map(({ name }) => name);
    const unsettled = [...parents];
    if (form === 'view') unsettled.push(...names);
    if (form === 'trigger') unsettled.push(...named, ...tables);
    const renames = form === 'rename' || (form === 'alter' && named.length > 1);
    if (renames && !catalog.isPlain(named)) unsettled.push(...named);
    if (unsettled.length > 0) catalog.unsettle(unsettled);
    const isUnclear = form === 'other' || form === 'database' || (form === 'trigger' && named.length === 0);
    if (isUnclear) catalog.forgetAll();
    else if (!additive) catalog.forget(named);
    refresh();
  }

  #over({ span }: BoundDefinition): void {
    if (span !== null) this.#options.writes.definitions.settled(span);
  }

  /** Only now both servers' definitions can be held against each other. */
  #replayed(bound: BoundDefinition): void {
    this.#over(bound);
    this.#options.refresh();
  }
}

/** A database that is dropped takes any table with it; a view or a program that comes or goes leaves all rows as they are. */
function inDoubt({ definition: { form, atomic }, tables, concerns }: BoundDefinition): readonly string[] {
  return form === 'database' && !atomic && concerns ? [ANY_TABLE] : tables;
}

/** It was read in the state in which the session was when the primary came to it. */
function stands({ blind }: Statement, { context }: ReadyReplay, session: SessionState): boolean {
  return !blind && session.contextKnown && session.context.id === context.id;
}

type ReadyReplay = Extract<BoundDefinition['replay'], { at: 'ready' }>;

function unitOf(
  { kind, plan }: Statement,
  bound: BoundDefinition,
  { sql, context }: ReadyReplay,
  { seconds, answeredAtMs }: Timing,
): Unit {
  const bytes = REPLAY_OVERHEAD_BYTES + sql.length;
  const { tables, barriers } = bound;
  const replay = {
    kind,
    plan: plan!,
    sql,
    context,
    tables,
    barriers,
    bytes,
    prepared: null,
    moves: false,
    byKind: plan!.byKind,
    moment: ANY_MOMENT,
    keys: [],
    keysComplete: false,
    span: null,
    primary: { seconds, rows: 0, affected: null, tally: null, warnings: null, rowHash: null },
  };
  return {
    replays: [replay],
    transaction: false,
    bytes,
    answeredAtMs,
    definition: bound,
    writes: { keys: [], tables: [], barriers },
  };
}
