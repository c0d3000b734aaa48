/** What can be done where a server would not have a number read or raised, by the number of its error. */

const READ_RIGHT = 'grant the account SELECT there';
const BUMP_RIGHT =
  'grant the account SELECT, INSERT and UPDATE there, and for AUTO_INCREMENT ALTER: see "Rights" of docs/sequences.md';
const LARGER = 'give the column a larger type';
const NOT_THERE = 'make it as the old side has it';

const READING: ReadonlyMap<number, string> = new Map([
  // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
  [1142, READ_RIGHT],
  [1143, READ_RIGHT],
]);

const RAISING: ReadonlyMap<number, string> = new Map([
  // ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
  ...[1044, 1142, 1143].map((errno) => [errno, BUMP_RIGHT] as const),
  // ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE
  ...[1049, 1146].map((errno) => [errno, NOT_THERE] as const),
  // ER_WARN_DATA_OUT_OF_RANGE
  [1264, LARGER],
  // ER_BAD_NULL_ERROR, ER_NO_DEFAULT_FOR_FIELD
  ...[1048, 1364].map((errno) => [errno, 'put the row there by hand'] as const),
  // ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE
  ...[1290, 1836].map((errno) => [errno, 'only a primary can be raised: is this one a replica?'] as const),
  // ER_LOCK_WAIT_TIMEOUT
  [1205, 'something holds the table or the row: see the list of its processes, and try again'],
]);

/** To stand behind the server's own words, in parentheses; empty: there is nothing to say beside them. */
export function readingRemedy(error: unknown): string {
  return remedyOf(error, READING);
}

/** As above, of a raise on the new primary. */
export function raisingRemedy(error: unknown): string {
  return remedyOf(error, RAISING);
}

function remedyOf(error: unknown, remedies: ReadonlyMap<number, string>): string {
  const remedy = remedies.get(Number((error as { readonly errno?: unknown } | null)?.errno ?? 0));
  return remedy === undefined ? '' : ` (${remedy})`;
}
