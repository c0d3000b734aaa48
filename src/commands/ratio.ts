/** `understudy ratio get|set|unset`: the live ratios. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { messageOf, UsageError } from '../base/errors.ts';
import { type Config, loadConfig } from '../config/load.ts';
import type { Ratios } from '../config/ratios.ts';
import { openRatioStore } from '../control/open-ratio-store.ts';
import type { ProxyRecord } from '../control/proxy-record.ts';
import type { RatioChange, RatioState, RatioStore } from '../control/ratio-store.ts';
import { sanitize } from '../control/sanitize.ts';
import { type PartialRatios, sameRatios } from '../control/snapshot.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';
import { readSetArguments, readUnsetArguments } from './ratio-arguments.ts';
import { overrideWarnings } from './ratio-overrides.ts';
import { formatTable } from './table.ts';

/** How long `set` waits for the proxies, and how often it asks. */
const APPLY_WAIT_MS = 2000;
const APPLY_POLL_MS = 100;

interface RatioOptions {
  readonly config: string;
  readonly shard?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function registerRatio(program: Command, context: CommandContext): void {
  const ratio = program.command('ratio').description('read or change the live mirror ratios');
  const { flags, description, fallback } = CONFIG_OPTION;
  ratio
    .command('get')
    .description('show the ratios in force')
    .option(flags, description, fallback)
    .option('--json', 'print JSON')
    .action(async (options: RatioOptions) => context.exit(await getRatios(options, context)));
  ratio
    .command('set')
    .description('set ratios in percent, for example: reads=25 writes=100 deletes=100')
    .argument('[ratios...]', 'reads=, writes= or deletes= with 0 to 100')
    .option(flags, description, fallback)
    .option('--shard <name>', 'only for this shard')
    .option('--all', 'for every shard, also those with ratios of their own, which go')
    .action(async (texts: string[], options: RatioOptions) =>
      context.exit(
        await changeRatios(options, context, (known) =>
          readSetArguments(texts, options.shard, known, options.all === true ? 'removed' : 'kept'),
        ),
      ),
    );
  ratio
    .command('unset')
    .description('take ratios away, so that what lies below them counts again')
    .argument('[kinds...]', 'reads, writes or deletes')
    .option(flags, description, fallback)
    .option('--shard <name>', 'only for this shard')
    .action(async (texts: string[], options: RatioOptions) =>
      context.exit(
        await changeRatios(options, context, (known) => readUnsetArguments(texts, options.shard, known)),
      ),
    );
}

async function getRatios(options: RatioOptions, context: CommandContext): Promise<number> {
  return withStore(loadConfig(options.config, { accounts: false, admin: false }), context, async (store) => {
    const state = await store.read();
    if (options.json === true) context.out(JSON.stringify(jsonOf(state), null, 2));
    else showState(state, context);
    return 0;
  });
}

async function changeRatios(
  options: RatioOptions,
  context: CommandContext,
  read: (shards: readonly string[]) => RatioChange,
): Promise<number> {
  const config = loadConfig(options.config, { accounts: false, admin: false });
  const change = read(config.shards.map((shard) => shard.name));
  return withStore(config, context, async (store) => {
    const revision = await store.change(change);
    const state = await store.read();
    showState(state, context);
    for (const line of overrideWarnings(change, state, options.config)) context.err(line);
    if (state.source === 'etcd') return awaitProxies(store, revision, context);
    context.out('A proxy that runs on this file applies it within a second.');
    return 0;
  });
}

/** A place that can't be reached or written is something found wrong, not bad usage. */
async function withStore(
  config: Config,
  context: CommandContext,
  work: (store: RatioStore) => Promise<number>,
): Promise<number> {
  const store = openRatioStore(config);
  try {
    return await work(store);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    context.err(`the ratios can't be read or changed: ${messageOf(error)}`);
    return 1;
  } finally {
    store.close();
  }
}

function jsonOf({ source, place, revision, all, shards, overrides, refused }: RatioState): object {
  return { source, place, revision, all, shards, overrides, refused };
}

function showState(state: RatioState, context: CommandContext): void {
  context.out(
    `Ratios in force, in percent (${state.place}${state.source === 'etcd' ? `, revision ${state.revision}` : ''}):`,
  );
  const rows = Object.entries(state.shards).map(([shard, ratios]) =>
    row(shard, ratios, state.overrides[shard]),
  );
  context.out(
    formatTable(['SHARD', 'READS', 'WRITES', 'DELETES'], [row('(all)', state.all, undefined), ...rows]).join(
      '\n',
    ),
  );
  if (Object.keys(state.overrides).length > 0) context.out('* set for this shard alone');
  for (const { key, value, reason } of state.refused) {
    context.err(
      `warning: ${sanitize(key, 200)} is refused by every proxy: the value "${sanitize(value)}" ${reason}`,
    );
  }
}

function row(name: string, ratios: Ratios, own: PartialRatios | undefined): string[] {
  const cell = (kind: keyof Ratios): string => `${ratios[kind]}${own?.[kind] === undefined ? '' : '*'}`;
  return [name, cell('reads'), cell('writes'), cell('deletes')];
}

async function awaitProxies(store: RatioStore, revision: number, context: CommandContext): Promise<number> {
  const deadline = performance.now() + APPLY_WAIT_MS;
  for (;;) {
    const state = await store.read();
    const late = state.proxies.filter((proxy) => !hasApplied(proxy, revision, state));
    if (late.length === 0 || performance.now() >= deadline)
      return reportProxies(state.proxies, late, context);
    await delay(APPLY_POLL_MS);
  }
}

/** The ratios may be the wanted ones at an older revision, where the change changed nothing. */
function hasApplied(proxy: ProxyRecord, revision: number, state: RatioState): boolean {
  if (proxy.source === 'etcd' && proxy.revision >= revision) return true;
  return Object.entries(state.shards).every(([shard, ratios]) => sameRatios(proxy.shards[shard], ratios));
}

function reportProxies(
  proxies: readonly ProxyRecord[],
  late: readonly ProxyRecord[],
  context: CommandContext,
): number {
  if (proxies.length === 0) {
    context.out('No proxy is registered in etcd now; one that starts will take these ratios.');
    return 0;
  }
  const done = proxies.filter((proxy) => !late.includes(proxy));
  context.out(
    `Applied by ${done.length} of ${proxies.length} registered proxies${done.length > 0 ? `: ${names(done)}` : ''}`,
  );
  if (late.length === 0) return 0;
  context.err(`not applied within ${APPLY_WAIT_MS / 1000} s by: ${names(late)}; look at "understudy status"`);
  return 1;
}

function names(proxies: readonly ProxyRecord[]): string {
  return proxies.map((proxy) => sanitize(proxy.id)).join(', ');
}
