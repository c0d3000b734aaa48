/** What the tests of `understudy sync` share: its configuration, and the command run in this process. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { messageOf, UsageError } from '../../src/base/errors.ts';
import { registerSync } from '../../src/commands/sync.ts';
import type { SyncReport } from '../../src/sync/sync-report.ts';
import { freePort } from '../harness/ports.ts';
import { temporaryDirectory } from '../harness/temp.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly replica?: { readonly host: string; readonly port: number };
}

export interface SyncConfigOptions {
  readonly tables: unknown;
  readonly shards: Readonly<Record<string, { readonly old: Place; readonly new: Place }>>;
  readonly sync?: Readonly<Record<string, unknown>>;
  /** Further fields of the file. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A configuration file; the proxy of which it speaks does not run. */
export async function writeSyncConfig({ tables, shards, sync, more }: SyncConfigOptions): Promise<string> {
  const file = join(temporaryDirectory('sync'), 'proxy.config.json');
  const config = {
    service: 'test',
    tables,
    admin: { port: await freePort() },
    shards: Object.entries(shards).map(([name, sides], index) => ({ name, port: 3400 + index, ...sides })),
    oldUser: { user: 'root' },
    newUser: { user: 'root' },
    sync: { checkpoint: temporaryDirectory('checkpoint'), ...sync },
    ...more,
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

export interface SyncRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Null: the command ended before there was one. */
  readonly report: SyncReport | null;
}

/** The code of an error that no one foresaw: the program would print its stack. */
const UNFORESEEN = 70;

/** What the command has said so far. */
export interface LiveRun {
  code: number;
  stdout: string;
  stderr: string;
}

/** `understudy sync ...args` in this process; of what it throws the code is as the program's. */
export function runSyncCommand(config: string, ...args: readonly string[]): Promise<SyncRun> {
  return startSyncCommand(config, ...args).ended;
}

/** The same, of which more can be seen before it ends. */
export function startSyncCommand(
  config: string,
  ...args: readonly string[]
): { readonly live: LiveRun; readonly ended: Promise<SyncRun> } {
  const live: LiveRun = { code: 0, stdout: '', stderr: '' };
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  registerSync(program, {
    out: (text) => {
      live.stdout += `${text}\n`;
    },
    err: (text) => {
      live.stderr += `${text}\n`;
    },
    exit: (code) => {
      live.code = code;
    },
    columns: undefined,
  });
  const file = join(temporaryDirectory('sync-report'), 'report.json');
  const ended = program
    .parseAsync(['sync', '--config', config, '--report', file, ...args], { from: 'user' })
    .then(() => ({ ...live, report: readReport(file) }))
    .catch((error: unknown) => ({
      ...live,
      code: error instanceof UsageError || error instanceof CommanderError ? 2 : UNFORESEEN,
      stderr: live.stderr + messageOf(error),
      report: null,
    }));
  return { live, ended };
}

function readReport(file: string): SyncReport | null {
  if (!existsSync(file)) return null;
  return JSON.parse(readFileSync(file, 'utf8')) as SyncReport;
}
