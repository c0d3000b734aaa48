/** A change of definitions, held against one shard's catalog: which moved tables it concerns, and how it would be replayed. */
import type { Definition, NamedTable } from '../sql/definition.ts';
import { type DatabaseMap, rewriteDefinition } from '../sql/rewrite.ts';
import type { ShardCatalog } from './catalog.ts';
import type { DefinitionSpan } from './definitions-under-way.ts';
import type { ReplayContext } from './replay-context.ts';
import { familyBarrier } from './schema-relations.ts';
import type { SessionState } from './session-state.ts';

export type DefinitionObstacle =
  | 'skipped_by_config'
  | 'skipped_unsupported'
  | 'skipped_straddle'
  | 'dropped_too_large';

export type DefinitionReplay =
  | { readonly at: 'ready'; readonly sql: Buffer; readonly context: ReplayContext }
  | { readonly at: 'skipped'; readonly outcome: DefinitionObstacle };

export class BoundDefinition {
  readonly definition: Definition;
  /** The moved tables whose definition it changes, old and new names. */
  readonly tables: readonly string[];
  /** It is about tables that move, or about a view or program over them. */
  readonly concerns: boolean;
  /** What its unit holds up on the shadow: its tables, those that it reads, and the families that foreign keys tie them to. */
  readonly barriers: readonly string[];
  readonly replay: DefinitionReplay;
  /** From when it is sent. */
  span: DefinitionSpan | null = null;

  constructor(
    definition: Definition,
    about: { tables: readonly string[]; concerns: boolean; barriers: readonly string[] },
    replay: DefinitionReplay,
  ) {
    this.definition = definition;
    this.tables = about.tables;
    this.concerns = about.concerns;
    this.barriers = about.barriers;
    this.replay = replay;
  }
}

export interface DefinitionBinding {
  readonly catalog: ShardCatalog;
  readonly mode: 'incident' | 'mirror';
  readonly databases: DatabaseMap | null;
  /** A larger statement is not replayed. */
  readonly statementBytes: number;
}

/** A statement where it stands. */
export interface DefinitionText {
  readonly definition: Definition;
  readonly sql: Buffer;
  /** In which its names are looked up. */
  readonly database: string | null;
  /** Where it begins and ends. */
  readonly from: number;
  readonly to: number;
  /** False: only the beginning of its text is at hand, or it has parameters. */
  readonly complete: boolean;
}

/** Forms that are replayed; the others are told of. */
const REPLAYED: readonly Definition['form'][] = [
  'create',
  'alter',
  'drop',
  'rename',
  'create_index',
  'drop_index',
];

/** Null: it is about temporary tables of the session alone. */
export function bindDefinition(
  text: DefinitionText,
  session: SessionState,
  options: DefinitionBinding,
): BoundDefinition | null {
  const { definition } = text;
  const { catalog } = options;
  if (isTemporary(text, session)) return null;
  const moved = ({ database, name }: NamedTable): boolean =>
    catalog.table(database ?? text.database, name) !== null;
  const triggered = definition.form === 'trigger' ? triggeredTables(definition, catalog) : [];
  const changed = [...definition.tables.filter(moved).map(({ name }) => name), ...triggered];
  const tables = [...new Set(changed)];
  const concerns = tables.length > 0 || concernsOthers(text, catalog, moved);
  const held = [...tables, ...definition.others.filter(moved).map(({ name }) => name)];
  const families = held.flatMap((name) => catalog.table(text.database, name)?.family ?? []);
  const barriers = [...new Set([...held, ...families.map(familyBarrier)])];
  const outcome = obstacle(text, session, options, moved);
  const replay: DefinitionReplay =
    outcome === null
      ? {
          at: 'ready',
          sql: rewriteDefinition(text.sql, text.from, text.to, definition, options.databases),
          context: session.context,
        }
      : { at: 'skipped', outcome };
  return new BoundDefinition(definition, { tables, concerns, barriers }, replay);
}

function obstacle(
  { definition, database, from, to, complete }: DefinitionText,
  session: SessionState,
  { mode, statementBytes }: DefinitionBinding,
  moved: (table: NamedTable) => boolean,
): DefinitionObstacle | null {
  if (mode === 'incident') return 'skipped_by_config';
  const { form, tables, others } = definition;
  if (!REPLAYED.includes(form)) return 'skipped_unsupported';
  if (![...tables, ...others].every(moved)) return 'skipped_straddle';
  if (!complete || to - from > statementBytes) return 'dropped_too_large';
  const named = [...tables, ...others];
  const { temporary } = session;
  if (temporary.some && named.some((table) => temporary.has(table.database ?? database, table.name)))
    return 'skipped_unsupported';
  if (database !== session.database) return 'skipped_unsupported';
  return session.contextKnown && session.quotesKnown ? null : 'skipped_unsupported';
}

/** A temporary table hides the lasting one of its name from all but CREATE. */
function isTemporary({ definition, database }: DefinitionText, { temporary }: SessionState): boolean {
  const { form, tables } = definition;
  if (!temporary.some || tables.length === 0) return false;
  if (!['alter', 'drop', 'create_index', 'drop_index'].includes(form)) return false;
  return tables.every((table) => temporary.isSurely(table.database ?? database, table.name));
}

/** DROP TRIGGER does not name its table. */
function triggeredTables(
  { tables, names: [name = ''] }: Definition,
  catalog: ShardCatalog,
): readonly string[] {
  const table = tables.length > 0 ? null : catalog.tableOfTrigger(name);
  return table === null ? [] : [table];
}

function concernsOthers(
  { definition: { form, names, others }, database }: DefinitionText,
  catalog: ShardCatalog,
  moved: (table: NamedTable) => boolean,
): boolean {
  if (form === 'database') return names.some((name) => catalog.isShards(name));
  if (form === 'view' && names.some((name) => (catalog.view(database, name)?.moved.length ?? 0) > 0))
    return true;
  return (form === 'view' || form === 'program') && others.some(moved);
}
