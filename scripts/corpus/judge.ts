/** Holds our reading of a statement against what it was to the server. */
import type { Kind, Plan } from '../../src/sql/plan.ts';
import type { ServerStatement } from './server-record.ts';

/** The commands, by the names of their `Com_` counters, that are reads, writes and deletes; all else is other. */
const KINDS: Readonly<Record<string, Kind>> = {
  select: 'read',
  insert: 'write',
  insert_select: 'write',
  replace: 'write',
  replace_select: 'write',
  update: 'write',
  update_multi: 'write',
  load: 'write',
  delete: 'delete',
  delete_multi: 'delete',
  truncate: 'delete',
};

/** What the server did, in our words; null where it could not parse the statement, or it can't be told. */
export function serverKind(statement: ServerStatement, columns: readonly string[] | null): Kind | null {
  if (statement.command === 'error') return null;
  const kind = KINDS[statement.command] ?? 'other';
  if (kind === 'other' || columns === null) return kind;
  // To the server these are selects of its own variables.
  if (/^@@session\.(warning|error)_count$/.test(columns[0] ?? '')) return 'other';
  if (!isPlan(columns)) return kind;
  // ANALYZE runs a write, EXPLAIN does not; with either a read answers with its plan.
  return kind === 'read' || !ranWhileExplained(columns) ? 'other' : kind;
}

function isPlan([first, second]: readonly string[]): boolean {
  return (first === 'id' && second === 'select_type') || first === 'EXPLAIN' || first === 'ANALYZE';
}

function ranWhileExplained(columns: readonly string[]): boolean {
  return columns[0] === 'ANALYZE' || columns.includes('r_rows');
}

/** Rows that a plan of another kind says it may change: by DDL, by what it calls, or by what it hides. */
export function mayChangeRows(plan: Plan): boolean {
  if (plan.ddl || plan.anyResults || plan.opaque) return true;
  return (['any_effect', 'unknown_function', 'sequence', 'into'] as const).some((hazard) =>
    plan.hazards.has(hazard),
  );
}

/** Why the server's locks can't be held against the tables that a statement names. */
export const UNTOLD = {
  failed: 'the server refused it',
  otherNames: 'a view, a temporary or a system table, a sequence, or a name that is not ASCII',
  tableLocks: 'under LOCK TABLES',
  nothingLocked: 'the server locked no table: the query cache answered, or the table was made anew',
} as const;
export type Untold = keyof typeof UNTOLD;

/** `cautious`: the same tables, but some counts as written that the server, knowing the columns, only reads. */
export type TablesVerdict =
  | { readonly what: 'right' | 'cautious' }
  | { readonly what: 'untold'; readonly why: Untold }
  | { readonly what: 'wrong'; readonly ours: string; readonly servers: string };

const NOT_LOCKED = new Set(['information_schema', 'performance_schema', 'mysql', 'sys']);

export interface NameFacts {
  /** Names that stand for other tables, or for none that is locked: views, temporary tables, merge tables. */
  readonly otherNames: ReadonlySet<string>;
  /** Tables of which more than themselves is locked: by triggers and foreign keys. */
  readonly lockMore: ReadonlySet<string>;
}

/** Compares tables, and which of them are written, of a read, write or delete. */
export function judgeTables(
  plan: Plan,
  statement: ServerStatement,
  facts: NameFacts,
  underTableLocks: boolean,
): TablesVerdict {
  if (statement.errno !== 0) return { what: 'untold', why: 'failed' };
  if (underTableLocks) return { what: 'untold', why: 'tableLocks' };
  const named = plan.tables.map((table) => ({
    ...table,
    database: table.database ?? statement.database ?? '',
    // A locking read takes the server's write locks.
    written: table.written && plan.kind !== 'read',
  }));
  if (plan.hazards.has('sequence') || named.some((table) => isOtherName(table, facts))) {
    return { what: 'untold', why: 'otherNames' };
  }
  const locked = statement.locked
    .filter(({ database }) => !NOT_LOCKED.has(database.toLowerCase()))
    .map((table) => ({ ...table, written: table.written && plan.kind !== 'read' }));
  if ((locked.length === 0 && named.length > 0) || plan.hazards.has('delayed')) {
    return { what: 'untold', why: 'nothingLocked' };
  }
  return compareTables(plan, statement, facts, named, locked);
}

function isOtherName({ database, name }: Named, facts: NameFacts): boolean {
  const isAscii = /^[\x20-\x7e]*$/.test(database + name);
  return !isAscii || NOT_LOCKED.has(database.toLowerCase()) || facts.otherNames.has(name.toLowerCase());
}

function compareTables(
  plan: Plan,
  statement: ServerStatement,
  facts: NameFacts,
  named: readonly Named[],
  locked: readonly Named[],
): TablesVerdict {
  const ours = listOf(named);
  const servers = listOf(locked);
  if (ours === servers) return { what: 'right' };
  const mayLockMore =
    statement.ranPrograms ||
    plan.hazards.has('unknown_function') ||
    named.some(({ name }) => facts.lockMore.has(name.toLowerCase()));
  if (mayLockMore && isPart(named, locked)) return { what: 'right' };
  const isUpdate = statement.command === 'update_multi';
  const sameNames = ours.replaceAll('!', '') === servers.replaceAll('!', '');
  if (isUpdate && sameNames && isPart(locked, named)) return { what: 'cautious' };
  return { what: 'wrong', ours, servers };
}

interface Named {
  readonly database: string;
  readonly name: string;
  readonly written: boolean;
}

function listOf(tables: readonly Named[]): string {
  const written = new Map<string, boolean>();
  for (const table of tables) {
    const key = `${table.database}.${table.name}`;
    written.set(key, table.written || written.get(key) === true);
  }
  return [...written]
    .map(([name, isWritten]) => (isWritten ? `${name}!` : name))
    .sort()
    .join(' ');
}

function isPart(ours: readonly Named[], servers: readonly Named[]): boolean {
  return ours.every(({ database, name, written }) =>
    servers.some((each) => each.database === database && each.name === name && (each.written || !written)),
  );
}
