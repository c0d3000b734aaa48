/** From single runs to medians and ratios. */
import { median } from './median.ts';
import type { Protocol, Run, Target, Workload } from './results.ts';

/** Over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Summary {
  readonly target: Target;
  /** Statements or sessions a second. */
  readonly rate: Spread;
  readonly p99Ms: number;
  /** Microseconds of CPU per statement or session, and the kernel's share of it from 0 to 1. */
  readonly cpu: { readonly micros: number; readonly kernelShare: number } | null;
  /** Against another target in the same round; null where that was not measured. */
  readonly rateToDirect: Spread | null;
  readonly rateToHaproxy: Spread | null;
  readonly p99ToHaproxy: Spread | null;
  readonly cpuToHaproxy: Spread | null;
}

/** `runs` are of one case; a target without runs gives null. */
export function summarize(runs: readonly Run[], target: Target): Summary | null {
  const own = runs.filter((run) => run.target === target);
  if (own.length === 0) return null;
  const rateTo = (other: Target) => pairedRatio(runs, target, other, (run) => run.perSecond);
  return {
    target,
    rate: spreadOf(own.map((run) => run.perSecond)),
    p99Ms: median(own.map((run) => run.p99Ms)),
    cpu: summarizeCpu(own),
    rateToDirect: rateTo('direct'),
    rateToHaproxy: rateTo('haproxy'),
    p99ToHaproxy: pairedRatio(runs, target, 'haproxy', (run) => run.p99Ms),
    cpuToHaproxy: pairedRatio(runs, target, 'haproxy', cpuOf),
  };
}

export function runsOf(
  runs: readonly Run[],
  of: { readonly workload: Workload; readonly protocol: Protocol; readonly threads: number },
): Run[] {
  return runs.filter(
    (run) => run.workload === of.workload && run.protocol === of.protocol && run.threads === of.threads,
  );
}

/**
 * The median over the rounds of one round's ratio: what slowed a whole round down falls out, which a ratio
 * of two medians would keep. `runs` are of one case.
 */
export function pairedRatio(
  runs: readonly Run[],
  target: Target,
  other: Target,
  figure: (run: Run) => number | null,
): Spread | null {
  const ratios = runs
    .filter((run) => run.target === target)
    .flatMap((run) => {
      const beside = runs.find((candidate) => candidate.target === other && candidate.round === run.round);
      const [above, below] = [figure(run), beside === undefined ? null : figure(beside)];
      return above === null || below === null ? [] : [above / below];
    });
  return ratios.length === 0 ? null : spreadOf(ratios);
}

/** Microseconds per statement or session; null where nothing stands in between. */
export function cpuOf(run: Run): number | null {
  return run.cpuMicros === null ? null : run.cpuMicros.user + run.cpuMicros.system;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

function summarizeCpu(runs: readonly Run[]): Summary['cpu'] {
  const measured = runs.flatMap((run) => (run.cpuMicros === null ? [] : [run.cpuMicros]));
  if (measured.length === 0) return null;
  return {
    micros: median(measured.map(({ user, system }) => user + system)),
    kernelShare: median(measured.map(({ user, system }) => system / (user + system))),
  };
}
