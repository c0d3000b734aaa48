/** `understudy status`: every proxy's state, as one picture. */
import type { Command } from 'commander';
import { messageOf } from '../base/errors.ts';
import { type Config, loadConfig } from '../config/load.ts';
import { openRatioStore } from '../control/open-ratio-store.ts';
import { sanitize } from '../control/sanitize.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';
import { fetchStatus, type ProxyAddress, type ProxyStatus } from './status-fetch.ts';
import { findFaults, mergeShards } from './status-merge.ts';
import { statusLines } from './status-text.ts';

/** Proxies asked at one time. */
const ASKED_AT_ONCE = 16;
const FAULT_SHOWN = 500;
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
  const proxies = await fetchAll(found.addresses, config.admin.token);
  const shards = mergeShards(proxies);
  const faults = [...found.faults, ...findFaults(proxies)];
  if (options.json === true) {
    const phase = proxies.find((proxy) => proxy.type === 'reachable')?.report.phase ?? null;
    context.out(JSON.stringify({ service: config.service, phase, proxies, shards, faults }, null, 2));
  } else {
    context.out(statusLines(config.service, proxies, shards, context.columns ?? PIPED_COLUMNS).join('\n'));
  }
  for (const fault of faults) context.err(sanitize(fault, FAULT_SHOWN));
  return faults.length === 0 ? 0 : 1;
}

interface FoundProxies {
  readonly addresses: readonly ProxyAddress[];
  readonly faults: readonly string[];
}

/** The proxies registered in etcd; where there are none, the one at the configuration's admin address. */
async function findProxies(config: Config): Promise<FoundProxies> {
  const { host, port } = config.admin;
  const own: ProxyAddress = {
    id: undefined,
    admin: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
  };
  if (config.etcd === undefined) return { addresses: [own], faults: [] };
  const store = openRatioStore(config);
  try {
    const { proxies } = await store.read();
    if (proxies.length === 0) return { addresses: [own], faults: [] };
    return { addresses: proxies.map(({ id, admin }) => ({ id, admin })), faults: [] };
  } catch (error) {
    return {
      addresses: [own],
      faults: [`etcd can't be read, so only ${own.admin} was asked: ${messageOf(error)}`],
    };
  } finally {
    store.close();
  }
}

async function fetchAll(
  addresses: readonly ProxyAddress[],
  token: string | undefined,
): Promise<ProxyStatus[]> {
  const all: ProxyStatus[] = [];
  for (let start = 0; start < addresses.length; start += ASKED_AT_ONCE) {
    const asked = addresses.slice(start, start + ASKED_AT_ONCE);
    all.push(...(await Promise.all(asked.map((address) => fetchStatus(address, token)))));
  }
  return all;
}
