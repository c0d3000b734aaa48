/** What random clients send beside reads and writes: what holds statements together, sets something, or hides it. */

export const TRANSACTIONS = [
  ...[
    'BEGIN',
    'START TRANSACTION',
    'COMMIT',
    'ROLLBACK',
    'COMMIT AND CHAIN',
    'ROLLBACK AND CHAIN',
    'BEGIN WORK',
    'START TRANSACTION READ ONLY',
  ],
  ...[
    'START TRANSACTION WITH CONSISTENT SNAPSHOT',
    'COMMIT AND NO CHAIN NO RELEASE',
    'SET TRANSACTION READ WRITE',
    'COMMIT',
  ],
];
export const SAVEPOINTS = [
  'SAVEPOINT a',
  'ROLLBACK TO a',
  'ROLLBACK TO SAVEPOINT `A`',
  'RELEASE SAVEPOINT a',
  'SAVEPOINT b',
  'ROLLBACK WORK TO b',
  'SAVEPOINT `B`',
];
export const AUTOCOMMIT = [
  'SET autocommit = 0',
  'SET autocommit = 1',
  'SET @@session.autocommit = OFF',
  'SET autocommit = DEFAULT',
  'COMMIT',
  'ROLLBACK',
];
export const SETTINGS = [
  ...[
    "SET sql_mode = ''",
    "SET sql_mode = 'STRICT_ALL_TABLES'",
    "SET sql_mode = 'ANSI_QUOTES'",
    "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
    'SET sql_mode = DEFAULT',
  ],
  ...[
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "SET sql_mode = 'PIPES_AS_CONCAT'",
    "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
    'SET NAMES latin1',
    'SET NAMES utf8mb4',
  ],
  ...[
    "SET time_zone = '+05:00'",
    'SET auto_increment_increment = 3',
    'SET auto_increment_offset = 2',
    'SET foreign_key_checks = 0',
    'SET unique_checks = 0',
  ],
  ...[
    'SET timestamp = 1700000000',
    'SET timestamp = DEFAULT',
    'SET default_week_format = 3',
    "SET lc_time_names = 'de_DE'",
    'SET div_precision_increment = 2',
  ],
  ...[
    'SET SESSION sql_safe_updates = 1',
    'SET character_set_client = gbk',
    'SET CHARACTER SET latin1',
    'SET NAMES gbk',
    'SET @@sql_select_limit = 1',
    'SET auto_increment_increment = 1',
  ],
  ...[
    "SET sql_mode = 'HIGH_NOT_PRECEDENCE'",
    "SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'",
    "SET sql_mode = 'IGNORE_SPACE'",
    "SET sql_mode = 'NO_UNSIGNED_SUBTRACTION'",
    "SET @kept = @@sql_mode, sql_mode = ''",
    'SET sql_mode = @kept',
  ],
  ...[
    "SET sql_mode = 'ALLOW_INVALID_DATES'",
    "SET sql_mode = 'ORACLE'",
    "SET sql_mode = 'ANSI'",
    'SET sql_big_selects = 0',
    'SET explicit_defaults_for_timestamp = 1',
  ],
];
export const TEMPORARY = [
  ...[
    'CREATE TEMPORARY TABLE pairs (k BIGINT, i INT, n INT, s VARCHAR(30))',
    'DROP TEMPORARY TABLE pairs',
    'DROP TEMPORARY TABLE IF EXISTS pairs',
    'CREATE TEMPORARY TABLE isam LIKE uniques',
  ],
  ...[
    'CREATE TEMPORARY TABLE scratch SELECT * FROM pairs',
    'INSERT INTO pairs (k, i, n, s) SELECT * FROM scratch WHERE k = 3',
    'DROP TEMPORARY TABLE scratch',
    'UPDATE scratch SET n = 1',
  ],
  ...[
    'INSERT INTO texts (k, i, n, s) SELECT k, i, n, s FROM scratch',
    'UPDATE pairs JOIN scratch ON pairs.k = scratch.k SET pairs.n = 7',
  ],
  ...[
    'CREATE TEMPORARY TABLE IF NOT EXISTS pairs (k BIGINT, i INT, n INT, s VARCHAR(30))',
    'DROP TABLE IF EXISTS scratch',
  ],
];
export const LOCKS = [
  'LOCK TABLES pairs WRITE',
  'LOCK TABLES pairs WRITE, isam WRITE, uniques WRITE',
  'UNLOCK TABLES',
  'UNLOCK TABLES',
  'LOCK TABLE isam READ LOCAL',
  'FLUSH TABLES pairs',
  'HANDLER pairs OPEN',
  'HANDLER pairs READ FIRST',
  'HANDLER pairs READ `PRIMARY` = (3, 1)',
  'HANDLER pairs CLOSE',
  'SELECT GET_LOCK(1, 0)',
];
export const ISOLATION = [
  'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED',
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
  'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
];
export const IMPLICIT_COMMITS = [
  'CREATE TABLE IF NOT EXISTS aside (a INT)',
  'DROP TABLE IF EXISTS aside',
  'ANALYZE TABLE stays',
  'SET autocommit = 1',
  'SET autocommit = 1, sql_mode = DEFAULT',
  'LOCK TABLES pairs WRITE, stays WRITE',
  'UNLOCK TABLES',
  'BEGIN',
  'FLUSH STATUS',
  'ALTER TABLE stays COMMENT = "a"',
];
export const BULK = [
  ...[
    'INSERT INTO pairs (n, k, i) VALUES (?, ?, ?)',
    'REPLACE INTO pairs (n, k, i) VALUES (?, ?, ?)',
    'INSERT INTO pairs (n, k, i) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE n = n + VALUES(n)',
  ],
  ...[
    'UPDATE pairs SET n = n + ? WHERE k = ? AND i = ?',
    'UPDATE isam SET n = n + ? WHERE k = ? AND i = ?',
    'DELETE FROM pairs WHERE n <> ? AND k = ? AND i = ?',
    'UPDATE pairs SET n = ?, k = ? WHERE i = ?',
  ],
  ...[
    'INSERT IGNORE INTO isam (n, k, i) VALUES (?, ?, ?)',
    'INSERT INTO isam (n, k, i) VALUES (?, ?, ?)',
    'UPDATE pairs SET k = ? WHERE k = ? AND i = ?',
    'INSERT INTO pairs (n, k, i) VALUES (?, ?, ?) RETURNING n',
    'UPDATE numbered SET n = n + ? WHERE k IN (?, ?)',
    'UPDATE IGNORE uniques SET s = ? WHERE k IN (?, ?)',
    'DELETE FROM parents WHERE n = ? OR k = ? OR n = ?',
    "UPDATE texts SET n = ?, s = CONCAT(s, '!') WHERE k = CONCAT('a', ?) AND i = ?",
    'UPDATE pairs SET n = ?, s = NOW() WHERE k = ? AND i = ?',
    'UPDATE pairs SET n = (@v := n + ?) WHERE k = ? AND i = ?',
    'UPDATE pairs SET n = LAST_INSERT_ID(n + ?) WHERE k = ? AND i = ?',
    'UPDATE pairs SET n = n + ? WHERE k = ? ORDER BY n LIMIT ?',
    'DELETE FROM pairs WHERE n <> ? AND k = ? AND i = ? RETURNING n',
    'UPDATE children SET n = ? WHERE k = ? AND i = ?',
    'UPDATE parents SET n = ?, k = ? WHERE k = ?',
    'UPDATE moods SET n = ? WHERE k = ? AND i = ?',
  ],
];
export const LOADED = ['1\t5\t7\tloaded\n', '30\t1\t7\tloaded\n', '2\t1\t3\tw\n'];
