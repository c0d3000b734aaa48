/** A fresh data directory, made once per server version and copied for each server: a boot then takes a second. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { REPOSITORY } from './repository.ts';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('.cache/mariadb/', REPOSITORY));
const ENV = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` };

/** The redo log's size is part of the files, so that every server must be started with the same. */
export const REDO_LOG_SIZE = '32M';

/** mariadbd lets root run it only when told to. */
export const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? ['--user=root'] : [];

let template: Promise<string> | undefined;

/** Fills the directory `target`, which must not exist, with a fresh server's data: root without password. */
export async function copyTemplate(target: string): Promise<void> {
  template ??= findOrMakeTemplate();
  await run('cp', ['-r', '--reflink=auto', await template, target]);
}

async function findOrMakeTemplate(): Promise<string> {
  const { stdout } = await run('mariadbd', ['--no-defaults', '--version'], { env: ENV });
  const version = /Ver (\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`mariadbd --version says ${stdout.trim()}`);
  const path = join(CACHE, `${version}-${REDO_LOG_SIZE}`);
  if (!existsSync(path)) await makeTemplate(path);
  return path;
}

/** Several processes may come here at once: each makes its own, and the first rename stands. */
async function makeTemplate(path: string): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  removeAbandoned();
  const making = join(CACHE, `making-${process.pid}`);
  rmSync(making, { recursive: true, force: true });
  const args = [
    '--no-defaults',
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    `--datadir=${making}`,
    `--innodb-log-file-size=${REDO_LOG_SIZE}`,
    ...AS_ROOT,
  ];
  try {
    await run('mariadb-install-db', args, { env: ENV });
    renameSync(making, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** A process that was killed while it made the template left its half behind. */
function removeAbandoned(): void {
  for (const name of readdirSync(CACHE)) {
    const maker = /^making-(\d+)$/.exec(name)?.[1];
    if (maker !== undefined && !processLives(Number(maker))) {
      rmSync(join(CACHE, name), { recursive: true, force: true });
    }
  }
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
