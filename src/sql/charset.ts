/**
 * The client character sets in which the second byte of a character may look like a quote or a backslash.
 * In all others (utf8, latin1, the EUC family …) every byte below 0x80 stands for itself.
 */
import { isUtf8 } from 'node:buffer';
import { isDigit } from './byte-classes.ts';

export type MultiByteCharset = 'none' | 'gbk' | 'big5' | 'sjis' | 'cp932' | 'gb18030';

/** What a charset adds to a digest: the same bytes are other characters in another, so their plans are kept apart. */
export const CHARSET_TAG: Readonly<Record<MultiByteCharset, number>> = {
  none: 1,
  gbk: 2,
  big5: 3,
  sjis: 4,
  cp932: 5,
  gb18030: 6,
};

/** Collation ids as both MySQL and MariaDB number them; 1024 and more are MariaDB's NOPAD forms. */
const COLLATIONS: Readonly<Record<Exclude<MultiByteCharset, 'none'>, readonly number[]>> = {
  big5: [1, 84, 1025, 1108],
  sjis: [13, 88, 1037, 1112],
  gbk: [28, 87, 1052, 1111],
  cp932: [95, 96, 1119, 1120],
  gb18030: [248, 249, 250],
};

const BY_COLLATION = new Map<number, MultiByteCharset>();
for (const [name, ids] of Object.entries(COLLATIONS)) {
  for (const id of ids) BY_COLLATION.set(id, name as MultiByteCharset);
}

/** The lexing rules for a collation id (the greeting's byte, or a two-byte id). */
export function charsetOfCollation(id: number): MultiByteCharset {
  return BY_COLLATION.get(id) ?? 'none';
}

/** The lexing rules for a character set's name as SET NAMES takes it, in any case. */
export function charsetOfName(name: string): MultiByteCharset {
  const folded = name.toLowerCase();
  return Object.hasOwn(COLLATIONS, folded) ? (folded as MultiByteCharset) : 'none';
}

/**
 * Length in bytes of the character at `at`: 1 unless a whole, valid multi-byte character stands there.
 * A lead byte without a valid trail counts as one byte, as the servers count it.
 */
export function characterLength(
  bytes: Uint8Array,
  at: number,
  to: number,
  charset: MultiByteCharset,
): number {
  const lead = bytes[at]!;
  if (lead < 0x81 || charset === 'none' || at + 1 >= to) return 1;
  const trail = bytes[at + 1]!;
  switch (charset) {
    case 'gbk':
      return lead <= 0xfe && isWideTrail(trail, 0xfe) ? 2 : 1;
    case 'big5':
      return lead >= 0xa1 && lead <= 0xf9 && isBig5Trail(trail) ? 2 : 1;
    case 'sjis':
    case 'cp932':
      return (lead <= 0x9f || (lead >= 0xe0 && lead <= 0xfc)) && isWideTrail(trail, 0xfc) ? 2 : 1;
    case 'gb18030':
      return gb18030Length(bytes, at, to);
  }
}

function isWideTrail(byte: number, last: number): boolean {
  return byte >= 0x40 && byte !== 0x7f && byte <= last;
}

function isBig5Trail(byte: number): boolean {
  return (byte >= 0x40 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xfe);
}

function gb18030Length(bytes: Uint8Array, at: number, to: number): number {
  if (bytes[at]! > 0xfe) return 1;
  const second = bytes[at + 1]!;
  if (isWideTrail(second, 0xfe)) return 2;
  if (!isDigit(second) || at + 3 >= to) return 1;
  const third = bytes[at + 2]!;
  return third >= 0x81 && third <= 0xfe && isDigit(bytes[at + 3]!) ? 4 : 1;
}

const DECODERS = new Map<MultiByteCharset, InstanceType<typeof TextDecoder>>();

/** The text of a span. Clients of single-byte charsets are read as UTF-8, which plain ASCII names survive. */
export function decodeText(bytes: Buffer, from: number, to: number, charset: MultiByteCharset): string {
  if (charset === 'none') return bytes.toString('utf8', from, to);
  let decoder = DECODERS.get(charset);
  if (decoder === undefined) {
    decoder = new TextDecoder(charset === 'sjis' || charset === 'cp932' ? 'shift_jis' : charset);
    DECODERS.set(charset, decoder);
  }
  return decoder.decode(bytes.subarray(from, to));
}

/**
 * What the decoders of a server and of this process take for the same: ASCII, kana, letters of full width, Greek and
 * Cyrillic, and the characters that all of these sets have. Of punctuation and signs they often do not.
 */
const AGREED =
  /^[\0-\x7f\u0391-\u03c9\u0410-\u044f\u3041-\u3093\u30a1-\u30f6\u4e00-\u9fa5\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d]*$/;
/** Big5 has these two twice, and servers know one place of each. */
const BIG5_TWICE = /[\u5341\u5345]/;

/** What servers take the bytes of a string for; null: not known, as bytes of another character set, or none, are. */
export function serverText(bytes: Buffer, charset: MultiByteCharset): string | null {
  if (charset === 'none') return isUtf8(bytes) ? bytes.toString('utf8') : null;
  const text = decodeText(bytes, 0, bytes.length, charset);
  if (!AGREED.test(text) || (charset === 'big5' && BIG5_TWICE.test(text))) return null;
  return charset === 'sjis' && hasExtensions(bytes) ? null : text;
}

/** Characters of NEC and IBM, which are in cp932 alone. */
function hasExtensions(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += characterLength(bytes, at, bytes.length, 'sjis')) {
    const lead = bytes[at]!;
    if (lead === 0x87 || lead >= 0xed) return true;
  }
  return false;
}
