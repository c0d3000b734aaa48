/**
 * Holds a table of the new server against the old server's: what differs, so that replays may leave other rows, and
 * which statements it befalls. docs/hazards.md has the list.
 */

import { type ColumnType, charsetFit, comparesAlike, typeFit } from './column-type.ts';
import type { ColumnDefinition, TableColumn, TableSchema, WriteEvent } from './old-schema.ts';
import { ANY_EFFECTS, NO_EFFECTS, type TableEffects } from './table-effects.ts';
import { visibleColumns } from './table-facts.ts';

/** Texts are parts of sentences. */
export interface Difference {
  /** Null: it is the table's. */
  readonly column: string | null;
  /** What each server has. */
  readonly old: string;
  readonly new: string;
  /** Which replays are in doubt for it. */
  readonly follows: string;
}

export interface ComparedTable {
  readonly differences: readonly Difference[];
  readonly effects: TableEffects;
}

/** Both servers have the same, as far as replays depend on it. */
const ALIKE: ComparedTable = { differences: [], effects: NO_EFFECTS };

/** Replays of it fail, and are doubts for that. */
const ABSENT: ComparedTable = {
  differences: [
    { column: null, old: 'a table', new: 'none that newUser may see', follows: 'all, as replays fail' },
  ],
  effects: NO_EFFECTS,
};

const A_VIEW: ComparedTable = {
  differences: [{ column: null, old: 'a table', new: 'a view', follows: 'all that changes its rows' }],
  effects: ANY_EFFECTS,
};

const UNREAD: ColumnDefinition = {
  charset: null,
  nullable: true,
  filling: 'NULL',
  expression: null,
  json: false,
  text: null,
};

/** When a row of a system-versioned table came and went: MariaDB alone has it, and fills it itself. */
const PERIOD = /^ROW (?:START|END)$/i;

/** `fresh` undefined: the new server does not have it. */
export function compareTable(old: TableSchema, fresh: TableSchema | undefined): ComparedTable {
  // A view of the old server is none of the mirror's tables.
  if (old.engine === null) return ALIKE;
  if (fresh === undefined) return ABSENT;
  if (fresh.engine === null) return A_VIEW;
  const comparison = new Comparison();
  const columns = new Map(fresh.columns.map((column) => [column.name.toLowerCase(), column]));
  for (const column of old.columns) {
    if (PERIOD.test(column.definition?.text ?? '')) continue;
    const other = columns.get(column.name.toLowerCase());
    if (other === undefined) comparison.lacks(column);
    else comparison.column(column, other);
  }
  comparison.order(listedColumns(old), listedColumns(fresh));
  if (old.versioned !== true && fresh.versioned !== true) comparison.uniques(old, fresh);
  return comparison.compared();
}

/** For which a row of VALUES without a list of columns has values. */
function listedColumns(table: TableSchema): string[] {
  return visibleColumns(table).map((name) => name.toLowerCase());
}

class Comparison {
  readonly #differences: Difference[] = [];
  readonly #events = new Set<WriteEvent>();
  readonly #assigned = new Set<string>();
  readonly #filled = new Set<string>();
  readonly #read = new Set<string>();
  #unlisted = false;
  #upserts = false;
  #warned = false;

  compared(): ComparedTable {
    if (this.#differences.length === 0 && !this.#warned) return ALIKE;
    return {
      differences: this.#differences,
      effects: {
        events: this.#events,
        assigned: this.#assigned,
        filled: this.#filled,
        read: this.#read,
        unlisted: this.#unlisted,
        upserts: this.#upserts,
        warned: this.#warned,
      },
    };
  }

  /** What names the column fails there; what leaves it out does not. */
  lacks(old: TableColumn): void {
    this.#filled.add(old.name.toLowerCase());
    this.#tell(old.name, typeText(old), 'no such column', 'replays that name it fail; INSERT without it');
  }

  column(old: TableColumn, fresh: TableColumn): void {
    const [one, other] = [old.definition ?? UNREAD, fresh.definition ?? UNREAD];
    if (one.expression !== other.expression || old.generated !== fresh.generated) {
      this.#events.add('insert').add('update');
      const follows = 'INSERT and UPDATE';
      this.#tell(old.name, makingText(one), makingText(other), follows);
      return;
    }
    this.#type(old, fresh);
    if (one.nullable && !other.nullable) {
      this.#gives(old.name);
      this.#tell(old.name, 'NULL allowed', 'NOT NULL', 'what gives it a value');
    } else if (one.nullable !== other.nullable) {
      this.#warned = true;
    }
    this.#fillings(old, fresh);
  }

  /** An INSERT without a list of columns goes by their places; one with too few or too many values fails. */
  order(old: readonly string[], fresh: readonly string[]): void {
    if (old.length !== fresh.length || old.join() === fresh.join()) return;
    this.#unlisted = true;
    const text = (names: readonly string[]): string => `the columns in the order ${names.join(', ')}`;
    this.#tell(null, text(old), text(fresh), 'INSERT without a list of columns');
  }

  uniques({ uniqueForms: old = [] }: TableSchema, { uniqueForms: fresh = [] }: TableSchema): void {
    const alone = (these: readonly string[], those: readonly string[]): string => {
      const names = these.filter((form) => !those.includes(form)).map((form) => `(${form})`);
      return names.length === 0 ? 'no other unique index' : `unique indexes on ${names.join(', ')}`;
    };
    const uniqueColumns = [...old, ...fresh].flatMap((form) => form.replaceAll(/\(\d+\)/g, '').split(', '));
    if (uniqueColumns.some((column) => this.#read.has(column))) this.#upserts = true;
    if (JSON.stringify([...new Set(old)]) === JSON.stringify([...new Set(fresh)])) return;
    this.#upserts = true;
    this.#tell(null, alone(old, fresh), alone(fresh, old), 'REPLACE, ON DUPLICATE KEY UPDATE and IGNORE');
  }

  #type(old: TableColumn, fresh: TableColumn): void {
    const [one, other] = [columnType(old), columnType(fresh)];
    const fits = [typeFit(one, other), charsetFit(one, other)];
    if (fits.includes('wider')) this.#warned = true;
    if (fits.includes('other')) {
      this.#gives(old.name);
      this.#filled.add(old.name.toLowerCase());
      this.#read.add(old.name.toLowerCase());
      this.#tell(old.name, typeText(old), typeText(fresh), 'INSERT, and what names it');
    } else if (!comparesAlike(one, other)) {
      this.#read.add(old.name.toLowerCase());
      this.#tell(old.name, typeText(old), typeText(fresh), 'what compares it, or reads it to make a value');
    }
  }

  #fillings(old: TableColumn, fresh: TableColumn): void {
    const [one, other] = [old.definition ?? UNREAD, fresh.definition ?? UNREAD];
    if ((old.autoIncrement === true) !== (fresh.autoIncrement === true)) {
      this.#events.add('insert');
      const text = (column: TableColumn): string =>
        column.autoIncrement === true ? 'AUTO_INCREMENT' : 'no AUTO_INCREMENT';
      this.#tell(old.name, text(old), text(fresh), 'INSERT');
    } else if (old.autoIncrement !== true && one.filling !== other.filling && one.expression === null) {
      this.#filled.add(old.name.toLowerCase());
      if (old.invisible === true) this.#events.add('insert');
      const text = ({ text: words }: ColumnDefinition): string => `DEFAULT ${words ?? 'left out'}`;
      this.#tell(old.name, text(one), text(other), 'INSERT without it, or with DEFAULT');
    }
    if (old.onUpdate === fresh.onUpdate) return;
    this.#events.add('update');
    const text = ({ onUpdate }: TableColumn): string =>
      onUpdate === undefined ? 'no ON UPDATE' : `ON UPDATE the clock, ${onUpdate} digits`;
    this.#tell(old.name, text(old), text(fresh), 'UPDATE');
  }

  #gives(column: string): void {
    this.#assigned.add(column.toLowerCase());
  }

  #tell(column: string | null, old: string, fresh: string, follows: string): void {
    this.#differences.push({ column, old, new: fresh, follows });
  }
}

function columnType({ type, columnType: text, collation, definition }: TableColumn): ColumnType {
  const { charset, json } = definition ?? UNREAD;
  return { type, columnType: text ?? type, charset, collation: collation ?? null, json };
}

function typeText({ type, columnType: text = type, collation }: TableColumn): string {
  return collation === undefined ? text : `${text} COLLATE ${collation}`;
}

function makingText({ expression, text }: ColumnDefinition): string {
  return expression === null ? 'not generated' : `generated as ${text}`;
}
