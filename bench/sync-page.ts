/** What `npm run bench:sync` found, as text, and its place in docs/sync.md. */
import { decimals, table, thousands } from './markdown.ts';
import type { SyncRun } from './sync-measure.ts';
import { DIFFERING, LARGE_ROWS, ROWS } from './sync-stage.ts';

export const SYNC_PAGE = new URL('../docs/sync.md', import.meta.url);
const BEGIN = '<!-- speed: written by bench/sync.ts -->';
const END = '<!-- end of speed -->';
const MEGABYTE = 1_000_000;
/** The aims, and the bound of the memory in megabytes of 1,000,000 bytes. */
const AIMS = Object.freeze({ clean: 3, repair: 10, peak: 150 });

export interface SyncRound {
  readonly scanSeconds: number;
  readonly clean: SyncRun;
  readonly ptSeconds: number;
  readonly check: SyncRun;
  readonly repair: SyncRun;
}

export interface SyncResults {
  readonly about: readonly string[];
  readonly round: SyncRound;
  readonly large: { readonly scanSeconds: number; readonly check: SyncRun; readonly repair: SyncRun };
  readonly live: { readonly aloneMs: number; readonly withMs: number };
}

/** Sentences, one an aim that was missed; none where all are reached. */
export function missedAims({ round, large }: SyncResults): string[] {
  const runs = [round.clean, round.check, round.repair, large.check, large.repair];
  const peak = Math.max(...runs.map(({ peakBytes }) => peakBytes)) / MEGABYTE;
  return [
    ...(round.clean.passSeconds > AIMS.clean * round.scanSeconds
      ? [`a clean pass took more than ${AIMS.clean} times the bare scan`]
      : []),
    ...(round.ptSeconds < AIMS.repair * round.repair.seconds
      ? [`to find and repair was not ${AIMS.repair} times as fast as pt-table-sync prints`]
      : []),
    ...(peak > AIMS.peak ? [`the sync took ${decimals(peak, 0)} MB, more than ${AIMS.peak}`] : []),
  ];
}

/** The page with these figures in place of those it held. Throws where a marker is missing. */
export function withSync(page: string, results: SyncResults): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('docs/sync.md has lost its markers of the speed');
  return `${page.slice(0, begin)}${[BEGIN, renderSync(results)].join('\n\n')}\n\n${page.slice(end)}`;
}

export function renderSync({ about, round, large, live }: SyncResults): string {
  const { scanSeconds, ptSeconds } = round;
  const line = (what: string, rows: number, run: SyncRun, scan: number, pt: number | null): string[] => [
    what,
    decimals(run.seconds, 2),
    decimals(run.passSeconds, 2),
    thousands(rows / run.passSeconds),
    decimals(run.passSeconds / scan, 1),
    decimals(pt === null ? null : pt / run.seconds, 1),
    decimals(run.peakBytes / MEGABYTE, 0),
  ];
  const bare = (what: string, rows: number, seconds: number): string[] => [
    what,
    decimals(seconds, 2),
    decimals(seconds, 2),
    thousands(rows / seconds),
    '1.0',
    '–',
    '–',
  ];
  const wrong = thousands(DIFFERING);
  const rows = [
    bare(`bare scan of ${thousands(ROWS)} rows`, ROWS, scanSeconds),
    line('clean, --check', ROWS, round.clean, scanSeconds, null),
    ['pt-table-sync --print', decimals(ptSeconds, 2), '–', thousands(ROWS / ptSeconds), '–', '1.0', '–'],
    line(`${wrong} rows differ, --check`, ROWS, round.check, scanSeconds, ptSeconds),
    line(`${wrong} rows differ, repaired`, ROWS, round.repair, scanSeconds, ptSeconds),
    bare(`bare scan of ${thousands(LARGE_ROWS)} rows`, LARGE_ROWS, large.scanSeconds),
    line('one large group differs, --check', LARGE_ROWS, large.check, large.scanSeconds, null),
    line('one large group differs, repaired', LARGE_ROWS, large.repair, large.scanSeconds, null),
  ];
  const header = [
    'what',
    'command, s',
    'passes, s',
    'rows/s',
    '÷ bare scan',
    'times pt-table-sync',
    'peak, MB',
  ];
  const queries = `Point selects on the old server, p99: ${decimals(live.aloneMs, 2)} ms alone, ${decimals(live.withMs, 2)} ms while it was compared again and again.`;
  return [about.map((text) => `- ${text}`).join('\n'), table(header, rows), queries].join('\n\n');
}
