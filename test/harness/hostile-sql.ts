/** Statements that are made to be hard to read: each form at any size, in repetitions of its smallest piece. */

export type HostileForm = (size: number) => string;

const times = (size: number, piece: (index: number) => string, separator = ''): string =>
  Array.from({ length: size }, (_, index) => piece(index)).join(separator);
const select =
  (piece: string): HostileForm =>
  (size) =>
    `SELECT ${piece.repeat(size)}`;

export const HOSTILE_FORMS: Readonly<Record<string, HostileForm>> = {
  'nested parentheses': (n) => `SELECT ${'('.repeat(n)}1${')'.repeat(n)}`,
  'opening parentheses': select('('),
  'closing parentheses': select(')'),
  'queries in FROM': (n) => `SELECT * FROM ${'(SELECT * FROM '.repeat(n)}t${') x'.repeat(n)}`,
  'queries in WHERE': (n) => `${times(n, (i) => `SELECT a FROM t${i} WHERE b = (`)}1${')'.repeat(n)}`,
  'an IN list of literals': (n) => `DELETE FROM t WHERE a IN (${times(n, String, ',')})`,
  'an IN list of expressions': (n) => `DELETE FROM t WHERE a IN (${times(n, (i) => `a+${i}`, ',')})`,
  'an IN list of tuples': (n) => `DELETE FROM t WHERE (a,b) IN (${times(n, (i) => `(a${i},${i})`, ',')})`,
  'IN lists': (n) => `DELETE FROM t WHERE ${times(n, (i) => `a IN (${i},2)`, ' AND ')}`,
  'open IN lists': (n) => `SELECT 1 WHERE ${'a IN ('.repeat(n)}`,
  'open tuples': (n) => `SELECT 1 WHERE ${'(a,b) IN ((1,2),('.repeat(n)}`,
  'a tuple': (n) =>
    `SELECT 1 WHERE (${times(n, () => 'a', ',')}) IN ((${times(n, () => '1', ',')}),(${times(n, () => '2', ',')}))`,
  columns: (n) => `SELECT ${times(n, (i) => `c${i}`, ',')} FROM t`,
  'columns of an INSERT': (n) =>
    `INSERT INTO t (${times(n, (i) => `c${i}`, ',')}) VALUES (${times(n, (i) => `a+${i}`, ',')})`,
  'rows of changing shape': (n) => `INSERT INTO t VALUES ${times(n, (i) => `(${i}, a${i})`, ',')}`,
  'open rows': (n) => `INSERT INTO t VALUES ${'(1,('.repeat(n)}`,
  'assignments of an INSERT': (n) => `INSERT INTO t SET ${times(n, (i) => `c${i}=${i}`, ',')}`,
  'assignments of an UPDATE': (n) => `UPDATE t SET ${times(n, (i) => `c${i}=${i}`, ',')}`,
  'assignments over tables': (n) =>
    `UPDATE ${times(n, (i) => `t${i}`, ',')} SET ${times(n, (i) => `a=${i}`, ',')}`,
  conjuncts: (n) => `SELECT * FROM t WHERE ${times(n, (i) => `a=${i}`, ' AND ')}`,
  'conjuncts over tables': (n) =>
    `SELECT * FROM ${times(n, (i) => `t${i}`, ',')} WHERE ${times(n, (i) => `a=${i}`, ' AND ')}`,
  'WHERE clauses': (n) => `SELECT 1 ${'WHERE a=1 '.repeat(n)}`,
  'ON clauses': (n) => `SELECT 1 FROM t ${'JOIN u ON a=1 '.repeat(n)}`,
  'ON clauses without JOIN': (n) => `SELECT 1 FROM t ${'ON a=1 '.repeat(n)}`,
  joins: (n) => `SELECT * FROM t${times(n, (i) => ` JOIN t${i} ON t${i}.a=${i}`)}`,
  unions: (n) => times(n, (i) => `SELECT ${i} FROM a${i}`, ' UNION '),
  'common tables': (n) =>
    `WITH ${times(n, (i) => `c${i} AS (SELECT 1)`, ',')} SELECT * FROM ${times(n, (i) => `c${i}`, ',')}`,
  'common tables of one name': (n) =>
    `WITH ${times(n, () => 'c AS (SELECT 1)', ',')} SELECT * FROM ${times(n, () => 'c', ',')}`,
  'WITH upon WITH': select('WITH '),
  'WITH lists': select('WITH c AS (SELECT 1) '),
  'EXCEPT upon EXCEPT': select('EXCEPT '),
  'EXCEPT and parentheses': select('EXCEPT ('),
  'targets of a DELETE': (n) =>
    `DELETE ${times(n, (i) => `t${i}`, ',')} FROM ${times(n, (i) => `t${i}`, ',')}`,
  'tables behind USING': (n) =>
    `DELETE FROM ${times(n, (i) => `t${i}`, ',')} USING ${times(n, (i) => `t${i}`, ',')}`,
  'strings side by side': select("'a' "),
  backslashes: (n) => `SELECT '${'\\'.repeat(n)}`,
  'doubled quotes': (n) => `SELECT '${"''".repeat(n)}`,
  'quotes that change': select('\'" '),
  'openings of comments': select('/*'),
  comments: select('/**/'),
  'executable comments': select('/*!'),
  'executable comments of a version': select('/*!50000 '),
  'closed executable comments': select('/*!99999 1*/ '),
  'names in executable comments': select('/*!50000 a,*/ '),
  'line comments': select('-- \n'),
  signs: select('- 1'),
  semicolons: (n) => ';'.repeat(n),
  'a dotted chain': (n) => `SELECT a${'.a'.repeat(n)}`,
  'a dotted table': (n) => `SELECT 1 FROM ${'a.'.repeat(n)}`,
  'at signs': select('@'),
  backticks: select('``'),
  parameters: select('?,'),
  words: select('a '),
  'one word': select('a'),
  digits: select('1'),
  assignments: select('a:='),
  CASE: (n) => `SELECT ${'CASE WHEN 1 THEN '.repeat(n)}1${' END'.repeat(n)}`,
  BEGIN: (n) => `BEGIN NOT ATOMIC ${'BEGIN '.repeat(n)}`,
  SET: (n) => `SET ${times(n, (i) => `@a${i}=${i}`, ',')}`,
  'SET TRANSACTION': (n) => `SET ${'transaction '.repeat(n)}`,
  'SET STATEMENT': (n) => 'SET STATEMENT '.repeat(n),
  'index hints': (n) => `SELECT * FROM t ${'USE INDEX (a) '.repeat(n)}`,
  partitions: (n) => `SELECT * FROM t ${'PARTITION ('.repeat(n)}`,
  calls: (n) => `SELECT ${times(n, (i) => `f${i}()`, ',')}`,
  'calls in calls': select('f('),
  'LIMIT upon LIMIT': select('LIMIT 1 '),
  'FOR UPDATE': select('FOR UPDATE '),
  'ON DUPLICATE KEY': (n) => `INSERT INTO t VALUES (1) ${'ON DUPLICATE KEY UPDATE a=1 '.repeat(n)}`,
  BETWEEN: (n) => `SELECT 1 WHERE ${'a BETWEEN 1 AND '.repeat(n)}`,
  EXISTS: select('EXISTS (SELECT 1 FROM t) AND '),
  'tables to drop': (n) => `DROP TABLE ${times(n, (i) => `t${i}`, ',')}`,
  'zero bytes': (n) => '\0'.repeat(n),
};

/** Short, and slow for a parser that tries several readings of what stands in parentheses. */
export const SLOW_TO_PARSE: readonly string[] = [
  `SELECT ${'CAST('.repeat(14)}a${' AS SIGNED)'.repeat(14)} FROM t`,
  `SELECT ${'CAST('.repeat(14)}a${' AS CHAR)'.repeat(14)} FROM t WHERE`,
  `SELECT ${'INTERVAL('.repeat(14)}a${',1)'.repeat(14)} FROM t x y z`,
  `SELECT ${'TRIM('.repeat(16)}a${')'.repeat(16)} FROM t x y z`,
  `UPDATE t SET a = ${'(SELECT '.repeat(16)}1${' LIMIT 1)'.repeat(16)}`,
];
