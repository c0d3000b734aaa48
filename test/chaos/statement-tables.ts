/** The tables that random statements write: a key column of every sort, and what ties rows of different keys together. */
import type { Random } from '../harness/random.ts';

export type KeySort = 'integer' | 'small' | 'text' | 'bytes' | 'date' | 'amount' | 'nullable' | 'year';

export interface FuzzedTable {
  readonly name: string;
  readonly sort: KeySort;
  /** Columns beside `k`, in the table's order, that may be written. All tables have `n INT` and `s VARCHAR(30)`. */
  readonly columns: readonly string[];
  /** Columns of a key's row that tell it from the key's others; null: a key has one row. */
  readonly item: string | null;
  readonly numbered: boolean;
  readonly moved: boolean;
}

const table = (name: string, sort: KeySort, more: Partial<FuzzedTable> = {}): FuzzedTable => ({
  name,
  sort,
  columns: ['k', 'i', 'n', 's'],
  item: 'i',
  numbered: false,
  moved: true,
  ...more,
});

export const FUZZED_TABLES: readonly FuzzedTable[] = [
  table('pairs', 'integer'),
  table('uniques', 'integer', { columns: ['k', 'n', 's'], item: null }),
  table('numbered', 'integer', { columns: ['k', 'n', 's'], item: null, numbered: true }),
  table('grouped', 'nullable', { columns: ['id', 'k', 'n', 's'], item: 'id', numbered: true }),
  table('texts', 'text'),
  table('bytes', 'bytes'),
  table('smalls', 'small'),
  table('years', 'year'),
  table('days', 'date'),
  table('amounts', 'amount'),
  table('isam', 'integer'),
  table('isam_numbered', 'integer', { columns: ['k', 'n', 's'], item: null, numbered: true }),
  table('made', 'integer', { columns: ['id', 'n', 's'], item: null }),
  table('moods', 'integer'),
  table('parents', 'integer', { columns: ['k', 'n', 's'], item: null }),
  table('children', 'integer', { columns: ['k', 'i', 'n', 's'] }),
  table('parts', 'integer'),
  table('stays', 'integer', { columns: ['k', 'n', 's'], item: null, moved: false }),
];

/** `own`: the engine of the tables that are MyISAM on an old server. */
export function fuzzedSchema(own: 'MyISAM' | 'InnoDB', side: 'old' | 'new'): string {
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

export function plainKey(sort: KeySort, key: number): string {
  switch (sort) {
    case 'text':
      return `'${'abcdefghijklmnop'[key] ?? 'z'}${key}'`;
    case 'bytes':
      return `'b${key}'`;
    case 'date':
      return `'2026-01-0${key % 10}'`;
    case 'year':
      return `${2000 + key}`;
    default:
      return `${key}`;
  }
}

/** One key in a spelling that a client may find: most of them as any would. */
export function spelledKey(sort: KeySort, random: Random, odd: boolean): string {
  const key = random.integer(1, 9);
  const plain = plainKey(sort, key);
  if (!odd || random.chance(0.5)) return plain;
  const bare = plain.replaceAll("'", '');
  return random.pick<(text: string) => string>([...COMMON, ...ODD[sort]])(bare);
}

const quoted = (text: string): string => `'${text}'`;

const COMMON: readonly ((bare: string) => string)[] = [
  quoted,
  (bare) => `'${bare} '`,
  (bare) => `(${quoted(bare)})`,
  (bare) => `_utf8mb4'${bare}'`,
  (bare) => `'${bare.slice(0, 1)}' '${bare.slice(1)}'`,
  (bare) => `x'${Buffer.from(bare).toString('hex')}'`,
  (bare) => `CONCAT('${bare}', '')`,
  (bare) => `/*!50000 '${bare}'*/`,
  (bare) => `/* '1' */ '${bare}'`,
  (bare) => `N'${bare}'`,
  () => 'NULL',
  () => 'DEFAULT',
  () => '@v',
  () => "''",
];

const NUMBERS: readonly ((bare: string) => string)[] = [
  (bare) => `0${bare}`,
  (bare) => `'0${bare}'`,
  (bare) => `' ${bare}'`,
  (bare) => `${bare}.0`,
  (bare) => `${bare}.4`,
  (bare) => `'${bare}.4'`,
  (bare) => `${bare}e0`,
  (bare) => `'${bare}e0'`,
  (bare) => `'${bare}x'`,
  (bare) => `+${bare}`,
  (bare) => `-${bare}`,
  (bare) => `- ${bare}`,
  (bare) => `'-${bare}'`,
  (bare) => `-/**/${bare}`,
  (bare) => `0x0${bare}`,
  (bare) => `b'10${Number(bare) % 2}'`,
  (bare) => `${bare} + 0`,
  (bare) => `${bare}-1`,
  (bare) => `(${bare})`,
  (bare) => `ABS(-${bare})`,
  (bare) => `/*!50000 ${bare} */`,
  (bare) => `/*!99999 1 + */ ${bare}`,
  (bare) => `1/*!50000 + ${bare} */`,
  (bare) => `${bare} -- 7\n`,
  () => 'TRUE',
  () => 'FALSE',
  () => '0',
  () => "'0'",
  () => '300',
  () => '-300',
  () => "'300'",
  () => '127',
  () => '9223372036854775808',
  () => '99999999999999999999',
  () => '-9223372036854775809',
  () => 'LAST_INSERT_ID()',
];

const ODD: Readonly<Record<KeySort, readonly ((bare: string) => string)[]>> = {
  integer: NUMBERS,
  small: NUMBERS,
  nullable: NUMBERS,
  year: [
    ...NUMBERS,
    (bare) => bare.slice(2),
    (bare) => quoted(bare.slice(2)),
    (bare) => quoted(bare.slice(3)),
  ],
  amount: [...NUMBERS, (bare) => `${bare}.001`, (bare) => `'${bare}.00'`, () => '99999', () => '9999.99'],
  date: [
    (bare) => bare.replaceAll('-', ''),
    (bare) => quoted(bare.replaceAll('-', '')),
    (bare) => quoted(bare.replaceAll('-', '/')),
    (bare) => quoted(bare.slice(2)),
    (bare) => `DATE'${bare}'`,
    (bare) => `{d '${bare}'}`,
    (bare) => quoted(`${bare} 10:00:00`),
    (bare) => quoted(bare.replace('-0', '-').replace('-0', '-')),
    (bare) => `DATE_ADD('${bare}', INTERVAL 0 DAY)`,
    () => "'0000-00-00'",
    () => "'2026-02-31'",
  ],
  text: [
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(`${bare}ghijklmnop`),
    (bare) => quoted(bare.replace('a', 'á')),
    (bare) => `"${bare}"`,
    (bare) => `'\\${bare}'`,
    (bare) => `'${bare}\\0'`,
    (bare) => `'${bare}' COLLATE utf8mb4_bin`,
    (bare) => `UPPER('${bare}')`,
    (bare) => `_latin1'${bare}é'`,
    (bare) => `'${bare}''\\''`,
    () => "'日本'",
    () => "'ß1'",
    () => "'ss1'",
    () => '5',
    () => "'5'",
    () => "'05'",
    () => '0x6132',
  ],
  bytes: [
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(`${bare}ghijklmnop`),
    (bare) => `'${bare}\\0'`,
    (bare) => `"${bare}"`,
    () => "'é'",
    () => '5',
    () => "'5'",
  ],
};
