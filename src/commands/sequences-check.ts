/** What `understudy sequences` does with one shard. */
import type { Config } from '../config/load.ts';
import type { ShardConfig } from '../config/schema.ts';
import { PLACE_NAMES, type Place } from '../sync/sequence.ts';
import { bumpSequences, raiseLine } from '../sync/sequence-bump.ts';
import { checkSequences, type ShardCheck } from '../sync/sequence-check.ts';
import { faultyPlaces } from '../sync/sequence-comparison.ts';
import { OpenedSequenceServers } from '../sync/sequence-servers.ts';
import { sequenceScope } from '../sync/sequence-shard.ts';
import { type SyncFault, syncFaultOf } from './sync-faults.ts';

export interface CheckedShard {
  readonly name: string;
  /** The servers that the configuration has. */
  readonly places: readonly Place[];
  readonly check: ShardCheck;
  /** What was raised, or could not be, in sentences. */
  readonly raised: readonly string[];
  /** Servers that could not be asked, and what could not be done, in sentences. */
  readonly faults: readonly string[];
  /** A server does not let the account in, or can't be found: the configuration can't be right. */
  readonly misconfigured: boolean;
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
    if (bumpMargin === null)
      return { name, places, check: first, raised: [], ...faultsOf(name, first, config) };
    const write = (statements: Parameters<typeof servers.write>[0]) => servers.write(statements);
    const { raised, check } = await bumpSequences(first, { ...options, margin: bumpMargin, write });
    const [failed, done] = [
      raised.filter(({ failure }) => failure !== null),
      raised.filter(({ failure }) => failure === null),
    ];
    const { faults, misconfigured } = faultsOf(name, check, config);
    return {
      ...{ name, places, check, misconfigured },
      raised: done.map(raiseLine),
      faults: [...faults, ...failed.map((raise) => `${name}: ${raiseLine(raise)}`)],
    };
  } finally {
    await servers.close();
  }
}

function faultsOf(
  shard: string,
  { answers }: ShardCheck,
  config: Config,
): Pick<CheckedShard, 'faults' | 'misconfigured'> {
  let misconfigured = false;
  const faults = [...answers].flatMap(([place, answer]) => {
    const server = PLACE_NAMES[place];
    if (answer.type === 'read') return answer.faults.map((fault) => `${shard}: ${server}: ${fault}`);
    const { text, code }: SyncFault = syncFaultOf(answer.error, config) ?? { text: answer.reason, code: 1 };
    if (code === 2) misconfigured = true;
    return [`${shard}: ${server} can't be asked: ${text}`];
  });
  return { faults, misconfigured };
}

/** Nobody is behind, and everybody could be asked. */
export function isInOrder({ check, faults }: CheckedShard): boolean {
  return faults.length === 0 && check.sequences.every((compared) => faultyPlaces(compared).length === 0);
}
