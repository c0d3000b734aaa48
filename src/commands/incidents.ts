/** `understudy incidents`: what went wrong on the mirror, of every proxy, in groups. */
import type { Command } from 'commander';
import { parseDuration } from '../base/duration.ts';
import { UsageError } from '../base/errors.ts';
import { INCIDENT_REASON_NAMES, type IncidentReason } from '../base/incident-reasons.ts';
import { type Config, loadConfig } from '../config/load.ts';
import { reportsOf, unreachableFaults } from '../observe/admin-fetch.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';
import { tellFaults } from './faults.ts';
import { askAll, findProxies } from './find-proxies.ts';
import { fetchIncidents, type IncidentFilters } from './incidents-fetch.ts';
import { mergeExceeded, mergeIncidents } from './incidents-merge.ts';
import { incidentLines } from './incidents-text.ts';

interface IncidentsOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly shard?: string;
  readonly reason?: string;
  readonly since?: string;
}

export function registerIncidents(program: Command, context: CommandContext): void {
  program
    .command('incidents')
    .description('show what went wrong on the mirror, grouped, the latest first')
    .option(CONFIG_OPTION.flags, CONFIG_OPTION.description, CONFIG_OPTION.fallback)
    .option('--json', 'print JSON')
    .option('--shard <name>', 'of this shard alone')
    .option('--reason <reason>', 'of this reason alone')
    .option('--since <time>', 'seen in the last time such as 30m, 1h or 2d')
    .action(async (options: IncidentsOptions) => context.exit(await showIncidents(options, context)));
}

/** 0: there were none; 1: there were some, or a proxy could not be asked. */
async function showIncidents(options: IncidentsOptions, context: CommandContext): Promise<number> {
  const config = loadConfig(options.config, { accounts: false });
  const filters = readFilters(options, config);
  const found = await findProxies(config);
  const answers = await askAll(found.addresses, (address) =>
    fetchIncidents(address, filters, config.admin.token),
  );
  const faults = [...found.faults, ...unreachableFaults(answers)];
  const reports = reportsOf(answers);
  const incidents = mergeIncidents(reports);
  const exceeded = mergeExceeded(reports);
  if (options.json === true) {
    const { service } = config;
    context.out(JSON.stringify({ service, incidents, exceeded, faults }, null, 2));
  } else {
    context.out(incidentLines(incidents, exceeded, context.columns).join('\n'));
  }
  tellFaults(faults, context);
  return incidents.length === 0 && faults.length === 0 ? 0 : 1;
}

function readFilters({ shard, reason, since }: IncidentsOptions, config: Config): IncidentFilters {
  const faults: string[] = [];
  const names = config.shards.map(({ name }) => name);
  if (shard !== undefined && !names.includes(shard))
    faults.push(`--shard: ${shard} is no shard of ${config.file}`);
  if (reason !== undefined && !isReason(reason))
    faults.push(`--reason: ${reason} is none of ${INCIDENT_REASON_NAMES.join(', ')}`);
  if (since !== undefined && parseDuration(since) === null)
    faults.push(`--since: ${since} is no time such as 30m, 1h or 2d`);
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return { shard, reason, since };
}

function isReason(text: string): text is IncidentReason {
  return INCIDENT_REASON_NAMES.some((name) => name === text);
}
