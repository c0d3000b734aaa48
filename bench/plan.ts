/** What is measured in one go: the cases, in their order, and about how long they take. */
import { AIM_THREADS, AIMS } from './aims.ts';
import { isDurable } from './durable-ways.ts';
import { PROTOCOLS, type Protocol, type Target, THREAD_COUNTS, WORKLOADS, type Workload } from './results.ts';
import { isTls } from './tls-ways.ts';

/** Warm-up of what compiles itself while it runs: with all mirrored it goes on for some ten thousand statements. */
export const WARM_UP_SECONDS = 4;
/** What a run takes beyond its own length: sysbench's start and end, the metrics, the mirror's rest. */
const RUN_EXTRA_SECONDS = 0.2;

/** One workload as one kind of client sends it; each way takes turns in it. */
export interface Case {
  readonly workload: Workload;
  readonly protocol: Protocol;
  readonly threads: number;
}

export interface PlannedCase extends Case {
  readonly rounds: number;
}

/** What the command line asked for; a part that it left out is undefined. */
export interface Selection {
  readonly workloads: readonly Workload[] | undefined;
  readonly protocols: readonly Protocol[] | undefined;
  readonly threads: readonly number[] | undefined;
  readonly rounds: number | undefined;
}

/**
 * Nothing selected: every workload and protocol at 8 threads, and what the aims are about at 1 and 64 too.
 * With a selection: the cross of what was asked for, text and 8 threads where that was left open.
 */
export function planCases(selection: Selection): PlannedCase[] {
  const { workloads, protocols, threads } = selection;
  const open = workloads === undefined && protocols === undefined && threads === undefined;
  const cases = open
    ? defaultCases()
    : cross(workloads ?? WORKLOADS, protocols ?? ['text'], threads ?? [AIM_THREADS]);
  return cases.map((each) => ({
    ...each,
    rounds: selection.rounds ?? roundsOf(each),
  }));
}

export function cross(
  workloads: readonly Workload[],
  protocols: readonly Protocol[],
  threads: readonly number[],
): Case[] {
  return protocols.flatMap((protocol) =>
    workloads.flatMap((workload) => threads.map((count) => ({ workload, protocol, threads: count }))),
  );
}

/** Seconds that measuring takes, without starting and filling the servers. */
export function estimateSeconds(
  cases: readonly PlannedCase[],
  seconds: number,
  ways: readonly { readonly target: Target; readonly warmsUp: boolean }[],
): number {
  const taking = (each: PlannedCase) => ways.filter(({ target }) => takesPart(each, target));
  const runs = cases.reduce((sum, each) => sum + each.rounds * taking(each).length, 0);
  const warmUps = cases.reduce((sum, each) => sum + taking(each).filter(({ warmsUp }) => warmsUp).length, 0);
  return runs * (seconds + RUN_EXTRA_SECONDS) + warmUps * (WARM_UP_SECONDS + RUN_EXTRA_SECONDS);
}

function defaultCases(): Case[] {
  const others = THREAD_COUNTS.filter((count) => count !== AIM_THREADS);
  return [
    ...cross(WORKLOADS, PROTOCOLS, [AIM_THREADS]),
    ...cross(['oltp_point_select', 'short_sessions'], ['text'], others),
  ];
}

/** What TLS costs is told by one statement and one session: it does not hang on the statements' kind. */
function isAboutTls({ workload, protocol, threads }: Case): boolean {
  const isOne = workload === 'oltp_point_select' || workload === 'short_sessions';
  return isOne && protocol === 'text' && threads === AIM_THREADS;
}

/** What a flush to the disk costs is told where commits are, in one protocol. */
function isAboutCommits({ workload, protocol, threads }: Case): boolean {
  const commits = workload === 'oltp_write_only' || workload === 'oltp_read_write';
  return commits && protocol === 'text' && threads === AIM_THREADS;
}

/**
 * Some ways take no turns where they would tell nothing new: those with TLS, those between servers that flush, and a
 * mirror without its journal.
 */
export function takesPart(each: Case, target: Target): boolean {
  if (target === 'mirror-100-unjournalled') return each.workload === 'oltp_write_only';
  if (isDurable(target)) return isAboutCommits(each);
  return !isTls(target) || isAboutTls(each);
}

/**
 * What is judged is measured more often. Many short runs tell more than a few long ones: how the kernel lays
 * the processes out over the cores, on which much depends, is drawn anew with each.
 */
function roundsOf({ workload, threads }: Case): number {
  const judged = threads === AIM_THREADS && AIMS.some((aim) => aim.workload === workload);
  return judged ? 10 : 5;
}
