/** The programs of MySQL 9, run in place in the folder that scripts/mysql-root.mjs made. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CliOptions, type CliResult, runCommand } from './cli.ts';
import { REPOSITORY } from './repository.ts';

/** A command and the arguments that stand before its own. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

let root: string | undefined;

/** The folder of the root. Throws, saying what to do, where it is not there. */
export function mysqlRoot(): string {
  root ??= askScript();
  return root;
}

/**
 * How to start a program of the root, `usr/sbin/mysqld` say: by the root's own loader and libraries, since
 * this machine's may be years older. Nothing is mounted, and the paths it is given mean what they say.
 * `libraries`: more folders of the root where the program or its plugins look for theirs.
 */
export function mysqlProgram(path: string, libraries: readonly string[] = []): Program {
  const library = join(mysqlRoot(), 'usr', 'lib');
  const folders = readdirSync(library).filter((name) => name.endsWith('-linux-gnu'));
  for (const folder of folders.map((name) => join(library, name))) {
    const loader = readdirSync(folder).find((name) => /^ld-linux.*\.so\.\d+$/.test(name));
    if (loader === undefined) continue;
    const searched = [folder, ...libraries.map((name) => join(mysqlRoot(), name))].join(':');
    return { command: join(folder, loader), args: ['--library-path', searched, join(mysqlRoot(), path)] };
  }
  throw new Error(`${library} has no loader`);
}

/** Runs the MySQL 9 command line client to its end, without this machine's own option files. */
export function runMysqlClient(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const client = mysqlProgram('usr/bin/mysql');
  const plugins = `--plugin-dir=${join(mysqlRoot(), 'usr', 'lib', 'mysql', 'plugin')}`;
  const plain = ['--no-defaults', '--no-login-paths', plugins];
  return runCommand(client.command, [...client.args, ...plain, ...args], options);
}

function askScript(): string {
  const script = fileURLToPath(new URL('scripts/mysql-root.mjs', REPOSITORY));
  const path = execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' }).trim();
  if (!existsSync(path)) throw new Error(`mysql-root.mjs says ${path}, which is not there`);
  return path;
}
