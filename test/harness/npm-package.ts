/** The npm package, as `npm pack` makes it. */
import { cpSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './cli.ts';
import { REPOSITORY } from './repository.ts';

const NPM_TIMEOUT_MS = 240_000;
const ROOT = fileURLToPath(REPOSITORY);
const LEFT_OUT = ['node_modules', 'dist', 'coverage', 'var', '.git', '.cache', 'secrets'];

export const PACKAGE_VERSION = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
).version;

/**
 * Packs the repository into `folder` and returns the tarball's path. A copy is packed: packing builds dist/ anew,
 * in which others may be at work.
 */
export async function packRepository(folder: string): Promise<string> {
  const copy = join(folder, 'copy');
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !LEFT_OUT.includes(basename(path)) });
  // By a link npm would find what is nested in there outside of the package.
  await runCommand('cp', ['-a', join(ROOT, 'node_modules'), join(copy, 'node_modules')]);
  await npm(['pack', '--silent', '--pack-destination', folder], copy);
  return join(folder, `understudy-${PACKAGE_VERSION}.tgz`);
}

/** Runs npm to its end. Throws, with what it wrote, where it fails. */
export async function npm(args: readonly string[], cwd: string): Promise<void> {
  const done = await runCommand('npm', args, { cwd, timeoutMs: NPM_TIMEOUT_MS });
  if (done.code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`);
}
