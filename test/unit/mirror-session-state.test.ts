import { describe, expect, it } from 'vitest';
import type { AnsiQuotes } from '../../src/mirror/ansi-quotes.ts';
import { setNamesFor } from '../../src/mirror/character-names.ts';
import { executedWith } from '../../src/mirror/executed-values.ts';
import type { SessionEffect } from '../../src/mirror/session-effect.ts';
import { readEffects } from '../../src/mirror/session-effects.ts';
import { SessionState } from '../../src/mirror/session-state.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';
import { readExecute } from '../../src/wire/execute-packet.ts';
import { STATUS } from '../../src/wire/protocol.ts';
import { planOf } from '../harness/mirror-kit.ts';

const GBK_COLLATION = 28;
const reader = new SqlReader({ maxPlans: 100, seed: 1 });

function effectsOf(text: string): SessionEffect[] {
  const sql = Buffer.from(text);
  return readEffects(reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE), sql, reader.lexed);
}

function login(more: Partial<ConstructorParameters<typeof SessionState>[0]> = {}): SessionState {
  return new SessionState(
    {
      database: 'old_db',
      collation: 45,
      status: STATUS.AUTOCOMMIT,
      foundRows: false,
      defaultQuotes: null,
      ...more,
    },
    (name) => (name === 'old_db' ? 'new_db' : name),
  );
}

function run(session: SessionState, text: string): void {
  for (const effect of effectsOf(text)) session.apply(effect);
}

const variablesOf = (session: SessionState) => Object.fromEntries(session.context.variables);

describe('the effects of a statement', () => {
  const variable = (name: string, value: string | null): SessionEffect => ({ what: 'variable', name, value });

  it.each<[string, SessionEffect[]]>([
    ['USE other', [{ what: 'use', database: 'other' }]],
    ['SET NAMES gbk', [{ what: 'names', statement: 'SET NAMES gbk', charset: 'gbk' }]],
    ["SET NAMES 'GBK'", [{ what: 'names', statement: "SET NAMES 'GBK'", charset: 'gbk' }]],
    [
      'SET NAMES utf8mb4 COLLATE utf8mb4_bin',
      [{ what: 'names', statement: 'SET NAMES utf8mb4 COLLATE utf8mb4_bin', charset: 'utf8mb4' }],
    ],
    [
      'SET CHARACTER SET latin1',
      [{ what: 'names', statement: 'SET CHARACTER SET latin1', charset: 'latin1' }],
    ],
    ["SET sql_mode = 'ANSI'", [variable('sql_mode', "'ANSI'")]],
    ["SET @@session.time_zone = '+00:00'", [variable('time_zone', "'+00:00'")]],
    ['SET SESSION foreign_key_checks = 0', [variable('foreign_key_checks', '0')]],
    ['SET unique_checks = OFF', [variable('unique_checks', 'off')]],
    ['SET sql_mode = UPPER(@@sql_mode)', [variable('sql_mode', null)]],
    ["SET sql_mode = '', time_zone = SYSTEM", [variable('sql_mode', "''"), variable('time_zone', 'system')]],
    ['SET autocommit = 0', [{ what: 'autocommit' }]],
    ['SET GLOBAL sql_mode = 0', []],
    ['SET @a = 1', [{ what: 'user_variable', name: 'a', value: { literal: '1', form: 'plain' } }]],
    [
      "SET @`A b` := 'x', @'c' = @@sql_mode",
      [
        { what: 'user_variable', name: 'a b', value: { literal: "'x'", form: 'string' } },
        { what: 'user_variable', name: 'c', value: { setting: 'sql_mode' } },
      ],
    ],
    [
      'SET @id = LAST_INSERT_ID(), @b = @A, @c = 1 + 1, @d = null',
      [
        { what: 'user_variable', name: 'id', value: { setting: 'last_insert_id' } },
        { what: 'user_variable', name: 'b', value: { userVariable: 'a' } },
        { what: 'user_variable', name: 'c', value: null },
        { what: 'user_variable', name: 'd', value: { literal: 'null', form: 'plain' } },
      ],
    ],
    ['SET TRANSACTION ISOLATION LEVEL READ COMMITTED', [{ what: 'isolation', level: 'weak', scope: 'next' }]],
    ['SET TRANSACTION READ ONLY', []],
    [
      'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
      [{ what: 'isolation', level: 'locking', scope: 'session' }],
    ],
    ["SET tx_isolation = 'SERIALIZABLE'", [{ what: 'isolation', level: 'locking', scope: 'session' }]],
    ["SET @@transaction_isolation = 'READ-COMMITTED'", [{ what: 'isolation', level: 'weak', scope: 'next' }]],
    ['SET SESSION transaction_isolation = @old', [{ what: 'isolation', level: 'weak', scope: 'session' }]],
    ["PREPARE S FROM 'DO 1'", [{ what: 'prepare', name: 's', text: { literal: "'DO 1'", form: 'string' } }]],
    ['PREPARE s FROM @Text', [{ what: 'prepare', name: 's', text: { userVariable: 'text' } }]],
    ['DEALLOCATE PREPARE `S`', [{ what: 'deallocate', name: 's' }]],
    ['SELECT 1', []],
  ])('%s', (text, effects) => {
    expect(effectsOf(text)).toEqual(effects);
  });

  it('do not know a parameter’s value, nor one of absurd length', () => {
    expect(effectsOf('SET sql_mode = ?')).toEqual([variable('sql_mode', null)]);
    expect(effectsOf(`SET sql_mode = '${'x'.repeat(5000)}'`)).toEqual([variable('sql_mode', null)]);
  });
});

describe('a SET whose values are bound', () => {
  /** As COM_STMT_EXECUTE has it: types, then values. */
  const executed = (
    text: string,
    ...values: readonly (readonly [type: number, ...bytes: number[]] | null)[]
  ) => {
    const types = values.flatMap((value) => [value?.[0] ?? 6, 0]);
    const nulls = values.reduce((bits, value, index) => (value === null ? bits | (1 << index) : bits), 0);
    const bytes = values.flatMap((value) => value?.slice(1) ?? []);
    const payload = Buffer.from([0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0, nulls, 1, ...types, ...bytes]);
    const packet = readExecute(payload, {
      ...{ parameterCount: values.length, boundTypes: null, longData: new Map(), queryAttributes: false },
    })!;
    const sql = Buffer.from(text);
    return readEffects(
      reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE),
      sql,
      reader.lexed,
      executedWith(packet),
    );
  };
  const string = (text: string): [number, ...number[]] => [
    253,
    Buffer.byteLength(text),
    ...Buffer.from(text),
  ];
  const double = (value: number): [number, ...number[]] => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return [5, ...bytes];
  };

  it.each([
    ['SET time_zone = ?', string('+02:00'), 'time_zone', "'+02:00'"],
    ['SET SESSION group_concat_max_len = ?', [3, 0, 16, 0, 0], 'group_concat_max_len', '4096'],
    ['SET @@foreign_key_checks := ?', [1, 0], 'foreign_key_checks', '0'],
    [
      'SET group_concat_max_len = ?',
      [8, 255, 255, 255, 255, 255, 255, 255, 255],
      'group_concat_max_len',
      '-1',
    ],
    ['SET character_set_results = ?', null, 'character_set_results', 'null'],
    ["SET sql_mode = CONCAT(?, ',ANSI')", string('TRADITIONAL'), 'sql_mode', null],
  ] as const)('%s', (text, value, name, expected) => {
    const [effect, ...more] = executed(text, value);
    expect(more).toEqual([]);
    expect(effect).toMatchObject({ what: 'variable', name, value: expected });
  });

  it('makes a mode out of what is bound', () => {
    const session = login({ defaultMode: 'TRADITIONAL' });
    for (const effect of executed('SET sql_mode = CONCAT(@@sql_mode, ?)', string(',ANSI')))
      session.apply(effect);
    expect(variablesOf(session)).toEqual({ sql_mode: "'TRADITIONAL,ANSI'" });
  });

  it('gives user variables what is bound', () => {
    const bound = executed('SET @a = ?, @b = ?, @c = ?, @d = ?', [1, 200], string("it's"), null, double(0.1));
    expect(bound.map((effect) => 'value' in effect && effect.value)).toEqual([
      { literal: '-56', form: 'plain' },
      { literal: "'it''s'", form: 'string' },
      { literal: 'null', form: 'plain' },
      { literal: '1e-1', form: 'plain' },
    ]);
  });

  it.each([
    ['a backslash', string('a\\b')],
    ['a decimal', [246, 1, 0x35]],
    ['a date', [10, 4, 232, 7, 1, 1]],
    ['absurd length', [253, 252, 0x88, 0x13, ...Array<number>(5000).fill(0x61)]],
  ] as const)('does not know %s', (_name, value) => {
    expect(executed('SET time_zone = ?', value)).toMatchObject([{ name: 'time_zone', value: null }]);
    expect(executed('SET @a = ?', value)).toMatchObject([{ name: 'a', value: null }]);
  });
});

describe('variables that a session sets', () => {
  const known = (text: string, more: Partial<Parameters<typeof login>[0]> = {}) => {
    const session = login(more);
    run(session, text);
    return session.contextKnown;
  };

  it.each(['SET wait_timeout = @a', 'SET sql_safe_updates = 1, optimizer_switch = @a', 'SET insert_id = @a'])(
    'may be any where they leave rows alone: %s',
    (text) => {
      const session = login();
      const before = session.context;
      run(session, text);
      expect(session.contextKnown).toBe(true);
      expect(session.context).toBe(before);
    },
  );

  it.each([
    'SET sql_auto_is_null = 1',
    'SET sql_auto_is_null = @a',
    "SET gtid_next = 'AUTOMATIC:tag'",
    "SET system_versioning_asof = '2026-01-01'",
    'SET character_set_database = latin1',
    'SET rocksdb_bulk_load = 1',
    'SET rocksdb_bulk_load = 0',
    'SET NAMES DEFAULT',
  ])('keep it from being replayed until it is reset: %s', (text) => {
    const session = login();
    run(session, text);
    expect(session.contextKnown).toBe(false);
    expect(session.fork().contextKnown).toBe(false);
    session.reset();
    expect(session.contextKnown).toBe(true);
  });

  it.each([
    ['SET sql_auto_is_null = 1', 'SET sql_auto_is_null = OFF'],
    ['SET sql_auto_is_null = 1', 'SET sql_auto_is_null = DEFAULT'],
    ["SET gtid_next = 'uuid:1'", 'SET gtid_next = AUTOMATIC'],
    ['SET @old = @@rocksdb_bulk_load, rocksdb_bulk_load = 1', 'SET rocksdb_bulk_load = @old'],
  ])('and no longer once they are back: %s; %s', (there, back) => {
    const session = login();
    run(session, there);
    expect(session.contextKnown).toBe(false);
    run(session, back);
    expect(session.contextKnown).toBe(true);
  });

  it('go to the lane in one spelling', () => {
    const session = login();
    run(
      session,
      "SET check_constraint_checks = OFF, default_week_format = 03, block_encryption_mode = 'aes-256-cbc'",
    );
    expect(variablesOf(session)).toEqual({
      ...{ check_constraint_checks: '0', default_week_format: '3', block_encryption_mode: "'aes-256-cbc'" },
    });
    run(session, 'SET check_constraint_checks = TRUE');
    expect(variablesOf(session)).toMatchObject({ check_constraint_checks: '1' });
    expect(known('SET default_week_format = 1 + 1')).toBe(false);
    expect(known('SET check_constraint_checks = 2')).toBe(false);
  });

  it('are no more to be told what they were a moment ago', () => {
    expect(known('SET @then = @@timestamp, timestamp = @then')).toBe(false);
  });

  it('behind what can’t be seen into are not known, whatever the session sets', () => {
    const session = login();
    session.hidden('routine');
    run(session, 'SET sql_auto_is_null = 0, time_zone = SYSTEM');
    expect(session.contextKnown).toBe(false);
    session.reset();
    expect(session.contextKnown).toBe(true);
  });
});

describe('the state of a session', () => {
  it('begins with its login', () => {
    const session = login({ collation: GBK_COLLATION });
    expect(session.database).toBe('old_db');
    expect(session.context).toMatchObject({
      database: 'new_db',
      names: 'SET NAMES gbk COLLATE gbk_chinese_ci',
    });
    expect(session.sqlMode).toEqual({ ...DEFAULT_SQL_MODE, charset: 'gbk' });
    expect(login({ database: null }).context.database).toBeNull();
  });

  it('follows USE, and maps the database for the shadow', () => {
    const session = login();
    run(session, 'USE elsewhere');
    expect([session.database, session.context.database]).toEqual(['elsewhere', 'elsewhere']);
    run(session, 'USE old_db');
    expect([session.database, session.context.database]).toEqual(['old_db', 'new_db']);
  });

  it('follows variables, and forgets those set to their default', () => {
    const session = login();
    run(session, "SET sql_mode = 'ANSI', time_zone = 'UTC', wait_timeout = 5");
    expect(variablesOf(session)).toEqual({ sql_mode: "'ANSI'", time_zone: "'UTC'" });
    run(session, 'SET sql_mode = DEFAULT');
    expect(variablesOf(session)).toEqual({ time_zone: "'UTC'" });
  });

  it('does not know its context while a variable is set to an expression', () => {
    const session = login();
    run(session, 'SET sql_mode = @a');
    expect(session.contextKnown).toBe(false);
    run(session, 'SET wait_timeout = @a');
    run(session, "SET sql_mode = ''");
    expect(session.contextKnown).toBe(true);
    run(session, 'SET character_set_client = @a');
    expect(session.contextKnown).toBe(false);
    run(session, 'SET NAMES latin1');
    expect(session.contextKnown).toBe(true);
  });

  it('reads the text that follows by its character set', () => {
    const session = login();
    run(session, 'SET NAMES gbk');
    expect(session.sqlMode.charset).toBe('gbk');
    run(session, "SET character_set_client = 'big5'");
    expect(session.sqlMode.charset).toBe('big5');
    run(session, 'SET NAMES utf8');
    expect(session.sqlMode.charset).toBe('none');
  });

  it('reads the text that follows by the flags of the last reply', () => {
    const session = login();
    session.sawStatus(STATUS.AUTOCOMMIT | STATUS.NO_BACKSLASH_ESCAPES);
    expect(session.sqlMode).toEqual({ ...DEFAULT_SQL_MODE, noBackslashEscapes: true });
    session.sawStatus(STATUS.ANSI_QUOTES);
    expect(session.sqlMode).toEqual({ ...DEFAULT_SQL_MODE, ansiQuotes: true });
    run(session, 'SET NAMES gbk');
    expect(session.sqlMode).toEqual({ noBackslashEscapes: false, ansiQuotes: true, charset: 'gbk' });
    session.sawStatus(STATUS.AUTOCOMMIT);
    expect(session.sqlMode).toEqual({ ...DEFAULT_SQL_MODE, charset: 'gbk' });
  });

  it.each<[string, AnsiQuotes]>([
    ["SET sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES'", 'on'],
    ['SET SESSION sql_mode = "ansi"', 'on'],
    ['SET sql_mode = ANSI_QUOTES', 'on'],
    ['SET sql_mode = 4', 'on'],
    ["SET sql_mode = 'STRICT_ALL_TABLES'", 'off'],
    ["SET sql_mode = ''", 'off'],
    ['SET sql_mode = 8', 'off'],
    ["SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", 'unknown'],
    ['SET sql_mode = ?', 'unknown'],
    ["SET sql_mode = 'ANSI\\_QUOTES'", 'unknown'],
    ["SET time_zone = 'ANSI_QUOTES'", 'off'],
  ])('where no flag tells, knows double quotes by the text: %s', (text, quotes) => {
    const session = login({ defaultQuotes: 'off' });
    run(session, text);
    expect(session.sqlMode.ansiQuotes).toBe(quotes !== 'off');
    expect(session.quotesKnown).toBe(quotes !== 'unknown');
    expect(session.fork().sqlMode).toEqual(session.sqlMode);
    session.sawStatus(STATUS.NO_BACKSLASH_ESCAPES);
    expect(session.sqlMode).toEqual({
      noBackslashEscapes: true,
      ansiQuotes: quotes !== 'off',
      charset: 'none',
    });
    run(session, 'SET sql_mode = DEFAULT');
    expect(session.sqlMode.ansiQuotes).toBe(false);
  });

  it('where no flag tells, begins as the server’s own sql_mode says, and goes back to that', () => {
    const session = login({ defaultQuotes: 'on' });
    expect(session.sqlMode.ansiQuotes).toBe(true);
    run(session, "SET sql_mode = ''");
    expect(session.sqlMode.ansiQuotes).toBe(false);
    session.reset();
    expect(session.sqlMode.ansiQuotes).toBe(true);
  });

  it('where the flags tell, goes by them alone', () => {
    const session = login();
    run(session, "SET sql_mode = 'ANSI'");
    expect(session.sqlMode.ansiQuotes).toBe(false);
    run(session, 'SET sql_mode = @a');
    expect(session.quotesKnown).toBe(true);
  });

  it('is as after the login when the connection is reset, but for the database', () => {
    const session = login({ collation: GBK_COLLATION });
    const before = session.context;
    run(session, "SET sql_mode = 'ANSI', time_zone = @a");
    run(session, 'SET NAMES latin1');
    session.temporary.follow(planOf('CREATE TEMPORARY TABLE t (a INT)'), 'old_db');
    run(session, 'USE elsewhere');
    session.reset();
    expect(session.context).toMatchObject({ database: 'elsewhere', names: before.names });
    expect(variablesOf(session)).toEqual({});
    expect([session.contextKnown, session.temporary.some]).toEqual([true, false]);
    expect(session.sqlMode.charset).toBe('gbk');
  });

  it('is as after a new login when the user changes', () => {
    const session = login();
    run(session, "SET sql_mode = 'ANSI'");
    session.changeUser('old_db', GBK_COLLATION);
    expect(session.context).toMatchObject({
      database: 'new_db',
      names: 'SET NAMES gbk COLLATE gbk_chinese_ci',
    });
    expect(variablesOf(session)).toEqual({});
    run(session, 'SET NAMES latin1');
    session.reset();
    expect(session.sqlMode.charset).toBe('gbk');
    session.changeUser(null, null);
    expect(session.context).toMatchObject({ database: null, names: 'SET NAMES utf8mb4' });
    expect(session.sqlMode.charset).toBe('none');
  });

  it('shares one context with the sessions that are alike', () => {
    const [one, other] = [login(), login()];
    run(one, "SET sql_mode = 'ANSI'");
    expect(one.context).not.toBe(other.context);
    run(other, "SET sql_mode = 'ANSI'");
    expect(one.context).toBe(other.context);
  });

  it('tells temporary tables apart, up to a bound', () => {
    const { temporary } = login();
    const ddl = (text: string) => temporary.follow(planOf(text), 'old_db');
    const has = (name: string) => temporary.has('old_db', name);
    ddl('CREATE TEMPORARY TABLE a AS SELECT * FROM b');
    expect([has('a'), has('b'), temporary.has('elsewhere', 'a')]).toEqual([true, false, false]);
    ddl('ALTER TABLE b RENAME TO c');
    expect(has('c')).toBe(false);
    ddl('ALTER TABLE a RENAME TO c');
    expect([has('a'), has('c'), temporary.isSurely('old_db', 'c')]).toEqual([true, true, false]);
    ddl('DROP TABLE a, c');
    expect(temporary.some).toBe(false);
    for (let count = 0; count < 1000; count++) ddl(`CREATE TEMPORARY TABLE t${count} (a INT)`);
    ddl('DROP TEMPORARY TABLE t1');
    expect([has('b'), temporary.isSurely('old_db', 't2')]).toEqual([true, false]);
  });
});

describe('the SET NAMES of a collation id', () => {
  it.each([
    [GBK_COLLATION, 'SET NAMES gbk COLLATE gbk_chinese_ci'],
    [63, 'SET NAMES binary'],
    [255, 'SET NAMES utf8mb4'],
    [33, 'SET NAMES utf8 COLLATE utf8_general_ci'],
    [60_000, 'SET NAMES utf8mb4'],
  ])('%i is %s', (id, statement) => {
    expect(setNamesFor(id)).toBe(statement);
  });
});
