/** A plan bound to one shard's catalog, with what every statement of that digest needs of it; kept until it changes. */
import { type Binding, bind } from '../sql/keys.ts';
import type { Plan } from '../sql/plan.ts';
import type { ShardCatalog } from './catalog.ts';
import { type KindDifferences, kindDifferences } from './kind-differences.ts';
import { planChanges } from './plan-changes.ts';
import { type ReplayNeeds, replayNeeds } from './replay-needs.ts';
import { type NamedView, type Replayability, replayability } from './replayability.ts';
import { changesRowByRow } from './row-by-row.ts';
import { ANY_TABLE, familyBarrier } from './schema-relations.ts';
import { type SessionReads, sessionReads } from './session-reads.ts';
import type { CatalogTable } from './table-facts.ts';
import type { Target } from './target.ts';
import { type PlannedTraces, plannedTraces } from './traces.ts';

export interface BoundPlan {
  readonly binding: Binding;
  /** What is known of every such statement, its keys aside: of a read, the moved tables it reads; else those it changes. */
  readonly keyless: Target;
  /** The facts of those tables; of a view, of the tables that it stands on. */
  readonly tables: readonly CatalogTable[];
  readonly replayability: Replayability;
  readonly needs: ReplayNeeds;
  readonly differences: KindDifferences;
  /** It may give rows another key, with all that they hold. */
  readonly moves: boolean;
  /** What it reads of its session; null: nothing that a lane does not have. */
  readonly reads: SessionReads | null;
  readonly traces: PlannedTraces;
  /** It names a table that moves with another shard. */
  readonly astray: boolean;
  /** It is no read, and names a table that may be one that moves, in another case. */
  readonly misspelt: boolean;
}

interface Kept {
  readonly version: number;
  readonly database: string | null;
  readonly bound: BoundPlan;
}

/** As many as the plan cache may hold: both forget together. */
const KEPT_MAX = 20_000;

export class PlanBinder {
  readonly #catalog: ShardCatalog;
  readonly #kept = new Map<Plan, Kept>();

  constructor(catalog: ShardCatalog) {
    this.#catalog = catalog;
  }

  /** `database`: the session's. */
  bind(plan: Plan, database: string | null): BoundPlan {
    const { version } = this.#catalog;
    const kept = this.#kept.get(plan);
    if (kept !== undefined && kept.version === version && kept.database === database) return kept.bound;
    const bound = this.#make(plan, database);
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    this.#kept.set(plan, { version, database, bound });
    return bound;
  }

  #make(plan: Plan, database: string | null): BoundPlan {
    const binding = bind(plan, database, this.#catalog);
    const views = this.#views(plan, database);
    const touched = this.#touched(plan, database);
    const reached = plan.kind === 'read' ? [] : this.#reached(plan, database, touched);
    const tables = [...touched.values()].filter((table) => table !== null);
    const all = [...tables, ...reached.map((name) => this.#catalog.table(database, name))];
    const scope = scopeOf(binding, views);
    const traces = plannedTraces(plan, database, this.#catalog);
    return {
      binding: scope === binding.scope ? binding : { ...binding, scope },
      keyless: {
        tables: [...touched.keys()],
        reached: reached.filter((name) => !touched.has(name)),
        barriers: barriersOf(tables, reached),
        keys: [],
        keysComplete: false,
        numbered: null,
        rowByRow: reached.length === 0 && !moves(plan, tables) && changesRowByRow(plan, tables, traces),
        transactional: touched.has(ANY_TABLE) ? 'unknown' : transactional(all),
      },
      tables,
      replayability: replayability(plan, { views, tables }),
      needs: replayNeeds(plan, tables),
      differences: kindDifferences(plan, tables),
      moves: moves(plan, tables),
      reads: sessionReads(plan),
      traces,
      astray: plan.tables.some((table) => this.#catalog.isSiblings(table.database ?? database, table.name)),
      misspelt: plan.kind !== 'read' && misspells(plan, database, this.#catalog),
    };
  }

  #views(plan: Plan, database: string | null): NamedView[] {
    return plan.tables.flatMap(({ database: named, name, written }) => {
      const bases = this.#catalog.view(named ?? database, name);
      return bases === null ? [] : [{ bases, written }];
    });
  }

  /** The moved tables that the statement itself reads, or where it is a write changes; null: any. */
  #touched(plan: Plan, database: string | null): ReadonlyMap<string, CatalogTable | null> {
    const touched = new Map<string, CatalogTable | null>();
    for (const { database: named, name, written } of plan.tables) {
      if (plan.kind !== 'read' && !written) continue;
      const at = named ?? database;
      const view = this.#catalog.view(at, name);
      if (view?.known === false && plan.kind !== 'read') touched.set(ANY_TABLE, null);
      for (const base of view?.moved ?? [name]) {
        const table = this.#catalog.table(at, base);
        if (table !== null) touched.set(table.name, table);
      }
    }
    return touched;
  }

  /** What triggers and foreign keys let it change besides, in tables that move. */
  #reached(plan: Plan, database: string | null, touched: ReadonlyMap<string, unknown>): readonly string[] {
    const changes = planChanges(plan);
    const reached = new Set<string>();
    for (const { database: named, name, written } of plan.tables) {
      if (!written) continue;
      const at = named ?? database;
      for (const base of this.#catalog.view(at, name)?.all ?? [name])
        for (const table of this.#catalog.reached(at, base, changes)) reached.add(table);
    }
    return touched.has(ANY_TABLE) ? [] : [...reached];
  }
}

/** Does it name a table that may be one that moves, written in another case? */
export function misspells({ tables }: Plan, database: string | null, catalog: ShardCatalog): boolean {
  return tables.some((table) => catalog.mayMean(table.database ?? database, table.name));
}

function scopeOf({ scope }: Binding, views: readonly NamedView[]): Binding['scope'] {
  return scope === 'moved' && views.some(({ bases }) => bases.mixed) ? 'mixed' : scope;
}

/** What an INSERT … SELECT carries from key to key is in doubt anyway. */
function moves({ assignments }: Plan, tables: readonly CatalogTable[]): boolean {
  return assignments.some(({ column }) =>
    tables.some(({ key, keyMade }) => keyMade || key?.toLowerCase() === column.toLowerCase()),
  );
}

function transactional(tables: readonly (CatalogTable | null)[]): Target['transactional'] {
  if (tables.length > 0 && tables.every((table) => table?.transactional === true)) return 'yes';
  if (tables.length > 0 && tables.every((table) => table?.transactional === false)) return 'no';
  return 'unknown';
}

function barriersOf(tables: readonly CatalogTable[], reached: readonly string[]): readonly string[] {
  const barriers = new Set(reached);
  for (const { name, serial, family } of tables) {
    if (serial) barriers.add(name);
    if (family !== null) barriers.add(familyBarrier(family));
  }
  return [...barriers];
}
