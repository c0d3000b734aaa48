/**
 * Invariants 2 and 3 over a long run: whatever becomes of the shadow, of etcd and of the ratios, clients get
 * what they would get without the proxy, each selected statement is counted once, and what may differ is known.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Etcd, startEtcd } from '../harness/etcd.ts';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { coverage, readJournal } from '../harness/journal-entries.ts';
import { MESSAGE_CENTRE_TABLES } from '../harness/message-centre.ts';
import type { Proxy as RunningProxy } from '../harness/proxy.ts';
import { compareDatabases } from '../harness/row-differences.ts';
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
/**
 * The queue's bytes count several times over (texts, records, sockets), the keys in doubt are held, and V8 keeps room
 * for garbage, the more of it the longer it is not pressed.
 */
const GROWTH_MAX_BYTES = (run.full ? 192 : 128) * MEBIBYTE;
/** Quick to give up, quick to come back, and with a queue that a short outage fills. */
const CONFIG = {
  compare: 50,
  queue: { statements: 400, bytes: MEBIBYTE },
  lanes: { perShard: 3, timeoutMs: 400, connectTimeoutMs: 400, preparedStatements: 16 },
  breaker: { backoffMinMs: 50, backoffMaxMs: 300, rampMs: 200 },
};
/** As patient as any proxy: a busy machine that stands still for half a second is no fault of the shadow. */
const LAST_CONFIG = { compare: CONFIG.compare, lanes: { perShard: 3, preparedStatements: 16 } };
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
/** What a proxy's clients see, in the order of the proxies. */
let witnesses = [new Witness(), new Witness()];

beforeAll(async () => {
  [centre, etcd] = await Promise.all([startCentre({ seed: run.seed, folders: FOLDERS }), startEtcd()]);
  network = await startFaultyProxy({ host: '127.0.0.1', port: centre.fresh.port });
  await startProxies(['one', 'two'], CONFIG);
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

async function startProxies(names: readonly string[], config: Readonly<Record<string, unknown>>) {
  const more = { ...config, etcd: { hosts: [etcd.url], prefix: PREFIX, rereadMs: 300 } };
  const started = names.map((name) => centre.startProxy(name, more, network.port));
  proxies.push(...(await Promise.all(started)));
}

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

async function untilProxiesSay(state: string): Promise<void> {
  await waitFor(
    async () => {
      const reports = await Promise.all(proxies.map((proxy) => proxy.status()));
      const states = reports.map(
        ({ shards: [shard] }) => `${shard!.shadow.state} ${Object.values(shard!.ratios)}`,
      );
      if (states.every((each) => each === state)) return true;
      throw new Error(`the proxies say ${states.join(' and ')}`);
    },
    { timeoutMs: 60_000, what: `the shadow and the ratios of both proxies to be "${state}"` },
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
      await untilProxiesSay('up 100,100,100');
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
    const { differing } = await compareDatabases(
      { server: centre.old, database: OLD },
      { server: centre.fresh, database: NEW },
      () => 'folderid',
      Object.keys(MESSAGE_CENTRE_TABLES),
    );
    const journals = await Promise.all(proxies.map((proxy) => readJournal(proxy, SHARD)));
    expect(journals.map(({ reset }) => reset)).toEqual([false, false]);
    const entries = journals.flatMap((journal) => journal.entries);
    const { byKey, uncovered } = coverage(
      differing,
      entries.filter(({ reason }) => reason !== 'written'),
    );
    expect(uncovered).toEqual([]);
    run.say(`${byKey} rows differ, all of them in doubt by their keys`);
  });

  it('without faults, at 100 %, fresh folders come out equal', { timeout: run.timeoutMs }, async () => {
    const ends = await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    await startProxies(['three', 'four'], LAST_CONFIG);
    await untilProxiesSay('idle 100,100,100');
    await network.set({ mode: 'latency', ms: LAST_LATENCY_MS });
    witnesses = [new Witness(), new Witness()];
    await runStreams('last', (witness) => witness.sessions >= LAST_SESSIONS);
    expectNoFault();
    const left: Record<string, number> = {};
    for (const [index, proxy] of proxies.entries()) {
      await untilIdle(proxy);
      const figure = await figures(proxy);
      expectEachCountedOnce(figure, witnesses[index]!);
      for (const name of ['understudy_mirror_not_sampled_total', 'understudy_mirror_mismatch_total'])
        left[name] = (left[name] ?? 0) + figure(name);
      for (const outcome of NOT_THERE)
        left[outcome] = (left[outcome] ?? 0) + figure('understudy_mirror_statements_total', { outcome });
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
