/** A plan bound to one shard's catalog, with what every statement of that digest needs of it; kept until it changes. */
import { type Binding, bind } from '../sql/keys.ts';
import type { Plan } from '../sql/plan.ts';
import type { CatalogTable, ShardCatalog } from './catalog.ts';
import { type Replayability, replayability } from './replayability.ts';
import type { Target } from './statement.ts';

export interface BoundPlan {
  readonly binding: Binding;
  /** What is known of every such statement, its keys aside: of a read, the moved tables it reads; else those it changes. */
  readonly keyless: Target;
  readonly replayability: Replayability;
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
    const tables = new Set<CatalogTable>();
    for (const table of plan.tables) {
      if (plan.kind !== 'read' && !table.written) continue;
      const known = this.#catalog.table(table.database ?? database, table.name);
      if (known !== null) tables.add(known);
    }
    return {
      binding: bind(plan, database, this.#catalog),
      keyless: {
        tables: [...tables].map(({ name }) => name),
        keys: [],
        keysComplete: false,
        transactional: transactional([...tables]),
      },
      replayability: replayability(plan),
    };
  }
}

function transactional(tables: readonly CatalogTable[]): Target['transactional'] {
  if (tables.length > 0 && tables.every((table) => table.transactional === true)) return 'yes';
  if (tables.length > 0 && tables.every((table) => table.transactional === false)) return 'no';
  return 'unknown';
}
