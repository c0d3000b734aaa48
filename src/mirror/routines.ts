/**
 * What the old server's procedures and stored functions do, as far as oldUser may see their texts. One for all
 * sessions of a shard. A text is read when a statement first calls it.
 */
import type { Plan, RoutineCall } from '../sql/plan.ts';
import { type RoutineText, readRoutineText } from '../sql/routine-text.ts';
import { variableClass } from '../sql/session-variables.ts';
import type { SqlMode } from '../sql/sql-mode.ts';
import type { PlanBinder } from './bound-plan.ts';
import type { ShardCatalog } from './catalog.ts';
import type { Routine } from './old-schema.ts';
import { NAMES_VARIABLES } from './replay-context.ts';
import type { RoutineEffects } from './routine-effects.ts';
import { modeOf } from './sql-mode-list.ts';
import type { Target } from './target.ts';

export interface RoutinesOptions {
  readonly catalog: ShardCatalog;
  readonly binder: PlanBinder;
  /** A statement is under way that changes what routines do. */
  readonly changing: () => boolean;
}

/** Routines that one statement may run, at any remove. */
const ROUTINES_MAX = 200;
const KEPT_MAX = 5000;
/** The servers put these back behind a routine. */
const PUT_BACK: ReadonlySet<string> = new Set(['sql_mode', ...NAMES_VARIABLES]);
/** What else of a session's variables is followed. */
const FOLLOWED_BESIDE: ReadonlySet<string> = new Set(['timestamp', 'last_insert_id', 'identity']);

/** A program where it stands: its text, and the database in which its names are looked up. */
interface Program {
  readonly text: RoutineText;
  readonly database: string | null;
  readonly isRoutine: boolean;
}

interface Kept {
  /** Of the catalog, and of what it knows of routines. */
  readonly version: string;
  readonly database: string | null;
  readonly effects: RoutineEffects | null;
}

export class Routines {
  readonly #options: RoutinesOptions;
  readonly #texts = new WeakMap<Routine, { readonly text: RoutineText | null }>();
  readonly #compounds = new WeakMap<Plan, { readonly text: RoutineText | null }>();
  readonly #kept = new Map<Plan, Kept>();

  constructor(options: RoutinesOptions) {
    this.#options = options;
  }

  /** Do these still hold? What was sent may have met a routine that was changed meanwhile. */
  hold({ version }: RoutineEffects): boolean {
    return version === this.#options.catalog.routinesVersion && !this.#options.changing();
  }

  /** Of what a statement calls, or, where it is a program itself, of all of it; `sql`: its text. Null: not known. */
  effects(plan: Plan, sql: Buffer, mode: SqlMode, database: string | null): RoutineEffects | null {
    const { catalog, changing } = this.#options;
    if (changing()) return null;
    const version = `${catalog.version} ${catalog.routinesVersion}`;
    const kept = this.#kept.get(plan);
    if (kept !== undefined && kept.version === version && kept.database === database) return kept.effects;
    const effects = this.#read(plan, sql, mode, database);
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    this.#kept.set(plan, { version, database, effects });
    return effects;
  }

  #read(plan: Plan, sql: Buffer, mode: SqlMode, database: string | null): RoutineEffects | null {
    const programs: Program[] = [];
    if (plan.calls === null) {
      const compound = this.#compound(plan, sql, mode);
      if (compound === null) return null;
      programs.push({ text: compound, database, isRoutine: false });
    }
    const all = this.#withCalled(programs, plan.calls ?? [], database);
    return all === null ? null : this.#together(all, plan);
  }

  /** A compound statement is its own program. Its literals make no difference to what is read of it. */
  #compound(plan: Plan, sql: Buffer, mode: SqlMode): RoutineText | null {
    if (!plan.compound) return null;
    const known = this.#compounds.get(plan);
    if (known !== undefined) return known.text;
    const text = readRoutineText(Buffer.from(sql), mode);
    this.#compounds.set(plan, { text });
    return text;
  }

  /** Null: not all that may run is known. */
  #withCalled(
    programs: readonly Program[],
    calls: readonly RoutineCall[],
    database: string | null,
  ): readonly Program[] | null {
    const all = [...programs];
    const seen = new Set<Routine>();
    const waiting = calls.map((call) => ({ call, database }));
    const enqueue = ({ text, database: own }: Program): void => {
      for (const call of text.calls) waiting.push({ call, database: own });
    };
    for (const program of programs) enqueue(program);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const routine = this.#options.catalog.routine(next.call, next.database);
      if (routine === null || seen.size > ROUTINES_MAX) return null;
      if (seen.has(routine)) continue;
      seen.add(routine);
      const text = this.#textOf(routine);
      if (text === null) return null;
      const program = { text, database: routine.database, isRoutine: true };
      all.push(program);
      enqueue(program);
    }
    return all;
  }

  #textOf(routine: Routine): RoutineText | null {
    const known = this.#texts.get(routine);
    if (known !== undefined) return known.text;
    const { body, sqlMode } = routine;
    const isOwnGrammar = /\b(?:ORACLE|MSSQL)\b/i.test(sqlMode);
    const text = body === null || isOwnGrammar ? null : readRoutineText(Buffer.from(body), modeOf(sqlMode));
    this.#texts.set(routine, { text });
    return text;
  }

  #together(programs: readonly Program[], plan: Plan): RoutineEffects | null {
    const { catalog, binder } = this.#options;
    const tables = new Set<string>();
    const kinds = new Set<Target['transactional']>();
    let runsTriggers = false;
    for (const { text, database } of programs) {
      if (text.defined.some((table) => catalog.isOfConcern(table.database ?? database, table.name)))
        return null;
      for (const write of text.writes) {
        const { keyless, traces, misspelt } = binder.bind(write, database);
        if (misspelt) return null;
        for (const name of [...keyless.tables, ...keyless.reached]) tables.add(name);
        if (keyless.tables.length + keyless.reached.length > 0) kinds.add(keyless.transactional);
        runsTriggers ||= traces.runsTriggers;
      }
    }
    const named = programs.flatMap(({ text }) => [...text.userVariables]);
    const [transactional = 'unknown'] = kinds;
    return {
      tables: [...tables],
      transactional: kinds.size === 1 ? transactional : 'unknown',
      endsTransactions: programs.some(({ text }) => text.endsTransactions),
      leavesPart: plan.anyResults,
      settings: [...new Set(programs.flatMap(settingsOf))],
      setsIsolation: programs.some(({ text }) => text.setsIsolation || setsLevel(text)),
      userVariables:
        runsTriggers || plan.userVariables === null ? null : [...new Set([...named, ...plan.userVariables])],
      setsLastInsertId: programs.some(({ text }) => text.setsLastInsertId),
      temporary: programs.flatMap(({ text, database }) =>
        text.temporary.map((table) => ({ database: table.database ?? database, name: table.name })),
      ),
      version: catalog.routinesVersion,
    };
  }
}

/** Names of no class are taken for the program's own variables. */
function settingsOf({ text, isRoutine }: Program): string[] {
  return [...text.settings].filter((name) => {
    if (FOLLOWED_BESIDE.has(name)) return true;
    const isFollowed = ['carried', 'fixed'].includes(variableClass(name));
    return isFollowed && !(isRoutine && PUT_BACK.has(name));
  });
}

function setsLevel({ settings }: RoutineText): boolean {
  return settings.has('transaction_isolation') || settings.has('tx_isolation');
}
