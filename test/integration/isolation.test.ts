/**
 * Invariant 2: the client path awaits nothing of the shadow. One load runs with a sound shadow, and then under
 * every fault that a shadow can have: its results are the same, and every selected statement is accounted for.
 */
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Fault, type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { contentOf, createSchema, folderId, MESSAGE_CENTRE_TABLES, seed } from '../harness/message-centre.ts';
import { createLoad, type Session, type Statement } from '../harness/message-centre-load.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { hashOf, mirrored, type Servers, untilMirrorIsIdle } from './stage.ts';

/** Each shard has one stream of sessions, so that what a session reads does not hang on another's speed. */
const SHARDS = ['s00', 's01'] as const;
const FOLDERS = 25;
const SESSIONS = 18;
const KINDS = ['read', 'write', 'delete'] as const;

interface Run {
  /** A hash of every answer that the clients got. */
  readonly results: string;
  /** Statements that the ratios select, by kind. */
  readonly selected: Readonly<Record<(typeof KINDS)[number], number>>;
}

let servers: Servers;
let faulty: FaultyProxy;
let proxy: RunningProxy;
let sound: Run;

beforeAll(async () => {
  const [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  servers = { old, fresh };
  faulty = await startFaultyProxy(fresh);
  await resetData();
  const ports = await freePorts(SHARDS.length);
  proxy = await startProxy({
    config: {
      tables: MESSAGE_CENTRE_TABLES,
      shards: SHARDS.map((name, index) => ({
        name,
        port: ports[index] ?? 0,
        old: { host: old.host, port: old.port, database: `mc_${name}` },
        new: { host: faulty.host, port: faulty.port, database: `shard_${name}` },
      })),
      mirror: { reads: 100, writes: 100, deletes: 100 },
      compare: 100,
      lanes: { perShard: 2, connectTimeoutMs: 800, timeoutMs: 1000 },
      breaker: { failures: 2, backoffMinMs: 50, backoffMaxMs: 200, rampMs: 100 },
    },
  });
});
afterEach(async () => {
  servers.fresh.resume();
  await faulty.set({ mode: 'pass' });
});
afterAll(async () => {
  await proxy?.kill9();
  await faulty?.close();
  await Promise.all([servers?.old.destroy(), servers?.fresh.destroy()]);
});

describe('invariant 2: isolation from the shadow', () => {
  it('a sound shadow gets everything, and ends with the same rows', async () => {
    const before = await outcomes();
    sound = await runLoad();
    await expectAccounted(before, sound.selected, { allMirrored: true });
    for (const name of SHARDS) {
      expect(await contentOf(servers.fresh, `shard_${name}`)).toEqual(
        await contentOf(servers.old, `mc_${name}`),
      );
    }
    const { shards } = await proxy.status();
    expect(shards.flatMap((shard) => shard.latestMismatches)).toEqual([]);
    expect(await proxy.metric('understudy_mirror_mismatch_total')).toBe(0);
    expect(Math.min(...Object.values(sound.selected))).toBeGreaterThan(0);
  });

  it('the load answers for itself: another start gives other results', async () => {
    await resetData();
    await servers.old.query('DELETE FROM mc_s00.likes; DELETE FROM mc_s01.comments');
    expect((await runPrepared()).results).not.toBe(sound.results);
  });

  /** `down`: the breaker must open under it; a slow shadow, or one that lets logins through, may stay up. */
  const FAULTS: readonly (readonly [string, 'down' | 'any', Fault])[] = [
    ['refuses connections', 'down', { mode: 'refuse' }],
    ['hangs behind its listener', 'down', { mode: 'hang' }],
    ['answers garbage from the greeting on', 'down', { mode: 'garbage', afterBytes: 0, seed: 5 }],
    ['answers garbage in the middle of a greeting', 'down', { mode: 'garbage', afterBytes: 30, seed: 6 }],
    ['answers garbage later', 'any', { mode: 'garbage', afterBytes: 900, seed: 7 }],
    ['closes at once', 'down', { mode: 'close', afterBytes: 0 }],
    ['closes in the middle of a reply', 'any', { mode: 'close', afterBytes: 700 }],
    ['is slow', 'any', { mode: 'latency', ms: 40 }],
    ['trickles its replies', 'any', { mode: 'throttle', bytesPerSecond: 4000 }],
    ['is gone without a word', 'down', { mode: 'half-open' }],
  ];

  it.each(FAULTS)('the shadow %s', async (_name, shadow, fault) => {
    await resetData();
    const before = await outcomes();
    await faulty.set(fault);
    const run = await runPrepared();
    expect(run.results).toBe(sound.results);
    if (shadow === 'down') await untilBreakersOpen();
    await faulty.set({ mode: 'pass' });
    await expectAccounted(before, run.selected);
    await expectMirrorBack();
  });

  it('the shadow turns bad in the middle of the load: its connections are reset', async () => {
    await resetData();
    const before = await outcomes();
    const mirroredBefore = await mirrored(proxy, { outcome: 'mirrored' });
    const running = runPrepared();
    await waitFor(async () => (await mirrored(proxy, { outcome: 'mirrored' })) > mirroredBefore + 5, {
      what: 'the mirror to be at work',
    });
    await faulty.set({ mode: 'refuse' });
    const run = await running;
    expect(run.results).toBe(sound.results);
    await faulty.set({ mode: 'pass' });
    await expectAccounted(before, run.selected);
    await expectMirrorBack();
  });

  it('the shadow is stopped (SIGSTOP): the kernel accepts, and nothing answers', async () => {
    await resetData();
    const before = await outcomes();
    servers.fresh.pause();
    const run = await runPrepared();
    expect(run.results).toBe(sound.results);
    await untilBreakersOpen();
    servers.fresh.resume();
    await expectAccounted(before, run.selected);
    await expectMirrorBack();
  });

  it('the shadow is killed (kill -9), and started again', async () => {
    await resetData();
    const before = await outcomes();
    await servers.fresh.kill9();
    const run = await runPrepared();
    expect(run.results).toBe(sound.results);
    await untilBreakersOpen();
    await servers.fresh.restart();
    await expectAccounted(before, run.selected);
    await expectMirrorBack();
  });

  it('not a client was refused, lost or left unfollowed in all of it', async () => {
    expect(await proxy.metric('understudy_connections_refused_total')).toBe(0);
    expect(await proxy.metric('understudy_statements_total', { outcome: 'lost' })).toBe(0);
    expect(await proxy.metric('understudy_statements_total', { outcome: 'error' })).toBe(0);
    expect(await proxy.metric('understudy_relay_blind_total')).toBe(0);
    expect(proxy.logs()).not.toContain('please report this');
  });
});

async function resetData(): Promise<void> {
  for (const [index, name] of SHARDS.entries()) {
    await makeData(servers.old, `mc_${name}`, 'MyISAM', index);
    await makeData(servers.fresh, `shard_${name}`, 'InnoDB', index);
  }
}

async function makeData(
  server: Servers['old'],
  database: string,
  engine: 'MyISAM' | 'InnoDB',
  index: number,
): Promise<void> {
  await server.query(`DROP DATABASE IF EXISTS ${database}`);
  await createSchema(server, database, { engine, unmoved: engine === 'MyISAM' });
  await seed(server, database, { seed: index, folders: FOLDERS, rowsMax: 100 });
}

/** The load from the data's beginning. */
async function runLoad(): Promise<Run> {
  await resetData();
  return runPrepared();
}

async function runPrepared(): Promise<Run> {
  const streams = SHARDS.map((name, index) => {
    const load = createLoad({ seed: 3, folders: FOLDERS, stream: index });
    const sessions = Array.from({ length: SESSIONS }, () => load.next());
    return { sessions, answers: runStream(proxy.port(name), `mc_${name}`, sessions) };
  });
  const answers = await Promise.all(streams.map((stream) => stream.answers));
  const statements = streams.flatMap(({ sessions }) => sessions.flatMap((session) => session.statements));
  const count = (kind: Statement['kind']): number =>
    statements.filter((statement) => statement.moved && statement.kind === kind).length;
  return {
    results: hashOf(answers),
    selected: { read: count('read'), write: count('write'), delete: count('delete') },
  };
}

/** One session behind the other; a statement's error would end the test. */
async function runStream(port: number, database: string, sessions: readonly Session[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const session of sessions) {
    const connection = await servers.old.connect({
      port,
      database,
      supportBigNumbers: true,
      bigNumberStrings: true,
    });
    for (const statement of session.statements) answers.push(await answerOf(connection, statement));
    await connection.end();
  }
  return answers;
}

async function answerOf(connection: Connection, { sql, params, prepared }: Statement): Promise<unknown> {
  const values = params.map((value) => (typeof value === 'bigint' ? String(value) : value));
  const [result] = prepared ? await connection.execute(sql, values) : await connection.query(sql);
  if (Array.isArray(result)) return result;
  const { affectedRows, changedRows, insertId, warningStatus, info } = result as ResultSetHeader & {
    changedRows: number;
  };
  return { affectedRows, changedRows, insertId, warningStatus, info };
}

type Outcomes = ReadonlyMap<string, number>;

async function outcomes(): Promise<Outcomes> {
  await untilMirrorIsIdle(proxy);
  const kinds = KINDS.map(async (kind) => [kind, await mirrored(proxy, { kind })] as const);
  return new Map(await Promise.all(kinds));
}

/** Each selected statement since `before` has exactly one outcome: the counts add up, and stay so. */
async function expectAccounted(
  before: Outcomes,
  selected: Run['selected'],
  options: { readonly allMirrored?: boolean } = {},
): Promise<void> {
  const counted = async (): Promise<Record<string, number>> => {
    const now = await outcomes();
    return Object.fromEntries(KINDS.map((kind) => [kind, (now.get(kind) ?? 0) - (before.get(kind) ?? 0)]));
  };
  await waitFor(async () => hashOf(await counted()) === hashOf(selected), {
    what: `the outcomes to add up to ${JSON.stringify(selected)}`,
  });
  await untilMirrorIsIdle(proxy);
  expect(await counted()).toEqual(selected);
  if (options.allMirrored === true) {
    const total = KINDS.reduce((sum, kind) => sum + selected[kind], 0);
    expect(await mirrored(proxy, { outcome: 'mirrored' })).toBe(total);
  }
}

/** The load may be over before a lane gives up waiting: the fault must last until it has. */
async function untilBreakersOpen(): Promise<void> {
  const open = async (): Promise<boolean> =>
    (await proxy.status()).shards.every(
      ({ shadow }) => shadow.state === 'down' || shadow.state === 'recovering',
    );
  await waitFor(open, { what: 'the breakers of both shards to open' });
}

/** With the fault gone, statements reach the shadow again, through every shard. */
async function expectMirrorBack(): Promise<void> {
  for (const name of SHARDS) {
    const labels = { shard: name, outcome: 'mirrored' };
    const before = await mirrored(proxy, labels);
    const connection = await servers.old.connect({ port: proxy.port(name), database: `mc_${name}` });
    await waitFor(
      async () => {
        await connection.query(`SELECT * FROM likes WHERE folderid = ${folderId(0)}`);
        return (await mirrored(proxy, labels)) > before;
      },
      { what: `the mirror of ${name} to be back` },
    );
    await connection.end();
  }
  await untilMirrorIsIdle(proxy);
}
