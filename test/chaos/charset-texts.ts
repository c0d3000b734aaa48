/** Texts in the bytes of a session's character set, some with a second byte that is a backslash or a quote elsewhere. */
import type { Random } from '../harness/random.ts';

/** Bytes, as latin1 characters, as they stand between quotes. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  latin1: ['\xe9', '\xdf', '\xc4', '\x80', '\xbf\\\\'],
  utf8mb4: ['\xc3\xa9', '\xe6\x97\xa5', '\xf0\x9f\x98\x80', '\xe9'],
  utf8: ['\xc3\xa9', '\xc3\x9f', '\xe6\x97\xa5'],
  gbk: ['\x95\\', '\x95\\\\', '\xbf\\', '\xc4\xe3', "\xbf''", "\xc4\xe3''"],
  sjis: ['\x83\\', '\x95\\', '\x83\\\\', '\xb1', '\x93\xfa', "\x93\xfa''"],
  cp932: ['\x83\\', '\x95\\', '\xb1', '\x93\xfa', '\xfa\\'],
  big5: ['\xa5\\', '\xb3\\', '\xa4\xa4', '\xa5\\\\'],
  ujis: ['\xc6\xfc', '\x8e\xb1', '\x8f\xb0\xa1'],
  eucjpms: ['\xc6\xfc', '\x8e\xb1'],
  euckr: ['\xb0\xa1', '\xb0\xa1\\\\'],
  gb2312: ['\xc4\xe3'],
  cp1251: ['\xe9', '\xc0'],
  koi8r: ['\xc1', '\xe1'],
  cp850: ['\x82', '\xe1'],
  swe7: ['{', '[', '\\\\'],
  ascii: ['e', '\xe9'],
  binary: ['\xc3\xa9', '\xe9', '\xff'],
};
export const CHARSETS: readonly string[] = Object.keys(SAMPLES);

/** Of the login packet: the default collations of gbk, sjis, big5, latin1, utf8mb3 and utf8mb4. */
export const COLLATION_IDS: Readonly<Record<number, string>> = {
  28: 'gbk',
  13: 'sjis',
  1: 'big5',
  8: 'latin1',
  33: 'utf8',
  45: 'utf8mb4',
};

/** The statement's bytes, with some of its short texts as ones of that character set. */
export function inCharset(sql: string, charset: string, random: Random): Buffer {
  const bytes = Buffer.from(sql).toString('latin1');
  const samples = SAMPLES[charset] ?? [];
  const changed = bytes.replace(/(?<=[=(,] ?)'[a-z]\d'/g, (literal) => {
    if (samples.length === 0 || random.chance(0.4)) return literal;
    const sample = random.pick(samples);
    return random.chance(0.7) ? `'${random.integer(1, 2)}${sample}'` : `'${sample}${random.integer(1, 2)}'`;
  });
  return Buffer.from(changed, 'latin1');
}
