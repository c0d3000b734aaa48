/** Tables with something odd about them, as they are on both sides before a sync. */
import type { Sides } from '../../src/sync/side.ts';

export interface EdgeTable {
  readonly title: string;
  readonly name: string;
  /** The group column. */
  readonly key: string;
  /** Makes the table `{t}`. */
  readonly sql: string | Sides<string>;
  /** Fill it, so that it differs. */
  readonly rows: Sides<readonly string[]>;
  /** What the new side is; left out: either. */
  readonly only?: 'MySQL 9' | 'MariaDB';
  /** What is told of groups that can't be repaired. */
  readonly refused?: readonly RegExp[];
  /** What is read of each row to compare it, where that is not all of it. */
  readonly reads?: Sides<string>;
  /** Queries on the new side, and their rows as JSON. */
  readonly after?: readonly (readonly [string, readonly string[]])[];
}

const VALUES = "INSERT INTO {t} VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')";
const WRONG = "INSERT INTO {t} VALUES (1, 1, 'A'), (3, 3, 'c'), (4, 4, 'd')";
const SAMPLE = { old: [VALUES], new: [WRONG] };
const PLACES = {
  sql: 'CREATE TABLE {t} (g INT, id INT, p GEOMETRY NOT NULL, PRIMARY KEY (g, id))',
  rows: {
    old: [
      "INSERT INTO {t} VALUES (1, 1, ST_GeomFromText('POINT(1 2)', 4326)), (2, 2, ST_GeomFromText('POINT(13.4 52.5)', 4326))",
    ],
    new: ["INSERT INTO {t} VALUES (1, 1, ST_GeomFromText('POINT(1 2)', 4326))"],
  },
};

/** A missing, an extra and a different row of a table grouped by its one key column. */
function keyed(title: string, type: string, keys: readonly [string, string, string, string]): EdgeTable {
  const [same, different, missing, extra] = keys;
  return {
    title: `keys: ${title}`,
    name: `k_${title.replaceAll(/\W+/g, '_')}`,
    key: 'k',
    sql: `CREATE TABLE {t} (k ${type} NOT NULL, id INT NOT NULL, v VARCHAR(9), PRIMARY KEY (k, id))`,
    rows: {
      old: [`INSERT INTO {t} VALUES (${same}, 1, 'a'), (${different}, 1, 'b'), (${missing}, 1, 'c')`],
      new: [`INSERT INTO {t} VALUES (${same}, 1, 'a'), (${different}, 1, 'B'), (${extra}, 1, 'd')`],
    },
  };
}

/** The same, where the key alone tells rows apart. */
function single(title: string, type: string, keys: readonly [string, string, string, string]): EdgeTable {
  const one = keyed(`${title} alone`, type, keys);
  return { ...one, sql: `CREATE TABLE {t} (k ${type} NOT NULL PRIMARY KEY, id INT NOT NULL, v VARCHAR(9))` };
}

const ALONE = /^(?:BIGINT|BIT|DATE|VARBINARY|VARCHAR)/;

const KEYS: readonly EdgeTable[] = (
  [
    ['BIGINT UNSIGNED', ['18446744073709551615', '9223372036854775808', '0', '9223372036854775807']],
    ['BIGINT', ['-9223372036854775808', '9223372036854775807', '0', '-1']],
    [
      'DECIMAL(65,30)',
      ['99999999999999999999999999999999999.9', '-0.000000000000000000000000000001', '0', '1'],
    ],
    ['BIT(64)', ["x'ffffffffffffffff'", "x'8000000000000000'", "b'0'", "b'1'"]],
    ['YEAR', ["'0000'", '1901', '2155', '2000']],
    ['DATE', ["'0000-00-00'", "'2020-02-30'", "'9999-12-31'", "'2020-01-00'"]],
    [
      'DATETIME(6)',
      [
        "'0000-00-00 00:00:00'",
        "'2020-01-01 00:00:00.000001'",
        "'2020-01-01'",
        "'9999-12-31 23:59:59.999999'",
      ],
    ],
    [
      'TIMESTAMP(3)',
      [
        "'1970-01-01 00:00:01'",
        "'2038-01-19 03:14:07.999'",
        "'2024-10-27 00:30:00'",
        "'2024-10-27 01:30:00'",
      ],
    ],
    ['TIME(2)', ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:00.01'"]],
    ["ENUM('b','a','c')", ["'b'", "'a'", "'c'", "'none of them'"]],
    ["ENUM('x','A','b')", ["'none of them'", "'A'", "'b'", "'x'"]],
    ["SET('b','a')", ["''", "'a'", "'b'", "'a,b'"]],
    ['VARBINARY(9)', ["''", "x'00'", "x'ff27'", "x'0000'"]],
    ['BINARY(3)', ["''", "x'000001'", "x'ff2700'", "'a'"]],
    ['VARCHAR(9)', ["''", "'a'", "'💤\\\\'", "'Z'"]],
    ['CHAR(9) CHARACTER SET latin1', ["''", "'é'", "'ß\\''", "'Z'"]],
  ] as const
).flatMap(([type, keys]) => [
  keyed(type, type, keys),
  ...(ALONE.test(type) ? [single(type, type, keys)] : []),
]);

export const EDGE_TABLES: readonly EdgeTable[] = [
  ...KEYS,
  {
    title: 'names that need quotes, in any script',
    name: "größe 表's `order`",
    key: 'select',
    sql: 'CREATE TABLE {t} (`select` INT, `a``b \'c"` INT, `ключ 键` VARCHAR(9), PRIMARY KEY (`select`, `a``b \'c"`))',
    rows: SAMPLE,
  },
  {
    title: 'a reserved word for a name, and columns in another order and case',
    name: 'order',
    key: 'group',
    sql: {
      old: 'CREATE TABLE {t} (`group` INT, Id INT, Name VARCHAR(9), PRIMARY KEY (`group`, Id))',
      new: 'CREATE TABLE {t} (name VARCHAR(9), id INT, `GROUP` INT, PRIMARY KEY (id, `GROUP`))',
    },
    rows: { old: [VALUES], new: ["INSERT INTO {t} VALUES ('A', 1, 1), ('c', 3, 3), ('d', 4, 4)"] },
    reads: { old: 'Name, Id, `group`', new: '*' },
  },
  {
    title: 'AUTO_INCREMENT of 0 and below',
    name: 'numbered',
    key: 'id',
    sql: 'CREATE TABLE {t} (id INT PRIMARY KEY AUTO_INCREMENT, g INT, v VARCHAR(9))',
    rows: {
      old: ["INSERT INTO {t} VALUES (0, 1, 'zero'), (-5, 1, 'minus'), (7, 1, 'seven')"],
      new: ["INSERT INTO {t} VALUES (7, 1, 'seven')"],
    },
  },
  {
    title: 'generated columns, stored and virtual, one of them a key',
    name: 'generated',
    key: 'twice',
    sql: `CREATE TABLE {t} (id INT PRIMARY KEY, g INT, v VARCHAR(9), twice INT AS (g * 2) STORED,
            shown VARCHAR(20) AS (CONCAT('<', v, '>')) VIRTUAL, KEY (twice), KEY (shown))`,
    rows: {
      old: ["INSERT INTO {t} (id, g, v) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')"],
      new: ["INSERT INTO {t} (id, g, v) VALUES (1, 1, 'A'), (3, 4, 'c'), (4, 4, 'd')"],
    },
  },
  {
    title: 'a generated column in the only unique key',
    name: 'generated key',
    key: 'g',
    sql: `CREATE TABLE {t} (g INT NOT NULL, id INT NOT NULL, v VARCHAR(9), made INT AS (id * 2) STORED, UNIQUE (g, made))`,
    rows: {
      old: ["INSERT INTO {t} (g, id, v) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')"],
      new: ["INSERT INTO {t} (g, id, v) VALUES (1, 1, 'A'), (3, 3, 'c'), (4, 4, 'd')"],
    },
  },
  {
    title: 'a column that old generates, and new does not',
    name: 'generated once',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), made INT AS (id + 1) STORED, PRIMARY KEY (g, id))',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), made INT, PRIMARY KEY (g, id))',
    },
    rows: {
      old: ["INSERT INTO {t} (g, id, v) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')"],
      new: ["INSERT INTO {t} VALUES (1, 1, 'a', 7), (3, 3, 'c', 4), (4, 4, 'd', 5)"],
    },
  },
  {
    title: 'a column that new generates, and old does not',
    name: 'generated anew',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), made INT, PRIMARY KEY (g, id))',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), made INT AS (id + 1) STORED, PRIMARY KEY (g, id))',
    },
    rows: {
      old: ["INSERT INTO {t} VALUES (1, 1, 'a', 2), (2, 2, 'b', 3), (3, 3, 'c', 9)"],
      new: ["INSERT INTO {t} (g, id, v) VALUES (1, 1, 'A'), (3, 3, 'c'), (4, 4, 'd')"],
    },
    refused: [/^the group "3": it differs as before although its rows were written/],
  },
  {
    title: 'values that the server would make up itself',
    name: 'defaults',
    key: 'g',
    sql: `CREATE TABLE {t} (g INT, id INT, v VARCHAR(9) DEFAULT 'x', at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            u DATETIME(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), PRIMARY KEY (g, id))`,
    rows: {
      old: [
        "INSERT INTO {t} VALUES (1, 1, NULL, '2001-01-01', NULL), (2, 2, '', '0000-00-00', '0000-00-00'), (3, 3, 'c', '2001-01-01', NULL)",
      ],
      new: ["INSERT INTO {t} VALUES (1, 1, 'x', '2002-01-01', NULL), (3, 3, 'c', '2001-01-01', NULL)"],
    },
  },
  {
    title: 'invisible columns',
    name: 'invisible',
    key: 'g',
    sql: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), hidden INT NOT NULL DEFAULT 1 INVISIBLE, PRIMARY KEY (g, id))',
    rows: {
      old: ["INSERT INTO {t} (g, id, v, hidden) VALUES (1, 1, 'a', 7), (2, 2, 'b', 8), (3, 3, 'c', 9)"],
      new: ["INSERT INTO {t} (g, id, v) VALUES (1, 1, 'a'), (3, 3, 'c')"],
    },
    reads: { old: 'g, id, v, hidden', new: 'g, id, v, hidden' },
  },
  {
    title: 'a table in partitions on the new side',
    name: 'partitioned',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id)) PARTITION BY HASH (g) PARTITIONS 3',
    },
    rows: SAMPLE,
  },
  {
    title: 'a row that no partition of the new side takes',
    name: 'out of partitions',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id)) PARTITION BY RANGE (g) (PARTITION p VALUES LESS THAN (3))',
    },
    rows: { old: [VALUES], new: ["INSERT INTO {t} VALUES (1, 1, 'A')"] },
    refused: [/^the group "3": .*partition/],
    after: [['SELECT * FROM `out of partitions`', ['["1","1","a"]', '["2","2","b"]']]],
  },
  {
    title: 'a CHECK that does not hold for one row',
    name: 'checked',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))',
      new: "CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id), CONSTRAINT not_c CHECK (v <> 'c'))",
    },
    rows: {
      old: [VALUES, "INSERT INTO {t} VALUES (3, 4, 'd')"],
      new: ["INSERT INTO {t} VALUES (1, 1, 'A')"],
    },
    refused: [/^the group "3": 1 row could not be written: .*\(`g` "3", `id` "3"\).*not_c/],
    after: [['SELECT * FROM checked', ['["1","1","a"]', '["2","2","b"]', '["3","4","d"]']]],
  },
  {
    title: 'characters that the new side’s character set has not',
    name: 'narrow',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(20) CHARACTER SET utf8mb4, PRIMARY KEY (g, id))',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(20) CHARACTER SET utf8mb3, PRIMARY KEY (g, id))',
    },
    rows: {
      old: ["INSERT INTO {t} VALUES (1, 1, 'a'), (1, 2, 'x💤y'), (2, 1, 'é表')"],
      new: ["INSERT INTO {t} VALUES (1, 1, 'A'), (1, 2, 'old')"],
    },
    refused: [/^the group "1": 1 row could not be written: .*\(`g` "1", `id` "2"\).*v.*utf8mb4/],
    after: [
      [
        'SELECT * FROM narrow',
        ['["1","1","a"]', '["1","2","old"]', '["2","1","é表"]'].map((row) =>
          Buffer.from(row).toString('latin1'),
        ),
      ],
    ],
  },
  {
    title: 'values that are too long or too large for the new side',
    name: 'short',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(20), n INT, PRIMARY KEY (g, id))',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(3), n TINYINT NOT NULL, PRIMARY KEY (g, id))',
    },
    rows: {
      old: [
        "INSERT INTO {t} VALUES (1, 1, 'abc', 1), (2, 1, 'abcd', 1), (3, 1, 'a', 128), (4, 1, 'a', NULL), (5, 1, 'new', 5)",
      ],
      new: ["INSERT INTO {t} VALUES (2, 1, 'abc', 1)"],
    },
    refused: [
      /"2".*\(`g` "2", `id` "1"\).*v/,
      /"3".*\(`g` "3", `id` "1"\).*n/,
      /"4".*\(`g` "4", `id` "1"\).*n/,
    ],
    after: [['SELECT * FROM short', ['["1","1","abc","1"]', '["2","1","abc","1"]', '["5","1","new","5"]']]],
  },
  {
    title: 'children of a row that is replaced',
    name: 'parent',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g), UNIQUE (id))',
      new: `CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g), UNIQUE (id));
            CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES {t} (g) ON DELETE CASCADE ON UPDATE CASCADE);
            CREATE TABLE strict_child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES {t} (g) ON DELETE RESTRICT);
            CREATE TABLE nulled_child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES {t} (g) ON DELETE SET NULL)`,
    },
    rows: {
      old: [VALUES],
      new: [
        WRONG,
        'INSERT INTO child VALUES (1, 1), (4, 4)',
        'INSERT INTO strict_child VALUES (1, 1), (4, 4)',
        'INSERT INTO nulled_child VALUES (1, 1), (4, 4)',
      ],
    },
    after: [
      ['SELECT * FROM child', ['["1","1"]', '["4","4"]']],
      ['SELECT * FROM strict_child', ['["1","1"]', '["4","4"]']],
      ['SELECT * FROM nulled_child', ['["1","1"]', '["4","4"]']],
    ],
  },
  {
    title: 'rows that point at each other',
    name: 'tree',
    key: 'g',
    sql: 'CREATE TABLE {t} (g INT PRIMARY KEY, id INT, v VARCHAR(9), above INT, FOREIGN KEY (above) REFERENCES {t} (g) ON DELETE CASCADE)',
    rows: {
      old: [
        "SET SESSION foreign_key_checks = 0; INSERT INTO {t} VALUES (1, 1, 'a', 2), (2, 2, 'b', 3), (3, 3, 'c', 1); SET SESSION foreign_key_checks = 1",
      ],
      new: [
        "SET SESSION foreign_key_checks = 0; INSERT INTO {t} VALUES (1, 1, 'A', 2), (3, 3, 'c', 1); SET SESSION foreign_key_checks = 1",
      ],
    },
  },
  {
    title: 'triggers on the new side',
    name: 'triggered',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))',
      new: `CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id));
            CREATE TABLE noted (what VARCHAR(20));
            CREATE TRIGGER deleted AFTER DELETE ON {t} FOR EACH ROW INSERT INTO noted VALUES (CONCAT('deleted ', OLD.g));
            CREATE TRIGGER inserted AFTER INSERT ON {t} FOR EACH ROW INSERT INTO noted VALUES (CONCAT('inserted ', NEW.g))`,
    },
    rows: { old: [VALUES], new: [WRONG] },
    after: [['SELECT * FROM noted WHERE what LIKE "deleted%"', ['["deleted 1"]', '["deleted 4"]']]],
  },
  {
    title: 'a trigger on the new side that changes what is written',
    name: 'meddled',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))',
      new: `CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id));
            CREATE TRIGGER meddles BEFORE INSERT ON {t} FOR EACH ROW SET NEW.v = UPPER(NEW.v)`,
    },
    rows: { old: ["INSERT INTO {t} VALUES (1, 1, 'a'), (2, 2, 'B')"], new: [] },
    refused: [/^the group "1": it differs as before although its rows were written.*meddles/],
  },
  {
    title: 'geometry of SRID 4326, byte for byte',
    name: 'places',
    key: 'g',
    ...PLACES,
    reads: { old: 'g, id, HEX(p), ST_X(p), ST_Y(p)', new: 'g, id, HEX(p), ST_X(p), ST_Y(p)' },
    only: 'MariaDB',
  },
  {
    title: 'geometry of SRID 4326, whose axes MySQL shows the other way round',
    name: 'turned places',
    key: 'g',
    ...PLACES,
    reads: { old: 'g, id, HEX(p), ST_X(p), ST_Y(p)', new: 'g, id, HEX(p), ST_Longitude(p), ST_Latitude(p)' },
    only: 'MySQL 9',
    after: [['SELECT ST_AsText(p) FROM `turned places`', ['["POINT(2 1)"]', '["POINT(52.5 13.4)"]']]],
  },
  {
    title: 'UUID and INET6, as keys too',
    name: 'identifiers',
    key: 'u',
    sql: {
      old: 'CREATE TABLE {t} (u UUID, i INET6, v VARCHAR(9), PRIMARY KEY (u, i))',
      new: 'CREATE TABLE {t} (u UUID, i INET6, v VARCHAR(9), PRIMARY KEY (u, i))',
    },
    rows: {
      old: [
        "INSERT INTO {t} VALUES ('123e4567-e89b-12d3-a456-426655440000', '::1', 'a'), ('00000000-0000-0000-0000-000000000000', '::ffff:1.2.3.4', 'b')",
      ],
      new: [
        "INSERT INTO {t} VALUES ('123e4567-e89b-12d3-a456-426655440000', '::1', 'A'), ('ffffffff-0000-0000-0000-000000000000', '::', 'c')",
      ],
    },
    only: 'MariaDB',
  },
  {
    title: 'a system-versioned table of the old side',
    name: 'versioned',
    key: 'g',
    sql: {
      old: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id)) WITH SYSTEM VERSIONING',
      new: 'CREATE TABLE {t} (g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))',
    },
    rows: {
      old: [VALUES, "UPDATE {t} SET v = 'changed' WHERE id = 2", 'DELETE FROM {t} WHERE id = 3'],
      new: [WRONG],
    },
  },
  {
    title: 'large values, of which a packet holds no more than one',
    name: 'large',
    key: 'g',
    sql: 'CREATE TABLE {t} (g INT, id INT, v LONGBLOB, w LONGTEXT CHARACTER SET latin1, PRIMARY KEY (g, id))',
    rows: {
      old: [1, 2, 3].map((id) => `INSERT INTO {t} VALUES (1, ${id}, REPEAT('b', 400000), 'w')`),
      new: ["INSERT INTO {t} VALUES (1, 3, REPEAT('b', 400000), 'W')"],
    },
    reads: { old: 'g, id, SHA2(v, 256), w', new: 'g, id, SHA2(v, 256), w' },
  },
  {
    title: 'values that are too large to be read',
    name: 'too large',
    key: 'g',
    sql: 'CREATE TABLE {t} (g INT, id INT, v LONGBLOB, w VARCHAR(9), PRIMARY KEY (g, id))',
    rows: {
      old: ["INSERT INTO {t} VALUES (1, 1, REPEAT('b', 2500000), 'right'), (2, 1, 'small', 'right')"],
      new: ["INSERT INTO {t} VALUES (1, 1, 'b', 'wrong')"],
    },
    refused: [/^the group "1": 1 row could not be written: .*\(`g` "1", `id` "1"\).*max_allowed_packet/],
    after: [['SELECT g, id, v, w FROM `too large`', ['["1","1","b","wrong"]', '["2","1","small","right"]']]],
  },
  {
    title: 'values that are too large to be written',
    name: 'too large anew',
    key: 'g',
    sql: 'CREATE TABLE {t} (g INT, id INT, v LONGTEXT, w VARCHAR(9), PRIMARY KEY (g, id))',
    rows: {
      old: ["INSERT INTO {t} VALUES (1, 1, REPEAT('b', 700000), 'right'), (2, 1, 'small', 'right')"],
      new: ["INSERT INTO {t} VALUES (1, 1, REPEAT('b', 700000), 'wrong')"],
    },
    only: 'MySQL 9',
    refused: [/^the group "1": 1 row could not be written: .*\(`g` "1", `id` "1"\).*max_allowed_packet/],
    after: [
      [
        'SELECT g, id, LENGTH(v), w FROM `too large anew`',
        ['["1","1","700000","wrong"]', '["2","1","5","right"]'],
      ],
    ],
  },
];
