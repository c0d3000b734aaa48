/** What became of the mirrored statements. */
import { percent, thousands } from './markdown.ts';
import type { MirrorFigures, Run, Target } from './results.ts';

const MIRRORING: readonly (readonly [Target, string])[] = [
  ['reads-100', 'Reads at 100'],
  ['mirror-100', 'Everything at 100'],
  ['mirror-100-unjournalled', 'Everything at 100, without the journal'],
  ['mirror-100-durable', 'Everything at 100, each commit flushed'],
];

/** One line for each way that mirrors, with sums over the rounds; empty where none does. */
export function renderMirror(runs: readonly Run[]): string {
  return MIRRORING.flatMap(([target, name]) => {
    const mirrors = runs.flatMap((run) => (run.target === target && run.mirror !== null ? [run] : []));
    return mirrors.length === 0 ? [] : [`- ${name}: ${renderAccount(mirrors)}`];
  }).join('\n');
}

function renderAccount(runs: readonly Run[]): string {
  const mirrors = runs.flatMap((run) => run.mirror ?? []);
  const totals = new Map<string, number>();
  for (const { outcomes } of mirrors) {
    for (const [outcome, count] of Object.entries(outcomes)) {
      totals.set(outcome, (totals.get(outcome) ?? 0) + count);
    }
  }
  const all = [...totals.values()].reduce((sum, count) => sum + count, 0);
  const relayed = runs.reduce((sum, run) => sum + run.statements, 0);
  const shares = [...totals]
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `\`${outcome}\` ${thousands(count)} (${percent(count / all)})`);
  const became = shares.length === 0 ? '' : `: ${shares.join(', ')}`;
  return [
    `${thousands(relayed)} statements relayed, ${thousands(all)} selected for the mirror${became}.`,
    renderDoubts(mirrors, all),
    renderAppends(mirrors, relayed),
    renderLoadEnd(mirrors),
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

/** Of the selected statements; one may leave several doubts, and several one. */
function renderDoubts(mirrors: readonly MirrorFigures[], selected: number): string {
  const seen = mirrors.flatMap(({ doubts }) => doubts ?? []);
  if (seen.length === 0) return '';
  const doubts = seen.reduce((sum, count) => sum + count, 0);
  return `Doubts: ${thousands(doubts)}${selected === 0 ? '' : ` (${percent(doubts / selected)})`}.`;
}

function renderAppends(mirrors: readonly MirrorFigures[], relayed: number): string {
  const seen = mirrors.flatMap(({ appends }) => appends ?? []);
  const appends = seen.reduce((sum, count) => sum + count, 0);
  if (appends === 0) return '';
  return `Appends to the journal: ${thousands(appends)}, one for ${(relayed / appends).toFixed(1)} statements.`;
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
  const whileLoaded = mirrors.flatMap(({ lagMaxSeconds }) => lagMaxSeconds ?? []);
  const during =
    whileLoaded.length === 0 ? '' : `While it ran the lag was at most ${worst(whileLoaded).toFixed(2)} s. `;
  return `${during}At the end of a load the queue held at most ${queue} and the lag was at most ${lag} s; ${emptied}.`;
}

function worst(values: readonly number[]): number {
  return Math.max(...values);
}
