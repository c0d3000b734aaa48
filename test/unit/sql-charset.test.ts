/** Character sets in which a second byte looks like a quote, and what strings stand for. */
import { describe, expect, it } from 'vitest';
import {
  characterLength,
  charsetOfCollation,
  charsetOfName,
  decodeText,
  type MultiByteCharset,
  serverText,
} from '../../src/sql/charset.ts';
import { digestText } from '../../src/sql/digest.ts';
import { Lexer } from '../../src/sql/lexer.ts';
import { DEFAULT_SQL_MODE, type SqlMode } from '../../src/sql/sql-mode.ts';
import { unescapeString } from '../../src/sql/unescape.ts';

const lexer = new Lexer(1);
const inCharset = (charset: MultiByteCharset): SqlMode => ({ ...DEFAULT_SQL_MODE, charset });

function bytes(...parts: readonly (string | readonly number[])[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.from(part as string)));
}

describe('what servers take a text for', () => {
  it.each([
    ['none', [0xe6, 0x97, 0xa5], '日'],
    ['none', [0x61, 0xe6, 0x97], null],
    ['gbk', [0xc8, 0xd5, 0x31], '日1'],
    ['gbk', [0x95, 0x5c], '昞'],
    ['gbk', [0xaa, 0xa1], null],
    ['gbk', [0x80], null],
    ['gbk', [0x61, 0xc8], null],
    ['big5', [0xa4, 0xe9], '日'],
    // Big5 has this one twice, and an ellipsis that servers do not know as ours.
    ['big5', [0xa2, 0xcc], null],
    ['big5', [0xa1, 0x45], null],
    ['sjis', [0x83, 0x5c], 'ソ'],
    ['sjis', [0x93, 0xfa], '日'],
    ['sjis', [0xb1], 'ｱ'],
    // A wave dash, and a character of NEC's: of cp932 servers have both.
    ['sjis', [0x81, 0x60], null],
    ['sjis', [0xed, 0x40], null],
    ['cp932', [0xed, 0x40], '纊'],
    ['gb18030', [0xa6, 0xd9], null],
  ] as const)('%s, %j: %s', (charset, sent, expected) => {
    expect(serverText(Buffer.from(sent), charset)).toBe(expected);
  });
});

describe('character sets', () => {
  it.each([
    [28, 'gbk'],
    [87, 'gbk'],
    [1052, 'gbk'],
    [1, 'big5'],
    [13, 'sjis'],
    [95, 'cp932'],
    [248, 'gb18030'],
    [45, 'none'],
    [255, 'none'],
    [8, 'none'],
  ] as const)('knows collation %i', (id, charset) => expect(charsetOfCollation(id)).toBe(charset));

  it.each([
    ['GBK', 'gbk'],
    ['cp932', 'cp932'],
    ['utf8mb4', 'none'],
    ['latin1', 'none'],
    ['constructor', 'none'],
  ] as const)('knows the name %s', (name, charset) => expect(charsetOfName(name)).toBe(charset));

  it.each([
    ['gbk', [0xbf, 0x5c], 2],
    ['gbk', [0xbf, 0x27], 1],
    ['gbk', [0xbf], 1],
    ['gbk', [0x80, 0x5c], 1],
    ['gbk', [0xbf, 0x7f], 1],
    ['big5', [0xa5, 0x5c], 2],
    ['big5', [0x81, 0x5c], 1],
    ['sjis', [0x95, 0x5c], 2],
    ['sjis', [0xb1, 0x5c], 1],
    ['cp932', [0xfc, 0x60], 2],
    ['gb18030', [0x81, 0x30, 0x81, 0x30], 4],
    ['gb18030', [0x81, 0x30, 0x81], 1],
    ['gb18030', [0xfe, 0x5c], 2],
    ['none', [0xbf, 0x5c], 1],
  ] as const)('%s: the length of %j is %i', (charset, text, length) => {
    expect(characterLength(Buffer.from(text), 0, text.length, charset)).toBe(length);
  });

  it('skips whole characters in strings, names and words', () => {
    for (const charset of ['gbk', 'sjis', 'big5', 'gb18030'] as const) {
      const lead = charset === 'sjis' ? 0x95 : 0xb5;
      const sql = bytes(
        "SELECT '",
        [lead, 0x5c],
        "', `",
        [lead, 0x60],
        '`, ',
        [lead, 0x5c, lead, 0x40],
        ', 1',
      );
      const lexed = lexer.lex(sql, 0, sql.length, inCharset(charset), true);
      expect([lexed.state, lexed.literalCount, lexed.tokenCount]).toEqual(['complete', 2, 8]);
      // As UTF-8 or latin1 the backslash escapes the quote.
      expect(lexer.lex(sql, 0, sql.length, DEFAULT_SQL_MODE).state).toBe('incomplete');
    }
  });

  it('does not let a broken character swallow a quote', () => {
    const sql = bytes("SELECT '", [0xbf], "' OR 1");
    expect(lexer.lex(sql, 0, sql.length, inCharset('gbk')).literalCount).toBe(2);
  });

  it('writes names in digests as text', () => {
    const sql = bytes('SELECT a FROM `', [0xd6, 0xd0], '` WHERE ', [0xce, 0xc4], ' = 5');
    const lexed = lexer.lex(sql, 0, sql.length, inCharset('gbk'), true);
    expect(digestText(sql, lexed, inCharset('gbk'))).toBe('SELECT a FROM `中` WHERE 文 = ?');
    expect(decodeText(Buffer.from([0x95, 0x5c]), 0, 2, 'cp932')).toBe('表');
  });
});

describe('unescapeString', () => {
  it.each([
    ["'abc'", 'abc'],
    ["'a''b'", "a'b"],
    ['"a""b\'\'"', "a\"b''"],
    ["'\\0\\b\\n\\r\\t\\Z\\\\\\'\\\"\\x'", '\0\b\n\r\t\x1a\\\'"x'],
    ["'\\%\\_'", '\\%\\_'],
    ["''", ''],
    ["'é'", 'é'],
  ])('%s', (text, expected) => {
    const sql = Buffer.from(text);
    expect(unescapeString(sql, 0, sql.length, DEFAULT_SQL_MODE).toString()).toBe(expected);
  });

  it('leaves backslashes alone under NO_BACKSLASH_ESCAPES', () => {
    const sql = Buffer.from("'a\\nb''\\'");
    const mode = { ...DEFAULT_SQL_MODE, noBackslashEscapes: true };
    expect(unescapeString(sql, 0, sql.length, mode).toString()).toBe("a\\nb'\\");
  });

  it('takes a second byte for no backslash', () => {
    const sql = bytes("'", [0xbf, 0x5c], "n\\n'");
    expect([...unescapeString(sql, 0, sql.length, inCharset('gbk'))]).toEqual([0xbf, 0x5c, 0x6e, 0x0a]);
  });
});
