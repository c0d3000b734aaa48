/** The arguments of `understudy sync`, held against the configuration. */
import { UsageError } from '../base/errors.ts';
import type { Config } from '../config/load.ts';
import { DEFAULT_HASH, type HashMethod } from '../sync/hash-method.ts';
import type { JobPlan, SyncMode } from '../sync/sync-job.ts';
import type { SyncSelection } from '../sync/sync-tools.ts';

export interface SyncArguments {
  readonly config: string;
  readonly full?: boolean;
  readonly journal?: boolean;
  readonly check?: boolean;
  readonly shard?: string;
  readonly table?: string;
  readonly keys?: string;
  readonly hash?: string;
  readonly columns?: string;
  readonly force?: boolean;
  readonly passes?: string;
  readonly workers?: string;
  readonly proxy?: string[];
  readonly pauseFile?: string;
  readonly adminPort?: string;
  readonly report?: string;
  readonly alone?: boolean;
}

export interface SyncWishes {
  readonly plan: JobPlan;
  readonly selection: SyncSelection;
  readonly method: HashMethod;
  readonly workers: number;
  /** Base URLs; null: those that are found through etcd, or the configuration's own. */
  readonly proxies: readonly string[] | null;
  /** 0: any free port; null: nothing is served. */
  readonly adminPort: number | null;
}

const PASSES_MAX = 1000;
const WORKERS_MAX = 256;

/** Throws UsageError with every fault. */
export function readSyncArguments(options: SyncArguments, config: Config): SyncWishes {
  const faults: string[] = [];
  const wishes: SyncWishes = {
    plan: {
      mode: modeOf(options, faults),
      check: options.check === true,
      passes: countOf('--passes', options.passes, config.sync.passes, PASSES_MAX, faults),
    },
    selection: {
      shards: shardsOf(options.shard, config, faults),
      tables: tablesOf(options.table, config, faults),
      keys: listOf(options.keys) ?? [],
    },
    method: methodOf(options, faults),
    workers: countOf('--workers', options.workers, config.sync.workers, WORKERS_MAX, faults),
    proxies: proxiesOf(options.proxy, faults),
    adminPort: portOf(options.adminPort, faults),
  };
  for (const { name, old } of config.shards) {
    if (old.database === undefined && wishes.selection.shards.includes(name))
      faults.push(`${config.file}: shard ${name}: old.database is missing, which the sync needs`);
  }
  if (faults.length > 0) throw new UsageError(faults.join('\n'));
  return wishes;
}

function modeOf({ full, journal, keys }: SyncArguments, faults: string[]): SyncMode {
  const given = [full === true && '--full', journal === true && '--journal', keys !== undefined && '--keys'];
  const named = given.filter((name) => name !== false);
  if (named.length > 1) faults.push(`${named.join(' and ')}: give one of them`);
  if (keys !== undefined) {
    if ((listOf(keys) ?? []).length === 0) faults.push('--keys: names no key, such as 1,2,3');
    return 'keys';
  }
  return full === true ? 'full' : journal === true ? 'journal' : 'settle';
}

function shardsOf(text: string | undefined, config: Config, faults: string[]): readonly string[] {
  const known = config.shards.map(({ name }) => name);
  const wanted = listOf(text) ?? known;
  if (wanted.length === 0) faults.push('--shard: names no shard');
  for (const name of wanted)
    if (!known.includes(name)) faults.push(`--shard: ${name} is no shard of ${config.file}`);
  return wanted;
}

function tablesOf(text: string | undefined, config: Config, faults: string[]): readonly string[] | null {
  const wanted = listOf(text);
  if (wanted === null) return null;
  if (wanted.length === 0) faults.push('--table: names no table');
  const { tables } = config;
  if (tables !== '*')
    for (const name of wanted)
      if (tables[name] === undefined) faults.push(`--table: ${name} is none of "tables" in ${config.file}`);
  return wanted;
}

function methodOf({ hash, columns }: SyncArguments, faults: string[]): HashMethod {
  const hashes = ['md5', 'sha256', 'crc32'] as const;
  const kinds = ['all', 'primary-key'] as const;
  const method = {
    hash: hashes.find((name) => name === (hash ?? DEFAULT_HASH.hash)),
    columns: kinds.find((name) => name === (columns ?? DEFAULT_HASH.columns)),
  };
  if (method.hash === undefined) faults.push(`--hash: ${hash} is none of ${hashes.join(', ')}`);
  if (method.columns === undefined) faults.push(`--columns: ${columns} is none of ${kinds.join(', ')}`);
  return { hash: method.hash ?? DEFAULT_HASH.hash, columns: method.columns ?? DEFAULT_HASH.columns };
}

function countOf(
  flag: string,
  text: string | undefined,
  fallback: number,
  max: number,
  faults: string[],
): number {
  if (text === undefined) return fallback;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  faults.push(`${flag}: ${text} is no whole number from 1 to ${max}`);
  return fallback;
}

function portOf(text: string | undefined, faults: string[]): number | null {
  if (text === undefined) return null;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (port <= 65_535) return port;
  faults.push(`--admin-port: ${text} is no port from 0 to 65535`);
  return null;
}

function proxiesOf(given: readonly string[] | undefined, faults: string[]): readonly string[] | null {
  if (given === undefined) return null;
  for (const url of given)
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      faults.push(`--proxy: ${url} is no URL such as http://127.0.0.1:9104`);
  return given;
}

/** Null: not given. */
function listOf(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
