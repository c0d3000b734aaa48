/** What must hold of digests for any statement, by properties; and of the lexer for any bytes, by fuzzing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestText } from '../../src/sql/digest.ts';
import { type Lexed, LITERAL } from '../../src/sql/lexed.ts';
import { Lexer } from '../../src/sql/lexer.ts';
import { SqlReader } from '../../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE, type SqlMode } from '../../src/sql/sql-mode.ts';

const lexer = new Lexer(7);

function lex(text: string | Buffer, mode: SqlMode = DEFAULT_SQL_MODE): Lexed {
  const sql = Buffer.from(text);
  return lexer.lex(sql, 0, sql.length, mode, true);
}

/** All that two statements of one digest have in common. */
function identity(text: string): (string | number)[] {
  const { hashA, hashB, tokenCount, slotCount } = lex(text);
  return [hashA, hashB, tokenCount, slotCount, digestText(Buffer.from(text), lexer.lexed, DEFAULT_SQL_MODE)];
}

// ---- statements by pieces ----------------------------------------------------------------------------------

/** A keyword, a name, an operator, or a place where literals stand. */
type Piece =
  | { readonly word: string }
  | { readonly name: string }
  | { readonly mark: string }
  | { readonly place: 'literal' | 'list' | 'rows' };

const KEYWORDS = new Set(
  (
    'select from where and order by desc limit join on in not insert into values key update delete set or ' +
    'union all group having between'
  ).split(' '),
);

const STATEMENTS: readonly (readonly Piece[])[] = [
  'select itemid , ts from messages where folderid = L and type = L order by ts desc limit L',
  'select * from a.messages m join users u on m.senderid = u.id where m.folderid in S and not u.flags & L',
  'insert into messages ( folderid , type ) values R',
  'insert into messages values R on duplicate key update ts = L',
  'delete from messages where folderid = L and itemid in S limit L',
  'update users set name = L , age = age - L where id = L or id > L',
  '( select a from t where k = L ) union all ( select b from u where k in S )',
  'select count ( * ) , t.* from t where x between L and L group by y having max ( z ) > L',
].map((text) =>
  text.split(' ').map((part): Piece => {
    if (part === 'L') return { place: 'literal' };
    if (part === 'S') return { place: 'list' };
    if (part === 'R') return { place: 'rows' };
    if (/^[^a-z]/.test(part)) return { mark: part };
    return KEYWORDS.has(part) ? { word: part } : { name: part };
  }),
);

const integers = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map(String);
const plainText = fc
  .string({ maxLength: 90 })
  .map((text) => `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`);
const literal = fc.oneof(
  integers,
  plainText,
  plainText.map((text) => `_utf8${text}`),
  fc.constantFrom('1.5', '.5', '1e9', "x'41'", '0x1f', "b'01'", '?', "''", '-7', '- 7'),
);
const element = fc.oneof(literal, fc.constantFrom('NULL', 'true', 'FALSE'));
const blank = fc.constantFrom(' ', '\n', '\t ', ' /* c */ ', ' -- c\n', '\r\n', " /* ' */ ", '#x\n');

interface Rendering {
  readonly text: string;
  readonly literals: readonly string[];
}

/** Renders the pieces with literals, blanks, case and repetitions of the renderer's choice. */
function rendering(pieces: readonly Piece[]): fc.Arbitrary<Rendering> {
  const parts = pieces.map((piece) => {
    if ('word' in piece) return fc.constantFrom(piece.word, piece.word.toUpperCase()).map(fixed);
    if ('name' in piece) return fc.constant(fixed(piece.name));
    if ('mark' in piece) return fc.constant(fixed(piece.mark));
    if (piece.place === 'literal') return literal.map((text) => ({ text, literals: [text] }));
    const list = fc
      .array(element, { minLength: 1, maxLength: 5 })
      .map((texts) => ({ text: `(${texts.join(' , ')})`, literals: texts }));
    return piece.place === 'list' ? list : rowsOf();
  });
  return fc
    .tuple(fc.tuple(...parts), fc.array(blank, { minLength: 40, maxLength: 40 }))
    .map(([found, blanks]) => ({
      text: found.map((part, index) => part.text + blanks[index]!).join(''),
      literals: found.flatMap((part) => [...part.literals]),
    }));
}

function rowsOf(): fc.Arbitrary<Rendering> {
  const row = fc.tuple(element, element);
  return fc.array(row, { minLength: 1, maxLength: 6 }).map((rows) => ({
    text: rows.map((pair) => `(${pair.join(',')})`).join(' , '),
    literals: rows.flat(),
  }));
}

function fixed(text: string): Rendering {
  return { text, literals: [] };
}

const anyStatement = fc.constantFrom(...STATEMENTS);

describe('digests', () => {
  it('are equal whatever the literals, blanks, comments, case of keywords, rows and lists are', () => {
    const pair = anyStatement.chain((pieces) => fc.tuple(rendering(pieces), rendering(pieces)));
    fc.assert(
      fc.property(pair, ([left, right]) => {
        expect(identity(left.text)).toEqual(identity(right.text));
      }),
    );
  });

  it('cover the text of each literal exactly', () => {
    fc.assert(
      fc.property(anyStatement.chain(rendering), ({ text, literals }) => {
        const lexed = lex(text);
        const sql = Buffer.from(text);
        const found = Array.from({ length: lexed.literalCount }, (_, index) =>
          sql.toString('utf8', lexed.literalStart(index), lexed.literalEnd(index)),
        );
        expect(found).toEqual(literals);
      }),
    );
  });

  it('are the same when they are read again', () => {
    fc.assert(
      fc.property(anyStatement.chain(rendering), ({ text }) => {
        const [, , tokens, slots, digest] = identity(text);
        expect(identity(String(digest)).slice(2)).toEqual([tokens, slots, digest]);
        expect(identity(String(digest))).toEqual(identity(text));
      }),
    );
  });

  it('don’t depend on where in a buffer the statement stands', () => {
    const around = fc.uint8Array({ maxLength: 20 });
    fc.assert(
      fc.property(anyStatement.chain(rendering), around, around, ({ text }, before, after) => {
        const alone = identity(text);
        const first = lex(text).clone();
        const sql = Buffer.concat([before, Buffer.from(text), after]);
        const moved = lexer.lex(sql, before.length, sql.length - after.length, DEFAULT_SQL_MODE);
        expect([moved.hashA, moved.hashB, moved.tokenCount, moved.slotCount]).toEqual(alone.slice(0, 4));
        for (let index = 0; index < first.literalCount; index++) {
          expect(moved.literalStart(index) - before.length).toBe(first.literalStart(index));
          expect(moved.literalEnd(index) - before.length).toBe(first.literalEnd(index));
        }
      }),
    );
  });

  it('differ when a name, an operator or a keyword does', () => {
    const changed = anyStatement.chain((pieces) =>
      fc.tuple(fc.constant(pieces), fc.nat(pieces.length - 1)).chain(([all, at]) => {
        const piece = all[at]!;
        const other: Piece =
          'name' in piece
            ? { name: `${piece.name}_` }
            : 'word' in piece
              ? { word: piece.word === 'and' ? 'or' : 'and' }
              : 'mark' in piece
                ? { mark: piece.mark === '=' ? '<' : '=' }
                : { name: 'x' };
        return fc.tuple(rendering(all), rendering(all.map((each, index) => (index === at ? other : each))));
      }),
    );
    fc.assert(
      fc.property(changed, ([left, right]) => {
        const a = identity(left.text);
        const b = identity(right.text);
        expect([a[0], a[1]]).not.toEqual([b[0], b[1]]);
      }),
    );
  });

  it('tell the names of tables apart by case', () => {
    expect(identity('SELECT a FROM Status')).not.toEqual(identity('SELECT a FROM status'));
    expect(identity('SELECT a FROM `x`')).not.toEqual(identity('SELECT a FROM x'));
  });

  it('have two hashes that are independent of each other', () => {
    const seenA = new Set<number>();
    const seenB = new Set<number>();
    for (let index = 0; index < 20_000; index++) {
      const lexed = lex(`SELECT c${index} FROM t`);
      seenA.add(lexed.hashA);
      seenB.add(lexed.hashB);
    }
    // Of 20,000 figures of 32 bits, 0.05 pairs coincide on average.
    expect(seenA.size).toBeGreaterThan(19_995);
    expect(seenB.size).toBeGreaterThan(19_995);
  });
});

// ---- any bytes -------------------------------------------------------------------------------------------------

const TRICKY: readonly string[] = [
  "SELECT 'a\\'b''c', \"d\"\"e\", `f``g`, _utf8'x' 'y', N'z', x'41', 0x1F, b'1', 1e5, .5, 1abc FROM db.1t -- end",
  'INSERT INTO d.t (a, b) VALUES (1, NULL), (-2, DEFAULT), (now(), f(3)) ON DUPLICATE KEY UPDATE a = VALUES(a)',
  '/*!50100 SELECT */ /*!99999 1 */ /*M! 2 */ /*+ hint */ # c\n FROM t WHERE (a,b) IN ((1,2),(3,4)) AND c IN (?)',
  "SET @a := -1, @@session.x = 'y', @'q' = 5; DELETE t1.* FROM t1, t2 WHERE t1.k = t2.k; BEGIN NOT ATOMIC x; END",
  'WITH r AS (SELECT 1) SELECT a->"$.b", a->>\'$.c\', EXTRACT(YEAR FROM d) FROM r JOIN s USING (k) FOR UPDATE',
  "CREATE PROCEDURE p() BEGIN SELECT ';'; END",
];
const MODES: readonly SqlMode[] = [
  DEFAULT_SQL_MODE,
  { noBackslashEscapes: true, ansiQuotes: true, charset: 'none' },
  { noBackslashEscapes: false, ansiQuotes: false, charset: 'gbk' },
  { noBackslashEscapes: false, ansiQuotes: true, charset: 'gb18030' },
  { noBackslashEscapes: true, ansiQuotes: false, charset: 'sjis' },
  { noBackslashEscapes: false, ansiQuotes: false, charset: 'big5' },
];

/** What must hold of whatever was read. */
function checkFacts(lexed: Lexed, from: number, to: number): void {
  expect(lexed.start).toBeGreaterThanOrEqual(from);
  expect(lexed.end).toBeLessThanOrEqual(to);
  expect(lexed.start).toBeLessThanOrEqual(lexed.end);
  if (lexed.next !== -1) expect(lexed.next).toBeGreaterThan(lexed.end);
  let last = from;
  for (let index = 0; index < lexed.literalCount; index++) {
    expect(lexed.literalStart(index)).toBeGreaterThanOrEqual(last);
    expect(lexed.literalEnd(index)).toBeGreaterThan(lexed.literalStart(index));
    expect(lexed.literalSlot(index)).toBeLessThan(lexed.slotCount);
    expect(Object.values(LITERAL)).toContain(lexed.literalType(index));
    last = lexed.literalEnd(index);
  }
  expect(last).toBeLessThanOrEqual(to);
}

/** A small generator, so that a failure can be repeated from the seed that it prints. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 8) * below) >>> 24;
  };
}

describe('any bytes', () => {
  const seed = Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 20_260_101);

  it('cut at every byte, in every mode', () => {
    const reader = new SqlReader({ maxPlans: 64, seed: 3 });
    for (const text of TRICKY) {
      const sql = Buffer.from(text);
      for (let to = 0; to <= sql.length; to++) {
        for (const mode of MODES) {
          const plan = to % 5 === 0 || to === sql.length ? reader.read(sql, 0, to, mode) : undefined;
          expect(plan === undefined || plan.digest.length >= 0).toBe(true);
          const lexed = lexer.lex(sql, 0, to, mode);
          checkFacts(lexed, 0, to);
          const copy = Buffer.from(sql.subarray(0, to));
          const { hashA, hashB } = lexed;
          const again = lexer.lex(copy, 0, to, mode);
          // Nothing behind the end may have been looked at.
          expect([again.hashA, again.hashB]).toEqual([hashA, hashB]);
        }
      }
    }
  });

  it(`mutated at random, seed ${seed}`, () => {
    const random = randomFrom(seed);
    const reader = new SqlReader({ maxPlans: 64, seed: 3 });
    for (let round = 0; round < 3000; round++) {
      const sql = Buffer.from(TRICKY[random(TRICKY.length)]!);
      for (let changes = random(6); changes >= 0; changes--) {
        const other = Buffer.from(TRICKY[random(TRICKY.length)]!);
        const at = random(sql.length);
        if (random(2) === 0) sql[at] = random(256);
        else other.copy(sql, at, random(other.length));
      }
      const mode = MODES[random(MODES.length)]!;
      checkFacts(lexer.lex(sql, 0, sql.length, mode), 0, sql.length);
      if (round % 4 === 0) {
        for (let from = 0; from !== -1; from = reader.lexed.next) reader.read(sql, from, sql.length, mode);
      }
    }
  });

  it(`drawn at random, seed ${seed}`, () => {
    const random = randomFrom(seed);
    for (let round = 0; round < 3000; round++) {
      const sql = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
      const mode = MODES[random(MODES.length)]!;
      const from = sql.length === 0 ? 0 : random(sql.length);
      checkFacts(lexer.lex(sql, from, sql.length, mode), from, sql.length);
    }
  });
});

// ---- linear time -----------------------------------------------------------------------------------------------

/** A buffer that counts the bytes that are looked at, also by searches. */
function counting(sql: Buffer): { readonly sql: Buffer; readonly count: () => number } {
  let reads = 0;
  const wrap = (bytes: Buffer): Buffer =>
    new Proxy(bytes, {
      get(target, property) {
        if (property === 'length') return target.length;
        if (property === 'subarray') return (from: number, to: number) => wrap(target.subarray(from, to));
        if (property === 'indexOf') {
          return (byte: number) => {
            const found = target.indexOf(byte);
            reads += found === -1 ? target.length : found;
            return found;
          };
        }
        reads++;
        return target[Number(property)];
      },
    });
  return { sql: wrap(sql), count: () => reads };
}

describe('time', () => {
  const long = 'x'.repeat(70);
  it.each([
    ['quotes', "'"],
    ['escapes', "'\\"],
    ['long strings', `'${long}',`],
    ['long strings with escapes', `'${long}\\${long}`],
    ['long escaped quotes', `'${long}\\'${long}`],
    ['escaped quotes', "\\'"],
    ['backslashes', '\\'],
    ['long doubled quotes', `'${long}''${long}`],
    ['parentheses', '('],
    ['IN lists in IN lists', 'IN (1,'],
    ['comments', '/*'],
    ['executable comments', '/*!'],
    ['DEFAULTs', 'DEFAULT /* c */,'],
    ['signs', '- '],
    ['rows', '(1,2),'],
    ['rows of two shapes', '(1,2),(a,2),'],
    ['rows that repeat but for their ends', `('${long}', 1 + 1),`],
    ['rows in one string', "('"],
    ['dots', 'a.'],
    ['semicolons', ';'],
    ['backticks', '`'],
    ['variables', '@a.'],
  ])('is linear for many %s', (_, unit) => {
    const readsOf = (times: number): number => {
      const counter = counting(Buffer.from(`INSERT INTO t VALUES (1),${unit.repeat(times)}`));
      for (let from = 0, left = 50; from !== -1 && left > 0; left--) {
        from = lexer.lex(counter.sql, from, counter.sql.length, DEFAULT_SQL_MODE).next;
      }
      return counter.count();
    };
    expect(readsOf(4000)).toBeLessThan(readsOf(1000) * 4.5);
  });
});
