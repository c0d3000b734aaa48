/** `npm run bench -- --profile`: where one way's process spends its time under one load. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { parseProfile, selfTimes } from './cpu-profile.ts';
import { endOf, runOnce } from './measure.ts';
import { PERF_NODE_ARGUMENTS, removeMapsAtExit, startPerf } from './perf.ts';
import { type Case, WARM_UP_SECONDS } from './plan.ts';
import { type Run, type Target, unitOf } from './results.ts';
import { renderSelfTimes } from './self-time.ts';
import { setStage, type Way } from './stage.ts';
import { runLoad } from './sysbench.ts';

const NANOSECONDS_PER_MICRO = 1000n;

export interface ProfileOptions {
  readonly seconds: number;
  readonly pinned: boolean;
  /** Where V8's own profile goes, for a viewer; of several processes' profiles, the largest. */
  readonly keepAs: string | undefined;
}

/** Self time of JavaScript functions, as text. */
export async function profileByV8(target: Target, load: Case, options: ProfileOptions): Promise<string> {
  const folder = temporaryDirectory('profile');
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  return onWarmWay(target, load, { ...options, nodeArgs }, async (way) => {
    const from = monotonicMicros();
    const run = await runOnce(way, { ...load, ...endOf(way), seconds: options.seconds }, 1);
    const to = monotonicMicros();
    // A profile is written when its process ends.
    await way.stop();
    const texts = readProfiles(folder);
    const [largest] = texts;
    if (largest === undefined) throw new Error(`${target} has left no profile`);
    if (options.keepAs !== undefined) writeFileSync(options.keepAs, largest);
    return `${headline(run)}\n${renderSelfTimes(selfTimes(texts.map(parseProfile), { from, to }))}`;
  });
}

/** CPU by function, the kernel's and V8's own among them, as text. */
export async function profileByPerf(target: Target, load: Case, options: ProfileOptions): Promise<string> {
  removeMapsAtExit();
  const folder = temporaryDirectory('perf');
  return onWarmWay(target, load, { ...options, nodeArgs: PERF_NODE_ARGUMENTS }, async (way, pid) => {
    const recording = await startPerf(pid, folder);
    const run = await runOnce(way, { ...load, ...endOf(way), seconds: options.seconds }, 1);
    return `${headline(run)}\n${renderSelfTimes(await recording.end())}`;
  });
}

async function onWarmWay(
  target: Target,
  load: Case,
  options: { readonly pinned: boolean; readonly nodeArgs: readonly string[] },
  run: (way: Way, pid: number) => Promise<string>,
): Promise<string> {
  const stage = await setStage([target], options);
  try {
    const [way] = stage.ways;
    if (way?.pid === undefined || !way.warmsUp) throw new Error(`${target} does not run on Node`);
    await runLoad({ ...load, ...endOf(way), seconds: WARM_UP_SECONDS });
    return await run(way, way.pid);
  } finally {
    await stage.end();
  }
}

/** The largest first. */
function readProfiles(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .toSorted((a, b) => b.length - a.length);
}

function headline({ workload, protocol, threads, target, perSecond, cpuMicros }: Run): string {
  const unit = unitOf(workload);
  const cpu = cpuMicros === null ? '' : `, CPU ${(cpuMicros.user + cpuMicros.system).toFixed(1)} µs/${unit}`;
  return `${target}, ${workload}, ${protocol}, ${threads} threads: ${Math.round(perSecond)} ${unit}s/s${cpu} (with the profiler)`;
}

/** The clock of V8's profiles on Linux. */
function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / NANOSECONDS_PER_MICRO);
}
