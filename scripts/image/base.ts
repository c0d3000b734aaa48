/**
 * The stand-in for the base image: a small Debian of the image's suite with its account, and Node of the same
 * major, taken from npm's registry, where its programs are published too.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ACCOUNT = { user: 'node:x:1000:1000::/home/node:/bin/bash\n', group: 'node:x:1000:\n' };

export interface Base {
  /** A folder with the whole system; it is only ever copied. */
  readonly root: string;
  readonly nodeVersion: string;
  /** Where npm keeps what it has fetched, also between runs. */
  readonly npmCache: string;
}

/**
 * `image` is the name in the Dockerfile, `node:26.13.0-trixie-slim` say; `kind` is the recipe of its Debian in
 * scripts/image-root.mjs. Fetches what is not there yet; the system is made in the folder `work`.
 */
export function prepareBase(image: string, work: string, kind: 'image' | 'systemd' = 'image'): Base {
  const [, major = '', suite = ''] = /^node:(\d+)[\d.]*-(\w+)-slim$/.exec(image) ?? [];
  const debian = debianRoot(kind);
  if (!debian.includes(`-${suite}-`)) throw new Error(`${debian} stands for another suite than ${image}`);
  const cache = dirname(debian);
  const node = nodeProgram(major, cache);
  const root = join(work, 'base');
  execFileSync('cp', ['-a', '--reflink=auto', debian, root]);
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  copyFileSync(node, join(root, 'usr/local/bin/node'));
  copyNpm(root);
  mkdirSync(join(root, 'home/node'), { recursive: true });
  appendFileSync(join(root, 'etc/passwd'), ACCOUNT.user);
  appendFileSync(join(root, 'etc/group'), ACCOUNT.group);
  for (const name of ['resolv.conf', 'hosts']) copyFileSync(join('/etc', name), join(root, 'etc', name));
  const nodeVersion = execFileSync('chroot', [root, '/usr/local/bin/node', '--version'], {
    encoding: 'utf8',
  });
  return { root, nodeVersion: nodeVersion.trim(), npmCache: join(cache, 'npm') };
}

function debianRoot(kind: string): string {
  const script = fileURLToPath(new URL('../image-root.mjs', import.meta.url));
  return execFileSync(process.execPath, [script, kind], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

function nodeProgram(major: string, cache: string): string {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(cache, `${name}-${major}`);
  const program = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', `${name}@${major}`];
  execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return program;
}

/** The npm of this machine: the images' own is of the same major. */
function copyNpm(root: string): void {
  const cli = realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim());
  const target = join(root, 'usr/local/lib/node_modules/npm');
  mkdirSync(dirname(target), { recursive: true });
  execFileSync('cp', ['-rL', dirname(dirname(cli)), target]);
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
}
