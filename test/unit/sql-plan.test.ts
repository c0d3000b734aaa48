/** What plans know of statements: kinds, tables, predicates, rows, hazards, steps and session changes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadParser, PARSE_TOKENS_MAX } from '../../src/sql/parse.ts';
import type { Plan } from '../../src/sql/plan.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const reader = new SqlReader({ maxPlans: 2000, seed: 1 });

beforeAll(loadParser);

function plan(text: string): Plan {
  const sql = Buffer.from(text);
  return reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
}

const tables = (text: string): string =>
  plan(text)
    .tables.map(({ database, name, alias, written }) => {
      const full = database === null ? name : `${database}.${name}`;
      return `${full}${alias === name ? '' : ` ${alias}`}${written ? '!' : ''}`;
    })
    .join(', ');

const predicates = (text: string): string =>
  plan(text)
    .predicates.map(({ tables, column, slots, list, tuple }) => {
      const mark = `${list ? ' list' : ''}${tuple ? ' tuple' : ''}`;
      return `${tables.join('/')}.${column}=${slots.join('/')}${mark}`;
    })
    .join(', ');

const hazards = (text: string): string => [...plan(text).hazards].sort().join(' ');

describe('kinds', () => {
  it.each([
    ['SELECT 1', 'read'],
    ['(SELECT a FROM t) UNION (SELECT b FROM u)', 'read'],
    ['((SELECT 1))', 'read'],
    ['WITH x AS (SELECT 1) SELECT * FROM x', 'read'],
    ['WITH x AS (SELECT 1) (SELECT * FROM x)', 'read'],
    ['TABLE t', 'read'],
    ['VALUES ROW(1), ROW(2)', 'read'],
    ['/* c */ -- d\n SELECT 1', 'read'],
    ['INSERT INTO t VALUES (1)', 'write'],
    ['INSERT INTO t SELECT 1', 'write'],
    ['INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x', 'write'],
    ['INSERT INTO t VALUES (1) RETURNING a', 'write'],
    ['REPLACE INTO t VALUES (1)', 'write'],
    ['UPDATE t SET a=1', 'write'],
    ['LOAD DATA INFILE "x" INTO TABLE t', 'write'],
    ['LOAD XML INFILE "x" INTO TABLE t', 'write'],
    ['WITH x AS (SELECT 1) UPDATE t, x SET a=1', 'write'],
    ['SET STATEMENT max_statement_time=1 FOR UPDATE t SET a=1', 'write'],
    ['SET STATEMENT max_statement_time=1 FOR SELECT 1', 'read'],
    ['SET STATEMENT a=1 FOR SET STATEMENT b=2 FOR DELETE FROM t', 'delete'],
    ['SET STATEMENT a=1', 'other'],
    ['ANALYZE UPDATE t SET a=1', 'write'],
    ['ANALYZE FORMAT=JSON DELETE FROM t', 'delete'],
    ['EXPLAIN ANALYZE DELETE FROM t', 'delete'],
    ['ANALYZE SELECT * FROM t', 'other'],
    ['ANALYZE TABLE t', 'other'],
    ['EXPLAIN DELETE FROM t', 'other'],
    ['DESC t', 'other'],
    ['DELETE FROM t', 'delete'],
    ['DELETE FROM t RETURNING a', 'delete'],
    ['DELETE HISTORY FROM t', 'delete'],
    ['DELETE a FROM a JOIN b', 'delete'],
    ['WITH x AS (SELECT 1) DELETE FROM t', 'delete'],
    ['TRUNCATE t', 'delete'],
    ['TRUNCATE TABLE t', 'delete'],
    ['/*!50001 DELETE */ FROM t', 'delete'],
    ['/*!99999 SELECT 1 */ DELETE FROM t', 'delete'],
    ['/*M! DELETE FROM t */', 'delete'],
    ['/*M!100000 EXPLAIN */ DELETE FROM t', 'delete'],
    ['CALL p()', 'other'],
    ['DO 1', 'other'],
    ['SHOW TABLES', 'other'],
    ['HANDLER t OPEN', 'other'],
    ['BEGIN NOT ATOMIC DELETE FROM t; END', 'other'],
    ['EXECUTE s', 'other'],
    ['LOAD INDEX INTO CACHE t', 'other'],
    ['USE x', 'other'],
    ['', 'other'],
    ['nonsense', 'other'],
  ])('%s', (text, expected) => expect(plan(text).kind).toBe(expected));
});

describe('tables', () => {
  it.each([
    ['SELECT * FROM a, b AS x JOIN d.c y ON 1', 'a, b x, d.c y'],
    ['SELECT * FROM a STRAIGHT_JOIN b LEFT JOIN (c CROSS JOIN d) ON 1 NATURAL JOIN e', 'a, b, c, d, e'],
    ['SELECT (SELECT 1 FROM a), x FROM (SELECT * FROM b) s WHERE y IN (SELECT z FROM c)', 'a, b, c'],
    ['SELECT * FROM `we``ird`.`na me` AS `x`', 'we`ird.na me x'],
    ['SELECT * FROM a USE INDEX (i) PARTITION (p), b PARTITION (p) z FORCE KEY (k)', 'a, b z'],
    ['SELECT * FROM DUAL', ''],
    // The verb itself is for some servers only.
    ['/*M!100100 INSERT t SET a = 1 */', 't!'],
    ['/*M! REPLACE t VALUES (1) */', 't!'],
    ['/*!80000 TRUNCATE t */', 't!'],
    ['/*!80000 TRUNCATE */ t', 't!'],
    ['SELECT 1', ''],
    ['WITH x AS (SELECT * FROM a) SELECT * FROM x, b', 'a, b'],
    ['WITH x AS (SELECT * FROM x) SELECT * FROM x', 'x'],
    ['WITH y AS (SELECT * FROM x), x AS (SELECT 1) SELECT * FROM x, y', 'x'],
    ['SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) d, x', 'x'],
    ['DELETE FROM x WHERE a IN (WITH x AS (SELECT 1) SELECT * FROM x)', 'x!'],
    ['INSERT INTO x WITH x AS (SELECT 1) SELECT * FROM x', 'x!'],
    [
      'WITH RECURSIVE x AS (SELECT 1 UNION SELECT n FROM x), y (q) AS (SELECT * FROM a) SELECT * FROM x, y',
      'a',
    ],
    ['SELECT * FROM JSON_TABLE(j, "$" COLUMNS (a INT PATH "$")) t, b', 'b'],
    ['SELECT TRIM(LEADING "x" FROM a), EXTRACT(DAY FROM b), SUBSTRING(c FROM 2) FROM t', 't'],
    ['INSERT INTO d.t (a) SELECT b FROM u', 'd.t!, u'],
    ['INSERT IGNORE t VALUES (1)', 't!'],
    ['INSERT INTO t (a) VALUES ((SELECT 1 FROM u))', 't!, u'],
    ['UPDATE t SET a=(SELECT 1 FROM u)', 't!, u'],
    ['UPDATE a JOIN b ON a.k=b.k SET a.x=1', 'a!, b'],
    ['UPDATE a JOIN b ON a.k=b.k SET x=1', 'a!, b!'],
    ['UPDATE LOW_PRIORITY IGNORE t AS q SET a=1', 't q!'],
    ['DELETE FROM t WHERE a IN (SELECT 1 FROM u)', 't!, u'],
    ['DELETE x FROM a AS x JOIN b', 'a x!, b'],
    ['DELETE x.*, b FROM a AS x JOIN b JOIN c', 'a x!, b!, c'],
    ['DELETE QUICK FROM a USING a JOIN b USING (k)', 'a!, b'],
    ['TRUNCATE TABLE d.t', 'd.t!'],
    ['SET STATEMENT a=1 FOR TRUNCATE d.t', 'd.t!'],
    ['SET STATEMENT a=1 FOR ALTER TABLE t ADD x INT', 't!'],
    ['SELECT * FROM (WITH x AS (SELECT 1), y AS (SELECT 2 FROM a) SELECT * FROM x, y) d, b', 'a, b'],
    ['LOAD DATA INFILE "x" INTO TABLE d.t FIELDS TERMINATED BY ","', 'd.t!'],
    ['SELECT * FROM history, quick, share, value, rows', 'history, quick, share, value, rows'],
    ['SELECT * FROM t FOR UPDATE OF t, u', 't'],
    ['ALTER TABLE d.t ADD x INT', 'd.t!'],
    ['RENAME TABLE t TO u, mc.`v w` TO x.y', 't!, mc.v w!, u!, x.y!'],
    ['RENAME TABLE IF EXISTS t TO u', 't!, u!'],
    ['ALTER TABLE t ADD b INT, RENAME TO mc.u, RENAME COLUMN a TO c', 't!, mc.u!'],
    ['ALTER TABLE t RENAME AS u', 't!, u!'],
    ['ALTER TABLE t RENAME u', 't!, u!'],
    ['ALTER TABLE t RENAME INDEX a TO b, RENAME KEY c TO d, RENAME COLUMN e TO f', 't!'],
  ])('%s', (text, expected) => expect(tables(text)).toBe(expected));
});

describe('predicates', () => {
  it.each([
    ['SELECT * FROM t WHERE k = 5', '0.k=0'],
    ['SELECT * FROM t WHERE 5 = k AND a.b = 1 AND t.x <=> 2', '0.k=0, 0.x=2'],
    ['SELECT * FROM t WHERE (k = 5) AND ((a = 1 AND b IN (1,2)) AND c > 5)', '0.k=0, 0.a=1, 0.b=2 list'],
    ['SELECT * FROM t WHERE x BETWEEN 1 AND 2 AND k = 5', '0.k=2'],
    ['SELECT * FROM t WHERE x NOT BETWEEN 1 AND k = 5', ''],
    ['SELECT * FROM t WHERE k = 5 && a = 1', '0.k=0, 0.a=1'],
    ['SELECT * FROM t WHERE k = 5 OR a = 1', ''],
    ['SELECT * FROM t WHERE k = 5 AND a = 1 OR b', ''],
    ['SELECT * FROM t WHERE k = 5 AND (a = 1 OR b)', '0.k=0'],
    ['SELECT * FROM t WHERE k = 5 XOR a', ''],
    ['SELECT * FROM t WHERE k = 5 || a', ''],
    ['SELECT * FROM t WHERE NOT k = 5', ''],
    ['SELECT * FROM t WHERE NOT (k = 5)', ''],
    ['SELECT * FROM t WHERE ! k = 5', ''],
    ['SELECT * FROM t WHERE k = 5 = 1', ''],
    ['SELECT * FROM t WHERE k = 5 + 1', ''],
    ['SELECT * FROM t WHERE k = 5 IS NULL', ''],
    ['SELECT * FROM t WHERE k = 5 COLLATE utf8_bin', ''],
    ['SELECT * FROM t WHERE k = 5 MOD 2', ''],
    ['SELECT * FROM t WHERE BINARY k = 5', ''],
    ['SELECT * FROM t WHERE k = -5', '0.k=0'],
    ['SELECT * FROM t WHERE k = - (5)', ''],
    ['SELECT * FROM t WHERE f(k = 5)', ''],
    ['SELECT * FROM t WHERE CASE WHEN a AND k = 5 AND b THEN 1 END', ''],
    ['SELECT * FROM t WHERE k IN (1, 2)', '0.k=0 list'],
    ['SELECT * FROM t WHERE k IN (1, a)', ''],
    ['SELECT * FROM t WHERE k NOT IN (1, 2)', ''],
    ['SELECT * FROM t WHERE k IN (SELECT 1)', ''],
    ['SELECT * FROM t WHERE k != 5 AND j < 5', ''],
    ['SELECT * FROM t WHERE (k, a) = (1, 2)', '0.k=0 tuple, 0.a=1 tuple'],
    ['SELECT * FROM t WHERE (k, a) IN ((1, 2), (3, 4))', '0.k=0 list tuple, 0.a=1 list tuple'],
    ['SELECT * FROM t WHERE k = 5 GROUP BY a HAVING b = 1 ORDER BY c LIMIT 2', '0.k=0'],
    ['SELECT * FROM t WHERE k = 5 LIMIT 1 FOR UPDATE', '0.k=0'],
    ['SELECT * FROM t WHERE k = ? AND a = ?', '0.k=0, 0.a=1'],
    ['SELECT * FROM a JOIN b ON a.x = b.x AND b.k = 1 WHERE a.k = 2', '1.k=0, 0.k=1'],
    ['SELECT * FROM a LEFT JOIN b ON a.x = b.x AND b.k = 1 WHERE a.k = 2', '0.k=1'],
    ['SELECT * FROM a JOIN b USING (k) WHERE k = 2', '0/1.k=0'],
    ['SELECT * FROM a x, b WHERE x.k = 2 AND a.k = 3', '0.k=0'],
    ['SELECT * FROM d.a WHERE d.a.k = 2 AND e.a.k = 3', '0.k=0'],
    ['SELECT * FROM a WHERE k = 1 UNION SELECT * FROM b WHERE k = 2', '0.k=0, 1.k=1'],
    ['(SELECT * FROM a WHERE k = 1) UNION (SELECT * FROM b WHERE k = 2)', '0.k=0, 1.k=1'],
    ['SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND a.k = 3 AND j = 4)', '1.j=2'],
    ['UPDATE t SET a=1 WHERE k = 5', '0.k=1'],
    ['DELETE FROM t WHERE k = 5 RETURNING a', '0.k=0'],
    ['DELETE FROM t WHERE k = 5 ORDER BY a LIMIT 5', '0.k=0'],
    ['INSERT INTO t SELECT * FROM s WHERE k = 5', '1.k=0'],
    ['INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = b = 1', ''],
    ['SELECT * FROM t USE INDEX (i) PARTITION (p0) WHERE k = 5', '0.k=0'],
    ['SELECT * FROM t WHERE k = 5 /*!99999 OR 1 */', ''],
    ['SELECT * FROM t WHERE k = 5 /*!50000 OR 1 */', ''],
    ['SELECT * FROM t WHERE k = 5 AND `end` = 1 AND a', '0.k=0, 0.end=1'],
  ])('%s', (text, expected) => expect(predicates(text)).toBe(expected));
});

describe('rows and assignments', () => {
  it.each([
    ['INSERT INTO t (a, `b`) VALUES (1, 2), (3, 4)', ['a', 'b'], [[0, 1]]],
    ['INSERT INTO t VALUES (1, now(), NULL)', null, [[0, -1, 1]]],
    ['INSERT INTO t (a) VALUES (1), (-1), (b), ((1))', ['a'], [[0], [-1], [-1]]],
    ['REPLACE t (t.a, b) VALUE (1, f(2, 3))', ['a', 'b'], [[0, -1]]],
    ['INSERT INTO t PARTITION (p0) (a) VALUES (1)', ['a'], [[0]]],
    ['INSERT INTO t () VALUES ()', [], [[]]],
    ['INSERT INTO t SET a = 1, b = b + 1, c = ?', ['a', 'b', 'c'], [[0, -1, 2]]],
    ['INSERT INTO t VALUES ROW(1, 2), ROW(3, 4)', null, [[0, 1]]],
  ])('%s', (text, columns, shapes) => expect(plan(text).rows).toEqual({ columns, shapes }));

  it.each([
    'INSERT INTO t SELECT 1',
    'INSERT INTO t (SELECT 1)',
    'UPDATE t SET a=1',
    'INSERT INTO t TABLE u',
  ])('has no rows: %s', (text) => expect(plan(text).rows).toBeNull());

  it('reads what is assigned', () => {
    const assigned = (text: string): string =>
      plan(text)
        .assignments.map(({ tables, column, slot }) => `${tables.join('/')}.${column}=${slot}`)
        .join(', ');
    expect(assigned('UPDATE t SET k = 5, t.a = a + 1, b = (SELECT 1, 2) WHERE x = 3')).toBe(
      '0.k=0, 0.a=-1, 0.b=-1',
    );
    expect(assigned('INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE k = 5, a = VALUES(a)')).toBe(
      '0.k=1, 0.a=-1',
    );
    expect(assigned('UPDATE a JOIN b SET b.k = 5, c = 1')).toBe('1.k=0, 0/1.c=1');
  });

  it('reads the rows of an INSERT that is too long to parse', () => {
    const row = Array.from({ length: 600 }, (_, index) => `c${index}(1)`).join(',');
    const found = plan(
      `INSERT INTO t VALUES ${Array.from({ length: 20 }, (_, i) => `(${i}, x${i}, ${row})`).join(',')}`,
    );
    expect(found.parsed).toBe(false);
    expect(found.kind).toBe('write');
    expect(found.rows?.shapes).toHaveLength(20);
    expect(found.rows?.shapes[19]?.[1]).toBe(-1);
  });
});

describe('hazards', () => {
  it.each([
    ['SELECT a, COUNT(*), LEFT(b, 2), IF(c, 1, 2), CAST(d AS CHAR(5)), ST_X(e) FROM t', ''],
    ['INSERT INTO t (a) VALUES (UPPER("x"), CONVERT(b, DECIMAL(10,2)))', ''],
    ['SELECT * FROM (SELECT 1) AS d (a, b)', ''],
    ['WITH x (a) AS (SELECT 1), y (b) AS (SELECT 2) SELECT * FROM x, y', ''],
    ['UPDATE t SET a = NOW() WHERE k = 1', 'clock'],
    ['UPDATE t SET a = CURRENT_TIMESTAMP', 'clock'],
    ['UPDATE t SET a = UNIX_TIMESTAMP ()', 'clock'],
    ['UPDATE t SET a = UNIX_TIMESTAMP(b)', ''],
    ['INSERT INTO t VALUES (UUID(), RAND())', 'random'],
    ['INSERT INTO t VALUES (CURRENT_USER, DATABASE())', 'session_function'],
    ['INSERT INTO t VALUES (LAST_INSERT_ID())', 'last_insert_id'],
    ['SELECT @a, @@b', 'system_variable user_variable'],
    ['SELECT @a := 1', 'assignment user_variable'],
    ['DELETE FROM t LIMIT 5', 'limit_without_order'],
    ['DELETE FROM t ORDER BY a LIMIT 5', ''],
    ['SELECT * FROM t LIMIT 5', ''],
    ['INSERT INTO t SELECT * FROM u', 'from_select'],
    ['INSERT INTO t SELECT * FROM u LIMIT 1', 'from_select limit_without_order'],
    ['DELETE FROM t WHERE a IN (SELECT b FROM u)', 'from_select'],
    ['LOAD DATA INFILE "x" INTO TABLE t', 'load_data'],
    ['SELECT GET_LOCK("a", 1), SLEEP(1)', 'locks'],
    ['SELECT * FROM t FOR UPDATE', 'locking_read'],
    ['SELECT * FROM t LOCK IN SHARE MODE', 'locking_read'],
    ['SELECT * FROM t FOR SHARE NOWAIT', 'locking_read'],
    ['SELECT * FROM t USE INDEX (a) WHERE k IN (SELECT 1 FROM u FOR UPDATE)', 'locking_read'],
    ['SELECT 1 INTO @a', 'into user_variable'],
    ['SELECT * INTO OUTFILE "x" FROM t', 'into'],
    ['SELECT my_function(1)', 'unknown_function'],
    ['SELECT db.upper(1)', 'unknown_function'],
    ['SELECT `upper`(1)', 'unknown_function'],
    ['SELECT * FROM t WHERE my_function (k) = 5', 'unknown_function'],
    ['DO my_function(1)', 'unknown_function'],
    ['SET @a = my_function(1)', 'unknown_function user_variable'],
    ['INSERT DELAYED INTO t VALUES (1)', 'delayed'],
    ['REPLACE INTO t VALUES (1)', 'upsert'],
    ['INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1', 'upsert'],
    ['SELECT NEXT VALUE FOR s', 'sequence'],
    ['SELECT NEXTVAL(s), s.nextval', 'sequence'],
    ['INSERT INTO t VALUES (LOAD_FILE("x"))', 'file'],
    ['CALL p(1)', 'any_effect unknown_function'],
    ['EXECUTE s', 'any_effect'],
    ['BEGIN NOT ATOMIC DELETE FROM t; END', 'any_effect'],
    ["BINLOG 'abc'", 'any_effect'],
    ['SET STATEMENT sort_buffer_size=1 FOR EXECUTE s', 'any_effect'],
    ['SET STATEMENT sort_buffer_size=1 FOR CALL p(1)', 'any_effect unknown_function'],
    ['SET STATEMENT sort_buffer_size=1 FOR BEGIN NOT ATOMIC DELETE FROM t; END', 'any_effect'],
    ['SET STATEMENT sort_buffer_size=1 FOR DO my_function(1)', 'unknown_function'],
    ['SELECT /*!80000 1 + */ 2', 'conditional'],
    ["INSERT /*+ SET_VAR(sql_mode = '') */ INTO t VALUES (1)", 'conditional'],
    ['/* a note */ DELETE /*+ MAX_EXECUTION_TIME(1) set_Var(foreign_key_checks=0)*/ FROM t', 'conditional'],
    ['UPDATE /*+ NO_ICP(t) */ t SET a = 1 /* + SET_VAR(a=1) */', ''],
    ['INSERT INTO t VALUES (1) /* SET_VAR(sql_mode=0) */', ''],
    ['SET STATEMENT max_statement_time = 1, sql_mode = 0 FOR INSERT INTO t VALUES (1)', ''],
    ['SET STATEMENT sql_mode = 0, sql_auto_is_null = 1 FOR DELETE FROM t', 'system_variable'],
    ['SET STATEMENT a_plugins_own = 1 FOR DELETE FROM t', 'system_variable'],
    ['SELECT /*!99999 my_function(1) + */ 2', 'conditional unknown_function'],
    ['UPDATE t SET a = 1 /*!80000 WHERE b IN (SELECT b FROM u) */', 'conditional from_select'],
    ['/*!80000 SET x = 1 */', 'conditional'],
    ['/*!99999 INSERT */ REPLACE t VALUES (1)', 'any_effect conditional upsert'],
    ['INSERT /*!99999 u VALUES (1) */ t VALUES (1)', 'any_effect conditional'],
    ['/*!99999 SELECT 1 FROM */ DROP TABLE t', 'any_effect conditional'],
    ['/*M!100100 BEGIN NOT ATOMIC DELETE FROM t; DELETE FROM u; END */', 'any_effect conditional'],
  ])('%s', (text, expected) => expect(hazards(text)).toBe(expected));
});

describe('transactions', () => {
  it.each([
    ['BEGIN', 'begin', null],
    ['begin work', 'begin', null],
    ['START TRANSACTION READ ONLY', 'begin', null],
    ['COMMIT', 'commit', null],
    ['COMMIT WORK AND CHAIN', 'commit', null],
    ['ROLLBACK', 'rollback', null],
    ['ROLLBACK WORK', 'rollback', null],
    ['rollback to Foo', 'rollback_to', 'foo'],
    ['ROLLBACK WORK TO SAVEPOINT `Foo`', 'rollback_to', 'foo'],
    ['ROLLBACK TO savepoint', 'rollback_to', 'savepoint'],
    ['SAVEPOINT a', 'savepoint', 'a'],
    ['RELEASE SAVEPOINT a', 'release', 'a'],
    ['CREATE TABLE t (a INT)', 'implicit_commit', null],
    ['CREATE TEMPORARY TABLE t (a INT)', 'none', null],
    ['CREATE OR REPLACE TEMPORARY TABLE t (a INT)', 'none', null],
    ['DROP TEMPORARY TABLE t', 'none', null],
    ['DROP PREPARE s', 'none', null],
    ['DROP TABLE t', 'implicit_commit', null],
    ['TRUNCATE t', 'implicit_commit', null],
    ['LOCK TABLES t READ', 'begin', null],
    ['LOCK INSTANCE FOR BACKUP', 'none', null],
    ['SAVEPOINT `é`', 'savepoint', null],
    ['ROLLBACK TO é', 'rollback_to', null],
    ['UNLOCK TABLES', 'implicit_commit', null],
    ['ANALYZE TABLE t', 'implicit_commit', null],
    ['ANALYZE SELECT 1', 'none', null],
    ['GRANT ALL ON *.* TO a', 'implicit_commit', null],
    ['SET PASSWORD = "x"', 'implicit_commit', null],
    ['XA START "a"', 'none', null],
    ['XA COMMIT "a"', 'none', null],
    ['XA COMMIT "a" ONE PHASE', 'commit', null],
    ['XA ROLLBACK "a"', 'rollback', null],
    ['BEGIN NOT ATOMIC SELECT 1; END', 'none', null],
    ['SET STATEMENT a=1 FOR COMMIT', 'commit', null],
    ['SET STATEMENT a=1 FOR START TRANSACTION', 'begin', null],
    ['SET STATEMENT a=1 FOR ROLLBACK TO b', 'rollback_to', 'b'],
    ['SET STATEMENT a=1 FOR RELEASE SAVEPOINT b', 'release', 'b'],
    ['SET STATEMENT a=1 FOR DROP TABLE t', 'implicit_commit', null],
    ['SET STATEMENT a=1 FOR CREATE TEMPORARY TABLE t (a INT)', 'none', null],
    ['INSERT INTO t VALUES (1)', 'none', null],
  ])('%s', (text, step, savepoint) => {
    expect(plan(text).transaction).toBe(step);
    expect(plan(text).savepoint).toBe(savepoint);
  });
});

describe('session changes', () => {
  const changes = (text: string): string =>
    plan(text)
      .session.map(({ what, name, scope, value, collation }) => {
        const shown = value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
        return `${what} ${name} ${scope} ${shown}${collation === null ? '' : ` ${typeof collation === 'string' ? collation : JSON.stringify(collation)}`}`;
      })
      .join('; ');

  it.each([
    ['USE `Foo`', 'use Foo session -'],
    ['SET NAMES UTF8MB4', 'names utf8mb4 session {"word":"utf8mb4"}'],
    ["SET NAMES 'gbk'", 'names  session {"slot":0}'],
    ['SET NAMES utf8 COLLATE utf8_bin', 'names utf8 session {"word":"utf8"} utf8_bin'],
    ["SET NAMES utf8 COLLATE 'utf8_bin'", 'names utf8 session {"word":"utf8"} {"slot":0}'],
    ['SET NAMES utf8 COLLATE a.b', 'names utf8 session expression'],
    [
      "SET sql_mode = (SELECT REPLACE(@@sql_mode, 'A', ''))",
      'variable sql_mode session {"mode":{"call":"replace","args":[{"mode":"session"},{"slot":0},{"slot":1}]}}',
    ],
    ["SET time_zone = CONCAT(@@sql_mode, 'A')", 'variable time_zone session expression'],
    ['SET CHARACTER SET gbk', 'character_set gbk session {"word":"gbk"}'],
    ['SET CHARSET gbk', 'character_set gbk session {"word":"gbk"}'],
    ["SET sql_mode = ''", 'variable sql_mode session {"slot":0}'],
    [
      'SET SESSION Autocommit = OFF, b = 1+1',
      'variable autocommit session {"word":"off"}; variable b session expression',
    ],
    ['SET GLOBAL a = 1, b = 2', 'variable a global {"slot":0}; variable b global {"slot":1}'],
    ['SET @@session.a = 1, @@b := 2', 'variable a session {"slot":0}; variable b session {"slot":1}'],
    ['SET @@global.a = 1', 'variable a global {"slot":0}'],
    ['SET @u = 5, @`V` = "x"', 'user_variable u session {"slot":0}; user_variable v session {"slot":1}'],
    ['SET TRANSACTION READ ONLY', 'transaction read only transaction -'],
    [
      'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
      'transaction isolation level serializable session -',
    ],
    ['SET ROLE admin', 'role admin session -'],
    ['SET STATEMENT a = 1 FOR SELECT 1', ''],
    ['SET STATEMENT a = 1 FOR USE d', 'use d session -'],
    ['SET STATEMENT a = 1 FOR SET b = 2', 'variable b session {"slot":1}'],
    ['SELECT 1', ''],
  ])('%s', (text, expected) => expect(changes(text)).toBe(expected));
});

describe('flags', () => {
  it.each([
    ['SELECT * FROM t ORDER BY a', 'ordered'],
    ['SELECT GROUP_CONCAT(a ORDER BY b) FROM t', ''],
    ['SELECT * FROM (SELECT * FROM t ORDER BY a) d', ''],
    ['(SELECT a FROM t) UNION (SELECT a FROM u) ORDER BY a LIMIT 1', 'ordered limited'],
    ['(SELECT a FROM t ORDER BY a)', 'ordered'],
    ['SELECT * FROM t LIMIT 1', 'limited limitWithoutOrder'],
    ['SELECT * FROM (SELECT * FROM t LIMIT 1) d ORDER BY a', 'ordered limited limitWithoutOrder'],
    ['CREATE TABLE t (a INT)', 'ddl'],
    ['CREATE TEMPORARY TABLE t (a INT)', 'ddl temporary'],
    ['CREATE USER a', ''],
    ['CALL p()', 'anyResults'],
    ['EXECUTE s', 'anyResults opaque'],
    ['PREPARE s FROM "x"', ''],
    ['XA START "a"', 'opaque'],
    ['XA END "a"', ''],
    ['XA COMMIT "a"', 'opaque'],
    ['XA COMMIT "a" ONE PHASE', ''],
    ['XA /*!99999 END */ "a"', 'opaque'],
    ['HANDLER t CLOSE', ''],
    ['SET STATEMENT sort_buffer_size=1 FOR EXECUTE s', 'anyResults opaque'],
    ['SET STATEMENT a=1 FOR CREATE OR REPLACE TEMPORARY TABLE t (a INT)', 'ddl temporary'],
    ['SET STATEMENT a=1 FOR CREATE ROLE a', ''],
  ])('%s', (text, expected) => {
    const found = plan(text);
    const flags = [
      'ordered',
      'limited',
      'limitWithoutOrder',
      'ddl',
      'temporary',
      'anyResults',
      'opaque',
    ] as const;
    expect(flags.filter((flag) => found[flag]).join(' ')).toBe(expected);
  });

  it.each([
    ['UPDATE t SET a = b / c', true],
    ['INSERT INTO t VALUES (1, 10/3)', true],
    ['UPDATE t SET a = ?/2 WHERE b = 1', true],
    ["UPDATE t SET a = 'b/c' /* / */ WHERE `x/y` = 1", false],
    ["UPDATE t SET a = GREATEST(a, '9')", true],
    ["DELETE FROM t WHERE a rlike 'x'", true],
    ["INSERT INTO t VALUES (LPAD(1, 3, ''), Sec_To_Time(5))", true],
    ["UPDATE t SET a = JSON_SET(a, '$.b', 1), b = b + 1", true],
    ["INSERT INTO t VALUES (regexp_replace('a', 'b', 'c'))", true],
    ['UPDATE t SET `greatest` = least WHERE `rlike` = json_valid(a)', false],
    ['UPDATE t SET a = b DIV 2', false],
    ['INSERT /*+ NO_BKA() */ INTO t VALUES (1)', false],
    ['UPDATE t SET a = UNIX_TIMESTAMP()', false],
    ['UPDATE t SET a = UNIX_TIMESTAMP(b)', true],
  ])('tells what each kind of server makes its own value of: %s', (text, byKind) => {
    expect(plan(text).byKind).toBe(byKind);
  });

  it('says where the parser agreed, and reads the rest without it', () => {
    expect(plan('SELECT a FROM t WHERE k = 5').parsed).toBe(true);
    const refused = plan('SELECT SQL_NO_CACHE a FROM t PROCEDURE ANALYSE(1, 2)');
    expect([
      refused.parsed,
      refused.kind,
      tables('SELECT SQL_NO_CACHE a FROM t PROCEDURE ANALYSE(1, 2)'),
    ]).toEqual([false, 'read', 't']);
  });

  it.each([
    'SELECT a FROM t USE INDEX (i) WHERE k = 5',
    'SELECT a FROM t PARTITION (p0) WHERE k = 5',
    'INSERT DELAYED INTO t (a) VALUES (1)',
    'SELECT SQL_CALC_FOUND_ROWS a FROM t WHERE k IN (1,2) LIMIT 5',
    'SELECT HIGH_PRIORITY SQL_NO_CACHE a FROM t',
    'UPDATE LOW_PRIORITY IGNORE t SET a=1 WHERE k=5 LIMIT 1',
    'DELETE QUICK FROM t WHERE k=5',
    'SET STATEMENT max_statement_time=1 FOR SELECT a FROM t WHERE k=5',
    'INSERT INTO t VALUES (1, 2), (a, 2), (1, 2)',
    'ANALYZE UPDATE t SET a=1 WHERE k=5',
    'UPDATE t, u SET t.a=(SELECT 1, 2), u.b=2 WHERE t.k=5',
    'DELETE FROM t USING t JOIN u WHERE t.k=5',
    'INSERT INTO `a``b` VALUES (1)',
    'TRUNCATE TABLE d.t',
  ])('makes readable for the parser: %s', (text) => expect(plan(text).parsed).toBe(true));

  it.each([
    ['OR', (count: number) => `SELECT 1 FROM t WHERE a${' || a'.repeat(count)}`],
    ['plus', (count: number) => `SELECT 1${' + 1'.repeat(count)}`],
    ['IS NULL', (count: number) => `SELECT a${' IS NULL'.repeat(count)}`],
    ['JSON paths', (count: number) => `SELECT a${"->'x'".repeat(count)}`],
    ['NOT', (count: number) => `SELECT ${'NOT '.repeat(count)}a`],
    ['minus', (count: number) => `SELECT ${'- '.repeat(count)}a`],
    ['parentheses', (count: number) => `SELECT ${'('.repeat(count)}a${')'.repeat(count)}`],
    ['CASE', (count: number) => `SELECT ${'CASE WHEN '.repeat(count)}a${' THEN 1 END'.repeat(count)}`],
    ['joins', (count: number) => `SELECT 1 FROM t${' JOIN t'.repeat(count)}`],
    ['unions', (count: number) => `SELECT 1${' UNION SELECT 1'.repeat(count)}`],
  ])('outlives chains of %s of every length', (name, make) => {
    for (let count = 25; count < PARSE_TOKENS_MAX * 4; count += 25) plan(make(count));
    expect(plan(`SELECT after_${name.replace(' ', '_')} FROM t WHERE k = 5`).parsed).toBe(true);
  });

  it.each(['SELECT @@`x`.y', 'SELECT a FROM t WHERE b = @`c d`', 'SELECT a ? FROM', 'SELECT \\ FROM t'])(
    'is asked again after it could not even part the words of %s',
    (text) => {
      plan(text);
      expect(plan(`SELECT behind_${text.length} FROM t WHERE k = 5`).parsed).toBe(true);
    },
  );

  it('names a digest alike in every process', () => {
    expect(plan('SELECT a FROM t WHERE k = 5').id).toBe('b2ee21e1a52882f3');
  });
});

describe('the cache', () => {
  const read = (cache: SqlReader, text: string): Plan => {
    const sql = Buffer.from(text);
    return cache.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
  };

  it('answers statements of one digest with one plan', () => {
    const cache = new SqlReader({ maxPlans: 10 });
    expect(read(cache, 'SELECT a FROM t WHERE k = 5')).toBe(read(cache, 'select a from t where k = 77'));
    expect(cache.stats).toEqual({ hits: 1, misses: 1, refused: 0, evicted: 0, deferred: 0 });
  });

  it('stays within its bound, and keeps what is used', () => {
    const cache = new SqlReader({ maxPlans: 20, seed: 5 });
    const used = read(cache, 'SELECT used');
    for (let index = 0; index < 500; index++) {
      read(cache, `SELECT c${index}`);
      read(cache, 'SELECT used');
    }
    expect(read(cache, 'SELECT used')).toBe(used);
    expect(cache.stats.misses - cache.stats.evicted).toBeLessThanOrEqual(20);
    expect(cache.stats.evicted).toBeGreaterThanOrEqual(481);
  });

  it('drops nothing before it is full', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cache = new SqlReader({ maxPlans: 1000, seed });
      for (let index = 0; index < 1000; index++) read(cache, `USE c${index}`);
      expect(cache.stats.evicted).toBe(0);
    }
  });

  it('keeps plans of different character sets apart', () => {
    const cache = new SqlReader({ maxPlans: 10 });
    const sql = Buffer.from('SELECT a FROM t');
    const plain = cache.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
    expect(cache.read(sql, 0, sql.length, { ...DEFAULT_SQL_MODE, charset: 'gbk' })).not.toBe(plain);
  });
});
