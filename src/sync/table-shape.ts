/** A table of one side as its server describes it: columns, keys, engine. */
import { jsonColumnOf } from '../mirror/json-check.ts';
import type { SyncServer } from './sync-server.ts';
import type { Row, Value } from './value.ts';

export interface ColumnShape {
  readonly name: string;
  /** In lower case, without its lengths: `int`, `varchar`, `datetime`. */
  readonly type: string;
  /** As a definition has it, in lower case but for its members: `int(10) unsigned zerofill`, `enum('a','B')`. */
  readonly definition: string;
  readonly nullable: boolean;
  /** Null: it has none, as a number. */
  readonly charset: string | null;
  readonly collation: string | null;
  /** Digits behind the point of an exact number. */
  readonly scale: number;
  /** Digits of a second's fraction. */
  readonly fraction: number;
  /** The most bytes of a string; 0: it is none. */
  readonly bytes: number;
  /** Its value comes from other columns: it can't be written. */
  readonly generated: boolean;
  readonly autoIncrement: boolean;
  /** Holds JSON alone; MariaDB keeps it as text with a CHECK. */
  readonly json: boolean;
}

/** An index over whole columns. */
export interface KeyShape {
  readonly name: string;
  readonly unique: boolean;
  /** Its rows can be read in its order. */
  readonly ordered: boolean;
  /** A column's name, or null for the beginning of a column or an expression. */
  readonly columns: readonly (string | null)[];
}

export interface TableShape {
  readonly database: string;
  readonly name: string;
  /** Null: a view. */
  readonly engine: string | null;
  /** In the table's order. The periods of system-versioned tables are left out: no two servers have the same. */
  readonly columns: readonly ColumnShape[];
  /** The primary key first, where there is one; its name is `PRIMARY`. */
  readonly keys: readonly KeyShape[];
}

const GENERATED = /\bGENERATED\b|\bPERSISTENT\b|^VIRTUAL\b/i;
const PERIOD = /^ROW (?:START|END)$/i;

/** Null: there is no such table, or the account may not see it. */
export async function readTableShape(
  server: SyncServer,
  database: string,
  table: string,
): Promise<TableShape | null> {
  const [found] = await server.rows(
    `SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`,
    [database, table],
  );
  if (found === undefined) return null;
  const checked = await jsonChecks(server, database, table);
  const columns = await server.rows(await columnsQuery(server), [database, table]);
  const periods = columns.filter((row) => PERIOD.test(textOf(row[10]))).map(([name]) => textOf(name));
  return {
    database,
    name: textOf(found[0]),
    engine: found[1] === null ? null : textOf(found[1]),
    columns: columns.filter(([name]) => !periods.includes(textOf(name))).map((row) => columnOf(row, checked)),
    keys: await readKeys(server, { database, table, periods }),
  };
}

const columnsQueries = new WeakMap<SyncServer, Promise<string>>();

/** Asked once a server, whose version does not change while it is known. */
function columnsQuery(server: SyncServer): Promise<string> {
  const known = columnsQueries.get(server) ?? makeColumnsQuery(server);
  columnsQueries.set(server, known);
  known.catch(() => columnsQueries.delete(server));
  return known;
}

/** What was added to information_schema in time is empty on servers that lack it. */
async function makeColumnsQuery(server: SyncServer): Promise<string> {
  const known = await server.rows('SHOW COLUMNS FROM information_schema.COLUMNS');
  const names = new Set(known.map(([name]) => textOf(name).toUpperCase()));
  const orNull = (name: string): string => (names.has(name) ? name : 'NULL');
  return `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME, NUMERIC_SCALE,
            ${orNull('DATETIME_PRECISION')}, CHARACTER_OCTET_LENGTH, EXTRA, ${orNull('GENERATION_EXPRESSION')}
          FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`;
}

function columnOf(row: Row, checked: ReadonlySet<string>): ColumnShape {
  const [name, type, definition, nullable, charset, collation, scale, fraction, bytes, extra] = row;
  const lowType = textOf(type).toLowerCase();
  return {
    name: textOf(name),
    type: lowType,
    definition: /^(?:enum|set)$/.test(lowType) ? textOf(definition) : textOf(definition).toLowerCase(),
    nullable: textOf(nullable) === 'YES',
    charset: charset === null ? null : textOf(charset).toLowerCase(),
    collation: collation === null ? null : textOf(collation).toLowerCase(),
    scale: Number(textOf(scale)),
    fraction: Number(textOf(fraction)),
    bytes: Number(textOf(bytes)),
    generated: GENERATED.test(textOf(extra)) && !/DEFAULT_GENERATED/i.test(textOf(extra)),
    autoIncrement: /auto_increment/i.test(textOf(extra)),
    json: lowType === 'json' || checked.has(textOf(name).toLowerCase()),
  };
}

async function jsonChecks(server: SyncServer, database: string, table: string): Promise<ReadonlySet<string>> {
  if (server.kind !== 'mariadb') return new Set();
  const [known] = await server.rows("SHOW TABLES FROM information_schema LIKE 'CHECK_CONSTRAINTS'");
  if (known === undefined) return new Set();
  const rows = await server.rows(
    `SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?`,
    [database, table],
  );
  return new Set(rows.flatMap(([clause]) => jsonColumnOf(textOf(clause))?.toLowerCase() ?? []));
}

async function readKeys(
  server: SyncServer,
  of: { readonly database: string; readonly table: string; readonly periods: readonly string[] },
): Promise<KeyShape[]> {
  const rows = await server.rows(
    `SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE FROM information_schema.STATISTICS
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`,
    [of.database, of.table],
  );
  const keys = new Map<string, { unique: boolean; ordered: boolean; columns: (string | null)[] }>();
  for (const [index, column, part, nonUnique, type] of rows) {
    // The others are in no order, and tell no rows apart.
    if (!/^(?:BTREE|HASH|RTREE)$/i.test(textOf(type))) continue;
    // MariaDB puts the period's end into each unique key; of rows that are current it is always the same.
    if (column !== null && of.periods.includes(textOf(column))) continue;
    const key = keys.get(textOf(index)) ?? {
      unique: textOf(nonUnique) === '0',
      ordered: /^BTREE$/i.test(textOf(type)),
      columns: [],
    };
    key.columns.push(column === null || part !== null ? null : textOf(column));
    keys.set(textOf(index), key);
  }
  return [...keys].map(([name, key]) => ({ name, ...key }));
}

function textOf(value: Value | undefined): string {
  return value === null || value === undefined ? '' : value.toString();
}
