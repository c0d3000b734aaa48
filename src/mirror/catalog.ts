/** What one shard knows of its tables: which of them move, and what the old server's schema says of those. */
import type { KeyType } from '../sql/key-text.ts';
import type { Catalog, MovedTable } from '../sql/keys.ts';
import { type AnsiQuotes, ansiQuotesIn } from './ansi-quotes.ts';

export interface TableColumn {
  readonly name: string;
  /** information_schema's DATA_TYPE, such as `bigint`. */
  readonly type: string;
}

/** A table of the old database, as information_schema tells of it. */
export interface TableSchema {
  readonly name: string;
  /** Null: a view. */
  readonly engine: string | null;
  /** In the table's order. */
  readonly columns: readonly TableColumn[];
  /** Of the primary key, in its order. */
  readonly primaryKey: readonly string[];
}

export interface CatalogTable extends MovedTable {
  /** A rollback undoes changes to it. Null: not known (yet). */
  readonly transactional: boolean | null;
}

export type MovedTables = '*' | Readonly<Record<string, { readonly key: string }>>;

/** Engines that roll back. All others (MyISAM, Aria, MEMORY, CSV, ARCHIVE …) keep what was done. */
const TRANSACTIONAL_ENGINES: ReadonlySet<string> = new Set([
  'innodb',
  'rocksdb',
  'tokudb',
  'ndbcluster',
  'ndb',
]);

/** Tables of one shard whose names are remembered; past them each look-up makes its answer anew. */
const KNOWN_MAX = 100_000;

export class ShardCatalog implements Catalog {
  readonly #moved: MovedTables;
  readonly #database: string | null;
  readonly #tables = new Map<string, CatalogTable>();
  #schema: ReadonlyMap<string, TableSchema> | null = null;
  /** What changed while a reading of the schema was under way, which may have missed it. */
  #changedMeanwhile: Set<string> | 'any' = new Set();
  #version = 1;
  #sqlMode: string | null = null;
  #quotes: AnsiQuotes = 'off';

  /** `database`: the shard's old one; null: every database is the shard's. */
  constructor(moved: MovedTables, database: string | null) {
    this.#moved = moved;
    this.#database = database;
  }

  get version(): number {
    return this.#version;
  }

  /** The old server's global sql_mode, as it was read last; null before. */
  get sqlMode(): string | null {
    return this.#sqlMode;
  }

  /** Whether that sql_mode makes a double quote begin a name. */
  get quotes(): AnsiQuotes {
    return this.#quotes;
  }

  learnSqlMode(sqlMode: string): void {
    this.#sqlMode = sqlMode;
    this.#quotes = ansiQuotesIn(sqlMode);
  }

  get schemaKnown(): boolean {
    return this.#schema !== null;
  }

  table(database: string | null, name: string): CatalogTable | null {
    if (database === null || (this.#database !== null && database !== this.#database)) return null;
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name);
    if (made !== null && this.#tables.size < KNOWN_MAX) this.#tables.set(name, made);
    return made;
  }

  /** A reading of the schema begins: what changes from here on, its `learn` must not vouch for. */
  beginReading(): void {
    this.#changedMeanwhile = new Set();
  }

  /** A new reading of the schema: bindings made with the old one no longer hold. */
  learn(reading: ReadonlyMap<string, TableSchema>): void {
    const changed = this.#changedMeanwhile;
    if (changed === 'any') return;
    const schema = without(reading, changed);
    if (this.#schema !== null && sameSchema(this.#schema, schema)) return;
    this.#schema = schema;
    this.#renew();
  }

  /** Tables that the configuration names and the schema, where it is known, does not. */
  missing(): string[] {
    const schema = this.#schema;
    if (schema === null || this.#moved === '*') return [];
    return Object.keys(this.#moved).filter((name) => !schema.has(name));
  }

  /** A statement changed these tables: until the next reading only the configuration is certain of them. */
  forget(names: readonly string[]): void {
    if (this.#changedMeanwhile !== 'any') for (const name of names) this.#changedMeanwhile.add(name);
    const known = this.#schema;
    if (known === null || !names.some((name) => known.has(name))) return;
    this.#schema = without(known, new Set(names));
    this.#renew();
  }

  /** A statement changed tables that it does not tell, or not all of them. */
  forgetAll(): void {
    this.#changedMeanwhile = 'any';
    if (this.#schema === null) return;
    this.#schema = null;
    this.#renew();
  }

  #renew(): void {
    this.#tables.clear();
    this.#version++;
  }

  #make(name: string): CatalogTable | null {
    const schema = this.#schema?.get(name);
    if (this.#moved === '*') return describe(name, schema?.primaryKey[0] ?? null, schema);
    // Own properties only: a table may be called "constructor".
    const configured = Object.hasOwn(this.#moved, name) ? this.#moved[name] : undefined;
    return configured === undefined ? null : describe(name, configured.key, schema);
  }
}

const INTEGER_TYPES: ReadonlySet<string> = new Set([
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'bigint',
  'year',
]);
const STRING_TYPES = /char|text|binary|blob|enum|set|uuid/;

function describe(name: string, key: string | null, schema: TableSchema | undefined): CatalogTable {
  // Of a view, or of a table not read yet, nothing more than its name is certain.
  if (schema === undefined || schema.engine === null)
    return { name, key, columns: null, transactional: null };
  const folded = key?.toLowerCase();
  const keyColumn = schema.columns.find((column) => column.name.toLowerCase() === folded);
  const keyType = keyColumn === undefined ? undefined : keyTypeOf(keyColumn.type.toLowerCase());
  return {
    name,
    key,
    columns: schema.columns.map((column) => column.name),
    ...(keyType === undefined ? {} : { keyType }),
    transactional: TRANSACTIONAL_ENGINES.has(schema.engine.toLowerCase()),
  };
}

function keyTypeOf(type: string): KeyType {
  if (INTEGER_TYPES.has(type)) return 'integer';
  return STRING_TYPES.test(type) ? 'string' : undefined;
}

function without(
  schema: ReadonlyMap<string, TableSchema>,
  names: ReadonlySet<string>,
): ReadonlyMap<string, TableSchema> {
  return names.size === 0 ? schema : new Map([...schema].filter(([name]) => !names.has(name)));
}

function sameSchema(a: ReadonlyMap<string, TableSchema>, b: ReadonlyMap<string, TableSchema>): boolean {
  return JSON.stringify([...a]) === JSON.stringify([...b]);
}
