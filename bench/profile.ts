/** `npm run bench -- --profile`: where one way's process spends its time under one load. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../test/harness/temp.ts';
import { parseProfile, renderSelfTimes, selfTimes } from './cpu-profile.ts';
import { runOnce } from './measure.ts';
import { type Case, WARM_UP_SECONDS } from './plan.ts';
import { type Run, type Target, unitOf } from './results.ts';
import { setStage } from './stage.ts';
import { runLoad } from './sysbench.ts';

const NANOSECONDS_PER_MICRO = 1000n;

export interface ProfileReport {
  /** The profiled run; the profiler itself costs a little. */
  readonly run: Run;
  readonly text: string;
}

/** `keepAs`: where V8's own profile goes, for a viewer; of several processes' profiles, the largest. */
export async function profile(
  target: Target,
  load: Case,
  seconds: number,
  keepAs: string | undefined,
): Promise<ProfileReport> {
  const folder = temporaryDirectory('profile');
  const stage = await setStage([target], ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
  try {
    const [way] = stage.ways;
    if (way === undefined || !way.warmsUp) throw new Error(`${target} does not run on Node`);
    await runLoad({ ...load, port: way.port, seconds: WARM_UP_SECONDS });
    const from = monotonicMicros();
    const run = await runOnce(way, { ...load, port: way.port, seconds }, 1);
    const to = monotonicMicros();
    await way.stop();
    const texts = readProfiles(folder);
    const [largest] = texts;
    if (largest === undefined) throw new Error(`${target} has left no profile`);
    if (keepAs !== undefined) writeFileSync(keepAs, largest);
    return {
      run,
      text: `${headline(run)}\n${renderSelfTimes(selfTimes(texts.map(parseProfile), { from, to }))}`,
    };
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
