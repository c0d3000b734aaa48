/** A fresh MariaDB data directory. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { REPOSITORY } from './repository.ts';
import { AS_ROOT, copyDirectory, findOrMake } from './server-template.ts';

const run = promisify(execFile);
const ENV = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` };

/** The redo log's size is part of the files, so that every server must be started with the same. */
export const REDO_LOG_SIZE = '32M';

let template: Promise<string> | undefined;

/** Fills the directory `target`, which must not exist, with a fresh server's data: root without password. */
export async function copyTemplate(target: string): Promise<void> {
  await copyDirectory(await mariadbTemplate(), target);
}

/** The directory that is copied, made where there is none yet. */
export function mariadbTemplate(): Promise<string> {
  template ??= findOrMakeTemplate();
  return template;
}

async function findOrMakeTemplate(): Promise<string> {
  const { stdout } = await run('mariadbd', ['--no-defaults', '--version'], { env: ENV });
  const version = /Ver (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`mariadbd --version says ${stdout.trim()}`);
  const path = fileURLToPath(new URL(`.cache/mariadb/${version}-${REDO_LOG_SIZE}`, REPOSITORY));
  return findOrMake(path, makeTemplate);
}

async function makeTemplate(making: string): Promise<void> {
  const args = [
    '--no-defaults',
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    `--datadir=${making}`,
    `--innodb-log-file-size=${REDO_LOG_SIZE}`,
    ...AS_ROOT,
  ];
  await run('mariadb-install-db', args, { env: ENV });
}
