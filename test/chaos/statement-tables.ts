/** The tables that random statements write: a key column of every sort, and what ties rows of different keys together. */
import { type KeySort, plainKey } from './statement-keys.ts';

export type Dialect = 'mariadb' | 'mysql';

export interface FuzzedTable {
  readonly name: string;
  readonly sort: KeySort;
  /** Columns beside `k`, in the table's order, that may be written. All tables have `n INT` and `s VARCHAR(30)`. */
  readonly columns: readonly string[];
  /** Columns of a key's row that tell it from the key's others; null: a key has one row. */
  readonly item: string | null;
  readonly numbered: boolean;
  readonly moved: boolean;
  /** MySQL has no such type. */
  readonly mariadbAlone: boolean;
  /** What a row of VALUES without a list of columns has; null: more than is written here. */
  readonly whole: readonly string[] | null;
}

const PAIR = ['k', 'i', 'n', 's'];
const table = (name: string, sort: KeySort, more: Partial<FuzzedTable> = {}): FuzzedTable => ({
  name,
  sort,
  columns: PAIR,
  whole: more.columns ?? PAIR,
  item: 'i',
  numbered: false,
  moved: true,
  mariadbAlone: false,
  ...more,
});

const TABLES: readonly FuzzedTable[] = [
  table('pairs', 'integer'),
  table('uniques', 'integer', { columns: ['k', 'n', 's'], item: null }),
  table('numbered', 'integer', { columns: ['k', 'n', 's'], item: null, numbered: true, whole: null }),
  table('grouped', 'nullable', { columns: ['id', 'k', 'n', 's'], item: 'id', numbered: true }),
  table('texts', 'text'),
  table('bytes', 'bytes'),
  table('smalls', 'small'),
  table('years', 'year'),
  table('days', 'date'),
  table('amounts', 'amount'),
  table('isam', 'integer'),
  table('isam_numbered', 'integer', { columns: ['k', 'n', 's'], item: null, numbered: true }),
  table('made', 'made', { columns: ['id', 'n', 's'], item: null, whole: null }),
  table('virtuals', 'made', { columns: ['id', 'n', 's'], item: null, whole: null }),
  table('moods', 'integer'),
  table('parents', 'integer', { columns: ['k', 'n', 's'], item: null }),
  table('children', 'integer', { columns: ['k', 'i', 'n', 's'] }),
  table('parts', 'integer'),
  table('latins', 'text'),
  table('exacts', 'text'),
  table('germans', 'text'),
  table('paddings', 'text'),
  table('fixed', 'bytes'),
  table('blobs', 'bytes'),
  table('larges', 'integer'),
  table('floats', 'amount'),
  table('doubles', 'amount'),
  table('bits', 'bits'),
  table('enums', 'word'),
  table('sets', 'word'),
  table('hours', 'time'),
  table('stamps', 'moment'),
  table('moments', 'moment'),
  table('nullables', 'nullable', { columns: ['id', 'k', 'n', 's'], item: 'id' }),
  table('hidden', 'integer', { whole: ['i', 'n', 's'] }),
  table('checked', 'integer'),
  table('uuids', 'uuid', { mariadbAlone: true }),
  table('addresses', 'address', { mariadbAlone: true }),
  table('stays', 'integer', { columns: ['k', 'n', 's'], item: null, moved: false }),
];

/** Those that both servers know. */
export function fuzzedTables(from: Dialect, to: Dialect): readonly FuzzedTable[] {
  const isMariadb = from === 'mariadb' && to === 'mariadb';
  return TABLES.filter(({ mariadbAlone }) => isMariadb || !mariadbAlone);
}

/** `own`: the engine of the tables that are MyISAM on an old server. */
export function fuzzedSchema(
  own: 'MyISAM' | 'InnoDB',
  side: 'old' | 'new',
  tables: readonly FuzzedTable[],
): string {
  const rest = 'n INT NOT NULL DEFAULT 0, s VARCHAR(30)';
  const pair = (name: string, key: string, more = ''): string =>
    `CREATE TABLE ${name} (k ${key} NOT NULL, i INT NOT NULL, ${rest}, PRIMARY KEY (k, i)${more})`;
  const seen = `CREATE TABLE stays (k BIGINT PRIMARY KEY, ${rest}) ENGINE=InnoDB;`;
  return `
    ${pair('pairs', 'BIGINT')} ENGINE=InnoDB;
    CREATE TABLE uniques (k BIGINT PRIMARY KEY, ${rest}, UNIQUE (s)) ENGINE=InnoDB;
    CREATE TABLE numbered (k BIGINT AUTO_INCREMENT PRIMARY KEY, ${rest},
      at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP) ENGINE=InnoDB;
    CREATE TABLE grouped (id BIGINT AUTO_INCREMENT PRIMARY KEY, k INT, ${rest}, KEY (k)) ENGINE=InnoDB;
    ${pair('texts', 'VARCHAR(8)')} ENGINE=InnoDB;
    ${pair('bytes', 'VARBINARY(8)')} ENGINE=InnoDB;
    ${pair('smalls', 'TINYINT')} ENGINE=InnoDB;
    ${pair('years', 'YEAR')} ENGINE=InnoDB;
    ${pair('days', 'DATE')} ENGINE=InnoDB;
    ${pair('amounts', 'DECIMAL(6,2)')} ENGINE=InnoDB;
    ${pair('isam', 'BIGINT')} ENGINE=${own};
    CREATE TABLE isam_numbered (k BIGINT AUTO_INCREMENT PRIMARY KEY, ${rest}) ENGINE=${own};
    CREATE TABLE made (id BIGINT PRIMARY KEY, ${rest}, k BIGINT AS (id MOD 10 + n) STORED, KEY (k)) ENGINE=InnoDB;
    CREATE TABLE virtuals (id BIGINT PRIMARY KEY, ${rest}, k BIGINT AS (id MOD 10 + n) VIRTUAL, KEY (k)) ENGINE=InnoDB;
    ${KEY_TYPES.map(([name, type]) => `${pair(name, type)} ENGINE=InnoDB;`).join('\n')}
    CREATE TABLE nullables (id BIGINT PRIMARY KEY, k VARCHAR(8), ${rest}, UNIQUE (k, n)) ENGINE=InnoDB;
    CREATE TABLE hidden (k BIGINT INVISIBLE NOT NULL DEFAULT 5, i INT NOT NULL, ${rest}, PRIMARY KEY (k, i)) ENGINE=InnoDB;
    CREATE TABLE checked (k BIGINT NOT NULL CHECK (k < 100), i INT NOT NULL, ${rest}, PRIMARY KEY (k, i), CHECK (n < 80)) ENGINE=InnoDB;
    ${tables.some(({ mariadbAlone }) => mariadbAlone) ? MARIADB_KEY_TYPES.map(([name, type]) => `${pair(name, type)} ENGINE=InnoDB;`).join('\n') : ''}
    ${pair('moods', 'BIGINT')} ENGINE=InnoDB;
    CREATE TRIGGER raised BEFORE INSERT ON moods FOR EACH ROW
      SET NEW.k = IF(NEW.n > 50, NEW.k + 1, NEW.k);
    CREATE TABLE parents (k BIGINT PRIMARY KEY, ${rest}) ENGINE=InnoDB;
    ${pair('children', 'BIGINT', ', FOREIGN KEY (k) REFERENCES parents (k) ON DELETE CASCADE ON UPDATE CASCADE')} ENGINE=InnoDB;
    ${pair('parts', 'BIGINT')} ENGINE=InnoDB PARTITION BY HASH (k) PARTITIONS 3;
    ${seen}
    CREATE VIEW seen AS SELECT k, i, n, s FROM pairs WHERE n < 1000
    ${side === 'old' ? ROUTINES : ''}`;
}

/** Tables that differ in nothing but the type of their key. */
const KEY_TYPES: readonly (readonly [string, string])[] = [
  ['latins', 'VARCHAR(8) CHARACTER SET latin1'],
  ['exacts', 'VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin'],
  ['germans', 'VARCHAR(8) CHARACTER SET latin1 COLLATE latin1_german2_ci'],
  ['paddings', 'CHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci'],
  ['fixed', 'BINARY(4)'],
  ['blobs', 'VARBINARY(8)'],
  ['larges', 'BIGINT UNSIGNED'],
  ['floats', 'FLOAT'],
  ['doubles', 'DOUBLE'],
  ['bits', 'BIT(8)'],
  ['enums', "ENUM('1','b','2','c','7','d','e','f','g')"],
  ['sets', "SET('1','b','2','c','7','d','e','f','g')"],
  ['hours', 'TIME'],
  ['stamps', "TIMESTAMP DEFAULT '2001-01-01 00:00:00'"],
  ['moments', 'DATETIME(2)'],
];
const MARIADB_KEY_TYPES: readonly (readonly [string, string])[] = [
  ['uuids', 'UUID'],
  ['addresses', 'INET6'],
];

const ROUTINES = `;
  CREATE PROCEDURE writes_pairs(a BIGINT) UPDATE pairs SET n = n + 1 WHERE k = a;
  CREATE PROCEDURE only_reads() SELECT COUNT(*) FROM pairs;
  CREATE FUNCTION adds(a INT) RETURNS INT DETERMINISTIC NO SQL RETURN a + 1`;

/** Puts the rows into it that a round begins with: of a key 1 to 9 up to three. */
export function refill({ name, sort, columns, item }: FuzzedTable): string {
  if (name === 'children') return `DELETE FROM ${name}`;
  const rows: string[] = [];
  for (let key = 1; key <= 9; key++) {
    for (let at = 1; at <= (item === 'i' ? 1 + (key % 3) : 1); at++) {
      const values = columns.map((column) => {
        if (column === 'k') return plainKey(sort, key);
        if (column === 's') return `'w${key}'`;
        return column === 'n' ? `${key}` : `${column === 'id' ? key : at}`;
      });
      rows.push(`(${values.join()})`);
    }
  }
  return `DELETE FROM ${name}; INSERT INTO ${name} (${columns.join()}) VALUES ${rows.join()}`;
}
