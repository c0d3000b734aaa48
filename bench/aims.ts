/** What the proxy may cost, and whether it does. */
import { PROTOCOLS, type Protocol, type Run, type Target, type Workload } from './results.ts';
import { cpuOf, pairedRatio, runsOf, type Spread, spreadOf } from './summary.ts';

/** The aims are about this many client threads. */
export const AIM_THREADS = 8;

/** A figure of `target`, over that of `base` in the same round where there is one. */
export interface Aim {
  readonly workload: Workload;
  /** Those in which its ways take part. */
  readonly protocols: readonly Protocol[];
  /**
   * `cpu`: per statement or session; `cpuMicros`: the same by itself, in microseconds; `rate`: statements or sessions a
   * second; `drain`: seconds from the end of the load until the mirror has caught up.
   */
  readonly figure: 'cpu' | 'cpuMicros' | 'rate' | 'drain';
  readonly target: Target;
  readonly base: Target | null;
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
}

export const AIMS: readonly Aim[] = [
  cpu('oltp_point_select', 'mirror-0', 'haproxy', 1.25),
  cpu('oltp_point_select', 'mirror-0', 'proxysql', 1),
  cpu('oltp_point_select', 'reads-100', 'haproxy', 1.9),
  cpu('short_sessions', 'mirror-0', 'haproxy', 1.6),
  ...everything('oltp_read_write'),
  ...everything('oltp_write_only'),
  cpu('oltp_write_only', 'mirror-100', 'mirror-100-unjournalled', 1.05),
  { ...rate('oltp_read_write', 'mirror-100-durable', 'direct-durable'), protocols: ['text'] },
  { ...rate('oltp_write_only', 'mirror-100-durable', 'direct-durable'), protocols: ['text'] },
];

function cpu(workload: Workload, target: Target, base: Target, limit: number): Aim {
  return { workload, protocols: PROTOCOLS, figure: 'cpu', target, base, bound: 'at most', limit };
}

function rate(workload: Workload, target: Target, base: Target): Aim {
  return { workload, protocols: PROTOCOLS, figure: 'rate', target, base, bound: 'at least', limit: 0.5 };
}

/** With all that is written mirrored. */
function everything(workload: Workload): Aim[] {
  const target = 'mirror-100';
  const alone = { workload, protocols: PROTOCOLS, target, base: null, bound: 'at most' } as const;
  return [
    rate(workload, target, 'direct'),
    { ...alone, figure: 'cpuMicros', limit: 85 },
    { ...alone, figure: 'drain', limit: 1 },
  ];
}

export interface Judgement {
  readonly aim: Aim;
  readonly protocol: Protocol;
  /** Null: one of the two was not measured. */
  readonly measured: Spread | null;
  readonly verdict: 'met' | 'not met' | 'not measured';
}

/** By the median over the rounds, before any rounding; only for workloads and protocols that were run. */
export function judge(runs: readonly Run[]): Judgement[] {
  return PROTOCOLS.flatMap((protocol) =>
    AIMS.flatMap((aim) => {
      const own = runsOf(runs, { workload: aim.workload, protocol, threads: AIM_THREADS });
      if (own.length === 0 || !aim.protocols.includes(protocol)) return [];
      const measured = figureOf(aim, own);
      return [{ aim, protocol, measured, verdict: verdictOf(aim, measured) }];
    }),
  );
}

function figureOf({ figure, target, base }: Aim, runs: readonly Run[]): Spread | null {
  const read = (run: Run): number | null => {
    if (figure === 'rate') return run.perSecond;
    if (figure !== 'drain') return cpuOf(run);
    // What did not drain in the time that was given took longer than any aim allows.
    return run.mirror === null ? null : (run.mirror.drainSeconds ?? Number.POSITIVE_INFINITY);
  };
  if (base !== null) return pairedRatio(runs, target, base, read);
  const values = runs.flatMap((run) => (run.target === target ? (read(run) ?? []) : []));
  return values.length === 0 ? null : spreadOf(values);
}

function verdictOf({ bound, limit }: Aim, measured: Spread | null): Judgement['verdict'] {
  if (measured === null) return 'not measured';
  const met = bound === 'at most' ? measured.median <= limit : measured.median >= limit;
  return met ? 'met' : 'not met';
}
