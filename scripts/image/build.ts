/** Carries out the stages of a Dockerfile in folders, as a builder does in layers. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Base } from './base.ts';
import type { Environment, Stage, Step } from './dockerfile.ts';
import { OWN_NAMESPACES } from './namespaces.ts';

/** What a base image sets, and a shell needs. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface BuildOptions {
  readonly stages: readonly Stage[];
  readonly base: Base;
  /** The repository. */
  readonly context: string;
  /** An empty folder. */
  readonly work: string;
  say(line: string): void;
}

/** Returns the folder of the last stage. Throws where a step fails. */
export function buildImage({ stages, base, context, work, say }: BuildOptions): string {
  const roots = new Map<string | undefined, string>();
  const sent = join(work, 'context');
  sendContext(context, sent);
  let root = '';
  stages.forEach((stage, index) => {
    root = join(work, `stage-${index}`);
    execFileSync('cp', ['-a', '--reflink=auto', base.root, root]);
    for (const step of stage.steps) {
      say(describe(step));
      carryOut(step, { root, roots, sent, npmCache: base.npmCache });
    }
    roots.set(stage.name, root);
  });
  return root;
}

/** Only what .dockerignore lets through; it is of the form "nothing, but these". */
function sendContext(context: string, target: string): void {
  const lines = readFileSync(join(context, '.dockerignore'), 'utf8').split('\n');
  const [all, ...allowed] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (all !== '*' || allowed.some((line) => !/^![\w./-]+$/.test(line))) {
    throw new Error('.dockerignore: only "*", and then "!path" lines, are known here');
  }
  for (const path of allowed.map((line) => line.slice(1))) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(context, path), join(target, path), { recursive: true });
  }
}

interface Place {
  readonly root: string;
  readonly roots: ReadonlyMap<string | undefined, string>;
  readonly sent: string;
  readonly npmCache: string;
}

function carryOut(step: Step, { root, roots, sent, npmCache }: Place): void {
  if (step.kind === 'folder') mkdirSync(join(root, step.path), { recursive: true });
  if (step.kind === 'run') run(root, step.command, step.folder, step.env, npmCache);
  if (step.kind !== 'copy') return;
  const from = step.from === undefined ? sent : roots.get(step.from);
  if (from === undefined) throw new Error(`COPY --from=${step.from}: there is no such stage before`);
  for (const source of step.sources) copy(join(from, source), join(root, step.target), step.target);
}

/** A folder's content goes into the target; a file goes below a target that ends with "/". Root owns all. */
function copy(source: string, target: string, written: string): void {
  if (statSync(source).isDirectory()) {
    mkdirSync(target, { recursive: true });
    execFileSync('cp', ['-r', '--preserve=mode,links', `${source}/.`, target]);
    return;
  }
  const file = written.endsWith('/') ? join(target, basename(source)) : target;
  mkdirSync(dirname(file), { recursive: true });
  execFileSync('cp', ['--preserve=mode', source, file]);
}

/** As root, with this machine's network, as a builder does it; npm's settings are those of this machine. */
export function run(root: string, command: string, folder: string, env: Environment, npmCache: string): void {
  mkdirSync(npmCache, { recursive: true });
  mkdirSync(join(root, 'root/.npm'), { recursive: true });
  const settings = { PATH, HOME: '/root', ...env, ...npmSettings(root) };
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const setUp = [
    'set -e',
    'mount --make-rprivate /',
    'mount -t proc proc "$1/proc"',
    'mount --bind "$2" "$1/root/.npm"',
    'root=$1; shift 2',
    'exec chroot "$root" /usr/bin/env -i "$@"',
  ].join('\n');
  const inside = ['/bin/sh', '-c', `cd '${folder}' && ${command}`];
  const args = [...OWN_NAMESPACES, '--', '/bin/sh', '-c', setUp, 'sh', root, npmCache, ...words, ...inside];
  try {
    execFileSync('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`RUN ${command} failed:\n${stdout}${stderr}`);
  }
}

/** The registry, the proxy and the authority that this machine's npm is set to, if any. */
function npmSettings(root: string): Environment {
  const settings: Record<string, string> = { npm_config_update_notifier: 'false' };
  for (const name of ['registry', 'proxy', 'https-proxy']) {
    const value = npmConfig(name);
    if (value !== undefined) settings[`npm_config_${name.replace('-', '_')}`] = value;
  }
  const authority = npmConfig('cafile');
  if (authority !== undefined && existsSync(authority)) {
    copyFileSync(authority, join(root, 'root/authority.pem'));
    settings.npm_config_cafile = '/root/authority.pem';
  }
  return settings;
}

function npmConfig(name: string): string | undefined {
  const value = execFileSync('npm', ['config', 'get', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  return ['', 'null', 'undefined'].includes(value) ? undefined : value;
}

function describe(step: Step): string {
  if (step.kind === 'run') return `RUN ${step.command}`;
  if (step.kind === 'folder') return `WORKDIR ${step.path}`;
  return `COPY ${step.from === undefined ? '' : `--from=${step.from} `}${step.sources.join(' ')} ${step.target}`;
}
