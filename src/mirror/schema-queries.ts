/** Reads a database's schema out of information_schema, with what rights our account has. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { expressionForm } from '../sql/expression-form.ts';
import type { Plan } from '../sql/plan.ts';
import { fillingForm } from './column-filling.ts';
import { insertFilling, type ServerFacts, updateFilling } from './default-filling.ts';
import { jsonColumnOf } from './json-check.ts';
import type {
  DatabaseSchema,
  ForeignKey,
  OldSchema,
  TableColumn,
  TableSchema,
  Trigger,
  View,
  WriteEvent,
} from './old-schema.ts';
import {
  collectKeys,
  type FarKey,
  type FarKeyRow,
  FOREIGN_KEYS,
  FOREIGN_KEYS_ORDER,
} from './outside-queries.ts';
import type { OutsideReader } from './outside-reader.ts';
import { readRoutines, type ScopedQuery } from './routine-queries.ts';
import { triggersSeen } from './trigger-rights.ts';

export interface DatabaseScope {
  /** Null: every database but the server's own. */
  readonly database: string | null;
  readonly timeoutMs: number;
  readonly server: ServerFacts;
  /** Reads a statement as the house reads any. */
  readonly planOf: (sql: string) => Plan;
}

export interface SchemaScope extends DatabaseScope {
  readonly outside: OutsideReader;
}

interface ColumnRow extends RowDataPacket {
  readonly db: string;
  readonly table: string;
  readonly engine: string | null;
  /** TABLE_TYPE. */
  readonly kind: string;
  readonly name: string;
  readonly type: string;
  readonly columnType: string;
  readonly collation: string | null;
  readonly default: string | null;
  readonly extra: string;
  readonly nullable: string;
  readonly charset: string | null;
  readonly expression: string | null;
}

interface IndexRow extends RowDataPacket {
  readonly db: string;
  readonly table: string;
  readonly index: string;
  readonly name: string | null;
  readonly part: number | null;
}

interface CheckRow extends RowDataPacket {
  readonly db: string;
  readonly table: string;
  readonly clause: string;
}

interface TriggerRow extends RowDataPacket {
  readonly name: string;
  readonly table: string;
  readonly event: string;
  readonly timing: string;
  readonly text: string;
  readonly sqlMode: string;
}

interface ViewRow extends RowDataPacket {
  readonly name: string;
  readonly definition: string | null;
}

/** Rows beyond these are not read: no schema of sense has as many, and memory is bounded. */
const ROWS_MAX = 500_000;

/** Calls, and quotients; a literal may have such signs too. */
const NO_LITERAL = /[(/]/;
const OWN_DATABASES = "('mysql', 'information_schema', 'performance_schema', 'sys')";

export async function readOldSchema(connection: Connection, scope: SchemaScope): Promise<OldSchema> {
  const query = scopedQuery(connection, scope);
  const { database, timeoutMs } = scope;
  const { keys, ...read } = await readAll(connection, scope, query);
  const leaving = keys.filter((key) => !isNear(key, database));
  const names = new Set(read.tables.keys());
  const views = await query<ViewRow>(
    `SELECT TABLE_NAME AS name, VIEW_DEFINITION AS definition
       FROM information_schema.VIEWS WHERE TABLE_SCHEMA {scope}`,
    'TABLE_SCHEMA, TABLE_NAME',
  );
  return {
    ...read,
    outside:
      database === null ? [] : await scope.outside.ties({ connection, database, timeoutMs, names }, leaving),
    views: views.map(viewOf),
    routines: await readRoutines(query),
  };
}

/** What of the new server's schema is held against the old one's. */
export async function readNewSchema(connection: Connection, scope: DatabaseScope): Promise<DatabaseSchema> {
  const { keys: _, ...read } = await readAll(connection, scope, scopedQuery(connection, scope));
  return read;
}

function scopedQuery(connection: Connection, { database, timeoutMs }: DatabaseScope): ScopedQuery {
  return async <Row extends RowDataPacket>(
    select: string,
    order: string,
    rowsMax = ROWS_MAX,
  ): Promise<Row[]> => {
    const [condition, values] = database === null ? [`NOT IN ${OWN_DATABASES}`, []] : ['= ?', [database]];
    const sql = `${select.replaceAll('{scope}', condition)} ORDER BY ${order} LIMIT ${rowsMax}`;
    const [rows] = await connection.query<Row[]>({ sql, values, timeout: timeoutMs });
    // What is missing would be taken for what is not there.
    if (rows.length === ROWS_MAX) throw new Error(`its schema has more than ${ROWS_MAX} columns or keys`);
    return rows;
  };
}

function isNear(key: FarKey, database: string | null): boolean {
  return database === null || key.parentDatabase === database;
}

async function readAll(
  connection: Connection,
  scope: DatabaseScope,
  query: ScopedQuery,
): Promise<DatabaseSchema & { readonly keys: readonly FarKey[] }> {
  const columns = await readColumns(connection, scope, query);
  const indexes = await query<IndexRow>(
    `SELECT TABLE_SCHEMA AS db, TABLE_NAME AS \`table\`, INDEX_NAME AS \`index\`, COLUMN_NAME AS name, SUB_PART AS part
       FROM information_schema.STATISTICS WHERE TABLE_SCHEMA {scope} AND NON_UNIQUE = 0`,
    'TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX',
  );
  const json = await readJsonColumns(connection, columns, scope, query);
  const keys = collectKeys(
    await query<FarKeyRow>(`${FOREIGN_KEYS} AND k.TABLE_SCHEMA {scope}`, FOREIGN_KEYS_ORDER),
  );
  const triggers = await query<TriggerRow>(
    `SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS \`table\`, EVENT_MANIPULATION AS event, ACTION_TIMING AS timing,
            ACTION_STATEMENT AS text, SQL_MODE AS sqlMode
       FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA {scope}`,
    'EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME',
  );
  return {
    tables: collectTables(columns, indexes, json, scope),
    keys,
    foreignKeys: keys.filter((key) => isNear(key, scope.database)).map(foreignKeyOf),
    triggers: triggers.map(triggerOf),
    triggersSeen: await triggersSeen(connection, scope),
  };
}

async function readColumns(
  connection: Connection,
  { timeoutMs }: DatabaseScope,
  query: ScopedQuery,
): Promise<ColumnRow[]> {
  // Servers that have no generated columns have nowhere to show what makes them.
  const [known] = await connection.query<RowDataPacket[]>({
    sql: "SHOW COLUMNS FROM information_schema.COLUMNS LIKE 'GENERATION_EXPRESSION'",
    timeout: timeoutMs,
  });
  const expression = known.length === 0 ? 'NULL' : 'c.GENERATION_EXPRESSION';
  return query<ColumnRow>(
    `SELECT c.TABLE_SCHEMA AS db, c.TABLE_NAME AS \`table\`, t.ENGINE AS engine, t.TABLE_TYPE AS kind, c.COLUMN_NAME AS name,
            c.DATA_TYPE AS type, c.COLUMN_TYPE AS columnType, c.COLLATION_NAME AS collation, c.COLUMN_DEFAULT AS \`default\`,
            c.EXTRA AS extra, c.IS_NULLABLE AS nullable, c.CHARACTER_SET_NAME AS charset, ${expression} AS expression
       FROM information_schema.COLUMNS c
       JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
      WHERE c.TABLE_SCHEMA {scope}`,
    'c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION',
  );
}

/** MariaDB's columns of JSON, as `placeOf` names them. It is asked only where there may be any. */
async function readJsonColumns(
  connection: Connection,
  columns: readonly ColumnRow[],
  { server, timeoutMs }: DatabaseScope,
  query: ScopedQuery,
): Promise<ReadonlySet<string>> {
  const mayBe = columns.some(({ type, collation }) => type === 'longtext' && collation === 'utf8mb4_bin');
  if (!server.isMariadb || !mayBe) return new Set();
  const [known] = await connection.query<RowDataPacket[]>({
    sql: "SHOW TABLES FROM information_schema LIKE 'CHECK_CONSTRAINTS'",
    timeout: timeoutMs,
  });
  if (known.length === 0) return new Set();
  const rows = await query<CheckRow>(
    `SELECT CONSTRAINT_SCHEMA AS db, TABLE_NAME AS \`table\`, CHECK_CLAUSE AS clause
       FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA {scope}`,
    'CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME',
  );
  return new Set(
    rows.flatMap((row) => {
      const column = jsonColumnOf(row.clause);
      return column === null ? [] : [`${placeOf(row)}\0${column.toLowerCase()}`];
    }),
  );
}

function placeOf({ db, table }: { readonly db: string; readonly table: string }): string {
  return `${db}\0${table}`;
}

interface TableMade {
  name: string;
  engine: string | null;
  versioned: boolean;
  columns: TableColumn[];
  primaryKey: string[];
  uniques: Map<string, string[]>;
  /** By index, of all that are unique. */
  parts: Map<string, string[]>;
}

/** A name that tables of several databases bear says nothing certain of any of them, unless they are the same. */
function collectTables(
  columns: readonly ColumnRow[],
  indexes: readonly IndexRow[],
  json: ReadonlySet<string>,
  scope: DatabaseScope,
): ReadonlyMap<string, TableSchema> {
  const made = new Map<string, TableMade>();
  for (const row of columns) {
    const known = made.get(placeOf(row));
    const column = columnOf(row, json, scope);
    if (known !== undefined) known.columns.push(column);
    else
      made.set(placeOf(row), {
        name: row.table,
        engine: row.engine,
        versioned: row.kind === 'SYSTEM VERSIONED',
        columns: [column],
        primaryKey: [],
        uniques: new Map(),
        parts: new Map(),
      });
  }
  for (const row of indexes) {
    const table = made.get(placeOf(row));
    if (table === undefined) continue;
    table.parts.set(row.index, [...(table.parts.get(row.index) ?? []), partForm(row)]);
    if (row.index === 'PRIMARY') table.primaryKey.push(row.name ?? '');
    else table.uniques.set(row.index, [...(table.uniques.get(row.index) ?? []), row.name ?? '']);
  }
  const tables = new Map<string, TableSchema>();
  const unlike = new Set<string>();
  for (const { uniques, parts, ...table } of made.values()) {
    const uniqueForms = [...parts.values()].map((names) => names.sort().join(', ')).sort();
    const schema = { ...table, uniques: [...uniques.values()], uniqueForms };
    const namesake = tables.get(table.name);
    if (namesake !== undefined && JSON.stringify(namesake) !== JSON.stringify(schema)) unlike.add(table.name);
    tables.set(table.name, schema);
  }
  for (const name of unlike) tables.delete(name);
  return tables;
}

function partForm({ name, part }: IndexRow): string {
  const column = name === null ? 'an expression' : name.toLowerCase();
  return part === null ? column : `${column}(${part})`;
}

function columnOf(row: ColumnRow, json: ReadonlySet<string>, { server, planOf }: DatabaseScope): TableColumn {
  const facts = {
    type: row.type,
    columnType: row.columnType,
    default: row.default,
    extra: row.extra,
    nullable: row.nullable === 'YES',
  };
  const onInsert = insertFilling(facts, server, planOf);
  const onUpdate = updateFilling(facts);
  return {
    name: row.name,
    type: row.type,
    columnType: row.columnType,
    ...(row.collation === null ? {} : { collation: row.collation }),
    ...(onInsert === 'fixed' ? {} : { onInsert }),
    ...(onUpdate === undefined ? {} : { onUpdate }),
    ...(/auto_increment/i.test(row.extra) ? { autoIncrement: true } : {}),
    ...(/\b(?:STORED|VIRTUAL|PERSISTENT)\b/i.test(row.extra) ? { generated: true } : {}),
    ...(isByKind(row, planOf) ? { byKind: true } : {}),
    ...(/\bINVISIBLE\b/i.test(row.extra) ? { invisible: true } : {}),
    definition: {
      charset: row.charset,
      nullable: facts.nullable,
      filling: fillingForm(facts, server.isMariadb),
      expression: row.expression ? expressionForm(row.expression) : null,
      text: row.expression || row.default,
      json: row.type === 'json' || json.has(`${placeOf(row)}\0${row.name.toLowerCase()}`),
    },
  };
}

function isByKind({ default: filling, expression }: ColumnRow, planOf: SchemaScope['planOf']): boolean {
  return [filling, expression].some(
    (text) => text !== null && NO_LITERAL.test(text) && planOf(`SELECT ${text}`).byKind,
  );
}

function foreignKeyOf({ child, parent, columns, onDelete, onUpdate }: FarKey): ForeignKey {
  return { child, parent, columns, onDelete, onUpdate };
}

function triggerOf({ name, table, event, timing, text, sqlMode }: TriggerRow): Trigger {
  const before = /^before$/i.test(timing) ? { before: true } : {};
  return { name, table, event: event.toLowerCase() as WriteEvent, ...before, text, sqlMode };
}

/** Without SHOW VIEW the definition is an empty text. */
function viewOf({ name, definition }: ViewRow): View {
  return { name, definition: definition === null || definition === '' ? null : definition };
}
