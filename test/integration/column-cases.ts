/** Column types and their values, for the tests of how rows are compared. */
import { createHash } from 'node:crypto';
import type { ServerKind, Sides } from '../../src/sync/side.ts';

export interface ColumnCase {
  readonly title: string;
  /** The column's definition on each side. */
  readonly types: Sides<string>;
  /** Server kinds that have the types; left out: any. */
  readonly kinds?: Partial<Sides<ServerKind>>;
  /** Literals of values that are all different; a pair: the old side's and the new side's spelling of one value. */
  readonly values: readonly (string | readonly [string, string])[];
}

/** Of the same type on both sides. */
function same(title: string, type: string, values: ColumnCase['values']): ColumnCase {
  return { title, types: { old: type, new: type }, values };
}

/** Both ways round. */
function mixed(
  title: string,
  one: string,
  other: string,
  values: readonly (string | readonly [string, string])[],
  kinds: readonly [ServerKind?, ServerKind?] = [],
): ColumnCase[] {
  const turned = values.map((value) => (typeof value === 'string' ? value : ([value[1], value[0]] as const)));
  const make = (
    old: string,
    fresh: string,
    of: typeof values,
    a?: ServerKind,
    b?: ServerKind,
  ): ColumnCase => ({
    title: `${title}: ${old} and ${fresh}`,
    types: { old, new: fresh },
    kinds: { ...(a === undefined ? {} : { old: a }), ...(b === undefined ? {} : { new: b }) },
    values: of,
  });
  return [
    make(one, other, values, kinds[0], kinds[1]),
    ...(one === other && kinds[0] === kinds[1] ? [] : [make(other, one, turned, kinds[1], kinds[0])]),
  ];
}

const INTEGERS = ['NULL', '0', '1', '-1', '127', '-128', '10', '100'];
/** What separators and NULL could be taken for. */
const STRINGS = [
  "''",
  "'NULL'",
  "'N'",
  "'#'",
  "'0'",
  "'0#'",
  "'1#a'",
  "'a'",
  "'A'",
  "'a '",
  "' a'",
  "'a#b'",
  "'\\\\'",
  "'\\0'",
];
const LATIN = [...STRINGS, "'é'", "'e'", "'ß'", "'ss'", "'€'", "'ÿ'", "'Ž'", "'naïve café'"];
const ASTRAL = ["'💤'", "'日本'", "'\u0301e'", "'e\u0301'", "'＃'"];
const BYTES = [
  "x'00'",
  "x'0000'",
  "x'ff'",
  "x'8123'",
  "'#'",
  "''",
  "'N'",
  "'NULL'",
  "x'e9'",
  "x'c3a9'",
  'NULL',
];
const TIMES = [
  "'00:00:00'",
  "'-838:59:59'",
  "'838:59:59'",
  "'-00:00:01'",
  "'00:00:01'",
  "'12:34:56'",
  'NULL',
];
const MOMENTS = [
  "'2020-01-01 00:00:00'",
  "'1970-01-01 00:00:01'",
  "'2038-01-19 03:14:07'",
  "'0000-00-00 00:00:00'",
  'NULL',
];
const FLOATS = [
  'NULL',
  '0',
  '1',
  '-1',
  '0.1e0',
  '0.2e0',
  '1e38',
  '-1e38',
  '1.5e-7',
  '16777216',
  '123456.7e0',
  '1e15',
  '1e-30',
];
const SUBNORMAL = [
  '4.9e-324',
  '-4.9e-324',
  '2.2250738585072014e-308',
  '1.7976931348623157e308',
  '0.30000000000000004e0',
  '0.3e0',
  '1e22',
  '1e21',
  '123456789012345680000e0',
  '9007199254740993e0',
];
const MAYBE_INVALID = "'2020-02-30 01:02:03'";
const POINTS = [
  'NULL',
  "ST_GeomFromText('POINT(1 2)')",
  "ST_GeomFromText('POINT(2 1)')",
  "ST_GeomFromText('POINT(1 2)', 3857)",
];

/** Numbers of any bits, the same in every run; of FLOAT's precision, or of DOUBLE's. */
function anyFloats(round: (value: number) => number): string[] {
  const bytes = Buffer.alloc(8);
  const values = Array.from({ length: 150 }, (_, seed) => {
    createHash('sha256').update(String(seed)).digest().copy(bytes);
    const small = bytes.readInt32LE(0) * 10 ** ((seed % 30) - 24);
    return round(seed % 2 === 0 ? small : bytes.readDoubleLE(0));
  });
  const powers = Array.from({ length: 60 }, (_, n) => [
    2 ** (n * 4 - 140),
    2 ** (n * 4 - 140) * (1 - 2 ** -24),
  ]).flat();
  const numbers = new Set([...values, ...powers.map(round)]);
  return [...numbers]
    .filter((value) => Number.isFinite(value) && value !== 0)
    .map((value) => value.toExponential(20));
}

export const COLUMN_CASES: readonly ColumnCase[] = [
  same('integers', 'TINYINT', INTEGERS),
  same('integers', 'BIGINT UNSIGNED', ['NULL', '0', '9223372036854775808', '18446744073709551615', '1']),
  same('integers', 'BIGINT', ['NULL', '-9223372036854775808', '9223372036854775807', '-1', '0']),
  ...mixed('integers', 'TINYINT', 'BIGINT', INTEGERS),
  ...mixed('integers', 'INT(6) ZEROFILL', 'INT UNSIGNED', ['NULL', '0', '42', '123456', '4294967295']),
  ...mixed('integers', 'DECIMAL(12,3)', 'INT', ['NULL', '0', '-5', '10', '100', '123456789']),
  ...mixed('years', 'YEAR', 'SMALLINT', ['NULL', '1999', '2155', '1901', '2000']),
  same('years', 'YEAR', ['NULL', "'0000'", '1901', '2000', '2155']),
  same('bits', 'BIT(64)', ['NULL', "b'0'", "b'1'", "x'ffffffffffffffff'", "x'8000000000000000'", "x'23'"]),
  ...mixed('bits', 'BIT(1)', 'TINYINT(1)', ['NULL', '0', '1']),
  ...mixed('bits', 'BIT(8)', 'BIT(12)', ['NULL', "b'0'", "b'11111111'", "b'1010'"]),
  same('decimals', 'DECIMAL(65,30)', [
    'NULL',
    '0',
    '-0.000000000000000000000000000001',
    '99999999999999999999999999999999999.9',
    '1',
    '10',
  ]),
  ...mixed('decimals', 'DECIMAL(10,2)', 'DECIMAL(20,8)', [
    'NULL',
    '0',
    '1.5',
    '1.05',
    '-1.5',
    '15',
    '99999999.99',
  ]),
  ...mixed('decimals', 'DECIMAL(8,2) ZEROFILL', 'DECIMAL(9,3)', ['NULL', '0', '1.5', '10.5', '105']),
  same('floats', 'FLOAT', [
    ...FLOATS,
    '16777217.0e1',
    '1.17549435e-38',
    '1.4e-45',
    '3.402823466e38',
    '0.1000001e0',
  ]),
  same('floats', 'DOUBLE', [...FLOATS, ...SUBNORMAL]),
  same('floats', 'DOUBLE(20,3)', ['NULL', '0', '1.125', '1.5', '-1.5', '12345678901.125']),
  same(
    'floats of any bits',
    'DOUBLE',
    anyFloats((value) => value),
  ),
  same('floats of any bits', 'FLOAT', anyFloats(Math.fround)),
  {
    title: 'floats: the sign of zero',
    types: { old: 'DOUBLE', new: 'DOUBLE' },
    values: [['-0e0', '0e0'], '1'],
  },
  ...mixed('floats', 'FLOAT', 'DOUBLE', FLOATS).slice(0, 1),
  ...['latin1', 'utf8mb3', 'utf8mb4', 'ucs2', 'cp1250'].map((charset) =>
    same('texts', `VARCHAR(40) CHARACTER SET ${charset}`, [
      ...(charset === 'cp1250' ? STRINGS : LATIN),
      'NULL',
      ...(charset === 'utf8mb4' ? ASTRAL : []),
    ]),
  ),
  ...['sjis', 'cp932', 'ujis', 'gbk', 'big5', 'euckr'].map((charset) =>
    same('texts', `VARCHAR(40) CHARACTER SET ${charset}`, [
      ...STRINGS,
      'NULL',
      "'日本'",
      "'本'",
      ...(charset === 'sjis' ? ["_sjis x'955c'"] : []),
    ]),
  ),
  ...['utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf32'].flatMap((charset) =>
    mixed('texts', 'VARCHAR(40) CHARACTER SET latin1', `VARCHAR(50) CHARACTER SET ${charset}`, [
      ...LATIN,
      'NULL',
    ]),
  ),
  ...mixed('texts', 'VARCHAR(40) CHARACTER SET utf8mb3', 'TEXT CHARACTER SET utf8mb4', [
    ...LATIN,
    "'日本'",
    'NULL',
  ]),
  ...mixed('texts', 'TEXT CHARACTER SET latin1', 'MEDIUMTEXT CHARACTER SET utf8mb4', [
    ...LATIN,
    'NULL',
    "REPEAT('é', 40000)",
    "REPEAT('e', 40000)",
  ]),
  ...mixed('texts', 'VARCHAR(40) CHARACTER SET sjis', 'VARCHAR(40) CHARACTER SET utf8mb4', [
    "'日本'",
    "'本'",
    "'表'",
    "'ｱ'",
    "'a'",
    "'a '",
  ]),
  ...mixed('texts', 'VARCHAR(40) CHARACTER SET ascii', 'VARCHAR(40) CHARACTER SET utf8mb4', [
    ...STRINGS,
    'NULL',
  ]),
  same('texts', 'CHAR(5) CHARACTER SET utf8mb4', ["''", "'a'", "'A'", "' a'", "'💤'", 'NULL']),
  ...mixed('texts', 'CHAR(5) CHARACTER SET latin1', 'VARCHAR(9) CHARACTER SET utf8mb4', [
    "''",
    "'a'",
    "'A'",
    "' a'",
    "'é'",
    'NULL',
  ]),
  same('texts', 'LONGTEXT CHARACTER SET utf8mb4', [
    ...LATIN,
    ...ASTRAL,
    "REPEAT('x', 300000)",
    "CONCAT(REPEAT('x', 299999), 'y')",
    'NULL',
  ]),
  same('bytes', 'VARBINARY(20)', BYTES),
  same('bytes', 'BINARY(4)', ["x'00000001'", "'a'", "'#'", "''", "x'ff'", 'NULL']),
  ...mixed('bytes', 'BINARY(4)', 'BINARY(6)', ["x'00000001'", "'a'", "x'610062'", "''", 'NULL']),
  ...mixed('bytes', 'VARBINARY(20)', 'LONGBLOB', BYTES),
  same('bytes', 'BLOB', [...BYTES, "REPEAT(x'00ff', 30000)", "REPEAT(x'ff00', 30000)"]),
  ...mixed('texts as bytes', 'VARCHAR(20) CHARACTER SET latin1', 'VARBINARY(20)', [
    "x'e9'",
    "x'c3a9'",
    "'a'",
    "'a '",
    "'#'",
    'NULL',
  ]),
  same('members', "ENUM('a','b','','#')", ["'a'", "'b'", "''", "'#'", "'none of them'", 'NULL']),
  ...mixed('members', "ENUM('a','b') CHARACTER SET latin1", "ENUM('b','é','a') CHARACTER SET utf8mb4", [
    "'a'",
    "'b'",
    "'none of them'",
    'NULL',
  ]),
  ...mixed('members', "ENUM('a','','b')", "ENUM('','b','a','c')", [
    "'a'",
    "'b'",
    "''",
    "'none of them'",
    'NULL',
  ]),
  ...mixed('members', "ENUM('a','é') CHARACTER SET latin1", 'VARCHAR(9) CHARACTER SET utf8mb4', [
    "'a'",
    "'é'",
    'NULL',
  ]),
  same('members', "SET('a','b','c')", ["''", "'a'", "'b'", "'a,b'", "'a,c'", "'a,b,c'", 'NULL']),
  same('members', `SET(${Array.from({ length: 64 }, (_, n) => `'m${n}'`).join()})`, [
    "''",
    "'m0'",
    "'m63'",
    "'m0,m63'",
    "'m62'",
    'NULL',
  ]),
  ...mixed('members', "SET('a','b','c')", "SET('c','x','b','a')", [
    "''",
    "'a'",
    "'b'",
    "'a,b'",
    "'c'",
    "'a,b,c'",
    'NULL',
  ]),
  same('dates', 'DATE', [
    "'2020-01-31'",
    "'0000-00-00'",
    "'2020-00-00'",
    "'2020-01-00'",
    "'9999-12-31'",
    "'1000-01-01'",
    'NULL',
  ]),
  ...mixed('dates', 'DATE', 'DATETIME(3)', ["'2020-01-31'", "'0000-00-00'", "'9999-12-31'", 'NULL']),
  same('times', 'TIME(6)', [...TIMES, "'00:00:00.000001'", "'-00:00:00.000001'", "'-838:59:58.999999'"]),
  ...mixed('times', 'TIME', 'TIME(3)', TIMES),
  ...mixed('times', 'TIME(1)', 'TIME(6)', [...TIMES, "'-00:00:00.5'", "'00:00:00.5'"]),
  same('moments', 'DATETIME', [
    ...MOMENTS,
    "'9999-12-31 23:59:59'",
    "'1000-01-01 00:00:00'",
    "'2020-01-00 00:00:00'",
  ]),
  same('moments', 'DATETIME(6)', [
    ...MOMENTS,
    "'9999-12-31 23:59:59.999999'",
    "'2020-01-01 00:00:00.000001'",
    "'2020-01-01 00:00:00.1'",
  ]),
  ...mixed('moments', 'DATETIME', 'DATETIME(6)', MOMENTS),
  ...mixed('moments', 'DATETIME(2)', 'DATETIME(4)', [...MOMENTS, "'2020-01-01 00:00:00.05'"]),
  same('moments', 'TIMESTAMP NULL', MOMENTS),
  ...mixed('moments', 'TIMESTAMP(3) NULL', 'TIMESTAMP NULL', MOMENTS),
  same('JSON', 'JSON', [
    `'{"a": 1}'`,
    `'{"a": 2}'`,
    `'{"a": "1"}'`,
    `'[]'`,
    `'{}'`,
    `'null'`,
    `'""'`,
    'NULL',
  ]),
  ...mixed(
    'JSON',
    'JSON',
    'JSON',
    [
      [`'{"b":1,"a":[1.0,1e2,true,null]}'`, `'{"a": [1.0, 100.0, true, null], "b": 1}'`],
      [`'{"aa":1,"b":2,"a":1,"a":3}'`, `'{"a":3,"b":2,"aa":1}'`],
      [`'"\\\\u00e9\\\\/\\\\n"'`, `'"é/\\\\n"'`],
      [`'18446744073709551616'`, `'1.8446744073709552e19'`],
      [`'1E-7'`, `'0.0000001'`],
      [`'[-0]'`, `'[0]'`],
      `'18446744073709551615'`,
      `'18446744073709551614'`,
      `'-9223372036854775808'`,
      `'9007199254740993'`,
      `'1'`,
      `'1.0'`,
      `'"1"'`,
      `'0.1'`,
      `'{"__proto__": 1}'`,
      `'{"": {"a": {}}}'`,
      `'"💤"'`,
      `'null'`,
      'NULL',
    ],
    ['mariadb', 'mysql'],
  ),
  ...mixed(
    'JSON in text',
    'LONGTEXT',
    'JSON',
    [`'{"a": 1}'`, `'[1, 2]'`, `'"x"'`, 'NULL'],
    ['mysql', 'mysql'],
  ),
  same('geometry', 'GEOMETRY', [
    ...POINTS,
    "ST_GeomFromText('LINESTRING(0 0, 1 1)')",
    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))')",
    "ST_GeomFromText('POLYGON((0 0, 0 3, 3 3, 0 0))')",
  ]),
  ...mixed('geometry', 'POINT', 'GEOMETRY', POINTS),
  same('generated', "VARCHAR(20) CHARACTER SET utf8mb4 DEFAULT 'x' INVISIBLE", ["'a'", "'b'"]),
  ...mixed(
    'UUID',
    'UUID',
    'CHAR(36) CHARACTER SET ascii',
    [
      "'123e4567-e89b-12d3-a456-426655440000'",
      "'00000000-0000-0000-0000-000000000000'",
      ["'ABCDEF01-E89B-12D3-A456-426655440000'", "'abcdef01-e89b-12d3-a456-426655440000'"],
      'NULL',
    ],
    ['mariadb'],
  ),
  ...mixed(
    'UUID',
    'UUID',
    'BINARY(16)',
    [
      ["'123e4567-e89b-12d3-a456-426655440000'", "x'123e4567e89b12d3a456426655440000'"],
      ["'00000000-0000-0000-0000-000000000000'", "x'00'"],
      'NULL',
    ],
    ['mariadb'],
  ),
  ...mixed(
    'UUID',
    'UUID',
    'UUID',
    ["'123e4567-e89b-12d3-a456-426655440000'", "'123e4567-e89b-12d3-a456-426655440001'", 'NULL'],
    ['mariadb', 'mariadb'],
  ),
  ...mixed(
    'INET6',
    'INET6',
    'VARBINARY(16)',
    [
      ["'::1'", "INET6_ATON('::1')"],
      ["'::ffff:1.2.3.4'", "INET6_ATON('::ffff:1.2.3.4')"],
      ["'2001:db8::ff00:42:8329'", "INET6_ATON('2001:db8::ff00:42:8329')"],
      'NULL',
    ],
    ['mariadb'],
  ),
  ...mixed(
    'INET6',
    'INET6',
    'VARCHAR(45) CHARACTER SET latin1',
    ["'::1'", "'2001:db8::ff00:42:8329'", 'NULL'],
    ['mariadb'],
  ),
  ...mixed(
    'INET4',
    'INET4',
    'INT UNSIGNED',
    [["'1.2.3.4'", '16909060'], ["'255.255.255.255'", '4294967295'], 'NULL'],
    ['mariadb'],
  ),
  ...mixed(
    'vectors',
    'VECTOR(2)',
    'VECTOR(3)',
    ["STRING_TO_VECTOR('[1,2]')", "STRING_TO_VECTOR('[2,1]')", 'NULL'],
    ['mysql', 'mysql'],
  ),
  ...mixed(
    'vectors',
    'VECTOR(2)',
    'VARBINARY(8)',
    ["x'0000803f00000040'", "x'000000400000803f'", 'NULL'],
    ['mysql'],
  ),
];

/** A date that no calendar has, which takes a sql_mode of its own. */
export const INVALID_DATE = same('moments that no calendar has', 'DATETIME', [MAYBE_INVALID, ...MOMENTS]);
