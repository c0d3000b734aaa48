/** The message centre's figures as text, and what they come to at the original site's peak. */
import type { CentreFigures } from './centre-load.ts';
import { CENTRE_WAYS, type CentreWayName, SHARDS } from './centre-stage.ts';
import { decimals, table, thousands } from './markdown.ts';
import { median } from './median.ts';
import type { Machine } from './results.ts';

/** Of the original site, over its 16 shards, a second. */
export const PEAK = { statements: 10_000, rowsWritten: 3000, rowsRead: 150_000 } as const;

export interface CentreRun {
  readonly way: CentreWayName;
  readonly round: number;
  readonly figures: CentreFigures;
  /** Of the proxy's processes, the mirror's rest included; null: nothing stands in between. */
  readonly cpuMicros: number | null;
  /** When the load ended. */
  readonly lagSeconds: number | null;
  /** From there until it was gone. */
  readonly drainSeconds: number | null;
}

export interface CentreResults {
  readonly machine: Machine;
  readonly commit: string;
  readonly workers: number;
  /** Asked for. */
  readonly rate: number;
  readonly runs: readonly CentreRun[];
}

const WAY_NAMES: Readonly<Record<CentreWayName, string>> = {
  direct: 'direct',
  'mirror-0': 'Understudy, mirror at 0',
  'mirror-100': 'Understudy, everything at 100',
};

export function renderCentre({ machine, commit, workers, rate, runs }: CentreResults): string {
  const rows = CENTRE_WAYS.map((way) => rowOf(way, runs));
  return [
    `- **On:** ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, MariaDB ${machine.mariadb}, commit ${commit}; load average before ${machine.loadAverage}.`,
    `- **Load:** ${SHARDS} shards, ${workers} workers, ${thousands(rate)} statements/s asked for; ${mixOf(runs)}. The visitors, the servers and the proxy share the cores.`,
    '',
    table(
      ['way', 'statements/s', 'p50 ms', 'p99 ms', 'p99 over direct, ms', 'CPU s/s', 'CPU µs/statement'],
      rows,
    ),
    '',
    renderPeak(runs),
  ].join('\n');
}

function rowOf(way: CentreWayName, runs: readonly CentreRun[]): string[] {
  const own = runs.filter((run) => run.way === way);
  const middle = (read: (run: CentreRun) => number): number => median(own.map(read));
  const cpu = (read: (run: CentreRun, micros: number) => number): number | undefined =>
    own.some(({ cpuMicros }) => cpuMicros === null)
      ? undefined
      : middle((run) => read(run, run.cpuMicros ?? 0));
  return [
    WAY_NAMES[way],
    thousands(Math.round(middle(({ figures }) => figures.statements / figures.seconds))),
    middle(({ figures }) => figures.p50Ms).toFixed(2),
    middle(({ figures }) => figures.p99Ms).toFixed(2),
    way === 'direct' ? '–' : addedP99(way, runs).toFixed(2),
    decimals(
      cpu(({ figures }, micros) => micros / 1e6 / figures.seconds),
      3,
    ),
    decimals(
      cpu(({ figures }, micros) => micros / figures.statements),
      1,
    ),
  ];
}

/** The median over the rounds of one round's difference. */
export function addedP99(way: CentreWayName, runs: readonly CentreRun[]): number {
  return median(
    runs
      .filter((run) => run.way === way)
      .flatMap(({ round, figures }) => {
        const direct = runs.find((other) => other.way === 'direct' && other.round === round);
        return direct === undefined ? [] : [figures.p99Ms - direct.figures.p99Ms];
      }),
  );
}

function mixOf(runs: readonly CentreRun[]): string {
  const sum = (read: (figures: CentreFigures) => number) =>
    runs.reduce((total, { figures }) => total + read(figures), 0);
  const statements = sum((figures) => figures.statements);
  const perStatement = (rows: number) => (rows / statements).toFixed(2);
  const [read, written] = [sum((figures) => figures.rowsRead), sum((figures) => figures.rowsWritten)];
  return `${perStatement(read)} rows read and ${perStatement(written)} written a statement (the original site at its peak: ${(PEAK.rowsRead / PEAK.statements).toFixed(2)} and ${(PEAK.rowsWritten / PEAK.statements).toFixed(2)})`;
}

/** CPU grows with the statements, and a little less than they do, as a busy proxy reads more at once. */
export function renderPeak(runs: readonly CentreRun[]): string {
  const own = runs.filter((run) => run.way === 'mirror-100');
  const micros = median(own.map(({ cpuMicros, figures }) => (cpuMicros ?? 0) / figures.statements));
  const lag = Math.max(...own.map(({ lagSeconds }) => lagSeconds ?? 0));
  const drain = Math.max(...own.map(({ drainSeconds }) => drainSeconds ?? 0));
  return [
    `The original site's peak of ${thousands(PEAK.statements)} statements/s was not run here. At the CPU that a statement took above it comes to **${((micros * PEAK.statements) / 1e6).toFixed(2)} CPU seconds a second** of proxy, everything mirrored, spread over the workers.`,
    `When a load ended the lag was at most ${lag.toFixed(2)} s, and gone at most ${drain.toFixed(2)} s later.`,
  ].join(' ');
}
