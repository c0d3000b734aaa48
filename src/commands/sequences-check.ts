/** What `understudy sequences` does with one shard. */
import type { Config } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import { PLACE_NAMES, type Place } from '../sync/sequence.ts';
import { bumpSequences, raiseLine } from '../sync/sequence-bump.ts';
import { checkSequences, type ShardCheck } from '../sync/sequence-check.ts';
import { faultyPlaces } from '../sync/sequence-comparison.ts';
import { OpenedSequenceServers } from '../sync/sequence-servers.ts';
import { sequenceScope } from '../sync/sequence-shard.ts';

export interface CheckedShard {
  readonly name: string;
  /** The servers that the configuration has. */
  readonly places: readonly Place[];
  readonly check: ShardCheck;
  /** What was raised, or could not be, in sentences. */
  readonly raised: readonly string[];
  /** Servers that could not be asked, and what could not be done, in sentences. */
  readonly faults: readonly string[];
}

export interface CheckWishes {
  /** Undefined: every table. */
  readonly table: string | undefined;
  /** Null: nothing is raised. */
  readonly bumpMargin: bigint | null;
}

/** Rejects with UsageError where a certificate of the configuration is not what it should be. */
export async function checkShard(
  config: Config,
  shard: ShardConfig,
  { table, bumpMargin }: CheckWishes,
): Promise<CheckedShard> {
  const servers = new OpenedSequenceServers(config, shard);
  try {
    const options = {
      servers,
      scope: sequenceScope(config, shard, table),
      someStay: config.tables !== '*' && table === undefined,
      graceMs: config.sequences.graceMs,
    };
    const { name } = shard;
    const { places } = servers;
    const first = await checkSequences(options);
    if (bumpMargin === null) return { name, places, check: first, raised: [], faults: faultsOf(name, first) };
    const write = (statements: Parameters<typeof servers.write>[0]) => servers.write(statements);
    const { raised, check } = await bumpSequences(first, { ...options, margin: bumpMargin, write });
    const [failed, done] = [
      raised.filter(({ failure }) => failure !== null),
      raised.filter(({ failure }) => failure === null),
    ];
    return {
      ...{ name, places, check },
      raised: done.map(raiseLine),
      faults: [...faultsOf(name, check), ...failed.map((raise) => `${name}: ${raiseLine(raise)}`)],
    };
  } finally {
    await servers.close();
  }
}

function faultsOf(shard: string, { answers }: ShardCheck): string[] {
  return [...answers].flatMap(([place, answer]) => {
    const server = PLACE_NAMES[place];
    if (answer.type === 'unreachable') return [`${shard}: ${server} can't be asked: ${answer.reason}`];
    return answer.faults.map((fault) => `${shard}: ${server}: ${fault}`);
  });
}

/** Nobody is behind, and everybody could be asked. */
export function isInOrder({ check, faults }: CheckedShard): boolean {
  return faults.length === 0 && check.sequences.every((compared) => faultyPlaces(compared).length === 0);
}
