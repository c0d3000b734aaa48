/**
 * Invariant 1 on MySQL 9: what it has beyond MariaDB (optional metadata, query attributes, its own session
 * tracking) passes byte for byte, and the readers keep step.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMysql } from '../harness/mysql.ts';
import { COM, type RawOptions, type RawReply } from '../harness/recorder.ts';
import { CLIENT } from '../harness/reply-reader.ts';
import { integer, nothing, type Parameter, text, uint32 } from './command-bytes.ts';
import { expectSameBytes, type Session, type SessionScript } from './same-bytes.ts';
import { mirrored, NEW_DATABASE, OLD_DATABASE, SHARD, type Stage, startStageProxy } from './stage.ts';

const SCHEMA = `
  CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(400), n INT NOT NULL DEFAULT 0);
  INSERT INTO t VALUES (1, 'one', 10), (2, NULL, 20), (3, REPEAT('x', 300), 30);
  CREATE PROCEDURE two() BEGIN SELECT 1; SELECT id FROM t ORDER BY id; END`;
const PARAMETER_COUNT_AVAILABLE = 8;
const VARIANTS: readonly (readonly [string, bigint])[] = [
  ['old EOFs', 0n],
  ['DEPRECATE_EOF and session tracking', CLIENT.DEPRECATE_EOF | CLIENT.SESSION_TRACK],
  ['optional metadata', CLIENT.OPTIONAL_RESULTSET_METADATA],
  ['optional metadata and DEPRECATE_EOF', CLIENT.OPTIONAL_RESULTSET_METADATA | CLIENT.DEPRECATE_EOF],
  ['query attributes', CLIENT.QUERY_ATTRIBUTES],
  [
    'everything',
    CLIENT.DEPRECATE_EOF |
      CLIENT.SESSION_TRACK |
      CLIENT.PLUGIN_AUTH_LENENC |
      CLIENT.OPTIONAL_RESULTSET_METADATA |
      CLIENT.QUERY_ATTRIBUTES,
  ],
];

let stage: Stage;
beforeAll(async () => {
  const [old, fresh] = await Promise.all([startMysql({ name: 'old' }), startMysql({ name: 'new' })]);
  await old.query("INSTALL COMPONENT 'file://component_query_attributes'");
  const reset = async (): Promise<void> => {
    const make = (name: string) =>
      `DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name}; USE ${name}; ${SCHEMA}`;
    await Promise.all([old.query(make(OLD_DATABASE)), fresh.query(make(NEW_DATABASE))]);
  };
  await reset();
  const proxy = await startStageProxy({ old, fresh });
  const close = async (): Promise<void> => {
    await proxy.kill9();
    await Promise.all([old.destroy(), fresh.destroy()]);
  };
  stage = { old, fresh, proxy, port: proxy.port(SHARD), reset, close };
});
afterAll(() => stage?.close());

type Attributes = Readonly<Record<string, Parameter>>;

/** One client that sends attributes where the session has them. */
function speaker(session: Session) {
  const named = (session.capabilities & CLIENT.QUERY_ATTRIBUTES) !== 0n;
  return {
    named,
    query(sql: string, attributes: Attributes = {}): Promise<RawReply> {
      if (!named) return session.query(sql);
      const count = Object.keys(attributes).length;
      const head = [
        Buffer.of(count, 1),
        count === 0 ? Buffer.alloc(0) : bound(Object.entries(attributes), true),
      ];
      return session.query(Buffer.concat([...head, Buffer.from(sql)]));
    },
    execute(id: number, values: readonly Parameter[], attributes: Attributes = {}): Promise<RawReply> {
      const all: [string, Parameter][] = values.map((value) => ['', value]);
      if (named) all.push(...Object.entries(attributes));
      const flags = named ? PARAMETER_COUNT_AVAILABLE : 0;
      const head = [uint32(id), Buffer.of(flags), uint32(1), Buffer.from(named ? [all.length] : [])];
      const body = all.length === 0 ? Buffer.alloc(0) : bound(all, named);
      return session.command(COM.STMT_EXECUTE, Buffer.concat([...head, body]), 'query');
    },
  };
}

/** Nulls, types (with names, where attributes were agreed on) and values, as both commands carry them. */
function bound(parameters: readonly (readonly [string, Parameter])[], named: boolean): Buffer {
  const nulls = Buffer.alloc((parameters.length + 7) >> 3);
  parameters.forEach(([, { value }], index) => {
    if (value === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
  });
  const types = parameters.flatMap(([name, { type }]) => [
    Buffer.of(type, 0),
    named ? Buffer.from([name.length, ...Buffer.from(name)]) : Buffer.alloc(0),
  ]);
  const values = parameters.map(([, { value }]) => value ?? Buffer.alloc(0));
  return Buffer.concat([nulls, Buffer.of(1), ...types, ...values]);
}

const ATTRIBUTES: Attributes = { trace: text('a-b-c'), count: integer(7), none: nothing };

const queries: SessionScript = async (session) => {
  const { query, named } = speaker(session);
  const run = async (sql: string, attributes?: Attributes): Promise<RawReply> => {
    const reply = await query(sql, attributes);
    expect(reply.error, sql).toBeNull();
    return reply;
  };
  await run('SELECT id, name FROM t ORDER BY id', ATTRIBUTES);
  await run('SELECT id FROM t WHERE id < 0');
  const traced = await run("SELECT mysql_query_attribute_string('trace') AS trace", ATTRIBUTES);
  expect(traced.results[0]?.rows).toHaveLength(1);
  if (named) expect(traced.bytes.includes('a-b-c')).toBe(true);
  await run("INSERT INTO t (id, name) VALUES (4, 'four'), (5, 'five')", ATTRIBUTES);
  await run("UPDATE t SET name = 'vier' WHERE id = 4");
  await run("INSERT INTO t VALUES (3, 'three', 33) AS fresh ON DUPLICATE KEY UPDATE n = fresh.n");
  await run('DELETE FROM t WHERE id IN (4, 5)', ATTRIBUTES);
  expect((await query('SELECT nothing FROM t', ATTRIBUTES)).error?.errno).toBe(1054);
  expect((await query('SELECT 1; CALL two(); SELECT 2', ATTRIBUTES)).results).toHaveLength(5);
  await run(
    "SET SESSION session_track_system_variables = 'sql_mode,time_zone', session_track_gtids = OWN_GTID",
  );
  await run(
    "SET SESSION session_track_transaction_info = 'CHARACTERISTICS', session_track_state_change = ON",
  );
  await run("SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+01:00'");
  await run('USE mysql');
  await run(`USE ${OLD_DATABASE}`);
  for (const sql of [
    'BEGIN',
    "REPLACE INTO t VALUES (1, 'uno', 1)",
    'SELECT * FROM t ORDER BY id',
    'COMMIT',
  ]) {
    await run(sql);
  }
  await run('TABLE t ORDER BY id LIMIT 2');
  await run('VALUES ROW(1, 2), ROW(3, 4)');
  await run('SELECT id FROM t INTERSECT SELECT 1');
};

const prepared: SessionScript = async (session) => {
  const { execute } = speaker(session);
  const insert = await session.prepare('INSERT INTO t (id, name, n) VALUES (?, ?, ?)');
  const row = [integer(10), text('ten'), integer(1)];
  expect((await execute(insert, row, ATTRIBUTES)).results[0]?.affectedRows).toBe(1n);
  expect((await execute(insert, row)).error?.errno).toBe(1062);
  expect((await execute(insert, [integer(11), nothing, integer(2)])).error).toBeNull();
  const select = await session.prepare('SELECT * FROM t WHERE id >= ? ORDER BY id');
  expect((await execute(select, [integer(2)], ATTRIBUTES)).results[0]?.rows).toHaveLength(4);
  const all = await session.prepare('SELECT id FROM t ORDER BY id');
  expect((await execute(all, [], ATTRIBUTES)).results[0]?.rows).toHaveLength(5);
  const call = await session.prepare('CALL two()');
  expect((await execute(call, [])).results).toHaveLength(3);
};

const withoutMetadata: SessionScript = async (session) => {
  const { query, execute } = speaker(session);
  expect((await query('SET SESSION resultset_metadata = NONE')).error).toBeNull();
  expect((await query('SELECT id, name FROM t ORDER BY id')).results[0]?.rows).toHaveLength(3);
  expect((await query('SELECT id FROM t WHERE id < 0')).results[0]?.rows).toHaveLength(0);
  expect((await query('SELECT 1; CALL two(); SELECT 2')).results).toHaveLength(5);
  const select = await session.prepare('SELECT name FROM t WHERE id = ?');
  expect((await execute(select, [integer(1)])).results[0]?.rows).toHaveLength(1);
  expect((await query("UPDATE t SET name = 'last' WHERE id = 1")).results[0]?.affectedRows).toBe(1n);
  expect((await query('SET SESSION resultset_metadata = FULL')).error).toBeNull();
  expect((await query('SELECT id FROM t')).results[0]?.rows).toHaveLength(3);
};

describe.each(VARIANTS)('invariant 1: the same bytes from MySQL 9 with %s', (_variant, capabilities) => {
  const options: Partial<RawOptions> = { capabilities };

  it('queries', () => expectSameBytes(stage, queries, options));
  it('prepared statements', () => expectSameBytes(stage, prepared, options));
  if ((capabilities & CLIENT.OPTIONAL_RESULTSET_METADATA) !== 0n) {
    it('results without metadata', () => expectSameBytes(stage, withoutMetadata, options));
  }
});

it('invariant 1: the readers kept step, and the mirror was at work all the while', async () => {
  expect(await stage.proxy.metric('understudy_relay_blind_total')).toBe(0);
  expect(await mirrored(stage.proxy, { outcome: 'mirrored' })).toBeGreaterThan(50);
  expect(await stage.proxy.metric('understudy_mirror_compared_total')).toBeGreaterThan(0);
  expect(stage.proxy.logs()).not.toContain('please report this');
});
