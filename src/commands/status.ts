/** `understudy status`: every proxy's state, as one picture. */
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';
import { tellFaults } from './faults.ts';
import { askAll, findProxies } from './find-proxies.ts';
import { findFaults } from './status-faults.ts';
import { fetchStatus } from './status-fetch.ts';
import { mergeShards } from './status-merge.ts';
import { statusLines } from './status-text.ts';

/** The width of lines where standard output is no terminal. */
const PIPED_COLUMNS = 120;

interface StatusOptions {
  readonly config: string;
  readonly json?: boolean;
}

export function registerStatus(program: Command, context: CommandContext): void {
  program
    .command('status')
    .description('show phase, ratios, mirror health, lag and journal of every proxy')
    .option(CONFIG_OPTION.flags, CONFIG_OPTION.description, CONFIG_OPTION.fallback)
    .option('--json', 'print JSON')
    .action(async (options: StatusOptions) => context.exit(await showStatus(options, context)));
}

async function showStatus(options: StatusOptions, context: CommandContext): Promise<number> {
  const config = loadConfig(options.config, { accounts: false });
  const found = await findProxies(config);
  const proxies = await askAll(found.addresses, (address) => fetchStatus(address, config.admin.token));
  const shards = mergeShards(proxies);
  const faults = [...found.faults, ...findFaults(proxies)];
  if (options.json === true) {
    const phase = proxies.find((proxy) => proxy.type === 'reachable')?.report.phase ?? null;
    context.out(JSON.stringify({ service: config.service, phase, proxies, shards, faults }, null, 2));
  } else {
    context.out(statusLines(config.service, proxies, shards, context.columns ?? PIPED_COLUMNS).join('\n'));
  }
  tellFaults(faults, context);
  return faults.length === 0 ? 0 : 1;
}
