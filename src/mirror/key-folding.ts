/**
 * One text for all spellings that a column's collation takes for one key. Keys that share it share their order and
 * are sampled together, so too few texts cost a little, and one too many would let two writes of a row pass each
 * other: wherever a collation's rules are not plain, letters that some collation takes for one are one here.
 */

/** Gives the text that stands for all spellings of a key; null: they can't be told, and the key counts as unknown. */
export type KeyFold = (key: string) => string | null;

/** Collations whose rules are those of Unicode, without a language's own. */
const PLAIN =
  /^(?:ascii_general|utf8(?:mb[34])?_(?:general|unicode(?:_520)?)|utf8mb4_0900_a[is]|(?:utf8mb[34]_)?uca1400_(?:nopad_)?a[is])_(?:nopad_)?c[is]$/;
const BINARY = /(?:^|_)bin$|^binary$/;

/** `collation`: information_schema's COLLATION_NAME; undefined: the column has none, and holds bytes. */
export function keyFold(type: string, collation: string | undefined): KeyFold | null {
  const name = collation?.toLowerCase();
  if (name === undefined) return type === 'binary' ? trimBytes : null;
  // These are also written as numbers.
  if (type === 'enum' || type === 'set') return () => null;
  if (BINARY.test(name)) return trimPadding;
  return PLAIN.test(name) ? letters : skeleton;
}

/** BINARY(n) is filled up with zero bytes. */
function trimBytes(key: string): string {
  return key.replace(/\0+$/, '');
}

/** Most collations compare as if the shorter text were filled up with blanks. */
function trimPadding(key: string): string {
  return key.replace(/ +$/, '');
}

/** Letters that a collation may take for others than their decomposition says. */
const ALIKE: Readonly<Record<string, string>> = {
  ß: 's',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ı: 'i',
  ĸ: 'q',
  ł: 'l',
  ŋ: 'n',
  þ: 'th',
  ŧ: 't',
};

/** What is folded: ASCII, and the letters of Latin-1 and Latin Extended-A. Of others the servers' rules differ too much. */
const FOLDABLE = /^[\x20-\x7e\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f]*$/;
const ASCII = /^[\x20-\x7e]*$/;

/** Without case and accents; double s is one, as ß is one or two. */
function letters(key: string): string | null {
  if (!FOLDABLE.test(key)) return null;
  const decomposed = ASCII.test(key) ? key : decompose(key);
  return trimPadding(decomposed.toLowerCase()).replace(/s+/g, 's');
}

function decompose(key: string): string {
  return key
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[ßæœøđðħıĸłŋþŧ]/g, (letter) => ALIKE[letter] ?? letter)
    .replace(/[^\x20-\x7e]/g, '');
}

/** Consonants and digits alone, none twice in a row: what languages take for one differs in all the rest. */
function skeleton(key: string): string | null {
  const folded = letters(key);
  return folded === null ? null : folded.replace(/[^0-9a-z]|[aeiouyjvw]/g, '').replace(/(.)\1+/g, '$1');
}
