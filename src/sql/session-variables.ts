/**
 * What each variable that a session may set can do to the rows that its writes leave. Every such variable of MariaDB
 * 10.11 and MySQL 9 stands under one class; one that stands under none (a plugin's, or of a later server) may do
 * anything. MySQL manual: "Server System Variables"; MariaDB knowledge base: "Server System Variables".
 */
import { HARMLESS_VARIABLES } from './harmless-variables.ts';

export type VariableClass =
  /** A replay gets the session's value. */
  | 'carried'
  /** A replay has it at its usual value: what a session writes under another one is not replayed. */
  | 'fixed'
  /** Followed by a part of its own, by the statement that it acts on, or by the server's answers. */
  | 'apart'
  /** Leaves all rows as they are. */
  | 'harmless'
  | 'unnamed';

/** How its values are written: ON is 1 and TRUE, 010 is 10. */
export type ValueForm = 'switch' | 'number' | 'text';

export interface RowVariable {
  readonly form: ValueForm;
  /** How a server behaves that does not have the variable; null: nothing stands for that. */
  readonly usual: string | null;
  /** The two kinds of server mean different things by any other value. */
  readonly unlike?: true;
}

const UTF8_IS_UTF8MB3 = 'UTF8_IS_UTF8MB3';
const MOST_ROWS = '18446744073709551615';

/** Settings that both kinds of server let anyone set, or that only one has and the other does as `usual` says. */
export const CARRIED: ReadonlyMap<string, RowVariable> = new Map(
  Object.entries({
    auto_increment_increment: number('1'),
    auto_increment_offset: number('1'),
    // AES_ENCRYPT() and AES_DECRYPT().
    block_encryption_mode: text('aes-128-ecb'),
    // Off: rows that a CHECK forbids are let in, and an INSERT IGNORE keeps them.
    check_constraint_checks: toggle('1'),
    character_set_client: text(null),
    character_set_connection: text(null),
    character_set_results: text(null),
    collation_connection: text(null),
    // What utf8mb4 alone means: in CREATE TABLE, in _utf8mb4'…' and in CONVERT().
    default_collation_for_utf8mb4: text('utf8mb4_0900_ai_ci'),
    default_regex_flags: text(''),
    // WEEK() and YEARWEEK().
    default_week_format: number('0'),
    div_precision_increment: number('4'),
    // What a foreign key changes along runs the triggers of the tables below.
    enable_cascade_triggers: toggle('0'),
    explicit_defaults_for_timestamp: toggle('0'),
    foreign_key_checks: toggle('1'),
    group_concat_max_len: number(null),
    innodb_ft_enable_stopword: toggle('1'),
    lc_time_names: text('en_US'),
    // How far into a long value ORDER BY looks, before a LIMIT: MariaDB at any string, MySQL at few.
    max_sort_length: { ...number('1024'), unlike: true },
    // What it has besides the usual: zero dates of CAST(), what utf8 means.
    old_mode: text(UTF8_IS_UTF8MB3),
    // PASSWORD(), which a server without the variable refuses.
    old_passwords: toggle('0'),
    // DROP and ALTER of what is not there succeed.
    sql_if_exists: toggle('0'),
    sql_generate_invisible_primary_key: toggle('0'),
    sql_mode: text(null),
    sql_select_limit: number(MOST_ROWS),
    system_versioning_alter_history: text('ERROR'),
    system_versioning_insert_history: toggle('0'),
    time_zone: text(null),
    unique_checks: toggle('1'),
    windowing_use_high_precision: toggle('1'),
  }),
);

export const FIXED: ReadonlyMap<string, RowVariable> = new Map(
  Object.entries({
    // Defaults of a database, and what SET CHARACTER SET takes from it.
    character_set_database: text(null),
    collation_database: text(null),
    character_set_server: text(null),
    collation_server: text(null),
    character_set_collations: text(null),
    // A transaction whose GTID was taken before does nothing, and succeeds.
    gtid_next: text('AUTOMATIC'),
    // What utf8mb4 and TIMESTAMP columns meant to the server that a statement comes from.
    immediate_server_version: number(null),
    original_server_version: number(null),
    // Of another database's table.
    innodb_ft_user_stopword_table: text(''),
    // Off in all that a client runs; what is applied for replication goes by rules of its own.
    pseudo_replica_mode: toggle('0'),
    pseudo_slave_mode: toggle('0'),
    // WHERE id IS NULL finds the row of LAST_INSERT_ID().
    sql_auto_is_null: toggle('0'),
    // Statements see the rows of that moment.
    system_versioning_asof: text('DEFAULT'),
  }),
);

/** SET NAMES and the clock, numbers of AUTO_INCREMENT (the answer tells them), levels of isolation, status flags. */
const APART: ReadonlySet<string> = new Set([
  ...[
    'autocommit',
    'identity',
    'insert_id',
    'last_insert_id',
    'timestamp',
    'transaction_isolation',
    'tx_isolation',
  ],
]);

/** `name` in lower case. */
export function variableClass(name: string): VariableClass {
  if (CARRIED.has(name)) return 'carried';
  if (FIXED.has(name)) return 'fixed';
  if (APART.has(name)) return 'apart';
  return HARMLESS_VARIABLES.has(name) ? 'harmless' : 'unnamed';
}

/** A value as SQL, the same for all spellings of a switch or a number; null: an expression, or of no such form. */
export function settingSql({ form }: RowVariable, value: string): string | null {
  if (form === 'text') return value;
  const bare = value.replace(/^(['"])(.*)\1$/s, '$2').toLowerCase();
  if (form === 'number') return /^\d{1,20}$/.test(bare) ? String(BigInt(bare)) : null;
  if (/^(?:on|true|1)$/.test(bare)) return '1';
  return /^(?:off|false|0)$/.test(bare) ? '0' : null;
}

/** A value as a server shows it, as SQL. */
export function shownSql(variable: RowVariable, shown: string): string {
  const quoted = `'${shown.replace(/['\\]/g, '\\$&')}'`;
  return variable.form === 'text' ? quoted : (settingSql(variable, shown) ?? quoted);
}

/**
 * What a server showed of its variables, by name, in the words of servers of today: before MariaDB 10.6 utf8 meant
 * utf8mb3 without a mode that says so.
 */
export function inWordsOfToday(shown: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const modes = shown.get('old_mode');
  const [, major = 0, minor = 0] = /^(\d+)\.(\d+)/.exec(shown.get('version') ?? '')?.map(Number) ?? [];
  if (modes === undefined || major > 10 || (major === 10 && minor >= 6)) return shown;
  const today = modes === '' ? UTF8_IS_UTF8MB3 : `${modes},${UTF8_IS_UTF8MB3}`;
  return new Map([...shown, ['old_mode', today]]);
}

/** Do two values as SQL say the same? Two texts that differ in more than quotes and case count as different. */
export function isSameSetting(one: string, other: string): boolean {
  return one === other || bareText(one) === bareText(other);
}

function bareText(value: string): string {
  return value.replace(/^(['"`])(.*)\1$/s, '$2').toLowerCase();
}

function toggle(usual: '0' | '1'): RowVariable {
  return { form: 'switch', usual };
}

function number(usual: string | null): RowVariable {
  return { form: 'number', usual };
}

function text(usual: string | null): RowVariable {
  return { form: 'text', usual };
}
