/** Whatever bytes some clients send, the others notice nothing, and nothing of it stays behind (invariant 3). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentBytes } from '../harness/processes.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import {
  activity,
  badLogLines,
  type Centre,
  figures,
  OLD,
  REFERENCE,
  SHARD,
  startCentre,
  untilIdle,
  untilNobodyIsConnected,
} from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { runCheckedStream, Witness } from './checked-stream.ts';
import {
  ATTACKS,
  type AttackName,
  attack,
  attackNames,
  HOSTILE_DATABASE,
  HOSTILE_SCHEMA,
  HOSTILE_USER,
} from './hostile-clients.ts';
import { createStream } from './stream-sessions.ts';

const run = chaosRun('hostile-clients');
const STREAMS = 2;
const FOLDERS_A_STREAM = 16;
const HOSTILES = 6;
const PLANS = 300;
/** It bounds the well-behaved sessions too, and beside other suites the machine may stand still for most of a second. */
const LOGIN_TIMEOUT_MS = run.full ? 800 : 3000;
const MEBIBYTE = 1024 * 1024;
/** V8 keeps room for garbage; a leak of one attack's kilobytes, thousands of times, would pass this. */
const GROWTH_MAX_BYTES = 128 * MEBIBYTE;

let centre: Centre;
let proxy: RunningProxy;
const witness = new Witness();
const attacks = new Map<AttackName, number>();
/** One for all: in the time of a short run, each attack must have its turn. */
const deck = attackNames(run.random(0));

beforeAll(async () => {
  centre = await startCentre({ seed: run.seed, folders: STREAMS * FOLDERS_A_STREAM });
  await centre.old.query(
    `CREATE DATABASE ${HOSTILE_DATABASE}; USE ${HOSTILE_DATABASE}; ${HOSTILE_SCHEMA};
     CREATE USER ${HOSTILE_USER}@'127.0.0.1'; GRANT ALL ON ${HOSTILE_DATABASE}.* TO ${HOSTILE_USER}@'127.0.0.1'`,
  );
  proxy = await centre.startProxy('proxy', {
    plans: PLANS,
    loginTimeoutMs: LOGIN_TIMEOUT_MS,
    queue: { statementBytes: MEBIBYTE },
    mirror: { reads: 100, writes: 100, deletes: 100 },
  });
});

afterAll(async () => {
  await centre?.close();
});

function runGoodStreams(over: () => boolean): Promise<unknown> {
  return Promise.all(
    Array.from({ length: STREAMS }, (_, index) =>
      runCheckedStream(
        {
          name: `stream ${index + 1}`,
          load: createStream({
            seed: run.seed,
            stream: index + 1,
            folders: FOLDERS_A_STREAM,
            firstFolder: index * FOLDERS_A_STREAM,
            collisions: false,
            random: run.random(index + 1),
          }),
          tested: { port: proxy.port(SHARD), database: OLD },
          reference: { port: centre.old.port, database: REFERENCE },
          witness,
        },
        over,
      ),
    ),
  );
}

async function runHostile(actor: number, over: () => boolean): Promise<void> {
  const random = run.random(100 + actor);
  while (!over()) {
    const name = deck.next().value;
    await attack(name, { port: proxy.port(SHARD), random });
    attacks.set(name, (attacks.get(name) ?? 0) + 1);
  }
}

describe(`hostile clients (${run.title})`, () => {
  it('well-behaved sessions notice nothing', { timeout: run.timeoutMs }, async () => {
    let over: 'no' | 'yes' = 'no';
    const good = runGoodStreams(() => over === 'yes');
    try {
      // The cost of the plain load comes first, so that what is measured is the hostile clients'.
      await waitFor(() => witness.statements > 500, { timeoutMs: 60_000, what: 'the load to be under way' });
      const startBytes = residentBytes(proxy.pid);
      const timeIsUp = run.clock();
      const enough = (): boolean => witness.faults > 0 || (timeIsUp() && attacks.size === ATTACKS.length);
      await Promise.all(Array.from({ length: HOSTILES }, (_, actor) => runHostile(actor, enough)));
      const goal = witness.statements + 100;
      await waitFor(() => witness.statements >= goal || witness.faults > 0, {
        timeoutMs: 30_000,
        what: 'the load to go on',
      });
      const busyWith = witness.faults === 0 ? [] : await activity(centre.old);
      over = 'yes';
      await good;
      expect({ seen: witness.samples, busyWith }).toEqual({ seen: [], busyWith: [] });
      await untilNobodyIsConnected(proxy, () => activity(centre.old));
      const grown = (): number => residentBytes(proxy.pid) - startBytes;
      const count = [...attacks.values()].reduce((sum, each) => sum + each, 0);
      run.say(`${count} attacks, ${Math.round(grown() / MEBIBYTE)} MiB more`);
      await waitFor(() => grown() < GROWTH_MAX_BYTES, {
        timeoutMs: 20_000,
        what: `the proxy's memory to be less than ${GROWTH_MAX_BYTES} bytes above its start`,
      });
    } finally {
      over = 'yes';
      await good;
    }
  });

  it('what they did is bounded, and named where it must be', async () => {
    await untilIdle(proxy);
    const figure = await figures(proxy);
    expect(figure('understudy_plan_cache_entries')).toBeLessThanOrEqual(PLANS);
    expect(figure('understudy_plan_cache_misses_total')).toBeGreaterThan(PLANS);
    const refused = (reason: string) => figure('understudy_connections_refused_total', { reason });
    expect(refused('bad_handshake')).toBeGreaterThan(0);
    expect(refused('login_timeout')).toBeGreaterThanOrEqual(attacks.get('slowLogin')!);
    expect(badLogLines(proxy)).toEqual([]);
    expect((await proxy.stop()).code).toBe(0);
  });
});
