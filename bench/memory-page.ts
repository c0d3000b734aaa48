/** The memory figures as text, and their place in docs/performance.md. */
import { decimals, table } from './markdown.ts';
import type { IdleRun, StalledRun } from './memory-measure.ts';

const BEGIN = '<!-- memory: written by bench/memory.ts -->';
const END = '<!-- end of memory -->';
const MEGABYTE = 1_000_000;

/** In megabytes of 1,000,000 bytes. */
export const IDLE_MAX = 40;
export const STALLED_MAX = 32;

export interface MemoryResults {
  readonly about: readonly string[];
  readonly idle: readonly IdleRun[];
  readonly stalled: StalledRun;
}

/** Sentences, one a bound that was passed; none where all hold. */
export function passedBounds({ idle, stalled }: MemoryResults): string[] {
  const faults = idle
    .filter((run) => worst(run) > IDLE_MAX)
    .map((run) => `1,000 idle connections cost more than ${IDLE_MAX} MB with workers ${run.workers}`);
  if (growth(stalled.before, stalled.stalled) > STALLED_MAX)
    faults.push(`a stalled reader cost more than ${STALLED_MAX} MB`);
  return faults;
}

export function renderMemory({ about, idle, stalled }: MemoryResults): string {
  const rows = idle.map((run) => [
    `${run.workers}`,
    `${run.processes}`,
    megabytes(run.before),
    megabytes(run.first),
    megabytes(run.second),
    decimals(growth(run.before, run.first), 1),
    decimals(growth(run.first, run.second), 1),
  ]);
  const idleTable = table(
    [
      'workers',
      'processes',
      'before, MB',
      '1,000 idle, MB',
      '2,000 idle, MB',
      'first 1,000, MB',
      'second 1,000, MB',
    ],
    rows,
  );
  const stalledTable = table(
    [
      'result, MB',
      'before, MB',
      'stalled, MB',
      'growth, MB',
      'let through, MB',
      'while read, MB',
      'growth, MB',
    ],
    [
      [
        megabytes(stalled.resultBytes),
        megabytes(stalled.before),
        megabytes(stalled.stalled),
        decimals(growth(stalled.before, stalled.stalled), 1),
        megabytes(stalled.relayedBytes),
        megabytes(stalled.reading),
        decimals(growth(stalled.before, stalled.reading), 1),
      ],
    ],
  );
  return [about.map((line) => `- ${line}`).join('\n'), idleTable, stalledTable].join('\n\n');
}

/** The page with these figures in place of those it held. Throws where a marker is missing. */
export function withMemory(page: string, results: MemoryResults): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/performance.md has lost its markers of the memory');
  return `${page.slice(0, begin)}${[BEGIN, renderMemory(results)].join('\n\n')}\n\n${page.slice(end)}`;
}

/** A process may give back more of its start than connections take: the second thousand shows it then. */
function worst(run: IdleRun): number {
  return Math.max(growth(run.before, run.first), growth(run.first, run.second));
}

function growth(before: number, after: number): number {
  return (after - before) / MEGABYTE;
}

function megabytes(bytes: number): string {
  return decimals(bytes / MEGABYTE, 1);
}
