/** What is read of the text of a procedure, a function or a compound statement. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../src/sql/plan.ts';
import { readRoutineText } from '../../src/sql/routine-text.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const read = (text: string, mode = DEFAULT_SQL_MODE) => readRoutineText(Buffer.from(text), mode);
const known = (text: string) => {
  const found = read(text);
  if (found === null) throw new Error(`may do anything: ${text}`);
  return found;
};
const namesOf = (tables: readonly TableName[]) => tables.map(({ name }) => name);
const writtenIn = (text: string) =>
  known(text).writes.map(({ tables }) => namesOf(tables.filter(({ written }) => written)).join('+'));

describe('what a routine writes', () => {
  it.each([
    ['SELECT * FROM a WHERE b = c', []],
    ['RETURN (SELECT MAX(b) FROM a)', []],
    ['INSERT INTO a SELECT * FROM b', ['a']],
    ['BEGIN UPDATE a SET x = 1; SELECT 1 FROM b; DELETE FROM c; END', ['a', 'c']],
    [
      'BEGIN UPDATE a JOIN b ON a.x = b.x SET a.y = 1; REPLACE c VALUES (1); TRUNCATE d; END',
      ['a', 'c', 'd'],
    ],
    [
      'outer_one: BEGIN DECLARE n INT DEFAULT 5; inner_one: BEGIN INSERT a VALUES (n); END inner_one; END',
      ['a'],
    ],
    [
      'IF (SELECT 1 FROM b) THEN INSERT INTO a VALUES (1); ELSEIF x THEN DELETE FROM c; ELSE UPDATE d SET e = 1; END IF',
      ['a', 'c', 'd'],
    ],
    ['BEGIN IF CASE WHEN x THEN 1 ELSE 2 END = 1 THEN DELETE FROM a; END IF; END', ['a']],
    [
      'CASE x WHEN 1 THEN DELETE FROM a; WHEN 2 THEN BEGIN END; ELSE UPDATE b SET c = CASE d WHEN 1 THEN 2 END; END CASE',
      ['a', 'b'],
    ],
    ['BEGIN WHILE n > 0 DO SET n = n - 1; INSERT INTO a VALUES (n); END WHILE; END', ['a']],
    [
      'BEGIN again: LOOP DELETE FROM a LIMIT 1; IF done THEN LEAVE again; END IF; ITERATE again; END LOOP; END',
      ['a'],
    ],
    ['REPEAT DELETE FROM a; SET n = REPEAT(x, 2); UNTIL n END REPEAT', ['a']],
    ['FOR i IN 1..5 DO INSERT INTO a VALUES (i); END FOR', ['a']],
    ['FOR r IN (SELECT * FROM b FOR UPDATE) DO DELETE FROM a WHERE c = r.c; END FOR', ['a']],
    [
      'BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION, 1062, NOT FOUND BEGIN DELETE FROM a; END; SELECT 1; END',
      ['a'],
    ],
    ["BEGIN DECLARE CONTINUE HANDLER FOR SQLSTATE VALUE '23000' INSERT INTO a VALUES (1); END", ['a']],
    ['BEGIN DECLARE c CURSOR FOR SELECT x FROM a; OPEN c; FETCH c INTO y; CLOSE c; END', []],
    ['WITH x AS (SELECT 1) UPDATE a SET b = 1', ['a']],
    ['(SELECT 1 FROM a) UNION (SELECT 2 FROM b)', []],
    ['BEGIN (SELECT 1); DELETE FROM a; END', ['a']],
    ["SELECT INSERT('abc', 1, 1, 'x'), REPLACE(b, 'x', 'y'), TRUNCATE(c, 2) FROM a FOR UPDATE", []],
    ["SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'", []],
    ['BEGIN NOT ATOMIC DELETE FROM a; END', ['a']],
  ])('%s', (text, expected) => {
    expect(writtenIn(text)).toEqual(expected);
  });
});

describe('a routine may do anything', () => {
  it.each([
    "BEGIN PREPARE s FROM 'SELECT 1'; END",
    'EXECUTE s',
    "EXECUTE IMMEDIATE 'SELECT 1'",
    'BEGIN DEALLOCATE PREPARE s; END',
    "XA START 'x'",
    'BEGIN START SLAVE; END',
    'LOAD DATA INFILE "x" INTO TABLE a',
    'CREATE VIEW v AS SELECT 1',
    'CREATE OR REPLACE TABLE a (b INT)',
    'RENAME TABLE a TO b',
    'GRANT SELECT ON a.* TO b',
    'FLUSH TABLES',
    'ANALYZE UPDATE a SET b = 1',
    'SET PASSWORD = "x"',
    'SET SESSION of_some_plugin = 1',
    'SET @@of_some_plugin = 1',
    'SET STATEMENT max_statement_time = 1 FOR DELETE FROM a',
    'CALL a.b.c()',
    'SELECT a.b.c(1)',
    'SELECT /*!99999 1, */ 2',
    "SELECT 'never closed",
    'BEGIN IF x THEN FROBNICATE a; END IF; END',
    `BEGIN ${'DELETE FROM a; '.repeat(201)} END`,
  ])('%s', (text) => {
    expect(read(text)).toBeNull();
  });
});

describe('what a routine calls', () => {
  it.each([
    ['CALL p', ['procedure p']],
    ['CALL other.p(f(1), @x)', ['procedure other.p', 'function f']],
    ['BEGIN CALL p(1); SET x = p(2); END', ['procedure p', 'function p']],
    [
      'BEGIN DECLARE t TEXT(10); DECLARE e ENUM("a") DEFAULT g(1); IF h() THEN SELECT COUNT(*), NOW(); END IF; END',
      ['function g', 'function h'],
    ],
    [
      'INSERT INTO a (b, c) VALUES (f(1), UPPER(x)) ON DUPLICATE KEY UPDATE b = other.g()',
      ['function f', 'function other.g'],
    ],
    ['CREATE TEMPORARY TABLE t (a INT, KEY k (a), CHECK (a > 1)) SELECT f(b) AS a FROM c', ['function f']],
    ['SELECT `now`()', ['function now']],
    ['RETURN f(1)', ['function f']],
  ])('%s', (text, expected) => {
    const calls = known(text).calls.map(
      ({ what, database, name }) => `${what} ${database === null ? '' : `${database}.`}${name}`,
    );
    expect(calls.sort()).toEqual([...expected].sort());
  });
});

describe('what a routine leaves in its session', () => {
  it('settings and user variables, by name', () => {
    const { settings, userVariables, setsIsolation } = known(
      "BEGIN SET n = 1; SET SESSION time_zone = 'x', @@unique_checks = 0, GLOBAL sql_mode = ''; SET @A = 1; SELECT 2 INTO @`b`; SET NEW.x = @c; END",
    );
    expect([...settings]).toEqual(['n', 'time_zone', 'unique_checks', 'new.x']);
    expect([...userVariables]).toEqual(['a', 'b', 'c']);
    expect(setsIsolation).toBe(false);
  });

  it.each([
    ['SET NAMES latin1', 'character_set_client', false],
    ['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', '', true],
    ['SET TRANSACTION READ ONLY', '', true],
    ['SET tx_isolation = 1', 'tx_isolation', false],
  ])('%s', (text, setting, isolation) => {
    const { settings, setsIsolation } = known(text);
    expect([[...settings][0] ?? '', setsIsolation]).toEqual([setting, isolation]);
  });

  it.each([
    ['INSERT INTO a VALUES (1)', true],
    ['REPLACE a VALUES (1)', true],
    ['UPDATE a SET b = LAST_INSERT_ID(b + 1)', true],
    ['UPDATE a SET b = 1', false],
    ['SELECT LAST_INSERT_ID(5)', true],
  ])('a number that it gave out: %s', (text, expected) => {
    expect(known(text).setsLastInsertId).toBe(expected);
  });

  it.each([
    ['COMMIT', true],
    ['BEGIN ROLLBACK; END', true],
    ['START TRANSACTION', true],
    ['SAVEPOINT a', true],
    ['SET autocommit = 0', true],
    ['TRUNCATE a', true],
    ['DROP TABLE IF EXISTS a', true],
    ['CREATE TEMPORARY TABLE a (b INT)', false],
    ['DELETE FROM a', false],
    ['BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND, SQLWARNING SET done = 1; END', false],
    ['BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END; END', true],
    ['BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND, 1213 BEGIN END; END', true],
    ["BEGIN DECLARE EXIT HANDLER FOR SQLSTATE '40001' BEGIN END; END", true],
  ])('a transaction that it may end: %s', (text, expected) => {
    expect(known(text).endsTransactions).toBe(expected);
  });

  it('tables: temporary ones, and others by their definition', () => {
    const { temporary, defined } = known(
      'BEGIN DROP TEMPORARY TABLE IF EXISTS a, b; CREATE TEMPORARY TABLE c LIKE d; DROP TABLE e; ALTER TABLE f ADD g INT; END',
    );
    expect([namesOf(temporary), namesOf(defined)]).toEqual([
      ['a', 'b', 'c'],
      ['e', 'f'],
    ]);
  });

  it('is read under the sql_mode that it was made under', () => {
    const ansi = { ...DEFAULT_SQL_MODE, ansiQuotes: true };
    expect(namesOf(read('DELETE FROM "a"', ansi)?.writes[0]?.tables ?? [])).toEqual(['a']);
  });
});

it('never throws, and never overlooks a write that stands in a block of any depth', () => {
  const word = fc.constantFrom(
    'IF x THEN',
    'LOOP',
    'BEGIN',
    'ELSE',
    'END',
    ';',
    'CASE',
    'WHEN 1 THEN',
    'DO',
    'a',
    '(',
    ')',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), (words) => {
      read(words.join(' '));
    }),
  );
  const wraps = [
    (inner: string) => `BEGIN ${inner}; END`,
    (inner: string) => `IF x = (SELECT CASE y WHEN 1 THEN 2 END) THEN SELECT 1; ELSE ${inner}; END IF`,
    (inner: string) => `CASE WHEN x THEN ${inner}; ELSE SELECT 1; END CASE`,
    (inner: string) => `l: LOOP ${inner}; LEAVE l; END LOOP l`,
    (inner: string) => `WHILE f(x) DO ${inner}; END WHILE`,
    (inner: string) => `BEGIN DECLARE EXIT HANDLER FOR NOT FOUND ${inner}; SELECT 1; END`,
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...wraps), { maxLength: 12 }), (chosen) => {
      const text = chosen.reduce((inner, wrap) => wrap(inner), 'DELETE FROM a');
      expect(writtenIn(text)).toEqual(['a']);
    }),
  );
});
