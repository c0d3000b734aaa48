/** What one shard knows of its tables: which of them move, and what the old server's schema says of those. */
import type { Catalog } from '../sql/keys.ts';
import type { RoutineCall } from '../sql/plan.ts';
import { type AnsiQuotes, ansiQuotesIn } from './ansi-quotes.ts';
import { KnownRoutines } from './known-routines.ts';
import type { OldSchema, Routine, TableSchema } from './old-schema.ts';
import type { Change } from './row-change.ts';
import { type SchemaComparison, TAKEN_AS_ALIKE } from './schema-comparison.ts';
import { ANY_TABLE, SchemaRelations, type ViewBases } from './schema-relations.ts';
import { ANY_VARIABLE, PLAIN_BEGINNING, type SessionBeginning } from './session-beginning.ts';
import { type CatalogTable, describeTable, unknownTable, visibleColumns } from './table-facts.ts';

export type MovedTables = '*' | Readonly<Record<string, { readonly key: string }>>;

/** Readings in a row that may miss a table before it is believed to be gone. */
const MISSES_MAX = 4;
/** Tables of one shard whose names are remembered; past them each look-up makes its answer anew. */
const KNOWN_MAX = 100_000;

const NOTHING: readonly string[] = [];
const NO_SIBLINGS: ReadonlySet<string> = new Set();
const ANYTHING: readonly string[] = [ANY_TABLE];
const HIDDEN_VIEW: ViewBases = { all: [], moved: [], mixed: false, known: false };

export class ShardCatalog implements Catalog {
  readonly #moved: MovedTables;
  readonly #database: string | null;
  readonly #siblings: ReadonlySet<string>;
  readonly #tables = new Map<string, CatalogTable>();
  #schema: ReadonlyMap<string, TableSchema> | null = null;
  /** The reading that `#relations` is of, whole. */
  #reading: OldSchema | null = null;
  /** What the new server has otherwise. */
  #comparison: SchemaComparison = TAKEN_AS_ALIKE;
  /** Of the newest reading, also while a newer one is due: what is new since then is in `#unsettled`. */
  #relations: SchemaRelations | null = null;
  /** Names that a statement gave a view, a trigger or a new bearer since the newest reading. */
  #unsettled: ReadonlySet<string> = new Set();
  /** What changed while a reading of the schema was under way, which may have missed it. */
  #changedMeanwhile: Set<string> | 'any' = new Set();
  #unsettledMeanwhile = new Set<string>();
  /** Tables that the last readings did not show, and how many of them. */
  #missed = new Map<string, number>();
  readonly #routines = new KnownRoutines();
  #version = 1;
  #sqlMode: string | null = null;
  #quotes: AnsiQuotes = 'off';
  #beginning = PLAIN_BEGINNING;
  /** The old server takes names of tables and databases for the same whatever their case; so too before it was asked. */
  #foldsNames = true;
  /** Global settings changed while a reading of them was under way, which may have missed it. */
  #globalsSetMeanwhile = false;

  /**
   * `database`: the shard's old one; null: every database is the shard's. `siblings`: those of other shards on the
   * same old server.
   */
  constructor(moved: MovedTables, database: string | null, siblings: ReadonlySet<string> = NO_SIBLINGS) {
    this.#moved = moved;
    this.#database = database;
    this.#siblings = siblings;
  }

  /** A table that moves with another shard, whose mirror and journal see nothing of what is sent here. */
  isSiblings(database: string | null, name: string): boolean {
    return database !== null && this.#siblings.has(database) && this.#isMoved(name);
  }

  /** Does a table of this name in the shard's database move, or a view stand on one that does? */
  moves(name: string): boolean {
    if (this.#moved === '*') return this.#schema?.has(name) ?? true;
    return this.#isMoved(name) || (this.#relations?.view(name)?.moved.length ?? 0) > 0;
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

  /** What a new session of the old server begins with, its sql_mode apart. */
  get beginning(): SessionBeginning {
    return this.#beginning;
  }

  /** `sqlMode`: the old server's global one; the rest of what a session begins with is in `beginning`. */
  learnBeginning(beginning: SessionBeginning, sqlMode: string): void {
    if (this.#globalsSetMeanwhile) return;
    this.#beginning = beginning;
    this.#sqlMode = sqlMode;
    this.#quotes = ansiQuotesIn(sqlMode);
  }

  learnNames(folds: boolean): void {
    if (folds !== this.#foldsNames) this.#renew();
    this.#foldsNames = folds;
  }

  /** A name that is none of a table that moves, and yet may stand for one: written in another case. */
  mayMean(database: string | null, name: string): boolean {
    const own = this.#database;
    if (!this.#foldsNames || database === null) return false;
    if (own !== null && !isAlike(database, own)) return false;
    const tables = this.#moved === '*' ? [...(this.#schema?.keys() ?? [])] : Object.keys(this.#moved);
    const views = this.#reading?.views.map((view) => view.name) ?? [];
    const alike = [...tables, ...views].filter((one) => isAlike(one, name));
    return alike.length > 0 && !(this.#isOurs(database) && alike.includes(name));
  }

  /** A statement changed global settings: what a session begins with is not known until they are read again. */
  forgetBeginning(): void {
    this.#globalsSetMeanwhile = true;
    this.#beginning = { ...this.#beginning, unknown: [ANY_VARIABLE], isolation: null };
    this.#quotes = 'unknown';
  }

  get schemaKnown(): boolean {
    return this.#schema !== null;
  }

  /** A view has no key of its own; it counts as a table that moves where it stands on one that does. */
  table(database: string | null, name: string): CatalogTable | null {
    if (!this.#isOurs(database)) return null;
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name);
    if (made !== null && this.#tables.size < KNOWN_MAX) this.#tables.set(name, made);
    return made;
  }

  /** The tables that a view stands on; null: the name is no view's, as far as is known. */
  view(database: string | null, name: string): ViewBases | null {
    if (!this.#isOurs(database)) return null;
    const view = this.#relations?.view(name) ?? null;
    if (!this.#unsettled.has(name)) return view;
    return view === null && this.#key(name) !== undefined && this.#moved !== '*' ? null : HIDDEN_VIEW;
  }

  /**
   * The moved tables whose rows may change besides where `name` is changed so, by triggers and foreign keys.
   * `name` itself may be one that stays, of another database too. `*` among them: any table.
   */
  reached(database: string | null, name: string, changes: readonly Change[]): readonly string[] {
    if (database === null) return NOTHING;
    if (!this.#isOurs(database)) return this.#relations?.reachedFrom(database, name, changes) ?? ANYTHING;
    if (this.#relations === null || this.#unsettled.has(name)) return ANYTHING;
    return this.#relations.reached(name, changes);
  }

  /** Whether triggers may run where `name` is changed so. Of other databases' tables none are seen. */
  runsTriggers(database: string | null, name: string, changes: readonly Change[]): boolean {
    if (!this.#isOurs(database)) return false;
    const relations = this.#relations;
    if (relations === null || this.#unsettled.has(name)) return true;
    return changes.some(({ event }) => relations.triggers(name, event) !== 'none');
  }

  /** A table's columns, and which of them AUTO_INCREMENT numbers; null: not known. It may be one that stays. */
  numbering(
    database: string | null,
    name: string,
  ): { readonly column: string | null; readonly columns: readonly string[] } | null {
    const schema = this.#isOurs(database) ? this.#schema?.get(name) : undefined;
    if (schema === undefined || schema.engine === null) return null;
    const column = schema.columns.find(({ autoIncrement }) => autoIncrement === true)?.name ?? null;
    return { column, columns: visibleColumns(schema) };
  }

  /** Grows whenever what is known of procedures and stored functions may have changed. */
  get routinesVersion(): number {
    return this.#routines.version;
  }

  /** `database`: in which an unqualified name is looked up. Null: there is none of the name, as far as is known. */
  routine(call: RoutineCall, database: string | null): Routine | null {
    const at = call.database ?? database;
    return at !== null && this.#isOurs(at) ? this.#routines.find(at, call) : null;
  }

  /** A statement may have changed procedures or functions: nothing is known of any until the next reading. */
  unsettleRoutines(): void {
    this.#routines.unsettle();
  }

  /** May a change of this table's definition change what is known of tables that move? */
  isOfConcern(database: string | null, name: string): boolean {
    if (!this.#isOurs(database)) return false;
    if (this.#moved === '*' || this.#schema === null) return true;
    // Not every server looks at the case of names.
    const folded = name.toLowerCase();
    const known = [...this.#schema.keys(), ...Object.keys(this.#moved), ...this.#unsettled];
    return this.view(database, name) !== null || known.some((each) => each.toLowerCase() === folded);
  }

  /** No view bears these names, and no trigger or foreign key goes along where they are given to other tables. */
  isPlain(names: readonly string[]): boolean {
    const relations = this.#relations;
    if (relations === null) return false;
    return names.every(
      (name) => !this.#unsettled.has(name) && relations.view(name) === null && !relations.isTied(name),
    );
  }

  /** The moved table of a trigger, as far as the newest reading tells; null: not known, or one that stays. */
  tableOfTrigger(name: string): string | null {
    const folded = name.toLowerCase();
    const found = this.#reading?.triggers.find((trigger) => trigger.name.toLowerCase() === folded);
    return found !== undefined && this.#isMoved(found.table) ? found.table : null;
  }

  /** Is it the shard's own database, or one of several that the shard has? */
  isShards(database: string): boolean {
    return this.#isOurs(database);
  }

  /** A reading of the schema begins: what changes from here on, its `learn` must not vouch for. */
  beginReading(): void {
    this.#globalsSetMeanwhile = false;
    this.#changedMeanwhile = new Set();
    this.#unsettledMeanwhile = new Set();
    this.#routines.beginReading();
  }

  get comparison(): SchemaComparison {
    return this.#comparison;
  }

  /** The new server's tables were read, or are to be: bindings made without it no longer hold. */
  compare(comparison: SchemaComparison): void {
    this.#comparison = comparison;
    if (this.#reading !== null) this.#relate(this.#reading);
    this.#renew();
  }

  /** A new reading of the schema: bindings made with the old one no longer hold. */
  learn(reading: OldSchema): void {
    this.#routines.learn(reading.routines);
    const changed = this.#changedMeanwhile;
    if (changed === 'any') return;
    const schema = this.#keepMissed(without(reading.tables, changed), changed);
    const unsettled = this.#unsettledMeanwhile;
    const isNews =
      this.#schema === null ||
      this.#reading === null ||
      !sameNames(this.#unsettled, unsettled) ||
      !sameSchema(this.#schema, schema) ||
      !sameRest(this.#reading, reading);
    if (!isNews) return;
    this.#schema = schema;
    this.#reading = reading;
    this.#relate(reading);
    this.#unsettled = new Set(unsettled);
    this.#renew();
  }

  /** Tables that the configuration names and the schema, where it is known, does not. */
  missing(): string[] {
    const schema = this.#schema;
    if (schema === null || this.#moved === '*') return [];
    return Object.keys(this.#moved).filter((name) => !schema.has(name) || this.#missed.has(name));
  }

  /**
   * A configured table that nobody dropped through us and that a reading does not show may be on its way, dropped to
   * be made anew: what was known of it stands for a few readings more, which follow in some seconds.
   */
  #keepMissed(
    reading: ReadonlyMap<string, TableSchema>,
    changed: ReadonlySet<string>,
  ): ReadonlyMap<string, TableSchema> {
    const known = this.#schema;
    const before = this.#missed;
    this.#missed = new Map();
    if (known === null || this.#moved === '*') return reading;
    const kept = new Map(reading);
    for (const name of Object.keys(this.#moved)) {
      const was = known.get(name);
      const misses = (before.get(name) ?? 0) + 1;
      if (was === undefined || reading.has(name) || changed.has(name) || misses > MISSES_MAX) continue;
      this.#missed.set(name, misses);
      kept.set(name, was);
    }
    return kept;
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

  /** A statement made a view or a trigger of these names, or gave them to other tables: what they reach is not known. */
  unsettle(names: readonly string[]): void {
    for (const name of names) this.#unsettledMeanwhile.add(name);
    if (names.every((name) => this.#unsettled.has(name))) return;
    this.#unsettled = new Set([...this.#unsettled, ...names]);
    this.#renew();
  }

  readonly #isMoved = (name: string): boolean => this.#key(name) !== undefined;

  #isOurs(database: string | null): boolean {
    return database !== null && (this.#database === null || database === this.#database);
  }

  #relate(reading: OldSchema): void {
    this.#relations = new SchemaRelations(this.#comparison.joined(reading), this.#isMoved);
  }

  #renew(): void {
    this.#tables.clear();
    this.#version++;
  }

  /** Its key column; null: not known; undefined: it does not move. */
  #key(name: string): string | null | undefined {
    if (this.#moved === '*') return this.#schema?.get(name)?.primaryKey[0] ?? null;
    // Own properties only: a table may be called "constructor".
    return Object.hasOwn(this.#moved, name) ? this.#moved[name]?.key : undefined;
  }

  #make(name: string): CatalogTable | null {
    const view = this.#relations?.view(name) ?? null;
    const key = this.#key(name);
    if (view !== null) return key !== undefined || view.moved.length > 0 ? unknownTable(name, null) : null;
    if (key === undefined) return null;
    const schema = this.#schema?.get(name);
    const effects = this.#comparison.effects(name);
    if (schema === undefined || schema.engine === null || this.#relations === null)
      return unknownTable(name, key, effects);
    const uniques = [...(schema.uniques ?? []), ...this.#comparison.uniques(name)];
    return describeTable({ ...schema, uniques }, key, this.#relations, this.#isMoved, effects);
  }
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

function sameRest(a: OldSchema, b: OldSchema): boolean {
  return JSON.stringify(restOf(a)) === JSON.stringify(restOf(b));
}

function restOf({ foreignKeys, outside, triggers, triggersSeen, views }: OldSchema): unknown {
  const seen = triggersSeen === 'all' ? triggersSeen : [...triggersSeen].sort();
  return [foreignKeys, outside, triggers, seen, views];
}

function isAlike(left: string, right: string): boolean {
  return left === right || left.toLowerCase() === right.toLowerCase();
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((name) => b.has(name));
}
