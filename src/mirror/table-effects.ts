/** Which statements may leave other rows in a table of the new server, as its definition differs from the old one. */
import { type Lexed, LITERAL } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import type { WriteEvent } from './old-schema.ts';
import { planChanges } from './plan-changes.ts';

/** Columns are in small letters. */
export interface TableEffects {
  /** All statements that change rows so. */
  readonly events: ReadonlySet<WriteEvent>;
  /** Those that give one of these columns a value. */
  readonly assigned: ReadonlySet<string>;
  /** Those that let the server fill one of these. */
  readonly filled: ReadonlySet<string>;
  /** Those that read one of these: in a condition, or to make a value of it. */
  readonly read: ReadonlySet<string>;
  /** An INSERT that names no columns. */
  readonly unlisted: boolean;
  /** Those that go by UNIQUE indexes: REPLACE, ON DUPLICATE KEY UPDATE, IGNORE. */
  readonly upserts: boolean;
  /** What the old server warned of, as it cut a value perhaps that the new one has room for. */
  readonly warned: boolean;
}

const NO_NAMES: ReadonlySet<never> = new Set();

export const NO_EFFECTS: TableEffects = {
  events: NO_NAMES,
  assigned: NO_NAMES,
  filled: NO_NAMES,
  read: NO_NAMES,
  unlisted: false,
  upserts: false,
  warned: false,
};

/** Nothing is known of the new table, or nothing good. */
export const ANY_EFFECTS: TableEffects = { ...NO_EFFECTS, events: new Set(['insert', 'update', 'delete']) };

const WORD = /[\p{L}\p{N}_$]+/gu;
const PLAIN_NAME = /^[\p{L}\p{N}_$]+$/u;
/** The row's own value of the column, as it would have been inserted. */
const OWN_VALUE = /\bVALUES?\s?\(\s?[`"]?([\p{L}\p{N}_$]+)[`"]?\s?\)/giu;
const INSERTION = /^(?:INSERT|REPLACE)\b/i;

/** Of a write or delete: may its replay leave other rows, whatever the values are? */
export function mayLeaveOthers(plan: Plan, effects: TableEffects): boolean {
  if (effects === NO_EFFECTS) return false;
  const { events, upserts } = effects;
  if (/^TRUNCATE\b/i.test(plan.digest)) return false;
  if (planChanges(plan).some(({ event }) => events.has(event))) return true;
  if (upserts && (plan.hazards.has('upsert') || /\bIGNORE\b/i.test(plan.digest))) return true;
  return inserts(plan, effects) || assigns(plan, effects) || reads(plan, effects.read);
}

function inserts({ digest, rows }: Plan, { assigned, filled, unlisted }: TableEffects): boolean {
  if (!INSERTION.test(digest)) return false;
  if (rows === null) return assigned.size > 0 || filled.size > 0 || unlisted;
  if (rows.columns === null) {
    const isEmpty = rows.shapes.some(({ length }) => length === 0);
    return assigned.size > 0 || unlisted || (filled.size > 0 && (isEmpty || namesDefault(digest)));
  }
  const named = new Set(rows.columns.map((column) => column.toLowerCase()));
  if ([...assigned].some((column) => named.has(column))) return true;
  return filled.size > 0 && ([...filled].some((column) => !named.has(column)) || namesDefault(digest));
}

/** Of an UPDATE, and of what ON DUPLICATE KEY UPDATE changes. */
function assigns({ kind, digest, assignments }: Plan, { assigned, filled }: TableEffects): boolean {
  if (kind === 'delete') return false;
  if (filled.size > 0 && namesDefault(digest)) return true;
  if (assigned.size === 0) return false;
  if (assignments.length === 0) return !INSERTION.test(digest) || /\bDUPLICATE KEY\b/i.test(digest);
  return assignments.some(({ column }) => assigned.has(column.toLowerCase()));
}

function namesDefault(digest: string): boolean {
  return /\bDEFAULT\b/i.test(digest);
}

/** Does it name the column elsewhere than where it gives it a value? */
function reads({ digest, rows, assignments }: Plan, columns: ReadonlySet<string>): boolean {
  if (columns.size === 0) return false;
  const text = digest.toLowerCase();
  if ([...columns].some((column) => !PLAIN_NAME.test(column) && text.includes(column))) return true;
  const counts = new Map<string, number>();
  const count = (name: string, by: number): void => {
    if (columns.has(name)) counts.set(name, (counts.get(name) ?? 0) + by);
  };
  for (const [word] of text.matchAll(WORD)) count(word, 1);
  for (const column of rows?.columns ?? []) count(column.toLowerCase(), -1);
  for (const { column } of assignments) count(column.toLowerCase(), -1);
  for (const [, name = ''] of text.matchAll(OWN_VALUE)) count(name, -1);
  return [...counts.values()].some((left) => left > 0);
}

/** DEFAULT among the values of an INSERT, which the plan does not tell from a literal. */
export function fillsByWord(
  sql: Buffer,
  lexed: Lexed,
  tables: readonly { effects: TableEffects }[],
): boolean {
  if (!tables.some(({ effects }) => effects.filled.size > 0)) return false;
  for (let index = 0; index < lexed.literalCount; index++) {
    if (lexed.literalType(index) !== LITERAL.word) continue;
    const word = sql.toString('latin1', lexed.literalStart(index), lexed.literalEnd(index));
    if (/^DEFAULT$/i.test(word)) return true;
  }
  return false;
}
