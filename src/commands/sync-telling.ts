/** Everybody who is told how a sync goes: the terminal, and those who scrape it. */
import type { Config } from '../config/load.ts';
import { sanitize } from '../control/sanitize.ts';
import type { Admin } from '../observe/admin.ts';
import type { SyncFigures, SyncMetrics } from '../observe/sync-metrics.ts';
import type { SyncListener } from '../sync/sync-listener.ts';
import { SyncProgress } from '../sync/sync-progress.ts';
import { passLines } from '../sync/sync-report.ts';
import type { CommandContext } from './command-context.ts';
import { SyncDisplay } from './sync-display.ts';

const TEXT_SHOWN = 2000;

export interface Telling extends SyncListener {
  print(lines: readonly string[]): void;
  /** The bars go, and so does the listener. */
  end(): Promise<void>;
}

/** `adminPort`: null where nothing is to be scraped. Throws UsageError where that port can't be had. */
export async function startTelling(
  shards: readonly string[],
  adminPort: number | null,
  { admin }: Pick<Config, 'admin'>,
  context: CommandContext,
): Promise<Telling> {
  const progress = new SyncProgress(shards, () => performance.now());
  const display = new SyncDisplay(context, progress);
  const served = adminPort === null ? null : await serve({ ...admin, port: adminPort }, progress);
  if (served !== null) context.err(`metrics are at ${served.listener.url}/metrics`);
  const print = (lines: readonly string[]): void =>
    display.print(lines.map((line) => sanitize(line, TEXT_SHOWN)).join('\n'));
  const warns = (text: string): void => display.warn(sanitize(text, TEXT_SHOWN));
  display.start();
  return {
    begins: (kind, pass) => progress.begins(kind, pass),
    ranges: (shard, ranges, done) => progress.ranges(shard, ranges, done),
    everywhere: (shards) => progress.everywhere(shards),
    rangeDone: (shard) => progress.rangeDone(shard),
    expects: (shard, rows) => progress.expects(shard, rows),
    looked: (shard, groups, rows) => progress.looked(shard, groups, rows),
    settled: (shard, outcome) => progress.settled(shard, outcome),
    failed: (shard) => progress.failed(shard),
    took: (side, seconds) => served?.metrics.took(side, seconds),
    pass: (report) => print(passLines(report)),
    waits: (shard, reason) => {
      progress.waits(shard, reason);
      // On a terminal the bar says so for as long as it lasts.
      if (!display.isTerminal) warns(`${shard}: ${reason === null ? 'goes on' : `waits: ${reason}`}`);
    },
    warns,
    print,
    end: async () => {
      display.end();
      await served?.listener.close();
    },
  };
}

/** What serves, and counts, is loaded only where there is somebody to serve. */
async function serve(
  { host, port, token }: Config['admin'],
  progress: SyncProgress,
): Promise<{ readonly metrics: SyncMetrics; readonly listener: Admin }> {
  const { SyncMetrics } = await import('../observe/sync-metrics.ts');
  const { startMetricsListener } = await import('../observe/metrics-listener.ts');
  const metrics = new SyncMetrics({ shards: () => figuresOf(progress), pass: () => progress.pass });
  const health = (): Readonly<Record<string, unknown>> => ({ ...progress.pass });
  return { metrics, listener: await startMetricsListener({ host, port, token, metrics, health }) };
}

function figuresOf(progress: SyncProgress): ReadonlyMap<string, SyncFigures> {
  return new Map(
    [...progress.shards].map(([name, shard]) => [name, { ...shard, throttled: shard.waits !== null }]),
  );
}
