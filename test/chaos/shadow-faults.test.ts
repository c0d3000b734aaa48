/**
 * Invariants 2 and 3 over a long run: whatever becomes of the shadow, of etcd and of the ratios, clients get
 * what they would get without the proxy, each selected statement is counted once, and what may differ is known.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { MOVED_TABLES } from '../harness/message-centre.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { waitFor } from '../harness/wait.ts';
import {
  badLogLines,
  type Centre,
  type Figures,
  figures,
  NEW,
  OLD,
  peakResidentBytes,
  REFERENCE,
  rowsWhere,
  SHARD,
  startCentre,
  untilIdle,
} from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import { runCheckedStream, Witness } from './checked-stream.ts';
import { FaultDirector } from './fault-director.ts';
import { createStream, foldersFrom } from './stream-sessions.ts';

const run = chaosRun('shadow-faults');
const PREFIX = '/understudy/chaos/';
const STREAMS = 4;
const FOLDERS_A_STREAM = 24;
const FOLDERS = STREAMS * FOLDERS_A_STREAM;
const LAST_SESSIONS = 60;
/** So few that sessions soon meet what the one before wrote, and a shadow slow enough not to have it yet. */
const LAST_FOLDERS_A_STREAM = 4;
const LAST_LATENCY_MS = 2;
const MEBIBYTE = 1024 * 1024;
/** The queue's bytes count several times over (texts, records, sockets), and V8 keeps room for garbage. */
const GROWTH_MAX_BYTES = 128 * MEBIBYTE;
/** Quick to give up, quick to come back, and with a queue that a short outage fills. */
const CONFIG = {
  compare: 50,
  queue: { statements: 400, bytes: MEBIBYTE },
  lanes: { perShard: 3, timeoutMs: 400, connectTimeoutMs: 400, preparedStatements: 16 },
  breaker: { backoffMinMs: 50, backoffMaxMs: 300, rampMs: 200 },
};
/** Outcomes of statements that the shadow does not have: none is to be expected of one that is well. */
const NOT_THERE = [
  'skipped_unsupported',
  'failed',
  'timed_out',
  'lost',
  'dropped_queue_full',
  'dropped_shadow_down',
];
const KINDS = ['read', 'write', 'delete'] as const;

let centre: Centre;
let network: FaultyProxy;
let etcd: Etcd;
let director: FaultDirector;
const proxies: RunningProxy[] = [];
const startBytes: number[] = [];
const witnesses = [new Witness(), new Witness()];

beforeAll(async () => {
  [centre, etcd] = await Promise.all([startCentre({ seed: run.seed, folders: FOLDERS }), startEtcd()]);
  network = await startFaultyProxy({ host: '127.0.0.1', port: centre.fresh.port });
  const config = { ...CONFIG, etcd: { hosts: [etcd.url], prefix: PREFIX, rereadMs: 300 } };
  for (const name of ['one', 'two']) proxies.push(await centre.startProxy(name, config, network.port));
  for (const proxy of proxies) startBytes.push(peakResidentBytes(proxy.pid));
  director = new FaultDirector({
    random: run.random(0),
    network,
    shadow: centre.fresh,
    etcd,
    prefix: PREFIX,
    shard: SHARD,
  });
});

afterAll(async () => {
  await network?.close();
  await centre?.close();
  await etcd?.kill9();
});

/** One stream on each set of folders, always by the same proxy: two of them could not know a key's order. */
function runStreams(round: 'faulty' | 'last', over: (witness: Witness) => boolean): Promise<unknown> {
  const folders = round === 'last' ? LAST_FOLDERS_A_STREAM : FOLDERS_A_STREAM;
  const firstFolder = round === 'last' ? FOLDERS : 0;
  return Promise.all(
    Array.from({ length: STREAMS }, (_, index) => {
      const stream = 1 + index + (round === 'last' ? STREAMS : 0);
      const witness = witnesses[index % 2]!;
      return runCheckedStream(
        {
          name: `stream ${stream}`,
          load: createStream({
            seed: run.seed,
            stream,
            folders,
            firstFolder: firstFolder + index * folders,
            collisions: round === 'faulty',
            random: run.random(stream),
          }),
          tested: { port: proxies[index % 2]!.port(SHARD), database: OLD },
          reference: { port: centre.old.port, database: REFERENCE },
          witness,
        },
        () => over(witness),
      );
    }),
  );
}

function statements(): number {
  return witnesses.reduce((sum, witness) => sum + witness.statements, 0);
}

function expectNoFault(): void {
  const seen = witnesses.flatMap((witness) => witness.samples);
  expect({ seen, history: seen.length > 0 ? director.history : [] }).toEqual({ seen: [], history: [] });
}

/** Whether each selected statement stands under one outcome: the clients know how many there were. */
function expectEachCountedOnce(figure: Figures, { moved }: Witness): void {
  const counted = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      figure('understudy_mirror_statements_total', { kind }) +
        figure('understudy_mirror_not_sampled_total', { kind }),
    ]),
  );
  expect(counted).toEqual(moved);
}

/** Folders whose rows differ, a table. */
async function differingFolders(): Promise<Map<string, number>> {
  const [old, fresh] = await Promise.all([
    rowsWhere(centre.old, OLD, 'TRUE'),
    rowsWhere(centre.fresh, NEW, 'TRUE'),
  ]);
  const [here, there] = [new Set(old), new Set(fresh)];
  const folders = new Set(
    [...old, ...fresh]
      .filter((row) => !(here.has(row) && there.has(row)))
      .map((row) => /^\w+ \["\d+"/.exec(row)?.[0] ?? row),
  );
  const counts = new Map<string, number>(MOVED_TABLES.map((table) => [table, 0]));
  for (const folder of folders) {
    const table = folder.split(' ', 1)[0]!;
    counts.set(table, counts.get(table)! + 1);
  }
  return counts;
}

async function untilShadowIsBack(): Promise<void> {
  await waitFor(
    async () => {
      const reports = await Promise.all(proxies.map((proxy) => proxy.status()));
      const states = reports.map(
        ({ shards: [shard] }) => `${shard!.shadow.state} ${Object.values(shard!.ratios)}`,
      );
      if (states.every((state) => state === 'up 100,100,100')) return true;
      throw new Error(`the proxies say ${states.join(' and ')}`);
    },
    { timeoutMs: 60_000, what: 'both proxies to have the ratios and a shadow that is up' },
  );
}

describe(`shadow faults (${run.title})`, () => {
  it('clients notice nothing, and nothing selected goes uncounted', { timeout: run.timeoutMs }, async () => {
    let over: 'no' | 'yes' = 'no';
    const load = runStreams('faulty', (witness) => over === 'yes' || witness.faults > 0);
    try {
      const random = run.random(1);
      const timeIsUp = run.clock();
      while (!timeIsUp() && witnesses.every((witness) => witness.faults === 0)) {
        await director.step();
        const goal = statements() + random.integer(20, 250);
        await waitFor(() => statements() >= goal || witnesses.some((witness) => witness.faults > 0), {
          timeoutMs: 60_000,
          what: 'the load to go on under faults',
        });
      }
      expectNoFault();
      await director.heal();
      await untilShadowIsBack();
    } finally {
      over = 'yes';
      await load;
    }
    expectNoFault();
    for (const [index, proxy] of proxies.entries()) {
      await untilIdle(proxy);
      const figure = await figures(proxy);
      expectEachCountedOnce(figure, witnesses[index]!);
      expect(figure('understudy_journal_keys')).toBeGreaterThan(0);
      expect(figure('understudy_relay_blind_total')).toBe(0);
      const grown = peakResidentBytes(proxy.pid) - startBytes[index]!;
      run.say(`${witnesses[index]!.statements} statements, at most ${Math.round(grown / MEBIBYTE)} MiB more`);
      expect(grown).toBeLessThan(GROWTH_MAX_BYTES);
      expect(badLogLines(proxy)).toEqual([]);
    }
  });

  it('what differs is in the journal', async () => {
    const all = await Promise.all(proxies.map(figures));
    const doubts = (labels: Record<string, string>): number =>
      all.reduce((sum, figure) => sum + figure('understudy_journal_keys', labels), 0);
    // Every key of this load can be read, so that no table as a whole excuses a difference.
    expect(doubts({ reason: 'opaque' }) + doubts({ reason: 'table' })).toBe(0);
    for (const [table, count] of await differingFolders())
      expect({ table, beyond: Math.max(0, count - doubts({ table })) }).toEqual({ table, beyond: 0 });
  });

  it('without faults, at 100 %, fresh folders come out equal', { timeout: run.timeoutMs }, async () => {
    await network.set({ mode: 'latency', ms: LAST_LATENCY_MS });
    const before = await Promise.all(proxies.map(figures));
    const goals = witnesses.map((witness) => witness.sessions + LAST_SESSIONS);
    await runStreams('last', (witness) => witness.sessions >= goals[witnesses.indexOf(witness)]!);
    expectNoFault();
    const left: Record<string, number> = {};
    for (const [index, proxy] of proxies.entries()) {
      await untilIdle(proxy);
      const figure = await figures(proxy);
      expectEachCountedOnce(figure, witnesses[index]!);
      for (const name of ['understudy_mirror_not_sampled_total', 'understudy_mirror_mismatch_total'])
        left[name] = (left[name] ?? 0) + figure(name) - before[index]!(name);
      for (const outcome of NOT_THERE) {
        const labels = { outcome };
        const name = 'understudy_mirror_statements_total';
        left[outcome] = (left[outcome] ?? 0) + figure(name, labels) - before[index]!(name, labels);
      }
    }
    const reports = await Promise.all(proxies.map((proxy) => proxy.status()));
    const wrong = Object.entries(left).filter(([, count]) => count !== 0);
    const latest = wrong.length === 0 ? [] : reports.map(({ shards }) => shards[0]?.latestMismatches);
    expect({ wrong, latest }).toEqual({ wrong: [], latest: [] });
    const rows = await rowsWhere(centre.old, OLD, foldersFrom(FOLDERS));
    expect(rows.length).toBeGreaterThan(0);
    expect(await rowsWhere(centre.fresh, NEW, foldersFrom(FOLDERS))).toEqual(rows);
  });
});
