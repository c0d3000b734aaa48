/** The lexer's short ways (rows that repeat, long strings) against the long ones: what is found is the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Lexed, LITERAL_FIELDS } from '../../src/sql/lexed.ts';
import { Lexer } from '../../src/sql/lexer.ts';
import { stringEnd } from '../../src/sql/scan.ts';
import { DEFAULT_SQL_MODE, type SqlMode } from '../../src/sql/sql-mode.ts';

const COMMENT = '/**/';
const BLANKS = ' '.repeat(COMMENT.length);

const MODES: readonly SqlMode[] = [
  DEFAULT_SQL_MODE,
  { noBackslashEscapes: true, ansiQuotes: false, charset: 'none' },
  { noBackslashEscapes: false, ansiQuotes: true, charset: 'sjis' },
];

const element = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom(
    '1.5',
    '-.5',
    '1e9',
    '- 7',
    '-0x1f',
    '0x1f',
    "x'41'",
    "_utf8'a'",
    '?',
    '5abc',
    '(1)',
    '1 + 1',
  ),
  fc.constantFrom('NULL', 'null', 'NULLS', 'DEFAULT', 'now()', "'a' 'b'", "'a''b'", '"a"', ''),
  fc.string({ maxLength: 90 }).map((text) => `'${text.replaceAll('\\', '').replaceAll("'", "''")}'`),
);
const row = fc.array(element, { minLength: 1, maxLength: 3 });
const rows = fc.oneof(
  fc.array(row, { minLength: 2, maxLength: 6 }),
  fc
    .integer({ min: 1, max: 3 })
    .chain((width) =>
      fc.array(fc.array(element, { minLength: width, maxLength: width }), { minLength: 2, maxLength: 6 }),
    ),
);
const end = fc.constantFrom('', ' ON DUPLICATE KEY UPDATE a = 1', '; SELECT 2', ", ('", ', (1', ', ROW(1)');

function facts(lexed: Lexed) {
  const { state, hashA, hashB, tokenCount, slotCount, next, parameterCount } = lexed;
  return {
    ...{
      state,
      hashA,
      hashB,
      tokenCount,
      slotCount,
      start: lexed.start,
      end: lexed.end,
      next,
      parameterCount,
    },
    literals: [...lexed.literals.subarray(0, lexed.literalCount * LITERAL_FIELDS)],
    rows: [...lexed.rows.subarray(0, lexed.rowCount * 2)],
  };
}

describe('a row that repeats the row before', () => {
  const lexer = new Lexer(7);
  const read = (text: string, mode: SqlMode) => {
    const sql = Buffer.from(text);
    return facts(lexer.lex(sql, 0, sql.length, mode));
  };

  it('is read as it would be token by token, for which a comment in it sees', () => {
    fc.assert(
      fc.property(rows, end, fc.constantFrom(...MODES), (each, rest, mode) => {
        const text = (gap: string) =>
          `INSERT INTO t VALUES ${each.map((elements) => `(${gap}${elements.join(' , ')})`).join(',')}${rest}`;
        expect(read(text(BLANKS), mode)).toEqual(read(text(COMMENT), mode));
      }),
      { numRuns: 2000 },
    );
  });

  it('shares its slots, and has its place among the rows', () => {
    const {
      slotCount,
      literals,
      rows: places,
    } = read("INSERT INTO t VALUES (1,'a'), (-2, ?)", DEFAULT_SQL_MODE);
    expect(slotCount).toBe(2);
    expect(literals).toEqual([
      ...[22, 23, 1, 0, -1, 0],
      ...[24, 27, 3, 1, -1, 0],
      ...[31, 33, 1, 0, -1, 1],
      ...[35, 36, 7, 1, 0, 1],
    ]);
    expect(places).toEqual([21, 28, 30, 37]);
  });
});

/** The rule itself, one character after the other. */
function slowStringEnd(sql: Buffer, backslashes: boolean): number {
  const quote = sql[0];
  for (let at = 1; at < sql.length; at++) {
    if (backslashes && sql[at] === 0x5c) at++;
    else if (sql[at] === quote && sql[at + 1] === quote) at++;
    else if (sql[at] === quote) return at + 1;
  }
  return -1;
}

describe('a long string', () => {
  const part = fc.constantFrom("'", "''", '\\', "\\'", '\\\\', 'x', 'x'.repeat(63), 'y'.repeat(130), '"');
  const text = fc.array(part, { minLength: 1, maxLength: 30 }).map((parts) => `'${parts.join('')}`);

  it.each([true, false])('ends where its rule says, with backslashes that escape: %s', (backslashes) => {
    fc.assert(
      fc.property(text, (string) => {
        const sql = Buffer.from(string);
        expect(stringEnd(sql, 0, sql.length, backslashes, 'none')).toBe(slowStringEnd(sql, backslashes));
      }),
      { numRuns: 3000 },
    );
  });
});
