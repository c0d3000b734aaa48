/** Runs every case on every way in turn, and keeps each run's figures. */
import { cpus } from 'node:os';
import type { Proxy as RunningProxy } from '../test/harness/proxy.ts';
import { waitFor } from '../test/harness/wait.ts';
import { type PlannedCase, WARM_UP_SECONDS } from './plan.ts';
import { type CpuTime, readCpuTime, readMachineCpu } from './process-cpu.ts';
import { type MirrorFigures, type Run, unitOf } from './results.ts';
import type { Way } from './stage.ts';
import { type Load, runLoad } from './sysbench.ts';

const DRAIN_TIMEOUT_MS = 60_000;
const OUTCOMES_METRIC = 'understudy_mirror_statements_total';

/** Runs of `seconds` each; `report` hears of every one as it ends. */
export async function measure(
  ways: readonly Way[],
  cases: readonly PlannedCase[],
  seconds: number,
  report: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const { rounds, ...each } of cases) {
    for (const way of ways.filter(({ warmsUp }) => warmsUp)) {
      await runLoad({ ...each, port: way.port, seconds: WARM_UP_SECONDS });
      if (way.mirroring !== undefined) await waitUntilDrained(way.mirroring);
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const way of rotated(ways, round)) {
        const run = await runOnce(way, { ...each, port: way.port, seconds }, round);
        report(run);
        runs.push(run);
      }
    }
  }
  return runs;
}

/** Each round begins with another way, so that none always follows the same neighbour's clean-up. */
function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length] as T);
}

/** One run on one way. */
export async function runOnce(way: Way, load: Load, round: number): Promise<Run> {
  const outcomesBefore = way.mirroring === undefined ? undefined : await readOutcomes(way.mirroring);
  const before = way.pid === undefined ? undefined : readCpuTime(way.pid);
  const others = watchOthers();
  const figures = await runLoad(load);
  const othersShare = others();
  const mirror =
    way.mirroring === undefined || outcomesBefore === undefined
      ? null
      : await readMirror(way.mirroring, outcomesBefore);
  // Read after the mirror has caught up: what it still had to do belongs to these statements.
  const after = way.pid === undefined ? undefined : readCpuTime(way.pid);
  const sessions = unitOf(load.workload) === 'session';
  const perUnit = (micros: number): number =>
    round2(micros / (sessions ? figures.events : figures.statements));
  return {
    workload: load.workload,
    protocol: load.protocol,
    threads: load.threads,
    target: way.target,
    round,
    statements: figures.statements,
    perSecond: sessions ? figures.eventsPerSecond : figures.statementsPerSecond,
    p99Ms: figures.p99Ms,
    ignoredErrors: figures.ignoredErrors,
    cpuMicros:
      before === undefined || after === undefined
        ? null
        : { user: perUnit(after.user - before.user), system: perUnit(after.system - before.system) },
    othersShare,
    mirror,
  };
}

/** Begins to look; called again it tells what others than this process and its descendants have used since. */
function watchOthers(): () => number {
  const others = (): number => readMachineCpu() - total(readCpuTime(process.pid));
  const [begin, before] = [performance.now(), others()];
  return () => {
    const available = (performance.now() - begin) * 1000 * cpus().length;
    return round2(Math.max(0, (others() - before) / available));
  };
}

function total({ user, system }: CpuTime): number {
  return user + system;
}

async function readMirror(proxy: RunningProxy, before: ReadonlyMap<string, number>): Promise<MirrorFigures> {
  const ended = performance.now();
  const queueStatements = await proxy.metric('understudy_mirror_queue_statements');
  const lagSeconds = await proxy.metric('understudy_mirror_lag_seconds');
  const drained = await waitUntilDrained(proxy);
  const drainSeconds = drained ? round2((performance.now() - ended) / 1000) : null;
  const outcomes: Record<string, number> = {};
  for (const [outcome, count] of await readOutcomes(proxy)) {
    const since = count - (before.get(outcome) ?? 0);
    if (since > 0) outcomes[outcome] = since;
  }
  return { outcomes, queueStatements, lagSeconds: round2(lagSeconds), drainSeconds };
}

async function waitUntilDrained(proxy: RunningProxy): Promise<boolean> {
  const nothingWaits = async (): Promise<boolean> => {
    const waiting = await proxy.metric('understudy_mirror_queue_statements');
    return waiting === 0 && (await proxy.metric('understudy_mirror_lag_seconds')) === 0;
  };
  try {
    return await waitFor(nothingWaits, { timeoutMs: DRAIN_TIMEOUT_MS, what: 'the mirror to catch up' });
  } catch {
    return false;
  }
}

/** Statements by outcome since the proxy began, over all kinds. */
async function readOutcomes(proxy: RunningProxy): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  for (const [key, value] of await proxy.metrics()) {
    const outcome = key.startsWith(`${OUTCOMES_METRIC}{`) ? /outcome="([^"]*)"/.exec(key)?.[1] : undefined;
    if (outcome !== undefined) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + value);
  }
  return outcomes;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
