/** Lanes against a real server: what is replayed, in which order and context, and what becomes of failures. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UnitResult } from '../../src/mirror/lane.ts';
import { makeContext, type ReplayContext } from '../../src/mirror/replay-context.ts';
import { RowHash, rowDifference } from '../../src/mirror/row-hash.ts';
import { LaneRig, type LaneRigOptions } from '../harness/lane-rig.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { preparedOf, type ReplayShape, replayOf } from '../harness/mirror-kit.ts';
import { waitFor } from '../harness/wait.ts';

let db: Mariadb;
const rigs: LaneRig[] = [];
const sessions: Connection[] = [];

beforeAll(async () => {
  db = await startMariadb({ name: 'shadow', extra: ['--innodb-lock-wait-timeout=1'] });
});
afterAll(() => db?.destroy());

beforeEach(async () => {
  await db.query(`
    DROP DATABASE IF EXISTS one; DROP DATABASE IF EXISTS two; CREATE DATABASE one; CREATE DATABASE two;
    CREATE TABLE one.messages (folderid BIGINT PRIMARY KEY, v INT NOT NULL DEFAULT 0, t BLOB) ENGINE=InnoDB;
    CREATE TABLE two.messages LIKE one.messages`);
});
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.close();
  // A lock left by a test that failed must not stop the next one.
  for (const session of sessions.splice(0)) session.destroy();
});

/** A session beside the lanes, in database `one`. */
async function openSession(): Promise<Connection> {
  const session = await db.connect({ database: 'one' });
  sessions.push(session);
  return session;
}

function createRig(options: Partial<LaneRigOptions> = {}): LaneRig {
  const rig = new LaneRig({ port: db.port, ...options });
  rigs.push(rig);
  return rig;
}

const ONE = makeContext('one', 'SET NAMES utf8mb4', new Map());
const inOne = (text: string, shape: ReplayShape = {}) => replayOf(text, { context: ONE, ...shape });
const contextOf = (
  database: string | null,
  names: string,
  variables: Record<string, string> = {},
): ReplayContext => makeContext(database, names, new Map(Object.entries(variables)));

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  return (await db.query<RowDataPacket[]>(sql)).map((row) => ({ ...row }));
}

const countRows = async (): Promise<unknown> =>
  (await rowsOf('SELECT COUNT(*) AS count FROM one.messages'))[0]?.count;

/** Bytes that are no UTF-8 text, so that only the right character set stores them as they are meant. */
function rawReplay(sql: Buffer, context: ReplayContext) {
  return { ...replayOf('INSERT INTO messages (folderid) VALUES (1)', { context }), sql };
}

const brief = ({ outcome, errno, results }: UnitResult): unknown => ({
  outcome,
  errno,
  ok: results.map((result) => result?.answer?.ok),
});

describe('single statements', () => {
  it('are answered one by one, with what the shadow said', async () => {
    const rig = createRig();
    const result = await rig.run([inOne('INSERT INTO messages (folderid) VALUES (1), (2), (3)')]);
    expect(brief(result)).toEqual({ outcome: 'answered', errno: 0, ok: [true] });
    expect(result.results[0]?.answer?.affectedRows).toBe(3);
    const refused = await rig.run([inOne('INSERT INTO messages (folderid) VALUES (1)')]);
    expect(brief(refused)).toEqual({ outcome: 'answered', errno: 1062, ok: [false] });
  });

  it('go out many at a time, up to the bound, and keep the order of their session', async () => {
    const rig = createRig({ lanes: { pipeline: 4 } });
    await rig.run([inOne('INSERT INTO messages (folderid) VALUES (1)')]);
    const blocker = await openSession();
    await blocker.query('LOCK TABLES messages WRITE');
    const units = Array.from({ length: 20 }, (_, index) =>
      rig.offer([inOne('UPDATE messages SET v = v + 1', { keys: [index] })], `session ${index}`),
    );
    expect(rig.lanes.running).toBe(4);
    await blocker.query('UNLOCK TABLES');
    await rig.allEnded();
    expect(rig.order.slice(1)).toEqual(units);
    expect(await rowsOf('SELECT v FROM one.messages')).toEqual([{ v: 20 }]);
  });

  it('of one key wait for each other across lanes', async () => {
    const rig = createRig({ lanes: { perShard: 3 } });
    await rig.run([inOne('INSERT INTO messages (folderid) VALUES (7)')]);
    for (let step = 0; step < 100; step++) {
      // Only in the order of the offers does every step find what the one before it left.
      const sql = `UPDATE messages SET v = ${step + 1} WHERE folderid = 7 AND v = ${step}`;
      rig.offer([inOne(sql, { keys: [7] })], `session ${step}`);
    }
    await rig.allEnded();
    expect(await rowsOf('SELECT v FROM one.messages')).toEqual([{ v: 100 }]);
  });

  it('have their rows hashed where they are compared', async () => {
    const rig = createRig();
    await rig.run([inOne("INSERT INTO messages VALUES (1, 1, 'a'), (2, 2, 'b')")]);
    const compared = async (sql: string) => {
      const { results } = await rig.run([inOne(sql, { primary: { rowHash: new RowHash() } })]);
      return results[0]?.rowHash ?? new RowHash();
    };
    const [up, down, other] = [
      await compared('SELECT * FROM messages ORDER BY folderid'),
      await compared('SELECT * FROM messages ORDER BY folderid DESC'),
      await compared("SELECT folderid, v, 'b' FROM messages"),
    ];
    expect(up.rows).toBe(2);
    expect([rowDifference(up, down, false), rowDifference(up, down, true)]).toEqual([null, 'row_order']);
    expect(rowDifference(up, other, false)).toBe('row_hash');
    const plain = await rig.run([inOne('SELECT * FROM messages')]);
    expect([plain.results[0]?.rowHash, plain.results[0]?.answer?.rows]).toEqual([null, 2]);
  });
});

describe('transactions', () => {
  it('are committed as a whole, and leave the lane as it was', async () => {
    const rig = createRig();
    const result = await rig.run([
      inOne('INSERT INTO messages (folderid) VALUES (1)'),
      inOne('SELECT * FROM messages'),
      inOne('UPDATE messages SET v = 5'),
    ]);
    expect(brief(result)).toEqual({ outcome: 'answered', errno: 0, ok: [true, true, true] });
    await rig.run([inOne('UPDATE messages SET v = v + 1')]);
    expect(await rowsOf('SELECT v FROM one.messages')).toEqual([{ v: 6 }]);
  });

  it('are rolled back when one statement fails, what was sent behind it included', async () => {
    const rig = createRig();
    const result = await rig.run([
      inOne('INSERT INTO messages (folderid) VALUES (1)'),
      inOne('INSERT INTO messages (folderid) VALUES (1)'),
      inOne('INSERT INTO messages (folderid) VALUES (2)'),
    ]);
    expect(brief(result)).toEqual({ outcome: 'rolled_back', errno: 1062, ok: [true, false, true] });
    expect(await countRows()).toBe(0);
    await rig.run([inOne('INSERT INTO messages (folderid) VALUES (3)')]);
    expect(await countRows()).toBe(1);
  });

  it('may change their context on the way, and are rolled back where that fails', async () => {
    const rig = createRig();
    const two = contextOf('two', 'SET NAMES latin1', { sql_mode: "'ANSI'" });
    await rig.run([
      inOne('INSERT INTO messages (folderid) VALUES (1)'),
      replayOf('INSERT INTO "messages" (folderid) VALUES (2)', { context: two }),
    ]);
    expect(
      await rowsOf('SELECT folderid FROM one.messages UNION ALL SELECT folderid FROM two.messages'),
    ).toEqual([{ folderid: 1 }, { folderid: 2 }]);
    const failed = await rig.run([
      inOne('INSERT INTO messages (folderid) VALUES (3)'),
      replayOf('INSERT INTO messages (folderid) VALUES (4)', {
        context: contextOf('nowhere', 'SET NAMES utf8mb4'),
      }),
    ]);
    expect(brief(failed)).toEqual({ outcome: 'rolled_back', errno: 1049, ok: [true, false] });
    expect(await countRows()).toBe(1);
  });

  it('are run again as a whole after a deadlock, each statement once', async () => {
    const rig = createRig();
    await rig.run([inOne('INSERT INTO messages (folderid) VALUES (1), (2), (3)')]);
    const other = await openSession();
    // The server ends the transaction that has changed fewer rows.
    await other.query('BEGIN');
    await other.query('INSERT INTO messages (folderid) SELECT seq + 1000 FROM seq_1_to_500');
    await other.query('UPDATE messages SET v = v + 10 WHERE folderid = 1');
    const unit = rig.offer([
      inOne('UPDATE messages SET v = v + 1 WHERE folderid = 2'),
      inOne('UPDATE messages SET v = v + 1 WHERE folderid = 1'),
      inOne('UPDATE messages SET v = v + 1 WHERE folderid = 3'),
    ]);
    await waitFor(lockWaits, { what: 'the lane to wait for a lock' });
    const blocked = other.query('UPDATE messages SET v = v + 10 WHERE folderid = 2');
    await blocked;
    await other.query('COMMIT');
    expect(await rig.ending(unit)).toMatchObject({ outcome: 'answered', errno: 0 });
    expect(await rowsOf('SELECT folderid, v FROM one.messages WHERE folderid < 1000')).toEqual([
      { folderid: 1, v: 11 },
      { folderid: 2, v: 11 },
      { folderid: 3, v: 1 },
    ]);
  });

  it('are run again after one deadlock upon another, while what shares their keys waits', async () => {
    const rig = createRig({ lanes: { perShard: 3 } });
    await rig.run([inOne('INSERT INTO messages (folderid) VALUES (1), (2)')]);
    const SECOND = 'UPDATE messages SET v = v * 2 WHERE folderid = 1';
    const others = [await openSession(), await openSession()] as const;
    // The server ends the transaction that has changed fewer rows: never theirs.
    const grow = async (round: number): Promise<void> => {
      const other = others[round % 2]!;
      await other.query('BEGIN');
      await other.query(
        `INSERT INTO messages (folderid) SELECT seq + ${1000 * (round + 1)} FROM seq_1_to_200`,
      );
    };
    await grow(0);
    let holds: Promise<unknown> = others[0].query('UPDATE messages SET v = v + 10 WHERE folderid = 1');
    await holds;
    const unit = rig.offer([inOne('UPDATE messages SET v = v * 2 WHERE folderid = 2'), inOne(SECOND)], 'a');
    const successor = rig.offer([inOne('UPDATE messages SET v = v + 1 WHERE folderid = 2')], 'a');
    const rounds = 5;
    for (let round = 0; round < rounds; round++) {
      await waitFor(() => runs(SECOND), { what: 'the lane to wait for row 1' });
      await grow(round + 1);
      // In the queue for row 1 before the lane comes back to it.
      holds = others[(round + 1) % 2]!.query('UPDATE messages SET v = v + 10 WHERE folderid = 1');
      const other = others[round % 2]!;
      await other.query('UPDATE messages SET v = v + 10 WHERE folderid = 2');
      await other.query('COMMIT');
      await holds;
    }
    expect(rig.endings.get(successor)).toEqual([]);
    await waitFor(() => runs(SECOND), { what: 'the lane to wait for row 1' });
    await others[rounds % 2]!.query('COMMIT');
    expect(brief((await rig.ending(unit)) as UnitResult)).toMatchObject({ outcome: 'answered', errno: 0 });
    await rig.ending(successor);
    expect([rig.retries, rig.order.slice(1)]).toEqual([rounds, [unit, successor]]);
    expect(await rowsOf('SELECT folderid, v FROM one.messages WHERE folderid < 1000')).toEqual([
      { folderid: 1, v: 20 * (rounds + 1) },
      { folderid: 2, v: 20 * rounds + 1 },
    ]);
  });

  it('are given up when a lock is not to be had in the time that a replay may take', async () => {
    const rig = createRig({ lanes: { timeoutMs: 2000 } });
    await rig.run([inOne('INSERT INTO messages (folderid) VALUES (1)')]);
    const other = await openSession();
    await other.query('BEGIN');
    await other.query('UPDATE messages SET v = 9 WHERE folderid = 1');
    const before = await statusOf('Com_update');
    const result = await rig.run([
      inOne('INSERT INTO messages (folderid) VALUES (2)'),
      inOne('UPDATE messages SET v = v + 1 WHERE folderid = 1'),
    ]);
    expect(brief(result)).toEqual({ outcome: 'rolled_back', errno: 1205, ok: [true, false] });
    // The server waits for a second each time: a few attempts fit into the limit.
    expect(rig.retries).toBeGreaterThan(0);
    expect(rig.retries).toBeLessThan(4);
    expect((await statusOf('Com_update')) - before).toBe(1 + rig.retries);
    await other.query('ROLLBACK');
    expect(await rowsOf('SELECT folderid, v FROM one.messages')).toEqual([{ folderid: 1, v: 0 }]);
  });
});

async function lockWaits(): Promise<boolean> {
  const rows = await rowsOf(
    "SELECT 1 AS one FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
  );
  return rows.length > 0;
}

/** Of the server's own account of its sessions, which is never an old one. */
async function runs(sql: string): Promise<boolean> {
  const rows = await rowsOf(`SELECT 1 AS one FROM information_schema.PROCESSLIST WHERE INFO = '${sql}'`);
  return rows.length > 0;
}

async function statusOf(name: string): Promise<number> {
  const rows = await rowsOf(`SHOW GLOBAL STATUS LIKE '${name}'`);
  return Number(rows[0]?.Value);
}

describe('prepared statements', () => {
  const INSERT = 'INSERT INTO messages (folderid, t) VALUES (?, ?)';
  const prepared = (text: string, values: Parameters<typeof preparedOf>[1], context = ONE) =>
    replayOf(text, { context, prepared: preparedOf(text, values) });

  it('are prepared once and executed often, pipelined', async () => {
    const rig = createRig();
    const before = await statusOf('Com_stmt_prepare');
    for (let id = 1; id <= 50; id++)
      rig.offer([prepared(INSERT, [String(id), `text ${id}`])], `session ${id}`);
    await rig.allEnded();
    expect((await statusOf('Com_stmt_prepare')) - before).toBe(1);
    expect(await rowsOf('SELECT COUNT(*) AS n, CAST(MAX(t) AS CHAR) AS t FROM one.messages')).toEqual([
      { n: 50, t: 'text 9' },
    ]);
  });

  it('get the values that were sent ahead, of any length', async () => {
    const rig = createRig();
    const long = Buffer.alloc(60_000, 'long');
    await rig.run([prepared(INSERT, ['1', { long }])]);
    await rig.run([prepared(INSERT, ['2', 'short'])]);
    expect(
      await rowsOf(
        'SELECT folderid, LENGTH(t) AS length, MD5(t) = MD5(REPEAT("long", 15000)) AS same FROM one.messages',
      ),
    ).toEqual([
      { folderid: 1, length: 60_000, same: 1 },
      { folderid: 2, length: 5, same: 0 },
    ]);
  });

  it('are prepared anew in another context, and in a transaction', async () => {
    const rig = createRig();
    const two = contextOf('two', 'SET NAMES utf8mb4');
    await rig.run([
      prepared(INSERT, ['1', 'a']),
      prepared(INSERT, ['2', 'b'], two),
      prepared(INSERT, ['3', 'c']),
    ]);
    expect(await rowsOf('SELECT folderid FROM one.messages ORDER BY folderid')).toEqual([
      { folderid: 1 },
      { folderid: 3 },
    ]);
    expect(await rowsOf('SELECT folderid FROM two.messages')).toEqual([{ folderid: 2 }]);
  });

  it('are bounded on the lane: those before are closed on the server', async () => {
    const rig = createRig({ lanes: { preparedStatements: 3 } });
    const before = await statusOf('Prepared_stmt_count');
    for (let round = 0; round < 20; round++) {
      const text = `INSERT INTO messages (folderid, t) VALUES (?, ? /* ${round} */)`;
      await rig.run([prepared(text, [String(round), 'x'])]);
      expect((await statusOf('Prepared_stmt_count')) - before).toBeLessThanOrEqual(3);
    }
    expect(await countRows()).toBe(20);
  });

  it('that the shadow refuses are told so, and change nothing for others', async () => {
    const rig = createRig();
    const refused = await rig.run([prepared('INSERT INTO nowhere VALUES (?)', ['1'])]);
    expect(brief(refused)).toEqual({ outcome: 'answered', errno: 1146, ok: [false] });
    expect(brief(await rig.run([prepared(INSERT, ['1', 'x'])]))).toMatchObject({ errno: 0 });
  });
});

describe('contexts', () => {
  it('are switched to and back', async () => {
    const rig = createRig();
    // 0x81 0x5c is one character of gbk, whose second byte would be a backslash in other character sets.
    const gbk = Buffer.concat([
      Buffer.from("INSERT INTO messages VALUES (1, 1, '"),
      Buffer.of(0x81, 0x5c),
      Buffer.from("')"),
    ]);
    const strict = contextOf('one', 'SET NAMES utf8mb4', { sql_mode: "'STRICT_ALL_TABLES'" });
    const lax = contextOf('one', 'SET NAMES utf8mb4', { sql_mode: "''" });
    await rig.run([rawReplay(gbk, contextOf('one', 'SET NAMES gbk'))]);
    await rig.run([inOne("INSERT INTO messages VALUES (2, 2, 'a\\\\b')")]);
    const tooLarge = "INSERT INTO messages VALUES (3, 'x', 'y')";
    expect((await rig.run([replayOf(tooLarge, { context: strict })])).errno).toBe(1366);
    expect((await rig.run([replayOf(tooLarge, { context: lax })])).errno).toBe(0);
    await rig.run([
      replayOf("INSERT INTO messages VALUES (4, 4, 'z')", { context: contextOf('two', 'SET NAMES utf8mb4') }),
    ]);
    await rig.run([inOne("INSERT INTO messages VALUES (5, 5, 'w')")]);
    expect(await rowsOf('SELECT folderid, v, HEX(t) AS t FROM one.messages ORDER BY folderid')).toEqual([
      { folderid: 1, v: 1, t: '815C' },
      { folderid: 2, v: 2, t: '615C62' },
      { folderid: 3, v: 0, t: '79' },
      { folderid: 5, v: 5, t: '77' },
    ]);
    expect(await rowsOf('SELECT folderid FROM two.messages')).toEqual([{ folderid: 4 }]);
  });

  it('leave the server just as the session had it, whatever came before', async () => {
    const rig = createRig();
    const variables =
      'character_set_client character_set_connection character_set_results collation_connection sql_mode';
    const probe = `INSERT INTO messages VALUES (1, 0, CONCAT_WS(' ', ${variables.replace(/\w+/g, '@@$&').replaceAll(' ', ', ')}))`;
    const contexts = [
      contextOf('one', 'SET NAMES gbk', { character_set_results: 'latin1' }),
      contextOf('one', 'SET NAMES gbk'),
      contextOf('one', 'SET NAMES latin1 COLLATE latin1_bin', { sql_mode: "'ANSI_QUOTES'" }),
      contextOf('one', 'SET NAMES latin1 COLLATE latin1_bin', { collation_connection: 'utf8mb4_bin' }),
      contextOf('one', 'SET NAMES latin1 COLLATE latin1_bin'),
    ];
    const seen: unknown[] = [];
    for (const context of contexts) {
      await rig.run([replayOf(probe, { context })]);
      seen.push((await rowsOf('SELECT CAST(t AS CHAR) AS t FROM one.messages'))[0]?.t);
      await db.query('DELETE FROM one.messages');
    }
    const mode = (await rowsOf('SELECT @@GLOBAL.sql_mode AS mode'))[0]?.mode;
    expect(seen).toEqual([
      `gbk gbk latin1 gbk_chinese_ci ${mode}`,
      `gbk gbk gbk gbk_chinese_ci ${mode}`,
      'latin1 latin1 latin1 latin1_bin ANSI_QUOTES',
      `latin1 utf8mb4 latin1 utf8mb4_bin ${mode}`,
      `latin1 latin1 latin1 latin1_bin ${mode}`,
    ]);
  });

  it('that the shadow refuses stop their unit, and no other', async () => {
    const rig = createRig();
    const insert = (id: number) => `INSERT INTO messages VALUES (${id}, 0, '')`;
    const wrong = (context: ReplayContext, id: number) => rig.run([replayOf(insert(id), { context })]);
    expect((await wrong(contextOf('one', 'SET NAMES klingon'), 1)).errno).toBe(1115);
    expect((await wrong(contextOf('nowhere', 'SET NAMES utf8mb4'), 2)).errno).toBe(1049);
    expect((await wrong(contextOf('one', 'SET NAMES gbk', { sql_mode: "'ODD'" }), 3)).errno).toBe(1231);
    expect(brief(await rig.run([inOne(insert(4))]))).toMatchObject({ errno: 0 });
    const prepared = { prepared: preparedOf('DELETE FROM messages WHERE folderid = ?', ['9']) };
    expect((await rig.run([inOne('DELETE FROM messages WHERE folderid = ?', prepared)])).errno).toBe(0);
    expect((await wrong(contextOf('nowhere', 'SET NAMES utf8mb4'), 5)).errno).toBe(1049);
    // The reset behind the refusal took what was prepared away with it.
    expect((await rig.run([inOne('DELETE FROM messages WHERE folderid = ?', prepared)])).errno).toBe(0);
    expect(await rowsOf('SELECT folderid FROM one.messages')).toEqual([{ folderid: 4 }]);
  });
});
