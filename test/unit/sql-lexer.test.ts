/** What the lexer makes of every construct that MySQL's lexer treats in a way of its own. */
import { describe, expect, it } from 'vitest';
import { digestText } from '../../src/sql/digest.ts';
import { CHAIN, type Lexed, LITERAL } from '../../src/sql/lexed.ts';
import { Lexer } from '../../src/sql/lexer.ts';
import { DEFAULT_SQL_MODE, type SqlMode } from '../../src/sql/sql-mode.ts';

const lexer = new Lexer(20);
const mode = (changes: Partial<SqlMode>): SqlMode => ({ ...DEFAULT_SQL_MODE, ...changes });

function lex(text: string | Buffer, sqlMode: SqlMode = DEFAULT_SQL_MODE): Lexed {
  const sql = Buffer.from(text);
  return lexer.lex(sql, 0, sql.length, sqlMode, true);
}

function digest(text: string, sqlMode: SqlMode = DEFAULT_SQL_MODE): string {
  return digestText(Buffer.from(text), lex(text, sqlMode), sqlMode);
}

interface Literal {
  readonly text: string;
  readonly type: string;
  readonly slot: number;
  readonly row: number;
}

function literals(text: string, sqlMode: SqlMode = DEFAULT_SQL_MODE): Literal[] {
  const lexed = lex(text, sqlMode);
  const names = Object.entries(LITERAL);
  return Array.from({ length: lexed.literalCount }, (_, index) => ({
    text: Buffer.from(text).toString('utf8', lexed.literalStart(index), lexed.literalEnd(index)),
    type: names.find(([, type]) => type === lexed.literalType(index))![0],
    slot: lexed.literalSlot(index),
    row: lexed.literalRow(index),
  }));
}

function qualifiers(text: string, sqlMode: SqlMode = DEFAULT_SQL_MODE): string[] {
  const lexed = lex(text, sqlMode);
  const sql = Buffer.from(text);
  const positions = Object.entries(CHAIN);
  return Array.from({ length: lexed.qualifierCount }, (_, index) => {
    const [start, end, length, position] = lexed.qualifiers.subarray(index * 4, index * 4 + 4);
    const name = positions.find(([, value]) => value === position)![0];
    return `${sql.toString('utf8', start, end)} ${length} ${name}`;
  });
}

describe('comments', () => {
  it.each([
    ['SELECT 1 -- c\n + 2', 'SELECT ? + ?'],
    ['SELECT 1 -- c', 'SELECT ?'],
    ['SELECT 1 --', 'SELECT ?'],
    ['SELECT 1--2', 'SELECT ? - ?'],
    ['SELECT 1 --\t c\n+1', 'SELECT ? + ?'],
    ['SELECT 1 # c\n + 2', 'SELECT ? + ?'],
    ['SELECT 1 /* a */ + /**/ 2', 'SELECT ? + ?'],
    ['SELECT 1 /* a /* b */ + 2', 'SELECT ? + ?'],
    ['SELECT /*+ NO_INDEX(t) */ a FROM t', 'SELECT a FROM t'],
    ['SELECT /*! 1 + */ 2', 'SELECT ? + ?'],
    ['SELECT /*!50100 1 + */ 2', 'SELECT ? + ?'],
    ['SELECT /*!99999 1 + */ 2', 'SELECT /*!99999 ? + */ ?'],
    ['SELECT /*M!100200 1 + */ 2', 'SELECT /*M!100200 ? + */ ?'],
    ['SELECT /*! 1 /* plain */ + */ 2', 'SELECT ? + ?'],
    ['SELECT a*/*c*/b', 'SELECT a * b'],
    ['/* only */ SELECT 1', 'SELECT ?'],
  ])('%s', (text, expected) => {
    expect(digest(text)).toBe(expected);
    expect(lex(text).state).toBe('complete');
  });

  it.each([
    'SELECT 1 /* a',
    'SELECT /*! 1',
    "SELECT 'a",
    'SELECT "a',
    'SELECT `a',
    "SELECT 'a\\'",
    "SELECT @'a",
  ])('is incomplete: %s', (text) => expect(lex(text).state).toBe('incomplete'));

  it.each(['', ' \n', '-- x', '/* x */', '# x'])('holds no token: %j', (text) => {
    expect(lex(text).tokenCount).toBe(0);
    expect(lex(text).next).toBe(-1);
  });
});

describe('strings', () => {
  it.each([
    ["SELECT 'a''b' , 1", ["'a''b'", '1']],
    ["SELECT 'a\\'b' , 1", ["'a\\'b'", '1']],
    ["SELECT '\\\\', 1", ["'\\\\'", '1']],
    ['SELECT "a\'b""c", 1', ['"a\'b""c"', '1']],
    ["SELECT '', 1", ["''", '1']],
    ["SELECT 'a' 'b' \"c\", 1", ["'a' 'b' \"c\"", '1']],
    ["SELECT 'a' /* x */ 'b', 1", ["'a' /* x */ 'b'", '1']],
    ["SELECT _utf8'a', 1", ["_utf8'a'", '1']],
    ["SELECT _UTF8MB4 'a', 1", ["_UTF8MB4 'a'", '1']],
    ["SELECT _latin1 x'41', 1", ["_latin1 x'41'", '1']],
    ["SELECT N'a', n'b'", ["N'a'", "n'b'"]],
    ["SELECT x'4d', X'4D', 0x4d", ["x'4d'", "X'4D'", '0x4d']],
    ["SELECT b'01', B'1', 0b01", ["b'01'", "B'1'", '0b01']],
    [`SELECT '${'x'.repeat(200)}''${'y'.repeat(200)}\\'${'z'.repeat(200)}', 1`, null],
  ])('%s', (text, expected) => {
    const found = literals(text).map((literal) => literal.text);
    if (expected === null) expect(found).toEqual([text.slice(7, -3), '1']);
    else expect(found).toEqual(expected);
  });

  it('tells plain strings from composed ones', () => {
    expect(literals("SELECT 'a', 'a' 'b', _utf8'a', N'a'").map((literal) => literal.type)).toEqual([
      'string',
      'otherString',
      'otherString',
      'otherString',
    ]);
  });

  it('knows NO_BACKSLASH_ESCAPES', () => {
    const plain = mode({ noBackslashEscapes: true });
    expect(literals("SELECT 'a\\', 'b'", plain).map((literal) => literal.text)).toEqual(["'a\\'", "'b'"]);
  });

  it('knows ANSI_QUOTES', () => {
    expect(digest('SELECT "a""b" FROM "t"', mode({ ansiQuotes: true }))).toBe('SELECT `a"b` FROM `t`');
    expect(digest('SELECT "a"')).toBe('SELECT ?');
  });
});

describe('numbers and words', () => {
  it.each([
    ['SELECT 1abc, 1', 'SELECT 1abc, ?'],
    ['SELECT 1e5, 1e+5, 1E-5, 1.5, .5, 1., 1.e3', 'SELECT ?, ?, ?, ?, ?, ?, ?'],
    ['SELECT 1e, 1e+a', 'SELECT 1e, 1e + a'],
    ['SELECT 0x, 0X1f, 0xfg, 0b2', 'SELECT 0x, 0X1f, 0xfg, 0b2'],
    ['SELECT db.1table, t.5', 'SELECT db.1table, t.5'],
    ['SELECT t .5', 'SELECT t ?'],
    ['SELECT -5, - 5, -.5, 3-5, a -5, (1)-5', 'SELECT ?, ?, ?, ? - ?, a - ?, (?) - ?'],
    ['SELECT -a, -(5), - -5, --5', 'SELECT - a, - (?), - ?, - ?'],
    ['SELECT a WHERE b BETWEEN -1 AND -2', 'SELECT a WHERE b BETWEEN ? AND ?'],
    ["SELECT date -5, date '2020-01-01'", 'SELECT date - ?, date ?'],
    ['SELECT a.select, a . b', 'SELECT a.select, a.b'],
    ['select Status from Status', 'SELECT Status FROM Status'],
    ['SELECT \\N', 'SELECT NULL'],
    ['SELECT a FROM t WHERE x IN (1,2, 3)', 'SELECT a FROM t WHERE x IN (?...)'],
    ["SELECT a FROM t WHERE x NOT IN ('a', NULL, TRUE, -3)", 'SELECT a FROM t WHERE x NOT IN (?...)'],
    ['SELECT a FROM t WHERE x IN (1, now())', 'SELECT a FROM t WHERE x IN (?, now())'],
    ['SELECT a FROM t WHERE x IN (1, 2+3)', 'SELECT a FROM t WHERE x IN (?, ? + ?)'],
    ['SELECT a FROM t WHERE (x, y) IN ((1,2),(3,4))', 'SELECT a FROM t WHERE (x, y) IN ((?, ?)...)'],
    ['SELECT a FROM t WHERE x IN ((1,2),(3))', 'SELECT a FROM t WHERE x IN ((?, ?), (?))'],
    ['SELECT a FROM t WHERE x IN (SELECT 1)', 'SELECT a FROM t WHERE x IN (SELECT ?)'],
    ['SELECT a FROM t WHERE x IN ()', 'SELECT a FROM t WHERE x IN ()'],
    ['SELECT a->\'$.b\', a->>"$.c", @x:=1, a<=>b, a<>b', 'SELECT a -> ?, a ->> ?, @x := ?, a <=> b, a <> b'],
    ["SELECT @'q x', @`y`, @@global.z, @@`w`", "SELECT @'q x', @`y`, @@global.z, @@`w`"],
    ['SELECT a||b, a&&b, !a, ~-1', 'SELECT a || b, a && b, ! a, ~ ?'],
  ])('%s', (text, expected) => expect(digest(text)).toBe(expected));

  it('numbers parameters in the order of the text', () => {
    const lexed = lex("SELECT ? FROM t WHERE a IN (?, 5, ?) AND b = '?' -- ?\n AND c = ?");
    const ordinals = Array.from({ length: lexed.literalCount }, (_, index) => lexed.literalOrdinal(index));
    expect(ordinals).toEqual([0, 1, -1, 2, -1, 3]);
    expect(lexed.parameterCount).toBe(4);
  });
});

describe('rows of VALUES', () => {
  it('collapses rows of one shape and shares their slots', () => {
    const text = "INSERT INTO t (a,b) VALUES (1,'x'),(2,'y'),(3,now()),(-4,now()),(5,NULL)";
    expect(digest(text)).toBe('INSERT INTO t (a, b) VALUES (?, ?)..., (?, now())..., (?, ?)...');
    expect(literals(text).map(({ slot, row }) => [slot, row])).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
      [2, 2],
      [2, 3],
      [3, 4],
      [4, 4],
    ]);
  });

  it.each([
    ['INSERT INTO t VALUES (1), ( 2 ) ,\n(f(3,(4)))', ['(1)', '( 2 )', '(f(3,(4)))']],
    ['REPLACE INTO t VALUE (1)', ['(1)']],
    ['INSERT INTO value (a) VALUES (1)', ['(1)']],
    ['INSERT INTO t VALUES ROW(1), ROW (2)', ['ROW(1)', 'ROW (2)']],
    ['INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a=VALUES(a), b=(2)', ['(1)']],
    ['INSERT INTO t VALUES (1) AS n(x) ON DUPLICATE KEY UPDATE a=n.x', ['(1)']],
    ['INSERT INTO t SELECT 1 ON DUPLICATE KEY UPDATE a=VALUES(a)', []],
    ['INSERT INTO t SET a=(1)', []],
    ['SELECT REPLACE(a,1,2), INSERT(a,1,2,3) FROM t', []],
    ['SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1),(2)', ['(1)', '(2)']],
  ])('%s', (text, expected) => {
    const lexed = lex(text);
    const rows = Array.from({ length: lexed.rowCount }, (_, row) =>
      text.slice(lexed.rowStart(row), lexed.rowEnd(row)),
    );
    expect(rows).toEqual(expected);
  });

  it('takes DEFAULT for a literal, not DEFAULT()', () => {
    expect(digest('INSERT INTO t VALUES (DEFAULT, DEFAULT(a), default /* x */ (b))')).toBe(
      'INSERT INTO t VALUES (?, DEFAULT(a), DEFAULT(b))...',
    );
  });
});

describe('qualifiers', () => {
  it.each([
    ['SELECT db.t.c, t.c FROM db.t', ['db 3 column', 't 2 column', 'db 2 table']],
    ['SELECT t.*, db.t.* FROM a, db.t AS t', ['t 2 column', 'db 3 column', 'db 2 table']],
    ['SELECT db.f(1)', ['db 2 routine']],
    ['INSERT INTO db.t (a) VALUES (t.x)', ['db 2 table', 't 2 column']],
    ['INSERT `db`.`t` SET a=1', ['`db` 2 table']],
    [
      'UPDATE db.a JOIN db.b ON a.x=b.x SET a.y=1',
      ['db 2 table', 'db 2 table', 'a 2 column', 'b 2 column', 'a 2 column'],
    ],
    ['DELETE db.a FROM db.a, db.b', ['db 2 table', 'db 2 table', 'db 2 table']],
    ['DELETE QUICK db.a FROM db.a', ['db 2 table', 'db 2 table']],
    ['DELETE FROM db.a USING db.a JOIN x.b USING (c)', ['db 2 table', 'db 2 table', 'x 2 table']],
    ['SELECT @@session.x, @a.b FROM t', []],
    ['SELECT EXTRACT(YEAR FROM t.x) FROM t', ['t 2 column']],
    ['SELECT * FROM (a.b JOIN (c.d, e.f)) WHERE g.h', ['a 2 table', 'c 2 table', 'e 2 table', 'g 2 column']],
    ['SELECT * FROM (SELECT x.y FROM a.b) d, e.f', ['x 2 column', 'a 2 table', 'e 2 table']],
    ['INSERT INTO a.b VALUES (1) ON DUPLICATE KEY UPDATE c.d = 1', ['a 2 table', 'c 2 column']],
    ['SELECT a FROM t FOR UPDATE', []],
    ['SELECT * FROM { OJ a.b LEFT JOIN c.d ON e.f }', ['a 2 table', 'c 2 table', 'e 2 column']],
    ['SELECT STRAIGHT_JOIN a.x FROM b.t STRAIGHT_JOIN c.u', ['a 2 column', 'b 2 table', 'c 2 table']],
    ['SET STATEMENT a=1 FOR UPDATE db.t SET x=1', ['db 2 table']],
    ['TRUNCATE db.t', ['db 2 table']],
    ['SELECT x FROM t WHERE y IS NOT DISTINCT FROM u.z', ['u 2 column']],
  ])('%s', (text, expected) => expect(qualifiers(text)).toEqual(expected));
});

describe('statement ends', () => {
  const statements = (text: string): string[] => {
    const sql = Buffer.from(text);
    const found: string[] = [];
    for (let from = 0; from !== -1; ) {
      const lexed = lexer.lex(sql, from, sql.length, DEFAULT_SQL_MODE);
      found.push(text.slice(lexed.start, lexed.end));
      from = lexed.next;
    }
    return found;
  };

  it.each([
    ['SELECT 1; SELECT 2', ['SELECT 1', 'SELECT 2']],
    ["SELECT ';' /* ; */; -- ;\n DELETE FROM t;", ["SELECT ';' /* ; */", 'DELETE FROM t']],
    ['SELECT 1 ; /* x */ ', ['SELECT 1 ']],
    ['SELECT 1;;SELECT 2', ['SELECT 1', '', 'SELECT 2']],
    ['SELECT 1;; /* x */ ; ', ['SELECT 1']],
    ['SET STATEMENT a=1 FOR SELECT 1; SELECT 2', ['SET STATEMENT a=1 FOR SELECT 1', 'SELECT 2']],
    [
      'SET STATEMENT a=1 FOR BEGIN NOT ATOMIC SELECT 1; END',
      ['SET STATEMENT a=1 FOR BEGIN NOT ATOMIC SELECT 1; END'],
    ],
    [
      'SET STATEMENT a=1 FOR CREATE FUNCTION f() RETURNS INT BEGIN SET @a=1; RETURN 1; END',
      ['SET STATEMENT a=1 FOR CREATE FUNCTION f() RETURNS INT BEGIN SET @a=1; RETURN 1; END'],
    ],
    ['SET STATEMENT a=1 FOR BEGIN; SELECT 1', ['SET STATEMENT a=1 FOR BEGIN', 'SELECT 1']],
    ['SET a=1; SELECT 2', ['SET a=1', 'SELECT 2']],
    ['BEGIN; SELECT 1', ['BEGIN', 'SELECT 1']],
    ['BEGIN WORK; SELECT 1', ['BEGIN WORK', 'SELECT 1']],
    ['BEGIN NOT ATOMIC SELECT 1; END; SELECT 2', ['BEGIN NOT ATOMIC SELECT 1; END; SELECT 2']],
    ['CREATE PROCEDURE p() BEGIN SELECT 1; END', ['CREATE PROCEDURE p() BEGIN SELECT 1; END']],
    [
      'CREATE OR REPLACE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET a=1; END',
      ['CREATE OR REPLACE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET a=1; END'],
    ],
    ['CREATE TABLE t (event INT); SELECT 1', ['CREATE TABLE t (event INT)', 'SELECT 1']],
    ['IF 1 THEN SELECT 1; END IF', ['IF 1 THEN SELECT 1; END IF']],
    ['l: LOOP SELECT 1; END LOOP', ['l: LOOP SELECT 1; END LOOP']],
    ['/*!99999 SELECT 1 */; SELECT 2', ['/*!99999 SELECT 1 */', 'SELECT 2']],
  ])('%s', (text, expected) => expect(statements(text)).toEqual(expected));
});

describe('bounds', () => {
  it('goes on, and says so, where parentheses are too deep to follow', () => {
    const text = `SELECT ${'('.repeat(3000)}1${')'.repeat(3000)} FROM db.t`;
    expect(lex(text).state).toBe('too_deep');
    expect(lex(text).literalCount).toBe(1);
  });

  it('gives the arrays of a huge statement back', () => {
    lex(`INSERT INTO t VALUES ${'(1,2,3),'.repeat(20_000)}(1,2,3)`);
    expect(lexer.lexed.rowCount).toBe(20_001);
    lex('SELECT 1');
    expect(lexer.lexed.literals.length).toBeLessThan(1000);
  });

  it('clones what a prepared statement must keep', () => {
    const copy = lex('INSERT INTO d.t (a) VALUES (?), (5)').clone();
    lex('SELECT 1');
    expect([copy.literalCount, copy.rowCount, copy.qualifierCount, copy.parameterCount]).toEqual([
      2, 2, 1, 1,
    ]);
    expect([copy.literalStart(1), copy.literalSlot(1), copy.rowStart(1)]).toEqual([33, 0, 32]);
  });
});
