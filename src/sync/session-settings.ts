/** What a connection of the sync sets before it asks anything, so that a value prints the same on any server. */
import type { ServerKind } from './side.ts';

/** `read`: nothing can be changed by it; `write`: for repairs. */
export type Purpose = 'read' | 'write';

/** SQL by the variable that it sets; only those that the server has are set. */
const ALWAYS: Readonly<Record<string, string>> = {
  time_zone: "'+00:00'",
  autocommit: '1',
  completion_type: "'NO_CHAIN'",
  lc_time_names: "'en_US'",
  div_precision_increment: '4',
  group_concat_max_len: '1048576',
  // The longest identity that an index can have is to be sorted by all of it.
  max_sort_length: '8192',
  // What an init_connect may have limited.
  sql_select_limit: '18446744073709551615',
  sql_big_selects: '1',
  sql_safe_updates: '0',
  query_cache_type: 'OFF',
  // A key that one server alone has made up is no column of the table.
  show_gipk_in_create_table_and_information_schema: 'OFF',
  information_schema_stats_expiry: '0',
  // A stream that waits for the other side's must not be dropped meanwhile.
  net_write_timeout: '600',
  wait_timeout: '28800',
  lock_wait_timeout: '30',
  innodb_lock_wait_timeout: '10',
};

/** A date that no calendar has is found by it, as MySQL would not find it otherwise; what is shown depends on nothing. */
const READ: Readonly<Record<string, string>> = { sql_mode: "'ALLOW_INVALID_DATES'" };

const WRITE: Readonly<Record<string, string>> = {
  // What does not fit is to be an error; what the source has, however odd, is to be taken as it is.
  sql_mode: "'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
  // Tables are repaired one after the other, and a row's cascades would reach outside of its group.
  foreign_key_checks: '0',
};

/** Variables that say what the server is, beside those that are set. */
const FACTS = ['version', 'binlog_format', 'tx_read_only', 'transaction_read_only'];

/** The query that tells which of the variables the server has. */
export const ASK_VARIABLES = `SHOW SESSION VARIABLES WHERE Variable_name IN (${[
  ...new Set([...Object.keys({ ...ALWAYS, ...READ, ...WRITE }), ...FACTS]),
]
  .map((name) => `'${name}'`)
  .join(', ')}, 'max_statement_time', 'max_execution_time')`;

/** `variables`: what ASK_VARIABLES gave. */
export function kindOf(variables: ReadonlyMap<string, string>): ServerKind {
  return /mariadb/i.test(variables.get('version') ?? '') ? 'mariadb' : 'mysql';
}

/** The statements that pin a session. */
export function sessionSettings(variables: ReadonlyMap<string, string>, purpose: Purpose): readonly string[] {
  const wanted = { ...ALWAYS, ...(purpose === 'read' ? READ : WRITE) };
  const sets = Object.entries(wanted).filter(([name]) => variables.has(name));
  return [
    'SET NAMES utf8mb4 COLLATE utf8mb4_bin',
    `SET SESSION ${sets.map(([name, value]) => `${name} = ${value}`).join(', ')}`,
    `SET SESSION TRANSACTION ${transactionOf(variables, purpose)}`,
  ];
}

/** No locks and no gaps; of a reading session the server itself refuses every write. */
function transactionOf(variables: ReadonlyMap<string, string>, purpose: Purpose): string {
  // Such a binlog takes no writes at READ COMMITTED.
  const level =
    purpose === 'write' && variables.get('binlog_format') === 'STATEMENT'
      ? 'REPEATABLE READ'
      : 'READ COMMITTED';
  const knowsAccess = variables.has('tx_read_only') || variables.has('transaction_read_only');
  const access = purpose === 'read' ? 'READ ONLY' : 'READ WRITE';
  return `ISOLATION LEVEL ${level}${knowsAccess ? `, ${access}` : ''}`;
}

/** Bounds each SELECT that follows; null: the server has no such limit. Statements other than SELECT: MariaDB's alone. */
export function timeLimit(variables: ReadonlyMap<string, string>, limitMs: number): string | null {
  if (variables.has('max_statement_time')) return `SET SESSION max_statement_time = ${limitMs / 1000}`;
  if (variables.has('max_execution_time')) return `SET SESSION max_execution_time = ${Math.ceil(limitMs)}`;
  return null;
}
