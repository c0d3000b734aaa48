/** The columns of the live table, shared by the panel and the plain lines. */
import type { Ratios } from '../../src/config/ratios.ts';
import type { Figures } from './figures.ts';
import { count, duration, ratios, type Style } from './text.ts';

export interface Row {
  /** The first cell: the time, or a shard. */
  readonly name: string;
  readonly ratios: string;
  readonly figures: Pick<Figures, 'statements' | 'mirrored' | 'dropped' | 'failed' | 'queue' | 'lagSeconds'>;
  readonly oldP99Ms: number | null | undefined;
  readonly newP99Ms: number | null | undefined;
  readonly shadow: string;
  /** Undefined: not told by shard. */
  readonly clientErrors: number | undefined;
}

interface Column {
  readonly title: string;
  readonly width: number;
  /** Left out where the terminal is narrow. */
  readonly wideOnly?: true;
}

const COLUMNS: readonly Column[] = [
  { title: '', width: 5 },
  { title: 'ratio r/w/d', width: 12 },
  { title: 'stmt/s', width: 6 },
  { title: 'old p99', width: 7 },
  { title: 'new p99', width: 7 },
  { title: 'mirr/s', width: 6 },
  { title: 'drop/s', width: 6 },
  { title: 'failed', width: 6, wideOnly: true },
  { title: 'queue', width: 5, wideOnly: true },
  { title: 'lag', width: 6, wideOnly: true },
  { title: 'shadow', width: 6 },
  { title: 'errors', width: 6 },
];
const GAP = '  ';
const WIDTH = COLUMNS.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);

export function headerText(first: string, style: Style): string {
  return style.dim(join([first, ...COLUMNS.slice(1).map(({ title }) => title)], style));
}

/** One line of the table; what asks for a look is coloured. */
export function rowText(row: Row, style: Style): string {
  const { figures } = row;
  const lag = figures.lagSeconds < 0.001 ? '0' : duration(figures.lagSeconds * 1000);
  const cells = join(
    [
      row.name,
      row.ratios,
      count(figures.statements),
      row.oldP99Ms === undefined ? '' : duration(row.oldP99Ms),
      row.newP99Ms === undefined ? '' : duration(row.newP99Ms),
      count(figures.mirrored),
      count(figures.dropped),
      count(figures.failed),
      count(figures.queue),
      lag,
      row.shadow,
      row.clientErrors === undefined ? '' : count(row.clientErrors),
    ],
    style,
  );
  if ((row.clientErrors ?? 0) > 0) return style.red(cells);
  return row.shadow === 'up' || row.shadow === 'idle' ? cells : style.yellow(cells);
}

/** What all shards do together, beside what their clients have seen. */
export function totalRow(name: string, figures: Figures, clientErrors: number): Row {
  return {
    name,
    ratios: commonRatios(figures.shards.map((shard) => shard.ratios)),
    figures,
    oldP99Ms: figures.oldP99Ms,
    newP99Ms: figures.newP99Ms,
    shadow: commonShadow(figures),
    clientErrors,
  };
}

/** The ratios of all shards; a star where one has its own. */
function commonRatios(all: readonly Ratios[]): string {
  const texts = all.map(ratios);
  const [most = ''] = [...new Set(texts)].sort((a, b) => occurrences(texts, b) - occurrences(texts, a));
  return texts.every((text) => text === most) ? most : `${most}*`;
}

/** `up`, or how many shards are not: `2 down`, `1 back`. */
function commonShadow(figures: Figures): string {
  const states = figures.shards.map((shard) => shard.shadow);
  const down = states.filter((state) => state === 'down').length;
  const back = states.filter((state) => state === 'recovering').length;
  if (down > 0) return `${down} down`;
  if (back > 0) return `${back} back`;
  return states.every((state) => state === 'idle') ? 'idle' : 'up';
}

function join(cells: readonly string[], style: Style): string {
  const shown = COLUMNS.flatMap(({ width, wideOnly }, index) => {
    if (wideOnly === true && style.columns < WIDTH) return [];
    const cell = cells[index] ?? '';
    return [index === 0 ? cell.padEnd(width) : cell.padStart(width)];
  });
  return shown.join(GAP).trimEnd();
}

function occurrences(texts: readonly string[], wanted: string): number {
  return texts.filter((text) => text === wanted).length;
}
