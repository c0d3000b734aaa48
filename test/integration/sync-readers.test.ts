/** Checksums of groups and rows on real servers: what they see, in which order, and by which plans. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGroupParts } from '../../src/sync/group-parts.ts';
import { DEFAULT_HASH, type HashMethod } from '../../src/sync/hash-method.ts';
import { ALL_KEYS } from '../../src/sync/key-range.ts';
import { ALL_ROWS } from '../../src/sync/row-reader.ts';
import type { ServerKind, Side, Sides } from '../../src/sync/side.ts';
import { openGroupReader } from '../../src/sync/sql-group-reader.ts';
import { openRowReader } from '../../src/sync/sql-row-reader.ts';
import type { TablePair } from '../../src/sync/table-pair.ts';
import type { TableSideOptions } from '../../src/sync/table-side.ts';
import type { Value } from '../../src/sync/value.ts';
import { KIND_PAIRS, SIDES, type SyncStage, startSyncStage } from './sync-stage.ts';

const SHA256: HashMethod = { hash: 'sha256', columns: 'all' };
const CRC32: HashMethod = { hash: 'crc32', columns: 'all' };
const PRIMARY_KEY: HashMethod = { hash: 'md5', columns: 'primary-key' };

let stage: SyncStage;
let tables = 0;
beforeAll(async () => {
  stage = await startSyncStage();
});
afterAll(() => stage?.destroy());

type Kinds = Sides<ServerKind>;

/** Runs `sql` on both sides, or what each has; `{t}` is the table's name. */
async function make(kinds: Kinds, sql: string | Sides<string>): Promise<Sides<string>> {
  const name = `t${tables++}`;
  for (const side of SIDES) {
    const text = typeof sql === 'string' ? sql : sql[side];
    await stage.writer(kinds[side], side).query(text.replaceAll('{t}', name));
  }
  return { old: name, new: name };
}

async function change(kinds: Kinds, side: Side, table: Sides<string>, sql: string): Promise<void> {
  await stage.writer(kinds[side], side).query(sql.replaceAll('{t}', table[side]));
}

function options(kinds: Kinds, side: Side, pair: TablePair, method = DEFAULT_HASH): TableSideOptions {
  return { pair, server: stage.servers(kinds)[side], method, force: false };
}

async function sums(kinds: Kinds, pair: TablePair, method = DEFAULT_HASH) {
  const answer = async (side: Side) =>
    (await openGroupReader(options(kinds, side, pair, method)).sums(ALL_KEYS, 100)).groups;
  return { old: await answer('old'), new: await answer('new') };
}

/** The keys of groups that are not the same. */
async function differing(kinds: Kinds, pair: TablePair, method = DEFAULT_HASH): Promise<Value[]> {
  const { old, new: fresh } = await sums(kinds, pair, method);
  const texts = new Set(fresh.map((group) => JSON.stringify(group)));
  const ours = old.filter((group) => !texts.has(JSON.stringify(group))).map(({ key }) => key);
  const theirs = fresh.filter(({ key }) => !old.some((group) => group.key === key)).map(({ key }) => key);
  return [...ours, ...theirs];
}

describe.each(KIND_PAIRS)('$old and $new: checksums', (kinds) => {
  const SQL = `CREATE TABLE {t} (g BIGINT NOT NULL, id INT NOT NULL, a VARCHAR(20), b VARCHAR(20), n BIGINT UNSIGNED,
      PRIMARY KEY (g, id));
    INSERT INTO {t} VALUES (1,1,'ab','c',18446744073709551615),(1,2,'x','y',18446744073709551615),(2,1,NULL,'',0),
      (2,2,'NULL',NULL,NULL),(3,1,'same','same',1),(3,2,'same','same',1),(4,1,'kept','kept',1),(5,1,'p#q','r',1),(5,2,'N',NULL,1),(-5,1,'low','low',5)`;

  /** What is done to the new side, and the group that then differs. */
  const CHANGES: readonly (readonly [string, string, readonly string[]])[] = [
    ['nothing', 'DO 0', []],
    ['a row is missing', 'DELETE FROM {t} WHERE g = 1 AND id = 2', ['1']],
    ['a group is missing', 'DELETE FROM {t} WHERE g = 4', ['4']],
    ['a group is added', "INSERT INTO {t} VALUES (9,1,'','',0)", ['9']],
    ['a separator has moved', "UPDATE {t} SET a = 'a', b = 'bc' WHERE g = 1 AND id = 1", ['1']],
    ['a separator itself has moved', "UPDATE {t} SET a = 'p', b = 'q#r' WHERE g = 5 AND id = 1", ['5']],
    ['NULL became its mark', "UPDATE {t} SET b = 'N' WHERE g = 5 AND id = 2", ['5']],
    ['a mark became NULL', 'UPDATE {t} SET a = NULL WHERE g = 5 AND id = 2', ['5']],
    ['NULL became empty', "UPDATE {t} SET a = '' WHERE g = 2 AND id = 1", ['2']],
    ['NULL became its name', "UPDATE {t} SET a = 'NULL' WHERE g = 2 AND id = 1", ['2']],
    ['a name became NULL', 'UPDATE {t} SET a = NULL WHERE g = 2 AND id = 2', ['2']],
    ['0 became NULL', 'UPDATE {t} SET n = NULL WHERE g = 2 AND id = 1', ['2']],
    ['NULL moved to another column', "UPDATE {t} SET a = '', b = NULL WHERE g = 2 AND id = 1", ['2']],
    ['the same edit in two rows', "UPDATE {t} SET a = 'edited' WHERE g = 3", ['3']],
    [
      'values are swapped between rows',
      "UPDATE {t} SET a = IF(id = 1, 'x', 'ab'), b = IF(id = 1, 'y', 'c') WHERE g = 1",
      ['1'],
    ],
    ['a row has moved to another group', 'UPDATE {t} SET g = 4, id = 7 WHERE g = 1 AND id = 2', ['1', '4']],
    ['a number is one off', 'UPDATE {t} SET n = n - 1 WHERE g = 1 AND id = 1', ['1']],
  ];

  it.each(CHANGES)('see that %s', async (_, sql, groups) => {
    const table = await make(kinds, SQL);
    const pair = await stage.pair(kinds, table, 'g');
    await change(kinds, 'new', table, sql);
    expect(await differing(kinds, pair)).toEqual(groups);
  });

  it('of CRC-32 and of the primary key alone see what they promise', async () => {
    const table = await make(kinds, SQL);
    const pair = await stage.pair(kinds, table, 'g');
    await change(kinds, 'new', table, "UPDATE {t} SET a = 'edited' WHERE g = 3");
    await change(kinds, 'new', table, 'DELETE FROM {t} WHERE g = 4');
    expect(await differing(kinds, pair, CRC32)).toEqual(['3', '4']);
    expect(await differing(kinds, pair, PRIMARY_KEY)).toEqual(['4']);
  });

  it('are of SHA-256 where that is asked for, or a server has nothing else', async () => {
    const table = await make(kinds, SQL);
    const asked = await stage.pair(kinds, table, 'g', SHA256);
    expect(asked.digest).toBe('sha2');
    const usual = await stage.pair(kinds, table, 'g');
    expect(usual.digest).toBe(kinds.old === 'mariadb' && kinds.new === 'mariadb' ? 'md5' : 'sha2');
    await change(kinds, 'new', table, "UPDATE {t} SET a = 'edited' WHERE g = 3");
    expect(await differing(kinds, asked, SHA256)).toEqual(['3']);
  });

  it('tell duplicates apart where nothing else tells rows apart', async () => {
    const table = await make(
      kinds,
      `CREATE TABLE {t} (g INT, v VARCHAR(9), KEY (g)) ENGINE=MyISAM;
       INSERT INTO {t} VALUES (1,'a'),(1,'a'),(2,'a'),(2,'a'),(3,'a'),(3,'b'),(NULL,'a'),(NULL,'b')`,
    );
    const pair = await stage.pair(kinds, table, 'g');
    expect(pair.identity).toEqual([]);
    expect(await differing(kinds, pair)).toEqual([]);
    // By XOR two of a kind would be as good as any other two of a kind.
    await change(kinds, 'new', table, "UPDATE {t} SET v = 'b' WHERE g = 2");
    await change(kinds, 'new', table, "UPDATE {t} SET v = 'b' WHERE g IS NULL");
    expect(await differing(kinds, pair)).toEqual([null, '2']);
    const rows = openRowReader(options(kinds, 'old', pair));
    const found = await rows.firstRows('1', ALL_ROWS, 10);
    expect(found).toMatchObject([{ copies: 2 }]);
    const of3 = await rows.firstRows('3', ALL_ROWS, 10);
    expect(of3.map(({ copies }) => copies)).toEqual([1, 1]);
    expect(of3[0]!.identity[0]! < of3[1]!.identity[0]!).toBe(true);
    expect(await rows.rowsOf('3', [of3[1]!.identity])).toEqual([of3[1]]);
    expect(await rows.identityAt('3', ALL_ROWS, 2)).toEqual(of3[1]!.identity);
    expect((await rows.sum('3', { after: of3[0]!.identity, through: of3[1]!.identity })).rows).toBe(1);
    expect((await rows.sum('4', ALL_ROWS)).rows).toBe(0);
  });

  it('give any two columns of texts a row’s text of their own', async () => {
    const letters = ['#', 'N', '1', '0'];
    const texts = ['', ...letters, ...letters.flatMap((one) => letters.map((other) => one + other))];
    const values = ['NULL', ...texts.map((text) => `'${text}'`)];
    const rows = values.flatMap((a) => values.map((b) => `(${a}, ${b})`));
    const table = await make(
      kinds,
      `CREATE TABLE {t} (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(9), b TEXT); INSERT INTO {t} (a, b) VALUES ${rows.join()}`,
    );
    const pair = await stage.pair(kinds, table, null);
    const valued = { ...pair, columns: pair.columns.filter(({ name }) => name !== 'id'), group: null };
    const hashes = await Promise.all(
      SIDES.map((side) => openRowReader(options(kinds, side, valued)).firstRows(null, ALL_ROWS, 1000)),
    );
    const [old, fresh] = hashes.map((each) => each.map(({ sum }) => sum));
    expect(new Set(old).size).toBe(rows.length);
    expect(fresh).toEqual(old);
  });

  it('hold texts of any character sets, and bytes, in one row', async () => {
    const columns = (latin: string) => `id INT PRIMARY KEY, l VARCHAR(9) CHARACTER SET ${latin},
      s VARCHAR(9) CHARACTER SET sjis, u VARCHAR(9) CHARACTER SET ucs2, m VARCHAR(9) CHARACTER SET utf8mb4,
      c VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, b VARBINARY(9), e ENUM('é')`;
    const rows = "INSERT INTO {t} VALUES (1,'é','表','日','💤','é',x'ff23','é'), (2,'e','','','','',x'','')";
    const table = await make(kinds, {
      old: `CREATE TABLE {t} (${columns('latin1')}); ${rows}`,
      new: `CREATE TABLE {t} (${columns('utf8mb4')}); ${rows}`,
    });
    const pair = await stage.pair(kinds, table, null);
    expect(await differing(kinds, pair)).toEqual([]);
    await change(kinds, 'new', table, 'UPDATE {t} SET l = s, s = l WHERE id = 2');
    expect(await differing(kinds, pair)).toEqual(['2']);
  });

  it('do not overflow, nor give way to a large row', async () => {
    const table = await make(
      kinds,
      `CREATE TABLE {t} (id INT PRIMARY KEY, a LONGTEXT CHARACTER SET latin1, b LONGBLOB) ;
       INSERT INTO {t} VALUES (1, REPEAT('e', 3000000), REPEAT('b', 3000000)), (2, '', NULL)`,
    );
    const pair = await stage.pair(kinds, table, null);
    expect(await differing(kinds, pair)).toEqual([]);
    await change(kinds, 'new', table, "UPDATE {t} SET b = CONCAT(REPEAT('b', 2999999), 'c') WHERE id = 1");
    expect(await differing(kinds, pair)).toEqual(['1']);
  });
});

describe.each(KIND_PAIRS)('$old and $new: readers', (kinds) => {
  it('read groups in ranges, by key, and their keys alone', async () => {
    const table = await make(
      kinds,
      `CREATE TABLE {t} (g BIGINT, id INT, PRIMARY KEY (id), KEY (g));
       INSERT INTO {t} VALUES (NULL,1),(-3,2),(-3,3),(0,4),(9007199254740993,5),(9007199254740992,6)`,
    );
    const pair = await stage.pair(kinds, table, 'g');
    for (const side of SIDES) {
      const reader = openGroupReader(options(kinds, side, pair));
      expect(reader.name).toContain(`${side} s00 127.0.0.1:`);
      const keys = async (after: Value | undefined, through: Value | undefined, limit: number) => {
        const answer = await reader.sums({ after, through }, limit);
        const { keys: alone, last } = await reader.keys({ after, through }, limit);
        expect(alone).toEqual(answer.groups.map(({ key }) => key));
        expect(last).toEqual(answer.last);
        return [answer.groups.map(({ key, rows }) => [key, rows]), last];
      };
      expect(await keys(undefined, undefined, 2)).toEqual([
        [
          [null, 1],
          ['-3', 2],
        ],
        '-3',
      ]);
      expect(await keys(null, undefined, 1)).toEqual([[['-3', 2]], '-3']);
      expect(await keys(undefined, null, 5)).toEqual([[[null, 1]], undefined]);
      expect(await keys(undefined, '-3', 5)).toEqual([
        [
          [null, 1],
          ['-3', 2],
        ],
        undefined,
      ]);
      // Beyond what floating point can tell apart.
      expect(await keys('9007199254740992', undefined, 5)).toEqual([[['9007199254740993', 1]], undefined]);
      expect(await keys('-3', '9007199254740992', 2)).toEqual([
        [
          ['0', 1],
          ['9007199254740992', 1],
        ],
        '9007199254740992',
      ]);
      const some = await reader.sumsOf(['9007199254740993', null, '77']);
      expect(some.groups.map(({ key }) => key)).toEqual([null, '9007199254740993']);
      expect((await reader.keysOf([])).keys).toEqual([]);
      await expect(reader.sumsOf(['1 OR 1 = 1'])).rejects.toThrow('is no number');
    }
  });

  it('take each spelling of a text for a group of its own', async () => {
    const sql = (
      collation: string,
    ) => `CREATE TABLE {t} (g VARCHAR(20) ${collation}, id INT PRIMARY KEY, KEY (g));
       INSERT INTO {t} VALUES ('A',1),('a',2),('b',3),('a ',4),('é',5),('E',6),('#\\'\\\\',7),(NULL,8),('zz',9)`;
    const table = await make(kinds, {
      old: sql('CHARACTER SET latin1 COLLATE latin1_swedish_ci'),
      new: sql('CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci'),
    });
    const pair = await stage.pair(kinds, table, 'g');
    expect(pair.group).toMatchObject({ order: 'own', spelled: true });
    const { old, new: fresh } = await sums(kinds, pair);
    const byKey = (groups: typeof old) =>
      [...groups].sort((a, b) => String(a.key).localeCompare(String(b.key)));
    expect(old).toHaveLength(9);
    expect(byKey(fresh)).toEqual(byKey(old));
    for (const side of SIDES) {
      const reader = openGroupReader(options(kinds, side, pair));
      // Spellings that are one to the collation come together, and count once.
      const first = await reader.sums({ after: null, through: undefined }, 2);
      expect(first.groups.map(({ key }) => key).sort()).toEqual(["#'\\", 'A', 'a', 'a ']);
      expect(String(first.last).trim().toLowerCase()).toBe('a');
      const rest = await reader.keys({ after: first.last, through: undefined }, 10);
      expect([...rest.keys].sort()).toEqual(['E', 'b', 'zz', 'é']);
      expect(rest.last).toBeUndefined();
      const some = await reader.sumsOf(['a']);
      expect(some.groups.map(({ key }) => key).sort()).toEqual(['A', 'a', 'a ']);
      const rows = openRowReader(options(kinds, side, pair));
      const ids = async (key: string) =>
        (await rows.firstRows(key, ALL_ROWS, 10)).map(({ identity }) => identity);
      expect(await ids('a')).toEqual([['2']]);
      expect(await ids('a ')).toEqual([['4']]);
      expect(await ids('é')).toEqual([['5']]);
    }
  });

  it('read rows by identity, in ranges of two columns', async () => {
    const table = await make(
      kinds,
      `CREATE TABLE {t} (g INT, type TINYINT, item BIGINT, v VARCHAR(9), PRIMARY KEY (g, type, item));
       INSERT INTO {t} VALUES (1,1,1,'a'),(1,1,2,'b'),(1,2,1,'c'),(1,2,3,'d'),(2,1,1,'a'),(1,3,1,'e')`,
    );
    const pair = await stage.pair(kinds, table, 'g');
    const hashes: string[][] = [];
    for (const side of SIDES) {
      const rows = openRowReader(options(kinds, side, pair));
      const all = [];
      for await (const row of rows.rows('1', ALL_ROWS)) all.push(row);
      const shown = all.map(({ identity }) => identity.join());
      expect(shown).toEqual(['1,1,1', '1,1,2', '1,2,1', '1,2,3', '1,3,1']);
      hashes.push(all.map(({ sum }) => sum));
      const between = { after: ['1', '1', '2'], through: ['1', '2', '3'] };
      expect((await rows.firstRows('1', between, 10)).map(({ identity }) => identity.join())).toEqual(
        shown.slice(2, 4),
      );
      expect(await rows.firstRows('1', ALL_ROWS, 2)).toEqual(all.slice(0, 2));
      expect(await rows.identityAt('1', between, 2)).toEqual(['1', '2', '3']);
      expect(await rows.identityAt('1', between, 3)).toBeUndefined();
      expect(await rows.rowsOf('1', [all[3]!.identity, ['1', '9', '9']])).toEqual([all[3]]);
      expect(await rows.sum('7', ALL_ROWS)).toEqual({ rows: 0, sum: '' });
    }
    expect(hashes[1]).toEqual(hashes[0]);
    const halves = await Promise.all(
      SIDES.map((side) =>
        openRowReader(options(kinds, side, pair)).sum('1', { after: undefined, through: ['1', '2', '1'] }),
      ),
    );
    expect(halves[1]).toEqual(halves[0]);
    expect(halves[0]!.rows).toBe(3);
  });

  it('refuse a plan that would read all of a table for a few groups', async () => {
    const table = await make(
      kinds,
      `CREATE TABLE {t} (id INT PRIMARY KEY AUTO_INCREMENT, g INT NOT NULL, v INT);
       INSERT INTO {t} (g) VALUES (1),(2),(3),(4),(5),(6),(7),(8);
       ${'INSERT INTO {t} (g) SELECT g + 8 FROM {t};'.repeat(10)} ANALYZE TABLE {t}`,
    );
    const pair = await stage.pair(kinds, table, 'g');
    for (const side of SIDES) {
      const reader = openGroupReader(options(kinds, side, pair));
      await expect(reader.sums(ALL_KEYS, 5)).rejects.toThrow(
        /^checksums of t on .* read the whole table.*Its plan: table=.*Give the table an index that begins with `g`/,
      );
      const forced = openGroupReader({ ...options(kinds, side, pair), force: true });
      expect((await forced.sums(ALL_KEYS, 5)).groups).toHaveLength(5);
    }
    const byId = await stage.pair(kinds, table, null);
    for (const side of SIDES) {
      const reader = openGroupReader(options(kinds, side, byId));
      expect((await reader.sums({ after: '100', through: undefined }, 5)).groups).toHaveLength(5);
    }
  });

  it('read a table that has nothing to group by as one group', async () => {
    const table = await make(kinds, 'CREATE TABLE {t} (v INT); INSERT INTO {t} VALUES (1),(1),(NULL)');
    const pair = await stage.pair(kinds, table, null);
    expect(pair.group).toBeNull();
    const { old, new: fresh } = await sums(kinds, pair);
    expect(fresh).toEqual(old);
    expect(old).toMatchObject([{ key: null, rows: 3 }]);
    const reader = openGroupReader(options(kinds, 'old', pair));
    expect((await reader.sums({ after: null, through: undefined }, 9)).groups).toEqual([]);
    expect((await openRowReader(options(kinds, 'new', pair)).firstRows(null, ALL_ROWS, 9)).length).toBe(2);
  });
});

// Of two kinds, which is all that matters here.
describe.each(KIND_PAIRS.slice(1, 2))('$old and $new: parts', (kinds) => {
  it.each([
    ['md5', DEFAULT_HASH],
    ['sha256', SHA256],
    ['crc32', CRC32],
  ])('sum a group up in parts as in one, by %s', async (_, method) => {
    const table = await make(
      kinds,
      `CREATE TABLE {t} (g VARCHAR(9), id INT, n BIGINT UNSIGNED, v VARCHAR(9), PRIMARY KEY (g, id, n), KEY (v, g)) CHARACTER SET utf8mb4;
       INSERT INTO {t} VALUES ('a',1,1,'a'),('a',1,18446744073709551615,'b'),('a',2,1,'c'),('A',6,3,'d'),('a',3,3,'e'),
         ('a',4,1,'f'),('a',5,1,''),('b',1,1,'g'),('é',1,1,'h'),('é',2,1,NULL)`,
    );
    for (const key of ['g', 'v', 'id']) {
      const pair = await stage.pair(kinds, table, key, method);
      for (const side of SIDES) {
        const of = { ...options(kinds, side, pair, method), force: true };
        const { groups } = await openGroupReader(of).sums(ALL_KEYS, 100);
        for (const partRows of [1, 3]) {
          const parts = openGroupParts(of, partRows)!;
          for (const { key: value, rows, sum } of groups)
            expect(await parts.sum(value)).toEqual({ rows, sum });
        }
        expect(await openGroupParts(of)!.sum('7')).toEqual({ rows: 0, sum: '' });
      }
    }
    // Of a row by itself, or one that nothing tells from others, there are no parts.
    const [side] = SIDES;
    const alone = await stage.pair(kinds, await make(kinds, 'CREATE TABLE {t} (id INT PRIMARY KEY)'), null);
    const plain = await stage.pair(kinds, await make(kinds, 'CREATE TABLE {t} (g INT, KEY (g))'), 'g');
    expect([alone, plain].map((pair) => openGroupParts(options(kinds, side!, pair)))).toEqual([null, null]);
  });
});

describe.each(KIND_PAIRS.filter(({ old, new: fresh }) => old !== fresh))('$old and $new: JSON', (kinds) => {
  it('is made canonical by the client, in groups too', async () => {
    const text = (spaced: boolean) => (spaced ? `'{"b": [1, 2], "a": 1}'` : `'{"a":1,"b":[1,2]}'`);
    const sql = (spaced: boolean) => `CREATE TABLE {t} (g INT, id INT, j JSON, PRIMARY KEY (g, id));
      INSERT INTO {t} VALUES (1,1,${text(spaced)}),(1,2,NULL),(2,1,'1'),(3,1,'"x"')`;
    const table = await make(kinds, { old: sql(true), new: sql(false) });
    const pair = await stage.pair(kinds, table, 'g');
    expect(await differing(kinds, pair)).toEqual([]);
    await change(kinds, 'new', table, `UPDATE {t} SET j = '{"a":2,"b":[1,2]}' WHERE g = 1 AND id = 1`);
    await change(kinds, 'new', table, "UPDATE {t} SET j = '1.0' WHERE g = 2");
    expect(await differing(kinds, pair)).toEqual(['1', '2']);
    const reader = openGroupReader(options(kinds, 'new', pair));
    expect((await reader.sums({ after: '1', through: undefined }, 1)).last).toBe('2');
    for (const side of SIDES) {
      const [first] = (await openGroupReader(options(kinds, side, pair)).sumsOf(['1'])).groups;
      const parts = openGroupParts(options(kinds, side, pair), 1)!;
      expect(await parts.sum('1')).toEqual({ rows: 2, sum: first!.sum });
    }
    const [old, fresh] = await Promise.all(
      SIDES.map((side) => openRowReader(options(kinds, side, pair)).firstRows('1', ALL_ROWS, 9)),
    );
    expect(fresh![0]!.sum).not.toBe(old![0]!.sum);
    expect(fresh![1]).toEqual(old![1]);
  });
});

describe('a replica without MD5', () => {
  it('is refused where its primary has it', async () => {
    const kinds: Kinds = { old: 'mariadb', new: 'mariadb' };
    const table = await make(kinds, 'CREATE TABLE {t} (id INT PRIMARY KEY)');
    const pair = await stage.pair(kinds, table, null);
    const replica = stage.servers({ old: 'mysql', new: 'mysql' }).old;
    expect(() => openGroupReader({ pair, server: replica, method: DEFAULT_HASH, force: false })).toThrow(
      /^old s00 .* has no MD5\(\), which the others have: hash by sha256$/,
    );
  });
});

describe('two shapes of a table', () => {
  const KINDS: Kinds = { old: 'mariadb', new: 'mysql' };
  const faults = async (old: string, fresh: string, key: string | null = null) => {
    const table = await make(KINDS, { old, new: fresh });
    const paired = await stage.pairing(KINDS, table, key);
    return 'faults' in paired ? paired.faults : [];
  };

  it('are faulted for what can’t be compared, all at once', async () => {
    expect(
      await faults(
        'CREATE TABLE {t} (id INT PRIMARY KEY, a INT, at TIMESTAMP NULL, d DECIMAL(5,2))',
        'CREATE TABLE {t} (id INT PRIMARY KEY, b INT, at DATETIME NULL, d DOUBLE)',
        'nothing',
      ),
    ).toEqual([
      'the column `a` is on old alone',
      expect.stringMatching(
        /^the column `at` can't be compared: it is timestamp on old and datetime on new, and a DATETIME does not say/,
      ),
      expect.stringMatching(
        /^the column `d` can't be compared: it is decimal\(5,2\) on old and double on new/,
      ),
      'the column `b` is on new alone',
      'the group column `nothing` is on neither side',
    ]);
    expect(await faults('DO 0', 'CREATE TABLE {t} (id INT)')).toEqual([
      'the table is on new alone, not on old, or the account may not see it',
    ]);
    expect(await faults('CREATE VIEW {t} AS SELECT 1 AS id', 'CREATE TABLE {t} (id INT)')).toEqual([
      'it is a view on old: only tables are compared',
    ]);
    expect(await faults('CREATE TABLE {t} (j JSON)', 'CREATE TABLE {t} (j JSON)')).toEqual([
      'the column `j` is compared row by row, for which the table needs a primary key on both sides',
    ]);
    expect(
      await faults("CREATE TABLE {t} (e ENUM('a',''))", "CREATE TABLE {t} (e ENUM('a','b'))", 'e'),
    ).toEqual([
      expect.stringMatching(/^the rows can't be grouped by `e`: no condition tells its empty member/),
    ]);
    expect(await faults('CREATE TABLE {t} (f FLOAT)', 'CREATE TABLE {t} (f FLOAT)', 'f')).toEqual([
      "the rows can't be grouped by `f`: it is float on old and float on new",
    ]);
  });

  it('are paired without what a server makes up, by the key that both have', async () => {
    const table = await make(KINDS, {
      old: `CREATE TABLE {t} (id INT, Name VARCHAR(9) NOT NULL, twice INT AS (id * 2) STORED, hidden INT DEFAULT 1 INVISIBLE,
              from_t TIMESTAMP(6) GENERATED ALWAYS AS ROW START, to_t TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
              PERIOD FOR SYSTEM_TIME (from_t, to_t), UNIQUE (Name)) WITH SYSTEM VERSIONING`,
      new: `SET SESSION sql_generate_invisible_primary_key = ON;
            CREATE TABLE {t} (id INT, name VARCHAR(9) NOT NULL, twice INT AS (id * 2) VIRTUAL,
              hidden INT DEFAULT 1 INVISIBLE, UNIQUE (name)); SET SESSION sql_generate_invisible_primary_key = OFF`,
    });
    const pair = await stage.pair(KINDS, table, null);
    expect(pair.columns.map(({ name }) => name)).toEqual(['id', 'Name', 'twice', 'hidden']);
    expect(pair.identity.map(({ name, column }) => [name, column.new])).toEqual([['Name', '`name`']]);
    for (const side of SIDES)
      await change(KINDS, side, table, `INSERT INTO {t} (id, name, hidden) VALUES (1, 'a', 7), (2, 'b', 8)`);
    expect(await differing(KINDS, pair)).toEqual([]);
    await change(KINDS, 'new', table, 'UPDATE {t} SET hidden = 9 WHERE id = 2');
    expect(await differing(KINDS, pair)).toEqual(['b']);
  });
});
