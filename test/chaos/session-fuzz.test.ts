/**
 * Whole sessions by dice, played through the proxy from both ends. Those in good form must be followed to the last
 * statement; those out of order may be lost sight of, but their bytes pass unchanged, and nobody else is disturbed.
 */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import type { Side } from '../harness/wire-session.ts';
import { ByteWitness } from './byte-witness.ts';
import { badLogLines, type Figures, figures, untilIdle, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { FuzzedShadow } from './fuzzed-shadow.ts';
import {
  makeScript,
  packetsOf,
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
/** Of a full run, in each direction. */
const PACKETS_LEAST = run.full ? 1_000_000 : 0;
/** A slow machine needs longer for them than the run goes on. */
const TIMEOUT_MS = run.timeoutMs + PACKETS_LEAST;
const FAULTS_MAX = 5;
const MEBIBYTE = 1024 * 1024;
/** Sessions after which the process has the memory that such a load takes, however long it goes on. */
const SESSIONS_WARM = run.full ? 2000 : SESSIONS_LEAST;
/** V8's room for garbage, beyond what it had then; thousands of sessions that leak a few kilobytes would pass it. */
const GROWTH_MAX_BYTES = (run.full ? 128 : 160) * MEBIBYTE;
/** The numbers of sessions in good form and of those out of order. */
const MUTATED_FROM = 1_000_000_000;

const KINDS = ['read', 'write', 'delete', 'other'] as const;

interface Played {
  sessions: number;
  readonly packets: Record<Side, number>;
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
  return {
    sessions: 0,
    packets: { client: 0, server: 0 },
    moved: 0,
    streams: 0,
    counts: none as Counts,
    faults: [],
  };
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
  const goesOn = (): boolean => !clock() || sum.sessions < SESSIONS_LEAST || leastPackets() < PACKETS_LEAST;
  while (goesOn() && sum.faults.length < FAULTS_MAX) {
    const script = makeScript(run.seed, ids.next().value, shard === 'mutated');
    const fault = await server.play(port, script);
    if (fault !== null) sum.faults.push(`session ${script.id}: ${fault}`);
    sum.sessions += 1;
    for (const side of ['client', 'server'] as const) sum.packets[side] += packetsOf(script, side);
    sum.moved += script.moved;
    sum.streams += script.streams ? 1 : 0;
    for (const key of Object.keys(script.counts) as (keyof Counts)[]) sum.counts[key] += script.counts[key];
  }
}

function bothWays(): Record<Side, number> {
  const sum = (side: Side): number => clean.packets[side] + mutated.packets[side];
  return { client: sum('client'), server: sum('server') };
}

const leastPackets = (): number => Math.min(...Object.values(bothWays()));
const faults = (): string[] => [...clean.faults, ...mutated.faults];

function* numbersFrom(first: number): Generator<number, never> {
  for (let id = first; ; id += 1) yield id;
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
  it('pass unchanged, and disturb nobody', { timeout: TIMEOUT_MS }, async () => {
    const port = proxy.port('real');
    const account = { host: '127.0.0.1', user: 'root', database: 'app' };
    const witness = new ByteWitness({
      proxied: { ...account, port },
      direct: { ...account, port: old.port },
    });
    await witness.goesOn();
    const startDescriptors = descriptors(proxy.pid);
    clock = run.clock();
    const startedMs = performance.now();
    const [cleanIds, mutatedIds] = [numbersFrom(1), numbersFrom(MUTATED_FROM)];
    const players = Promise.all(
      Array.from({ length: PLAYERS }, () => [
        playOn('clean', cleanIds),
        playOn('mutated', mutatedIds),
      ]).flat(),
    );
    const isWarm = () => Math.min(clean.sessions, mutated.sessions) >= SESSIONS_WARM || faults().length > 0;
    await waitFor(isWarm, { timeoutMs: TIMEOUT_MS, what: 'the load to be under way' });
    const warmBytes = residentBytes(proxy.pid);
    await players;
    const seconds = (performance.now() - startedMs) / 1000;
    const { client, server: ofServer } = bothWays();
    run.say(
      `${clean.sessions} sessions in good form, ${mutated.sessions} out of order; ${client} packets of clients, ${ofServer} of servers, ${Math.round((client + ofServer) / seconds)} a second; ${shadow.spoilt} spoilt replies of the shadow; ${witness.statements} statements of the witness`,
    );
    expect(faults()).toEqual([]);
    await witness.goesOn();
    expect(await witness.stop()).toBeNull();
    expect(Math.min(client, ofServer)).toBeGreaterThanOrEqual(PACKETS_LEAST);
    await untilNobodyIsConnected(proxy);
    await waitFor(() => server.connections <= 2, { what: 'the old server to be left' });
    await waitFor(() => descriptors(proxy.pid) <= startDescriptors + 16, {
      what: 'the descriptors to be given back',
    });
    await waitFor(() => residentBytes(proxy.pid) - warmBytes < GROWTH_MAX_BYTES, {
      timeoutMs: 20_000,
      what: `the proxy's memory to be less than ${GROWTH_MAX_BYTES} bytes above its warm state`,
    });
    run.say(`${Math.round((residentBytes(proxy.pid) - warmBytes) / MEBIBYTE)} MiB more`);
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
