/**
 * Two databases held against each other row by row, by nothing but what the servers' own client protocol says: both
 * sides are read in the order of the primary key, and every column as the bytes that the server sent.
 */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { SqlServer } from './sql-server.ts';

export interface DatabaseSide {
  readonly server: Pick<SqlServer, 'connect'>;
  readonly database: string;
}

/** One row that is not the same on both sides, or stands on one alone. */
export interface DifferingRow {
  readonly table: string;
  /** The value of the table's key column, as text. */
  readonly key: string;
  /** The values of the primary key's columns. */
  readonly primaryKey: string;
  readonly found: 'differs' | 'missing on new' | 'missing on old';
}

export interface Comparison {
  /** Rows of the old side, and those of the new side that the old one lacks. */
  readonly rows: number;
  readonly differing: readonly DifferingRow[];
}

interface TableLayout {
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
}

/** A table's rows: the primary key's values, joined, to the key and to all columns, joined. */
export type TableRows = ReadonlyMap<string, { readonly key: string; readonly content: string }>;

const SEPARATOR = '\u0001';

/** The tables of the old side; `keyOf`: a table's key column, null: the first of its primary key. */
export async function compareDatabases(
  old: DatabaseSide,
  fresh: DatabaseSide,
  keyOf: (table: string) => string | null = () => null,
  tables?: readonly string[],
): Promise<Comparison> {
  let rows = 0;
  const differing: DifferingRow[] = [];
  const names = tables ?? (await tablesOf(old));
  for (const table of names) {
    const key = keyOf(table);
    const [here, there] = await Promise.all([readTable(old, table, key), readTable(fresh, table, key)]);
    rows += here.size;
    for (const [primaryKey, row] of here) {
      const other = there.get(primaryKey);
      if (other?.content === row.content) continue;
      const found = other === undefined ? 'missing on new' : 'differs';
      differing.push({ table, key: row.key, primaryKey, found });
    }
    for (const [primaryKey, { key: group }] of there) {
      if (here.has(primaryKey)) continue;
      rows += 1;
      differing.push({ table, key: group, primaryKey, found: 'missing on old' });
    }
  }
  return { rows, differing };
}

export async function tablesOf({ server, database }: DatabaseSide): Promise<string[]> {
  const connection = await server.connect();
  try {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT table_name AS name FROM information_schema.tables
       WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY table_name`,
      [database],
    );
    return rows.map(({ name }) => String(name));
  } finally {
    connection.destroy();
  }
}

/** Throws where the table has no primary key: its rows could not be told apart. */
export async function readTable(
  { server, database }: DatabaseSide,
  table: string,
  keyColumn: string | null,
): Promise<TableRows> {
  const connection = await server.connect({ database, charset: 'utf8mb4' });
  try {
    const { columns, primaryKey } = await layoutOf(connection, database, table);
    if (primaryKey.length === 0) throw new Error(`${database}.${table} has no primary key`);
    const at = primaryKey.map((name) => columns.indexOf(name));
    const keyAt = columns.indexOf(keyColumn ?? primaryKey[0]!);
    const [found] = await connection.query<RowDataPacket[][]>({
      sql: `SELECT ${columns.map((name) => `\`${name}\``).join(', ')} FROM \`${table}\` ORDER BY ${primaryKey.map((name) => `\`${name}\``).join(', ')}`,
      rowsAsArray: true,
      typeCast: (field) => field.buffer(),
    });
    const rows = new Map<string, { key: string; content: string }>();
    for (const row of found as unknown as (Buffer | null)[][]) {
      const values = row.map((value) => (value === null ? '\\N' : value.toString('latin1')));
      rows.set(at.map((index) => values[index]).join(SEPARATOR), {
        key: values[keyAt] ?? '',
        content: values.join(SEPARATOR),
      });
    }
    return rows;
  } finally {
    connection.destroy();
  }
}

async function layoutOf(connection: Connection, database: string, table: string): Promise<TableLayout> {
  const [columns] = await connection.query<RowDataPacket[]>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`,
    [database, table],
  );
  const [primaryKey] = await connection.query<RowDataPacket[]>(
    `SELECT column_name AS name FROM information_schema.statistics
     WHERE table_schema = ? AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index`,
    [database, table],
  );
  return {
    columns: columns.map(({ name }) => String(name)),
    primaryKey: primaryKey.map(({ name }) => String(name)),
  };
}
