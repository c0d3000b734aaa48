/** Reads information_schema's COLUMN_DEFAULT and EXTRA: what fills a column that a statement leaves out. */
import type { Plan } from '../sql/plan.ts';
import type { Filling } from './old-schema.ts';

export interface ColumnFacts {
  /** DATA_TYPE, such as `datetime`. */
  readonly type: string;
  /** COLUMN_DEFAULT; null: none. */
  readonly default: string | null;
  /** EXTRA. */
  readonly extra: string;
  readonly nullable: boolean;
}

export interface ServerFacts {
  /** MariaDB writes every default as SQL; MySQL writes literals bare, and marks expressions in EXTRA. */
  readonly isMariadb: boolean;
  /** OFF: a NULL for a TIMESTAMP that is NOT NULL is the clock. */
  readonly explicitTimestamps: boolean;
}

export const TEMPORAL = /^(?:timestamp|datetime|date|time)$/i;
/** Its group: the digits of a second. */
export const CLOCK_ALONE = /^(?:current_timestamp|now|localtimestamp|localtime)(?:\((\d?)\))?$/i;
/** What runs on when the session's TIMESTAMP is set, or is filled in after the statement. */
const NOT_OF_THE_STATEMENT = /sysdate/i;
const LITERAL = /^(?:-?[\d.]+(?:e[+-]?\d+)?|'(?:[^'\\]|'')*'|NULL)$/i;

/** `planOf` reads a statement as the house reads any. */
export function insertFilling(
  column: ColumnFacts,
  server: ServerFacts,
  planOf: (sql: string) => Plan,
): Filling {
  const { type, extra, nullable } = column;
  const text = column.default;
  if (/timestamp/i.test(type) && !nullable && !server.explicitTimestamps) return fractionIn(text ?? '');
  if (text === null) return 'fixed';
  const clock = CLOCK_ALONE.exec(text);
  if (clock !== null && (TEMPORAL.test(type) || server.isMariadb || isGenerated(extra)))
    return Number(clock[1] || 0);
  if (!isGenerated(extra) && !server.isMariadb) return 'fixed';
  return LITERAL.test(text) ? 'fixed' : expressionFilling(text.replaceAll("\\'", "'"), planOf);
}

/** Undefined: an UPDATE leaves the column as it is. */
export function updateFilling({ extra }: ColumnFacts): number | undefined {
  const match = /on update (?:current_timestamp|now)\s*(\(\d?\))?/i.exec(extra);
  return match === null ? undefined : fractionIn(match[1] ?? '');
}

/** MySQL marks a default that is an expression. */
export function isGenerated(extra: string): boolean {
  return /DEFAULT_GENERATED/i.test(extra);
}

function expressionFilling(text: string, planOf: (sql: string) => Plan): Filling {
  const { hazards } = planOf(`SELECT ${text}`);
  if (hazards.size === 0) return 'fixed';
  const isClock = hazards.size === 1 && hazards.has('clock') && !NOT_OF_THE_STATEMENT.test(text);
  return isClock ? fractionIn(text) : 'any';
}

/** The most digits of a second that the text asks for. */
function fractionIn(text: string): number {
  return Math.max(0, ...[...text.matchAll(/\((\d)\)/g)].map((match) => Number(match[1])));
}
