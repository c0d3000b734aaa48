/** Fresh data directories, made once per server version and copied for each server: a boot then takes a second. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** mysqld and mariadbd let root run them only when told to. */
export const AS_ROOT: readonly string[] = process.getuid?.() === 0 ? ['--user=root'] : [];

/**
 * Fills the directory `target`, which must not exist, with what the directory `template` holds. A fresh server's
 * files are empty for the most part: as holes those parts need not be written.
 */
export async function copyDirectory(template: string, target: string): Promise<void> {
  await run('cp', ['-r', '--reflink=auto', '--sparse=always', template, target]);
}

/**
 * The directory `path`, filled by `make` where it is missing. Several processes may come here at once: each
 * makes its own, and the first rename stands.
 */
export async function findOrMake(path: string, make: (making: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  const cache = dirname(path);
  mkdirSync(cache, { recursive: true });
  removeAbandoned(cache);
  const making = join(cache, `making-${process.pid}`);
  rmSync(making, { recursive: true, force: true });
  try {
    await make(making);
    renameSync(making, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return path;
}

/** A process that was killed while it made a template left its half behind. */
function removeAbandoned(cache: string): void {
  for (const name of readdirSync(cache)) {
    const maker = /^making-(\d+)$/.exec(name)?.[1];
    if (maker !== undefined && !processLives(Number(maker))) {
      rmSync(join(cache, name), { recursive: true, force: true });
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
