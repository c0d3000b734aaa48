/** From single runs to medians and ratios. */
import type { Protocol, Run, Target, Workload } from './results.ts';

export interface Summary {
  readonly target: Target;
  readonly statementsPerSecond: { readonly median: number; readonly min: number; readonly max: number };
  readonly p99Ms: number;
  /** Microseconds of CPU per statement, and the kernel's share of it from 0 to 1. */
  readonly cpu: { readonly micros: number; readonly kernelShare: number } | null;
  /** Statements/s against another target in the same round; null where that was not measured. */
  readonly rateToDirect: number | null;
  readonly rateToHaproxy: number | null;
  readonly cpuToHaproxy: number | null;
}

/** The middle value, or the mean of the two in the middle. Throws on none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (low === undefined || high === undefined) throw new Error('there is no median of nothing');
  return (low + high) / 2;
}

/** `runs` are of one workload and protocol; a target without runs gives null. */
export function summarize(runs: readonly Run[], target: Target): Summary | null {
  const own = runs.filter((run) => run.target === target);
  if (own.length === 0) return null;
  const rates = own.map((run) => run.statementsPerSecond);
  const rateTo = (other: Target) => pairedRatio(runs, target, other, (run) => run.statementsPerSecond);
  return {
    target,
    statementsPerSecond: { median: median(rates), min: Math.min(...rates), max: Math.max(...rates) },
    p99Ms: median(own.map((run) => run.p99Ms)),
    cpu: summarizeCpu(own),
    rateToDirect: rateTo('direct'),
    rateToHaproxy: rateTo('haproxy'),
    cpuToHaproxy: pairedRatio(runs, target, 'haproxy', cpuOf),
  };
}

export function runsOf(runs: readonly Run[], workload: Workload, protocol: Protocol): Run[] {
  return runs.filter((run) => run.workload === workload && run.protocol === protocol);
}

/**
 * The median over the rounds of one round's ratio: what slowed a whole round down falls out, which a ratio
 * of two medians would keep.
 */
function pairedRatio(
  runs: readonly Run[],
  target: Target,
  other: Target,
  figure: (run: Run) => number | null,
): number | null {
  const ratios = runs
    .filter((run) => run.target === target)
    .flatMap((run) => {
      const beside = runs.find((candidate) => candidate.target === other && candidate.round === run.round);
      const [above, below] = [figure(run), beside === undefined ? null : figure(beside)];
      return above === null || below === null ? [] : [above / below];
    });
  return ratios.length === 0 ? null : median(ratios);
}

function summarizeCpu(runs: readonly Run[]): Summary['cpu'] {
  const measured = runs.flatMap((run) => (run.cpuMicros === null ? [] : [run.cpuMicros]));
  if (measured.length === 0) return null;
  return {
    micros: median(measured.map(({ user, system }) => user + system)),
    kernelShare: median(measured.map(({ user, system }) => system / (user + system))),
  };
}

function cpuOf(run: Run): number | null {
  return run.cpuMicros === null ? null : run.cpuMicros.user + run.cpuMicros.system;
}
