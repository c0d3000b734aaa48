/** One run of the demo, from the empty machine to the summary, and on with `--keep`. */
import { once } from 'node:events';
import { messageOf } from '../../src/base/errors.ts';
import { waitFor } from '../../test/harness/wait.ts';
import { script } from './acts.ts';
import { compareClusters } from './agreement.ts';
import { type Cluster, FOLDERS, type Layout, startCluster } from './cluster.ts';
import type { Display } from './display.ts';
import { keepText, startWatcher } from './keep.ts';
import { startLoad } from './load.ts';
import type { DemoOptions } from './options.ts';
import { startProbe } from './probe.ts';
import { type Scrape, scrape } from './scrape.ts';
import { Stage } from './stage.ts';
import { clientErrors, type Outcome, summaryText } from './summary.ts';
import { count, type Style } from './text.ts';

const SMALL: Layout = { shards: 4, oldServers: 2, newHosts: 2 };
/** Sixteen old masters would not fit a small machine: four servers hold the sixteen old databases. */
const FULL: Layout = { shards: 16, oldServers: 4, newHosts: 8 };
/** A shorter run than this has no time for much data, a warm-up, or a slow re-entry. */
const SHORT_SECONDS = 30;
const LONG_RUN = { doublings: 3, rampMs: 4000, warmUpSeconds: 3 };
const SHORT_RUN = { doublings: 0, rampMs: 500, warmUpSeconds: 0.3 };
/** With sixteen shards there are enough rows without many doublings. */
const DOUBLINGS_FULL_MAX = 1;
const WARM_UP_TIMEOUT_MS = 60_000;
const DRAIN_TIMEOUT_MS = 30_000;
const LOGS_SHOWN = 2000;
const KEPT_LOAD_SHARE = 0.25;

export interface Run {
  readonly options: DemoOptions;
  readonly display: Display;
  readonly style: Style;
  readonly signal: AbortSignal;
  /** Writes text that stays. */
  readonly print: (text: string) => void;
  /** The summary is printed, and what is left is to wait for Ctrl-C. */
  readonly kept: () => void;
}

/** Returns how many errors clients saw. Throws where something can't be started or ends too early. */
export async function play(run: Run): Promise<number> {
  const { options, display, style, signal, print } = run;
  const layout = options.full ? FULL : SMALL;
  const scale = scaleOf(options);
  const cluster = await startCluster({
    layout,
    doublings: options.full ? Math.min(scale.doublings, DOUBLINGS_FULL_MAX) : scale.doublings,
    rampMs: scale.rampMs,
    signal,
    step: (text) => display.step(text),
  });
  signal.throwIfAborted();
  display.clear();
  print(castText(layout, cluster, options, style));
  const outcome = await perform(run, cluster).catch((error: unknown) => {
    throw proxyEnded(cluster) ?? error;
  });
  display.clear();
  print(summaryText(outcome, style));
  let errors = clientErrors(outcome);
  if (options.keep) errors += await keep(run, cluster);
  await endProxy(cluster);
  return errors;
}

function scaleOf(options: DemoOptions): typeof LONG_RUN {
  return options.seconds < SHORT_SECONDS ? SHORT_RUN : LONG_RUN;
}

async function perform({ options, display, signal }: Run, cluster: Cluster): Promise<Outcome> {
  const startedMs = performance.now();
  const load = startLoad(cluster, options.rate);
  const probe = startProbe(cluster);
  const warm = options.rate * scaleOf(options).warmUpSeconds;
  display.step('warming up: the first statements find caches empty and code not compiled yet');
  await waitFor(() => load.check() ?? load.figures().statements >= warm, {
    what: 'the load to begin',
    timeoutMs: WARM_UP_TIMEOUT_MS,
  });
  const stage = await Stage.open({ cluster, load, probe, display, signal });
  const apart = cluster.shards[0]?.name ?? '';
  await stage.play(script(apart), options.seconds);
  display.step('letting the sessions end, and comparing the clusters');
  const [lastLoad, lastProbe] = await Promise.all([load.stop(), probe.stop()]);
  const seconds = (performance.now() - startedMs) / 1000;
  const last = await whenDrained(cluster);
  const agreement = await compareClusters(cluster, last).catch((error: unknown) => messageOf(error));
  return { last, load: lastLoad, probe: lastProbe, turns: stage.turns, agreement, seconds };
}

/** What the proxy still holds for the shadow must have arrived before the two sides can be compared. */
function whenDrained(cluster: Cluster): Promise<Scrape> {
  return waitFor(
    async () => {
      const now = await scrape(cluster.proxy);
      return now.sum('understudy_mirror_queue_statements') === 0 &&
        now.sum('understudy_mirror_lag_seconds') === 0
        ? now
        : null;
    },
    { what: 'the mirror to have nothing left to send', timeoutMs: DRAIN_TIMEOUT_MS },
  );
}

/** Goes on until Ctrl-C; returns the errors that clients saw meanwhile. */
async function keep({ options, style, signal, print, kept }: Run, cluster: Cluster): Promise<number> {
  const load = startLoad(cluster, Math.max(1, options.rate * KEPT_LOAD_SHARE), 1);
  const watcher = await startWatcher(cluster);
  kept();
  print(keepText(cluster, watcher, style));
  if (!signal.aborted) await once(signal, 'abort');
  return load.figures().errors;
}

/** Everything else that fails then, fails of this. */
function proxyEnded({ proxy }: Cluster): Error | undefined {
  if (proxy.child.running()) return undefined;
  return new Error(`the proxy ended unasked\n${proxy.logs().slice(-LOGS_SHOWN)}`);
}

async function endProxy(cluster: Cluster): Promise<void> {
  const { code, signal } = await cluster.proxy.stop();
  if (code !== 0)
    throw new Error(
      `the proxy ended with ${signal ?? `exit code ${code}`}\n${cluster.proxy.logs().slice(-LOGS_SHOWN)}`,
    );
}

function castText(layout: Layout, cluster: Cluster, options: DemoOptions, style: Style): string {
  const { shards, rows, proxy } = cluster;
  const first = shards[0]?.port;
  const last = shards.at(-1)?.port;
  return [
    style.bold('Understudy: a message centre moves house while it is open'),
    '',
    `  old cluster   ${layout.oldServers} MariaDB servers, ${shards.length} databases, 13 MyISAM tables that move, 2 that stay`,
    `  new cluster   ${layout.newHosts} MariaDB servers, ${shards.length / layout.newHosts} shards each in databases of their own, InnoDB`,
    `  data          ${count(rows)} rows in ${count(shards.length * FOLDERS)} folders, copied to the new side by SELECT and INSERT`,
    `  proxy         process ${proxy.pid}, ports ${first} to ${last}, ratios live from etcd`,
    `  load          about ${count(options.rate)} statements/s: 9 in 10 are reads; short sessions, and some that stay`,
    '',
    '',
  ].join('\n');
}
