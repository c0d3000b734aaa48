/** Results as Markdown: what the terminal shows and what docs/performance.md holds. */
import { type Aim, type Judgement, judge } from './aims.ts';
import { renderCores } from './core-time.ts';
import { isDurable, renderDurable } from './durable-ways.ts';
import { decimals, NONE, table, thousands } from './markdown.ts';
import { renderMirror } from './mirror-account.ts';
import { type Case, cross } from './plan.ts';
import {
  PROTOCOLS,
  type Protocol,
  type Results,
  type Run,
  TARGETS,
  type Target,
  unitOf,
  WORKLOADS,
} from './results.ts';
import { runsOf, type Spread, type Summary, summarize } from './summary.ts';
import { renderTls } from './tls-table.ts';
import { isTls } from './tls-ways.ts';

export const TARGET_NAMES: Readonly<Record<Target, string>> = {
  direct: 'direct',
  haproxy: 'HAProxy, TCP mode',
  router: 'MySQL Router',
  proxysql: 'ProxySQL',
  relay: 'bare Node relay',
  'mirror-0': 'Understudy, mirror at 0',
  'reads-100': 'Understudy, reads at 100',
  'mirror-100': 'Understudy, everything at 100',
  'mirror-100-unjournalled': 'the same without its journal',
  'direct-tls': 'direct, TLS',
  'mirror-0-tls': 'Understudy, mirror at 0, TLS to the client',
  'direct-durable': 'direct, each commit flushed',
  'relay-durable': 'bare Node relay, each commit flushed',
  'mirror-0-durable': 'Understudy, mirror at 0, each commit flushed',
  'mirror-100-durable': 'Understudy, everything at 100, each commit flushed',
};
const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  text: 'text protocol',
  prepared: 'prepared statements',
};
const FIGURE_NAMES: Readonly<Record<Aim['figure'], string>> = {
  cpu: 'CPU',
  cpuMicros: 'CPU in µs',
  rate: 'rate',
  drain: 'seconds until the lag is gone',
};
/** A difference between rounds, over their median, from which on a figure tells little. */
const WIDE_SPREAD = 0.25;
/** Of all cores; what others use from here on changes the figures. */
const OTHERS_SHARE = 0.05;

/** Machine, aims, then for each case one table of the ways and the account of the mirrors. */
export function renderResults(results: Results): string {
  const threads = [...new Set(results.runs.map((run) => run.threads))].toSorted((a, b) => a - b);
  const sections = WORKLOADS.flatMap((workload) => cross([workload], PROTOCOLS, threads)).flatMap((each) => {
    const runs = runsOf(results.runs, each);
    if (runs.length === 0) return [];
    return [
      caseTitle(each),
      renderWays(each, runs),
      renderTls(runs, TARGET_NAMES),
      renderDurable(runs, TARGET_NAMES),
      renderCoreTime(each, runs),
      renderDoubts(runs),
      renderMirror(runs),
    ];
  });
  const parts = [renderMachine(results), renderAims(judge(results.runs)), ...sections];
  return parts.filter((part) => part !== '').join('\n\n');
}

function caseTitle({ workload, protocol, threads }: Case): string {
  const clients = threads === 1 ? '1 thread' : `${threads} threads`;
  return `### ${workload}, ${PROTOCOL_NAMES[protocol]}, ${clients}`;
}

function renderMachine({ measuredAt, commit, machine, settings, runs }: Results): string {
  const counts = new Set(runs.map((run) => Math.max(...runsOf(runs, run).map(({ round }) => round))));
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const rounds = `${fewest === most ? '' : `${fewest} to `}${most} ${most === 1 ? 'round' : 'rounds'}`;
  const software = [
    `Node ${machine.node}`,
    `MariaDB ${machine.mariadb}`,
    `HAProxy ${machine.haproxy}`,
    machine.router === null ? 'no MySQL Router on this machine' : `MySQL Router ${machine.router}`,
    machine.proxysql === null ? 'no ProxySQL on this machine' : `ProxySQL ${machine.proxysql}`,
    `sysbench ${machine.sysbench}`,
  ];
  return [
    `- **When:** ${measuredAt.slice(0, 10)}, commit ${commit}; load average before the first run ${machine.loadAverage}.`,
    `- **Machine:** ${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, Linux ${machine.kernel}.`,
    `- **Software:** ${software.join(', ')}.`,
    `- **Load:** ${settings.tables} tables of ${thousands(settings.rowsPerTable)} rows; ${rounds} of ${settings.seconds} s a way.${settings.pinned ? ' What stands in between had the last core to itself, all else the others.' : ''}`,
  ].join('\n');
}

function renderAims(judgements: readonly Judgement[]): string {
  if (judgements.length === 0) return '';
  return [
    '### Aims',
    table(
      ['aim', 'protocol', 'bound', 'measured', 'lowest–highest', 'verdict'],
      judgements.map(({ aim, protocol, measured, verdict }) => [
        `${aim.workload}, 8 threads: ${aimText(aim)}`,
        protocol,
        `${aim.bound} ${aim.limit.toFixed(2)}`,
        decimals(measured?.median, 3),
        range(measured, 2),
        verdict,
      ]),
    ),
  ].join('\n\n');
}

function aimText({ target, base, figure }: Aim): string {
  const over = base === null ? '' : ` ÷ ${TARGET_NAMES[base]}`;
  return `${FIGURE_NAMES[figure]}, ${TARGET_NAMES[target]}${over}`;
}

function renderWays({ workload }: Case, runs: readonly Run[]): string {
  const unit = unitOf(workload);
  const plain = TARGETS.filter((target) => !isTls(target) && !isDurable(target));
  const summaries = plain.flatMap((target) => summarize(runs, target) ?? []);
  if (summaries.length === 0) return '';
  return table(
    [
      'way',
      `${unit}s/s`,
      'lowest–highest',
      'p99 ms',
      `CPU µs/${unit}`,
      'of it kernel',
      'rate ÷ direct',
      'rate ÷ HAProxy',
      'p99 ÷ HAProxy',
      'CPU ÷ HAProxy',
      'lowest–highest',
    ],
    summaries.map(wayCells),
  );
}

function wayCells(summary: Summary): string[] {
  return [
    TARGET_NAMES[summary.target],
    thousands(summary.rate.median),
    `${thousands(summary.rate.min)}–${thousands(summary.rate.max)}`,
    summary.p99Ms.toFixed(2),
    decimals(summary.cpu?.micros, 1),
    summary.cpu === null ? NONE : `${Math.round(summary.cpu.kernelShare * 100)} %`,
    decimals(summary.rateToDirect?.median, 2),
    decimals(summary.rateToHaproxy?.median, 2),
    decimals(summary.p99ToHaproxy?.median, 2),
    decimals(summary.cpuToHaproxy?.median, 2),
    range(summary.cpuToHaproxy, 2),
  ];
}

/** Only of writes, where what the cores do decides the rate. */
function renderCoreTime({ workload }: Case, runs: readonly Run[]): string {
  if (workload !== 'oltp_write_only' && workload !== 'oltp_read_write') return '';
  const named = TARGETS.map((target) => ({
    name: TARGET_NAMES[target],
    times: runs.flatMap((run) => (run.target === target && run.cores !== null ? [run.cores] : [])),
  }));
  return renderCores(named, unitOf(workload));
}

/** What tells that a table's figures are to be read with care; empty where nothing does. */
function renderDoubts(runs: readonly Run[]): string {
  const wide = TARGETS.flatMap((target) => {
    const summary = summarize(runs, target);
    if (summary === null) return [];
    const what = [
      ...(isWide(summary.rate) ? ['rate'] : []),
      ...(isWide(summary.cpuToHaproxy) ? ['CPU ÷ HAProxy'] : []),
    ];
    return what.length === 0 ? [] : [`${TARGET_NAMES[target]} (${what.join(', ')})`];
  });
  const others = Math.max(...runs.map((run) => run.othersShare ?? 0));
  return [
    ...(wide.length === 0
      ? []
      : [`The rounds differ by more than ${WIDE_SPREAD * 100} % of their median: ${wide.join('; ')}.`]),
    ...(others < OTHERS_SHARE
      ? []
      : [`Other programs used up to ${Math.round(others * 100)} % of the machine meanwhile.`]),
  ].join(' ');
}

function isWide(spread: Spread | null): boolean {
  return spread !== null && (spread.max - spread.min) / spread.median > WIDE_SPREAD;
}

function range(spread: Spread | null, digits: number): string {
  return spread === null ? NONE : `${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)}`;
}
