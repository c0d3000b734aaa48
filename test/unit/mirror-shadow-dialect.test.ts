/** A session's settings for a shadow of the other kind, and sql_mode as a session makes it out of what it was. */
import { describe, expect, it } from 'vitest';
import { makeContext } from '../../src/mirror/replay-context.ts';
import { readEffects } from '../../src/mirror/session-effects.ts';
import { SessionState } from '../../src/mirror/session-state.ts';
import {
  begunWith,
  collationFor,
  isOtherKind,
  type ShadowSession,
  translateContext,
} from '../../src/mirror/shadow-dialect.ts';
import { type ServerKind, translateMode } from '../../src/mirror/sql-modes.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';
import { STATUS } from '../../src/wire/protocol.ts';

const reader = new SqlReader({ maxPlans: 1000, seed: 1 });
const DEFAULT_MODE = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';

function sessionOf(
  primary: ServerKind | null,
  defaultMode: string | null = DEFAULT_MODE,
  collation = 45,
): SessionState {
  const login = { database: 'd', status: STATUS.AUTOCOMMIT, foundRows: false, defaultQuotes: null };
  return new SessionState({ ...login, primary, defaultMode, collation }, (name) => name);
}

function run(session: SessionState, ...texts: readonly string[]): SessionState {
  for (const text of texts) {
    const sql = Buffer.from(text);
    const plan = reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
    for (const effect of readEffects(plan, sql, reader.lexed)) session.apply(effect);
  }
  return session;
}

const modeOf = (session: SessionState): string | undefined => session.context.variables.get('sql_mode');

describe('the mode of a session', () => {
  it('is the old server’s own until the session sets another, and again after DEFAULT or a reset', () => {
    const session = sessionOf('mariadb');
    expect(modeOf(session)).toBe(`'${DEFAULT_MODE}'`);
    expect(modeOf(run(session, "SET sql_mode = ''"))).toBe("''");
    expect(modeOf(run(session, 'SET sql_mode = DEFAULT'))).toBe(`'${DEFAULT_MODE}'`);
    run(session, "SET sql_mode = 'ANSI'").reset();
    expect(modeOf(session)).toBe(`'${DEFAULT_MODE}'`);
    expect(modeOf(run(sessionOf('mariadb'), "SET sql_mode = 'ANSI'").fork())).toBe("'ANSI'");
    expect(modeOf(sessionOf('mariadb').fork())).toBe(`'${DEFAULT_MODE}'`);
    expect(modeOf(sessionOf('mariadb', null))).toBeUndefined();
    expect(modeOf(sessionOf('mariadb', ''))).toBe("''");
  });

  it.each([
    // Ruby on Rails, strict and not.
    [
      "SET  @@SESSION.sql_mode = CONCAT(CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), ',NO_AUTO_VALUE_ON_ZERO'),  @@SESSION.wait_timeout = 2147483",
      `${DEFAULT_MODE},STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO`,
    ],
    [
      "SET @@SESSION.sql_mode = CONCAT(REPLACE(REPLACE(REPLACE(@@sql_mode, 'STRICT_TRANS_TABLES', ''), 'STRICT_ALL_TABLES', ''), 'TRADITIONAL', ''), ',NO_AUTO_VALUE_ON_ZERO')",
      ',NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO',
    ],
    // MariaDB Connector/J.
    [
      "set autocommit=1, sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')",
      `${DEFAULT_MODE},STRICT_TRANS_TABLES`,
    ],
    // What forums tell people to write.
    ["SET SESSION sql_mode=(SELECT REPLACE(@@sql_mode,'STRICT_TRANS_TABLES',''))", ',NO_ENGINE_SUBSTITUTION'],
    ["SET sql_mode=(SELECT CONCAT(@@GLOBAL.sql_mode, ',ANSI_QUOTES'))", `${DEFAULT_MODE},ANSI_QUOTES`],
    ['SET SESSION sql_mode = @@global.sql_mode', DEFAULT_MODE],
    ['SET sql_mode = @@session.`sql_mode`', DEFAULT_MODE],
    // Drupal and Laravel.
    ["SET sql_mode = 'ANSI,TRADITIONAL'", 'ANSI,TRADITIONAL'],
    [
      "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci', SESSION sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES'",
      'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES',
    ],
  ])('is followed through %s', (text, mode) => {
    const session = run(sessionOf('mariadb'), text);
    expect(session.contextKnown).toBe(true);
    expect(modeOf(session)).toBe(`'${mode}'`);
  });

  it('builds on what it was made before', () => {
    const session = run(
      sessionOf('mysql'),
      "SET sql_mode = 'ANSI'",
      "SET sql_mode = CONCAT(@@sql_mode, ',NO_ZERO_DATE')",
    );
    expect(modeOf(session)).toBe("'ANSI,NO_ZERO_DATE'");
    expect(modeOf(run(session, "SET sql_mode = REPLACE(@@sql_mode, 'no_zero_date', '')"))).toBe(
      "'ANSI,NO_ZERO_DATE'",
    );
  });

  it.each([
    'SET sql_mode = CONCAT(@@sql_mode, 1)',
    'SET sql_mode = CONCAT(@@sql_mode, @mine)',
    'SET sql_mode = UPPER(@@sql_mode)',
    "SET sql_mode = REPLACE(@@sql_mode, 'A')",
    "SET sql_mode = (SELECT CONCAT(@@sql_mode, ',ANSI') FROM t)",
    "SET sql_mode = CONCAT(@@sql_mode, '\\'')",
    'SET sql_mode = @@other',
    'SET sql_mode = @old',
    `SET sql_mode = ${'('.repeat(40)}@@sql_mode${')'.repeat(40)}`,
  ])('is not known after %s', (text) => {
    expect(run(sessionOf('mariadb'), text).contextKnown).toBe(false);
  });

  it('does not grow without end', () => {
    const session = run(sessionOf('mysql'), "SET sql_mode = ''");
    for (let time = 0; time < 1000; time++) run(session, "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')");
    expect(session.contextKnown).toBe(false);
  });

  it('tells of double quotes where no flag does', () => {
    const login = {
      database: 'd',
      collation: 45,
      status: 0,
      foundRows: false,
      defaultQuotes: 'off',
    } as const;
    const session = new SessionState(
      { ...login, primary: 'mysql', defaultMode: 'ANSI_QUOTES' },
      (name) => name,
    );
    const append = "SET sql_mode = CONCAT(@@sql_mode, ',NO_ZERO_DATE')";
    expect(run(session, append)).toMatchObject({ quotesKnown: true, sqlMode: { ansiQuotes: true } });
    const without = "SET sql_mode = REPLACE(@@sql_mode, 'ANSI_QUOTES', '')";
    expect(run(session, without)).toMatchObject({ quotesKnown: true, sqlMode: { ansiQuotes: false } });
    expect(run(session, 'SET sql_mode = @old').quotesKnown).toBe(false);
  });

  it('is not known where what it is made of is not', () => {
    const concat = "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')";
    expect(run(sessionOf('mariadb', null), concat).contextKnown).toBe(false);
    expect(run(sessionOf('mariadb'), 'SET sql_mode = @old', concat).contextKnown).toBe(false);
    expect(run(sessionOf('mariadb'), 'SET sql_mode = 4', concat).contextKnown).toBe(false);
    expect(run(sessionOf('mariadb'), 'SET sql_mode = @old', 'SET sql_mode = DEFAULT').contextKnown).toBe(
      true,
    );
  });
});

describe('names', () => {
  it.each([
    [
      "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_520_ci'",
      "SET NAMES 'utf8mb4' COLLATE utf8mb4_unicode_520_ci",
    ],
    ['set names "utf8mb4" collate "UTF8MB4_BIN"', 'SET NAMES "utf8mb4" COLLATE utf8mb4_bin'],
  ])('%s is followed, whether its collation is quoted or not', (text, names) => {
    const session = run(sessionOf('mysql'), text);
    expect(session.contextKnown).toBe(true);
    expect(session.context.names).toBe(names);
  });

  it('with a collation that is none are not known', () => {
    expect(run(sessionOf('mysql'), "SET NAMES utf8mb4 COLLATE 'a b'").contextKnown).toBe(false);
    expect(run(sessionOf('mysql'), 'SET NAMES utf8mb4 COLLATE ?').contextKnown).toBe(false);
  });

  it('asked for by id are those that the primary has', () => {
    expect(sessionOf('mysql', '', 255).context.names).toBe('SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci');
    expect(sessionOf('mariadb', '', 255).context.names).toBe('SET NAMES utf8mb4');
  });
});

describe('modes for the other kind', () => {
  it.each<[string, string, boolean]>([
    ['STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER', 'strict_trans_tables,time_truncate_fractional', true],
    ['', 'time_truncate_fractional', true],
    ['TIME_ROUND_FRACTIONAL', '', true],
    ['EMPTY_STRING_IS_NULL,NO_ZERO_DATE', 'no_zero_date,time_truncate_fractional', false],
    ['ANSI', 'real_as_float,pipes_as_concat,ansi_quotes,ignore_space,time_truncate_fractional', true],
    ['ORACLE', 'pipes_as_concat,ansi_quotes,ignore_space,time_truncate_fractional', false],
    ['MYSQL40', 'high_not_precedence,time_truncate_fractional', true],
    [' ansi_quotes ,,ANSI_QUOTES', 'ansi_quotes,time_truncate_fractional', true],
  ])('MariaDB’s "%s" is MySQL’s "%s"', (mode, modes, faithful) => {
    expect(translateMode(mode, 'mariadb', 'mysql')).toEqual({ modes, faithful });
  });

  it.each<[string, string]>([
    ['ONLY_FULL_GROUP_BY', 'only_full_group_by,time_round_fractional'],
    ['TIME_TRUNCATE_FRACTIONAL', ''],
    [
      'ANSI',
      'real_as_float,pipes_as_concat,ansi_quotes,ignore_space,only_full_group_by,time_round_fractional',
    ],
  ])('MySQL’s "%s" is MariaDB’s "%s"', (mode, modes) => {
    expect(translateMode(mode, 'mysql', 'mariadb')).toEqual({ modes, faithful: true });
  });

  it('stay what they are on the same kind', () => {
    expect(translateMode('A_NEW_ONE,EMPTY_STRING_IS_NULL', 'mariadb', 'mariadb')).toEqual({
      modes: 'a_new_one,empty_string_is_null',
      faithful: true,
    });
  });
});

describe('a shadow of the other kind', () => {
  it.each([
    ['mariadb', 'mysql', true],
    ['mysql', 'mariadb', true],
    ['mariadb', 'mariadb', false],
    ['mysql', 'mysql', false],
    [null, 'mysql', false],
  ] as const)('of %s on %s', (primary, shadow, otherwise) => {
    expect(isOtherKind(makeContext(null, null, new Map(), primary), shadow)).toBe(otherwise);
  });
});

describe('collations for the other kind', () => {
  it.each([
    ['utf8mb4_0900_ai_ci', 'utf8mb4_unicode_520_ci'],
    ['UTF8MB4_0900_AS_CI', 'utf8mb4_unicode_520_ci'],
    ['utf8mb4_0900_as_cs', 'utf8mb4_bin'],
    ['utf8mb4_0900_bin', 'utf8mb4_bin'],
    ['utf8mb4_de_pb_0900_ai_ci', 'utf8mb4_unicode_520_ci'],
    ['utf8mb4_unicode_ci', 'utf8mb4_unicode_ci'],
    ['latin1_bin', 'latin1_bin'],
  ])('MySQL’s %s is MariaDB’s %s', (mysql, mariadb) => {
    expect(collationFor(mysql, 'mariadb')).toBe(mariadb);
  });

  it.each([
    ['utf8mb4_uca1400_ai_ci', 'utf8mb4_0900_ai_ci'],
    ['uca1400_as_cs', 'utf8mb4_0900_as_cs'],
    ['utf8mb4_uca1400_nopad_as_ci', 'utf8mb4_0900_as_ci'],
    ['utf8mb4_uca1400_swedish_ai_ci', 'utf8mb4_0900_ai_ci'],
    ['utf8mb3_uca1400_ai_ci', 'utf8mb3_unicode_520_ci'],
    ['utf8mb4_general_nopad_ci', 'utf8mb4_general_ci'],
    ['latin1_nopad_bin', 'latin1_bin'],
    ['utf8mb4_croatian_mysql561_ci', 'utf8mb4_croatian_ci'],
    ['utf8mb4_thai_520_w2', 'utf8mb4_unicode_520_ci'],
    ['utf8mb4_general_ci', 'utf8mb4_general_ci'],
  ])('MariaDB’s %s is MySQL’s %s', (mariadb, mysql) => {
    expect(collationFor(mariadb, 'mysql')).toBe(mysql);
  });
});

const shadowOf = (kind: ServerKind): ShadowSession => ({ kind, begun: null, refused: new Set() });

describe('a context', () => {
  const context = run(
    sessionOf('mysql', 'ONLY_FULL_GROUP_BY'),
    'SET NAMES utf8mb4 COLLATE utf8mb4_0900_as_cs',
    "SET collation_connection = 'utf8mb4_0900_ai_ci', time_zone = '+01:00'",
  ).context;

  it('is translated whole for the other kind', () => {
    const { context: own, faithful } = translateContext(context, shadowOf('mariadb'));
    expect(faithful).toBe(true);
    expect(own.names).toBe('SET NAMES utf8mb4 COLLATE utf8mb4_bin');
    expect(Object.fromEntries(own.variables)).toEqual({
      sql_mode: "'only_full_group_by,time_round_fractional'",
      collation_connection: "'utf8mb4_unicode_520_ci'",
      time_zone: "'+01:00'",
    });
  });

  it('goes as it is to its own kind, and where the primary’s is not known', () => {
    expect(translateContext(context, shadowOf('mysql'))).toEqual({ context, faithful: true });
    const unknown = makeContext(
      'd',
      'SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci',
      new Map([['sql_mode', "'x'"]]),
    );
    expect(translateContext(unknown, shadowOf('mariadb')).context).toBe(unknown);
  });

  it('leaves numbers and DEFAULT alone', () => {
    const numbered = run(sessionOf('mariadb'), 'SET sql_mode = 4').context;
    expect(translateContext(numbered, shadowOf('mysql')).context.variables.get('sql_mode')).toBe('4');
  });
});

describe('what one shadow can have', () => {
  const shown = (settings: Record<string, string>): ShadowSession['begun'] =>
    begunWith(new Map(Object.entries({ version: '10.11.1-MariaDB', ...settings })));
  const fitted = (
    settings: Record<string, string>,
    shadow: Record<string, string>,
    refused: string[] = [],
  ) => {
    const context = makeContext('d', null, new Map(Object.entries(settings)), 'mysql');
    const { context: own, faithful } = translateContext(context, {
      ...{ kind: 'mariadb', begun: shown(shadow), refused: new Set(refused) },
    });
    return { variables: Object.fromEntries(own.variables), faithful };
  };

  it.each([
    [
      'has it',
      { default_week_format: '3' },
      { default_week_format: '0' },
      { default_week_format: '3' },
      true,
    ],
    ['says it in other words', { unique_checks: '1' }, { unique_checks: 'ON' }, { unique_checks: '1' }, true],
    ['lacks it, and does the same', { block_encryption_mode: "'AES-128-ECB'" }, {}, {}, true],
    ['lacks it, and does not', { block_encryption_mode: "'aes-256-ecb'" }, {}, {}, false],
    ['is not told', {}, { lc_time_names: 'de_DE' }, { lc_time_names: "'de_DE'" }, true],
    ['is put right', {}, { sql_auto_is_null: 'ON' }, { sql_auto_is_null: '0' }, true],
    [
      'means another by it',
      { max_sort_length: '8' },
      { max_sort_length: '8' },
      { max_sort_length: '8' },
      false,
    ],
    [
      'is of 10.5',
      { old_mode: "'UTF8_IS_UTF8MB3'" },
      { version: '10.5.1', old_mode: '' },
      { old_mode: "'UTF8_IS_UTF8MB3'" },
      true,
    ],
  ] as const)('it %s', (_name, settings, shadow, variables, faithful) => {
    expect(fitted(settings, shadow)).toEqual({ variables, faithful });
  });

  it('what our account may not set stays as it is, and is a doubt where it differs', () => {
    const refused = ['sql_auto_is_null', 'unique_checks'];
    expect(fitted({ unique_checks: '0' }, { unique_checks: 'ON' }, refused)).toEqual({
      variables: { unique_checks: '1' },
      faithful: false,
    });
    expect(fitted({ unique_checks: '1' }, { unique_checks: 'ON' }, refused).faithful).toBe(true);
    expect(fitted({}, { sql_auto_is_null: 'ON' }, refused).faithful).toBe(false);
  });
});
