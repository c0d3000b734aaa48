/** `understudy sync`: finds and repairs what differs between the clusters, by checksums. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf, UsageError } from '../base/errors.ts';
import { type Config, loadConfig } from '../config/load.ts';
import type { ProxyAddress } from '../observe/admin-fetch.ts';
import { JournalClient } from '../sync/journal-client.ts';
import type { OpenedKeeper } from '../sync/pass-keeper.ts';
import { endLines, type SyncReport } from '../sync/sync-report.ts';
import { runSync } from '../sync/sync-run.ts';
import type { SyncRunOptions } from '../sync/sync-tools.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';
import { findProxies } from './find-proxies.ts';
import { readSyncArguments, type SyncArguments, type SyncWishes } from './sync-arguments.ts';
import { syncFaultOf } from './sync-faults.ts';
import { checkFiles } from './sync-files.ts';
import { openKeeper } from './sync-keepers.ts';
import { pausesOf } from './sync-pauses.ts';
import { startTelling } from './sync-telling.ts';

export function registerSync(program: Command, context: CommandContext): void {
  program
    .command('sync')
    .description('find and repair what differs between the clusters, by checksums')
    .option(CONFIG_OPTION.flags, CONFIG_OPTION.description, CONFIG_OPTION.fallback)
    .option('--full', 'every group; needs no proxy')
    .option('--journal', 'only the keys that the proxies have in doubt')
    .option('--keys <list>', 'only these keys, such as 1,2,3')
    .option('--check', 'write nothing; exit 1 when something differs')
    .option('--shard <list>', 'of these shards alone')
    .option('--table <list>', 'of these tables alone')
    .option(
      '--hash <name>',
      'md5, sha256, or crc32 for tables whose rows are inserted and deleted alone (default: md5)',
    )
    .option('--columns <which>', 'all, or primary-key for tables whose rows are never changed (default: all)')
    .option('--passes <number>', 'full passes at most (default: sync.passes)')
    .option('--workers <number>', 'ranges worked on at a time (default: sync.workers)')
    .option('--proxy <url>', 'a proxy’s admin address, instead of those in etcd; may be repeated', addTo)
    .option('--alone', 'share nothing with other processes by etcd')
    .option('--pause-file <file>', 'wait while this file is there (default: sync.pauseFile)')
    .option('--force', 'also where a query would read or sort more than it should')
    .option('--admin-port <port>', 'serve /metrics and /healthz there while it runs (0: a free one)')
    .option('--report <file>', 'write the report as JSON')
    .action(async (options: SyncArguments) => context.exit(await sync(options, context)));
}

function addTo(url: string, before: string[] | undefined): string[] {
  return [...(before ?? []), url];
}

/** 0: both sides are the same; 1: they differ, or that is not known. */
async function sync(options: SyncArguments, context: CommandContext): Promise<number> {
  const config = loadConfig(options.config);
  const wishes = readSyncArguments(options, config);
  const pauseFile = options.pauseFile ?? config.sync.pauseFile;
  const from = options.pauseFile === undefined ? `${config.file}: sync.pauseFile` : '--pause-file';
  await checkFiles({
    report: options.report,
    pause: pauseFile === undefined ? undefined : { file: pauseFile, from },
  });
  const telling = await startTelling(wishes.selection.shards, wishes.adminPort, config, context);
  const pauses = await pausesOf(pauseFile, config, telling.warns);
  const stopping = stopAtSignals();
  let opened: OpenedKeeper | null = null;
  try {
    const { journals, silent, absent } = await reach(wishes, config, telling.warns);
    if (wishes.plan.mode === 'journal' && journals.length === 0)
      throw new UsageError(
        '--journal: no proxy can be asked for its journal; is it running? Give --proxy URL',
      );
    const run: SyncRunOptions = {
      ...wishes,
      config,
      force: options.force === true,
      journals,
      silent,
      absent,
      paused: () => pauses.reason(),
      stop: stopping.signal,
      told: telling,
    };
    const { proxies } = wishes;
    opened = await openKeeper(run, { alone: options.alone === true, proxies });
    const report = await runSync(run, opened.keeper);
    telling.print(endLines(report));
    if (options.report !== undefined) await writeReport(options.report, report);
    return report.verdict === 'clean' ? 0 : 1;
  } catch (error) {
    const fault = syncFaultOf(error, config);
    if (fault === null) throw error;
    telling.warns(fault.text);
    return fault.code;
  } finally {
    stopping.end();
    opened?.close();
    pauses.close();
    await telling.end();
  }
}

interface Reached {
  readonly journals: readonly JournalClient[];
  readonly silent: readonly JournalClient[];
  readonly absent: JournalClient | null;
}

/**
 * Proxies that are registered or named ought to be there; that there is none at the configuration's own address may
 * be as it should.
 */
async function reach(
  { proxies: urls, plan }: Pick<SyncWishes, 'proxies' | 'plan'>,
  config: Config,
  warn: (text: string) => void,
): Promise<Reached> {
  const found = urls === null ? await findProxies(config) : { addresses: urls.map(addressOf), faults: [] };
  for (const fault of found.faults) warn(fault);
  const journals: JournalClient[] = [];
  const silent: JournalClient[] = [];
  let absent: JournalClient | null = null;
  for (const address of found.addresses) {
    const journal = new JournalClient({ address, token: config.admin.token });
    const isDue = urls !== null || address.id !== undefined;
    try {
      if (isDue || plan.mode !== 'full') await journal.states();
      else await askOwn(journal);
      journals.push(journal);
    } catch (error) {
      if (isDue) silent.push(journal);
      else absent = journal;
      warn(
        `${messageOf(error)}; ${isDue ? 'nothing is repaired until it answers' : 'it counts once it answers'}`,
      );
    }
  }
  return { journals, silent, absent };
}

/** A full pass needs no journal: where nobody listens at all it does not wait for one who may come. */
async function askOwn(journal: JournalClient): Promise<void> {
  try {
    await journal.states('once');
  } catch (error) {
    if (/\bECONNREFUSED\b/.test(messageOf(error))) throw error;
    await journal.states();
  }
}

function addressOf(url: string): ProxyAddress {
  return { id: undefined, admin: url };
}

/** The first signal lets what is under way come to its end; a second one ends the process as usual. */
function stopAtSignals(): { readonly signal: AbortSignal; end(): void } {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const name of SIGNALS) process.once(name, stop);
  return {
    signal: stopping.signal,
    end: () => {
      for (const name of SIGNALS) process.removeListener(name, stop);
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

async function writeReport(file: string, report: SyncReport): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    throw new UsageError(`--report: ${messageOf(error)}`);
  }
}
