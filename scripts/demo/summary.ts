/** The demo's last page: what was relayed, mirrored, dropped and why, and what the clients felt of it. */

import type { LoadFigures } from '../../test/harness/load-figures.ts';
import type { Agreement } from './agreement.ts';
import { FAILURES, MIRRORED, STATEMENTS } from './figures.ts';
import type { ProbeFigures, ProbeLine } from './probe-messages.ts';
import type { Scrape } from './scrape.ts';
import type { Turn } from './stage.ts';
import { count, duration, type Style, tally, wrap } from './text.ts';

export interface Outcome {
  /** The last look at the proxy, taken when the load was over and the queues were empty. */
  readonly last: Scrape;
  readonly load: LoadFigures;
  readonly probe: ProbeFigures;
  readonly turns: readonly Turn[];
  /** In words, why the two sides could not be compared. */
  readonly agreement: Agreement | string;
  readonly seconds: number;
}

const LABEL_WIDTH = 22;
/** Of the table of added latency. */
const PERIOD_WIDTH = 26;
const FIGURE_WIDTH = 9;

export function clientErrors({ load, probe }: Outcome): number {
  return load.errors + probe.errors;
}

export function summaryText(outcome: Outcome, style: Style): string {
  const errors = clientErrors(outcome);
  const headline = `client errors: ${count(errors)}`;
  return [
    '',
    style.bold('Summary'),
    '',
    style.bold(errors === 0 ? style.green(headline) : style.red(headline)),
    ...[...outcome.load.errorSamples, ...outcome.probe.errorSamples].map((text) => style.red(`  ${text}`)),
    '',
    ...trafficEntries(outcome).map((entry) => entryText(entry, style)),
    '',
    ...mirrorEntries(outcome).map((entry) => entryText(entry, style)),
    '',
    ...latencyLines(outcome.probe.lines, style),
    '',
    ...turnLines(outcome.turns, style),
    '',
    ...agreementEntries(outcome).map((entry) => entryText(entry, style)),
    '',
  ].join('\n');
}

function trafficEntries({ last, load, seconds }: Outcome): Entry[] {
  const statements = last.sum(STATEMENTS);
  return [
    [
      'statements relayed',
      `${count(statements)} in ${Math.round(seconds)} s, ${count(statements / seconds)} a second ` +
        `(${tally(last.sumBy(STATEMENTS, 'kind'))})`,
    ],
    [
      'sessions',
      `${count(load.sessions)}, of them ${count(load.longSessions)} long; ${count(load.transactions)} ` +
        `transactions; ${count(load.prepared)} prepared statements run`,
    ],
    ['rows', `${count(load.rowsRead)} read, ${count(load.rowsWritten)} written or deleted`],
  ];
}

function mirrorEntries({ last }: Outcome): Entry[] {
  const outcomes = last.sumBy(MIRRORED, 'outcome');
  const beginning = (prefix: string) => pick(outcomes, (name) => name.startsWith(prefix));
  const failures = pick(outcomes, (name) => FAILURES.some((failure) => failure === name));
  const mirrored = last.sumBy(MIRRORED, 'kind', { outcome: 'mirrored' });
  const unsampled = last.sumBy('understudy_mirror_not_sampled_total', 'kind');
  const compared = last.sum('understudy_mirror_compared_total');
  const differing = last.sumBy('understudy_mirror_mismatch_total', 'reason', { kind: 'read' });
  const affected = last.sum('understudy_mirror_mismatch_total', { reason: 'affected_rows' });
  const journal = last.sumBy('understudy_journal_keys', 'reason');
  const reset = last.status.shards.some((shard) => shard.journal.reset);
  return [
    ['mirrored', withTotal(mirrored)],
    ['dropped', withTotal(beginning('dropped_'))],
    ['failed', withTotal(failures)],
    ['skipped', withTotal(beginning('skipped_'))],
    ['not sampled', withTotal(unsampled)],
    [
      'compared',
      `${count(compared)} reads, of which the two sides answered ${withTotal(differing)} differently; ` +
        `${count(affected)} writes and deletes changed other numbers of rows: keys in doubt`,
    ],
    ['doubts', withTotal(last.sumBy('understudy_mirror_doubts_total', 'reason'))],
    [
      'journal',
      `${withTotal(journal)}${reset ? '; it overflowed, and a full pass of the sync is owed' : ''}`,
    ],
  ];
}

function latencyLines(lines: readonly ProbeLine[], style: Style): string[] {
  const wide = style.columns >= PERIOD_WIDTH + 7 * FIGURE_WIDTH;
  const cells = (name: string, figures: readonly string[], pairs: string) => {
    const shown = wide ? [...figures, pairs] : figures;
    const width = (FIGURE_WIDTH * 6) / figures.length;
    const padded = shown.map((text, index) => text.padStart(index < figures.length ? width : FIGURE_WIDTH));
    return `${name.padEnd(PERIOD_WIDTH)}${padded.join('')}`.trimEnd();
  };
  const minus = (a: number | null, b: number | null) => (a === null || b === null ? null : a - b);
  const timed = lines.filter(({ direct }) => direct.count > 0);
  return [
    style.dim(cells('added latency', ['direct', 'proxy', 'added'], 'pairs')),
    style.dim(cells('', ['median', 'p99', 'median', 'p99', 'median', 'p99'], '')),
    ...timed.map(({ period, kind, direct, proxy }) => {
      const added = [minus(proxy.p50, direct.p50), minus(proxy.p99, direct.p99)];
      const figures = [direct.p50, direct.p99, proxy.p50, proxy.p99, ...added].map(duration);
      return cells(`  ${kind}, ${period}`, figures, count(direct.count));
    }),
  ];
}

function turnLines(turns: readonly Turn[], style: Style): string[] {
  return [
    style.dim("ratio changes: from etcdctl's start until every shard had it; etcdctl's own time"),
    ...turns.map(
      ({ change, appliedMs, commandMs }) =>
        `  ${duration(appliedMs).padStart(7)}  ${duration(commandMs).padStart(7)}  ${change}`,
    ),
  ];
}

function agreementEntries({ agreement, last }: Outcome): Entry[] {
  if (typeof agreement === 'string') return [['rows', `not compared: ${agreement}`]];
  const { keys, keysDiffering, keysUnnamed, tables, tablesEqual } = agreement;
  const named =
    keysUnnamed === 0
      ? 'no table has more differing keys than the journal names'
      : `${count(keysUnnamed)} more than the journal names`;
  const explained =
    'Keys differ that were written while a ratio was below 100 or the host was down. The journal keeps them; ' +
    '`understudy sync` settles them by checksums.';
  return [
    ['rows', `old ${count(agreement.rowsOld)}, new ${count(agreement.rowsNew)}`],
    ['tables', `${count(tablesEqual)} of ${count(tables)} equal row by row`],
    [
      'keys',
      `${count(keys - keysDiffering)} of ${count(keys)} equal, ${count(keysDiffering)} differ; ` +
        `the journal names ${count(last.sum('understudy_journal_keys'))}; ${named}`,
    ],
    ['', explained],
  ];
}

function withTotal(counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, value) => sum + value, 0);
  return counts.size === 0 ? '0' : `${count(total)} (${tally(counts)})`;
}

function pick(counts: ReadonlyMap<string, number>, wanted: (name: string) => boolean): Map<string, number> {
  return new Map([...counts].filter(([name]) => wanted(name)));
}

/** A label and its text, which may go on below itself. */
type Entry = readonly [label: string, text: string];

function entryText([label, text]: Entry, { columns }: Style): string {
  return `${label.padEnd(LABEL_WIDTH)}${wrap(text, LABEL_WIDTH, columns)}`;
}
