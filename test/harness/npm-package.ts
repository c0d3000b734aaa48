/** The npm package, as `npm pack` makes it. */
import { cpSync, readFileSync, rmSync } from 'node:fs';
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
  await copyModules(copy);
  await npm(['pack', '--silent', '--pack-destination', folder], copy);
  return join(folder, `understudy-${PACKAGE_VERSION}.tgz`);
}

/**
 * By a symbolic link npm would find what is nested in there outside of the package. Nothing writes into the files,
 * so that hard links do, where both are on one disk.
 */
async function copyModules(target: string): Promise<void> {
  const modules = join(ROOT, 'node_modules');
  const linked = await runCommand('cp', ['-al', modules, target]);
  if (linked.code === 0) return;
  rmSync(join(target, 'node_modules'), { recursive: true, force: true });
  const copied = await runCommand('cp', ['-a', modules, target]);
  if (copied.code !== 0) throw new Error(`node_modules can't be copied: ${copied.stderr}`);
}

/** Runs npm to its end. Throws, with what it wrote, where it fails. */
export async function npm(args: readonly string[], cwd: string): Promise<void> {
  const done = await runCommand('npm', args, { cwd, timeoutMs: NPM_TIMEOUT_MS });
  if (done.code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${done.stdout}${done.stderr}`);
}
