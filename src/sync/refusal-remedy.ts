/** What can be done where a server would not take a row, by the number of its error. */

const HOLDS = 'the column can’t hold what the source has: give it the source’s type, or change the row there';
const RIGHTS = 'grant the account SELECT, INSERT and DELETE there';
const READ_ONLY = 'only a primary can be repaired: is this one a replica?';

const REMEDIES: ReadonlyMap<number, string> = new Map([
  // ER_BAD_NULL_ERROR, ER_WARN_DATA_OUT_OF_RANGE, WARN_DATA_TRUNCATED, ER_TRUNCATED_WRONG_VALUE, ER_DATA_TOO_LONG
  ...[1048, 1264, 1265, 1292, 1406].map((errno) => [errno, HOLDS] as const),
  // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
  [1366, `${HOLDS}; all characters need utf8mb4`],
  // ER_NO_PARTITION_FOR_GIVEN_VALUE
  [1526, 'give the table a partition for it'],
  // ER_CONSTRAINT_FAILED of MariaDB, ER_CHECK_CONSTRAINT_VIOLATED of MySQL
  ...[4025, 3819].map(
    (errno) =>
      [errno, 'the CHECK does not hold for what the source has: drop it, or change the row there'] as const,
  ),
  // ER_SIGNAL_EXCEPTION
  [1644, 'a trigger of the table refuses it'],
  // ER_DUP_ENTRY, ER_DUP_ENTRY_WITH_KEY_NAME
  ...[1062, 1586].map(
    (errno) =>
      [errno, 'another row has that value: if that one is wrong too the next pass puts both right'] as const,
  ),
  // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
  ...[1142, 1143].map((errno) => [errno, RIGHTS] as const),
  // ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE
  ...[1290, 1836].map((errno) => [errno, READ_ONLY] as const),
  // ER_NET_PACKET_TOO_LARGE
  [1153, 'raise max_allowed_packet there to more than twice the size of the row'],
]);

/** To stand behind the server's own words, in parentheses; empty: there is nothing to say beside them. */
export function refusalRemedy(error: unknown): string {
  const remedy = REMEDIES.get(Number((error as { readonly errno?: unknown } | null)?.errno ?? 0));
  return remedy === undefined ? '' : ` (${remedy})`;
}
