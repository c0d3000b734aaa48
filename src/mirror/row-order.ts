/** Which rows a LIMIT takes: the same on both servers only where the ORDER BY before it leaves no two rows on a level. */
import type { Plan } from '../sql/plan.ts';
import type { CatalogTable } from './table-facts.ts';

/** The last ORDER BY of a digest, in which a subquery would have parentheses. */
const ORDERED = /\bORDER BY ([^()?]+?) (?:LIMIT|FETCH)\b/i;
const COLUMN = /^(?:[\w$`]+ ?\. ?)*`?([\w$]+)`?(?: (?:ASC|DESC))?$/i;

/** Of a write or delete: it may change other rows on the new server, by which of several on a level comes first. */
export function takesAnyOf({ limited, digest, predicates }: Plan, tables: readonly CatalogTable[]): boolean {
  if (!limited) return false;
  const [table] = tables;
  const listed = ORDERED.exec(digest)?.[1];
  if (table === undefined || tables.length > 1 || listed === undefined) return true;
  const ordered = listed.split(',').map((one) => COLUMN.exec(one.trim())?.[1]?.toLowerCase() ?? '');
  // Texts come in the order of a collation, which the new server's column may have otherwise.
  if (!ordered.every((column) => table.plainlyOrdered.has(column))) return true;
  const one = new Set(predicates.flatMap(({ column, list }) => (list ? [] : [column.toLowerCase()])));
  const { primaryKey } = table;
  return (
    primaryKey.length === 0 || !primaryKey.every((column) => ordered.includes(column) || one.has(column))
  );
}
