/**
 * Reads what ties tables of other databases to the shard's: foreign keys from the shard's tables to theirs, and their
 * triggers and views whose text names the shard's database, as far as oldUser may see them.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { readProgramText } from '../sql/program-text.ts';
import type { ForeignKey, OutsideTie, Place, WriteEvent } from './old-schema.ts';
import { modeOf } from './sql-mode-list.ts';

export interface OutsideScope {
  readonly connection: Connection;
  /** The shard's. */
  readonly database: string;
  readonly timeoutMs: number;
  /** The shard's tables and views. */
  readonly names: ReadonlySet<string>;
}

/** A foreign key between tables of two databases, or within another one than the shard's. */
export interface FarKey extends ForeignKey {
  readonly childDatabase: string;
  readonly parentDatabase: string;
}

export interface FarKeyRow extends RowDataPacket {
  readonly db: string;
  readonly name: string;
  readonly child: string;
  readonly parentDb: string;
  readonly parent: string;
  readonly column: string;
  /** Null: MariaDB shows them to no account that has SELECT alone. */
  readonly onDelete: string | null;
  readonly onUpdate: string | null;
}

interface ProgramRow extends RowDataPacket {
  readonly db: string;
  readonly table: string;
  /** Empty: a view. */
  readonly event: string;
  readonly text: string | null;
  readonly sqlMode: string;
}

/** Other databases whose own foreign keys and triggers are read, as they may lead to ours. */
const DATABASES_MAX = 32;
const ROWS_MAX = 10_000;

/** Conditions are to follow it. */
export const FOREIGN_KEYS = `SELECT k.TABLE_SCHEMA AS db, k.CONSTRAINT_NAME AS name, k.TABLE_NAME AS child,
            k.REFERENCED_TABLE_SCHEMA AS parentDb, k.REFERENCED_TABLE_NAME AS parent,
            k.REFERENCED_COLUMN_NAME AS \`column\`, r.DELETE_RULE AS onDelete, r.UPDATE_RULE AS onUpdate
       FROM information_schema.KEY_COLUMN_USAGE k
       LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA
            AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
      WHERE k.REFERENCED_TABLE_NAME IS NOT NULL`;
export const FOREIGN_KEYS_ORDER = 'k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION';

const CHANGES_NOTHING = /^(?:RESTRICT|NO ACTION)$/i;

/** A rule that may not be seen counts as one that changes the child. */
export function collectKeys(rows: readonly FarKeyRow[]): FarKey[] {
  const made = new Map<string, FarKey>();
  for (const { db, name, child, parentDb, parent, column, onDelete, onUpdate } of rows) {
    const id = `${db}\0${child}\0${name}`;
    made.set(id, {
      child,
      childDatabase: db,
      parent,
      parentDatabase: parentDb,
      columns: [...(made.get(id)?.columns ?? []), column],
      onDelete: !CHANGES_NOTHING.test(onDelete ?? ''),
      onUpdate: !CHANGES_NOTHING.test(onUpdate ?? ''),
    });
  }
  return [...made.values()];
}

/** What other databases have, as it was read. */
export interface OutsideRows {
  readonly keys: readonly FarKey[];
  readonly programs: readonly ProgramRow[];
  /** False: there is more of it than is read. */
  readonly whole: boolean;
}

/** `leaving`: foreign keys from the shard's tables to those of other databases. */
export async function readOutside(scope: OutsideScope, leaving: readonly FarKey[]): Promise<OutsideRows> {
  const naming = await programs(scope, 'naming', []);
  const first = new Set([...leaving.map((key) => key.parentDatabase), ...naming.rows.map(({ db }) => db)]);
  const databases = new Set([...first].slice(0, DATABASES_MAX));
  let whole = naming.whole && first.size <= DATABASES_MAX;
  const keys = [...leaving];
  // The set grows while it is gone through: a parent may have a parent elsewhere.
  for (const database of databases) {
    const select = `${FOREIGN_KEYS} AND k.TABLE_SCHEMA = ? ORDER BY ${FOREIGN_KEYS_ORDER}`;
    const answer = await ask<FarKeyRow>(scope, select, [database]);
    whole &&= answer.whole;
    for (const key of collectKeys(answer.rows)) {
      keys.push(key);
      if (key.parentDatabase === scope.database || databases.has(key.parentDatabase)) continue;
      if (databases.size < DATABASES_MAX) databases.add(key.parentDatabase);
      else whole = false;
    }
  }
  // A trigger of theirs may set off one that names us.
  const others = naming.rows.length === 0 ? NONE : await programs(scope, 'beside', [...databases]);
  return { keys, programs: [...naming.rows, ...others.rows], whole: whole && others.whole };
}

/** Null: they are not all known. */
export function outsideTies(
  { keys, programs: rows, whole }: OutsideRows,
  scope: Pick<OutsideScope, 'database' | 'names'>,
): readonly OutsideTie[] | null {
  if (!whole) return null;
  return [
    ...keys.filter(({ onDelete, onUpdate }) => onDelete || onUpdate).map((key) => keyTie(key, scope)),
    ...rows.map((row) => programTie(row, scope)),
  ];
}

/** `whole` false: there may be more. */
interface Rows<Row> {
  readonly rows: readonly Row[];
  readonly whole: boolean;
}

const NONE: Rows<ProgramRow> = { rows: [], whole: true };

async function ask<Row extends RowDataPacket>(
  { connection, timeoutMs }: OutsideScope,
  select: string,
  values: readonly unknown[],
): Promise<Rows<Row>> {
  const sql = `${select} LIMIT ${ROWS_MAX}`;
  const [rows] = await connection.query<Row[]>({ sql, values: [...values], timeout: timeoutMs });
  return { rows, whole: rows.length < ROWS_MAX };
}

/** Triggers and views of other databases: those whose text has the shard's database in it, or all triggers of some. */
async function programs(
  scope: OutsideScope,
  which: 'naming' | 'beside',
  databases: readonly string[],
): Promise<Rows<ProgramRow>> {
  const { database } = scope;
  const triggers = `SELECT EVENT_OBJECT_SCHEMA AS db, EVENT_OBJECT_TABLE AS \`table\`, EVENT_MANIPULATION AS event,
            ACTION_STATEMENT AS text, SQL_MODE AS sqlMode FROM information_schema.TRIGGERS
      WHERE EVENT_OBJECT_SCHEMA <> ?`;
  if (which === 'beside')
    return ask(
      scope,
      `${triggers} AND EVENT_OBJECT_SCHEMA IN (?) AND INSTR(LOWER(ACTION_STATEMENT), LOWER(?)) = 0`,
      [database, databases, database],
    );
  const named = await ask<ProgramRow>(scope, `${triggers} AND INSTR(LOWER(ACTION_STATEMENT), LOWER(?)) > 0`, [
    database,
    database,
  ]);
  const views = await ask<ProgramRow>(
    scope,
    `SELECT TABLE_SCHEMA AS db, TABLE_NAME AS \`table\`, '' AS event, VIEW_DEFINITION AS text, '' AS sqlMode
       FROM information_schema.VIEWS
      WHERE TABLE_SCHEMA NOT IN (?, 'sys', 'mysql') AND INSTR(LOWER(VIEW_DEFINITION), LOWER(?)) > 0`,
    [database, database],
  );
  return { rows: [...named.rows, ...views.rows], whole: named.whole && views.whole };
}

function keyTie(key: FarKey, { database }: Pick<OutsideScope, 'database'>): OutsideTie {
  const place = (of: string, table: string): Place => ({ database: of === database ? null : of, table });
  return {
    at: place(key.parentDatabase, key.parent),
    on: { what: 'key', key },
    reaches: [place(key.childDatabase, key.child)],
  };
}

function programTie(
  { db, table, event, text, sqlMode }: ProgramRow,
  { database, names }: Pick<OutsideScope, 'database' | 'names'>,
): OutsideTie {
  const at: Place = { database: db, table };
  const on: OutsideTie['on'] =
    event === '' ? { what: 'view' } : { what: 'trigger', event: event.toLowerCase() as WriteEvent };
  const read = readProgramText(text ?? '', modeOf(sqlMode));
  const isOurs = [...read.names].some((name) => name.toLowerCase() === database.toLowerCase());
  const ours = [...names].filter((name) => has(read.names, name));
  const isPlain = read.complete && [...read.calls].every((name) => names.has(name));
  if (isOurs && !isPlain) return { at, on, reaches: null };
  const theirs = [...read.names].map((name) => ({ database: db, table: name }));
  return {
    at,
    on,
    reaches: [...(isOurs ? ours.map((name) => ({ database: null, table: name })) : []), ...theirs],
  };
}

function has(names: ReadonlySet<string>, name: string): boolean {
  return names.has(name) || [...names].some((other) => other.toLowerCase() === name.toLowerCase());
}
