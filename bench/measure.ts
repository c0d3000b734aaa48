/** Runs every workload on every way in turn, and keeps each run's figures. */
import type { Proxy as RunningProxy } from '../test/harness/proxy.ts';
import { waitFor } from '../test/harness/wait.ts';
import type { BenchOptions } from './options.ts';
import { readCpuTime } from './process-cpu.ts';
import { type MirrorFigures, type Run, WORKLOADS } from './results.ts';
import type { Way } from './stage.ts';
import { type Load, runLoad } from './sysbench.ts';

const WARM_UP_SECONDS = 2;
const DRAIN_TIMEOUT_MS = 60_000;
const OUTCOMES_METRIC = 'understudy_mirror_statements_total';

/** `report` hears of every run as it ends. */
export async function measure(
  ways: readonly Way[],
  { settings, protocols }: BenchOptions,
  report: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const protocol of protocols) {
    for (const workload of WORKLOADS) {
      const load = { workload, protocol, threads: settings.threads };
      for (const way of ways) await runOnce(way, { ...load, port: way.port, seconds: WARM_UP_SECONDS }, 0);
      for (let round = 1; round <= settings.rounds; round += 1) {
        for (const way of rotated(ways, round)) {
          const run = await runOnce(way, { ...load, port: way.port, seconds: settings.seconds }, round);
          report(run);
          runs.push(run);
        }
      }
    }
  }
  return runs;
}

/** Each round begins with another way, so that none always follows the same neighbour's clean-up. */
function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length] as T);
}

async function runOnce(way: Way, load: Load, round: number): Promise<Run> {
  const outcomesBefore = way.mirroring === undefined ? undefined : await readOutcomes(way.mirroring);
  const before = way.pid === undefined ? undefined : readCpuTime(way.pid);
  const figures = await runLoad(load);
  const mirror =
    way.mirroring === undefined || outcomesBefore === undefined
      ? null
      : await readMirror(way.mirroring, outcomesBefore);
  // Read after the mirror has caught up: what it still had to do belongs to these statements.
  const after = way.pid === undefined ? undefined : readCpuTime(way.pid);
  const perStatement = (micros: number): number => round2(micros / figures.statements);
  return {
    workload: load.workload,
    protocol: load.protocol,
    target: way.target,
    round,
    ...figures,
    cpuMicros:
      before === undefined || after === undefined
        ? null
        : {
            user: perStatement(after.user - before.user),
            system: perStatement(after.system - before.system),
          },
    mirror,
  };
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
