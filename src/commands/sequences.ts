/** `understudy sequences`: who is behind whom in the numbers that servers give out. */
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { type Config, loadConfig } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import { sequenceTitle } from '../sync/sequence.ts';
import { CONFIG_OPTION, type CommandContext } from './command-context.ts';
import { tellFaults } from './faults.ts';
import { type CheckedShard, type CheckWishes, checkShard, isInOrder } from './sequences-check.ts';
import { sentencesOf, sequenceLines } from './sequences-text.ts';

/** Shards compared at one time. */
const SHARDS_AT_ONCE = 4;

interface SequencesOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly shard?: string;
  readonly table?: string;
  readonly bump?: boolean;
  readonly margin?: string;
}

export function registerSequences(program: Command, context: CommandContext): void {
  program
    .command('sequences')
    .description('compare AUTO_INCREMENT, sequence tables and SEQUENCEs of old, new and their replicas')
    .option(CONFIG_OPTION.flags, CONFIG_OPTION.description, CONFIG_OPTION.fallback)
    .option('--json', 'print JSON')
    .option('--shard <name>', 'of this shard alone')
    .option('--table <name>', 'of this table, sequence table or SEQUENCE alone')
    .option('--bump', 'raise what is behind on the new primaries; never lowers')
    .option('--margin <numbers>', 'with --bump: leave so many numbers free above the old side (default: 0)')
    .action(async (options: SequencesOptions) => context.exit(await compareSequences(options, context)));
}

/** 0: all in order; 1: someone is behind, or a server could not be asked; 2: the configuration can't be right. */
async function compareSequences(options: SequencesOptions, context: CommandContext): Promise<number> {
  const config = loadConfig(options.config, { admin: false });
  const { shards, wishes } = readWishes(options, config);
  const checked: CheckedShard[] = [];
  for (let start = 0; start < shards.length; start += SHARDS_AT_ONCE) {
    const some = shards.slice(start, start + SHARDS_AT_ONCE);
    for (const one of await Promise.all(some.map((shard) => checkShard(config, shard, wishes)))) {
      checked.push(one);
      if (options.json !== true) context.out(sequenceLines(one, context.columns !== undefined).join('\n'));
    }
  }
  if (options.json === true) context.out(JSON.stringify(jsonOf(config, checked), null, 2));
  tellFaults(
    checked.flatMap(({ faults }) => faults),
    context,
  );
  refuseUnknownTable(options.table, checked);
  if (checked.some(({ misconfigured }) => misconfigured)) return 2;
  return checked.every(isInOrder) ? 0 : 1;
}

function readWishes(
  { shard, table, bump, margin }: SequencesOptions,
  config: Config,
): { shards: readonly ShardConfig[]; wishes: CheckWishes } {
  const faults: string[] = [];
  const shards = config.shards.filter(({ name }) => shard === undefined || name === shard);
  if (shards.length === 0) faults.push(`--shard: ${shard} is no shard of ${config.file}`);
  if (margin !== undefined && bump !== true) faults.push('--margin: goes with --bump alone');
  if (margin !== undefined && !/^\d{1,15}$/.test(margin))
    faults.push(`--margin: ${margin} is no whole number from 0 to 999999999999999`);
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return { shards, wishes: { table, bumpMargin: bump === true ? BigInt(margin ?? '0') : null } };
}

/** A name that is misspelt would else be said to be in order. */
function refuseUnknownTable(table: string | undefined, checked: readonly CheckedShard[]): void {
  if (table === undefined || checked.some(({ check }) => check.sequences.length > 0)) return;
  if (checked.some(({ faults }) => faults.length > 0)) return;
  throw new UsageError(
    `--table: ${table} is no moved table with AUTO_INCREMENT, no table of "sequences" and no SEQUENCE`,
  );
}

/** Numbers are texts: they may have more digits than a JSON reader keeps. */
function jsonOf(config: Config, checked: readonly CheckedShard[]): unknown {
  return {
    service: config.service,
    inOrder: checked.every(isInOrder),
    shards: checked.map((shard) => ({
      shard: shard.name,
      inOrder: isInOrder(shard),
      servers: Object.fromEntries(
        [...shard.check.answers].map(([place, answer]) => [
          place,
          answer.type === 'read' ? { reachable: true } : { reachable: false, reason: answer.reason },
        ]),
      ),
      sequences: shard.check.sequences.map((compared) => ({
        name: sequenceTitle(compared.sequence),
        ...compared.sequence,
        readings: withTexts(compared.readings),
        verdicts: withTexts(compared.verdicts),
        sentences: sentencesOf(compared),
      })),
      raised: shard.raised,
      faults: shard.faults,
    })),
  };
}

function withTexts(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}` : one)),
  );
}
