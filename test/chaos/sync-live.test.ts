/**
 * A sync beside live traffic: no client notices it, nothing is written twice or overwritten by what is older, and
 * once the traffic stops a few passes leave nothing that differs, on any row, and nothing in the journal.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncReport } from '../../src/sync/sync-report.ts';
import { createLoad } from '../harness/message-centre-load.ts';
import { type Child, type Exit, startChild } from '../harness/process.ts';
import { MAIN } from '../harness/proxy.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { SHARD } from './centre-stage.ts';
import { chaosRun } from './chaos-run.ts';
import {
  centreSessions,
  counterSessions,
  type LiveStage,
  runSessions,
  Seen,
  startLiveStage,
} from './live-stage.ts';

const run = chaosRun('sync-live');
const FOLDERS = run.full ? 400 : 60;
const STREAMS = 3;
const COUNTING = 3;
/** Statements between two events. */
const PACE = run.full ? 300 : 60;

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
  const command = ['sync', '--config', stage.proxy().configFile, '--report', file, ...args];
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

class Traffic {
  readonly seen: Seen;
  readonly #running: Promise<unknown>;
  #state: 'on' | 'over' = 'on';

  constructor(kills: boolean) {
    this.seen = new Seen(kills ? 0 : null);
    const over = (): boolean => this.#state === 'over';
    const port = stage.proxy().port(SHARD);
    const centre = Array.from({ length: STREAMS }, () =>
      centreSessions(createLoad({ seed: run.seed % 1_000_000, folders: FOLDERS, stream: streams++ })),
    );
    const counting = Array.from({ length: COUNTING }, (_, at) => counterSessions(run.random(100 + at)));
    this.#running = Promise.all(
      [...centre, ...counting].map((next) =>
        runSessions(next, port, this.seen, { over, back: () => stage.isServing() }),
      ),
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

/** Replicas that stand still for a while, one after the other, for as long as the run is to last. */
async function lagBehind(traffic: Traffic, event: (round: number) => Promise<void>): Promise<void> {
  const timeIsUp = run.clock();
  for (let round = 0; round < 2 || !timeIsUp(); round++) {
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
      if ((exit.code !== 0 && exit.code !== 1) || /it differs as before|proxy .*: /.test(said))
        this.wrong.push(`exit ${exit.code}: ${said}`);
    }
  }
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
  const traffic = new Traffic(kills);
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

describe(`a sync beside live traffic (${run.title})`, () => {
  it.each([
    { title: 'all of which is mirrored', ratio: 100, args: [] },
    { title: 'all of which is mirrored, by full passes', ratio: 100, args: ['--full'] },
    { title: 'of which nothing is mirrored, and then all', ratio: 0, args: [] },
  ])('$title', { timeout: run.timeoutMs }, async ({ ratio, args }) => {
    const event = async (round: number): Promise<void> => {
      if (round === 0 && ratio === 0) await stage.setRatios(100);
    };
    await play({ ratio, args, event, kills: false });
  });

  it('through a proxy that is killed and started again', { timeout: run.timeoutMs }, async () => {
    await play({ ratio: 100, args: [], event: () => stage.killProxy(), kills: true });
  });
});
