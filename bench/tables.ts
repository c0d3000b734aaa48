/** Results as Markdown: what the terminal shows and what docs/performance.md holds. */
import {
  type MirrorFigures,
  PROTOCOLS,
  type Protocol,
  type Results,
  type Run,
  TARGETS,
  type Target,
  WORKLOADS,
} from './results.ts';
import { runsOf, type Summary, summarize } from './summary.ts';

const TARGET_NAMES: Readonly<Record<Target, string>> = {
  direct: 'direct',
  haproxy: 'HAProxy, TCP mode',
  'mirror-0': 'Understudy, mirror at 0',
  'mirror-100': 'Understudy, everything at 100',
};
const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  text: 'text protocol',
  prepared: 'prepared statements',
};
const NONE = '–';

/** Machine, then for each workload and protocol one table of the ways and one of the mirror. */
export function renderResults(results: Results): string {
  const sections = PROTOCOLS.flatMap((protocol) =>
    WORKLOADS.flatMap((workload) => {
      const runs = runsOf(results.runs, workload, protocol);
      if (runs.length === 0) return [];
      return [`### ${workload}, ${PROTOCOL_NAMES[protocol]}`, renderWays(runs), renderMirror(runs)];
    }),
  );
  return [renderMachine(results), ...sections].join('\n\n');
}

function renderMachine({ measuredAt, commit, machine, settings }: Results): string {
  return [
    `- **When:** ${measuredAt.slice(0, 10)}, commit ${commit}; load average before the first run ${machine.loadAverage}.`,
    `- **Machine:** ${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, Linux ${machine.kernel}.`,
    `- **Software:** Node ${machine.node}, MariaDB ${machine.mariadb}, HAProxy ${machine.haproxy}, sysbench ${machine.sysbench}.`,
    `- **Load:** ${settings.threads} client threads, ${settings.tables} tables of ${thousands(settings.rowsPerTable)} rows, ${settings.rounds} rounds of ${settings.seconds} s a way.`,
  ].join('\n');
}

function renderWays(runs: readonly Run[]): string {
  const summaries = TARGETS.flatMap((target) => summarize(runs, target) ?? []);
  return table(
    [
      'way',
      'statements/s',
      'lowest–highest',
      'p99 ms',
      'CPU µs/statement',
      'of it kernel',
      'rate ÷ direct',
      'rate ÷ HAProxy',
      'CPU ÷ HAProxy',
    ],
    summaries.map(wayCells),
  );
}

function wayCells(summary: Summary): string[] {
  const { median: middle, min, max } = summary.statementsPerSecond;
  return [
    TARGET_NAMES[summary.target],
    thousands(middle),
    `${thousands(min)}–${thousands(max)}`,
    summary.p99Ms.toFixed(2),
    summary.cpu === null ? NONE : summary.cpu.micros.toFixed(1),
    summary.cpu === null ? NONE : `${Math.round(summary.cpu.kernelShare * 100)} %`,
    ratio(summary.rateToDirect),
    ratio(summary.rateToHaproxy),
    ratio(summary.cpuToHaproxy),
  ];
}

/** Sums over the rounds. */
function renderMirror(runs: readonly Run[]): string {
  const mirrors = runs.flatMap((run) => run.mirror ?? []);
  if (mirrors.length === 0) return 'Nothing was mirrored.';
  const totals = new Map<string, number>();
  for (const { outcomes } of mirrors) {
    for (const [outcome, count] of Object.entries(outcomes)) {
      totals.set(outcome, (totals.get(outcome) ?? 0) + count);
    }
  }
  const all = [...totals.values()].reduce((sum, count) => sum + count, 0);
  const relayed = runs.reduce((sum, run) => sum + (run.mirror === null ? 0 : run.statements), 0);
  const others = relayed > all ? ' (the others are no reads, writes or deletes)' : '';
  const shares = [...totals]
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `\`${outcome}\` ${thousands(count)} (${percent(count / all)})`);
  return [
    `Everything at 100: ${thousands(relayed)} statements relayed, ${thousands(all)} selected for the mirror${others}: ${shares.join(', ')}.`,
    renderLoadEnd(mirrors),
  ].join(' ');
}

/** What was seen when a load ended: the worst round counts. */
function renderLoadEnd(mirrors: readonly MirrorFigures[]): string {
  const queue = thousands(worst(mirrors.map(({ queueStatements }) => queueStatements)));
  const lag = worst(mirrors.map(({ lagSeconds }) => lagSeconds)).toFixed(2);
  const drains = mirrors.map(({ drainSeconds }) => drainSeconds);
  const drained = drains.filter((seconds) => seconds !== null);
  const emptied =
    drained.length < drains.length
      ? `in ${drains.length - drained.length} of ${drains.length} rounds the queue did not empty in time`
      : `the queue was empty at most ${worst(drained).toFixed(2)} s later`;
  return `At the end of a load the queue held at most ${queue} and the lag was at most ${lag} s; ${emptied}.`;
}

/** Cells are padded, so that the table can be read in a terminal too. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

/** The first column names, the others count. */
function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function worst(values: readonly number[]): number {
  return Math.max(...values);
}

function ratio(value: number | null): string {
  return value === null ? NONE : value.toFixed(2);
}

/** Never rounded up to all or down to none. */
function percent(share: number): string {
  if (share === 1) return '100 %';
  if (share < 0.0001) return 'below 0.01 %';
  return `${Math.min(99.99, share * 100).toFixed(2)} %`;
}

function thousands(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}
