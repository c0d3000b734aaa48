/** Runs every case on every way in turn, and keeps each run's figures. */
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Proxy as RunningProxy } from '../test/harness/proxy.ts';
import { waitFor } from '../test/harness/wait.ts';
import { watchCores } from './core-time.ts';
import { type PlannedCase, takesPart, WARM_UP_SECONDS } from './plan.ts';
import { type CpuTime, readCpuTime, readMachineCpu } from './process-cpu.ts';
import { type MirrorFigures, type Run, unitOf } from './results.ts';
import type { Way } from './stage.ts';
import { type Load, runLoad } from './sysbench.ts';

const DRAIN_TIMEOUT_MS = 60_000;
const LAG_LOOK_MS = 200;

type Settled = Pick<MirrorFigures, 'queueStatements' | 'lagSeconds' | 'drainSeconds'>;

/** Runs of `seconds` each; `report` hears of every one as it ends. */
export async function measure(
  ways: readonly Way[],
  cases: readonly PlannedCase[],
  seconds: number,
  report: (run: Run) => void,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const { rounds, ...each } of cases) {
    const taking = ways.filter(({ target }) => takesPart(each, target));
    for (const way of taking.filter(({ warmsUp }) => warmsUp)) {
      await runLoad({ ...each, ...endOf(way), seconds: WARM_UP_SECONDS });
      if (way.mirroring !== undefined) await waitUntilDrained(way.mirroring);
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const way of rotated(taking, round)) {
        const run = await runOnce(way, { ...each, ...endOf(way), seconds }, round);
        report(run);
        runs.push(run);
      }
    }
  }
  return runs;
}

/** Where and how a client finds a way. */
export function endOf({ port, secure }: Way): Pick<Load, 'port' | 'secure'> {
  return { port, secure };
}

/** Each round begins with another way, so that none always follows the same neighbour's clean-up. */
function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length] as T);
}

/** One run on one way. */
export async function runOnce(way: Way, load: Load, round: number): Promise<Run> {
  const { mirroring } = way;
  const outcomesBefore = mirroring === undefined ? null : await readOutcomes(mirroring);
  const doubtsBefore = mirroring === undefined ? 0 : await readDoubts(mirroring);
  const appendsBefore = mirroring === undefined ? 0 : await readAppends(mirroring);
  const before = way.pid === undefined ? null : readCpuTime(way.pid);
  const others = watchOthers();
  const cores = watchCores({ between: way.pid, ...way.servers });
  const lag = mirroring === undefined ? null : watchLag(mirroring);
  const figures = await runLoad(load);
  const sessions = unitOf(load.workload) === 'session';
  const units = sessions ? figures.events : figures.statements;
  const coreTime = cores(units);
  const lagMaxSeconds = (await lag?.end()) ?? null;
  const othersShare = others();
  const settled = mirroring === undefined ? null : await settle(mirroring);
  // Read after the mirror has caught up: what it still had to do belongs to these statements.
  const after = way.pid === undefined ? null : readCpuTime(way.pid);
  const mirror =
    mirroring === undefined || outcomesBefore === null || settled === null
      ? null
      : {
          outcomes: difference(await readOutcomes(mirroring), outcomesBefore),
          ...settled,
          lagMaxSeconds,
          doubts: (await readDoubts(mirroring)) - doubtsBefore,
          appends: (await readAppends(mirroring)) - appendsBefore,
        };
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
    cpuMicros: perUnit(before, after, units),
    othersShare,
    cores: coreTime,
    mirror,
  };
}

function perUnit(before: CpuTime | null, after: CpuTime | null, units: number): CpuTime | null {
  if (before === null || after === null) return null;
  return {
    user: round2((after.user - before.user) / units),
    system: round2((after.system - before.system) / units),
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

/** What the mirror had left when the load ended; it waits until that is done. */
async function settle(proxy: RunningProxy): Promise<Settled> {
  const ended = performance.now();
  const { statements, lagSeconds } = await readQueue(proxy);
  const drained = await waitUntilDrained(proxy);
  const drainSeconds = drained ? round2((performance.now() - ended) / 1000) : null;
  return { queueStatements: statements, lagSeconds: round2(lagSeconds), drainSeconds };
}

/** Looks now and then; `end` tells the worst lag that was seen. */
function watchLag(proxy: RunningProxy): { end(): Promise<number> } {
  let worst = 0;
  const stopped = new AbortController();
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      worst = Math.max(worst, (await readQueue(proxy)).lagSeconds);
      await delay(LAG_LOOK_MS, undefined, { signal: stopped.signal }).catch(() => {});
    }
  })();
  return {
    async end() {
      stopped.abort();
      await watching;
      return round2(worst);
    },
  };
}

async function waitUntilDrained(proxy: RunningProxy): Promise<boolean> {
  const nothingWaits = async (): Promise<boolean> => {
    const { statements, lagSeconds } = await readQueue(proxy);
    return statements === 0 && lagSeconds === 0;
  };
  try {
    return await waitFor(nothingWaits, { timeoutMs: DRAIN_TIMEOUT_MS, what: 'the mirror to catch up' });
  } catch {
    return false;
  }
}

async function readQueue(proxy: RunningProxy): Promise<{ statements: number; lagSeconds: number }> {
  const { shards } = await proxy.status();
  return {
    statements: shards.reduce((sum, { queue }) => sum + queue.statements, 0),
    lagSeconds: Math.max(...shards.map(({ lagSeconds }) => lagSeconds)),
  };
}

/** Keys that are in doubt for another reason than that they were just written. */
async function readDoubts(proxy: RunningProxy): Promise<number> {
  let doubts = 0;
  for (const { journal } of (await proxy.status()).shards) {
    for (const [reason, count] of Object.entries(journal.byReason)) if (reason !== 'written') doubts += count;
  }
  return doubts;
}

/** To the journal, since the proxy began. */
function readAppends(proxy: RunningProxy): Promise<number> {
  return proxy.metric('understudy_journal_append_seconds_count');
}

/**
 * Selected statements by outcome since the proxy began. From the status, as the queue: the metrics cost the
 * proxy milliseconds, which would count as the statements'.
 */
async function readOutcomes(proxy: RunningProxy): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  for (const shard of (await proxy.status()).shards) {
    for (const [outcome, count] of Object.entries(shard.outcomes)) {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
    }
  }
  return outcomes;
}

function difference(
  after: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
): Record<string, number> {
  return Object.fromEntries(
    [...after]
      .map(([outcome, count]) => [outcome, count - (before.get(outcome) ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
