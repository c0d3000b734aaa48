/** Spellings of keys, of every sort that a column may hold. */
import type { Random } from '../harness/random.ts';

export type KeySort =
  | 'integer'
  | 'small'
  | 'text'
  | 'bytes'
  | 'date'
  | 'amount'
  | 'nullable'
  | 'year'
  | 'made'
  | 'bits'
  | 'word'
  | 'time'
  | 'moment'
  | 'uuid'
  | 'address';

export function plainKey(sort: KeySort, key: number): string {
  switch (sort) {
    case 'text':
      return `'${'abcdefghijklmnop'[key] ?? 'z'}${key}'`;
    case 'bytes':
      return `'b${key}'`;
    case 'date':
      return `'2026-01-0${key % 10}'`;
    case 'year':
      return `${2000 + key}`;
    case 'word':
      return `'${'1b2c7defg'[key - 1]}'`;
    case 'time':
      return `'0${key % 10}:30:00'`;
    case 'moment':
      return `'2026-01-0${key % 10} 10:00:00'`;
    case 'uuid':
      return `'0000000${key}-aaaa-11ee-8c90-0242ac120002'`;
    case 'address':
      return `'2001:db8::${key}'`;
    default:
      return `${key}`;
  }
}

export interface Spelling {
  /** Half of them otherwise than any client would. */
  readonly odd: boolean;
  /** How many there are. */
  readonly keys: number;
}

/** One key in a spelling that a client may find. */
export function spelledKey(sort: KeySort, random: Random, { odd, keys }: Spelling): string {
  const key = random.integer(1, keys);
  const plain = plainKey(sort, key);
  if (!odd || random.chance(0.5)) return plain;
  const bare = plain.replaceAll("'", '');
  return random.pick<(text: string) => string>([...COMMON, ...ODD[sort]])(bare);
}

const quoted = (text: string): string => `'${text}'`;

const COMMON: readonly ((bare: string) => string)[] = [
  quoted,
  (bare) => `'${bare} '`,
  (bare) => `(${quoted(bare)})`,
  (bare) => `_utf8mb4'${bare}'`,
  (bare) => `'${bare.slice(0, 1)}' '${bare.slice(1)}'`,
  (bare) => `x'${Buffer.from(bare).toString('hex')}'`,
  (bare) => `CONCAT('${bare}', '')`,
  (bare) => `/*!50000 '${bare}'*/`,
  (bare) => `/* '1' */ '${bare}'`,
  (bare) => `N'${bare}'`,
  () => 'NULL',
  () => 'DEFAULT',
  () => '@v',
  () => "''",
];

const NUMBERS: readonly ((bare: string) => string)[] = [
  (bare) => `0${bare}`,
  (bare) => `'0${bare}'`,
  (bare) => `' ${bare}'`,
  (bare) => `${bare}.0`,
  (bare) => `${bare}.4`,
  (bare) => `'${bare}.4'`,
  (bare) => `${bare}e0`,
  (bare) => `'${bare}e0'`,
  (bare) => `'${bare}x'`,
  (bare) => `+${bare}`,
  (bare) => `-${bare}`,
  (bare) => `- ${bare}`,
  (bare) => `'-${bare}'`,
  (bare) => `-/**/${bare}`,
  (bare) => `0x0${bare}`,
  (bare) => `b'10${Number(bare) % 2}'`,
  (bare) => `${bare} + 0`,
  (bare) => `${bare}-1`,
  (bare) => `(${bare})`,
  (bare) => `ABS(-${bare})`,
  (bare) => `/*!50000 ${bare} */`,
  (bare) => `/*!99999 1 + */ ${bare}`,
  (bare) => `1/*!50000 + ${bare} */`,
  (bare) => `${bare} -- 7\n`,
  () => 'TRUE',
  () => 'FALSE',
  () => '0',
  () => "'0'",
  () => '300',
  () => '-300',
  () => "'300'",
  () => '127',
  () => '9223372036854775808',
  () => '99999999999999999999',
  () => '-9223372036854775809',
  () => 'LAST_INSERT_ID()',
];

const ODD: Readonly<Record<KeySort, readonly ((bare: string) => string)[]>> = {
  integer: NUMBERS,
  made: NUMBERS,
  small: NUMBERS,
  bits: [...NUMBERS, (bare) => `b'${Number(bare).toString(2)}'`, (bare) => `0b${Number(bare).toString(2)}`],
  word: [
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(`${bare},1`),
    () => '1',
    () => '2',
    () => "'2'",
    () => "'absent'",
    () => '0',
    () => "'d,b'",
  ],
  time: [
    (bare) => bare.replaceAll(':', ''),
    (bare) => quoted(bare.slice(0, 5)),
    (bare) => quoted(bare.slice(1)),
    (bare) => `TIME'${bare}'`,
    (bare) => quoted(`0 ${bare}`),
    (bare) => quoted(`-${bare}`),
    (bare) => quoted(`2026-01-01 ${bare}`),
    () => "'900:00:00'",
    () => "'10:11:12.6'",
  ],
  moment: [
    (bare) => bare.replace(/\D/g, ''),
    (bare) => quoted(bare.slice(0, 10)),
    (bare) => quoted(bare.replace(' ', 'T')),
    (bare) => quoted(`${bare}.006`),
    (bare) => quoted(`${bare}+02:00`),
    (bare) => `TIMESTAMP'${bare}'`,
    (bare) => `UNIX_TIMESTAMP('${bare}')`,
    () => 'NOW()',
    () => "'0000-00-00'",
    () => "'2026-02-31 00:00:00'",
  ],
  uuid: [
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(bare.replaceAll('-', '')),
    (bare) => `0x${bare.replaceAll('-', '')}`,
    (bare) => quoted(`{${bare}}`),
    (bare) => quoted(bare.slice(0, 30)),
    (bare) => `CAST('${bare}' AS UUID)`,
  ],
  address: [
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(bare.replace('::', ':0:0:0:0:0:')),
    (bare) => quoted(bare.replace('::', '::0')),
    (bare) => `INET6_ATON('${bare}')`,
    () => "'::ffff:10.0.0.1'",
    () => "'10.0.0.1'",
  ],
  nullable: NUMBERS,
  year: [
    ...NUMBERS,
    (bare) => bare.slice(2),
    (bare) => quoted(bare.slice(2)),
    (bare) => quoted(bare.slice(3)),
  ],
  amount: [...NUMBERS, (bare) => `${bare}.001`, (bare) => `'${bare}.00'`, () => '99999', () => '9999.99'],
  date: [
    (bare) => bare.replaceAll('-', ''),
    (bare) => quoted(bare.replaceAll('-', '')),
    (bare) => quoted(bare.replaceAll('-', '/')),
    (bare) => quoted(bare.slice(2)),
    (bare) => `DATE'${bare}'`,
    (bare) => `{d '${bare}'}`,
    (bare) => quoted(`${bare} 10:00:00`),
    (bare) => quoted(bare.replace('-0', '-').replace('-0', '-')),
    (bare) => `DATE_ADD('${bare}', INTERVAL 0 DAY)`,
    () => "'0000-00-00'",
    () => "'2026-02-31'",
  ],
  text: [
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(`${bare}ghijklmnop`),
    (bare) => quoted(bare.replace('a', 'á')),
    (bare) => `"${bare}"`,
    (bare) => `'\\${bare}'`,
    (bare) => `'${bare}\\0'`,
    (bare) => `'${bare}' COLLATE utf8mb4_bin`,
    (bare) => `'${bare}  '`,
    (bare) => `' ${bare}'`,
    (bare) => `'${bare}\\t'`,
    (bare) => quoted(bare.replace(/^./, 'ä')),
    (bare) => quoted(bare.replace(/^./, 'ae')),
    (bare) => quoted(bare.replace(/^./, 'Æ')),
    () => "'ẞ1'",
    () => "'ſ1'",
    () => "'ö1'",
    () => "'oe1'",
    () => "'€1'",
    (bare) => `UPPER('${bare}')`,
    (bare) => `_latin1'${bare}é'`,
    (bare) => `'${bare}''\\''`,
    () => "'日本'",
    () => "'ß1'",
    () => "'ss1'",
    () => '5',
    () => "'5'",
    () => "'05'",
    () => '0x6132',
  ],
  bytes: [
    (bare) => `'${bare} '`,
    (bare) => `BINARY '${bare}'`,
    (bare) => `_binary'${bare}'`,
    (bare) => `'${bare}\\0\\0'`,
    () => "x'ff'",
    () => "_latin1'é'",
    (bare) => quoted(bare.toUpperCase()),
    (bare) => quoted(`${bare}ghijklmnop`),
    (bare) => `'${bare}\\0'`,
    (bare) => `"${bare}"`,
    () => "'é'",
    () => '5',
    () => "'5'",
  ],
};
