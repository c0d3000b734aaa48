/** Random writes and reads, as SQL: what an application sends, and what none in its senses would. */
import type { Random } from '../harness/random.ts';
import { oddConditions } from './statement-conditions.ts';
import { spelledKey } from './statement-keys.ts';
import type { Dialect, FuzzedTable } from './statement-tables.ts';

/** What a round's statements may have: a round with few of them leaves few doubts that could excuse a difference. */
export const TRAITS = [
  'odd_keys',
  'odd_values',
  'odd_conditions',
  'comments',
  'upserts',
  'ignore',
  'selects',
  'several_tables',
  'limits',
  'moves',
  'names',
  'views',
  'truncate',
  'stays',
  'returning',
  'hot',
] as const;
const KEYS = 9;
const KEYS_HOT = 2;
export type Trait = (typeof TRAITS)[number];

export interface GrammarOptions {
  readonly random: Random;
  readonly dialect: Dialect;
  readonly traits: ReadonlySet<Trait>;
  readonly tables: readonly FuzzedTable[];
  /** One that does not move. */
  readonly staying: FuzzedTable;
  readonly database: string;
}

type Form = () => string;

export class StatementGrammar {
  readonly #random: Random;
  readonly #options: GrammarOptions;

  constructor(options: GrammarOptions) {
    this.#random = options.random;
    this.#options = options;
  }

  table(): FuzzedTable {
    const { tables, staying } = this.#options;
    if (this.#has('stays', 0.1)) return staying;
    return this.#random.pick(tables);
  }

  key({ sort }: FuzzedTable): string {
    const keys = this.#options.traits.has('hot') ? KEYS_HOT : KEYS;
    return spelledKey(sort, this.#random, { odd: this.#has('odd_keys', 0.5), keys });
  }

  /** A write or a delete. */
  write(table = this.table()): string {
    const forms: Form[] = [
      () => this.#insert(table),
      () => this.#insert(table),
      () => this.#update(table),
      () => this.#update(table),
      () => this.#delete(table),
    ];
    if (this.#has('selects', 0.3)) forms.push(() => this.#insertSelect(table));
    if (this.#has('several_tables', 0.3)) forms.push(() => this.#several(table));
    if (this.#has('truncate', 0.1))
      forms.push(() => `TRUNCATE ${this.#random.pick(['', 'TABLE '])}${this.#name(table)}`);
    if (this.#has('views', 0.3)) forms.push(() => this.#throughView());
    return this.#commented(this.#random.pick(forms)());
  }

  read(table = this.table()): string {
    const where = this.#where(table);
    return this.#commented(
      this.#random.pick([
        `SELECT * FROM ${this.#name(table)}${where}`,
        `SELECT COUNT(*), MAX(n) FROM ${this.#name(table)}${where}`,
        `SELECT n FROM ${this.#name(table)}${where} ORDER BY n LIMIT 3`,
        `SELECT n, s FROM ${this.#name(table)}${where} FOR UPDATE`,
      ]),
    );
  }

  #has(trait: Trait, share: number): boolean {
    return this.#options.traits.has(trait) && this.#random.chance(share);
  }

  #pick(...texts: readonly string[]): string {
    return this.#random.pick(texts);
  }

  #name({ name }: FuzzedTable): string {
    if (!this.#has('names', 0.5)) return name;
    const { database } = this.#options;
    return this.#pick(
      `\`${name}\``,
      `${database}.${name}`,
      `\`${database}\`.\`${name}\``,
      `${database} . ${name}`,
      `/**/${name}/**/`,
    );
  }

  #commented(sql: string): string {
    if (!this.#has('comments', 0.5)) return sql;
    const [verb = '', ...rest] = sql.split(' ');
    const body = rest.join(' ');
    return this.#pick(
      `/* hint */ ${sql}`,
      `${sql} -- end`,
      `${sql};`,
      `# first\n${sql}`,
      `/*!40000 ${sql} */`,
      `${verb} /*+ NO_ICP(t) */ ${body}`,
      `${verb} /*!40001 SQL_NO_CACHE */ ${body}`,
      `${verb} /*!99999 IGNORE */ ${body}`,
      `${verb}/**/${body}`,
      ` \n\t${verb.toLowerCase()}  ${body}`,
      `/*M!100100 ${sql} */`,
      `${sql} /*!99999 AND 1 = 0 */`,
      `${sql} /*!50000 */`,
    );
  }

  #value(column: string, table: FuzzedTable, row: boolean): string {
    if (column === 'k') return this.key(table);
    if (column === 'id')
      return this.#pick('1', '2', '5', '9', `${this.#random.integer(10, 30)}`, table.numbered ? 'NULL' : '3');
    if (column === 'i') return `${this.#random.integer(1, 4)}`;
    if (column === 'n') return this.#number(table, row);
    return this.#text(row);
  }

  #number(table: FuzzedTable, row: boolean): string {
    const plain = `${this.#random.integer(0, 99)}`;
    if (!this.#has('odd_values', 0.4)) return row || this.#random.chance(0.5) ? plain : `n + ${plain}`;
    const odd = [
      ...[
        '-1',
        "'7'",
        '1e1',
        '1.5',
        "'x'",
        'NULL',
        'DEFAULT',
        '@v',
        '@v + 1',
        'LAST_INSERT_ID()',
        '99999999999',
      ],
      ...[
        'RAND() * 9',
        'UNIX_TIMESTAMP()',
        'MOD(UNIX_TIMESTAMP(), 5)',
        'CONNECTION_ID() MOD 7',
        'LENGTH(DATABASE())',
      ],
      ...[
        '@@sql_mode = 0',
        'ROW_COUNT()',
        'YEARWEEK(20260101)',
        '5 / 0',
        "'5' || 1",
        'IF(1, 2, 3)',
        '~0 & 7',
        'LAST_INSERT_ID(4)',
      ],
    ];
    if (!row)
      odd.push('n * 2', 'LENGTH(s)', 'n = n + 1', '-n', 'n DIV 2', 'DEFAULT(n)', `IF(n > 5, n, ${plain})`);
    if (this.#options.traits.has('selects') && !row) odd.push(`(SELECT MAX(x.n) FROM stays x)`);
    return this.#random.pick(odd) ?? table.name;
  }

  #text(row: boolean): string {
    const plain = `'w${this.#random.integer(1, 12)}'`;
    if (!this.#has('odd_values', 0.4)) return plain;
    const odd = [
      ...[
        'NULL',
        "'it''s'",
        "'a\\'b'",
        '"q"',
        "'\\\\'",
        "'é日'",
        "_latin1'\\xe9'",
        "x'4142'",
        "'a' 'b'",
        "N'n'",
        'UUID()',
        'NOW()',
      ],
      ...[
        "'a;b'",
        "'-- x'",
        "'/* x'",
        "''",
        "CONCAT('a', NULL)",
        'CURRENT_USER()',
        '@t',
        '@v',
        'DATABASE()',
        "'1' + 1",
        '5',
        'DEFAULT',
      ],
      ...[
        "REPEAT('a', 40)",
        'CURDATE()',
        "'a' || 'b'",
        "ELT(2, 'a', 'b')",
        "WEEK('2026-01-04')",
        "'\\%'",
        'CURRENT_TIMESTAMP(6)',
      ],
      ...[
        'CHAR(77, 121)',
        "DATE_FORMAT('2026-01-04', '%M')",
        'FORMAT(1234.5, 2)',
        'VERSION()',
        "MD5('a')",
        "'a'/**/'b'",
      ],
    ];
    if (!row) odd.push("CONCAT(s, 'x')", 'UPPER(s)', 's', 'n');
    return this.#random.pick(odd);
  }

  #columns(table: FuzzedTable): readonly string[] {
    const { columns } = table;
    if (table.numbered && this.#random.chance(0.6))
      return columns.filter((name) => name !== 'id' && !(name === 'k' && table.item === null));
    if (this.#random.chance(0.1)) return columns.filter((name) => name !== 's');
    return this.#random.chance(0.2) ? [...columns].reverse() : columns;
  }

  #insert(table: FuzzedTable): string {
    const replaces = this.#has('upserts', 0.3);
    const verb = replaces
      ? 'REPLACE'
      : `INSERT${this.#has('ignore', 0.3) ? ' IGNORE' : this.#has('comments', 0.1) ? this.#pick(' LOW_PRIORITY', ' HIGH_PRIORITY') : ''}`;
    const into = this.#random.chance(0.8) ? ' INTO' : '';
    const columns = this.#columns(table);
    const name = this.#name(table);
    const after = replaces ? '' : this.#onDuplicate(table);
    const returning = this.#returning(after);
    if (this.#random.chance(0.1)) {
      const assigned = columns.map((column) => `${column} = ${this.#value(column, table, true)}`);
      return `${verb}${into} ${name} SET ${assigned.join(', ')}${after}${returning}`;
    }
    const whole = columns === table.columns && this.#random.chance(0.4) ? table.whole : null;
    const filled = whole ?? columns;
    const rows = Array.from(
      { length: this.#random.heavyTailed(1, 5, 1.5) },
      () => `(${filled.map((column) => this.#value(column, table, true)).join(', ')})`,
    );
    const isRows = this.#options.dialect === 'mysql' && !replaces && this.#has('odd_values', 0.1);
    const listed = isRows ? rows.map((row) => `ROW${row}`) : rows;
    const named = whole !== null ? '' : ` (${columns.join(', ')})`;
    return `${verb}${into} ${name}${named} ${this.#random.chance(0.95) || isRows ? 'VALUES' : 'VALUE'} ${listed.join(', ')}${after}${returning}`;
  }

  #onDuplicate(table: FuzzedTable): string {
    if (!this.#has('upserts', 0.4)) return '';
    const sets = ['n = n + 1', 'n = VALUES(n)', 's = VALUES(s)', "s = CONCAT(s, '!'), n = 3"];
    if (this.#options.traits.has('moves') && table.sort !== 'made')
      sets.push(`k = ${this.key(table)}`, 'k = VALUES(k) + 1', `k = VALUES(k)`);
    if (table.columns.includes('id')) sets.push('id = LAST_INSERT_ID(id), n = n + 1');
    return ` ON DUPLICATE KEY UPDATE ${this.#random.pick(sets)}`;
  }

  #returning(after: string): string {
    return this.#options.dialect === 'mariadb' && after === '' && this.#has('returning', 0.3)
      ? ' RETURNING *'
      : '';
  }

  #insertSelect(table: FuzzedTable): string {
    const verb = this.#has('upserts', 0.3)
      ? 'REPLACE'
      : this.#has('ignore', 0.3)
        ? 'INSERT IGNORE'
        : 'INSERT';
    const columns = this.#columns(table);
    const from = this.#random.pick(this.#options.tables);
    const chosen = columns.map((column) =>
      column === 'k' && this.#random.chance(0.7)
        ? this.key(table)
        : column === 'i' || column === 'id'
          ? `${this.#random.integer(1, 40)}`
          : column,
    );
    const source = `SELECT ${chosen.join(', ')} FROM ${this.#name(from)} x${this.#where(from, 'x')}`;
    const query = this.#pick(
      source,
      `(${source})`,
      `${source} ORDER BY n LIMIT 2`,
      `${source} UNION ${source}`,
      `WITH c AS (SELECT 1) ${source}`,
      `WITH c AS (SELECT * FROM ${this.#name(from)}) SELECT ${chosen.join(', ')} FROM c x${this.#where(from, 'x')}`,
      `WITH RECURSIVE r AS (SELECT 1 AS one UNION ALL SELECT one + 1 FROM r WHERE one < 3) SELECT ${chosen.join(', ')} FROM ${this.#name(from)} x JOIN r${this.#where(from, 'x')}`,
      source.replace(/\bn\b/, 'ROW_NUMBER() OVER (ORDER BY x.k, x.n)'),
      source.replace(/\bn\b/, 'SUM(x.n) OVER (PARTITION BY x.s)'),
      `SELECT * FROM (${source}) d`,
      `SELECT ${chosen.join(', ')} FROM ${this.#name(from)} x${this.#where(from, 'x')} GROUP BY x.n, x.s, x.k`,
    );
    return `${verb} INTO ${this.#name(table)} (${columns.join(', ')}) ${query}`;
  }

  #assigned(table: FuzzedTable, qualifier = ''): string {
    const at = qualifier === '' ? '' : `${qualifier}.`;
    const sets = [`${at}n = ${this.#number(table, false)}`];
    if (this.#random.chance(0.3)) sets.push(`${at}s = ${this.#text(false)}`);
    if (this.#has('moves', 0.3) && table.sort !== 'made')
      sets.push(
        this.#pick(`${at}k = ${this.key(table)}`, `${at}k = ${at}k + 1`, `${at}K = ${this.key(table)}`),
      );
    if (this.#has('moves', 0.1) && table.columns.includes('id')) sets.push(`${at}id = ${at}id + 10`);
    return sets.join(', ');
  }

  #update(table: FuzzedTable): string {
    const ignore = this.#has('ignore', 0.3) ? ' IGNORE' : '';
    const name = this.#name(table);
    const isAliased = this.#has('names', 0.3);
    const alias = isAliased ? this.#pick(' t', ' AS t', ' AS `t`') : '';
    const cte =
      this.#options.dialect === 'mysql' && this.#has('selects', 0.2) ? 'WITH c AS (SELECT 1 AS one) ' : '';
    return `${cte}UPDATE${ignore} ${name}${alias} SET ${this.#assigned(table, isAliased ? 't' : '')}${this.#where(table, isAliased ? 't' : '')}${this.#limit()}`;
  }

  #delete(table: FuzzedTable): string {
    const ignore = this.#has('ignore', 0.2) ? ' IGNORE' : '';
    const cte =
      this.#options.dialect === 'mysql' && this.#has('selects', 0.2) ? 'WITH c AS (SELECT 1 AS one) ' : '';
    const name = this.#name(table);
    const isPart = table.name === 'parts' && this.#random.chance(0.2) ? ' PARTITION (p1)' : '';
    if (isPart === '' && this.#has('names', 0.2))
      return `DELETE${ignore} t FROM ${name} AS t${this.#where(table, 't')}`;
    return `${cte}DELETE${ignore} FROM ${name}${isPart}${this.#where(table)}${this.#limit()}${this.#returning('')}`;
  }

  #limit(): string {
    if (!this.#has('limits', 0.3)) return '';
    return this.#pick(' LIMIT 1', ' ORDER BY n LIMIT 2', ' ORDER BY n, s, k LIMIT 1', ' ORDER BY n DESC');
  }

  #several(table: FuzzedTable): string {
    const other = this.table();
    const [a, b] = [this.#name(table), this.#name(other)];
    const where = this.#where(table, 'a');
    const both = other.name === table.name ? 'a.n = b.n + 1' : `a.n = b.n`;
    return this.#random.pick([
      `UPDATE ${a} a JOIN ${b} b ON ${both} SET ${this.#assigned(table, 'a')}${where}`,
      `UPDATE ${a} a, ${b} b SET ${this.#assigned(table, 'a')}, b.n = 3 WHERE ${both} AND a.k = ${this.key(table)}`,
      `UPDATE ${a} a LEFT JOIN ${b} b ON a.k = ${this.key(table)} SET a.n = 5${where}`,
      `UPDATE ${a} a LEFT JOIN ${b} b ON b.k = ${this.key(other)} SET b.n = 5, a.n = a.n + 1${where}`,
      `DELETE a FROM ${a} a JOIN ${b} b ON ${both}${where}`,
      `DELETE a, b FROM ${a} a JOIN ${b} b ON ${both}${where}`,
      `DELETE FROM b USING ${a} a JOIN ${b} b ON ${both}${where}`,
      `UPDATE ${a} a SET a.n = (SELECT COUNT(*) FROM stays)${where}`,
      `DELETE FROM ${a} WHERE k = ${this.key(table)} AND EXISTS (SELECT 1 FROM stays WHERE n > 3)`,
      `UPDATE ${a} a JOIN (SELECT k FROM ${b} WHERE n > 5) b ON a.k = b.k SET a.n = 1${where}`,
    ]);
  }

  #throughView(): string {
    const key = this.#random.integer(1, 9);
    return this.#pick(
      `UPDATE seen SET n = n + 1 WHERE k = ${key}`,
      `DELETE FROM seen WHERE k = ${key}`,
      `INSERT INTO seen (k, i, n, s) VALUES (${key}, 7, 1, 'v')`,
      `UPDATE pairs SET n = (SELECT MAX(n) FROM stays) WHERE k = ${key}`,
    );
  }

  #where(table: FuzzedTable, alias = ''): string {
    const at = alias === '' ? '' : `${alias}.`;
    const key = (): string => this.key(table);
    const column = this.#has('names', 0.2) ? this.#pick(`${at}\`k\``, `${at}K`) : `${at}k`;
    if (!this.#has('odd_conditions', 0.4)) {
      const plain = this.#pick(
        `${column} = ${key()}`,
        `${column} = ${key()}`,
        `${column} IN (${key()}, ${key()})`,
      );
      return ` WHERE ${plain}${this.#random.chance(0.3) ? ` AND ${at}n > ${this.#random.integer(0, 20)}` : ''}`;
    }
    return this.#random.pick(oddConditions({ column, at, key, hasItems: table.item === 'i' }));
  }
}
