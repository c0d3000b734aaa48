/**
 * Logins by dice: clients bend their answers, requests for TLS and PROXY protocol headers, servers their greetings
 * and replies. Only the login in question ends, the client is told why where it can be, and nothing stays behind.
 */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { freePorts } from '../harness/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { Random } from '../harness/random.ts';
import { makeCertificates } from '../harness/tls.ts';
import { waitFor } from '../harness/wait.ts';
import { ByteWitness } from './byte-witness.ts';
import { badLogLines, figures, untilNobodyIsConnected } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { type LoginEnd, playLogin } from './login-player.ts';
import { type ClientScript, makeClientScript } from './login-scripts.ts';
import { ObligingServer } from './obliging-server.ts';
import { SCHEMA_USER, SCRIPTED_DATABASE } from './scripted-sessions.ts';
import { MOVED_TABLE } from './session-grammar.ts';
import { SpoiltGreeter } from './spoilt-greeter.ts';

const run = chaosRun('login-fuzz');
const PLAYERS = 64;
const LOGINS_LEAST = run.full ? 5000 : 100;
const FAULTS_MAX = 5;
const MEBIBYTE = 1024 * 1024;
const GROWTH_MAX_BYTES = 128 * MEBIBYTE;
const LOGIN_TIMEOUT_MS = 1500;
/** A client that is neither let in nor told anything within this time, beyond that of a login, leaves. */
const PATIENCE_MS = 1000;
const CLOSE_TIMEOUT_MS = 20_000;
/** Clients from here come by a balancer. */
const BALANCER = '127.0.0.2';
/** Shards are dealt out in turn: with two workers each has one that is fuzzed and one that is not. */
const SHARDS = ['proper', 'spoilt', 'beside-proper', 'beside-spoilt'] as const;
const FUZZED = SHARDS.slice(0, 2);
const WITNESSED = SHARDS.slice(2);

let mariadb: Mariadb;
let config: Parameters<typeof startProxy>[0]['config'];
let tls: Readonly<Record<string, unknown>>;
const proper = new ObligingServer();
const spoilt = new SpoiltGreeter(run.seed);

beforeAll(async () => {
  const [server, certificates] = await Promise.all([startMariadb(), makeCertificates()]);
  mariadb = server;
  await mariadb.query('CREATE DATABASE app');
  tls = { certificate: certificates.server.certificate, key: certificates.server.key };
  const [properPort = 0, spoiltPort = 0, ...ports] = await freePorts(2 + SHARDS.length);
  await Promise.all([proper.listen(properPort), spoilt.listen(spoiltPort)]);
  const host = '127.0.0.1';
  const ends = {
    proper: { host, port: properPort, database: SCRIPTED_DATABASE },
    spoilt: { host, port: spoiltPort, database: SCRIPTED_DATABASE },
    real: { host, port: mariadb.port, database: 'app' },
  };
  const of = [
    { old: ends.proper, new: ends.spoilt },
    { old: ends.spoilt, new: ends.spoilt },
    { old: ends.real, new: ends.real },
    { old: ends.real, new: ends.real },
  ];
  config = {
    shards: SHARDS.map((name, index) => ({ name, port: ports[index]!, ...of[index]! })),
    tables: { [MOVED_TABLE]: { key: 'id' } },
    oldUser: { user: SCHEMA_USER },
    mirror: { reads: 100, writes: 100, deletes: 100 },
    loginTimeoutMs: LOGIN_TIMEOUT_MS,
  };
});

afterAll(async () => {
  await Promise.all([proper.close(), spoilt.close(), mariadb?.destroy()]);
});

interface Sum {
  logins: number;
  readonly ends: Map<string, number>;
  readonly faults: string[];
}

/** What a client must not come upon where the server is in good form: no word, or another's. */
function faultOf(script: ClientScript, shard: string, end: LoginEnd): string | null {
  if (end.how === 'stuck') return 'its connection was never closed';
  if (end.how === 'told' && shard === 'proper' && !/understudy: |#HY000no$/.test(end.message))
    return `it was told ${end.errno} ${end.message}`;
  const mayBeSilent = shard !== 'proper' || script.request !== 'none' || script.header !== null;
  return end.how === 'silent' && !mayBeSilent ? 'it was sent away without a word' : null;
}

async function playOn(proxy: RunningProxy, guarded: boolean, sum: Sum, random: Random, over: () => boolean) {
  while (!over() && sum.faults.length < FAULTS_MAX) {
    const shard = random.pick(FUZZED);
    const balanced = guarded && random.chance(0.5);
    const header = balanced ? writeProxyHeader(random.pick(['v1', 'v2']), anyEndpoints(random)) : null;
    const script = makeClientScript(random, { tls: guarded, header });
    const place = {
      port: proxy.port(shard),
      from: balanced ? BALANCER : '127.0.0.1',
      patienceMs: LOGIN_TIMEOUT_MS + PATIENCE_MS,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
    };
    const end = await playLogin(place, script);
    sum.logins += 1;
    const name = end.how === 'told' && end.message.includes('understudy') ? `told ${end.errno}` : end.how;
    sum.ends.set(name, (sum.ends.get(name) ?? 0) + 1);
    const fault = faultOf(script, shard, end);
    if (fault !== null)
      sum.faults.push(`${shard}, login ${sum.logins}: ${fault} (${describeScript(script)})`);
  }
}

function anyEndpoints(random: Random) {
  const end = () => ({ address: `10.0.0.${random.integer(1, 254)}`, port: random.integer(1, 65_535) });
  return { source: end(), destination: end() };
}

function describeScript({ request, manner, ending, header, answer }: ClientScript): string {
  return JSON.stringify({
    request,
    manner,
    ending,
    header: header?.toString('hex'),
    answer: answer.toString('hex', 0, 100),
  });
}

async function processesOf(proxy: RunningProxy): Promise<number[]> {
  const { workers } = await proxy.status();
  return workers.flatMap(({ pid }) => pid ?? []);
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

describe(`fuzzed logins (${run.title})`, () => {
  it.each([
    ['one process', false, { workers: 1 }],
    [
      'two workers, TLS and a balancer before them',
      true,
      { workers: 2, listen: { proxyProtocol: { trusted: [BALANCER] } } },
    ],
  ])('end alone: %s', { timeout: run.timeoutMs }, async (_name, guarded, more) => {
    const listen = 'listen' in more ? { listen: { ...more.listen, tls } } : {};
    const proxy = await startProxy({ config: { ...config, ...more, ...listen } });
    try {
      const account = { host: '127.0.0.1', user: 'root', database: 'app' };
      const witnesses = WITNESSED.map(
        (shard) =>
          new ByteWitness({
            proxied: { ...account, port: proxy.port(shard) },
            direct: { ...account, port: mariadb.port },
            lasting: true,
          }),
      );
      await Promise.all(witnesses.map((witness) => witness.goesOn()));
      const pids = await processesOf(proxy);
      const before = pids.map((pid) => ({ files: descriptors(pid), bytes: residentBytes(pid) }));

      const sum: Sum = { logins: 0, ends: new Map(), faults: [] };
      const timeIsUp = run.clock();
      const over = (): boolean => timeIsUp() && sum.logins >= LOGINS_LEAST;
      await Promise.all(
        Array.from({ length: PLAYERS }, (_, player) =>
          playOn(proxy, guarded, sum, run.random(player + (guarded ? 100 : 0)), over),
        ),
      );
      run.say(
        `${sum.logins} logins, ${spoilt.packets} packets of the spoilt server: ${JSON.stringify(Object.fromEntries(sum.ends))}`,
      );
      expect(sum.faults).toEqual([]);
      await Promise.all(witnesses.map((witness) => witness.goesOn()));
      expect(await Promise.all(witnesses.map((witness) => witness.stop()))).toEqual([null, null]);

      await untilNobodyIsConnected(proxy);
      expect(await processesOf(proxy)).toEqual(pids);
      await Promise.all(
        pids.map((pid, index) =>
          waitFor(
            () =>
              descriptors(pid) <= before[index]!.files + 16 &&
              residentBytes(pid) <= before[index]!.bytes + GROWTH_MAX_BYTES,
            { timeoutMs: 30_000, what: `files and memory of process ${pid} to come back` },
          ),
        ),
      );
      const figure = await figures(proxy);
      const refused = (reason: string): number => figure('understudy_connections_refused_total', { reason });
      const told = (errno: number): number => sum.ends.get(`told ${errno}`) ?? 0;
      expect(told(1043)).toBeGreaterThan(0);
      // Who resets is told nothing, and yet counted.
      expect(refused('bad_handshake') + refused('bad_proxy_header')).toBeGreaterThanOrEqual(told(1043));
      expect(refused('login_timeout')).toBeGreaterThanOrEqual(told(1159));
      for (const reason of guarded ? ['bad_proxy_header', 'client_tls'] : ['login_timeout'])
        expect(refused(reason), reason).toBeGreaterThan(0);
      expect(badLogLines(proxy)).toEqual([]);
      expect((await proxy.stop()).code).toBe(0);
    } finally {
      await proxy.kill9();
    }
  });
});
