/** How figures and lines are written, on a terminal and elsewhere. */
import type { Ratios } from '../../src/config/ratios.ts';

/** Nothing the demo prints is wider, however wide the terminal is. */
const COLUMNS_MAX = 100;
const COLUMNS_MIN = 40;

export interface Style {
  /** Characters that a line may have. */
  readonly columns: number;
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
}

const PLAIN: Omit<Style, 'columns'> = {
  bold: (text) => text,
  dim: (text) => text,
  green: (text) => text,
  yellow: (text) => text,
  red: (text) => text,
};

const COLOURED: Omit<Style, 'columns'> = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  red: sgr(31, 39),
};

/** Colours on a terminal alone, and not where NO_COLOR asks for none. */
export function styleFor(output: NodeJS.WriteStream): Style {
  const { NO_COLOR, TERM } = process.env;
  const coloured = output.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
  // A pipe has no width of its own, nor has a terminal that was never sized.
  const width = output.columns > 0 ? output.columns : COLUMNS_MAX;
  const columns = Math.max(COLUMNS_MIN, Math.min(COLUMNS_MAX, width));
  return { columns, ...(coloured ? COLOURED : PLAIN) };
}

/** 12,345 */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** 0.42 ms, 4.2 ms, 42 ms, 1.2 s; a dash where there is none. */
export function duration(milliseconds: number | null): string {
  if (milliseconds === null) return '-';
  const size = Math.abs(milliseconds);
  if (size >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (size >= 99.5) return `${Math.round(milliseconds)} ms`;
  return `${milliseconds.toFixed(size >= 9.95 ? 0 : size >= 0.995 ? 1 : 2)} ms`;
}

/** 1:05 */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** reads/writes/deletes in percent */
export function ratios({ reads, writes, deletes }: Ratios): string {
  return `${reads}/${writes}/${deletes}`;
}

/** `name 12, other 3`, the largest first; a dash where there is none. */
export function tally(counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].sort(([, a], [, b]) => b - a).map(([name, value]) => `${name} ${count(value)}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}

/** Breaks at blanks so that no line passes `columns`, the following lines indented to `indent`. */
export function wrap(text: string, indent: number, columns: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

const SPARKS = '▁▂▃▄▅▆▇█';

/** One character a value, on a scale from 0 to the largest; a middle dot for nothing. */
export function sparkline(values: readonly number[]): string {
  const top = Math.max(...values, 1e-9);
  return values
    .map((value) => (value <= 0 ? '·' : SPARKS[Math.min(7, Math.floor((value / top) * 7.999))]))
    .join('');
}

function sgr(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}
