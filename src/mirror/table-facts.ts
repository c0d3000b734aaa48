/** What replays depend on of one table of the old database: its key, engine, defaults, indexes and ties. */
import type { KeyType } from '../sql/key-text.ts';
import type { MovedTable } from '../sql/keys.ts';
import type { TableColumn, TableSchema, WriteEvent } from './old-schema.ts';
import { EVENTS } from './row-change.ts';
import type { SchemaRelations, TriggersSeen } from './schema-relations.ts';
import { storedKey } from './stored-key.ts';
import { NO_EFFECTS, type TableEffects } from './table-effects.ts';

/** A column that takes the clock where a statement names no value for it. */
export interface ClockDefault {
  readonly column: string;
  readonly on: 'insert' | 'update' | 'both';
  /** Digits of the second that it keeps: 0 to 6. */
  readonly fraction: number;
}

export interface CatalogTable extends MovedTable {
  /** False: the schema does not tell of it (yet), and what stands below is the most careful guess. */
  readonly known: boolean;
  /** In small letters, as the columns below. */
  readonly primaryKey: readonly string[];
  /** Columns whose values have one order on every server. */
  readonly plainlyOrdered: ReadonlySet<string>;
  /** Its columns of type YEAR. */
  readonly years: ReadonlySet<string>;
  /** COLUMN_TYPE of each column, in small letters, and `not null` behind it where it takes none. */
  readonly columnTypes: ReadonlyMap<string, string>;
  /** A default, or a generated column, takes other values on another kind of server. */
  readonly filledByKind: boolean;
  /** The server makes the key of a row's other columns, or a trigger may. */
  readonly keyMade: boolean;
  /** A rollback undoes changes to it. Null: not known. */
  readonly transactional: boolean | null;
  /** The column that the server numbers. */
  readonly autoIncrement: string | null;
  readonly clockDefaults: readonly ClockDefault[];
  /** Each change of its rows takes the clock, in microseconds, for the history that the server keeps of them. */
  readonly versioned: boolean;
  /** An INSERT that leaves a column out may get another value on another server: UUID(), a function of the application's. */
  readonly expressionDefaults: boolean;
  /**
   * Rows of different keys may stand in each other's way, by a UNIQUE index that lacks the key: its units keep
   * one order for the whole table. An index of the AUTO_INCREMENT column alone does not count.
   */
  readonly serial: boolean;
  /** Tables that foreign keys tie together share it, and one order; null: none. */
  readonly family: string | null;
  readonly triggers: Readonly<Record<WriteEvent, TriggersSeen>>;
  /** Moved tables whose rows change with this one's, by foreign keys (ON DELETE, ON UPDATE), at any remove. */
  readonly cascades: readonly string[];
  /** What the new server's table makes of replays. */
  readonly effects: TableEffects;
}

/** Engines that roll back. All others (MyISAM, Aria, MEMORY, CSV, ARCHIVE …) keep what was done. */
const TRANSACTIONAL_ENGINES: ReadonlySet<string> = new Set([
  'innodb',
  'rocksdb',
  'tokudb',
  'ndbcluster',
  'ndb',
]);

const INTEGER_TYPES: ReadonlySet<string> = new Set([
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'bigint',
  'year',
]);
const ORDERED_TYPES = /^(?:(?:tiny|small|medium|big)?int|decimal|year|date|datetime|timestamp|time)$/i;
const YEAR_TYPE = /^year$/i;
/** There may be one of any column. */
const ANY_UNIQUES: readonly (readonly string[])[] = [[]];
const STRING_TYPES = /char|text|binary|blob|enum|set|uuid/;

/** Of a view, or of a table not read yet, nothing more than its name is certain. */
export function unknownTable(name: string, key: string | null, effects = NO_EFFECTS): CatalogTable {
  return {
    name,
    key,
    columns: null,
    known: false,
    primaryKey: [],
    plainlyOrdered: new Set(),
    years: new Set(),
    columnTypes: new Map(),
    filledByKind: false,
    keyMade: false,
    otherUniques: ANY_UNIQUES,
    transactional: null,
    autoIncrement: null,
    clockDefaults: [],
    versioned: false,
    expressionDefaults: true,
    serial: true,
    family: null,
    triggers: { insert: 'unknown', update: 'unknown', delete: 'unknown' },
    cascades: [],
    effects,
  };
}

/** `schema.engine` is not null. */
export function describeTable(
  schema: TableSchema,
  key: string | null,
  relations: SchemaRelations,
  isMoved: (name: string) => boolean,
  effects = NO_EFFECTS,
): CatalogTable {
  const { name, columns } = schema;
  const folded = key?.toLowerCase();
  const keyColumn = columns.find((column) => column.name.toLowerCase() === folded);
  const keyType = keyColumn === undefined ? undefined : keyTypeOf(keyColumn.type.toLowerCase());
  // What the server makes of a row's other columns, or a trigger of it, no statement tells.
  const isMade =
    keyColumn !== undefined && (keyColumn.generated === true || relations.assigns(name, keyColumn.name));
  const fold = isMade ? () => null : keyColumn === undefined ? null : storedKey(keyColumn);
  const changes = EVENTS.map((event) => ({ event, columns: null }));
  return {
    name,
    key,
    columns: visibleColumns(schema),
    ...(keyType === undefined ? {} : { keyType }),
    ...(fold === null ? {} : { fold }),
    numbered: keyColumn?.autoIncrement === true && !isMade,
    primaryKey: schema.primaryKey.map((column) => column.toLowerCase()),
    plainlyOrdered: columnsOf(columns, ORDERED_TYPES),
    years: columnsOf(columns, YEAR_TYPE),
    columnTypes: new Map(columns.map((column) => [column.name.toLowerCase(), declaredType(column)])),
    filledByKind: columns.some(({ byKind }) => byKind === true),
    keyMade: isMade,
    otherUniques: otherUniques(schema, folded),
    known: true,
    transactional: TRANSACTIONAL_ENGINES.has((schema.engine ?? '').toLowerCase()),
    autoIncrement: columns.find((column) => column.autoIncrement === true)?.name ?? null,
    clockDefaults: columns.flatMap(clockDefaultsOf),
    versioned: schema.versioned === true,
    expressionDefaults: columns.some((column) => column.onInsert === 'any'),
    serial: isSerial(schema, folded),
    family: relations.family(name),
    triggers: {
      insert: relations.triggers(name, 'insert'),
      update: relations.triggers(name, 'update'),
      delete: relations.triggers(name, 'delete'),
    },
    cascades: relations.cascades(name, changes).filter(isMoved),
    effects,
  };
}

function declaredType({ type, columnType, definition }: TableColumn): string {
  const declared = (columnType ?? type).toLowerCase();
  return definition?.nullable === false ? `${declared} not null` : declared;
}

/** In small letters. */
function columnsOf(columns: readonly TableColumn[], types: RegExp): ReadonlySet<string> {
  return new Set(columns.filter(({ type }) => types.test(type)).map(({ name }) => name.toLowerCase()));
}

function keyTypeOf(type: string): KeyType {
  if (INTEGER_TYPES.has(type)) return 'integer';
  return STRING_TYPES.test(type) ? 'string' : undefined;
}

/** Those that a row of VALUES without a list of columns has values for. */
export function visibleColumns({ columns }: TableSchema): string[] {
  return columns.filter(({ invisible }) => invisible !== true).map(({ name }) => name);
}

function clockDefaultsOf({ name, onInsert, onUpdate }: TableColumn): ClockDefault[] {
  const filled: ClockDefault[] = [];
  if (typeof onInsert === 'number') filled.push({ column: name, on: 'insert', fraction: onInsert });
  if (typeof onUpdate === 'number') filled.push({ column: name, on: 'update', fraction: onUpdate });
  const [insert, update] = filled;
  if (insert !== undefined && update !== undefined && insert.fraction === update.fraction)
    return [{ ...insert, on: 'both' }];
  return filled;
}

function isSerial(schema: TableSchema, key: string | undefined): boolean {
  const numbered = schema.columns.find((column) => column.autoIncrement === true)?.name.toLowerCase();
  return otherUniques(schema, key).some((names) => names.length > 1 || names[0] !== numbered);
}

/** Unique indexes without the key, by their columns in small letters. */
function otherUniques({ primaryKey, uniques = [] }: TableSchema, key: string | undefined): string[][] {
  const indexes = [primaryKey, ...uniques].filter((columns) => columns.length > 0);
  return indexes
    .map((columns) => columns.map((column) => column.toLowerCase()))
    .filter((names) => key === undefined || !names.includes(key));
}
