/** Incidents as text for people. Pure. */
import { sanitize } from '../control/sanitize.ts';
import type { ExceededThreshold, IncidentView } from '../observe/incident-report.ts';
import { sparkline } from './sparkline.ts';
import { formatTable } from './table.ts';

const PIPED_COLUMNS = 160;
const LINE_SHOWN = 1000;
/** Of the minutes of the last hour, three a bar. */
const TREND_MINUTES = 60;
const TREND_BARS = 20;
/** What the last column shows even where the terminal is narrower. */
const ABOUT_LEAST = 20;

/** Lines without newlines. `columns`: of the terminal, which also gets the trend; undefined where there is none. */
export function incidentLines(
  incidents: readonly IncidentView[],
  exceeded: readonly ExceededThreshold[],
  columns: number | undefined,
): string[] {
  if (incidents.length === 0) return ['no incidents'];
  const trend = columns === undefined ? [] : ['TREND (1 h)'];
  const header = ['LAST SEEN', 'SHARD', 'REASON', 'CODE', 'TOTAL', 'LAST HOUR', ...trend, 'ABOUT'];
  const cells = incidents.map((incident) => factCells(incident, columns !== undefined));
  const used = formatTable(header, cells).reduce((widest, line) => Math.max(widest, line.length), 0);
  const room = Math.max((columns ?? PIPED_COLUMNS) - used + 'ABOUT'.length, ABOUT_LEAST);
  const rows = incidents.map((incident, index) => [...cells[index]!, sanitize(aboutOf(incident), room - 1)]);
  const lines = [...formatTable(header, rows), ...exceeded.map(exceededLine), ...staleLines(incidents)];
  // Also what a proxy says of itself is a stranger's.
  return lines.map((line) => sanitize(line, LINE_SHOWN));
}

function factCells(incident: IncidentView, trend: boolean): string[] {
  const { lastSeen, shard, reason, code, total, lastHour, minutes, stale } = incident;
  return [
    lastSeen.replace(/\.\d+Z$/, 'Z'),
    `${shard}${stale ? ' (stale)' : ''}`,
    reason,
    code === null ? '' : `${code}`,
    `${total}`,
    `${lastHour}`,
    ...(trend ? [sparkline(minutes.slice(-TREND_MINUTES), TREND_BARS)] : []),
  ];
}

function aboutOf({ digest, others, latest }: IncidentView): string {
  if (others) return '(others, which have no group of their own)';
  const [newest] = latest;
  return digest?.text ?? newest?.message ?? '';
}

function exceededLine({ reason, shard, since, count, moreThan, within }: ExceededThreshold): string {
  return `too many: ${reason} of ${shard} since ${since}, ${count} of which ${moreThan} are allowed within ${within}`;
}

function staleLines(incidents: readonly IncidentView[]): string[] {
  if (!incidents.some(({ stale }) => stale)) return [];
  return ['stale: the shard’s worker does not answer just now, so newer incidents may be missing'];
}
