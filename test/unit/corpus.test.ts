/** The corpus run's own parts: the test language, its variables, and how a reading is held against the server. */
import { describe, expect, it } from 'vitest';
import { judgeTables, type NameFacts, serverKind } from '../../scripts/corpus/judge.ts';
import { readNameFacts } from '../../scripts/corpus/name-facts.ts';
import type { ServerStatement } from '../../scripts/corpus/server-record.ts';
import { readScript, type Step } from '../../scripts/corpus/test-script.ts';
import { Variables } from '../../scripts/corpus/variables.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const shown = (step: Step): string => {
  if (step.what !== 'query') return Object.values(step).join(' ');
  return `${step.expands ? '$' : ''}${step.waits ? '' : '&'}${step.text}`;
};

describe('a test script', () => {
  it.each([
    ['SELECT 1;\nSELECT\n 2;', ['SELECT 1', 'SELECT\n 2']],
    ["SELECT ';', \";\", `;`;SELECT '\\';';", ['SELECT \';\', ";", `;`', "SELECT '\\';'"]],
    ['# a comment; no statement\n--echo a; b\n  -- error 1064\nSELECT 1;', ['SELECT 1']],
    ['delimiter |;\nBEGIN; END|\ndelimiter ;|\nSELECT 1;', ['BEGIN; END', 'SELECT 1']],
    ['--delimiter //\nA;B//\n--delimiter ;\nSELECT 1;', ['A;B', 'SELECT 1']],
    [
      'eval SELECT $a;\n--eval SELECT $b\nquery_vertical SELECT 1;',
      ['$SELECT $a', '$SELECT $b', '$SELECT 1'],
    ],
    ['send SELECT 1;\nreap;\n--send\nSELECT 2;', ['&SELECT 1', 'reap', '&SELECT 2']],
    ['if ($a)\n{\n  SELECT 1;\n}\nwhile (`SELECT "{"`) {\n SELECT 2;\n}', ['SELECT 1', 'SELECT 2']],
    ['perl;\nprint "x;";\nEOF\nwrite_file $f END;\nSELECT 0;\nEND\nSELECT 1;', ['SELECT 1']],
    ['--disable_parsing\nSELECT 0;\n--enable_parsing\nSELECT 1;', ['SELECT 1']],
    ['let $a= SELECT 1;\n--let b= 2\n', ['let a SELECT 1', 'let b 2']],
    [
      'connect (c,localhost,root,,"d");\nconnection c;\ndisconnect c;',
      ['connect c,localhost,root,,d', 'connection c', 'disconnect c'],
    ],
    ['--source include/x.inc\nsource include/y.inc;', ['source include/x.inc', 'source include/y.inc']],
  ])('%j', (text, expected) => expect(readScript(text).map(shown)).toEqual(expected));
});

describe('variables', () => {
  it('are put in where they are known, and nowhere else', async () => {
    const variables = new Variables('/folder');
    const ask = async (query: string): Promise<string | null> => `<${query}>`;
    await variables.set('a', ' 5 ', ask);
    await variables.set('b', '`SELECT $a`', ask);
    await variables.set('c', 'query_get_value(SHOW x, y, 1)', ask);
    expect(variables.expand('$a $b \\$a $MYSQLTEST_VARDIR')).toBe('5 <SELECT 5> $a /folder');
    expect(variables.expand('$c')).toBeNull();
    expect(variables.expand('$none')).toBeNull();
  });
});

const reader = new SqlReader({ maxPlans: 100, seed: 1 });

function verdict(text: string, more: Partial<ServerStatement>, facts?: Partial<NameFacts>): string {
  const sql = Buffer.from(text);
  const plan = reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
  const none = { otherNames: new Set<string>(), lockMore: new Set<string>(), ...facts };
  const statement = { command: 'x', errno: 0, rowsChanged: 0, database: 'd', ranPrograms: false, locked: [] };
  return judgeTables(plan, { ...statement, ...more }, none, false).what;
}

const lock = (name: string, written = false) => ({ database: 'd', name, written });

describe('a reading of tables', () => {
  it('is right where the server locked the same ones, to read or to write', () => {
    expect(verdict('INSERT INTO t SELECT * FROM u', { locked: [lock('t', true), lock('u')] })).toBe('right');
    expect(verdict('INSERT INTO t SELECT * FROM u', { locked: [lock('t', true)] })).toBe('wrong');
    expect(verdict('INSERT INTO t SELECT 1', { locked: [lock('t')] })).toBe('wrong');
    expect(verdict('SELECT * FROM t', { locked: [lock('t'), lock('u')] })).toBe('wrong');
    expect(verdict('SELECT * FROM t FOR UPDATE', { locked: [lock('t', true)] })).toBe('right');
    expect(verdict('SELECT * FROM e.t', { locked: [lock('t')] })).toBe('wrong');
  });

  it('is cautious where only the columns would tell which of several an UPDATE changes', () => {
    const locked = [lock('t', true), lock('u')];
    expect(verdict('UPDATE t, u SET a = 1', { command: 'update_multi', locked })).toBe('cautious');
    expect(verdict('UPDATE t, u SET u.a = 1', { command: 'update_multi', locked })).toBe('wrong');
  });

  it('may leave out what triggers lock, and is not told of what stands for other tables', () => {
    const locked = [lock('t', true), lock('log', true)];
    expect(verdict('DELETE FROM t', { locked })).toBe('wrong');
    expect(verdict('DELETE FROM t', { locked, ranPrograms: true })).toBe('right');
    expect(verdict('DELETE FROM t', { locked }, { lockMore: new Set(['t']) })).toBe('right');
    expect(verdict('DELETE FROM t', { locked }, { otherNames: new Set(['t']) })).toBe('untold');
    expect(verdict('DELETE FROM t', { locked, errno: 1146 })).toBe('untold');
    expect(verdict('DELETE FROM t', {})).toBe('untold');
  });

  it('knows the names by what was made of them', () => {
    const facts = readNameFacts([
      'CREATE VIEW d.`V` AS SELECT 1',
      'CREATE TEMPORARY TABLE IF NOT EXISTS tmp (a INT)',
      'CREATE TRIGGER x AFTER INSERT ON t1 FOR EACH ROW SET @a = 1',
      'CREATE TABLE child (a INT, FOREIGN KEY (a) REFERENCES parent (a))',
    ]);
    expect([...facts.otherNames].sort()).toEqual(['tmp', 'v']);
    expect([...facts.lockMore].sort()).toEqual(['child', 'parent', 't1']);
  });
});

describe('what a statement was to the server', () => {
  const statement = (command: string): ServerStatement => ({
    command,
    errno: 0,
    rowsChanged: 0,
    database: null,
    ranPrograms: false,
    locked: [],
  });

  it.each([
    ['select', ['a'], 'read'],
    ['select', ['id', 'select_type'], 'other'],
    ['select', ['@@session.error_count'], 'other'],
    ['update_multi', null, 'write'],
    ['update', ['id', 'select_type', 'rows'], 'other'],
    ['update', ['id', 'select_type', 'r_rows'], 'write'],
    ['delete', ['ANALYZE'], 'delete'],
    ['delete', ['EXPLAIN'], 'other'],
    ['truncate', null, 'delete'],
    ['alter_table', null, 'other'],
    ['error', null, null],
  ])('%s answered by %j is %s', (command, columns, expected) => {
    expect(serverKind(statement(command), columns)).toBe(expected);
  });
});
