/** What the mirror knows of a statement from the moment it is sent until its unit is settled. */
import type { WriteMark } from '../journal/journal.ts';
import type { MirrorOutcome, StatementKind } from '../observe/metrics.ts';
import type { Plan } from '../sql/plan.ts';
import type { AffectedCount } from './affected-rows.ts';
import type { BoundDefinition } from './bound-definition.ts';
import type { KindDifferences } from './kind-differences.ts';
import type { PreparedStatement } from './prepared-statements.ts';
import type { ReplayContext } from './replay-context.ts';
import type { ReplayNeeds } from './replay-needs.ts';
import type { RoutineEffects } from './routine-effects.ts';
import type { RowHash } from './row-hash.ts';
import type { RowTally } from './row-tally.ts';
import type { SessionEffect } from './session-effect.ts';
import type { SessionReads } from './session-reads.ts';
import type { TableKey } from './table-key.ts';
import type { Target } from './target.ts';
import { NO_TRACES, type Traces } from './traces.ts';
import type { PreparedReplay, Replay } from './unit.ts';
import type { WriteSpan } from './write-span.ts';

/** A selected statement, ready but for the primary's answer. */
export interface ReplayDraft {
  readonly sql: Buffer;
  readonly prepared: PreparedReplay | null;
  readonly context: ReplayContext;
  /** What it reads of the session. */
  readonly reads: SessionReads | null;
  /** Those values as assignments of a SET; known once the primary has answered. */
  readonly settings: readonly string[];
  /** What NOW() gave, in seconds since 1970, where the session had set it. */
  readonly fixedTime: number | null;
  readonly clock: ReplayNeeds['clock'];
  /** Numbers of AUTO_INCREMENT come out the same once the first of them is set. */
  readonly sameNumbers: boolean;
  /** Its rows bring their numbers, and nothing else that it does asks for one: there is none to be set. */
  readonly bringsNumbers: boolean;
  /** The keys that are replayed: of a narrowed statement, only the sampled ones. */
  readonly keys: readonly TableKey[];
  readonly rowHash: RowHash | null;
  /** What its count of affected rows is of; null: it is not compared. */
  readonly affected: AffectedCount | null;
  /** They are compared with those of other replays together; null: they are not. */
  readonly tally: RowTally<Replay> | null;
  /** It may give rows another key: where one of its keys is in doubt, all of them are. */
  readonly moves: boolean;
  /** A server of the other kind may make other values of it. */
  readonly byKind: boolean;
  /** It is replayed with all of its keys. */
  readonly isWhole: boolean;
  readonly adjusted: KindDifferences['adjusted'];
  /** The result may differ from the primary's even so: a doubt besides the replay. */
  readonly doubtful: boolean;
  /** So it may where the primary warned of it. */
  readonly doubtfulIfWarned: boolean;
}

/** What the ratios and the statement's nature say of it. */
export type Selection =
  /** Not of the kinds that are mirrored, or of tables that do not move. */
  | { readonly at: 'none' }
  | { readonly at: 'not_sampled' }
  /** Picked by the ratio, yet it can't be replayed. */
  | { readonly at: 'skipped'; readonly outcome: MirrorOutcome }
  /** `leftOut`: keys of the same statement that the ratio left out. */
  | { readonly at: 'selected'; readonly draft: ReplayDraft; readonly leftOut: readonly TableKey[] };

/** A class, as one is made for every statement: all of one shape, whatever they hold. */
export class Statement {
  readonly kind: StatementKind;
  /** Null: nothing that could be read as SQL. */
  readonly plan: Plan | null;
  /** Replaced where the primary's answer tells the keys. */
  target: Target | null;
  /** It mixes tables that move and tables that do not, or is about tables that move with another shard. */
  readonly straddles: boolean;
  /** Decided anew by what is known of the session once the primary has answered. */
  selection: Selection;
  readonly effects: readonly SessionEffect[];
  /** COM_STMT_PREPARE and COM_STMT_EXECUTE. */
  readonly prepared: PreparedStatement | null;
  readonly traces: Traces;
  /** Of a write or delete of moved tables, from when it is sent. */
  span: WriteSpan | null = null;
  /** It is executed once for each of many rows: where one fails, those before it stay, whatever the tables. */
  byRows = false;
  /** EXECUTE: it is read from the text that its name stood for. */
  byName = false;
  /** It was read while a change of how it is to be read was under way, without an end that may say what it does, or under names that may be others'. */
  blind = false;
  /** Of a statement that changes definitions; set by the reader of its text. */
  definition: BoundDefinition | null = null;
  /** Of a text of which only the beginning is at hand: what may stand behind that, from when it is sent. */
  rest: WriteMark | null = null;
  /** What the routines do that it calls, or the program that it is; null: it calls none, or that is not known. */
  routines: RoutineEffects | null = null;
  /** The name of a distributed transaction's branch that it prepares or ends, and what its commit changes. */
  branch: { readonly name: string; readonly known: boolean } | null = null;
  /** The following statement of the same text; set by the reader of that text. */
  next: Statement | null = null;

  constructor(
    kind: StatementKind,
    plan: Plan | null,
    target: Target | null,
    straddles: boolean,
    selection: Selection,
    effects: readonly SessionEffect[],
    prepared: PreparedStatement | null,
    traces: Traces = NO_TRACES,
  ) {
    this.kind = kind;
    this.plan = plan;
    this.target = target;
    this.straddles = straddles;
    this.selection = selection;
    this.effects = effects;
    this.prepared = prepared;
    this.traces = traces;
  }
}

/** A procedure, a stored function, a prepared text or branch may change any table: what does can't be told. */
export function hidesEffects({ plan, blind, routines, branch }: Statement): boolean {
  if (plan === null || blind) return true;
  if (plan.xa?.what === 'commit') return branch?.known !== true;
  return mayRunRoutines(plan) && routines === null;
}

/** It runs what stands elsewhere, or is a program itself. */
export function mayRunRoutines({ anyResults, hazards }: Plan): boolean {
  // Most have no hazards at all, which is asked in one step.
  if (anyResults || hazards.size === 0) return anyResults;
  return hazards.has('any_effect') || hazards.has('unknown_function');
}

export const NOT_MIRRORED: Selection = { at: 'none' };
export const NOT_SAMPLED: Selection = { at: 'not_sampled' };

/** A statement that is only counted. */
export function plainStatement(
  kind: StatementKind,
  plan: Plan | null,
  prepared: PreparedStatement | null = null,
): Statement {
  return new Statement(kind, plan, null, false, NOT_MIRRORED, [], prepared);
}

/** Its beginning tells what it does, and to which tables, whatever its end is. */
export function beginsPlainly({ digest, rows }: Plan): boolean {
  return (/^(?:INSERT|REPLACE)\b/.test(digest) && rows !== null) || PLAIN_BEGINNINGS.test(digest);
}

const PLAIN_BEGINNINGS = /^(?:SELECT\b|UPDATE [^()]*? SET\b|DELETE FROM [^() ]+ WHERE\b)/;

/** All statements of one text. */
export function inOrder(first: Statement): Statement[] {
  const statements: Statement[] = [];
  for (let statement: Statement | null = first; statement !== null; statement = statement.next)
    statements.push(statement);
  return statements;
}
