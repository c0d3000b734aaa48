/** What the tests of `understudy sequences` share: a shard's four servers and its configuration. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { messageOf } from '../../src/base/errors.ts';
import { registerSequences } from '../../src/commands/sequences.ts';
import { type CheckedShard, checkShard } from '../../src/commands/sequences-check.ts';
import { loadConfig } from '../../src/config/load.ts';
import { bumpSequences, raiseLine } from '../../src/sync/sequence-bump.ts';
import type { ShardCheck } from '../../src/sync/sequence-check.ts';
import { OpenedSequenceServers } from '../../src/sync/sequence-servers.ts';
import { sequenceScope } from '../../src/sync/sequence-shard.ts';
import { temporaryDirectory } from '../harness/temp.ts';

export interface ShardServers {
  readonly old: Address;
  readonly oldReplica?: Address;
  readonly fresh: Address;
  readonly freshReplica?: Address;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ConfigOptions {
  /** On both sides. Null: every one. */
  readonly database: string | null;
  readonly newDatabase?: string;
  readonly tables?: unknown;
  readonly sequences?: Readonly<Record<string, unknown>>;
  readonly accounts?: Readonly<Record<string, unknown>>;
}

/** A configuration file of one shard, `s00`. A second's grace, unless the options say otherwise, is none. */
export function writeConfig(servers: ShardServers, options: ConfigOptions): string {
  const side = (primary: Address, replica: Address | undefined, database: string | null) => ({
    ...{ host: primary.host, port: primary.port },
    ...(database === null ? {} : { database }),
    ...(replica === undefined ? {} : { replica: { host: replica.host, port: replica.port } }),
  });
  const file = join(temporaryDirectory('sequences'), 'proxy.config.json');
  const config = {
    service: 'test',
    tables: options.tables ?? '*',
    shards: [
      {
        ...{ name: 's00', port: 3400 },
        old: side(servers.old, servers.oldReplica, options.database),
        new: side(servers.fresh, servers.freshReplica, options.newDatabase ?? options.database),
      },
    ],
    ...(options.accounts ?? { oldUser: { user: 'root' }, newUser: { user: 'root' } }),
    sequences: { graceMs: 0, timeoutMs: 3000, ...options.sequences },
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

export interface CheckOptions extends ConfigOptions {
  readonly table?: string;
  readonly bumpMargin?: bigint;
}

/** What `understudy sequences` would print of it. */
export function check(servers: ShardServers, options: CheckOptions): Promise<CheckedShard> {
  const config = loadConfig(writeConfig(servers, options));
  const [shard] = config.shards;
  if (shard === undefined) throw new Error('the configuration has no shard');
  return checkShard(config, shard, { table: options.table, bumpMargin: options.bumpMargin ?? null });
}

/** Bumps by an earlier look, with `meanwhile` behind each thing that is raised; what was raised. */
export async function bumpFrom(
  addresses: ShardServers,
  options: ConfigOptions,
  before: ShardCheck,
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<string[]> {
  const config = loadConfig(writeConfig(addresses, options));
  const [shard] = config.shards;
  if (shard === undefined) throw new Error('the configuration has no shard');
  const servers = new OpenedSequenceServers(config, shard);
  try {
    const { raised } = await bumpSequences(before, {
      servers,
      scope: sequenceScope(config, shard, undefined),
      someStay: false,
      graceMs: 0,
      margin: 0n,
      write: async (statements) => {
        await servers.write(statements);
        await meanwhile();
      },
    });
    return raised.map(raiseLine);
  } finally {
    await servers.close();
  }
}

export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `understudy sequences ...args` in this process; what it throws is bad usage. `columns`: of its terminal. */
export async function runSequences(args: readonly string[], columns?: number): Promise<CommandRun> {
  const run = { code: 0, stdout: '', stderr: '' };
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  registerSequences(program, {
    out: (text) => {
      run.stdout += `${text}\n`;
    },
    err: (text) => {
      run.stderr += `${text}\n`;
    },
    exit: (code) => {
      run.code = code;
    },
    columns,
  });
  try {
    await program.parseAsync(['sequences', ...args], { from: 'user' });
    return run;
  } catch (error) {
    return { ...run, code: 2, stderr: messageOf(error) };
  }
}
