/** A database's schema as one reading of information_schema found it, as far as replays depend on it. */

/**
 * What fills a column that a statement leaves out: `fixed` is the same on every server, `any` is not (UUID(), a
 * stored function, something that can't be read), a number is the clock with that many digits of a second.
 */
export type Filling = 'fixed' | 'any' | number;

/** What of a column is held against the other server's, in forms that do not depend on the kind of server. */
export interface ColumnDefinition {
  readonly charset: string | null;
  readonly nullable: boolean;
  /** As `fillingForm` makes it. */
  readonly filling: string;
  /** As `expressionForm` makes it; null: no other columns make its value. */
  readonly expression: string | null;
  /** It holds JSON alone. */
  readonly json: boolean;
  /** The server's own words for what fills it or makes its value; null: none. */
  readonly text: string | null;
}

export interface TableColumn {
  readonly name: string;
  /** information_schema's DATA_TYPE, such as `bigint`. */
  readonly type: string;
  /** information_schema's COLUMN_TYPE, such as `bigint(20) unsigned`. */
  readonly columnType?: string;
  /** Left out: the column has none. */
  readonly collation?: string;
  /** What an INSERT fills in; left out: `fixed`. */
  readonly onInsert?: Filling;
  /** What an UPDATE of another column fills in; left out: nothing. */
  readonly onUpdate?: Filling;
  readonly autoIncrement?: boolean;
  /** Its value is made of the row's other columns. */
  readonly generated?: boolean;
  /** Its default, or what it is made by, is an expression that MariaDB and MySQL reckon otherwise. */
  readonly byKind?: boolean;
  /** A row of VALUES without a list of columns has no value for it. */
  readonly invisible?: boolean;
  /** Left out: not read. */
  readonly definition?: ColumnDefinition;
}

/** A table of the old database, as information_schema tells of it. */
export interface TableSchema {
  readonly name: string;
  /** Null: a view. */
  readonly engine: string | null;
  /** MariaDB keeps a history of its rows, by its own clock. */
  readonly versioned?: boolean;
  /** In the table's order. */
  readonly columns: readonly TableColumn[];
  /** Of the primary key, in its order. */
  readonly primaryKey: readonly string[];
  /** The columns of each other UNIQUE index; a part that is no column is an empty name. */
  readonly uniques?: readonly (readonly string[])[];
  /** The same with the primary key among them, in one order, and of a part that is the beginning of a column how long it is. */
  readonly uniqueForms?: readonly string[];
}

export type WriteEvent = 'insert' | 'update' | 'delete';

export interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  /** The parent's columns that it refers to. */
  readonly columns: readonly string[];
  /** DELETE of a parent's row changes the child's rows. */
  readonly onDelete: boolean;
  /** UPDATE of the columns referred to changes the child's rows. */
  readonly onUpdate: boolean;
}

export interface Trigger {
  readonly name: string;
  readonly table: string;
  readonly event: WriteEvent;
  /** It runs before the row is written, and may change it; left out: behind it. */
  readonly before?: boolean;
  readonly text: string;
  /** The sql_mode that it was made under, as a comma-separated list. */
  readonly sqlMode: string;
}

/** `database` null: the shard's own. */
export interface Place {
  readonly database: string | null;
  readonly table: string;
}

export interface OutsideTie {
  /** The table, or the view, that is written. */
  readonly at: Place;
  /** What has to happen there. */
  readonly on:
    | { readonly what: 'key'; readonly key: Pick<ForeignKey, 'columns' | 'onDelete' | 'onUpdate'> }
    | { readonly what: 'trigger'; readonly event: WriteEvent }
    | { readonly what: 'view' };
  /** What it may change; null: any table of the shard's. */
  readonly reaches: readonly Place[] | null;
}

export interface View {
  readonly name: string;
  /** Null: oldUser may not see it. */
  readonly definition: string | null;
}

/** A procedure or a stored function. */
export interface Routine {
  readonly what: 'procedure' | 'function';
  readonly database: string;
  readonly name: string;
  /** Null: oldUser may not see it, or it is too long, or not in SQL. */
  readonly body: string | null;
  /** The sql_mode that it was made under, as a comma-separated list. */
  readonly sqlMode: string;
}

/** What is read of either server. */
export interface DatabaseSchema {
  readonly tables: ReadonlyMap<string, TableSchema>;
  readonly foreignKeys: readonly ForeignKey[];
  readonly triggers: readonly Trigger[];
  /** Tables whose triggers our account may see. */
  readonly triggersSeen: 'all' | ReadonlySet<string>;
}

export interface OldSchema extends DatabaseSchema {
  /** What ties tables of other databases to these; null: not all of it is known. */
  readonly outside: readonly OutsideTie[] | null;
  readonly views: readonly View[];
  readonly routines: readonly Routine[];
}

/** A schema of these tables alone, without views, triggers, foreign keys and routines. */
export function schemaOfTables(
  tables: readonly TableSchema[],
  rest: Partial<Omit<OldSchema, 'tables'>> = {},
): OldSchema {
  return {
    foreignKeys: [],
    outside: [],
    triggers: [],
    triggersSeen: 'all',
    views: [],
    routines: [],
    ...rest,
    tables: new Map(tables.map((table) => [table.name, table])),
  };
}
