/**
 * Whole sessions by dice, played through the proxy from both ends. Those in good form must be followed to the last
 * statement; those out of order may be lost sight of, but their bytes pass unchanged, and nobody else is disturbed.
 */
import { readdirSync } from 'node:fs';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import { badLogLines, type Figures, figures, untilIdle, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { FuzzedShadow } from './fuzzed-shadow.ts';
import {
  makeScript,
  packetsIn,
  SCHEMA_USER,
  SCRIPTED_DATABASE,
  ScriptedServer,
} from './scripted-sessions.ts';
import type { Counts } from './session-grammar.ts';
import { MOVED_TABLE } from './session-grammar.ts';

const run = chaosRun('session-fuzz');
/** Sessions of each sort that are under way at the same time. */
const PLAYERS = 8;
/** However slow the machine is: fewer would show nothing. */
const SESSIONS_LEAST = 40;
const FAULTS_MAX = 5;
const MEBIBYTE = 1024 * 1024;
/** V8's room for garbage of some megabytes in flight; thousands of sessions that leak a few kilobytes would pass it. */
const GROWTH_MAX_BYTES = 160 * MEBIBYTE;
/** The numbers of sessions in good form and of those out of order. */
const MUTATED_FROM = 1_000_000_000;

const KINDS = ['read', 'write', 'delete', 'other'] as const;

interface Played {
  sessions: number;
  packets: number;
  moved: number;
  streams: number;
  readonly counts: Counts;
  readonly faults: string[];
}

let old: Mariadb;
let fresh: Mariadb;
let proxy: RunningProxy;
const server = new ScriptedServer(run.seed);
const shadow = new FuzzedShadow(run.random(3));
const clean = played();
const mutated = played();
let clock: () => boolean;

function played(): Played {
  const none = Object.fromEntries(
    KINDS.flatMap((kind) => [
      [`${kind} ok`, 0],
      [`${kind} error`, 0],
    ]),
  );
  return { sessions: 0, packets: 0, moved: 0, streams: 0, counts: none as Counts, faults: [] };
}

beforeAll(async () => {
  [old, fresh] = await Promise.all([startMariadb({ name: 'old' }), startMariadb({ name: 'new' })]);
  for (const real of [old, fresh])
    await real.query(
      'CREATE DATABASE app; CREATE TABLE app.kept (id BIGINT PRIMARY KEY, v INT) ENGINE=InnoDB',
    );
  const [oldPort = 0, newPort = 0, ...ports] = await freePorts(5);
  await Promise.all([server.listen(oldPort), shadow.listen(newPort)]);
  const scripted = {
    old: { host: '127.0.0.1', port: oldPort, database: SCRIPTED_DATABASE },
    new: { host: '127.0.0.1', port: newPort, database: 'new' },
  };
  const real = ({ host, port }: Mariadb) => ({ host, port, database: 'app' });
  proxy = await startProxy({
    config: {
      shards: [
        { name: 'clean', port: ports[0]!, ...scripted },
        { name: 'mutated', port: ports[1]!, ...scripted },
        { name: 'real', port: ports[2]!, old: real(old), new: real(fresh) },
      ],
      workers: 1,
      tables: { [MOVED_TABLE]: { key: 'id' }, kept: { key: 'id' } },
      oldUser: { user: SCHEMA_USER },
      newUser: { user: 'root' },
      mirror: { reads: 100, writes: 100, deletes: 100 },
      compare: 100,
      lanes: { timeoutMs: 500, connectTimeoutMs: 500 },
      breaker: { failures: 2, backoffMinMs: 10, backoffMaxMs: 100, rampMs: 0 },
    },
  });
});

afterAll(async () => {
  await proxy?.kill9();
  await Promise.all([server.close(), shadow.close(), old?.destroy(), fresh?.destroy()]);
});

async function playOn(shard: 'clean' | 'mutated', ids: Iterator<number>): Promise<void> {
  const sum = shard === 'clean' ? clean : mutated;
  const port = proxy.port(shard);
  while ((!clock() || sum.sessions < SESSIONS_LEAST) && sum.faults.length < FAULTS_MAX) {
    const script = makeScript(run.seed, ids.next().value, shard === 'mutated');
    const fault = await server.play(port, script);
    if (fault !== null) sum.faults.push(`session ${script.id}: ${fault}`);
    sum.sessions += 1;
    sum.packets += packetsIn(script);
    sum.moved += script.moved;
    sum.streams += script.streams ? 1 : 0;
    for (const key of Object.keys(script.counts) as (keyof Counts)[]) sum.counts[key] += script.counts[key];
  }
}

function* numbersFrom(first: number): Generator<number, never> {
  for (let id = first; ; id += 1) yield id;
}

/** Counts up by itself beside the storm, and must find each time what it wrote. */
async function behaveWell(
  seen: { statements: number; faults: string[] },
  over: () => boolean,
): Promise<void> {
  let connection: Connection | undefined;
  try {
    while (!over()) {
      connection = await createConnection({
        host: '127.0.0.1',
        port: proxy.port('real'),
        user: 'root',
        database: 'app',
      });
      for (let left = 20; left > 0 && !over(); left -= 1) {
        const value = seen.statements;
        await connection.execute('REPLACE INTO kept VALUES (?, ?)', [value % 50, value]);
        const [rows] = await connection.query<RowDataPacket[]>(`SELECT v FROM kept WHERE id = ${value % 50}`);
        if (rows[0]?.v !== value) throw new Error(`wrote ${value}, and read ${JSON.stringify(rows)}`);
        seen.statements += 1;
      }
      await connection.end();
    }
  } catch (error) {
    seen.faults.push(String(error));
    connection?.destroy();
  }
}

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function outcomes(figure: Figures, shard: string): Counts {
  const pairs = KINDS.flatMap((kind) =>
    (['ok', 'error'] as const).map(
      (outcome) =>
        [`${kind} ${outcome}`, figure('understudy_statements_total', { shard, kind, outcome })] as const,
    ),
  );
  return Object.fromEntries(pairs) as Counts;
}

describe(`fuzzed sessions (${run.title})`, () => {
  it('pass unchanged, and disturb nobody', { timeout: run.timeoutMs }, async () => {
    const seen = { statements: 0, faults: [] as string[] };
    let over: 'no' | 'yes' = 'no';
    const good = behaveWell(seen, () => over === 'yes');
    await waitFor(() => seen.statements > 20, { what: 'the well-behaved session to be under way' });
    const startBytes = residentBytes(proxy.pid);
    const startDescriptors = descriptors(proxy.pid);
    clock = run.clock();
    const startedMs = performance.now();
    const [cleanIds, mutatedIds] = [numbersFrom(1), numbersFrom(MUTATED_FROM)];
    await Promise.all(
      Array.from({ length: PLAYERS }, () => [
        playOn('clean', cleanIds),
        playOn('mutated', mutatedIds),
      ]).flat(),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    const goal = seen.statements + 20;
    await waitFor(() => seen.statements >= goal || seen.faults.length > 0, {
      what: 'the well-behaved session to go on',
    });
    over = 'yes';
    await good;
    const packets = clean.packets + mutated.packets;
    run.say(
      `${clean.sessions} sessions in good form, ${mutated.sessions} out of order, ${packets} packets, ${Math.round(packets / seconds)} a second; ${shadow.spoilt} spoilt replies of the shadow`,
    );
    expect([...clean.faults, ...mutated.faults, ...seen.faults]).toEqual([]);
    await untilNobodyIsConnected(proxy);
    await waitFor(() => server.connections <= 2, { what: 'the old server to be left' });
    await waitFor(() => descriptors(proxy.pid) <= startDescriptors + 16, {
      what: 'the descriptors to be given back',
    });
    await waitFor(() => residentBytes(proxy.pid) - startBytes < GROWTH_MAX_BYTES, {
      timeoutMs: 20_000,
      what: `the proxy's memory to be less than ${GROWTH_MAX_BYTES} bytes above its start`,
    });
    run.say(`${Math.round((residentBytes(proxy.pid) - startBytes) / MEBIBYTE)} MiB more`);
    expect(badLogLines(proxy)).toEqual([]);
  });

  it('in good form are followed to the last statement', async () => {
    await untilIdle(proxy);
    const figure = await figures(proxy);
    const blind = (reason: string) => figure('understudy_relay_blind_total', { shard: 'clean', reason });
    expect({ command: blind('lost_step_command'), reply: blind('lost_step_reply') }).toEqual({
      command: 0,
      reply: 0,
    });
    expect(blind('stream')).toBe(clean.streams);
    expect(outcomes(figure, 'clean')).toEqual(clean.counts);
    expect(figure('understudy_statements_total', { shard: 'clean', outcome: 'lost' })).toBe(0);
    // Each that the ratio selects ends in one outcome, whatever the shadow made of it.
    expect(figure('understudy_mirror_statements_total', { shard: 'clean' })).toBe(clean.moved);
    expect(figure('understudy_relay_blind_total', { shard: 'mutated' })).toBeGreaterThan(0);
  });

  it('leave lanes that work again once the shadow does', async () => {
    const figureNow = async (): Promise<number> =>
      proxy.metric('understudy_mirror_statements_total', { shard: 'clean', outcome: 'mirrored' });
    expect(shadow.spoilt).toBeGreaterThan(0);
    expect(await proxy.metric('understudy_journal_keys', { shard: 'clean' })).toBeGreaterThan(0);
    shadow.manner = 'good';
    const before = await figureNow();
    let id = 500_000_000;
    await waitFor(
      async () => {
        for (let left = 20; left > 0; left -= 1)
          await server.play(proxy.port('clean'), makeScript(run.seed, id++, false));
        const { shadow: state } = (await proxy.status()).shards.find(({ name }) => name === 'clean')!;
        return state.state === 'up' && (await figureNow()) > before;
      },
      { timeoutMs: 60_000, what: 'statements to be mirrored again' },
    );
    await untilIdle(proxy);
    expect(badLogLines(proxy)).toEqual([]);
    expect((await proxy.stop()).code).toBe(0);
  });
});
