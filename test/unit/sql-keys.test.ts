/** Which keys a statement touches, and what becomes of it when only some of them are mirrored. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HASH_BUCKETS, hashKey, integerKey, stringKey } from '../../src/sql/key-text.ts';
import {
  type Binding,
  bind,
  type Catalog,
  type KeysFound,
  type MovedTable,
  readKeys,
} from '../../src/sql/keys.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { canNarrow, rewrite } from '../../src/sql/rewrite.ts';
import { DEFAULT_SQL_MODE } from '../../src/sql/sql-mode.ts';

const MOVED: readonly MovedTable[] = [
  { name: 'messages', key: 'folderid', columns: ['folderid', 'type', 'itemid'] },
  { name: 'comments', key: 'folderid', columns: null },
  { name: 'names', key: 'name', columns: null, keyType: 'string' },
  { name: 'numbers', key: 'id', columns: null, keyType: 'integer' },
  { name: 'keyless', key: null, columns: null },
  { name: 'numbered', key: 'id', columns: ['id', 'a'], keyType: 'integer', numbered: true },
];

const catalog: Catalog = {
  version: 1,
  table: (database, name) =>
    database === 'mc' ? (MOVED.find((table) => table.name === name) ?? null) : null,
};
const reader = new SqlReader({ maxPlans: 5000, seed: 9 });

const KINDS: Readonly<Record<string, 'exact' | 'approximate'>> = { number: 'exact', double: 'approximate' };

interface Read {
  readonly sql: Buffer;
  readonly binding: Binding;
  readonly found: KeysFound;
}

function read(text: string, params?: readonly (string | null)[]): Read {
  const sql = Buffer.from(text);
  const plan = reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
  const binding = bind(plan, 'mc', catalog);
  const reading = params && { key: (ordinal: number) => params[ordinal] ?? null, numberKind: () => null };
  return { sql, binding, found: readKeys(binding, sql, reader.lexed, reading) };
}

function keys(text: string, params?: readonly (string | null)[]): string {
  const { binding, found } = read(text, params);
  const names = found.keys.map((key, index) => `${binding.tables[found.tables[index]!]!.name}:${key}`);
  return [...names, found.complete ? 'complete' : 'incomplete'].join(' ');
}

describe('keys of parameters', () => {
  it.each([
    ['UPDATE names SET a = 1 WHERE name = ?', 'number', 'incomplete'],
    ['UPDATE names SET a = 1 WHERE name = ?', 'string', 'names:5 complete'],
    ['INSERT INTO names (name) VALUES (?)', 'number', 'names:5 complete'],
    ['UPDATE numbers SET a = 1 WHERE id = ?', 'number', 'numbers:5 complete'],
    ['UPDATE names SET a = 1 WHERE name = ?', 'double', 'incomplete'],
    ['INSERT INTO names (name) VALUES (?)', 'double', 'names:5 complete'],
  ])(
    '%s, a %s: a column of strings equals a number in many spellings, and stores it in one',
    (text, type, expected) => {
      const sql = Buffer.from(text);
      const binding = bind(reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE), 'mc', catalog);
      const params = { key: () => '5', numberKind: () => KINDS[type] ?? null };
      const found = readKeys(binding, sql, reader.lexed, params);
      const names = found.keys.map((key, index) => `${binding.tables[found.tables[index]!]!.name}:${key}`);
      expect([...names, found.complete ? 'complete' : 'incomplete'].join(' ')).toBe(expected);
    },
  );

  it.each([
    ['names (name)', 'double', 'incomplete'],
    ['names (name)', 'number', 'names:1700000000123456 complete'],
    ['numbers (id)', 'double', 'numbers:1700000000123456 complete'],
  ])('INSERT INTO %s, a long %s: a text of it has an exponent', (into, type, expected) => {
    const sql = Buffer.from(`INSERT INTO ${into} VALUES (?)`);
    const binding = bind(reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE), 'mc', catalog);
    const params = { key: () => '1700000000123456', numberKind: () => KINDS[type] ?? null };
    const found = readKeys(binding, sql, reader.lexed, params);
    const names = found.keys.map((key, index) => `${binding.tables[found.tables[index]!]!.name}:${key}`);
    expect([...names, found.complete ? 'complete' : 'incomplete'].join(' ')).toBe(expected);
  });
});

describe('keys that the server gives out', () => {
  it.each([
    ['INSERT INTO numbered (a) VALUES (1)', 1],
    ['INSERT INTO numbered (a) VALUES (1), (2), (3)', 3],
    ['INSERT INTO numbered VALUES (0, 1), (NULL, 2), (DEFAULT, 3)', 3],
    ["INSERT INTO numbered (a, ID) VALUES (1, '0')", 1],
    ['INSERT INTO numbered SET a = 0, id = 0', 1],
    ['INSERT INTO numbered SET a = 1', 1],
    ['INSERT INTO numbers (id) VALUES (0)', 0],
    ['UPDATE numbered SET a = 0 WHERE id = 0', 0],
    ['INSERT INTO numbered VALUES (1, 0)', 0],
    ['INSERT INTO numbered VALUES (f(), 0)', 0],
    ['INSERT INTO numbered SELECT 0, a FROM numbers', 0],
  ])('%s: %i', (sql, rows) => {
    const { found } = read(sql);
    expect(found.numbered).toBe(rows);
    if (rows > 0) expect([found.keys, found.complete]).toEqual([[], false]);
  });

  it.each([
    ['INSERT INTO numbered VALUES (7, 1)', true],
    ["INSERT INTO numbered (a, id) VALUES (0, '7'), (0, 8)", true],
    ['REPLACE INTO numbered SET id = 7', true],
    ['INSERT INTO numbered VALUES (7, 1), (0, 1)', false],
    ['INSERT INTO numbered VALUES (-7, 1)', false],
    ['INSERT INTO numbered VALUES (7 - 7, 1)', false],
    ['INSERT INTO numbered VALUES (7.4, 1)', false],
    ["INSERT INTO numbered VALUES ('x', 1)", false],
    ['INSERT INTO numbered (a) VALUES (7)', false],
    ['INSERT INTO numbered SELECT 7, a FROM numbers', false],
    ['INSERT INTO numbers (id) VALUES (7)', false],
    ['UPDATE numbered SET a = 1 WHERE id = 7', false],
  ])('are not asked for where each row brings its own: %s, %s', (sql, brings) => {
    expect(read(sql).found.bringsNumbers).toBe(brings);
  });

  it('are no keys among others either', () => {
    expect(keys('INSERT INTO numbered VALUES (0, 1), (7, 2)')).toBe('numbered:7 incomplete');
    expect(read('INSERT INTO numbered VALUES (0, 1), (7, 2)').found.numbered).toBe(0);
    expect(keys('INSERT INTO numbered VALUES (?, ?)', ['0', '1'])).toBe('incomplete');
    expect(read('INSERT INTO numbered VALUES (?, ?)', ['0', '1']).found.numbered).toBe(1);
    expect(keys('REPLACE INTO numbered VALUES (0, 1)')).toBe('incomplete');
    expect(keys('UPDATE numbered SET a = 1 WHERE id = 0')).toBe('numbered:0 complete');
  });
});

describe('keys of a statement', () => {
  it.each([
    ['SELECT * FROM messages WHERE folderid = 5', 'messages:5 complete'],
    ['SELECT * FROM messages WHERE FolderID = 0005 AND type = 3', 'messages:5 complete'],
    [
      "SELECT * FROM messages m WHERE m.folderid IN (5, -6, '7')",
      'messages:5 messages:-6 messages:7 complete',
    ],
    ['SELECT * FROM mc.messages WHERE mc.messages.folderid = 5', 'messages:5 complete'],
    ['SELECT * FROM messages WHERE folderid > 5', 'incomplete'],
    ['SELECT * FROM messages WHERE folderid = 5 OR type = 3', 'incomplete'],
    ['SELECT * FROM messages WHERE folderid = 5.0', 'incomplete'],
    ['SELECT * FROM messages WHERE folderid = 0x5', 'incomplete'],
    ["SELECT * FROM messages WHERE folderid = '05'", 'incomplete'],
    ["SELECT * FROM messages WHERE folderid = 'a\\'b'", "messages:a'b complete"],
    ['SELECT * FROM messages WHERE folderid = NULL', 'incomplete'],
    ['SELECT * FROM messages WHERE folderid IN (1, NULL)', 'messages:1 incomplete'],
    ['SELECT * FROM messages WHERE folderid = - /* c */ 5', 'messages:-5 complete'],
    ['SELECT * FROM messages WHERE (folderid, type) IN ((1, 2), (3, 4))', 'messages:1 messages:3 complete'],
    ['INSERT INTO messages (type, folderid) VALUES (1, 5), (2, 6)', 'messages:5 messages:6 complete'],
    ['INSERT INTO messages VALUES (5, 1, 2)', 'messages:5 complete'],
    ['INSERT INTO comments VALUES (5, 1, 2)', 'incomplete'],
    ['INSERT INTO comments (a) VALUES (5)', 'incomplete'],
    ['INSERT INTO messages (folderid) VALUES (5), (f(6)), (DEFAULT)', 'messages:5 incomplete'],
    ['INSERT INTO messages SET folderid = 5', 'messages:5 complete'],
    ['INSERT INTO messages SELECT * FROM comments WHERE folderid = 5', 'comments:5 incomplete'],
    ['INSERT INTO messages (folderid) VALUES (5) ON DUPLICATE KEY UPDATE type = 1', 'messages:5 complete'],
    [
      'INSERT INTO messages (folderid) VALUES (5) ON DUPLICATE KEY UPDATE folderid = 6',
      'messages:5 messages:6 complete',
    ],
    [
      'INSERT INTO messages (folderid) VALUES (5) ON DUPLICATE KEY UPDATE folderid = type',
      'messages:5 incomplete',
    ],
    ['UPDATE messages SET type = 1 WHERE folderid = 5', 'messages:5 complete'],
    ['UPDATE messages SET folderid = 6 WHERE folderid = 5', 'messages:6 messages:5 complete'],
    ['UPDATE messages SET folderid = folderid + 1 WHERE folderid = 5', 'messages:5 incomplete'],
    ['DELETE FROM messages WHERE folderid = 5 AND itemid IN (1, 2)', 'messages:5 complete'],
    ['DELETE FROM messages', 'incomplete'],
    ['TRUNCATE messages', 'incomplete'],
    [
      'SELECT * FROM messages m, comments c WHERE m.folderid = 5 AND c.folderid = 6',
      'messages:5 comments:6 complete',
    ],
    ['SELECT * FROM messages m, comments c WHERE m.folderid = 5', 'messages:5 incomplete'],
    [
      'SELECT * FROM messages JOIN comments USING (folderid) WHERE folderid = 5',
      'messages:5 comments:5 complete',
    ],
    [
      'SELECT * FROM messages WHERE folderid = 5 UNION SELECT * FROM messages WHERE folderid = 6',
      'messages:5 messages:6 complete',
    ],
    [
      'SELECT * FROM messages WHERE folderid = 5 AND type = (SELECT 1 FROM comments)',
      'messages:5 incomplete',
    ],
    ["SELECT * FROM names WHERE name = '05'", 'names:05 complete'],
    ['SELECT * FROM names WHERE name = 5', 'incomplete'],
    ["SELECT * FROM numbers WHERE id = '5'", 'numbers:5 complete'],
    ["SELECT * FROM numbers WHERE id = 'five'", 'incomplete'],
    ['SELECT * FROM keyless WHERE id = 5', 'incomplete'],
    ['SELECT * FROM messages WHERE folderid = 5 /*!99999 OR 1 */', 'incomplete'],
  ])('%s', (text, expected) => expect(keys(text)).toBe(expected));

  it('come from parameters by their ordinal', () => {
    const text = 'INSERT INTO messages (type, folderid) VALUES (?, ?), (?, 7), (?, ?)';
    expect(keys(text, ['1', '5', '1', '1', '6'])).toBe('messages:5 messages:7 messages:6 complete');
    expect(keys(text, ['1', '5', '1', '1', null])).toBe('messages:5 messages:7 incomplete');
    expect(keys('SELECT * FROM messages WHERE folderid = ?')).toBe('incomplete');
  });

  it.each([
    ['SELECT * FROM messages', 'moved'],
    ['SELECT * FROM users', 'unmoved'],
    ['SELECT * FROM other.messages', 'unmoved'],
    ['SELECT * FROM messages, users', 'mixed'],
    ['SELECT 1', 'none'],
  ])('%s is %s', (text, scope) => expect(read(text).binding.scope).toBe(scope));
});

describe('key texts', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['007', '7'],
    ['-007', '-7'],
    ['+7', '7'],
    ['18446744073709551615', '18446744073709551615'],
    ['18446744073709551616', null],
    ['-9223372036854775808', '-9223372036854775808'],
    ['-9223372036854775809', null],
    ['9007199254740993', '9007199254740993'],
    ['1.0', null],
    ['', null],
  ])('of the integer %s is %s', (text, expected) => expect(integerKey(text)).toBe(expected));

  it('of strings are those of the integers that they spell', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        expect(stringKey(String(value))).toBe(integerKey(String(value)));
        expect(integerKey(String(value))).toBe(String(value));
      }),
    );
    expect(['05', ' 5', '5.0', '5e0', '+5', '-0'].map((text) => stringKey(text))).toEqual(
      Array(6).fill(null),
    );
    expect(stringKey('550e8400-e29b')).toBe('550e8400-e29b');
  });
});

describe('the share of keys that a ratio selects', () => {
  it('is even over neighbouring keys, whatever the table', () => {
    for (const table of ['messages', 'm2', '']) {
      const buckets = new Array<number>(100).fill(0);
      for (let key = 0; key < 100_000; key++) buckets[Math.floor(hashKey(table, String(key)) / 100)]!++;
      // 1,000 a bucket on average, with a deviation of 31: six of them are never reached by chance.
      expect(Math.max(...buckets)).toBeLessThan(1190);
      expect(Math.min(...buckets)).toBeGreaterThan(810);
    }
  });

  it('only grows with the ratio', () => {
    const selected = (ratio: number): string[] =>
      Array.from({ length: 2000 }, (_, key) => String(key)).filter((key) => hashKey('t', key) < ratio * 100);
    for (const [low, high] of [
      [1, 2],
      [10, 10.01],
      [25, 90],
      [99, 100],
    ] as const) {
      const higher = new Set(selected(high));
      expect(selected(low).filter((key) => !higher.has(key))).toEqual([]);
    }
    expect(selected(0)).toEqual([]);
    expect(selected(100)).toHaveLength(2000);
  });

  it('is the same in every release', () => {
    expect([hashKey('messages', '1'), hashKey('messages', '2'), hashKey('t', 'ключ')]).toEqual([
      6517, 1403, 7878,
    ]);
    expect(HASH_BUCKETS).toBe(10_000);
  });
});

describe('narrowing', () => {
  const narrowed = (text: string, keep: readonly string[]): string | null => {
    const { sql, binding, found } = read(text);
    expect(canNarrow(binding, reader.lexed, found)).toBe(true);
    const result = rewrite(
      sql,
      reader.lexed,
      binding,
      found,
      (index) => keep.includes(found.keys[index]!),
      null,
    );
    return result === null ? null : result.toString();
  };
  const insert =
    'INSERT INTO messages (folderid, type) VALUES (1, 10) ,\n(2, 20),(3,30) ON DUPLICATE KEY UPDATE type=5';
  const list = 'DELETE FROM messages WHERE itemid IN (7,8) AND folderid IN ( 1 , 2,3 ) AND type=1';

  it.each([
    [insert, ['1', '2', '3'], insert],
    [insert, ['1'], 'INSERT INTO messages (folderid, type) VALUES (1, 10) ON DUPLICATE KEY UPDATE type=5'],
    [insert, ['2'], 'INSERT INTO messages (folderid, type) VALUES (2, 20) ON DUPLICATE KEY UPDATE type=5'],
    [insert, ['3'], 'INSERT INTO messages (folderid, type) VALUES (3,30) ON DUPLICATE KEY UPDATE type=5'],
    [
      insert,
      ['1', '3'],
      'INSERT INTO messages (folderid, type) VALUES (1, 10),(3,30) ON DUPLICATE KEY UPDATE type=5',
    ],
    [insert, [], null],
    [
      'INSERT INTO messages (folderid) VALUES (1),(2),(1)',
      ['1'],
      'INSERT INTO messages (folderid) VALUES (1),(1)',
    ],
    [list, ['1'], 'DELETE FROM messages WHERE itemid IN (7,8) AND folderid IN ( 1 ) AND type=1'],
    [list, ['3'], 'DELETE FROM messages WHERE itemid IN (7,8) AND folderid IN ( 3 ) AND type=1'],
    [list, ['1', '3'], 'DELETE FROM messages WHERE itemid IN (7,8) AND folderid IN ( 1,3 ) AND type=1'],
    [list, [], null],
  ])('%s to %j', (text, keep, expected) => expect(narrowed(text, keep)).toBe(expected));

  it.each([
    'SELECT * FROM messages WHERE folderid IN (1,2)',
    'DELETE FROM messages WHERE folderid IN (1,2) LIMIT 1',
    'DELETE FROM messages WHERE folderid IN (1,2) OR type = 1',
    'DELETE FROM messages WHERE (folderid, type) IN ((1,2),(3,4))',
    'DELETE FROM messages WHERE folderid IN (1,2) AND folderid IN (2,3)',
    'DELETE FROM messages WHERE folderid IN (1,0x2)',
    'DELETE m FROM messages m JOIN comments c USING (folderid) WHERE folderid IN (1,2)',
    'UPDATE messages SET folderid = 5 WHERE folderid IN (1,2)',
    'INSERT INTO messages (folderid) VALUES (1), (f(2))',
    'INSERT INTO messages (folderid) VALUES (1) /*! , (2) */',
    'INSERT INTO messages (folderid) SELECT 1',
  ])('is refused: %s', (text) => {
    const { binding, found, sql } = read(text);
    expect(canNarrow(binding, reader.lexed, found)).toBe(false);
    expect(() => rewrite(sql, reader.lexed, binding, found, () => true, null)).toThrow(RangeError);
  });

  it('leaves a statement of exactly the keys that are kept', () => {
    const ids = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(ids, fc.array(fc.integer({ min: 0, max: 9 })), fc.boolean(), (all, kept, asRows) => {
        const text = asRows
          ? `INSERT INTO messages (type, folderid) VALUES ${all.map((id) => `(')', ${id})`).join(' , ')};`
          : `UPDATE messages SET type = 3 WHERE folderid IN (${all.join(',')}) -- x`;
        const { sql, binding, found } = read(text);
        const keep = new Set(kept.map(String));
        const result = rewrite(
          sql,
          reader.lexed,
          binding,
          found,
          (index) => keep.has(found.keys[index]!),
          null,
        );
        const left = all.map(String).filter((id) => keep.has(id));
        if (result === null) expect(left).toEqual([]);
        else expect([...read(result.toString()).found.keys]).toEqual(left);
      }),
    );
  });
});

describe('database names', () => {
  it.each([
    ['SELECT * FROM mc.messages', 'SELECT * FROM `new``db`.messages'],
    ['SELECT `mc`.messages.a FROM `mc`.`messages`', 'SELECT `new``db`.messages.a FROM `new``db`.`messages`'],
    ['SELECT mc.a, mc.* FROM t AS mc', 'SELECT mc.a, mc.* FROM t AS mc'],
    ['SELECT mc.t.*, mc.f(1) FROM mc.t', 'SELECT `new``db`.t.*, `new``db`.f(1) FROM `new``db`.t'],
    ['SELECT * FROM MC.t', 'SELECT * FROM MC.t'],
    ["SELECT 'mc.t', mc FROM mc -- mc.t", "SELECT 'mc.t', mc FROM mc -- mc.t"],
    ['/* mc.t */ INSERT INTO mc.t (a) VALUES (mc.b);', 'INSERT INTO `new``db`.t (a) VALUES (mc.b)'],
    ['/*!50001 DELETE */ FROM mc.t', '/*!50001 DELETE */ FROM `new``db`.t'],
  ])('%s', (text, expected) => {
    const { sql, binding, found } = read(text);
    const mapped = rewrite(sql, reader.lexed, binding, found, null, { from: 'mc', to: 'new`db' });
    expect(mapped?.toString()).toBe(expected);
  });

  it('leave the text as it is when there is nothing to do, in memory of its own', () => {
    const { sql, binding, found } = read('SELECT * FROM messages');
    const text = rewrite(sql, reader.lexed, binding, found, null, { from: 'mc', to: 'x' });
    expect(text?.toString()).toBe('SELECT * FROM messages');
    sql.fill(0x20);
    expect(text?.toString()).toBe('SELECT * FROM messages');
  });

  it('are mapped and keys dropped in one go', () => {
    const { sql, binding, found } = read('INSERT INTO mc.messages (folderid) VALUES (1),((SELECT 2)),(3)');
    expect(found.complete).toBe(false);
    const whole = rewrite(sql, reader.lexed, binding, found, null, { from: 'mc', to: 'x' });
    expect(whole?.toString()).toBe('INSERT INTO `x`.messages (folderid) VALUES (1),((SELECT 2)),(3)');
    const rows = read(
      'INSERT INTO mc.messages (folderid, type) VALUES (1, mc.f(1)),(2, mc.f(2)),(3, mc.f(3))',
    );
    const cut = rewrite(rows.sql, reader.lexed, rows.binding, rows.found, (index) => index === 1, {
      from: 'mc',
      to: 'x',
    });
    expect(cut?.toString()).toBe('INSERT INTO `x`.messages (folderid, type) VALUES (2, `x`.f(2))');
  });
});
