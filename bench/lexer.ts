/**
 * How fast statements are read: the lexer alone, and with the plan cache's look-up. `npx tsx bench/lexer.ts`.
 * Medians of several rounds, in CPU time of this process, so that a busy machine doesn't show.
 */
import { bind, type Catalog, readKeys } from '../src/sql/keys.ts';
import { Lexer } from '../src/sql/lexer.ts';
import { SqlReader } from '../src/sql/plan-cache.ts';
import { DEFAULT_SQL_MODE } from '../src/sql/sql-mode.ts';

const ROUNDS = 9;
const ROUND_NS = 60e6;

const rows = Array.from(
  { length: 20 },
  (_, row) => `(${9_000_000_000 + row}, 3, ${row * 977}, 4711, 1700000000)`,
);
const ids = Array.from({ length: 100 }, (_, id) => String(123_456_789 + id * 31));
const STATEMENTS: readonly (readonly [string, string])[] = [
  ['point select', 'SELECT c FROM sbtest1 WHERE id=5024311234'],
  [
    'folder page',
    'SELECT itemid, senderid, ts FROM messages WHERE folderid = 123456789 AND type = 3 ORDER BY ts DESC LIMIT 25',
  ],
  [
    'insert of 20 rows',
    `INSERT INTO messages (folderid, type, itemid, senderid, ts) VALUES ${rows.join(', ')}`,
  ],
  ['IN list of 100', `DELETE FROM messages WHERE folderid = 77 AND itemid IN (${ids.join(',')})`],
  ['insert of 1 MB text', `INSERT INTO blobs (id, body) VALUES (1, '${'x'.repeat(1 << 20)}')`],
  [
    'insert of 1 MB, escapes every 60 bytes',
    `INSERT INTO blobs (id, body) VALUES (1, '${`${'x'.repeat(58)}\\0`.repeat(17_476)}')`,
  ],
];

const catalog: Catalog = {
  version: 1,
  table: (_, name) => (name === 'messages' ? { name, key: 'folderid', columns: null } : null),
};

/** CPU nanoseconds that this process has used. */
function cpuNanoseconds(): number {
  return process.cpuUsage().user * 1000;
}

/** Median CPU nanoseconds of one call. */
function measure(run: () => void): number {
  const times: number[] = [];
  let calls = 1;
  for (let round = -2; round < ROUNDS; round++) {
    const begin = cpuNanoseconds();
    for (let call = 0; call < calls; call++) run();
    const nanoseconds = Math.max(1, cpuNanoseconds() - begin) / calls;
    if (round >= 0) times.push(nanoseconds);
    calls = Math.max(1, Math.round(ROUND_NS / nanoseconds));
  }
  return times.sort((left, right) => left - right)[ROUNDS >> 1]!;
}

const cell = (value: number, digits = 0): string => value.toFixed(digits).padStart(10);

console.log(`${''.padEnd(56)}     lex ns      MB/s   read ns   keys ns`);
for (const [label, text] of STATEMENTS) {
  const sql = Buffer.from(text);
  const lexer = new Lexer(1);
  const reader = new SqlReader({ maxPlans: 10_000 });
  const lex = measure(() => lexer.lex(sql, 0, sql.length, DEFAULT_SQL_MODE));
  const read = measure(() => reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE));
  const binding = bind(reader.read(sql, 0, sql.length, DEFAULT_SQL_MODE), 'mc', catalog);
  const keys = measure(() => readKeys(binding, sql, reader.lexed));
  console.log(
    `${`${label} (${sql.length} bytes)`.padEnd(56)} ${cell(lex)}${cell((sql.length / lex) * 1000)}${cell(read)}${cell(keys)}`,
  );
}

const digests = Array.from({ length: 5000 }, (_, index) =>
  Buffer.from(`SELECT c${index} FROM t WHERE k = 5`),
);
const many = new SqlReader({ maxPlans: 10_000 });
const begin = cpuNanoseconds();
for (const sql of digests) many.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
const miss = (cpuNanoseconds() - begin) / digests.length / 1000;
let next = 0;
const hit = measure(() => {
  const sql = digests[next++ % digests.length]!;
  many.read(sql, 0, sql.length, DEFAULT_SQL_MODE);
});
console.log(`plan of a new digest: ${miss.toFixed(0)} us; a hit among 5,000 digests: ${hit.toFixed(0)} ns`);
console.log(`hits ${many.stats.hits}, misses ${many.stats.misses}, evicted ${many.stats.evicted}`);
