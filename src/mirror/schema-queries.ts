/** Reads the old database's schema out of information_schema, with what rights oldUser has. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Plan } from '../sql/plan.ts';
import { insertFilling, type ServerFacts, updateFilling } from './default-filling.ts';
import type {
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

export interface SchemaScope {
  /** Null: every database but the server's own. */
  readonly database: string | null;
  readonly timeoutMs: number;
  readonly server: ServerFacts;
  /** Reads a statement as the house reads any. */
  readonly planOf: (sql: string) => Plan;
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
}

interface IndexRow extends RowDataPacket {
  readonly db: string;
  readonly table: string;
  readonly index: string;
  readonly name: string | null;
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

const OWN_DATABASES = "('mysql', 'information_schema', 'performance_schema', 'sys')";

export async function readOldSchema(connection: Connection, scope: SchemaScope): Promise<OldSchema> {
  const query: ScopedQuery = async <Row extends RowDataPacket>(
    select: string,
    order: string,
    rowsMax = ROWS_MAX,
  ): Promise<Row[]> => {
    const [condition, values] =
      scope.database === null ? [`NOT IN ${OWN_DATABASES}`, []] : ['= ?', [scope.database]];
    const sql = `${select.replaceAll('{scope}', condition)} ORDER BY ${order} LIMIT ${rowsMax}`;
    const [rows] = await connection.query<Row[]>({ sql, values, timeout: scope.timeoutMs });
    // What is missing would be taken for what is not there.
    if (rows.length === ROWS_MAX) throw new Error(`its schema has more than ${ROWS_MAX} columns or keys`);
    return rows;
  };
  const columns = await query<ColumnRow>(
    `SELECT c.TABLE_SCHEMA AS db, c.TABLE_NAME AS \`table\`, t.ENGINE AS engine, t.TABLE_TYPE AS kind, c.COLUMN_NAME AS name,
            c.DATA_TYPE AS type, c.COLUMN_TYPE AS columnType, c.COLLATION_NAME AS collation, c.COLUMN_DEFAULT AS \`default\`,
            c.EXTRA AS extra, c.IS_NULLABLE AS nullable
       FROM information_schema.COLUMNS c
       JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
      WHERE c.TABLE_SCHEMA {scope}`,
    'c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION',
  );
  const indexes = await query<IndexRow>(
    `SELECT TABLE_SCHEMA AS db, TABLE_NAME AS \`table\`, INDEX_NAME AS \`index\`, COLUMN_NAME AS name
       FROM information_schema.STATISTICS WHERE TABLE_SCHEMA {scope} AND NON_UNIQUE = 0`,
    'TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX',
  );
  const allKeys = collectKeys(
    await query<FarKeyRow>(`${FOREIGN_KEYS} AND k.TABLE_SCHEMA {scope}`, FOREIGN_KEYS_ORDER),
  );
  const triggers = await query<TriggerRow>(
    `SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS \`table\`, EVENT_MANIPULATION AS event, ACTION_TIMING AS timing,
            ACTION_STATEMENT AS text, SQL_MODE AS sqlMode
       FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA {scope}`,
    'EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME',
  );
  const views = await query<ViewRow>(
    `SELECT TABLE_NAME AS name, VIEW_DEFINITION AS definition
       FROM information_schema.VIEWS WHERE TABLE_SCHEMA {scope}`,
    'TABLE_SCHEMA, TABLE_NAME',
  );
  const tables = collectTables(columns, indexes, scope);
  const { database, timeoutMs } = scope;
  const isNear = (key: FarKey): boolean => database === null || key.parentDatabase === database;
  const leaving = allKeys.filter((key) => !isNear(key));
  const names = new Set(tables.keys());
  return {
    tables,
    foreignKeys: allKeys.filter(isNear).map(foreignKeyOf),
    outside:
      database === null ? [] : await scope.outside.ties({ connection, database, timeoutMs, names }, leaving),
    triggers: triggers.map(triggerOf),
    triggersSeen: await triggersSeen(connection, scope),
    views: views.map(viewOf),
    routines: await readRoutines(query),
  };
}

interface TableMade {
  name: string;
  engine: string | null;
  versioned: boolean;
  columns: TableColumn[];
  primaryKey: string[];
  uniques: Map<string, string[]>;
}

/** A name that tables of several databases bear says nothing certain of any of them, unless they are the same. */
function collectTables(
  columns: readonly ColumnRow[],
  indexes: readonly IndexRow[],
  scope: SchemaScope,
): ReadonlyMap<string, TableSchema> {
  const made = new Map<string, TableMade>();
  const place = (row: { db: string; table: string }): string => `${row.db}\0${row.table}`;
  for (const row of columns) {
    const known = made.get(place(row));
    const column = columnOf(row, scope);
    if (known !== undefined) known.columns.push(column);
    else
      made.set(place(row), {
        name: row.table,
        engine: row.engine,
        versioned: row.kind === 'SYSTEM VERSIONED',
        columns: [column],
        primaryKey: [],
        uniques: new Map(),
      });
  }
  for (const row of indexes) {
    const table = made.get(place(row));
    if (table === undefined) continue;
    if (row.index === 'PRIMARY') table.primaryKey.push(row.name ?? '');
    else table.uniques.set(row.index, [...(table.uniques.get(row.index) ?? []), row.name ?? '']);
  }
  const tables = new Map<string, TableSchema>();
  const unlike = new Set<string>();
  for (const { uniques, ...table } of made.values()) {
    const schema = { ...table, uniques: [...uniques.values()] };
    const namesake = tables.get(table.name);
    if (namesake !== undefined && JSON.stringify(namesake) !== JSON.stringify(schema)) unlike.add(table.name);
    tables.set(table.name, schema);
  }
  for (const name of unlike) tables.delete(name);
  return tables;
}

function columnOf(row: ColumnRow, { server, planOf }: SchemaScope): TableColumn {
  const facts = {
    type: row.type,
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
    ...(/\bINVISIBLE\b/i.test(row.extra) ? { invisible: true } : {}),
  };
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
