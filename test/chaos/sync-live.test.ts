/**
 * A sync beside live traffic: no client notices it, nothing is written twice or overwritten by what is older, and
 * once the traffic stops a few passes leave nothing that differs, on any row, and nothing in the journal.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncReport } from '../../src/sync/sync-report.ts';
import { coverage, readJournal } from '../harness/journal-entries.ts';
import { createLoad } from '../harness/message-centre-load.ts';
import { type Child, type Exit, startChild } from '../harness/process.ts';
import { MAIN } from '../harness/proxy.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { SHARD, untilIdle } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import {
  COUNTERS,
  centreSessions,
  counterSessions,
  HOT_COUNTERS,
  type LiveStage,
  runSessions,
  Seen,
  type Sessions,
  startLiveStage,
} from './live-stage.ts';

const run = chaosRun('sync-live');
const FOLDERS = run.full ? 400 : 60;
const STREAMS = 3;
const COUNTING = 3;
/** Statements between two events. */
const PACE = run.full ? 300 : 60;
const REPLAY_DELAY_MS = 100;
/** On a long line the mirror takes less than the clients can write. */
const QUEUE_STATEMENTS = 50;
/** Until one has met what the mirror was late with. */
const PASSES_MAX = 10;

let stage: LiveStage;
/** Each has item ids of its own. */
let streams = 0;

beforeAll(async () => {
  stage = await startLiveStage({ seed: run.seed, folders: FOLDERS });
});

afterAll(async () => {
  await stage?.close();
});

interface Synced {
  readonly child: Child;
  readonly ended: Promise<{ readonly exit: Exit; readonly report: SyncReport | null; readonly said: string }>;
}

async function startSync(...args: readonly string[]): Promise<Synced> {
  const file = join(temporaryDirectory('sync-report'), 'report.json');
  const command = ['sync', '--config', stage.syncConfig, '--report', file, ...args];
  const child = await startChild({ name: 'sync', command: process.execPath, args: [MAIN, ...command] });
  const ended = child.exited.then((exit) => ({
    exit,
    report: readReport(file),
    said: child.stdout() + child.stderr(),
  }));
  return { child, ended };
}

function readReport(file: string): SyncReport | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SyncReport;
  } catch {
    return null;
  }
}

function counting(counters: number): Sessions[] {
  return Array.from({ length: COUNTING }, (_, at) => counterSessions(run.random(100 + at), counters));
}

function centreAndCounters(): Sessions[] {
  const centre = Array.from({ length: STREAMS }, () =>
    centreSessions(createLoad({ seed: run.seed % 1_000_000, folders: FOLDERS, stream: streams++ })),
  );
  return [...centre, ...counting(HOT_COUNTERS)];
}

class Traffic {
  readonly seen: Seen;
  readonly #running: Promise<unknown>;
  #state: 'on' | 'over' = 'on';

  constructor(sessions: readonly Sessions[], seen: Seen, turn: () => boolean = () => true) {
    this.seen = seen;
    const over = (): boolean => this.#state === 'over';
    const port = stage.proxy().port(SHARD);
    this.#running = Promise.all(
      sessions.map((next) => runSessions(next, port, seen, { over, back: () => stage.isServing(), turn })),
    );
  }

  async goOn(statements: number): Promise<void> {
    const goal = this.seen.statements + statements;
    await waitFor(() => this.seen.statements >= goal || this.seen.faults.length > 0, {
      timeoutMs: 60_000,
      what: `the traffic to go on; ${this.seen.statements} of ${goal} statements`,
    });
  }

  async end(): Promise<void> {
    this.#state = 'over';
    await this.#running;
  }
}

/** Two, and of a full run as many as its time takes. */
function rounds(): () => boolean {
  const timeIsUp = run.clock();
  let round = 0;
  return () => round++ < 2 || (run.full && !timeIsUp());
}

/** Replicas that stand still for a while, one after the other, for as long as the run is to last. */
async function lagBehind(traffic: Traffic, event: (round: number) => Promise<void>): Promise<void> {
  const goesOn = rounds();
  for (let round = 0; goesOn(); round++) {
    const replica = stage.replicas[round % 2]!;
    await replica.query('STOP SLAVE SQL_THREAD');
    try {
      await traffic.goOn(PACE);
    } finally {
      await replica.query('START SLAVE SQL_THREAD');
    }
    await event(round);
    await traffic.goOn(PACE);
    if (traffic.seen.faults.length > 0) return;
  }
}

/** One sync after the other until `end`, which kills the last: beside traffic one may leave something, but nothing worse. */
class Syncs {
  readonly wrong: string[] = [];
  readonly #args: readonly string[];
  readonly #running: Promise<void>;
  #state: 'on' | 'over' = 'on';
  #child: Child | null = null;

  constructor(args: readonly string[]) {
    this.#args = args;
    this.#running = this.#run();
  }

  async end(): Promise<readonly string[]> {
    this.#state = 'over';
    await this.#child?.kill9();
    await this.#running;
    return this.wrong;
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  async #run(): Promise<void> {
    while (!this.#isOver()) {
      const { child, ended } = await startSync(...this.#args);
      this.#child = child;
      if (this.#isOver()) await child.kill9();
      const { exit, said } = await ended;
      if (this.#isOver()) return;
      if ((exit.code !== 0 && exit.code !== 1) || said.split('\n').some(isWrong))
        this.wrong.push(`exit ${exit.code}: ${said}`);
    }
  }
}

/** That a sync begins while the proxy is away is as it should be. */
function isWrong(line: string): boolean {
  return /it differs as before|proxy .*: /.test(line) && !line.endsWith('it counts once it answers');
}

async function expectConvergence(): Promise<void> {
  const { exit, report, said } = await (await startSync('--passes', '3')).ended;
  expect(
    report?.passes.flatMap(({ failures }) => failures),
    said,
  ).toEqual([]);
  expect(exit.code, said).toBe(0);
  expect(report?.journal).toEqual({ keys: 0, reset: [] });
  expect(await stage.differing()).toEqual([]);
  const full = report?.passes.filter(({ kind }) => kind === 'full').length;
  run.say(`${full} full passes once the traffic had stopped`);
}

interface Scene {
  readonly ratio: number;
  readonly args: readonly string[];
  /** Between two halts of a replica. */
  event(round: number): Promise<void>;
  readonly kills: boolean;
}

async function play({ ratio, args, event, kills }: Scene): Promise<void> {
  await stage.setRatios(ratio);
  await stage.corrupt();
  const traffic = new Traffic(centreAndCounters(), new Seen(kills ? 0 : null));
  const syncs = new Syncs(args);
  let wrong: readonly string[] = [];
  try {
    await lagBehind(traffic, event);
  } finally {
    await traffic.end();
    wrong = await syncs.end();
  }
  const { statements, broken, faults } = traffic.seen;
  run.say(`${statements} statements, ${broken ?? 0} connections broken, ratio ${ratio} ${args.join(' ')}`);
  expect(faults).toEqual([]);
  expect(wrong).toEqual([]);
  if (kills) expect(broken).toBeGreaterThan(0);
  await expectConvergence();
}

const MIRRORED = [
  { title: 'all of which is mirrored', ratio: 100, args: [] },
  { title: 'all of which is mirrored, by full passes', ratio: 100, args: ['--full'] },
];
const SCENES = [
  { title: 'of which nothing is mirrored, and then all', ratio: 0, args: [] },
  ...(run.full ? MIRRORED : []),
];

describe(`a sync beside live traffic (${run.title})`, () => {
  it('makes nothing wrong that is still to be replayed', { timeout: run.timeoutMs }, async () => {
    await stage.setRatios(100);
    stage.delayReplays(REPLAY_DELAY_MS);
    const goesOn = rounds();
    let [looked, late] = [0, 0];
    while (goesOn() || (late === 0 && looked < PASSES_MAX)) {
      const { mismatched, moving } = await passBesideLateReplays();
      looked += 1;
      late += mismatched;
      const { entries } = await readJournal(stage.proxy(), SHARD);
      const doubts = entries.filter(({ reason }) => reason !== 'written');
      const { uncovered } = coverage(await stage.differing(['counters']), doubts);
      // What the sync has written, and not seen to its end, is told of and left to the next pass.
      expect(uncovered.length).toBeLessThanOrEqual(moving);
    }
    stage.delayReplays(0);
    run.say(`${looked} passes met ${late} groups that the mirror was late with`);
    expect(late).toBeGreaterThan(0);
  });

  it.each(SCENES)('$title', { timeout: run.timeoutMs }, async ({ ratio, args }) => {
    const event = async (round: number): Promise<void> => {
      if (round === 0 && ratio === 0) await stage.setRatios(100);
    };
    await play({ ratio, args, event, kills: false });
  });

  it('through a proxy that is killed and started again', { timeout: run.timeoutMs }, async () => {
    await play({ ratio: 100, args: [], event: () => stage.killProxy(), kills: true });
  });
});

/** One pass over counters that are written meanwhile, until all of it is replayed. */
async function passBesideLateReplays(): Promise<{ readonly mismatched: number; readonly moving: number }> {
  const mirror = watchQueue();
  const turn = (): boolean => mirror.statements() < QUEUE_STATEMENTS;
  const traffic = new Traffic(counting(COUNTERS), new Seen(null), turn);
  try {
    await traffic.goOn(PACE);
    const sync = await startSync('--full', '--passes', '1', '--table', 'counters');
    const { report, said } = await sync.ended;
    const [pass] = report?.passes ?? [];
    if (pass === undefined) throw new Error(`the sync made no pass: ${said}`);
    expect(pass.failures, said).toEqual([]);
    return { mismatched: pass.counts.mismatched, moving: pass.counts.settled.moving };
  } finally {
    await traffic.end();
    await mirror.end();
    expect(traffic.seen.faults).toEqual([]);
    await untilIdle(stage.proxy());
  }
}

/** How much waits to be replayed, asked again and again. */
function watchQueue(): { statements(): number; end(): Promise<void> } {
  let statements = 0;
  let state: 'on' | 'over' = 'on';
  const watching = waitFor(
    async () => {
      statements = await stage.proxy().metric('understudy_mirror_queue_statements');
      return state === 'over';
    },
    { timeoutMs: run.timeoutMs, what: 'the end of the traffic' },
  );
  return {
    statements: () => statements,
    async end() {
      state = 'over';
      await watching;
    },
  };
}
