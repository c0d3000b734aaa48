/** What a table of the new server has otherwise than the old one, and which statements that befalls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillingForm } from '../../src/mirror/column-filling.ts';
import { type ColumnType, charsetFit, comparesAlike, typeFit } from '../../src/mirror/column-type.ts';
import type { ColumnDefinition, TableColumn, TableSchema } from '../../src/mirror/old-schema.ts';
import { compareTable } from '../../src/mirror/table-differences.ts';
import {
  fillsByWord,
  mayLeaveOthers,
  NO_EFFECTS,
  type TableEffects,
} from '../../src/mirror/table-effects.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const typed = (columnType: string, more: Partial<ColumnType> = {}): ColumnType => ({
  type: /^\w+/.exec(columnType)?.[0] ?? '',
  columnType,
  charset: null,
  collation: null,
  json: false,
  ...more,
});

describe('a type of the new server', () => {
  it.each([
    ['int(11)', 'int'],
    ['int(10) unsigned', 'int unsigned'],
    ['int(5) unsigned zerofill', 'int(5) unsigned zerofill'],
    ['tinyint(1)', 'tinyint'],
    ['year(4)', 'year'],
    ['datetime /* mariadb-5.3 */', 'datetime'],
    ["enum('a','b')", "enum('a','b')"],
    ['geometrycollection', 'geomcollection'],
  ])('keeps the same: %s and %s', (one, other) => {
    expect(typeFit(typed(one), typed(other))).toBe('same');
    expect(typeFit(typed(other), typed(one))).toBe('same');
  });

  it.each([
    ['int(11)', 'bigint'],
    ['int(10) unsigned', 'bigint'],
    ['varchar(50)', 'varchar(100)'],
    ['char(5)', 'char(6)'],
    ['varchar(255)', 'text'],
    ['text', 'longtext'],
    ['varbinary(255)', 'tinyblob'],
    ['blob', 'mediumblob'],
    ['decimal(10,2)', 'decimal(12,2)'],
    ['bit(1)', 'bit(8)'],
    ["enum('a','b')", "enum('a','b','c')"],
    ["set('a')", "set('a','c')"],
    ['point', 'geometry'],
  ])('has more room, one way: %s and %s', (one, other) => {
    expect(typeFit(typed(one), typed(other))).toBe('wider');
    expect(typeFit(typed(other), typed(one))).toBe('other');
  });

  it.each([
    ['int', 'int unsigned'],
    ['int', 'decimal(20,0)'],
    ['int', 'int(10) zerofill'],
    ['int(5) zerofill', 'int(6) zerofill'],
    ['char(5)', 'varchar(5)'],
    ['varchar(64)', 'tinytext'],
    ['varbinary(256)', 'tinyblob'],
    ['varchar(5)', 'varbinary(5)'],
    ['text', 'blob'],
    ['binary(4)', 'binary(5)'],
    ['decimal(10,2)', 'decimal(12,4)'],
    ['float', 'double'],
    ['datetime', 'datetime(3)'],
    ['datetime', 'timestamp'],
    ['date', 'datetime'],
    ["enum('a','b')", "enum('b','a')"],
    ["enum('a','b')", "enum('A','b')"],
    ['enum', 'set'],
    ['json', 'longtext'],
  ])('keeps others of some values, both ways: %s and %s', (one, other) => {
    expect(typeFit(typed(one), typed(other))).toBe('other');
    expect(typeFit(typed(other), typed(one))).toBe('other');
  });

  it('of JSON keeps documents, whatever it is called', () => {
    expect(typeFit(typed('longtext', { json: true }), typed('json', { json: true }))).toBe('same');
  });

  const text = (charset: string, collation: string, columnType = 'varchar(9)') =>
    typed(columnType, { charset, collation });
  it.each([
    [text('utf8', 'utf8_general_ci'), text('utf8mb3', 'utf8mb3_general_ci'), 'same', true],
    [text('utf8mb3', 'utf8mb3_general_ci'), text('utf8mb4', 'utf8mb4_general_ci'), 'wider', true],
    [text('utf8mb3', 'utf8mb3_bin'), text('utf8mb4', 'utf8mb4_general_ci'), 'wider', false],
    [text('utf8mb4', 'utf8mb4_general_ci'), text('utf8mb4', 'utf8mb4_0900_ai_ci'), 'same', false],
    [text('utf8mb4', 'utf8mb4_general_ci'), text('utf8mb3', 'utf8mb3_general_ci'), 'other', true],
    [text('latin1', 'latin1_swedish_ci'), text('utf8mb4', 'utf8mb4_swedish_ci'), 'wider', false],
    [text('latin1', 'latin1_bin', 'text'), text('utf8mb4', 'utf8mb4_bin', 'text'), 'other', false],
    [text('utf8mb3', 'utf8mb3_bin', 'text'), text('utf8mb4', 'utf8mb4_bin', 'text'), 'wider', true],
    [text('latin1', 'latin1_bin', 'text'), text('utf8mb4', 'utf8mb4_bin', 'longtext'), 'wider', false],
    [text('ascii', 'ascii_bin'), text('latin1', 'latin1_bin'), 'wider', false],
    [text('gbk', 'gbk_bin'), text('big5', 'big5_bin'), 'other', false],
  ])('has the characters: %o and %o', (one, other, fit, alike) => {
    expect([charsetFit(one, other), comparesAlike(one, other)]).toEqual([fit, alike]);
  });
});

describe('what fills a column', () => {
  const filled = (
    columnType: string,
    text: string | null,
    kind: 'mariadb' | 'mysql',
    more: { extra?: string; nullable?: boolean } = {},
  ) =>
    fillingForm(
      {
        type: /^\w+/.exec(columnType)?.[0] ?? '',
        columnType,
        default: text,
        extra: more.extra ?? '',
        nullable: more.nullable ?? true,
      },
      kind === 'mariadb',
    );
  const generated = { extra: 'DEFAULT_GENERATED' };
  it.each([
    [filled('int', 'NULL', 'mariadb'), filled('int', null, 'mysql')],
    [filled('varchar(9)', "'NULL'", 'mariadb'), filled('varchar(9)', 'NULL', 'mysql')],
    [filled('varchar(9)', "'it''s'", 'mariadb'), filled('varchar(9)', "it's", 'mysql')],
    [filled('int', "'007'", 'mariadb'), filled('int', '7', 'mysql')],
    [filled('decimal(9,2)', '1.5', 'mariadb'), filled('decimal(9,2)', '1.50', 'mysql')],
    [filled('int', null, 'mysql', { nullable: false }), filled('int', '0', 'mysql')],
    [filled('varchar(9)', null, 'mysql', { nullable: false }), filled('varchar(9)', '', 'mysql')],
    [filled('bit(3)', "b'101'", 'mariadb'), filled('bit(3)', "b'101'", 'mysql')],
    [filled('binary(4)', "'ab\\0\\0'", 'mariadb'), filled('binary(4)', '0x6162', 'mysql')],
    [
      filled('datetime', 'current_timestamp()', 'mariadb'),
      filled('datetime', 'CURRENT_TIMESTAMP', 'mysql', generated),
    ],
    [
      filled('datetime(6)', "'2020-01-02 03:04:05.500000'", 'mariadb'),
      filled('datetime(6)', '2020-01-02 03:04:05.5', 'mysql'),
    ],
    [filled('varchar(9)', "'abc'", 'mariadb'), filled('varchar(9)', "_utf8mb4\\'abc\\'", 'mysql', generated)],
  ])('is the same: %s', (one, other) => {
    expect(one).toBe(other);
  });

  it.each([
    [filled('int', 'NULL', 'mariadb'), filled('int', '0', 'mysql')],
    [filled('varchar(9)', 'NULL', 'mariadb'), filled('varchar(9)', 'NULL', 'mysql')],
    [filled('varchar(9)', 'a', 'mysql'), filled('varchar(9)', 'A', 'mysql')],
    [filled('int', '5', 'mysql'), filled('int', '50', 'mysql')],
    [filled('int', '-1', 'mysql'), filled('int', '1', 'mysql')],
    [filled('varchar(40)', 'uuid()', 'mariadb'), filled('varchar(40)', 'uuid()', 'mysql')],
    [
      filled('datetime(6)', 'current_timestamp(6)', 'mariadb'),
      filled('datetime(6)', 'current_timestamp()', 'mariadb'),
    ],
    [filled('date', null, 'mysql', { nullable: false }), filled('date', null, 'mysql')],
  ])('is another: %s and %s', (one, other) => {
    expect(one).not.toBe(other);
  });
});

const UNLIKE_NOTHING: ColumnDefinition = {
  charset: null,
  nullable: false,
  filling: 'the value 0',
  expression: null,
  json: false,
  text: '0',
};
const column = (
  name: string,
  more: Partial<TableColumn> = {},
  definition: Partial<ColumnDefinition> = {},
): TableColumn => ({
  name,
  type: 'bigint',
  columnType: 'bigint',
  ...more,
  definition: { ...UNLIKE_NOTHING, ...definition },
});
const text = (name: string, length = 20, collation = 'utf8mb4_general_ci'): TableColumn =>
  column(name, { type: 'varchar', columnType: `varchar(${length})`, collation }, { charset: 'utf8mb4' });
const table = (columns: readonly TableColumn[], more: Partial<TableSchema> = {}): TableSchema => ({
  name: 'messages',
  engine: 'InnoDB',
  columns,
  primaryKey: ['folderid', 'itemid'],
  uniqueForms: ['folderid, itemid'],
  ...more,
});
const OLD = table([column('folderid'), column('itemid'), text('title'), column('state')]);
/** The old table with one column otherwise. */
const changed = (other: TableColumn, more: Partial<TableSchema> = {}): TableSchema =>
  table(
    OLD.columns.map((one) => (one.name === other.name ? other : one)),
    more,
  );

const PLAIN_INSERT = "INSERT INTO messages (folderid, itemid, title, state) VALUES (1, 2, 'a', 3)";
const UNLISTED_INSERT = "INSERT INTO messages VALUES (1, 2, 'a', 3)";
const SHORT_INSERT = "INSERT INTO messages (folderid, itemid, title) VALUES (1, 2, 'a')";
const DEFAULT_INSERT = "INSERT INTO messages (folderid, itemid, title, state) VALUES (1, 2, 'a', DEFAULT)";
const DEFAULT_UPDATE = 'UPDATE messages SET state = DEFAULT(state) + 1 WHERE folderid = 1';
const REPLACE = "REPLACE INTO messages VALUES (1, 2, 'a', 3)";
const UPSERT = `${PLAIN_INSERT} ON DUPLICATE KEY UPDATE title = VALUES(title)`;
const UPSERT_STATE = `${SHORT_INSERT} ON DUPLICATE KEY UPDATE state = 1`;
const UPDATE_STATE = 'UPDATE messages SET state = 3 WHERE folderid = 1';
const UPDATE_TITLE = "UPDATE messages SET title = 'b' WHERE folderid = 1 AND itemid = 2";
const UPDATE_BY_TITLE = "UPDATE messages SET state = 3 WHERE folderid = 1 AND title = 'b'";
const UPDATE_OF_TITLE = 'UPDATE messages SET state = LENGTH(title) WHERE folderid = 1';
const DELETE = 'DELETE FROM messages WHERE folderid = 1';
const DELETE_BY_TITLE = "DELETE FROM messages WHERE folderid = 1 AND title LIKE 'b%'";
const TRUNCATE = 'TRUNCATE TABLE messages';
const ALL = [
  PLAIN_INSERT,
  UNLISTED_INSERT,
  SHORT_INSERT,
  DEFAULT_INSERT,
  DEFAULT_UPDATE,
  REPLACE,
  UPSERT,
  UPSERT_STATE,
  UPDATE_STATE,
  UPDATE_TITLE,
  UPDATE_BY_TITLE,
  UPDATE_OF_TITLE,
  DELETE,
  DELETE_BY_TITLE,
  TRUNCATE,
];
const reader = new SqlReader({ maxPlans: 100, seed: 1 });
function mayDiffer(sql: string, effects: TableEffects): boolean {
  const text = Buffer.from(sql);
  const plan = reader.read(text, 0, text.length, DEFAULT_SQL_MODE);
  return mayLeaveOthers(plan, effects) || fillsByWord(text, reader.lexed, [{ effects }]);
}

const INSERTS = [PLAIN_INSERT, UNLISTED_INSERT, SHORT_INSERT, DEFAULT_INSERT, REPLACE, UPSERT, UPSERT_STATE];
const UPDATES = [DEFAULT_UPDATE, UPDATE_STATE, UPDATE_TITLE, UPDATE_BY_TITLE, UPDATE_OF_TITLE];
const UPSERTS = [REPLACE, UPSERT, UPSERT_STATE];

describe('a table of the new server', () => {
  it.each<[string, TableSchema | undefined, readonly string[]]>([
    ['the same', OLD, []],
    ['a view', { ...OLD, engine: null }, ALL.filter((sql) => sql !== TRUNCATE)],
    ['another engine', { ...OLD, engine: 'MyISAM' }, []],
    ['one more column', table([...OLD.columns, column('more')]), []],
    [
      'a wider number',
      changed(column('state', { type: 'decimal', columnType: 'decimal(20,0)' })),
      [
        PLAIN_INSERT,
        UNLISTED_INSERT,
        SHORT_INSERT,
        DEFAULT_INSERT,
        DEFAULT_UPDATE,
        ...UPSERTS,
        UPDATE_STATE,
        UPDATE_BY_TITLE,
        UPDATE_OF_TITLE,
      ],
    ],
    [
      'a narrower text',
      changed(text('title', 10)),
      [...INSERTS, DEFAULT_UPDATE, UPDATE_TITLE, UPDATE_BY_TITLE, UPDATE_OF_TITLE, DELETE_BY_TITLE],
    ],
    ['a wider text', changed(text('title', 30)), []],
    [
      'another collation',
      changed(text('title', 20, 'utf8mb4_bin')),
      [UPDATE_BY_TITLE, UPDATE_OF_TITLE, DELETE_BY_TITLE],
    ],
    [
      'another default',
      changed(column('state', {}, { filling: 'the value 7' })),
      [SHORT_INSERT, DEFAULT_INSERT, DEFAULT_UPDATE, UPSERT_STATE],
    ],
    [
      'a column less',
      table(OLD.columns.slice(0, 3)),
      [SHORT_INSERT, DEFAULT_INSERT, DEFAULT_UPDATE, UPSERT_STATE],
    ],
    ['another order', table([...OLD.columns].reverse()), [UNLISTED_INSERT, REPLACE]],
    ['NOT NULL', changed(column('state'), {}), []],
    [
      'another ON UPDATE',
      changed(column('state', { onUpdate: 0 })),
      [REPLACE, UPSERT, UPSERT_STATE, ...UPDATES],
    ],
    ['AUTO_INCREMENT', changed(column('state', { autoIncrement: true })), INSERTS],
    [
      'a generated column',
      changed(column('state', { generated: true }, { expression: 'x' })),
      [...INSERTS, ...UPDATES],
    ],
    ['another unique index', { ...OLD, uniqueForms: ['folderid, itemid', 'state'] }, UPSERTS],
    ['no unique index', { ...OLD, uniqueForms: [] }, UPSERTS],
  ])('that is %s', (_what, fresh, doubtful) => {
    const { effects, differences } = compareTable(OLD, fresh);
    expect(ALL.filter((sql) => mayDiffer(sql, effects))).toEqual(ALL.filter((sql) => doubtful.includes(sql)));
    expect(differences.length > 0).toBe(doubtful.length > 0);
  });

  it('that is not there is told of, and no doubt: replays fail', () => {
    const { effects, differences } = compareTable(OLD, undefined);
    expect([effects, differences.length]).toEqual([NO_EFFECTS, 1]);
  });

  it('takes NULL no more: what gives the column a value is in doubt', () => {
    const nullable = changed(column('state', {}, { nullable: true }));
    const { effects } = compareTable(nullable, OLD);
    expect(ALL.filter((sql) => mayDiffer(sql, effects))).toEqual([
      PLAIN_INSERT,
      UNLISTED_INSERT,
      DEFAULT_INSERT,
      DEFAULT_UPDATE,
      REPLACE,
      UPSERT,
      UPSERT_STATE,
      UPDATE_STATE,
      UPDATE_BY_TITLE,
      UPDATE_OF_TITLE,
    ]);
  });

  it.each([
    ['more room', changed(text('title', 30))],
    ['a NULL allowed', changed(column('state', {}, { nullable: true }))],
    ['more characters', changed({ ...text('title'), definition: { ...UNLIKE_NOTHING, charset: 'utf8mb4' } })],
  ])('that has %s is no difference: what was warned of is in doubt', (what, fresh) => {
    const old =
      what === 'more characters'
        ? changed({
            ...text('title', 20, 'utf8mb3_general_ci'),
            definition: { ...UNLIKE_NOTHING, charset: 'utf8mb3' },
          })
        : OLD;
    const { differences, effects } = compareTable(old, fresh);
    expect(differences).toEqual([]);
    expect(effects).toEqual({ ...NO_EFFECTS, warned: true });
  });

  it('with another collation in a unique index is in doubt for what goes by it', () => {
    const indexed = { uniqueForms: ['folderid, title(5)'] };
    const { effects } = compareTable(
      { ...OLD, ...indexed },
      changed(text('title', 20, 'utf8mb4_bin'), indexed),
    );
    expect(UPSERTS.every((sql) => mayDiffer(sql, effects))).toBe(true);
  });

  it('is told of by its column, with what each server has', () => {
    expect(compareTable(OLD, changed(text('title', 10))).differences).toEqual([
      {
        column: 'title',
        old: 'varchar(20) COLLATE utf8mb4_general_ci',
        new: 'varchar(10) COLLATE utf8mb4_general_ci',
        follows: 'INSERT, and what names it',
      },
    ]);
  });

  it('is alike where no definition differs, whatever it is', () => {
    const columns = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1 }),
        type: fc.constantFrom('int', 'bigint', 'varchar', 'datetime'),
        size: fc.nat(200),
        nullable: fc.boolean(),
      }),
      { selector: ({ name }) => name.toLowerCase() },
    );
    fc.assert(
      fc.property(columns, (made) => {
        const of = () =>
          table(
            made.map(({ name, type, size, nullable }) =>
              column(name, { type, columnType: `${type}(${size})` }, { nullable }),
            ),
          );
        expect(compareTable(of(), of())).toEqual({ differences: [], effects: NO_EFFECTS });
      }),
    );
  });
});
