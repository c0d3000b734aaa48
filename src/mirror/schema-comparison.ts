/** What the new server's tables have otherwise than the old one's, and what replays there change besides. */
import type { DatabaseSchema, ForeignKey, OldSchema, TableSchema, Trigger } from './old-schema.ts';
import { compareTable, type Difference } from './table-differences.ts';
import { ANY_EFFECTS, NO_EFFECTS, type TableEffects } from './table-effects.ts';

/** Of a shard. */
export interface TableDifference extends Difference {
  readonly table: string;
}

export interface SchemaComparison {
  readonly differences: readonly TableDifference[];
  /** Of each table that differs a text that changes with what differs. */
  readonly forms: ReadonlyMap<string, string>;
  /** Tables that the new server does not have. */
  readonly absent: ReadonlySet<string>;
  effects(table: string): TableEffects;
  /** Unique indexes of the new table alone, by their columns; a part that is no column is an empty name. */
  uniques(table: string): readonly (readonly string[])[];
  /** The old server's schema, with what acts on rows of the new one besides. */
  joined<S extends DatabaseSchema>(old: S): S;
}

/** Nobody looks at the new server. */
export const TAKEN_AS_ALIKE: SchemaComparison = {
  differences: [],
  forms: new Map(),
  absent: new Set(),
  effects: () => NO_EFFECTS,
  uniques: () => [],
  joined: (old) => old,
};

/** The new server was not read yet: it may have anything. */
export const NOT_COMPARED: SchemaComparison = { ...TAKEN_AS_ALIKE, effects: () => ANY_EFFECTS };

const NO_INDEXES: readonly (readonly string[])[] = [];

/** Of the tables that `isMoved` names. */
export function compareSchemas(
  old: OldSchema,
  fresh: DatabaseSchema,
  isMoved: (table: string) => boolean,
): SchemaComparison {
  const differences: TableDifference[] = [];
  const effects = new Map<string, TableEffects>();
  const uniques = new Map<string, readonly (readonly string[])[]>();
  const forms = new Map<string, string>();
  const absent = new Set<string>();
  for (const [name, table] of old.tables) {
    if (!isMoved(name)) continue;
    const other = tableOf(fresh, name);
    const compared = compareTable(table, other);
    const hidden = other !== undefined && !maySee(fresh, other.name);
    const found = [...compared.differences, ...(hidden ? [HIDDEN] : []), ...programs(old, fresh, name)];
    differences.push(...found.map((difference) => ({ table: name, ...difference })));
    const effect = hidden ? ANY_EFFECTS : compared.effects;
    if (effect !== NO_EFFECTS) effects.set(name, effect);
    if (effect !== NO_EFFECTS || found.length > 0) forms.set(name, JSON.stringify([found, effect.warned]));
    if (other !== undefined) uniques.set(name, uniquesAlone(table, other));
    else if (table.engine !== null) absent.add(name);
  }
  return {
    differences,
    forms,
    absent,
    effects: (table) => effects.get(table) ?? NO_EFFECTS,
    uniques: (table) => uniques.get(table) ?? NO_INDEXES,
    joined: (schema) => ({
      ...schema,
      foreignKeys: [...schema.foreignKeys, ...fresh.foreignKeys],
      triggers: [...schema.triggers, ...fresh.triggers],
    }),
  };
}

/** A server that does not look at the case of names may have it in small letters. */
function tableOf({ tables }: DatabaseSchema, name: string): TableSchema | undefined {
  return tables.get(name) ?? tables.get(name.toLowerCase());
}

const HIDDEN: Difference = {
  column: null,
  old: 'what oldUser sees of its triggers',
  new: 'triggers that newUser may not see, for want of the right TRIGGER',
  follows: 'all that changes its rows',
};

function maySee({ triggersSeen }: DatabaseSchema, table: string): boolean {
  return triggersSeen === 'all' || triggersSeen.has(table);
}

function uniquesAlone(old: TableSchema, fresh: TableSchema): readonly (readonly string[])[] {
  const known = new Set([old.primaryKey, ...(old.uniques ?? [])].map(setOf));
  const alone = [fresh.primaryKey, ...(fresh.uniques ?? [])].filter(
    (columns) => columns.length > 0 && !known.has(setOf(columns)),
  );
  return alone.length === 0 ? NO_INDEXES : alone;
}

function setOf(columns: readonly string[]): string {
  return columns
    .map((column) => column.toLowerCase())
    .sort()
    .join('\0');
}

/** What acts on the table's rows there by itself: told of, as `joined` sees to the doubts. */
function programs(old: OldSchema, fresh: DatabaseSchema, table: string): Difference[] {
  return [
    ...alone(old.triggers, fresh.triggers, table, (trigger) => trigger.table, triggerText),
    ...alone(actingKeys(old), actingKeys(fresh), table, (key) => key.parent, keyText),
  ];
}

function alone<T>(
  old: readonly T[],
  fresh: readonly T[],
  table: string,
  tableOfOne: (one: T) => string,
  text: (one: T) => string,
): Difference[] {
  const of = (all: readonly T[]): string[] =>
    all.filter((one) => tableOfOne(one).toLowerCase() === table.toLowerCase()).map(text);
  const [one, other] = [of(old), of(fresh)];
  const [lost, added] = [one, other].map((these, side) =>
    these.filter((each) => !(side === 0 ? other : one).includes(each)),
  );
  if (lost === undefined || added === undefined || lost.length + added.length === 0) return [];
  const said = (these: readonly string[]): string =>
    these.length === 0 ? 'nothing like it' : these.join('; ');
  return [{ column: null, old: said(lost), new: said(added), follows: 'what sets them off' }];
}

function triggerText({ event, before, text }: Trigger): string {
  const when = before === true ? 'BEFORE' : 'AFTER';
  // MySQL keeps the mark behind the statement.
  const plain = text
    .replaceAll(/\s+/g, ' ')
    .replace(/[ ;]+$/, '')
    .trim();
  return `a trigger ${when} ${event.toUpperCase()}: ${plain}`;
}

function actingKeys({ foreignKeys }: DatabaseSchema): ForeignKey[] {
  return foreignKeys.filter(({ onDelete, onUpdate }) => onDelete || onUpdate);
}

function keyText({ child, columns, onDelete, onUpdate }: ForeignKey): string {
  const acts = [...(onDelete ? ['ON DELETE'] : []), ...(onUpdate ? ['ON UPDATE'] : [])];
  return `a foreign key of ${child} to (${columns.join(', ')}) that acts ${acts.join(' and ')}`;
}
