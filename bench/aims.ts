/** What the proxy may cost, and whether it does. */
import { PROTOCOLS, type Protocol, type Run, type Target, type Workload } from './results.ts';
import { cpuOf, pairedRatio, runsOf, type Spread } from './summary.ts';

/** The aims are about this many client threads. */
export const AIM_THREADS = 8;

/** CPU per statement or session of `target`, over that of `base` in the same round. */
export interface Aim {
  readonly workload: Workload;
  readonly target: Target;
  readonly base: Target;
  readonly atMost: number;
}

export const AIMS: readonly Aim[] = [
  { workload: 'oltp_point_select', target: 'mirror-0', base: 'haproxy', atMost: 1.25 },
  { workload: 'oltp_point_select', target: 'mirror-0', base: 'proxysql', atMost: 1 },
  { workload: 'oltp_point_select', target: 'reads-100', base: 'haproxy', atMost: 1.9 },
  { workload: 'short_sessions', target: 'mirror-0', base: 'haproxy', atMost: 1.6 },
];

export interface Judgement {
  readonly aim: Aim;
  readonly protocol: Protocol;
  /** Null: one of the two was not measured. */
  readonly ratio: Spread | null;
  readonly verdict: 'met' | 'not met' | 'not measured';
}

/** By the median over the rounds, before any rounding; only for workloads and protocols that were run. */
export function judge(runs: readonly Run[]): Judgement[] {
  return PROTOCOLS.flatMap((protocol) =>
    AIMS.flatMap((aim) => {
      const own = runsOf(runs, { workload: aim.workload, protocol, threads: AIM_THREADS });
      if (own.length === 0) return [];
      const ratio = pairedRatio(own, aim.target, aim.base, cpuOf);
      return [{ aim, protocol, ratio, verdict: verdictOf(aim, ratio) }];
    }),
  );
}

function verdictOf({ atMost }: Aim, ratio: Spread | null): Judgement['verdict'] {
  if (ratio === null) return 'not measured';
  return ratio.median <= atMost ? 'met' : 'not met';
}
