/** Writes of which MariaDB and MySQL keep the same, or not, by the columns that they come into. */

/** A text with `?` for the key of a row of its own. */
export interface KindCase {
  readonly sql: string;
  /** As text, before it. */
  readonly before?: string;
  /** Of its other parameters, if it is prepared; left out: it is sent as text. */
  readonly bound?: readonly unknown[];
  /** The sql_mode; left out: strict. */
  readonly mode?: 'lax';
}

const STRICT = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';
export const MODE_OF = { lax: '', strict: STRICT } as const;

export const KIND_TABLES = `
  CREATE TABLE kinds (k BIGINT PRIMARY KEY, n INT, big BIGINT, de DECIMAL(20,4), y YEAR, d DOUBLE, v VARCHAR(60),
    bin VARBINARY(60), t TIME, dt DATETIME, fine DATETIME(3), ts TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00',
    e ENUM('x','y') NOT NULL DEFAULT 'y', s SET('a','b','1')) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
  CREATE TABLE made (k BIGINT PRIMARY KEY, n INT, third DOUBLE AS (n / 3) STORED) CHARACTER SET utf8mb4;
  CREATE TABLE plainly_made (k BIGINT PRIMARY KEY, n INT, twice INT AS (n * 2) STORED) CHARACTER SET utf8mb4;`;

/** All columns, as texts that the two kinds write the same where the values are. */
export const KIND_ROWS = `SELECT CAST(k AS CHAR) AS k, n, CAST(big AS CHAR) AS big, de, y, CAST(d + 0 AS CHAR) AS d, HEX(v) AS v,
  HEX(bin) AS bin, CAST(t AS CHAR) AS t, CAST(dt AS CHAR) AS dt, CAST(fine AS CHAR) AS fine,
  CAST(ts AS CHAR) AS ts, CAST(e AS CHAR) AS e, CAST(s AS CHAR) AS s FROM`;

const set = (assignment: string): string => `INSERT INTO kinds SET k = ?, ${assignment}`;
const lax = (assignment: string): KindCase => ({ sql: set(assignment), mode: 'lax' });
const HALF_PAST = new Date('2024-01-01T10:11:12.700Z');

/** Other values come of them, and nobody warns. */
export const SILENT: readonly KindCase[] = [
  { sql: set("n = x'31'") },
  { sql: set("de = X'3132'") },
  { sql: set("v = x'31' + 0") },
  { sql: set('big = ?'), bound: [HALF_PAST] },
  { sql: set("big = TIMESTAMP'2024-01-01 10:11:12.75'") },
  { sql: set('n = MAKETIME(10, 11, 12.5)') },
  {
    before: "INSERT INTO kinds (k, fine) VALUES (?, '2024-01-01 10:11:12.7')",
    sql: 'UPDATE kinds SET big = fine + INTERVAL 0 SECOND WHERE k = ?',
  },
  { before: 'INSERT INTO kinds (k, d) VALUES (?, 0)', sql: 'UPDATE kinds SET v = d * -1 WHERE k = ?' },
  { sql: set('v = ?'), bound: [-0] },
  { sql: set("big = UNIX_TIMESTAMP('2100-01-01')") },
  { sql: set("dt = CONVERT_TZ('2050-01-01', '+00:00', '+02:00')") },
  { sql: set("n = EXTRACT(HOUR FROM '30:00:00')") },
  { sql: set('v = FROM_DAYS(100)') },
];

/** One server warns, or both, where they keep other values. */
export const WARNED: readonly KindCase[] = [
  lax("dt = '2024-01-01 10:11:12+02:00'"),
  lax('v = FROM_UNIXTIME(4000000000)'),
  lax('dt = FROM_UNIXTIME(4000000000)'),
  lax("n = LENGTH(REPEAT('a', 20000000))"),
  lax("t = '2024-01-01T10:11:12'"),
  lax('t = 20240101'),
  lax("s = ' 12'"),
  {
    sql: "INSERT INTO kinds (k, e, ts) VALUES (?, 'x', NULL), (-?, 'x', NULL)",
    mode: 'lax',
  },
  { before: set("e = 'x'"), sql: 'UPDATE kinds SET e = NULL WHERE k = ?', mode: 'lax' },
];

/** The same comes of them on both, and they cost no doubt. */
export const SAME: readonly KindCase[] = [
  { sql: set("bin = x'31'") },
  { sql: set("v = x'31', n = 0x31") },
  { sql: set('v = ?, bin = ?'), bound: ['a', Buffer.from([1, 2])] },
  { sql: set("dt = '2024-01-01 10:11:12', t = '10:11:12', ts = '2024-01-01 10:11:12'") },
  { sql: set('dt = ?, fine = ?'), bound: [HALF_PAST, HALF_PAST] },
  { sql: set('n = 1, d = 1.5, v = CONCAT(1, 2)') },
  { sql: set('d = ?, n = ?'), bound: [-0, 2] },
  { sql: set("v = DATE_FORMAT('2024-01-01', '%Y'), dt = FROM_UNIXTIME(100)") },
  { sql: 'INSERT INTO kinds (k, n) VALUES (?, 1) ON DUPLICATE KEY UPDATE n = VALUES(n), v = VALUES(v)' },
  { sql: set("n = 1 && 1, v = BINARY 'a'") },
  lax("n = ''"),
  lax(`v = '${'a'.repeat(70)}', n = 99999999999`),
  { sql: 'INSERT IGNORE INTO kinds (k, n) VALUES (?, 1), (1, 2)' },
];
