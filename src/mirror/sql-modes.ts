/**
 * sql_mode as both kinds of server know it. MySQL manual: "Server SQL Modes"; MariaDB knowledge base: "SQL_MODE".
 */

export type ServerKind = 'mysql' | 'mariadb';

const TRUNCATES = 'time_truncate_fractional';
const ROUNDS = 'time_round_fractional';

const BOTH = [
  ...['allow_invalid_dates', 'ansi', 'ansi_quotes', 'error_for_division_by_zero', 'high_not_precedence'],
  ...['ignore_space', 'no_auto_value_on_zero', 'no_backslash_escapes', 'no_dir_in_create'],
  ...['no_engine_substitution', 'no_unsigned_subtraction', 'no_zero_date', 'no_zero_in_date'],
  ...['only_full_group_by', 'pad_char_to_full_length', 'pipes_as_concat', 'real_as_float'],
  ...['strict_all_tables', 'strict_trans_tables', 'traditional'],
];
const KNOWN: Readonly<Record<ServerKind, ReadonlySet<string>>> = {
  mysql: new Set([...BOTH, TRUNCATES]),
  mariadb: new Set([
    ...[
      ...BOTH,
      'db2',
      'empty_string_is_null',
      'maxdb',
      'mssql',
      'mysql323',
      'mysql40',
      'no_auto_create_user',
    ],
    ...['no_field_options', 'no_key_options', 'no_table_options', 'oracle', 'postgresql'],
    ...['simultaneous_assignment', ROUNDS],
  ]),
};

const QUOTES = ['pipes_as_concat', 'ansi_quotes', 'ignore_space'];
/** What a mode that stands for several means to the kind of server which knows it, where the other does not. */
const PARTS = new Map<string, readonly string[]>([
  ['db2', QUOTES],
  ['maxdb', QUOTES],
  ['mssql', QUOTES],
  ['oracle', QUOTES],
  ['postgresql', QUOTES],
  ['mysql323', ['high_not_precedence']],
  ['mysql40', ['high_not_precedence']],
]);

/** Of the modes that one kind alone knows these change rows; the others bear on accounts and SHOW CREATE. */
const TELLING: ReadonlySet<string> = new Set(['empty_string_is_null', 'oracle', 'simultaneous_assignment']);

export interface TranslatedMode {
  /** In lower case, separated by commas. */
  readonly modes: string;
  /** False: a mode is left out that may have changed what a statement does. */
  readonly faithful: boolean;
}

/** The modes by which a server of kind `to` does what one of kind `from` does in `modes`. */
export function translateMode(modes: string, from: ServerKind, to: ServerKind): TranslatedMode {
  const given = splitModes(modes);
  if (from === to) return { modes: given.join(','), faithful: true };
  const meant = new Set(given.flatMap((mode) => meaningOf(mode, from, to)));
  const known = [...meant].filter((mode) => KNOWN[to].has(mode));
  return {
    modes: [...known, ...fractionMode(given, from, to)].join(','),
    faithful: !given.some((mode) => TELLING.has(mode)),
  };
}

/** A list as SQL or a server gives it: names in any case, empty ones among them. */
export function splitModes(modes: string): string[] {
  const names = modes.toLowerCase().split(',');
  return [...new Set(names.map((mode) => mode.trim()).filter((mode) => mode !== ''))];
}

function meaningOf(mode: string, from: ServerKind, to: ServerKind): readonly string[] {
  // The two do not mean the same by it: MySQL's has one more.
  if (mode === 'ansi') {
    const parts = ['real_as_float', ...QUOTES];
    return from === 'mysql' ? [...parts, 'only_full_group_by'] : parts;
  }
  return KNOWN[to].has(mode) ? [mode] : (PARTS.get(mode) ?? [mode]);
}

/**
 * Fractions of a second beyond a column's are cut off by MariaDB and rounded by MySQL, unless a mode says
 * otherwise: the mode by which `to` does as `from` does in `given`.
 */
function fractionMode(given: readonly string[], from: ServerKind, to: ServerKind): readonly string[] {
  const rounds = from === 'mysql' ? !given.includes(TRUNCATES) : given.includes(ROUNDS);
  if (to === 'mysql') return rounds ? [] : [TRUNCATES];
  return rounds ? [ROUNDS] : [];
}
