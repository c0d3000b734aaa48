/** The character sets with which sessions begin, and what DEFAULT means in them, by what was read of the server. */
import { describe, expect, it } from 'vitest';
import { beginningOf, type NamesSeen } from '../../src/mirror/global-settings.ts';
import { namesAfterReset, namesAtLogin } from '../../src/mirror/login-names.ts';
import { ANY_VARIABLE, PLAIN_BEGINNING, type ServerBeginning } from '../../src/mirror/session-beginning.ts';
import { SessionState } from '../../src/mirror/session-state.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const GENERAL = 45;
const MYSQL_8 = 255;
const ASKED = 'utf8mb4_esperanto_ci';
const COLLATIONS = new Set([GENERAL]);
const DATABASES = new Map([['old', 'latin2_bin']]);
const sql = new SqlReader({ maxPlans: 100, seed: 1 });
const read = (text: Buffer, from: number) => {
  const plan = sql.read(text, from, text.length, DEFAULT_SQL_MODE);
  return { plan, lexed: sql.lexed };
};
const GLOBALS = {
  ...{ character_set_client: 'gbk', character_set_connection: 'gbk', character_set_results: 'gbk' },
  collation_connection: 'gbk_bin',
};
const beginning = (given: string, variables: Record<string, string> = {}) => {
  const names: NamesSeen = { asked: ASKED, given, collations: COLLATIONS, databases: DATABASES };
  const zone = { name: 'SYSTEM', offsets: [0] };
  return beginningOf(
    new Map(Object.entries({ ...GLOBALS, ...variables })),
    { zone, shadow: null, names },
    read,
  );
};
const TAKEN = beginning(ASKED);
const IGNORED = beginning('gbk_bin');
const OWN = { statement: "SET NAMES 'gbk' COLLATE 'gbk_bin'", charset: 'gbk', known: true };
const WISHED = { statement: 'SET NAMES utf8mb4 COLLATE utf8mb4_general_ci', charset: 'none', known: true };

describe('what the server makes of the character set of a login', () => {
  it.each<[string, ReturnType<typeof beginning>, string]>([
    ['the session has what it asked for', TAKEN, 'taken'],
    ['it has the server’s own', IGNORED, 'ignored'],
    ['it has neither', beginning('latin1_bin'), 'unknown'],
    [
      'init_connect has set the server’s own',
      beginning('gbk_bin', { init_connect: 'SET NAMES gbk' }),
      'unknown',
    ],
    ['the server’s own is what it asked for', beginning(ASKED, { collation_connection: ASKED }), 'unknown'],
  ])('%s', (_name, { handshake }, expected) => {
    expect(handshake).toEqual({ wish: expected, collations: COLLATIONS });
  });
});

describe('the character sets with which a session begins', () => {
  it.each([
    ['its wish', GENERAL, TAKEN, WISHED],
    ['the server’s own, where it does not know the wish', MYSQL_8, TAKEN, OWN],
    ['the server’s own, where it wishes for none', null, TAKEN, OWN],
    ['the server’s own, where wishes are ignored', GENERAL, IGNORED, OWN],
    ['not known', GENERAL, beginning('latin1_bin'), { known: false }],
    ['not known, where nothing was read', null, PLAIN_BEGINNING, { known: false }],
  ])('%s', (_name, collation, begun, expected) => {
    expect(namesAtLogin(collation, 'mariadb', begun)).toMatchObject(expected);
  });

  it.each([
    ['MySQL: the server’s own', GENERAL, 'mysql', TAKEN, OWN],
    ['MariaDB: the login’s', GENERAL, 'mariadb', TAKEN, WISHED],
    ['MariaDB, which did not know the login’s: not known', MYSQL_8, 'mariadb', TAKEN, { known: false }],
    ['MariaDB, which ignores wishes: its own', MYSQL_8, 'mariadb', IGNORED, OWN],
  ] as const)('after a reset, %s', (_name, collation, kind, begun, expected) => {
    expect(namesAfterReset(collation, kind, begun)).toMatchObject(expected);
  });

  it('are set one by one where the server’s own differ', () => {
    const begun = beginning('gbk_bin', { character_set_client: 'latin1' });
    const names = namesAtLogin(GENERAL, 'mariadb', begun);
    expect(names.statement).toBe("SET NAMES 'latin1'");
    expect(Object.fromEntries(names.settings)).toMatchObject({
      ...{ character_set_client: "'latin1'", character_set_connection: "'gbk'" },
      collation_connection: "'gbk_bin'",
    });
  });
});

it.each([
  ['its database’s', 'old', "'latin2_bin'", true],
  ['of a database that is none of the shard’s: not known', 'other', undefined, false],
  ['without a database: not known', null, undefined, false],
])('SET CHARACTER SET, the connection’s collation: %s', (_name, database, collation, known) => {
  const login = { database, collation: GENERAL, status: 2, foundRows: false, defaultQuotes: null };
  const state = new SessionState({ ...login, beginning: TAKEN }, (name) => name);
  state.apply({ what: 'names', statement: 'SET CHARACTER SET latin1', charset: 'latin1' });
  expect(state.context.variables.get('collation_connection')).toBe(collation);
  expect(state.contextKnown).toBe(known);
  state.apply({ what: 'names', statement: 'SET NAMES latin1', charset: 'latin1' });
  expect([state.contextKnown, state.context.variables.has('collation_connection')]).toEqual([true, false]);
});

describe('DEFAULT', () => {
  const server = (
    variables: Record<string, string>,
    sqlMode = '',
    unknown: readonly string[] = [],
  ): ServerBeginning => ({
    ...{ sqlMode, quotes: 'off' },
    beginning: { ...beginning(ASKED, variables), ...(unknown.length > 0 ? { unknown } : {}) },
  });
  let now = server({});
  const session = (begun: ServerBeginning) => {
    const { sqlMode: defaultMode, beginning: began } = begun;
    return new SessionState(
      {
        ...{ database: null, collation: GENERAL, status: 2, foundRows: false, defaultQuotes: null },
        ...{ primary: 'mariadb', defaultMode, beginning: began },
        server: {
          get sqlMode() {
            return now.sqlMode;
          },
          get quotes() {
            return now.quotes;
          },
          get beginning() {
            return now.beginning;
          },
        },
      },
      (name) => name,
    );
  };
  const set = (state: SessionState, name: string, value: string) =>
    state.apply({ what: 'variable', name, value });

  it('is the global value that was read last', () => {
    const state = session(server({ default_week_format: '1' }, 'ANSI'));
    now = server({ default_week_format: '2' }, 'TRADITIONAL');
    expect(state.context.variables.get('default_week_format')).toBe('1');
    expect(state.context.variables.get('sql_mode')).toBe("'ANSI'");
    set(state, 'default_week_format', 'DEFAULT');
    set(state, 'sql_mode', 'default');
    expect(state.context.variables.get('default_week_format')).toBe('2');
    expect(state.context.variables.get('sql_mode')).toBe("'TRADITIONAL'");
    expect(state.contextKnown).toBe(true);
  });

  it('is not known between a change of global settings and their next reading', () => {
    const state = session(server({}));
    now = server({}, '', [ANY_VARIABLE]);
    set(state, 'default_week_format', 'DEFAULT');
    expect(state.contextKnown).toBe(false);
    now = server({ default_week_format: '3' });
    set(state, 'default_week_format', 'DEFAULT');
    expect(state.contextKnown).toBe(true);
    expect(state.context.variables.get('default_week_format')).toBe('3');
  });

  it('is what a reset session begins with', () => {
    const state = session(server({ default_week_format: '1' }));
    now = server({ default_week_format: '2' }, 'ANSI');
    state.reset();
    expect(state.context.variables.get('default_week_format')).toBe('2');
    expect(state.context.variables.get('sql_mode')).toBe("'ANSI'");
  });

  it('is not what a setting that was kept is set back to', () => {
    const state = session(server({ default_week_format: '1' }));
    state.apply({ what: 'user_variable', name: 'kept', value: { setting: 'default_week_format' } });
    now = server({ default_week_format: '2' });
    state.apply({
      what: 'variable',
      name: 'default_week_format',
      value: null,
      from: { userVariable: 'kept' },
    });
    expect(state.context.variables.get('default_week_format')).toBe('1');
  });
});

it.each([
  ['SET SESSION time_zone = @@GLOBAL.time_zone', { word: 'default' }],
  ['SET @@session.time_zone = @@global.time_zone', { word: 'default' }],
  ['SET time_zone = @@GLOBAL.system_time_zone', 'expression'],
  ['SET @zone = @@GLOBAL.time_zone', 'expression'],
])('the global value of a variable is its DEFAULT: %s', (text, value) => {
  expect(read(Buffer.from(text), 0).plan.session.map((change) => change.value)).toEqual([value]);
});
