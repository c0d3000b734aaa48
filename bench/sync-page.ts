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

/**
 * How often each row of a group that differs is hashed, on both sides: it is found, looked at again, looked at when it
 * is repaired, and passed when all is proven the same.
 */
const LOOKS = 4;

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
  const texts = [
    about.map((text) => `- ${text}`).join('\n'),
    table(HEADER, [...linesOfRound(round), ...linesOfLarge(large)]),
    `_repaired_: until the last row that differs is; _proven the same_: until a further pass has found nothing. ${LOOKS} bare scans are what is hashed for that at the least: each row of a group that differs is looked at so often.`,
    `Point selects on the old server, p99: ${decimals(live.aloneMs, 2)} ms alone, ${decimals(live.withMs, 2)} ms while it was compared again and again.`,
  ];
  return texts.join('\n\n');
}

const HEADER = [
  'what',
  'command, s',
  'passes, s',
  'rows/s',
  '÷ bare scan',
  'times pt-table-sync',
  'peak, MB',
];
const NONE = '–';

function linesOfRound({ scanSeconds, ptSeconds, clean, check, repair }: SyncRound): string[][] {
  const wrong = thousands(DIFFERING);
  const beside = { rows: ROWS, scanSeconds, ptSeconds };
  const looks = LOOKS * scanSeconds;
  return [
    scanLine(`bare scan of ${thousands(ROWS)} rows`, ROWS, scanSeconds),
    runLine('clean, --check', clean, { ...beside, ptSeconds: null }),
    ['pt-table-sync --print', decimals(ptSeconds, 2), NONE, thousands(ROWS / ptSeconds), NONE, '1.0', NONE],
    runLine(`${wrong} rows differ, --check`, check, beside),
    runLine(`${wrong} rows differ, repaired`, withoutClosing(repair), beside),
    runLine(`${wrong} rows differ, proven the same`, repair, beside),
    runLine(`${LOOKS} bare scans`, { seconds: looks, passSeconds: looks, peakBytes: null }, beside),
  ];
}

function linesOfLarge({ scanSeconds, check, repair }: SyncResults['large']): string[][] {
  const beside = { rows: LARGE_ROWS, scanSeconds, ptSeconds: null };
  return [
    scanLine(`bare scan of ${thousands(LARGE_ROWS)} rows`, LARGE_ROWS, scanSeconds),
    runLine('one large group differs, --check', check, beside),
    runLine('one large group differs, repaired', withoutClosing(repair), beside),
    runLine('one large group differs, proven the same', repair, beside),
  ];
}

/** Of a sync, or of what it is held against. */
interface Taken {
  readonly seconds: number;
  readonly passSeconds: number;
  readonly peakBytes: number | null;
}

/** Up to the moment at which the last row that differs is repaired, and not until a pass has found nothing. */
function withoutClosing({ seconds, passSeconds, closingSeconds, peakBytes }: SyncRun): Taken {
  return { seconds: seconds - closingSeconds, passSeconds: passSeconds - closingSeconds, peakBytes };
}

function runLine(
  what: string,
  { seconds, passSeconds, peakBytes }: Taken,
  beside: { readonly rows: number; readonly scanSeconds: number; readonly ptSeconds: number | null },
): string[] {
  const { rows, scanSeconds, ptSeconds } = beside;
  return [
    what,
    decimals(seconds, 2),
    decimals(passSeconds, 2),
    thousands(rows / passSeconds),
    decimals(passSeconds / scanSeconds, 1),
    decimals(ptSeconds === null ? null : ptSeconds / seconds, 1),
    decimals(peakBytes === null ? null : peakBytes / MEGABYTE, 0),
  ];
}

function scanLine(what: string, rows: number, seconds: number): string[] {
  return [what, decimals(seconds, 2), decimals(seconds, 2), thousands(rows / seconds), '1.0', NONE, NONE];
}
