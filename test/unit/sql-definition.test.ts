/** What is read of statements that change definitions, and how they are put for the new cluster. */
import { describe, expect, it } from 'vitest';
import { type Definition, DefinitionReader } from '../../src/sql/definition.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { rewriteDefinition } from '../../src/sql/rewrite.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const sql = new SqlReader({ maxPlans: 1000, seed: 1 });
const definitions = new DefinitionReader();

function read(text: string): { definition: Definition | null; rewritten: string } {
  const bytes = Buffer.from(text);
  sql.read(bytes, 0, bytes.length, DEFAULT_SQL_MODE);
  const { lexed } = sql;
  const definition = definitions.read(bytes, lexed);
  if (definition === null) return { definition, rewritten: '' };
  const databases = { from: 'old', to: 'n`w' };
  return {
    definition,
    rewritten: rewriteDefinition(bytes, lexed.start, lexed.end, definition, databases).toString(),
  };
}

const namesOf = (tables: Definition['tables'] = []) =>
  tables.map(({ database, name }) => (database === null ? name : `${database}.${name}`)).join(' ');

describe('a definition is about', () => {
  it.each([
    ['CREATE TABLE IF NOT EXISTS d.t (a INT, engine INT)', 'create', 'd.t', ''],
    ['CREATE TABLE t LIKE u', 'create', 't', 'u'],
    ['CREATE TABLE t (LIKE d.u)', 'create', 't', 'd.u'],
    ['CREATE TABLE t (a INT REFERENCES p (a)) SELECT * FROM u JOIN v', 'create', 't', 'p u v'],
    ['ALTER ONLINE TABLE t ADD FOREIGN KEY (a) REFERENCES d.p (b)', 'alter', 't', 'd.p'],
    ['ALTER TABLE t ADD b INT, RENAME TO u', 'alter', 't u', ''],
    ['ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX c TO d', 'alter', 't', ''],
    ['ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u', 'alter', 't u', ''],
    ['SET STATEMENT max_statement_time=1 FOR ALTER TABLE t ADD b INT', 'alter', 't', ''],
    ['DROP TABLES IF EXISTS a, d.`b c` CASCADE', 'drop', 'a d.b c', ''],
    ['RENAME TABLE a TO b, c TO a', 'rename', 'a b c a', ''],
    ['CREATE INDEX `view` USING BTREE ON `t` (a)', 'create_index', 't', ''],
    ['DROP INDEX i ON d.t', 'drop_index', 'd.t', ''],
    [
      'CREATE DEFINER=view@`table` TRIGGER x AFTER INSERT ON t FOR EACH ROW DELETE FROM u',
      'trigger',
      't',
      '',
    ],
    ['CREATE OR REPLACE DEFINER=a@b SQL SECURITY DEFINER VIEW v AS SELECT * FROM t, k', 'view', '', 't k'],
    ['CREATE PROCEDURE p() DELETE FROM t', 'program', '', 't'],
    ['ALTER DATABASE x CHARACTER SET utf8', 'database', '', ''],
  ])('%s', (text, form, tables, others) => {
    const { definition } = read(text);
    expect([definition?.form, namesOf(definition?.tables), namesOf(definition?.others)]).toEqual([
      form,
      tables,
      others,
    ]);
  });

  it('nothing, where there is none', () => {
    expect(read('TRUNCATE TABLE t').definition).toBeNull();
    expect(read('DROP VIEW v, w').definition?.names).toEqual(['v', 'w']);
  });
});

describe('its rows', () => {
  it.each([
    ['ALTER TABLE t ADD b INT', 'same', true],
    [
      "ALTER TABLE t ADD b INT DEFAULT -5, ADD COLUMN c VARCHAR(5) NOT NULL DEFAULT 'x', ALGORITHM=INPLACE",
      'same',
      true,
    ],
    ['ALTER TABLE t ADD INDEX (a), LOCK=NONE', 'same', true],
    ['CREATE INDEX i ON t (a)', 'same', true],
    ['CREATE UNIQUE INDEX i ON t (a)', 'same', false],
    ['ALTER TABLE t ADD b INT FIRST', 'same', false],
    ['ALTER TABLE t ADD b INT, DROP c', 'same', false],
    ['ALTER TABLE t ADD b INT UNIQUE', 'same', false],
    ['ALTER TABLE t MODIFY b BIGINT AUTO_INCREMENT', 'same', false],
    ['ALTER TABLE t AUTO_INCREMENT = 100', 'same', false],
    ['ALTER TABLE t ADD b DATETIME DEFAULT NOW()', 'unsure', false],
    ['ALTER TABLE t ADD b TIMESTAMP', 'unsure', false],
    ['ALTER TABLE t ADD b DATETIME ON UPDATE CURRENT_TIMESTAMP', 'same', false],
    ['ALTER TABLE t ADD b CHAR(36) DEFAULT (UUID())', 'unsure', false],
    ['ALTER TABLE t ADD id INT AUTO_INCREMENT PRIMARY KEY', 'unsure', false],
    ['ALTER IGNORE TABLE t ADD b INT', 'unsure', false],
    ['ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4', 'unsure', false],
    ['ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin', 'same', false],
    ['ALTER TABLE t DROP PARTITION p', 'unsure', false],
    ['ALTER TABLE t ADD b INT, /*!80000 ALGORITHM=INSTANT, */ ADD c INT', 'unsure', false],
    ['CREATE TABLE t (a DATETIME DEFAULT NOW())', 'same', false],
    ['CREATE TABLE t SELECT 1 AS a', 'unsure', false],
  ])('%s', (text, rows, additive) => {
    expect(read(text).definition).toMatchObject({ rows, additive });
  });

  it.each([
    ['DROP TABLE a', true],
    ['DROP TABLE a, b', false],
    ['RENAME TABLE a TO b', true],
    ['RENAME TABLE a TO b, c TO a', false],
    ['CREATE OR REPLACE TABLE a (b INT)', false],
  ])('stay as they were where it fails, or not: %s', (text, atomic) => {
    expect(read(text).definition?.atomic).toBe(atomic);
  });
});

describe('for the new cluster', () => {
  it.each([
    ['RENAME TABLE old.a TO `old`.b, c TO other.d', 'RENAME TABLE `n``w`.a TO `n``w`.b, c TO other.d'],
    ['CREATE INDEX i ON old.t (old)', 'CREATE INDEX i ON `n``w`.t (old)'],
    ['ALTER TABLE old.t ADD CHECK (old.t.a > 1)', 'ALTER TABLE `n``w`.t ADD CHECK (`n``w`.t.a > 1)'],
    [
      '/* x */ CREATE TABLE t (a INT) Engine=MyISAM CHARSET=utf8;',
      'CREATE TABLE t (a INT) Engine=InnoDB CHARSET=utf8',
    ],
    ["ALTER TABLE t ENGINE 'aria'", 'ALTER TABLE t ENGINE InnoDB'],
    ['CREATE TABLE t (engine INT) ENGINE=RocksDB', 'CREATE TABLE t (engine INT) ENGINE=RocksDB'],
  ])('%s', (text, expected) => {
    expect(read(text).rewritten).toBe(expected);
  });
});
