/** Tables that the new server has otherwise than the old one, and what is written to them. */

export interface Scene {
  readonly name: string;
  /** What stands behind the key in the table of each server; its beginning is `TABLE_START`. */
  readonly old: string;
  readonly fresh: string;
  /** Run on the new server besides; `{t}` is the table. */
  readonly besides?: string;
  /** Run through the proxy outside of strict mode. */
  readonly writes: readonly string[];
  /** `none`: the rows are the same, and no key is in doubt. Else they differ, and are on record by themselves or with their table. */
  readonly doubt: 'none' | 'keys';
}

export const TABLE_START = 'folderid BIGINT NOT NULL, id INT NOT NULL DEFAULT 0';

const SAME = `a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, n INT NOT NULL DEFAULT 7, d DECIMAL(10,2) DEFAULT '1.50',
  t DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, e ENUM('x','y') DEFAULT 'y', g INT AS (n + 1) STORED, PRIMARY KEY (folderid, id), UNIQUE (folderid, n)`;
const KEY = 'PRIMARY KEY (folderid, id)';
const TEXT = 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE';

export const SCENES: readonly Scene[] = [
  {
    name: 'same',
    old: SAME,
    fresh: SAME,
    writes: [
      'SET TIMESTAMP = 1700000000',
      "INSERT INTO {t} (folderid, a) VALUES (1, 'a')",
      'INSERT INTO {t} (folderid, id, n) VALUES (1, 2, 3) ON DUPLICATE KEY UPDATE a = VALUES(a)',
      "REPLACE INTO {t} (folderid, id, a, n, d, e) VALUES (2, 1, 'b', DEFAULT, 2.345, 'x')",
      "UPDATE {t} SET d = 3 WHERE folderid = 1 AND a = 'a'",
      "DELETE FROM {t} WHERE folderid = 2 AND a = 'c'",
    ],
    doubt: 'none',
  },
  {
    name: 'roomier',
    old: `a VARCHAR(3) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci, n INT, b TEXT CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci, e ENUM('x'), ${KEY}`,
    fresh: `a VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, n BIGINT, b LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, e ENUM('x','y'), more INT DEFAULT 4, ${KEY}, INDEX (n)`,
    writes: [
      "INSERT INTO {t} (folderid, a, n, e) VALUES (1, 'abc', 70000, 'x')",
      "UPDATE {t} SET a = 'b', b = REPEAT(a, 3) WHERE folderid = 1 AND a = 'ABC'",
    ],
    doubt: 'none',
  },
  {
    name: 'cut_on_old',
    old: `a VARCHAR(3), ${KEY}`,
    fresh: `a VARCHAR(30), ${KEY}`,
    writes: ["INSERT INTO {t} (folderid, a) VALUES (1, 'abcdef')"],
    doubt: 'keys',
  },
  {
    name: 'cut_on_new',
    old: `a VARCHAR(30), ${KEY}`,
    fresh: `a VARCHAR(3), ${KEY}`,
    writes: ["INSERT INTO {t} (folderid, a) VALUES (1, 'abcdef')"],
    doubt: 'keys',
  },
  {
    name: 'out_of_range',
    old: `n BIGINT, ${KEY}`,
    fresh: `n TINYINT, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, 1)', 'UPDATE {t} SET n = 1000 WHERE folderid = 1'],
    doubt: 'keys',
  },
  {
    name: 'rounded',
    old: `d DECIMAL(10,4), ${KEY}`,
    fresh: `d DECIMAL(10,2), ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, d) VALUES (1, 1.2345)'],
    doubt: 'keys',
  },
  {
    name: 'seconds',
    old: `d DATETIME(3), ${KEY}`,
    fresh: `d DATETIME, ${KEY}`,
    writes: ["INSERT INTO {t} (folderid, d) VALUES (1, '2020-01-01 00:00:00.400')"],
    doubt: 'keys',
  },
  {
    name: 'other_default',
    old: `n INT NOT NULL DEFAULT 1, ${KEY}`,
    fresh: `n INT NOT NULL DEFAULT 2, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid) VALUES (1)'],
    doubt: 'keys',
  },
  {
    name: 'said_default',
    old: `n INT NOT NULL DEFAULT 1, ${KEY}`,
    fresh: `n INT NOT NULL DEFAULT 2, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, DEFAULT)'],
    doubt: 'keys',
  },
  {
    name: 'default_unused',
    old: `n INT NOT NULL DEFAULT 1, ${KEY}`,
    fresh: `n INT NOT NULL DEFAULT 2, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, 5)', 'UPDATE {t} SET n = 6 WHERE folderid = 1'],
    doubt: 'none',
  },
  {
    name: 'other_charset',
    old: `a VARCHAR(20) CHARACTER SET utf8mb4, ${KEY}`,
    fresh: `a VARCHAR(20) CHARACTER SET latin1, ${KEY}`,
    writes: ["INSERT INTO {t} (folderid, a) VALUES (1, '日本')"],
    doubt: 'keys',
  },
  {
    name: 'measured',
    old: `a VARCHAR(20) CHARACTER SET latin1, n INT, ${KEY}`,
    fresh: `a VARCHAR(20) CHARACTER SET utf8mb4, n INT, ${KEY}`,
    writes: [
      "INSERT INTO {t} (folderid, a) VALUES (1, 'é')",
      'UPDATE {t} SET n = LENGTH(a) WHERE folderid = 1',
    ],
    doubt: 'keys',
  },
  {
    name: 'compared',
    old: `a ${TEXT} utf8mb4_bin, n INT DEFAULT 0, ${KEY}`,
    fresh: `a ${TEXT} utf8mb4_general_ci, n INT DEFAULT 0, ${KEY}`,
    writes: [
      "INSERT INTO {t} (folderid, id, a) VALUES (1, 1, 'a'), (1, 2, 'A')",
      "UPDATE {t} SET n = 1 WHERE folderid = 1 AND a = 'A' ORDER BY id LIMIT 1",
    ],
    doubt: 'keys',
  },
  {
    name: 'not_compared',
    old: `a ${TEXT} utf8mb4_bin, n INT DEFAULT 0, ${KEY}`,
    fresh: `a ${TEXT} utf8mb4_general_ci, n INT DEFAULT 0, ${KEY}`,
    writes: [
      "INSERT INTO {t} (folderid, id, a) VALUES (1, 1, 'a'), (1, 2, 'A')",
      "UPDATE {t} SET a = 'B' WHERE folderid = 1 AND id = 2",
    ],
    doubt: 'none',
  },
  {
    name: 'no_nulls',
    old: `n INT DEFAULT 0, ${KEY}`,
    fresh: `n INT NOT NULL DEFAULT 0, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, NULL), (2, NULL)'],
    doubt: 'keys',
  },
  {
    name: 'other_order',
    old: `a INT, b INT, ${KEY}`,
    fresh: `b INT, a INT, ${KEY}`,
    writes: ['INSERT INTO {t} VALUES (1, 1, 2, 3)'],
    doubt: 'keys',
  },
  {
    name: 'own_trigger',
    old: `n INT, ${KEY}`,
    fresh: `n INT, ${KEY}`,
    besides: 'CREATE TRIGGER own BEFORE INSERT ON {t} FOR EACH ROW SET NEW.n = 9',
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, 1)'],
    doubt: 'keys',
  },
  {
    name: 'on_update',
    old: `n INT, d DATETIME, ${KEY}`,
    fresh: `n INT, d DATETIME ON UPDATE CURRENT_TIMESTAMP, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, 1)', 'UPDATE {t} SET n = 2 WHERE folderid = 1'],
    doubt: 'keys',
  },
  {
    name: 'made',
    old: `n INT, g INT AS (n + 1) STORED, ${KEY}`,
    fresh: `n INT, g INT AS (n + 2) STORED, ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, 1)'],
    doubt: 'keys',
  },
  {
    name: 'members',
    old: `e ENUM('a','b'), ${KEY}`,
    fresh: `e ENUM('b','a'), ${KEY}`,
    writes: ['INSERT INTO {t} (folderid, e) VALUES (1, 1)'],
    doubt: 'keys',
  },
  {
    name: 'numbered',
    old: `n INT NOT NULL AUTO_INCREMENT, ${KEY}, UNIQUE (n)`,
    fresh: `n INT NOT NULL DEFAULT 0, ${KEY}, UNIQUE (n)`,
    writes: ['INSERT INTO {t} (folderid) VALUES (1)'],
    doubt: 'keys',
  },
  {
    name: 'own_unique',
    old: `n INT, ${KEY}`,
    fresh: `n INT, ${KEY}, UNIQUE (n)`,
    writes: ['INSERT INTO {t} (folderid, n) VALUES (1, 5)', 'REPLACE INTO {t} (folderid, n) VALUES (2, 5)'],
    doubt: 'keys',
  },
  {
    name: 'parents',
    old: 'PRIMARY KEY (folderid)',
    fresh: 'PRIMARY KEY (folderid)',
    writes: ['INSERT INTO {t} (folderid) VALUES (1), (2)'],
    doubt: 'none',
  },
  {
    name: 'children',
    old: `parent BIGINT, ${KEY}`,
    fresh: `parent BIGINT, ${KEY}, FOREIGN KEY (parent) REFERENCES parents (folderid) ON DELETE CASCADE`,
    writes: ['INSERT INTO {t} (folderid, parent) VALUES (7, 1)', 'DELETE FROM parents WHERE folderid = 1'],
    doubt: 'keys',
  },
];
