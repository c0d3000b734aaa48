/** What is made of a reading of the old schema: defaults, order, ties, views, triggers and keys. */
import { describe, expect, it } from 'vitest';
import { PlanBinder } from '../../src/mirror/bound-plan.ts';
import { ShardCatalog } from '../../src/mirror/catalog.ts';
import { insertFilling, updateFilling } from '../../src/mirror/default-filling.ts';
import { keyFold } from '../../src/mirror/key-folding.ts';
import { type OldSchema, schemaOfTables, type TableSchema } from '../../src/mirror/old-schema.ts';
import { takesAnyOf } from '../../src/mirror/row-order.ts';
import { compareSchemas, NOT_COMPARED } from '../../src/mirror/schema-comparison.ts';
import { storedKey } from '../../src/mirror/stored-key.ts';
import { unknownTable } from '../../src/mirror/table-facts.ts';
import { planOf } from '../harness/mirror-kit.ts';

const table = (name: string, more: Partial<TableSchema> = {}): TableSchema => ({
  name,
  engine: 'InnoDB',
  columns: [
    { name: 'folderid', type: 'bigint' },
    { name: 'itemid', type: 'bigint' },
  ],
  primaryKey: ['folderid', 'itemid'],
  ...more,
});
const MOVED = { messages: { key: 'folderid' }, notes: { key: 'folderid' } };

function catalogOf(tables: readonly TableSchema[], rest: Partial<OldSchema> = {}): ShardCatalog {
  const catalog = new ShardCatalog(MOVED, 'app');
  catalog.learn(schemaOfTables(tables, rest));
  return catalog;
}
const messagesOf = (more: Partial<TableSchema>) =>
  catalogOf([table('messages', more)]).table('app', 'messages');
const DELETED = [{ event: 'delete', columns: null }] as const;
const updated = (...columns: string[]) => [{ event: 'update', columns: new Set(columns) }] as const;
const trigger = (on: string, text: string) =>
  ({ name: 'noted', table: on, event: 'delete', text, sqlMode: '' }) as const;

describe('a table', () => {
  it.each([
    ['its key stands in every unique index', { uniques: [['itemid', 'folderid']] }, false],
    ['a unique index lacks the key', { uniques: [['itemid']] }, true],
    ['the primary key lacks the key', { primaryKey: ['itemid'] }, true],
    [
      'but for the number that the server gives',
      {
        primaryKey: ['id'],
        columns: [
          { name: 'id', type: 'int', autoIncrement: true },
          { name: 'folderid', type: 'int' },
        ],
      },
      false,
    ],
  ])('keeps one order for all of it, or not: %s', (_name, more, expected) => {
    expect(messagesOf(more)?.serial).toBe(expected);
  });

  it('is taken for the worst while the schema does not tell of it', () => {
    expect(catalogOf([]).table('app', 'messages')).toMatchObject({
      ...{ known: false, serial: true, expressionDefaults: true, transactional: null },
      triggers: { insert: 'unknown', update: 'unknown', delete: 'unknown' },
    });
  });
});

describe('the new server’s tables', () => {
  const replayed = (catalog: ShardCatalog, sql: string) =>
    new PlanBinder(catalog).bind(planOf(sql), 'app').replayability;
  const WRITE = 'UPDATE messages SET itemid = 2 WHERE folderid = 1';
  const old = schemaOfTables([table('messages'), table('notes')]);

  it('until the new server is read, all that is written is in doubt', () => {
    const catalog = catalogOf([table('messages')]);
    const verdicts = (['before', NOT_COMPARED, compareSchemas(old, old, () => true)] as const).map((what) => {
      if (what !== 'before') catalog.compare(what);
      return replayed(catalog, WRITE);
    });
    expect(verdicts).toEqual(['faithful', 'doubtful', 'faithful']);
  });

  it('act by triggers and foreign keys of their own, as the old one’s do', () => {
    const catalog = catalogOf([table('messages'), table('notes')]);
    const notes = {
      child: 'notes',
      parent: 'messages',
      columns: ['itemid'],
      onDelete: true,
      onUpdate: false,
    };
    const fresh = { ...old, foreignKeys: [notes], triggers: [trigger('notes', 'SET @a = 1')] };
    const comparison = compareSchemas(old, fresh, () => true);
    catalog.compare(comparison);
    expect(catalog.reached('app', 'messages', DELETED)).toEqual(['notes']);
    expect(catalog.table('app', 'notes')?.triggers.delete).toBe('known');
    expect(comparison.differences.map((one) => [one.table, one.old, one.new])).toEqual([
      ['messages', 'nothing like it', 'a foreign key of notes to (itemid) that acts ON DELETE'],
      ['notes', 'nothing like it', 'a trigger AFTER DELETE: SET @a = 1'],
    ]);
  });

  it('have UNIQUE indexes of their own, for which units of other keys keep their order', () => {
    const catalog = catalogOf([table('messages')]);
    const fresh = schemaOfTables([table('messages', { uniques: [['itemid']] })]);
    catalog.compare(compareSchemas(old, fresh, () => true));
    expect(catalog.table('app', 'messages')).toMatchObject({ serial: true, otherUniques: [['itemid']] });
  });
});

describe('what fills a column', () => {
  const mysql = { isMariadb: false, explicitTimestamps: true };
  const mariadb = { isMariadb: true, explicitTimestamps: true };
  it.each([
    [mysql, 'varchar', 'uuid()', 'DEFAULT_GENERATED', 'any'],
    [mysql, 'varchar', 'uuid()', '', 'fixed'],
    [mariadb, 'varchar', 'uuid()', '', 'any'],
    [mariadb, 'varchar', "'uuid()'", '', 'fixed'],
    [mariadb, 'varchar', 'NULL', '', 'fixed'],
    [mariadb, 'datetime', 'current_timestamp(3)', '', 3],
    [mysql, 'timestamp', 'CURRENT_TIMESTAMP', 'DEFAULT_GENERATED', 0],
    [mysql, 'varchar', 'CURRENT_TIMESTAMP', '', 'fixed'],
    [mariadb, 'int', 'unix_timestamp(current_timestamp(6))', '', 6],
    [mariadb, 'datetime', 'sysdate(6)', '', 'any'],
    [mariadb, 'int', '1 + 2', '', 'fixed'],
    [mariadb, 'int', 'app.next()', '', 'any'],
    [mysql, 'varchar', "concat(_utf8mb4\\'a\\',rand())", 'DEFAULT_GENERATED', 'any'],
    [mysql, 'int', null, '', 'fixed'],
  ])('%j %s DEFAULT %s %s', (server, type, text, extra, expected) => {
    const column = { type, default: text, extra, nullable: true };
    expect(insertFilling(column, server, planOf)).toBe(expected);
  });

  it('NULL for a TIMESTAMP that takes none is the clock, where the server is told so', () => {
    const column = { type: 'timestamp', default: null, extra: '', nullable: false };
    expect(insertFilling(column, { ...mysql, explicitTimestamps: false }, planOf)).toBe(0);
    expect(insertFilling(column, mysql, planOf)).toBe('fixed');
  });

  it('ON UPDATE', () => {
    const extra = 'DEFAULT_GENERATED on update CURRENT_TIMESTAMP(3)';
    expect(updateFilling({ type: 'timestamp', default: null, extra, nullable: true })).toBe(3);
    expect(updateFilling({ type: 'int', default: null, extra: '', nullable: true })).toBeUndefined();
  });
});

describe('what a write reaches', () => {
  const tables = [table('messages'), table('notes'), table('users')];
  const key = (child: string, parent: string) =>
    ({ child, parent, columns: ['id'], onDelete: true, onUpdate: true }) as const;

  it('by foreign keys, through tables that stay, and only where their columns change', () => {
    const catalog = catalogOf(tables, { foreignKeys: [key('users', 'messages'), key('notes', 'users')] });
    expect(catalog.reached('app', 'messages', DELETED)).toEqual(['notes']);
    expect(catalog.reached('app', 'messages', updated('title'))).toEqual([]);
    expect(catalog.reached('app', 'messages', updated('id'))).toEqual(['notes']);
    expect(catalog.reached('elsewhere', 'messages', DELETED)).toEqual([]);
  });

  it('ties moved tables by foreign keys into one order', () => {
    const catalog = catalogOf(tables, { foreignKeys: [key('notes', 'messages'), key('users', 'notes')] });
    expect(catalog.table('app', 'notes')?.family).toBe('messages');
    expect(catalog.table('app', 'messages')?.family).toBe('messages');
    expect(catalogOf(tables).table('app', 'messages')?.family).toBeNull();
  });

  it.each([
    ['INSERT INTO notes VALUES (OLD.folderid, 1)', ['notes']],
    ['BEGIN IF OLD.folderid > 0 THEN INSERT notes (folderid) VALUES (1); END IF; END', ['notes']],
    ['BEGIN DECLARE n INT; SET @x = NOW(); END', []],
    ['INSERT INTO users VALUES (1)', []],
    ['BEGIN CALL anything(); END', ['*']],
    ['INSERT INTO users VALUES (secret(1))', ['*']],
    ['UPDATE seen SET itemid = 1', ['messages']],
    ['UPDATE hidden SET itemid = 1', ['*']],
  ])('by a trigger: %s', (text, expected) => {
    const catalog = catalogOf(tables, {
      triggers: [trigger('users', text)],
      views: [
        { name: 'seen', definition: 'select `app`.`messages`.`itemid` AS `itemid` from `app`.`messages`' },
        { name: 'hidden', definition: null },
      ],
    });
    expect(catalog.reached('app', 'users', DELETED)).toEqual(expected);
    expect(catalog.reached('app', 'users', updated('id'))).toEqual([]);
  });

  it('anything, where triggers may not be seen, or something new of the name is not read yet', () => {
    expect(
      catalogOf(tables, { triggersSeen: new Set(['notes']) }).reached('app', 'messages', DELETED),
    ).toEqual(['*']);
    const catalog = catalogOf(tables);
    catalog.beginReading();
    catalog.unsettle(['users']);
    expect(catalog.reached('app', 'users', DELETED)).toEqual(['*']);
    catalog.learn(schemaOfTables(tables));
    expect(catalog.reached('app', 'users', DELETED)).toEqual(['*']);
    catalog.beginReading();
    catalog.learn(schemaOfTables(tables));
    expect(catalog.reached('app', 'users', DELETED)).toEqual([]);
  });
});

describe('a string key', () => {
  it.each([
    ['utf8mb4_general_ci', 'Straße ', 'STRASSE'],
    ['utf8mb4_0900_ai_ci', 'É', 'e'],
    ['latin1_swedish_ci', 'Müller', 'myller'],
    ['utf8mb4_bin', 'a  ', 'a'],
  ])('in %s: two spellings of one', (collation, one, other) => {
    expect(keyFold('varchar', collation)?.(one)).toBe(keyFold('varchar', collation)?.(other));
  });

  it('is kept apart where the collation does', () => {
    expect(keyFold('varchar', 'utf8mb4_bin')?.('A')).toBe('A');
    expect(keyFold('varchar', 'utf8mb4_general_ci')?.('ab')).not.toBe(
      keyFold('varchar', 'utf8mb4_general_ci')?.('ac'),
    );
    expect(keyFold('varbinary', undefined)).toBeNull();
  });

  it('is unknown where its spellings can’t be told', () => {
    expect(keyFold('varchar', 'utf8mb4_general_ci')?.('Ａ')).toBeNull();
    expect(keyFold('enum', 'utf8mb4_general_ci')?.('a')).toBeNull();
  });
});

describe('rows that a LIMIT takes', () => {
  const columns = [
    ...['folderid', 'itemid', 'n'].map((name) => ({ name, type: 'bigint' })),
    { name: 'title', type: 'varchar' },
  ];
  it.each([
    ['ORDER BY folderid, itemid DESC LIMIT 1', false],
    ['WHERE folderid = 5 ORDER BY n, messages.`itemid` LIMIT 3', false],
    ['WHERE folderid IN (5, 6) ORDER BY itemid LIMIT 3', true],
    ['WHERE folderid = 5 ORDER BY n LIMIT 1', true],
    ['WHERE folderid = 5 ORDER BY title, itemid LIMIT 1', true],
    ['WHERE folderid = 5 ORDER BY itemid + 0 LIMIT 1', true],
    ['WHERE folderid = 5 ORDER BY RAND() LIMIT 1', true],
    ['WHERE folderid = 5 AND itemid = 2 ORDER BY n LIMIT 1', false],
    ['WHERE folderid = 5 LIMIT 1', true],
    ['WHERE folderid = 5 ORDER BY n', false],
  ])('%s: may be others on the new server: %s', (end, expected) => {
    const found = messagesOf({ columns })!;
    for (const start of ['DELETE FROM messages', 'UPDATE messages SET n = 1'])
      expect(takesAnyOf(planOf(`${start} ${end}`), [found]), start).toBe(expected);
    expect(takesAnyOf(planOf(`DELETE FROM messages ${end}`), [unknownTable('messages', 'folderid')])).toBe(
      end.includes('LIMIT'),
    );
  });
});

describe('what a key column keeps as it is written', () => {
  it.each([
    ['tinyint', 'tinyint(4)', ['-128', '0', '127'], ['-129', '128', '300']],
    ['tinyint', 'tinyint(3) unsigned', ['0', '255'], ['-1', '256']],
    ['bigint', 'bigint(20)', ['-9223372036854775808', '9223372036854775807'], ['9223372036854775808']],
    ['bigint', 'bigint(20) unsigned', ['18446744073709551615'], ['-1', '18446744073709551616']],
    ['year', 'year(4)', ['1910', '2149'], ['5', '99', '0', '2150', '1900']],
    [
      'date',
      'date',
      ['2026-01-03', '1999-12-28'],
      ['20260103', '2026-1-3', '2026-02-30', '0000-01-01', '2026-13-01'],
    ],
    ['decimal', 'decimal(6,2)', ['0', '-9999', '42'], ['99999', '4.2', '042', '4x']],
    ['decimal', 'decimal(4,0) unsigned', ['9999'], ['-1', '10000']],
    ['uuid', 'uuid', ['123e4567-e89b-12d3-a456-426655440000'], ['123e4567e89b12d3a456426655440000']],
    ['varbinary', 'varbinary(4)', ['abcd'], ['abcde', 'é']],
    ['tinyblob', 'tinyblob', ['a'], ['a'.repeat(64)]],
    ['datetime', 'datetime', [], ['2026-01-03', '2026-01-03 00:00:00']],
    ['double', 'double', [], ['5']],
    ['bit', 'bit(8)', [], ['5']],
  ])('%s, %s: %j, not %j', (type, columnType, kept, others) => {
    const fold = storedKey({ type, columnType });
    expect(kept.filter((key) => fold?.(key) !== key)).toEqual([]);
    expect(others.filter((key) => fold?.(key) !== null)).toEqual([]);
  });

  it.each([
    ['latin1_swedish_ci', 'é', '日'],
    ['latin1_bin', 'é', 'ł'],
    ['latin2_general_ci', 'e', 'ł'],
    ['utf8mb3_bin', '日', '🍣'],
    ['utf8mb4_bin', '🍣', 'abcdef'],
  ])('of %s: %s, not %s', (collation, kept, other) => {
    const fold = storedKey({ type: 'varchar', columnType: 'varchar(4)', collation });
    expect(fold?.(kept)).not.toBeNull();
    expect(fold?.(other)).toBeNull();
  });

  it('a key that the server makes, or that a trigger may change, is none that a statement tells', () => {
    const made = { columns: [{ name: 'folderid', type: 'bigint', generated: true }] };
    expect(messagesOf(made)?.fold?.('5')).toBeNull();
    const ahead = (text: string) => ({ ...trigger('messages', text), before: true });
    const foldWith = (one: OldSchema['triggers'][number]) =>
      catalogOf([table('messages')], { triggers: [one] }).table('app', 'messages')?.fold;
    for (const text of ['SET NEW.folderid = 5', 'set new.`FolderID`=5', 'SET NEW.n = 1, NEW . folderid = 2'])
      expect(foldWith(ahead(text))?.('5'), text).toBeNull();
    expect(foldWith(ahead('SET/**/NEW.folderid = 5'))?.('5')).toBeNull();
    expect(foldWith(ahead('SET NEW.n = NEW.folderid'))).toBeUndefined();
    expect(foldWith(trigger('messages', 'SET NEW.folderid = 5'))).toBeUndefined();
  });

  it('a column that is invisible has no place in a row without a list of columns', () => {
    const columns = [
      { name: 'hidden', type: 'bigint', invisible: true },
      { name: 'folderid', type: 'bigint' },
    ];
    expect(messagesOf({ columns })?.columns).toEqual(['folderid']);
  });
});
