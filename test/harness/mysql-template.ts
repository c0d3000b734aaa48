/** A fresh MySQL 9 data directory. */
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mysqlProgram } from './mysql-root.ts';
import { REPOSITORY } from './repository.ts';
import { AS_ROOT, copyDirectory, findOrMake } from './server-template.ts';
import { temporaryDirectory } from './temp.ts';

const run = promisify(execFile);
// Names are not resolved, so that root@localhost would be of no use over TCP.
const ACCOUNTS = "CREATE USER root@'%' IDENTIFIED BY '';\nGRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n";
/** Counts up with whatever changes how the template is made. */
const RECIPE = 1;

/** Few and small files, and no wait for the disk: what a power cut would lose does not matter here. */
export const MYSQL_STORAGE: readonly string[] = [
  '--performance-schema=OFF',
  '--innodb-buffer-pool-size=32M',
  '--innodb-redo-log-capacity=32M',
  '--innodb-doublewrite=OFF',
  '--innodb-flush-method=nosync',
];

let template: Promise<string> | undefined;

/** Fills the directory `target`, which must not exist, with a fresh server's data: root without password. */
export async function copyMysqlTemplate(target: string): Promise<void> {
  await copyDirectory(await mysqlTemplate(), target);
}

/** The directory that is copied, made where there is none yet. */
export function mysqlTemplate(): Promise<string> {
  template ??= findOrMakeTemplate();
  return template;
}

async function findOrMakeTemplate(): Promise<string> {
  const mysqld = mysqlProgram('usr/sbin/mysqld');
  const { stdout } = await run(mysqld.command, [...mysqld.args, '--no-defaults', '--version']);
  const version = /Ver (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`mysqld --version says ${stdout.trim()}`);
  const path = fileURLToPath(new URL(`.cache/mysql/${version}-${RECIPE}`, REPOSITORY));
  return findOrMake(path, makeTemplate);
}

async function makeTemplate(making: string): Promise<void> {
  const mysqld = mysqlProgram('usr/sbin/mysqld');
  const accounts = join(temporaryDirectory('mysql-template'), 'accounts.sql');
  writeFileSync(accounts, ACCOUNTS);
  const args = ['--no-defaults', '--initialize-insecure', ...AS_ROOT, ...MYSQL_STORAGE];
  await run(mysqld.command, [...mysqld.args, ...args, `--init-file=${accounts}`, `--datadir=${making}`]);
  // The server's own name among servers: each copy gives itself one.
  rmSync(join(making, 'auto.cnf'), { force: true });
}
