/** What the recorder says of scripted sessions, held against what the server's tables hold afterwards. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Statement } from '../../src/mirror/statement.ts';
import { TransactionRecorder } from '../../src/mirror/transaction-recorder.ts';
import { WritesUnderWay } from '../../src/mirror/writes-under-way.ts';
import { NO_INCIDENTS } from '../../src/observe/incident.ts';
import type { ResultSummary } from '../../src/wire/exchange.ts';
import { FakeJournal } from '../harness/fake-journal.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import {
  errorResult,
  okResult,
  plainOf,
  recording,
  selectedStatement,
  shardMetrics,
} from '../harness/mirror-kit.ts';
import { connectRaw, type RawConnection, type RawReply } from '../harness/recorder.ts';
import { waitFor } from '../harness/wait.ts';

/** What is said of the keys: each in one list. */
interface Verdicts {
  readonly committed: readonly number[];
  readonly undone?: readonly number[];
  readonly uncertain?: readonly number[];
  readonly failed?: readonly number[];
}

/**
 * Lines of a session. A number inserts that key into the InnoDB table, `isam N` into the MyISAM one; `other: …`
 * is said by another session, `other& …` without waiting for its end, which `locked` waits to see blocked.
 */
type Script = readonly (string | number)[];

const servers = new Map<string, Mariadb>();
const sessions: { close(): void }[] = [];

beforeAll(async () => {
  servers.set('plain', await startMariadb({ name: 'plain' }));
  servers.set(
    'rollback_on_timeout',
    await startMariadb({ name: 'timeout', extra: ['--innodb-rollback-on-timeout'] }),
  );
});
afterAll(async () => {
  for (const server of servers.values()) await server.destroy();
});
beforeEach(async () => {
  for (const server of servers.values()) await server.query(SETUP);
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.close();
});

const SETUP = `
  DROP DATABASE IF EXISTS old; CREATE DATABASE old; USE old;
  CREATE TABLE inno (id INT PRIMARY KEY) ENGINE=InnoDB;
  CREATE TABLE isam (id INT PRIMARY KEY) ENGINE=MyISAM;
  CREATE TABLE locks (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;
  INSERT INTO locks VALUES (1, 0), (2, 0);
  CREATE PROCEDURE commits() BEGIN COMMIT; END;
  CREATE PROCEDURE restarts() BEGIN ROLLBACK; START TRANSACTION; END`;

/** The other session holds row 1, and the server waits for it no longer than it must. */
const HOLD_ROW = [
  'SET innodb_lock_wait_timeout = 1',
  'other: BEGIN',
  'other: UPDATE locks SET v = 1 WHERE id = 1',
];
const TIMED_OUT = 'UPDATE locks SET v = 2 WHERE id = 1';
/** The other session has changed more, so that a deadlock ends ours. */
const DEADLOCK = [
  'other: BEGIN',
  'other: INSERT INTO inno SELECT seq + 1000 FROM seq_1_to_300',
  'other: UPDATE locks SET v = 1 WHERE id = 2',
  'UPDATE locks SET v = 2 WHERE id = 1',
  'other& UPDATE locks SET v = 1 WHERE id = 1',
  'locked',
  'UPDATE locks SET v = 2 WHERE id = 2',
  'other: COMMIT',
];

const SCRIPTS: readonly (readonly [string, Script, Verdicts])[] = [
  ['autocommit', [1, 2], { committed: [1, 2] }],
  ['a commit', ['BEGIN', 1, 2, 'COMMIT'], { committed: [1, 2] }],
  ['a rollback', ['BEGIN', 1, 'ROLLBACK', 2], { committed: [2], undone: [1] }],
  [
    'a chain',
    ['BEGIN', 1, 'COMMIT AND CHAIN', 2, 'ROLLBACK AND CHAIN', 3, 'COMMIT'],
    { committed: [1, 3], undone: [2] },
  ],
  [
    'chains by default',
    ['SET completion_type = 1', 'BEGIN', 1, 'COMMIT', 2, 'ROLLBACK'],
    { committed: [1], undone: [2] },
  ],
  [
    'a transaction within one',
    ['BEGIN', 1, 'START TRANSACTION', 2, 'ROLLBACK'],
    { committed: [1], undone: [2] },
  ],
  ['a failed statement', ['BEGIN', 1, 'INSERT INTO locks VALUES (1, 1)', 2, 'COMMIT'], { committed: [1, 2] }],
  ['a failed insert', ['BEGIN', 1, 1, 'COMMIT'], { committed: [1], failed: [1] }],
  ['the end of the session', ['BEGIN', 1], { committed: [], undone: [1] }],
  ['the end of a session without autocommit', ['SET autocommit = 0', 1], { committed: [], undone: [1] }],

  [
    'savepoints',
    ['BEGIN', 1, 'SAVEPOINT a', 2, 'SAVEPOINT b', 3, 'ROLLBACK TO SAVEPOINT A', 4, 'ROLLBACK TO b', 'COMMIT'],
    { committed: [1, 4], undone: [2, 3] },
  ],
  [
    'a savepoint set twice',
    ['BEGIN', 'SAVEPOINT a', 1, 'SAVEPOINT a', 2, 'ROLLBACK TO a', 'COMMIT'],
    { committed: [1], undone: [2] },
  ],
  [
    'a released savepoint',
    [
      'BEGIN',
      'SAVEPOINT a',
      1,
      'SAVEPOINT b',
      2,
      'RELEASE SAVEPOINT a',
      'ROLLBACK TO b',
      'ROLLBACK TO a',
      'COMMIT',
    ],
    { committed: [1, 2] },
  ],

  ['DDL', ['BEGIN', 1, 'CREATE TABLE t (a INT)', 2, 'ROLLBACK'], { committed: [1, 2] }],
  ['DDL that fails', ['BEGIN', 1, 'CREATE TABLE locks (a INT)', 2, 'ROLLBACK'], { committed: [1, 2] }],
  ['DDL that is no SQL', ['BEGIN', 1, 'CREATE TABLE (', 2, 'ROLLBACK'], { committed: [], undone: [1, 2] }],
  [
    'DDL that fails before a rollback',
    ['BEGIN', 1, 'CREATE TABLE locks (a INT)', 'ROLLBACK'],
    { committed: [], uncertain: [1] },
  ],
  [
    'DDL that fails at the end of the session',
    ['BEGIN', 1, 'CREATE TABLE locks (a INT)'],
    { committed: [], uncertain: [1] },
  ],
  [
    'DDL that waits too long',
    [
      'other: BEGIN',
      'other: SELECT * FROM locks',
      'SET lock_wait_timeout = 1',
      'BEGIN',
      1,
      'ALTER TABLE locks ADD a INT',
      'SELECT 1',
    ],
    { committed: [1] },
  ],
  ['LOCK TABLES', ['BEGIN', 1, 'LOCK TABLES inno WRITE', 2, 'UNLOCK TABLES'], { committed: [1, 2] }],
  [
    'temporary tables',
    ['BEGIN', 1, 'CREATE TEMPORARY TABLE t (a INT)', 2, 'ROLLBACK'],
    { committed: [], undone: [1, 2] },
  ],

  [
    'autocommit off',
    ['SET autocommit = 0', 1, 'COMMIT', 2, 'ROLLBACK', 3, 'COMMIT'],
    { committed: [1, 3], undone: [2] },
  ],
  ['autocommit off and on', ['SET autocommit = 0', 1, 'SET autocommit = 1', 2], { committed: [1, 2] }],
  [
    'autocommit off inside',
    ['BEGIN', 1, 'SET autocommit = 0', 2, 'ROLLBACK'],
    { committed: [], undone: [1, 2] },
  ],
  [
    'autocommit on where it was',
    ['BEGIN', 1, 'SET autocommit = 1', 2, 'ROLLBACK'],
    { committed: [], undone: [1, 2] },
  ],

  ['MyISAM', ['BEGIN', 'isam 1', 2, 'isam 3', 'ROLLBACK'], { committed: [1, 3], undone: [2] }],
  [
    'MyISAM without autocommit',
    ['SET autocommit = 0', 'isam 1', 2, 'ROLLBACK', 'isam 3'],
    { committed: [1, 3], undone: [2] },
  ],

  ['a deadlock', ['BEGIN', 1, ...DEADLOCK, 3], { committed: [3], undone: [1] }],
  [
    'a deadlock without autocommit',
    ['SET autocommit = 0', 1, ...DEADLOCK, 3, 'COMMIT'],
    { committed: [3], undone: [1] },
  ],
  [
    'a record that has changed',
    [
      'SET innodb_snapshot_isolation = 1',
      'BEGIN',
      'SELECT * FROM locks',
      1,
      'other: UPDATE locks SET v = 9',
      TIMED_OUT,
      2,
      'COMMIT',
    ],
    { committed: [2], undone: [1] },
  ],
  [
    'a record that has changed, without autocommit',
    [
      'SET innodb_snapshot_isolation = 1, autocommit = 0',
      'SELECT * FROM locks',
      1,
      'other: UPDATE locks SET v = 9',
      TIMED_OUT,
      2,
      'COMMIT',
    ],
    { committed: [2], uncertain: [1] },
  ],

  [
    'XA',
    ["XA START 'x'", 1, "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"],
    { committed: [], uncertain: [1] },
  ],
  [
    'XA rolled back',
    ["XA START 'x'", 1, "XA END 'x'", "XA ROLLBACK 'x'", 2],
    { committed: [2], undone: [1] },
  ],
  [
    'a procedure that commits',
    ['BEGIN', 1, 'CALL commits()', 2, 'ROLLBACK'],
    { committed: [2], uncertain: [1] },
  ],
  [
    'a procedure that begins anew',
    ['BEGIN', 1, 'CALL restarts()', 2, 'COMMIT'],
    { committed: [2], uncertain: [1] },
  ],
  [
    'a prepared rollback',
    ['BEGIN', 1, "PREPARE s FROM 'ROLLBACK'", 'EXECUTE s', 'BEGIN', 2, 'COMMIT'],
    { committed: [2], uncertain: [1] },
  ],
];

/** What is said where a lock wait's time-out takes the statement alone, and where it takes the transaction. */
const TIMEOUTS: readonly (readonly [string, Script, Verdicts, Verdicts])[] = [
  [
    'and the transaction goes on',
    [...HOLD_ROW, 'BEGIN', 1, TIMED_OUT, 2, 'COMMIT'],
    { committed: [1, 2] },
    { committed: [2], undone: [1] },
  ],
  [
    'and is committed at once',
    [...HOLD_ROW, 'BEGIN', 1, TIMED_OUT, 'COMMIT'],
    { committed: [], uncertain: [1] },
    { committed: [], uncertain: [1] },
  ],
  [
    'and is rolled back at once',
    [...HOLD_ROW, 'BEGIN', 1, TIMED_OUT, 'ROLLBACK'],
    { committed: [], undone: [1] },
    { committed: [], undone: [1] },
  ],
  [
    'without autocommit',
    [...HOLD_ROW, 'SET autocommit = 0', 1, TIMED_OUT, 2, 'COMMIT'],
    { committed: [2], uncertain: [1] },
    { committed: [2], uncertain: [1] },
  ],
  [
    'and autocommit is turned on',
    [...HOLD_ROW, 'SET autocommit = 0', 1, TIMED_OUT, 'SET autocommit = 1', 2],
    { committed: [2], uncertain: [1] },
    { committed: [2], uncertain: [1] },
  ],
];

describe('what is said of a session is what the server did', () => {
  it.each(SCRIPTS)('%s', async (_name, script, verdicts) => {
    await expectVerdicts('plain', script, verdicts);
  });

  it.each(TIMEOUTS)('a lock wait times out %s', async (_name, script, byStatement, byTransaction) => {
    await expectVerdicts('plain', script, byStatement);
    await expectVerdicts('rollback_on_timeout', script, byTransaction);
  });
});

async function expectVerdicts(name: string, script: Script, expected: Verdicts): Promise<void> {
  const server = servers.get(name)!;
  const { said, held } = await play(server, script);
  expect(said).toEqual({ undone: [], uncertain: [], failed: [], ...expected });
  // A key that failed once may have been written by another statement.
  expect(said.committed.filter((key) => !held.has(key))).toEqual([]);
  expect(said.undone.filter((key) => held.has(key))).toEqual([]);
}

async function play(server: Mariadb, script: Script) {
  const main = await connectRaw({ host: server.host, port: server.port, user: 'root', database: 'old' });
  const other = await server.connect({ database: 'old' });
  sessions.push(main, { close: () => other.destroy() });
  const witness = new Witness();
  let pending: Promise<unknown> = Promise.resolve();
  for (const line of script) {
    const text = String(line);
    if (text === 'locked') await lockWait(server);
    else if (text.startsWith('other& ')) pending = other.query(text.slice('other& '.length));
    else if (text.startsWith('other: ')) await otherSays(other, pending, text.slice('other: '.length));
    else await witness.say(main, line);
  }
  main.close();
  other.destroy();
  await gone(server, main.connectionId);
  return { said: witness.end(), held: await heldKeys(server) };
}

async function otherSays(other: Connection, pending: Promise<unknown>, sql: string): Promise<void> {
  await pending;
  await other.query(sql);
}

async function lockWait(server: Mariadb): Promise<void> {
  const sql = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
  await waitFor(async () => (await server.query<RowDataPacket[]>(sql)).length > 0, { what: 'a lock wait' });
}

async function gone(server: Mariadb, connectionId: number): Promise<void> {
  const sql = `SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ${connectionId}`;
  await waitFor(async () => (await server.query<RowDataPacket[]>(sql)).length === 0, {
    what: 'the session to end',
  });
}

async function heldKeys(server: Mariadb): Promise<Set<number>> {
  const rows = await server.query<RowDataPacket[]>(
    'SELECT id FROM old.inno UNION ALL SELECT id FROM old.isam',
  );
  return new Set(rows.map((row) => Number(row.id)));
}

/** Tells a recorder of the statements, as the session tap does. */
class Witness {
  readonly #committed: number[] = [];
  readonly #undone: number[] = [];
  readonly #uncertain: number[] = [];
  readonly #failed: number[] = [];
  readonly #seen: Statement[] = [];
  readonly #metrics = shardMetrics();
  readonly #recorder = new TransactionRecorder(
    recording({
      writes: new WritesUnderWay(new FakeJournal()),
      unitBytes: 1_000_000,
      metrics: this.#metrics,
      incidents: NO_INCIDENTS,
      offer: (unit) => {
        for (const { keys } of unit.replays) this.#committed.push(...keys.map(({ key }) => Number(key)));
      },
      doubt: (_tables, keys, _complete, reason) => {
        const list = reason === 'uncertain' ? this.#uncertain : this.#failed;
        list.push(...keys.map(({ key }) => Number(key)));
      },
    }),
    2,
  );

  async say(main: RawConnection, line: string | number): Promise<void> {
    const text = String(line);
    const key = Number(/^(?:isam )?(\d+)$/.exec(text)?.[1] ?? Number.NaN);
    const table = text.startsWith('isam') ? 'isam' : 'inno';
    const sql = Number.isNaN(key) ? text : `INSERT INTO ${table} VALUES (${key})`;
    const result = resultOf(await main.query(sql));
    const statement = Number.isNaN(key) ? plain(sql) : insert(sql, table, key);
    if (!Number.isNaN(key) && !result.ok) this.#failed.push(key);
    else if (!Number.isNaN(key)) this.#seen.push(statement);
    this.#recorder.answered(statement, result, { seconds: 0, sentAtMs: 0, answeredAtMs: 0 });
  }

  /** What is neither offered nor uncertain was said to be undone: as many as were counted so. */
  end(): Required<Verdicts> {
    this.#recorder.closed([]);
    const keys = this.#seen.flatMap(({ target }) => (target?.keys ?? []).map(({ key }) => Number(key)));
    const told = new Set([...this.#committed, ...this.#uncertain]);
    this.#undone.push(...keys.filter((key) => !told.has(key)));
    expect(this.#metrics.outcomes().skipped_rolled_back).toBe(this.#undone.length);
    return {
      committed: this.#committed,
      undone: this.#undone,
      uncertain: this.#uncertain,
      failed: this.#failed,
    };
  }
}

function insert(sql: string, table: string, key: number): Statement {
  const shape = { table, keys: [key], transactional: table === 'inno' ? ('yes' as const) : ('no' as const) };
  return selectedStatement(sql, shape);
}

function plain(sql: string): Statement {
  return plainOf(sql, { effects: /autocommit\s*=/i.test(sql) ? [{ what: 'autocommit' }] : [] });
}

function resultOf(reply: RawReply): ResultSummary {
  if (reply.error !== null) return errorResult(reply.error.errno);
  return okResult({ status: reply.results.at(-1)?.status ?? 0 });
}
