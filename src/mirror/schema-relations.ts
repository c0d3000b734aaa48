/**
 * What a write to one table changes in others: through triggers, foreign keys and views. Made anew with each
 * reading of the schema. What can't be seen, or not be read, may change any table.
 */
import { type ProgramText, readProgramText } from '../sql/program-text.ts';
import { DEFAULT_SQL_MODE } from '../sql/sql-mode.ts';
import type { ForeignKey, OldSchema, Trigger, WriteEvent } from './old-schema.ts';
import { OutsideTies } from './outside-ties.ts';
import { ANY_CHANGE, type Change, cascades, EVENTS } from './row-change.ts';
import { modeOf } from './sql-mode-list.ts';

/** Stands for any table, also in the journal. */
export const ANY_TABLE = '*';

/** Holds up what touches any table that foreign keys tie to the others of this family; see `WriteSet`. */
export function familyBarrier(family: string): string {
  return `family of ${family}`;
}

/** What there is of triggers on one table for one event: `known`: which tables their text names can be told. */
export type TriggersSeen = 'none' | 'known' | 'unknown';

/** A view, by the tables that it stands on in the end. */
export interface ViewBases {
  /** Moved or not. */
  readonly all: readonly string[];
  readonly moved: readonly string[];
  /** It stands on some that move and some that do not. */
  readonly mixed: boolean;
  /** False: not all of what it stands on is known, or it calls functions of the application's own. */
  readonly known: boolean;
}

/** What the text of one trigger may change; null: any table. */
type Touched = ReadonlySet<string> | null;

export class SchemaRelations {
  readonly #schema: OldSchema;
  readonly #isMoved: (name: string) => boolean;
  readonly #triggers = new Map<string, Touched[]>();
  readonly #byParent = new Map<string, ForeignKey[]>();
  readonly #families = new Map<string, string>();
  readonly #viewNames: ReadonlySet<string>;
  readonly #views = new Map<string, ViewBases>();
  readonly #outside: OutsideTies | null;

  /** `isMoved`: of a base table or a view, whether the configuration moves its name. */
  constructor(schema: OldSchema, isMoved: (name: string) => boolean) {
    this.#schema = schema;
    this.#isMoved = isMoved;
    this.#viewNames = new Set(schema.views.map(({ name }) => name));
    this.#readViews();
    for (const trigger of schema.triggers)
      push(this.#triggers, eventKey(trigger.table, trigger.event), this.#touchedBy(trigger));
    for (const foreignKey of schema.foreignKeys) push(this.#byParent, foreignKey.parent, foreignKey);
    this.#findFamilies();
    this.#outside = schema.outside && new OutsideTies(schema.outside);
  }

  view(name: string): ViewBases | null {
    return this.#views.get(name) ?? null;
  }

  /** Moved tables that foreign keys tie to this one share a name; null: it stands alone. */
  family(table: string): string | null {
    return this.#families.get(table) ?? null;
  }

  triggers(table: string, event: WriteEvent): TriggersSeen {
    const { triggersSeen } = this.#schema;
    if (triggersSeen !== 'all' && !triggersSeen.has(table)) return 'unknown';
    const touched = this.#triggers.get(eventKey(table, event));
    if (touched === undefined) return 'none';
    return touched.includes(null) ? 'unknown' : 'known';
  }

  /** May a trigger give rows of the table another value of the column than the statement did? */
  assigns(table: string, column: string): boolean {
    const name = column.replace(/[^\w]/g, '.');
    const assigned = new RegExp(`(?:\\bSET|\\bINTO|,)\\s*NEW\\s*\\.\\s*[\`"]?${name}(?!\\w)`, 'i');
    return this.#schema.triggers.some(
      ({ table: on, before, text }) =>
        on === table &&
        before === true &&
        (assigned.test(text) || (COMMENT.test(text) && /\bNEW\b/i.test(text))),
    );
  }

  /** Triggers act on it, as far as is known, or foreign keys tie it to others. */
  isTied(table: string): boolean {
    const { foreignKeys } = this.#schema;
    if (EVENTS.some((event) => this.triggers(table, event) !== 'none')) return true;
    return foreignKeys.some(({ child, parent }) => child === table || parent === table);
  }

  /** The moved tables that these changes of `table` may change besides, in the end; `*` among them: any. */
  reached(table: string, changes: readonly Change[]): readonly string[] {
    const seen = new Set<string>();
    const waiting: { table: string; changes: readonly Change[] }[] = [{ table, changes }];
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
      const next = this.#next(step.table, step.changes);
      if (next === null) return [ANY_TABLE];
      for (const name of next) {
        if (seen.has(name)) continue;
        seen.add(name);
        waiting.push({ table: name, changes: ANY_CHANGE });
      }
    }
    return [...seen].filter(this.#isMoved);
  }

  /** The moved tables that these changes of another database's table may change, in the end; `*` among them: any. */
  reachedFrom(database: string, table: string, changes: readonly Change[]): readonly string[] {
    const direct = this.#outside?.reached({ database, table }, changes) ?? null;
    if (direct === null) return [ANY_TABLE];
    const found = [...direct].flatMap((name) => this.#beneath(name));
    return found.includes(ANY_TABLE) ? [ANY_TABLE] : [...new Set(found)];
  }

  /** The table, or the tables that the view stands on, with what their changes change in turn; only those that move. */
  #beneath(name: string): string[] {
    const view = this.#views.get(name);
    if (view?.known === false) return [ANY_TABLE];
    return (view?.all ?? [name]).flatMap((base) => [
      ...(this.#isMoved(base) ? [base] : []),
      ...this.reached(base, ANY_CHANGE),
    ]);
  }

  /** The tables that foreign keys let these changes reach, by any number of steps, moved or not. */
  cascades(table: string, changes: readonly Change[]): readonly string[] {
    const seen = new Set<string>();
    const waiting = [{ table, changes }];
    for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
      for (const child of this.#children(step.table, step.changes)) {
        if (seen.has(child)) continue;
        seen.add(child);
        waiting.push({ table: child, changes: [...ANY_CHANGE] });
      }
    }
    return [...seen];
  }

  #next(table: string, changes: readonly Change[]): readonly string[] | null {
    const found = this.#children(table, changes);
    for (const { event } of changes) {
      if (this.triggers(table, event) === 'unknown') return null;
      for (const touched of this.#triggers.get(eventKey(table, event)) ?? []) found.push(...(touched ?? []));
    }
    return found;
  }

  #children(table: string, changes: readonly Change[]): string[] {
    const keys = this.#byParent.get(table) ?? [];
    return keys
      .filter((key) => changes.some((change) => cascades(key, change)))
      .map((foreignKey) => foreignKey.child);
  }

  #touchedBy({ text, sqlMode }: Trigger): Touched {
    const read = readProgramText(text, modeOf(sqlMode));
    if (!read.complete) return null;
    const touched = new Set<string>();
    for (const name of read.names) {
      const view = this.#views.get(name);
      if (view?.known === false) return null;
      if (this.#schema.tables.has(name) && view === undefined) touched.add(name);
      for (const base of view?.all ?? []) touched.add(base);
    }
    return this.#callsOthers(read) ? null : touched;
  }

  /** A table's column list looks like a call. */
  #callsOthers({ calls }: ProgramText): boolean {
    return [...calls].some((name) => !this.#isHere(name));
  }

  #isHere(name: string): boolean {
    return this.#schema.tables.has(name) || this.#viewNames.has(name);
  }

  #readViews(): void {
    const definitions = new Map(this.#schema.views.map(({ name, definition }) => [name, definition]));
    const texts = new Map<string, ProgramText | null>();
    for (const [name, definition] of definitions)
      texts.set(name, definition === null ? null : readProgramText(definition, DEFAULT_SQL_MODE));
    for (const name of definitions.keys()) this.#views.set(name, this.#basesOf(name, texts));
  }

  /** Its bases, those of the views that it stands on among them. */
  #basesOf(view: string, texts: ReadonlyMap<string, ProgramText | null>): ViewBases {
    const bases = new Set<string>();
    let known = true;
    const seen = new Set([view]);
    const waiting = [view];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const text = texts.get(name) ?? null;
      if (text === null || !text.complete) {
        known = false;
        continue;
      }
      if (this.#callsOthers(text) || [...text.tables].some((table) => !this.#isHere(table))) known = false;
      for (const other of text.names) {
        if (texts.has(other) && !seen.has(other)) waiting.push(other);
        else if (this.#schema.tables.has(other) && !texts.has(other)) bases.add(other);
        seen.add(other);
      }
    }
    const all = [...bases];
    const moved = all.filter(this.#isMoved);
    return { all, moved, mixed: moved.length > 0 && moved.length < all.length, known };
  }

  #findFamilies(): void {
    const ties = this.#schema.foreignKeys.filter(
      ({ child, parent }) => this.#isMoved(child) && this.#isMoved(parent),
    );
    for (const { child, parent } of ties) {
      const [one = child, other = parent] = [this.#families.get(child), this.#families.get(parent)];
      const [name = child] = [one, other].sort();
      for (const [table, family] of this.#families)
        if (family === one || family === other) this.#families.set(table, name);
      this.#families.set(child, name);
      this.#families.set(parent, name);
    }
  }
}

/** Where it stands between words, they are not looked for one behind the other. */
const COMMENT = /\/\*|--|#/;

const eventKey = (table: string, event: WriteEvent): string => `${event} ${table}`;

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
